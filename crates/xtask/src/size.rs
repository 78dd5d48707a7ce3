//! Sizes of files as they travel, and the budgets on what is published.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::build_sheet::BuildSheet;
use crate::process::{capture, command};

/// Bytes of one file, or of several together.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Sizes {
    pub raw: u64,
    pub gzip: u64,
    pub brotli: u64,
}

/// Node brings the compressors that servers use, at the settings for files compressed once and served often.
const MEASURE: &str = "
const fs = require('node:fs'), zlib = require('node:zlib');
const total = { raw: 0, gzip: 0, brotli: 0 };
for (const file of process.argv.slice(1)) {
    const bytes = fs.readFileSync(file);
    total.raw += bytes.length;
    total.gzip += zlib.gzipSync(bytes, { level: 9 }).length;
    const { BROTLI_PARAM_LGWIN: window, BROTLI_PARAM_SIZE_HINT: hint } = zlib.constants;
    total.brotli += zlib.brotliCompressSync(bytes, { params: { [window]: 24, [hint]: bytes.length } }).length;
}
console.log(JSON.stringify(total));
";

/// Measures files together.
pub fn measure(files: &[PathBuf]) -> Result<Sizes> {
    let printed = capture(command("node").arg("-e").arg(MEASURE).args(files))?;
    serde_json::from_str(&printed).context("could not read the sizes")
}

/// All files of a folder, deeply, in order of their names.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Prints the package's sizes beside their budgets, and fails if one is exceeded.
pub fn check(sheet: &BuildSheet) -> Result<()> {
    let package = files(&sheet.package_dir())?;
    let scripts: Vec<_> = package.iter().filter(|path| path.extension().is_some_and(|e| e == "js")).cloned().collect();
    let wasm = measure(&[sheet.wasm_file()])?;
    let budget = &sheet.budget;
    let rows = [
        ("wasm", wasm.raw, budget.wasm),
        ("wasm-gzip", wasm.gzip, budget.wasm_gzip),
        ("wasm-brotli", wasm.brotli, budget.wasm_brotli),
        ("js-gzip", measure(&scripts)?.gzip, budget.js_gzip),
        ("package-files", package.len() as u64, budget.package_files),
    ];
    for (name, size, limit) in rows {
        println!("size: {name:<14} {size:>11} of {limit:>11}{}", if size > limit { "  TOO LARGE" } else { "" });
    }
    let exceeded = exceeded(&rows);
    if !exceeded.is_empty() {
        bail!("over budget (wasm-pack.toml): {}", exceeded.join(", "));
    }
    Ok(())
}

fn exceeded<'a>(rows: &[(&'a str, u64, u64)]) -> Vec<&'a str> {
    rows.iter().filter(|(_, size, limit)| size > limit).map(|(name, ..)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sizes_over_their_limit_are_named() {
        assert_eq!(exceeded(&[("a", 10, 10), ("b", 11, 10), ("c", 0, 1)]), ["b"]);
    }
}
