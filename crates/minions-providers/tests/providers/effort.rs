//! How much to think, in each wire's words.

use minions_chat::{ChatModel, ChatRequest};
use minions_providers::{ApiKey, CloudModel, Preset, ReasoningEffort};
use serde_json::{Value, json};

use crate::replay::{Replay, now};

/// What is sent to this model.
fn sent(provider: &str, name: &str, effort: Option<ReasoningEffort>) -> Value {
    let preset = Preset::named(provider).expect("a preset");
    let mut model = CloudModel::new(Replay::<false>::new(400, b"{}", 9), preset, name, ApiKey::default());
    model.reasoning_effort = effort;
    assert!(now(model.chat(&ChatRequest::default(), &mut |_| {})).is_err());
    let request = model.transport.requests.take().remove(0);
    serde_json::from_str(request.body.as_deref().unwrap_or_default()).expect("JSON")
}

#[test]
fn every_wire_has_a_word_for_it() {
    for (provider, model, place, value) in [
        ("openai", "gpt-5", "/reasoning_effort", json!("low")),
        ("groq", "openai/gpt-oss-120b", "/reasoning_effort", json!("low")),
        ("anthropic", "claude-opus-4-8", "/output_config/effort", json!("low")),
        ("gemini", "gemini-2.5-pro", "/generationConfig/thinkingConfig/thinkingBudget", json!(1024)),
        ("gemini", "gemini-3-pro", "/generationConfig/thinkingConfig/thinkingLevel", json!("low")),
        ("ollama", "gpt-oss", "/think", json!("low")),
    ] {
        let told = sent(provider, model, Some(ReasoningEffort::Low));
        assert_eq!(told.pointer(place), Some(&value), "{provider}");
        assert_eq!(sent(provider, model, None).pointer(place), None, "{provider}");
    }
}
