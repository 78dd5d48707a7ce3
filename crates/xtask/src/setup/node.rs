//! Node.js and npm: used as they are found, never installed.

use anyhow::{Result, bail};

use super::version;
use crate::process::{capture, command, npm, root};

/// The oldest major version that the build tools and the test runner support.
const OLDEST: u64 = 20;

/// Fails with what to install if Node or npm is missing or too old.
pub fn ensure() -> Result<()> {
    let printed = capture(command("node").arg("--version")).unwrap_or_default();
    let major = version::find(&printed).and_then(version::numbers).map(|[major, ..]| major);
    if major.is_none_or(|major| major < OLDEST) {
        let found = if printed.is_empty() { "none was found".to_owned() } else { format!("found {}", printed.trim()) };
        bail!("Node.js {OLDEST} or newer with npm is needed ({found}): install it from your system's packages");
    }
    if capture(npm("npm", &root()).arg("--version")).is_err() {
        bail!("npm is needed beside Node.js: install it from your system's packages");
    }
    Ok(())
}
