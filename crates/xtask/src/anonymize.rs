//! Keeps this machine's folders out of the module: panics name source files, those of dependencies by their full paths.
//!
//! The paths are overwritten in the finished module, at their length. Compiler flags could keep them out too, but not out
//! of a standard library that was built from source, and plain cargo, without the flags, would compile everything again.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::{root, target_dir};
use crate::setup::wasm_target;

/// Paths shorter than this name nobody, and might stand in a file by chance.
const MIN_BYTES: usize = 8;

/// Overwrites this machine's folders in a file.
pub fn anonymize(file: &Path) -> Result<()> {
    let home = env::home_dir().context("there is no home folder")?;
    let cargo_home = env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let mut bytes = fs::read(file)?;
    // Folders within others come first.
    let folders = [
        (cargo_home, "/cargo"),
        (wasm_target::sysroot()?, "/rust"),
        (target_dir(), "/target"),
        (root(), "/minions-web"),
        (home, "/home"),
    ];
    for (folder, name) in folders {
        overwrite(&mut bytes, folder.as_os_str().as_encoded_bytes(), name.as_bytes());
    }
    fs::write(file, bytes)?;
    Ok(())
}

/// Replaces `path` by `name`, filled up to the same length, wherever it stands.
fn overwrite(bytes: &mut [u8], path: &[u8], name: &[u8]) {
    if path.len() < MIN_BYTES {
        return;
    }
    let mut rest = bytes;
    while let Some(at) = rest.windows(path.len()).position(|window| window == path) {
        let filled = name.iter().copied().chain(std::iter::repeat(b'_'));
        rest[at..at + path.len()].iter_mut().zip(filled).for_each(|(byte, new)| *byte = new);
        rest = &mut rest[at + path.len()..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overwritten(text: &str, path: &str, name: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        overwrite(&mut bytes, path.as_bytes(), name.as_bytes());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn every_occurrence_is_overwritten_at_its_length() {
        let text = "\0/home/jo/.cargo/registry/a.rs\0/home/jo/.cargo/b.rs";
        let expected = "\0/cargo_________/registry/a.rs\0/cargo_________/b.rs";
        assert_eq!(overwritten(text, "/home/jo/.cargo", "/cargo"), expected);
    }

    #[test]
    fn a_name_longer_than_the_path_is_cut() {
        assert_eq!(overwritten("/srv/abc/x", "/srv/abc", "/minions-web"), "/minions/x");
    }

    #[test]
    fn short_paths_are_left_alone() {
        assert_eq!(overwritten("/opt/x", "/opt", "/home"), "/opt/x");
    }
}
