//! The standard library for wasm32, for the rustc that is active.
//!
//! rustup brings it in seconds. Where rustup's server is out of reach (or Rust did not come from rustup), it is built from
//! its source (`rust_source.rs` finds that) into the sysroot, so that every later cargo command works without flags.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::{rust_source, step, version};
use crate::process::{capture, command};

/// The target's name.
pub const TRIPLE: &str = "wasm32-unknown-unknown";

/// Makes `cargo build --target wasm32-unknown-unknown` work.
pub fn ensure() -> Result<()> {
    let sysroot = sysroot()?;
    let destination = sysroot.join("lib/rustlib").join(TRIPLE).join("lib");
    match count_std(&destination) {
        0 => {}
        1 => return Ok(()),
        // One built here and, later, rustup's: rustc would name both in every error and compile nothing.
        _ => bail!("{} holds two standard libraries: delete the folder and run this again", destination.display()),
    }
    if is_rustups(&sysroot) {
        match step(&format!("{TRIPLE} by rustup"), || rustup(&destination)) {
            Ok(()) => return Ok(()),
            Err(error) => println!("setup: rustup could not: {}", error.root_cause()),
        }
    }
    let printed = capture(command("rustc").arg("--version"))?;
    let rustc = version::find(&printed).context("rustc does not say its version")?;
    step(&format!("{TRIPLE} for rustc {rustc} from source"), || from_source(rustc, &sysroot, &destination))
}

/// The folder of the active compiler.
pub fn sysroot() -> Result<PathBuf> {
    Ok(capture(command("rustc").args(["--print", "sysroot"]))?.trim().into())
}

fn count_std(folder: &Path) -> usize {
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let names = names.filter_map(|name| name.into_string().ok());
    names.filter(|name| name.starts_with("libstd-") && name.ends_with(".rlib")).count()
}

/// Whether rustup manages the active compiler: if not, it would install the target for another one.
fn is_rustups(sysroot: &Path) -> bool {
    let Ok(rustc) = capture(command("rustup").args(["which", "rustc"])) else { return false };
    let canonical = |path: &Path| fs::canonicalize(path).ok();
    let managed = Path::new(rustc.trim()).ancestors().nth(2).and_then(canonical);
    managed.is_some() && managed == canonical(sysroot)
}

fn rustup(destination: &Path) -> Result<()> {
    if let Err(error) = capture(command("rustup").args(["target", "add", TRIPLE])) {
        let text = error.to_string();
        let told = text.lines().find(|line| line.starts_with("error:"));
        bail!("{}", told.unwrap_or("it failed"));
    }
    match count_std(destination) {
        0 => bail!("it says that the target is installed, but {} holds none", destination.display()),
        _ => Ok(()),
    }
}

/// Builds std in an empty crate and copies the libraries to where rustc looks for them.
fn from_source(rustc: &str, sysroot: &Path, destination: &Path) -> Result<()> {
    // Outside the repository, whose .cargo/config.toml sets flags that a general std should not have.
    let scratch = std::env::temp_dir().join(format!("minions-std-{}", std::process::id()));
    let result = build_in(&scratch, rustc, sysroot, destination);
    fs::remove_dir_all(&scratch).ok();
    result
}

fn build_in(scratch: &Path, rustc: &str, sysroot: &Path, destination: &Path) -> Result<()> {
    fs::create_dir_all(scratch.join("empty/src"))?;
    // -Zbuild-std reads the source from this place only. What we put there goes again: rustup does not know of it.
    let place = sysroot.join("lib/rustlib/src/rust/library");
    let was_there = place.join("std/Cargo.toml").is_file();
    if !was_there {
        let library = rust_source::find(rustc, &scratch.join("source"))?;
        install(&library, &place)?;
    }
    let built = build_std(&scratch.join("empty"), destination);
    if !was_there {
        fs::remove_dir_all(&place)?;
    }
    built
}

fn build_std(krate: &Path, destination: &Path) -> Result<()> {
    let manifest = "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n";
    fs::write(krate.join("Cargo.toml"), manifest)?;
    fs::write(krate.join("src/lib.rs"), "")?;
    let mut cargo = command("cargo");
    cargo.current_dir(krate).args(["build", "--quiet", "--release", "-Zbuild-std=std,panic_abort,test"]);
    cargo.args(["--target", TRIPLE]).env("RUSTC_BOOTSTRAP", "1");
    for variable in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        cargo.env_remove(variable);
    }
    capture(&mut cargo)?;

    let libraries = krate.join("libraries");
    fs::create_dir_all(&libraries)?;
    for entry in fs::read_dir(krate.join("target").join(TRIPLE).join("release/deps"))? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(OsStr::to_str) else { continue };
        if name.ends_with(".rlib") && !name.starts_with("libempty-") {
            fs::copy(&path, libraries.join(name))?;
        }
    }
    if count_std(&libraries) == 0 {
        bail!("cargo built no libstd");
    }
    install(&libraries, destination)
}

/// Copies a folder into the sysroot, whole or not at all: an interrupted copy must not pass for a finished one.
fn install(from: &Path, to: &Path) -> Result<()> {
    let partial = to.with_extension("partial");
    let copied = copy_tree(from, &partial).and_then(|()| fs::rename(&partial, to));
    copied.with_context(|| format!("could not write to {}", to.display()))
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
