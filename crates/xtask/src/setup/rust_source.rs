//! The source of Rust's standard library, for machines that cannot have the built one.
//!
//! Either an archive named by `MINIONS_RUST_SRC`, or Debian's package `rust-src` of exactly rustc's version. Debian keeps
//! recent compilers in its backports, so those suites are asked through apt, with folders of our own for everything that
//! apt keeps: the machine's configuration and lists are not touched, and no right to change them is needed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::apt;
use crate::process::{capture, command, which};

/// An archive (.tar.xz, .tar.gz) of rust's `library` folder.
const ARCHIVE_VARIABLE: &str = "MINIONS_RUST_SRC";
/// Debian's suites that may hold a recent compiler, beside the machine's own backports.
const SUITES: [&str; 2] = ["trixie-backports", "forky-backports"];

/// Finds the source, unpacks it under `scratch` and returns the `library` folder.
pub fn find(rustc: &str, scratch: &Path) -> Result<PathBuf> {
    fs::create_dir_all(scratch)?;
    if let Some(archive) = env::var_os(ARCHIVE_VARIABLE) {
        let archive = PathBuf::from(archive);
        println!("setup: rust's library source from {}", archive.display());
        capture(command("tar").arg("-xf").arg(&archive).arg("-C").arg(scratch))?;
        return library_in(scratch, 4).with_context(|| format!("{} holds no library/std", archive.display()));
    }
    let told = from_debian(rustc, scratch);
    told.with_context(|| {
        format!(
            "the wasm32 target is missing and cannot be built: neither rustup nor Debian has it. \
             Install it by `rustup target add wasm32-unknown-unknown`, or let {ARCHIVE_VARIABLE} name an archive of \
             rustc {rustc}'s `library` folder"
        )
    })
}

fn from_debian(rustc: &str, scratch: &Path) -> Result<PathBuf> {
    if which("apt-get").is_none() {
        bail!("this is not Debian");
    }
    let mirror = apt::mirror()?;
    let own = codename().map(|codename| format!("{codename}-backports"));
    let mut suites: Vec<String> = SUITES.map(str::to_owned).to_vec();
    suites.extend(own.filter(|own| !SUITES.contains(&own.as_str())));
    for suite in &suites {
        let folder = scratch.join(suite);
        match download(rustc, &mirror, suite, &folder) {
            Ok(package) => {
                println!("setup: rust's library source from Debian's {suite}");
                capture(command("dpkg").arg("-x").arg(&package).arg(&folder))?;
                return library_in(&folder.join("usr/src"), 3).context("the package holds no library/std");
            }
            Err(error) => println!("setup: Debian's {suite}: {}", last_line(&error.to_string())),
        }
    }
    bail!("none of Debian's {} has rust-src {rustc}", suites.join(", "))
}

/// Downloads the package of exactly this version from one suite.
fn download(rustc: &str, mirror: &str, suite: &str, folder: &Path) -> Result<PathBuf> {
    for part in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(folder.join(part))?;
    }
    let keyring = Path::new("/usr/share/keyrings/debian-archive-keyring.gpg");
    let signed = if keyring.is_file() { format!("[signed-by={}] ", keyring.display()) } else { String::new() };
    fs::write(folder.join("sources.list"), format!("deb {signed}{mirror} {suite} main\n"))?;
    capture(private_apt(folder).arg("update"))?;
    capture(private_apt(folder).args(["download", &format!("rust-src={rustc}*")]))?;
    let files = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let mut packages = files.filter(|path| path.extension().is_some_and(|extension| extension == "deb"));
    packages.next().context("apt-get downloaded nothing")
}

fn private_apt(folder: &Path) -> Command {
    let mut apt = command("apt-get");
    apt.current_dir(folder).arg("-q");
    let option = |name: &str, value: String| ["-o".to_owned(), format!("{name}={value}")];
    let inside = |part: &str| folder.join(part).display().to_string();
    apt.args(option("Dir::Etc::SourceList", inside("sources.list")));
    apt.args(option("Dir::Etc::SourceParts", "/dev/null".to_owned()));
    apt.args(option("Dir::State::Lists", inside("lists")));
    apt.args(option("Dir::Cache", inside("cache")));
    // apt gives up root's rights for downloads, and then could not write here.
    if apt::is_usable() {
        apt.args(option("APT::Sandbox::User", "root".to_owned()));
    }
    apt
}

fn codename() -> Option<String> {
    let release = fs::read_to_string("/etc/os-release").ok()?;
    let line = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    Some(line.trim_matches('"').to_owned())
}

/// The folder that holds `std/Cargo.toml`, at most `depth` folders down.
fn library_in(folder: &Path, depth: usize) -> Option<PathBuf> {
    if folder.join("std/Cargo.toml").is_file() {
        return Some(folder.to_path_buf());
    }
    if depth == 0 {
        return None;
    }
    let entries = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_dir()).find_map(|path| library_in(&path, depth - 1))
}

fn last_line(text: &str) -> &str {
    text.trim_end().lines().next_back().unwrap_or_default()
}
