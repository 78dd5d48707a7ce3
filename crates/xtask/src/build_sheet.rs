//! `wasm-pack.toml`, our build sheet: what is compiled, how, with which tools, and how large it may become.
//!
//! wasm-pack itself reads no such file; `package.rs` turns this one into its arguments.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process;

/// The whole file. Unknown keys are errors: a misspelt one would otherwise be silently without effect.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BuildSheet {
    /// Folder of the crate that becomes the package.
    #[serde(rename = "crate")]
    pub crate_dir: PathBuf,
    /// wasm-pack's `--target`.
    pub target: String,
    /// Where the compiled module and its glue go.
    pub out_dir: PathBuf,
    /// Stem of those files.
    pub out_name: String,
    /// Cargo profile of everyday builds.
    pub profile: String,
    /// Cargo profile of what is published.
    pub dist_profile: String,
    /// wasm-opt's flags, for what is published.
    pub wasm_opt: Vec<String>,
    /// Versions of the tools that Cargo.lock does not name.
    pub tools: Tools,
    /// Upper bounds on what is published.
    pub budget: Budget,
}

/// Exact versions of tools.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tools {
    /// wasm-pack: any later patch of the same minor version is accepted too.
    pub wasm_pack: String,
    /// The npm package that brings wasm-opt.
    pub binaryen: String,
}

/// Bytes, except `package_files`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Budget {
    pub wasm: u64,
    pub wasm_gzip: u64,
    pub wasm_brotli: u64,
    pub js_gzip: u64,
    pub package_files: u64,
}

impl BuildSheet {
    /// Reads the file at the repository's root.
    pub fn load() -> Result<Self> {
        let text = fs::read_to_string(process::root().join("wasm-pack.toml"))?;
        toml::from_str(&text).context("wasm-pack.toml is not a build sheet")
    }

    /// The compiled module.
    pub fn wasm_file(&self) -> PathBuf {
        process::root().join(&self.out_dir).join(format!("{}_bg.wasm", self.out_name))
    }

    /// The declarations of the glue beside it.
    pub fn declarations(&self) -> PathBuf {
        process::root().join(&self.out_dir).join(format!("{}.d.ts", self.out_name))
    }

    /// The npm package's folder, in which `out_dir` lies.
    pub fn package_dir(&self) -> PathBuf {
        let out_dir = process::root().join(&self.out_dir);
        out_dir.parent().expect("out-dir lies in the package").to_path_buf()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_s_sheet_is_readable() {
        let sheet = BuildSheet::load().unwrap();
        assert!(sheet.wasm_file().starts_with(sheet.package_dir()));
        assert!(process::root().join(&sheet.crate_dir).join("Cargo.toml").is_file());
    }
}
