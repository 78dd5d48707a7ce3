//! The npm dependencies of one folder, exactly as its lock file says.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Result, bail};

use super::step;
use crate::process::{capture, npm, root};

/// The folders that have npm dependencies.
pub const FOLDERS: [&str; 4] = ["crates/minions-web", "www", "tests/browser", "tests/package"];

/// Runs `npm ci` in a folder if its modules are missing or older than its lock file.
pub fn ensure(folder: &str) -> Result<()> {
    let path = root().join(folder);
    let Some(lock) = modified(&path.join("package-lock.json")) else {
        bail!("{folder} has no package-lock.json");
    };
    // npm writes this file last, so an interrupted installation is done again.
    if modified(&path.join("node_modules/.package-lock.json")).is_some_and(|modules| modules >= lock) {
        return Ok(());
    }
    step(&format!("npm ci in {folder}"), || capture(npm("npm", &path).arg("ci")).map(drop))
}

fn modified(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).ok()?.modified().ok()
}

/// The addresses in the text of a lock file. There should be none: they would send everyone to one registry.
pub fn addresses(lock: &str) -> impl Iterator<Item = &str> {
    lock.lines().map(str::trim).filter(|line| line.starts_with("\"resolved\": \"http"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_but_local_links_are_not() {
        let lock = "{\n  \"resolved\": \"https://npm.example/a.tgz\",\n  \"resolved\": \"../pkg\"\n}";
        assert_eq!(addresses(lock).count(), 1);
    }
}
