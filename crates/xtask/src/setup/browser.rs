//! The browser that the tests drive: one that is installed. Nothing is downloaded from a browser vendor.

use std::env;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::{apt, step};
use crate::process::which;

/// Names the browser to use; the tests read it too.
pub const VARIABLE: &str = "MINIONS_BROWSER";

const PROGRAMS: [&str; 7] = [
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "chromium",
    "chromium-browser",
    "microsoft-edge",
    "microsoft-edge-stable",
];

/// Where macOS and Windows keep browsers, which they do not put on PATH.
const PLACES: [&str; 7] = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
    r"C:\Program Files\Microsoft\Edge\Application\msedge.exe",
];

/// Finds a browser with WebGPU, or installs Debian's Chromium where that needs no asking.
pub fn ensure() -> Result<PathBuf> {
    if let Some(wanted) = env::var_os(VARIABLE) {
        let path = PathBuf::from(&wanted);
        let found = if path.is_file() { Some(path) } else { wanted.to_str().and_then(which) };
        return match found {
            Some(path) => Ok(path),
            None => bail!("{VARIABLE} names {}, which is not a program", wanted.display()),
        };
    }
    if let Some(path) = find() {
        return Ok(path);
    }
    if apt::is_usable() {
        step("Chromium by apt-get", || apt::install("chromium"))?;
    }
    match find() {
        Some(path) => Ok(path),
        None => bail!("no browser was found: install Chrome, Chromium or Edge, or let {VARIABLE} name one"),
    }
}

fn find() -> Option<PathBuf> {
    let installed = || PLACES.into_iter().map(PathBuf::from).find(|path| path.is_file());
    PROGRAMS.into_iter().find_map(which).or_else(installed)
}
