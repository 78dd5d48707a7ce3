//! One definition of the events and options: this test writes the TypeScript that says what Rust serializes.
//!
//! `js/events.ts` and `js/options.ts` are written from the types and their comments, `js/presets.ts` from the providers' presets.
//! `tests/package/types/events.ts` holds one event of every shape as Rust serializes it, and `types.test.mjs` lets the compiler
//! compare the two. `MINIONS_UPDATE=1 cargo test --workspace --test typescript` renews all four.

mod examples;
mod presets;
mod writer;

use std::collections::BTreeMap;
use std::path::Path;

use minions_chat::ErrorCode;
use minions_protocol::{Auto, Event, LocalOnly, Minion, Minions, Privacy};
use schemars::generate::SchemaSettings;
use writer::Writer;

const TYPES: &str = "types of minions-protocol";

/// What generated files begin with: where `what` of them comes from.
fn head(what: &str) -> String {
    format!("Written by crates/minions-web/tests/typescript from the {what}: edit those.")
}

#[test]
fn the_events_are_up_to_date() {
    let mut schemas = SchemaSettings::draft2020_12().for_serialize().into_generator();
    schemas.subschema_for::<Event>();
    schemas.subschema_for::<ErrorCode>();
    let names = BTreeMap::from([("Event", "RunEvent")]);
    let text = Writer::new(schemas.take_definitions(true), names, "").write(&["Event", "ErrorCode"]);
    is_up_to_date("js/events.ts", &format!("/** {} */\n{text}", head(TYPES)));
}

#[test]
fn the_options_are_up_to_date() {
    let mut schemas = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    schemas.subschema_for::<Minion>();
    schemas.subschema_for::<Minions>();
    schemas.subschema_for::<LocalOnly>();
    schemas.subschema_for::<Auto>();
    schemas.subschema_for::<Privacy>();
    let names = BTreeMap::from([
        ("Minion", "MinionOptions"),
        ("Minions", "MinionsOptions"),
        ("LocalOnly", "LocalOnlyOptions"),
        ("Auto", "AutoOptions"),
    ]);
    let mut definitions = schemas.take_definitions(true);
    definitions.remove("PrivateKind");
    // Under `exactOptionalPropertyTypes` an option may still be set to `undefined`.
    let text =
        Writer::new(definitions, names, " | undefined").write(&["Minion", "Minions", "LocalOnly", "Auto", "Privacy"]);
    let import = "import type { PrivateKind } from \"./events.js\";\n";
    is_up_to_date("js/options.ts", &format!("/** {} */\n{import}{text}", head(TYPES)));
}

#[test]
fn the_providers_are_up_to_date() {
    is_up_to_date("js/presets.ts", &presets::typescript(&head("presets of minions-providers")));
}

#[test]
fn the_examples_are_up_to_date() {
    is_up_to_date("../../tests/package/types/events.ts", &examples::typescript());
}

fn is_up_to_date(path: &str, written: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("MINIONS_UPDATE").is_some() {
        std::fs::write(&path, written).expect("the file can be written");
    }
    let committed = std::fs::read_to_string(&path).expect("the file is committed");
    assert!(written == committed, "{} is out of date: see the head of this test", path.display());
}
