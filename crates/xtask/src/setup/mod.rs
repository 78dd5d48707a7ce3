//! Makes a machine ready: one file per thing it may lack.
//!
//! Every step looks first and costs nothing when the thing is there. It says what it does when it does something.

pub mod apt;
pub mod browser;
pub mod cargo_tool;
pub mod gpu;
pub mod node;
pub mod npm;
pub mod rust_source;
pub mod version;
pub mod wasm_opt;
pub mod wasm_target;

use anyhow::{Context, Result};

use crate::build_sheet::BuildSheet;
use crate::process;

/// What building the package needs.
pub fn for_build(sheet: &BuildSheet) -> Result<()> {
    wasm_target::ensure()?;
    node::ensure()?;
    cargo_tool::wasm_bindgen()?;
    cargo_tool::wasm_pack(&sheet.tools.wasm_pack)?;
    npm::ensure("crates/minions-web")
}

/// The npm dependencies of the tests.
pub fn for_tests() -> Result<()> {
    npm::ensure("tests/browser")?;
    npm::ensure("tests/package")
}

/// All that any command needs, except the demo page's own dependencies, which include the built package.
pub fn everything() -> Result<()> {
    let sheet = BuildSheet::load()?;
    for_build(&sheet)?;
    wasm_opt::ensure(&sheet.tools.binaryen)?;
    for_tests()?;
    let browser = browser::CHROMIUM.ensure()?;
    println!("setup: browser {}", browser.display());
    println!("setup: browser {}", browser::FIREFOX.ensure()?.display());
    println!("setup: GPU adapter {}", gpu::ensure(&browser)?.name);
    Ok(())
}

/// Announces a step, does it, and says how long it took.
fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("setup: {what} ...");
    let (result, duration) = process::timed(work);
    let value = result.with_context(|| format!("setup: {what}"))?;
    println!("setup: {what}: done in {}", process::time(duration));
    Ok(value)
}
