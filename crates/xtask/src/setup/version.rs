//! Reading versions out of what tools print.

/// The first `1.2.3` in a text: `wasm-bindgen 0.2.130`, `v20.20.2`, `rustc 1.95.0 (59807616e 2026-04-14)`.
pub fn find(text: &str) -> Option<&str> {
    let words = text.split(|c: char| c.is_whitespace() || c == '(' || c == ')');
    words.map(|word| word.trim_start_matches('v')).find(|word| numbers(word).is_some())
}

/// The three numbers of a version; what follows them (`-nightly`, `+spec`) is left out.
pub fn numbers(version: &str) -> Option<[u64; 3]> {
    let core = version.split(['-', '+']).next()?;
    let parts: Option<Vec<u64>> = core.split('.').map(|part| part.parse().ok()).collect();
    parts?.try_into().ok()
}

/// Whether a tool of version `have` serves where `want` is asked for: the same major and minor, no older patch.
pub fn serves(have: &str, want: &str) -> bool {
    match (numbers(have), numbers(want)) {
        (Some(have), Some(want)) => have[..2] == want[..2] && have[2] >= want[2],
        _ => false,
    }
}

/// The version of a package in the text of a `Cargo.lock`.
pub fn locked(lock: &str, package: &str) -> Option<String> {
    let lock: toml::Table = toml::from_str(lock).ok()?;
    let mut packages = lock.get("package")?.as_array()?.iter();
    let entry = packages.find(|entry| entry.get("name").and_then(|name| name.as_str()) == Some(package))?;
    entry.get("version")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_tools_print() {
        assert_eq!(find("wasm-bindgen 0.2.130\n"), Some("0.2.130"));
        assert_eq!(find("v20.20.2"), Some("20.20.2"));
        assert_eq!(find("rustc 1.97.0-nightly (59807616e 2026-04-14)"), Some("1.97.0-nightly"));
        assert_eq!(find("no version here"), None);
    }

    #[test]
    fn a_later_patch_serves_but_another_minor_does_not() {
        assert!(serves("0.15.2", "0.15.1"));
        assert!(!serves("0.15.0", "0.15.1"));
        assert!(!serves("0.16.1", "0.15.1"));
    }

    #[test]
    fn locked_versions_are_read_by_package_name() {
        let lock = "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(locked(lock, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(locked(lock, "absent"), None);
    }
}
