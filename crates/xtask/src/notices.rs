//! The licences of everything that is compiled into the wasm module, as their terms ask: names, versions and texts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process::{capture, command};
use crate::setup::wasm_target;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    manifest_path: String,
    source: Option<String>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// The notices for the crate in a folder, in Markdown.
pub fn collect(crate_dir: &Path) -> Result<String> {
    let mut cargo = command("cargo");
    cargo.current_dir(crate_dir).args(["metadata", "--format-version", "1", "--filter-platform", wasm_target::TRIPLE]);
    let metadata: Metadata = serde_json::from_str(&capture(&mut cargo)?).context("could not read cargo metadata")?;
    let manifest = crate_dir.join("Cargo.toml");
    let start = metadata.packages.iter().find(|package| Path::new(&package.manifest_path) == manifest);
    let is_macro = |package: &&Package| package.targets.iter().any(|target| target.kind == ["proc-macro"]);
    let macros = metadata.packages.iter().filter(is_macro).map(|package| package.id.as_str()).collect();
    let linked = linked(&metadata.resolve, &start.context("cargo metadata lacks the crate")?.id, &macros);

    let mut lines = String::from("# Third-party notices\n\nThe WebAssembly module in this package contains:\n\n");
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let of_others = |package: &&Package| package.source.is_some() && linked.contains(package.id.as_str());
    for package in metadata.packages.iter().filter(of_others) {
        let title = format!("{} {}", package.name, package.version);
        writeln!(lines, "- {title}: {}", package.license.as_deref().unwrap_or("see its licence text"))?;
        for text in license_texts(Path::new(&package.manifest_path).parent().context("a manifest lies in a folder")?) {
            texts.entry(text).or_default().push(title.clone());
        }
    }
    for (text, titles) in texts {
        write!(lines, "\n## {}\n\n```text\n{text}\n```\n", titles.join(", "))?;
    }
    Ok(lines)
}

/// What is linked with a package: it and its normal dependencies, theirs, and so on. Macros run in the compiler only.
fn linked<'a>(resolve: &'a Resolve, start: &'a str, macros: &BTreeSet<&str>) -> BTreeSet<&'a str> {
    let nodes: BTreeMap<&str, &Node> = resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let (mut found, mut waiting) = (BTreeSet::new(), vec![start]);
    while let Some(id) = waiting.pop() {
        if !macros.contains(id)
            && found.insert(id)
            && let Some(node) = nodes.get(id)
        {
            let normal = |dependency: &&Dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none());
            waiting.extend(node.deps.iter().filter(normal).map(|dependency| dependency.pkg.as_str()));
        }
    }
    found
}

/// Texts of a package's licence files; a package under a choice of licences usually ships one file for each.
fn license_texts(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = files.filter(|path| path.is_file() && is_license(path)).collect();
    files.sort();
    let texts = files.iter().filter_map(|path| fs::read_to_string(path).ok());
    texts.map(|text| text.replace("\r\n", "\n").trim().to_owned()).collect()
}

fn is_license(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_uppercase();
    ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"].iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_build_and_test_dependencies_are_not_linked() {
        let json = r#"{"nodes": [
            {"id": "us", "deps": [{"pkg": "a", "dep_kinds": [{"kind": null}]}, {"pkg": "b", "dep_kinds": [{"kind": "build"}]}]},
            {"id": "a", "deps": [{"pkg": "c", "dep_kinds": [{"kind": "dev"}, {"kind": null}]}, {"pkg": "m", "dep_kinds": [{"kind": null}]}]},
            {"id": "m", "deps": []},
            {"id": "b", "deps": []}, {"id": "c", "deps": []}]}"#;
        let resolve: Resolve = serde_json::from_str(json).unwrap();
        assert_eq!(linked(&resolve, "us", &BTreeSet::from(["m"])), BTreeSet::from(["us", "a", "c"]));
    }

    #[test]
    fn license_files_are_known_by_their_names() {
        assert!(is_license(Path::new("x/license-mit.txt")));
        assert!(!is_license(Path::new("x/README.md")));
    }
}
