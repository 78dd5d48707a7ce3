//! The browsers that the tests drive: those that are installed. Nothing is downloaded from a browser vendor.

use std::env;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::{apt, step};
use crate::process::which;

/// A browser: where to find it, and what to install where there is none.
pub struct Browser {
    /// Names the program to use; the tests read it too.
    pub variable: &'static str,
    /// What to install, for people.
    name: &'static str,
    /// Its commands.
    programs: &'static [&'static str],
    /// Where macOS and Windows keep it, which they do not put on PATH.
    places: &'static [&'static str],
    /// Debian's package of it.
    package: &'static str,
}

/// The browser with WebGPU.
pub const CHROMIUM: Browser = Browser {
    variable: "MINIONS_BROWSER",
    name: "Chrome, Chromium or Edge",
    programs: &[
        "google-chrome",
        "google-chrome-stable",
        "chrome",
        "chromium",
        "chromium-browser",
        "microsoft-edge",
        "microsoft-edge-stable",
    ],
    places: &[
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
        r"C:\Program Files\Google\Chrome\Application\chrome.exe",
        r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
        r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
        r"C:\Program Files\Microsoft\Edge\Application\msedge.exe",
    ],
    package: "chromium",
};

/// The one that runs the page on the CPU.
pub const FIREFOX: Browser = Browser {
    variable: "MINIONS_FIREFOX",
    name: "Firefox",
    programs: &["firefox-esr", "firefox"],
    places: &["/Applications/Firefox.app/Contents/MacOS/firefox", r"C:\Program Files\Mozilla Firefox\firefox.exe"],
    package: "firefox-esr",
};

impl Browser {
    /// Finds it, or installs Debian's where that needs no asking.
    pub fn ensure(&self) -> Result<PathBuf> {
        let Self { variable, name, package, .. } = *self;
        if let Some(wanted) = env::var_os(variable) {
            let path = PathBuf::from(&wanted);
            let found = if path.is_file() { Some(path) } else { wanted.to_str().and_then(which) };
            return match found {
                Some(path) => Ok(path),
                None => bail!("{variable} names {}, which is not a program", wanted.display()),
            };
        }
        if let Some(path) = self.find() {
            return Ok(path);
        }
        if apt::is_usable() {
            step(&format!("{package} by apt-get"), || apt::install(package))?;
        }
        match self.find() {
            Some(path) => Ok(path),
            None => bail!("no browser was found: install {name}, or let {variable} name one"),
        }
    }

    fn find(&self) -> Option<PathBuf> {
        let installed = || self.places.iter().map(PathBuf::from).find(|path| path.is_file());
        self.programs.iter().copied().find_map(which).or_else(installed)
    }
}
