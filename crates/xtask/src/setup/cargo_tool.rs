//! The two build tools that cargo installs: wasm-bindgen, of exactly the library's version, and wasm-pack.

use std::fs;

use anyhow::{Context, Result};

use super::{step, version};
use crate::process::{capture, command, root, tools_dir, which};

/// The generator of glue code. It and the library must be of one version, so Cargo.lock decides.
pub fn wasm_bindgen() -> Result<()> {
    let lock = fs::read_to_string(root().join("Cargo.lock"))?;
    let want = version::locked(&lock, "wasm-bindgen").context("Cargo.lock names no wasm-bindgen")?;
    if installed("wasm-bindgen").as_deref() == Some(&want) {
        return Ok(());
    }
    install("wasm-bindgen-cli", &want)
}

/// The driver of cargo and wasm-bindgen.
pub fn wasm_pack(want: &str) -> Result<()> {
    if installed("wasm-pack").is_some_and(|have| version::serves(&have, want)) {
        return Ok(());
    }
    install("wasm-pack", want)
}

fn installed(program: &str) -> Option<String> {
    let printed = capture(command(which(program)?).arg("--version")).ok()?;
    version::find(&printed).map(str::to_owned)
}

fn install(package: &str, version: &str) -> Result<()> {
    step(&format!("{package} {version} by cargo install, about 90 s"), || {
        let mut cargo = command("cargo");
        // Without --locked: those lock files name versions that not every mirror of the registry keeps.
        cargo.args(["install", "--quiet", package, "--version", &format!("={version}"), "--root"]).arg(tools_dir());
        for variable in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR", "CARGO_BUILD_TARGET", "RUSTFLAGS"] {
            cargo.env_remove(variable);
        }
        capture(&mut cargo).map(drop)
    })
}
