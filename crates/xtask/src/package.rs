//! The npm package in `pkg/` and the demo page in `www/dist/`.
//!
//! wasm-pack compiles the crate into `pkg/wasm/`, TypeScript's compiler puts the facade beside it (there is no bundler),
//! and the rest is copied. `dist` adds wasm-opt, the size budgets and the tarball.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::build_sheet::BuildSheet;
use crate::process::{self, capture, command, npm, root, run};
use crate::{anonymize::anonymize, notices, setup, size};

/// What package.json says for building the package only.
const BUILD_FIELDS: [&str; 3] = ["scripts", "devDependencies", "private"];

/// How much time a build may take for its result's sake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// For work and tests.
    Release,
    /// For publishing.
    Dist,
}

/// Sets up what is missing and builds the package.
pub fn build(profile: Profile) -> Result<()> {
    let sheet = BuildSheet::load()?;
    setup::for_build(&sheet)?;
    let (result, duration) = process::timed(|| build_package(&sheet, profile));
    result?;
    println!("build: {} in {}", sheet.package_dir().display(), process::time(duration));
    Ok(())
}

/// Builds what is published, and packs it.
pub fn dist() -> Result<()> {
    let sheet = BuildSheet::load()?;
    // Nothing of an earlier build may be published.
    if sheet.package_dir().exists() {
        fs::remove_dir_all(sheet.package_dir())?;
    }
    build(Profile::Dist)?;
    run(npm("npm", &sheet.package_dir()).arg("pack"))
}

/// Builds the demo page from the package.
pub fn build_page() -> Result<()> {
    // After the package, because the page depends on it as a folder.
    setup::npm::ensure("www")?;
    run(npm("npm", &root().join("www")).args(["run", "build"]))
}

fn build_package(sheet: &BuildSheet, profile: Profile) -> Result<()> {
    let crate_dir = root().join(&sheet.crate_dir);
    wasm_pack(sheet, &crate_dir, profile)?;
    anonymize(&sheet.wasm_file())?;
    if profile == Profile::Dist {
        optimize(sheet)?;
    }
    run(npm("npm", &crate_dir).args(["run", "build"]))?;
    copy_files(sheet, &crate_dir)?;
    match profile {
        Profile::Release => Ok(()),
        Profile::Dist => size::check(sheet),
    }
}

fn wasm_pack(sheet: &BuildSheet, crate_dir: &Path, profile: Profile) -> Result<()> {
    let mut wasm_pack = command("wasm-pack");
    wasm_pack.arg("build").arg(crate_dir).args(["--target", &sheet.target, "--out-name", &sheet.out_name]);
    wasm_pack.arg("--out-dir").arg(root().join(&sheet.out_dir));
    match profile {
        Profile::Release if sheet.profile == "release" => wasm_pack.arg("--release"),
        Profile::Release => wasm_pack.args(["--profile", &sheet.profile]),
        Profile::Dist => wasm_pack.args(["--profile", &sheet.dist_profile]),
    };
    // Setup installed the tools, the facade's package.json is the package's, and optimize() knows when to optimize.
    run(wasm_pack.args(["--mode", "no-install", "--no-pack", "--no-opt", "--no-gitignore"]))
}

fn optimize(sheet: &BuildSheet) -> Result<()> {
    let wasm_opt = setup::wasm_opt::ensure(&sheet.tools.binaryen)?;
    let (module, optimized) = (sheet.wasm_file(), sheet.wasm_file().with_extension("optimized"));
    println!("build: wasm-opt {}", sheet.wasm_opt.join(" "));
    run(command("node").arg(wasm_opt).args(&sheet.wasm_opt).arg(&module).arg("-o").arg(&optimized))?;
    fs::rename(optimized, module).context("could not replace the module by the optimized one")
}

fn copy_files(sheet: &BuildSheet, crate_dir: &Path) -> Result<()> {
    let package = sheet.package_dir();
    fs::copy(crate_dir.join("package.json"), package.join("package.json"))?;
    // By npm, which keeps the order of fields: the first condition of `exports` that fits is the one that counts.
    capture(npm("npm", &package).args(["pkg", "delete"]).args(BUILD_FIELDS))?;
    let own_readme = crate_dir.join("README.md");
    let readme = if own_readme.is_file() { own_readme } else { root().join("README.md") };
    fs::copy(&readme, package.join("README.md")).with_context(|| format!("{} is missing", readme.display()))?;
    for file in ["LICENSE-MIT", "LICENSE-APACHE"] {
        fs::copy(root().join(file), package.join(file))?;
    }
    fs::write(package.join("THIRD-PARTY-NOTICES.md"), notices::collect(crate_dir)?)?;
    Ok(())
}
