//! What is written about the providers elsewhere names them all.

use std::path::Path;

use minions_providers::{Cors, PRESETS};

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands between two marks.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("{start} is there"));
    rest.split_once(end).unwrap_or_else(|| panic!("{end} follows {start}")).0
}

#[test]
fn the_types_of_the_package_name_every_provider() {
    let source = read("minions-web/js/providers.ts");
    let quoted = |text: &str| -> Vec<String> { text.split('"').skip(1).step_by(2).map(str::to_owned).collect() };
    let names = |clouds: bool| -> Vec<String> {
        let of_kind = PRESETS.iter().filter(|preset| preset.key_variable.is_some() == clouds);
        of_kind.map(|preset| preset.name.to_owned()).collect()
    };
    assert_eq!(quoted(between(&source, "export type CloudProvider =", ";")), names(true));
    assert_eq!(quoted(between(&source, "export type LocalServer =", ";")), names(false));
}

#[test]
fn the_package_says_who_answers_web_pages() {
    let readme = read("minions-web/README.md");
    for preset in PRESETS {
        let row = match preset.cors {
            Cors::Direct | Cors::NeedsHeader(..) => "| answered |",
            Cors::Setting(_) => "| if set up |",
            Cors::Unknown => "| unknown |",
            Cors::NeedsProxy => "| not answered |",
        };
        let named = between(&readme, row, "\n");
        assert!(named.contains(&format!("`{}`", preset.name)), "{} is not in the row {row}", preset.name);
    }
}

#[test]
fn the_command_line_names_every_provider() {
    let source = read("minions-cli/src/supervisor.rs");
    let help = between(&source, "/// What thinks:", "#[arg(");
    let words: Vec<_> = help.split(|letter: char| !letter.is_alphanumeric() && letter != '-').collect();
    for preset in PRESETS {
        assert!(words.contains(&preset.name), "{} is not in the help", preset.name);
    }
}
