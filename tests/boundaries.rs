//! The dependency rules of ARCHITECTURE.md, checked from `cargo metadata` and from the sources.
//!
//! A failure here is a question to you: does the new dependency belong where it was put? If so, say why in
//! ARCHITECTURE.md and add it below.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use minions_tests::workspace;

/// What each crate may depend on, outside its tests. The first four are exact, the shells' lists are upper bounds.
const DEPENDENCIES: &[(&str, &[&str])] = &[
    ("minions-chat", &["schemars", "serde", "serde_json", "thiserror"]),
    (
        "minions-protocol",
        &[
            "aho-corasick",
            "futures-util",
            "minions-chat",
            "regex",
            "schemars",
            "serde",
            "serde_json",
            "thiserror",
            "unicode-segmentation",
        ],
    ),
    ("minions-providers", &["minions-chat", "serde", "serde_json", "thiserror"]),
    ("minions-shaders", &["bytemuck", "half"]),
    (
        "minions-engine",
        &[
            "burn",
            "burn-cubecl",
            "bytemuck",
            "futures-util",
            "getrandom",
            "instant",
            "llguidance",
            "minijinja",
            "minijinja-contrib",
            "minions-chat",
            "minions-shaders",
            "safetensors",
            "serde",
            "serde_json",
            "sha2",
            "thiserror",
            "tokenizers",
            "web-time",
            "wgpu",
        ],
    ),
    (
        "minions-web",
        &[
            "gloo-timers",
            "js-sys",
            "minions-chat",
            "minions-engine",
            "minions-protocol",
            "minions-providers",
            "serde",
            "serde_json",
            "sha2",
            "thiserror",
            "wasm-bindgen",
            "wasm-bindgen-futures",
            "web-sys",
        ],
    ),
    (
        "minions-cli",
        &[
            "anyhow",
            "clap",
            "futures-util",
            "minions-chat",
            "minions-engine",
            "minions-protocol",
            "minions-providers",
            "reqwest",
            "rustls",
            "serde",
            "serde_json",
            "tokio",
        ],
    ),
    // The first thing a stranger compiles: small, and none of our crates.
    ("xtask", &["anyhow", "clap", "serde", "serde_json", "toml"]),
    (
        "minions-tests",
        &[
            "anyhow",
            "axum",
            "clap",
            "futures-util",
            "minions-chat",
            "minions-cli",
            "minions-engine",
            "minions-protocol",
            "minions-providers",
            "minions-shaders",
            "reqwest",
            "serde",
            "serde_json",
            "tokio",
        ],
    ),
];

/// How many of [`DEPENDENCIES`] are exact.
const EXACT: usize = 4;

/// Who alone may depend on these, tests and build scripts included. A name that ends in `*` stands for all that begin so.
const OWNERS: &[(&str, &[&str])] = &[
    ("burn*", &["minions-engine"]),
    ("cubecl*", &["minions-engine"]),
    ("wgpu*", &["minions-engine"]),
    ("wasm-bindgen*", &["minions-web"]),
    ("js-sys", &["minions-web"]),
    ("web-sys", &["minions-web"]),
    ("gloo*", &["minions-web"]),
    ("tokio*", &["minions-cli", "xtask", "minions-tests"]),
    ("reqwest", &["minions-cli", "minions-tests"]),
    ("clap", &["minions-cli", "xtask", "minions-tests"]),
    ("anyhow", &["minions-cli", "xtask", "minions-tests"]),
    ("axum", &["minions-tests"]),
    ("minions-shaders", &["minions-engine", "minions-tests"]),
    ("minions-tests", &[]),
];

/// What the pure crates do not touch: files, the environment, clocks, threads, output, randomness, and `Send` bounds,
/// since every future stays on one thread.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::thread",
    "std::net",
    "std::process",
    "Instant",
    "SystemTime",
    "println!",
    "print!",
    "rand::",
    "getrandom",
    ": Send",
    "+ Send",
];

const PURE: &[&str] = &["minions-chat", "minions-protocol", "minions-providers"];

#[test]
fn crates_depend_on_what_their_place_allows() {
    let found = dependencies(&metadata(), |kind| kind == DependencyKind::Normal);
    let allowed: BTreeMap<_, BTreeSet<_>> = DEPENDENCIES
        .iter()
        .map(|(name, list)| ((*name).to_owned(), list.iter().map(|d| (*d).to_owned()).collect()))
        .collect();
    assert_eq!(found.keys().collect::<Vec<_>>(), allowed.keys().collect::<Vec<_>>(), "a crate came or went");
    for (name, dependencies) in &found {
        let strangers: Vec<_> = dependencies.difference(&allowed[name]).collect();
        assert!(strangers.is_empty(), "{name} must not depend on {strangers:?}");
    }
    for (name, _) in &DEPENDENCIES[..EXACT] {
        assert_eq!(found[*name], allowed[*name], "{name} has exactly these dependencies");
    }
}

#[test]
fn what_belongs_to_one_crate_stays_there() {
    for (name, dependencies) in dependencies(&metadata(), |_| true) {
        for dependency in dependencies {
            for (pattern, owners) in OWNERS {
                let prefix = pattern.strip_suffix('*');
                let matches = prefix.map_or(dependency == *pattern, |prefix| dependency.starts_with(prefix));
                assert!(!matches || owners.contains(&name.as_str()), "{name} must not depend on {dependency}");
            }
        }
    }
}

#[test]
fn no_crate_has_feature_flags_or_optional_dependencies() {
    for package in metadata().workspace_packages() {
        assert!(package.features.is_empty(), "{} has features: {:?}", package.name, package.features);
    }
}

#[test]
fn pure_crates_touch_nothing_outside() {
    for name in PURE {
        for (path, line, code) in code(&workspace().join("crates").join(name).join("src"), "rs") {
            let found = IMPURE.iter().find(|word| code.contains(**word));
            assert!(found.is_none(), "{}:{line} uses {}", path.display(), found.unwrap_or(&""));
        }
    }
}

/// Telling wasm from native is the shells' business, and the device's.
#[test]
fn only_the_shells_and_the_device_know_the_platform() {
    for folder in ["crates", "shaders"] {
        for (path, line, code) in code(&workspace().join(folder), "rs") {
            let place = path.strip_prefix(workspace()).expect("sources lie in the workspace");
            let may_know = place.starts_with("crates/minions-web")
                || place.starts_with("crates/minions-cli")
                || place.ends_with("minions-engine/src/device.rs");
            assert!(may_know || !code.contains("target_arch"), "{}:{line} asks for the platform", path.display());
        }
    }
}

#[test]
fn every_prompt_is_used() {
    let protocol = workspace().join("crates/minions-protocol");
    let sources: String = code(&protocol.join("src"), "rs").into_iter().map(|(_, _, code)| code + "\n").collect();
    let prompts = files(&protocol.join("prompts"), "md");
    assert!(!prompts.is_empty());
    for prompt in prompts {
        let place = prompt.strip_prefix(protocol.join("prompts")).expect("a prompt lies there").display().to_string();
        // The compiler warns of a constant that nobody reads.
        assert!(sources.contains(&format!(" = \"{place}\";")), "{place} is not used");
    }
}

/// The package has no npm dependency at run time: it imports only its own files.
#[test]
fn the_package_imports_only_its_own_files() {
    for (path, line, code) in code(&workspace().join("crates/minions-web/js"), "ts") {
        let bare = imported(&code).filter(|module| !module.starts_with('.'));
        assert!(bare.is_none(), "{}:{line} imports {}", path.display(), bare.unwrap_or_default());
    }
}

/// The demo page uses what users get: the package's public entry. A recorded supervisor is data and may come from here, and so is
/// a source that is shown as text.
#[test]
fn the_page_imports_the_package_by_its_name() {
    for (path, line, code) in code(&workspace().join("www/src"), "ts") {
        let is_inner = |module: &String| module.starts_with("minions-web/") || module.contains("crates/");
        let is_data = |module: &String| module.contains("/recordings/") || module.ends_with("?raw");
        let inner = imported(&code).filter(|module| is_inner(module) && !is_data(module));
        assert!(inner.is_none(), "{}:{line} imports {}", path.display(), inner.unwrap_or_default());
    }
}

fn metadata() -> Metadata {
    let manifest = workspace().join("Cargo.toml");
    MetadataCommand::new().manifest_path(manifest).no_deps().exec().expect("cargo describes the workspace")
}

/// The direct dependencies of each crate of the workspace.
fn dependencies(metadata: &Metadata, is_kind: impl Fn(DependencyKind) -> bool) -> BTreeMap<String, BTreeSet<String>> {
    let packages = metadata.workspace_packages().into_iter();
    packages
        .map(|package| {
            let dependencies = package.dependencies.iter().filter(|dependency| is_kind(dependency.kind));
            (package.name.to_string(), dependencies.map(|dependency| dependency.name.clone()).collect())
        })
        .collect()
}

/// Every line of code below a folder, comments left out, with where it stands.
fn code(folder: &Path, extension: &str) -> Vec<(PathBuf, usize, String)> {
    let mut lines = Vec::new();
    for path in files(folder, extension) {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let code = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
        lines.extend(code.map(|(index, line)| (path.clone(), index + 1, line.to_owned())));
    }
    assert!(!lines.is_empty(), "{} holds no .{extension} files", folder.display());
    lines
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("a folder's entries are readable").path();
        if path.is_dir() {
            // What npm installs and cargo builds is not ours.
            if !path.ends_with("node_modules") && !path.ends_with("target") {
                files.extend(self::files(&path, extension));
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The module that a line of TypeScript imports.
fn imported(code: &str) -> Option<String> {
    let is_import = code.trim_start().starts_with("import") || code.contains(" from \"") || code.contains("import(\"");
    let module =
        code.rsplit_once(" from \"").or_else(|| code.split_once("import \"")).or_else(|| code.split_once("import(\""));
    let module = module.filter(|_| is_import)?;
    Some(module.1.split('"').next()?.to_owned())
}
