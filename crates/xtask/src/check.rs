//! The fast gates. Each is one command whose failure names what to mend.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use crate::build_sheet::BuildSheet;
use crate::counts::Counts;
use crate::process::{self, capture, command, npm, root, run, which};
use crate::setup::{self, wasm_target};
use crate::{package, setup::npm as npm_modules};

/// A gate's name and what it does.
type Gate = (&'static str, fn() -> Result<()>);

/// What needs no build of the package.
const STATIC_GATES: [Gate; 5] = [
    ("lock files name no registry", lock_files),
    ("format", format),
    ("lints, native", || clippy(&["--workspace", "--all-targets"])),
    ("lints, wasm32", || clippy(&["--package", "minions-web", "--target", wasm_target::TRIPLE])),
    ("licences and sources of dependencies", cargo_deny),
];

/// What `cargo test --workspace` proves too.
///
/// Of the whole workspace, like every native build here: the features of a single package's dependencies would be other
/// ones, and the GPU runtime would be compiled once more.
const TEST_GATES: [Gate; 1] = [("architecture and shaders", || {
    run(command("cargo").args(["test", "-q", "--workspace", "--test", "boundaries", "--test", "validate"]))
})];

/// What needs the package's declarations.
const TYPE_GATES: [Gate; 1] = [("types", types)];

/// `cargo xtask check`: every gate.
pub fn run_all() -> Result<Counts> {
    let sheet = BuildSheet::load()?;
    wasm_target::ensure()?;
    let mut counts = gates(&STATIC_GATES) + gates(&TEST_GATES);
    if !sheet.declarations().is_file() {
        println!("check: the types of the page need the package, which is built first");
        package::build(package::Profile::Release)?;
    }
    setup::node::ensure()?;
    for folder in npm_modules::FOLDERS {
        npm_modules::ensure(folder)?;
    }
    counts = counts + gates(&TYPE_GATES);
    Ok(counts)
}

/// The command itself: fails if a gate did.
pub fn run_command() -> Result<()> {
    let counts = run_all()?;
    println!("{}", counts.line());
    if counts.failed > 0 {
        bail!("{} gates failed", counts.failed);
    }
    Ok(())
}

/// The gates of the first ring of tests: those that no later ring repeats and that need no build.
pub fn static_gates() -> Counts {
    gates(&STATIC_GATES)
}

/// The gates that follow the build of the package.
pub fn type_gates() -> Counts {
    gates(&TYPE_GATES)
}

fn gates(gates: &[Gate]) -> Counts {
    let results = gates.iter().map(|(name, gate)| {
        let (result, duration) = process::timed(gate);
        match &result {
            Ok(()) => println!("check: {name}: ok, {}", process::time(duration)),
            Err(error) => println!("check: {name}: FAILED: {error:#}"),
        }
        Counts::one(result.is_ok())
    });
    results.sum()
}

fn lock_files() -> Result<()> {
    let listed =
        capture(command("git").args(["ls-files", "--cached", "--others", "--exclude-standard", "*package-lock.json"]))?;
    for file in listed.lines().map(|line| root().join(line)) {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        if let Some(line) = npm_modules::addresses(&text).next() {
            bail!("{} says {line}; write it again with an .npmrc as in tests/package beside it", file.display());
        }
    }
    Ok(())
}

fn format() -> Result<()> {
    run(command("cargo").args(["fmt", "--all", "--check"]))
}

fn clippy(selection: &[&str]) -> Result<()> {
    run(command("cargo").args(["clippy", "--quiet"]).args(selection).args(["--", "-D", "warnings"]))
}

fn cargo_deny() -> Result<()> {
    if which("cargo-deny").is_none() {
        println!("check: cargo-deny is not installed, so deny.toml is not checked here (cargo install cargo-deny)");
        return Ok(());
    }
    // Not the fourth check, advisories: it needs a database from the network and turns red without a change of ours.
    run(command("cargo").args(["deny", "--log-level", "error", "check", "bans", "licenses", "sources"]))
}

fn types() -> Result<()> {
    let folders = npm_modules::FOLDERS.map(|folder| root().join(folder));
    for folder in folders.iter().filter(|folder| folder.join("tsconfig.json").is_file()) {
        type_check(folder)?;
    }
    Ok(())
}

fn type_check(folder: &Path) -> Result<()> {
    run(npm("npm", folder).args(["run", "--silent", "check"]))
}
