//! Lists of models.

use minions_chat::ChatError;
use minions_providers::{ApiKey, CloudModel, Preset};

use crate::replay::{Replay, now};

const KEY: &str = "sk-very-secret-0123456789";

/// The list that this provider gives, and where it was asked for.
fn listed(provider: &str, status: u16, body: &str) -> (Result<Vec<String>, ChatError>, String) {
    let preset = Preset::named(provider).expect("a preset");
    let model = CloudModel::new(Replay::<true>::new(status, body.as_bytes(), 5), preset, "", ApiKey::new(KEY));
    let result = now(model.models());
    let asked = model.transport.requests.take();
    (result, asked.first().map(|request| request.url.clone()).unwrap_or_default())
}

#[test]
fn every_wire_has_its_list() {
    for (provider, body, url) in [
        ("openai", r#"{"object": "list", "data": [{"id": "m"}]}"#, "https://api.openai.com/v1/models"),
        ("together", r#"[{"id": "m"}]"#, "https://api.together.xyz/v1/models"),
        ("anthropic", r#"{"data": [{"type": "model", "id": "m"}]}"#, "https://api.anthropic.com/v1/models?limit=1000"),
        (
            "gemini",
            r#"{"models": [{"name": "models/m", "supportedGenerationMethods": ["generateContent"]}]}"#,
            "https://generativelanguage.googleapis.com/v1beta/models?pageSize=1000",
        ),
        ("ollama", r#"{"models": [{"name": "m"}]}"#, "http://localhost:11434/api/tags"),
    ] {
        assert_eq!(listed(provider, 200, body), (Ok(vec!["m".to_owned()]), url.to_owned()));
    }
}

#[test]
fn a_list_that_is_none_is_an_error() {
    let error = |provider, status, body: &str| {
        let (result, _) = listed(provider, status, body);
        let error = result.expect_err("no list").to_string();
        assert!(!error.contains(KEY), "{error}");
        error
    };
    assert!(error("perplexity", 200, "{}").contains("perplexity does not list its models"));
    assert!(error("openai", 401, "{}").contains("check the key"));
    assert!(error("openai", 200, &format!("<html>{KEY}")).contains("it answered: <html>[API key]"));
    assert!(error("openai", 200, r#"{"data": []}"#).contains("no list of models"));
}
