//! Providers and local servers that speak OpenAI's chat completions: where they are, and where keys are looked for.
//!
//! Data only. Addresses and variables' names are those of the providers' own API references, local addresses those of
//! the servers' documentation, as of 2025-10.

use crate::JsonMode;

/// How to reach a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// What users call it.
    pub name: &'static str,
    /// The address that `/chat/completions` is appended to.
    pub base_url: &'static str,
    /// The environment variable that usually holds the key; `None` for servers that want none.
    pub key_variable: Option<&'static str>,
    /// How far it can be held to JSON, where that is not what its address lets expect.
    pub json_mode: Option<JsonMode>,
}

impl Preset {
    /// The preset of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name.eq_ignore_ascii_case(name.trim()))
    }

    /// The preset of this address.
    pub fn at(base_url: &str) -> Option<&'static Self> {
        let base_url = base_url.trim().trim_end_matches('/');
        PRESETS.iter().find(|preset| preset.base_url == base_url)
    }
}

const fn cloud(name: &'static str, base_url: &'static str, key_variable: &'static str) -> Preset {
    Preset { name, base_url, key_variable: Some(key_variable), json_mode: None }
}

const fn local(name: &'static str, base_url: &'static str) -> Preset {
    Preset { name, base_url, key_variable: None, json_mode: None }
}

/// All of them.
pub const PRESETS: &[Preset] = &[
    cloud("openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
    cloud("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    cloud("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    cloud("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    cloud("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    cloud("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    cloud("fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    cloud("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    cloud("xai", "https://api.x.ai/v1", "XAI_API_KEY"),
    cloud("gemini", "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
    local("ollama", "http://localhost:11434/v1"),
    // LM Studio refuses `json_object`.
    Preset { json_mode: Some(JsonMode::None), ..local("lmstudio", "http://localhost:1234/v1") },
    local("llamacpp", "http://localhost:8080/v1"),
    local("vllm", "http://localhost:8000/v1"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_found_by_name_and_by_address() {
        for preset in PRESETS {
            assert_eq!(Preset::named(&preset.name.to_uppercase()), Some(preset));
            assert_eq!(Preset::at(&format!("{}/", preset.base_url)), Some(preset));
            assert!(!preset.base_url.ends_with('/'), "{}", preset.name);
        }
        assert_eq!(Preset::named("no-such-provider"), None);
    }

    #[test]
    fn keys_go_over_encrypted_connections_only() {
        for preset in PRESETS {
            assert_eq!(preset.key_variable.is_some(), preset.base_url.starts_with("https://"), "{}", preset.name);
        }
    }
}
