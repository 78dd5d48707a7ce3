//! wasm-opt, from the npm package `binaryen`. Only `cargo xtask dist` needs it: it takes a minute and a half.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use super::step;
use crate::process::{capture, npm, tools_dir};

/// Installs the exact version and returns the script to start with Node.
pub fn ensure(version: &str) -> Result<PathBuf> {
    let folder = tools_dir().join("npm");
    let package = folder.join("node_modules/binaryen");
    let manifest = fs::read_to_string(package.join("package.json")).unwrap_or_default();
    if !manifest.contains(&format!("\"version\": \"{version}\"")) {
        step(&format!("wasm-opt by npm, binaryen {version}"), || {
            fs::create_dir_all(&folder)?;
            capture(npm("npm", &folder).args(["install", "--prefix", ".", &format!("binaryen@{version}")])).map(drop)
        })?;
    }
    Ok(package.join("bin/wasm-opt"))
}
