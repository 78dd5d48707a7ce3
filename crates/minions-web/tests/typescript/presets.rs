//! The providers as data, for pages that let their users choose one.

use minions_providers::{Cors, PRESETS, Preset};

/// The module that lists them.
pub fn typescript(head: &str) -> String {
    let entries: String = PRESETS.iter().map(entry).collect();
    format!("/** {head} */\n{TYPES}{entries}];\n")
}

const TYPES: &str = r#"import type { ProviderName } from "./providers.js";

/** A provider, or a server on this computer, as {@link provider} knows it. */
export interface ProviderInfo {
  /** What {@link provider} takes. */
  name: ProviderName;
  /** Its address; where every user has one of their own, with placeholders in braces. */
  baseURL: string;
  /** Whether it wants an API key. */
  needsKey: boolean;
  /** Whether {@link Engine.listModels} can ask it for its models. */
  listsModels: boolean;
  /** Whether it answers web pages: always, if it is set to (`setting`), never, or nobody wrote it down. */
  answersPages: "yes" | "if_set" | "no" | "unknown";
  /** What a server on this computer needs to answer web pages. */
  setting?: string;
}

/** All providers and local servers that are known by name. No live one was asked: addresses and rules are as they document them. */
export const providers: readonly ProviderInfo[] = [
"#;

fn entry(preset: &Preset) -> String {
    let Preset { name, base_url, key_variable, lists_models, cors, .. } = preset;
    let (answers, setting) = match cors {
        Cors::Direct | Cors::NeedsHeader(..) => ("yes", String::new()),
        Cors::Setting(how) => ("if_set", format!(", setting: {how:?}")),
        Cors::NeedsProxy => ("no", String::new()),
        Cors::Unknown => ("unknown", String::new()),
    };
    let needs_key = key_variable.is_some();
    format!(
        "  {{ name: {name:?}, baseURL: {base_url:?}, needsKey: {needs_key}, listsModels: {lists_models}, answersPages: {answers:?}{setting} }},\n"
    )
}
