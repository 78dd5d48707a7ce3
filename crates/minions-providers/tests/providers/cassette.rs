//! What a cassette is, and playing all of them.

use std::collections::BTreeMap;
use std::path::Path;

use minions_chat::{ChatError, ChatModel, ChatRequest, ChatResponse, FinishReason, Usage};
use minions_providers::{ApiKey, CloudModel, Method, Preset};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::replay::{Replay, now};

pub const KEY: &str = "sk-cassette-key";

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cassette {
    /// The provider's folder and the scenario's file.
    #[serde(skip)]
    pub name: (String, String),
    pub model: String,
    /// Where providers have none of their own.
    pub base_url: Option<String>,
    pub ask: ChatRequest,
    pub request: Request,
    pub response: Response,
    pub expected: Expected,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub method: String,
    pub url: String,
    pub headers: BTreeMap<String, String>,
    pub body: Value,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Lines.
    pub body: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Expected {
    Reply { content: String, finish_reason: FinishReason, usage: Usage },
    Error { error: Failure },
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    pub code: String,
    pub says: String,
}

/// What a call comes to.
pub struct Played {
    pub result: Result<ChatResponse, ChatError>,
    pub deltas: String,
    pub transport: Replay<true>,
}

impl Cassette {
    pub fn body(&self) -> String {
        self.response.body.join("\n")
    }

    pub fn preset(&self) -> &'static Preset {
        Preset::named(&self.name.0).unwrap_or_else(|| panic!("{} is no provider", self.name.0))
    }

    /// Asks this provider from a page; the answer comes in pieces of `size` bytes.
    pub fn play(&self, preset: &Preset, size: usize) -> Played {
        let mut transport = Replay::new(self.response.status, self.body().as_bytes(), size);
        transport.headers = self.response.headers.clone().into_iter().collect();
        self.play_on(preset, transport)
    }

    pub fn play_on(&self, preset: &Preset, transport: Replay<true>) -> Played {
        let mut model = CloudModel::new(transport, preset, &self.model, ApiKey::new(KEY));
        model.max_retries = 0;
        if let Some(base_url) = &self.base_url {
            model.base_url.clone_from(base_url);
        }
        let mut deltas = String::new();
        let result = now(model.chat(&self.ask, &mut |delta| deltas.push_str(delta)));
        Played { result, deltas, transport: model.transport }
    }

    /// Whether the call came to what it must.
    pub fn check(&self, played: &Played, how: &str) {
        let name = format!("{}/{} {how}", self.name.0, self.name.1);
        match (&played.result, &self.expected) {
            (Ok(reply), Expected::Reply { content, finish_reason, usage }) => {
                let expected = ChatResponse::new(content.clone(), *finish_reason, *usage);
                assert_eq!(reply, &expected, "{name}");
                assert_eq!(&played.deltas, content, "{name}: the pieces add up to the reply");
            }
            (Err(error), Expected::Error { error: Failure { code, says } }) => {
                let text = error.to_string();
                assert_eq!(json!(error.code()), *code, "{name}: {text}");
                assert!(text.contains(says), "{name}: {text}");
                assert!(!text.contains(KEY), "{name}: {text}");
                for message in &self.ask.messages {
                    assert!(!text.contains(&message.content), "{name}: {text}");
                }
            }
            (result, expected) => panic!("{name}: {result:?} is not {expected:?}"),
        }
    }
}

/// All of them, in order.
pub fn all() -> Vec<Cassette> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cassettes");
    let mut cassettes = Vec::new();
    for provider in entries(&folder) {
        for scenario in entries(&folder.join(&provider)) {
            let path = folder.join(&provider).join(&scenario);
            let text = std::fs::read_to_string(&path).expect("a file is readable");
            let mut cassette: Cassette =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            cassette.name = (provider.clone(), scenario.trim_end_matches(".json").to_owned());
            cassettes.push(cassette);
        }
    }
    assert!(cassettes.len() > 100);
    cassettes
}

fn entries(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"));
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn every_answer_is_understood_wherever_its_pieces_end() {
    for cassette in all() {
        for size in [1, 2, 7, 64, usize::MAX] {
            let played = cassette.play(cassette.preset(), size);
            cassette.check(&played, &format!("in pieces of {size} bytes"));
        }
    }
}

#[test]
fn every_request_is_as_it_must_be() {
    for cassette in all() {
        let played = cassette.play(cassette.preset(), usize::MAX);
        let requests = played.transport.requests.borrow();
        let [sent] = requests.as_slice() else { panic!("one request: {requests:?}") };
        let Request { method, url, headers, body } = &cassette.request;
        let sent_headers = sent.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone()));
        assert_eq!((sent.method, sent.method.as_str()), (Method::Post, method.as_str()));
        assert_eq!(&sent.url, url);
        assert_eq!(&sent_headers.collect::<BTreeMap<_, _>>(), headers, "{:?}", cassette.name);
        let sent_body: Value = serde_json::from_str(sent.body.as_deref().unwrap_or_default()).expect("JSON");
        assert_eq!(&sent_body, body, "{:?}", cassette.name);
    }
}

/// Each wire has all of these, and each provider how it streams, asks for JSON, or refuses.
#[test]
fn every_scenario_is_there() {
    let cassettes = all();
    let has = |provider: &str, scenario: &str| {
        cassettes.iter().any(|cassette| (&*cassette.name.0, &*cassette.name.1) == (provider, scenario))
    };
    for provider in ["openai", "anthropic", "gemini", "ollama"] {
        for scenario in [
            "ok",
            "stream",
            "json",
            "tool",
            "refusal",
            "length",
            "auth",
            "rate_limit",
            "server_error",
            "stream_error",
            "malformed",
            "cut",
        ] {
            assert!(has(provider, scenario), "{provider}/{scenario}");
        }
    }
    for preset in minions_providers::PRESETS {
        assert!(has(preset.name, "json"), "{}", preset.name);
        assert!(has(preset.name, "stream") || has(preset.name, "ok"), "{}", preset.name);
        assert!(preset.key_variable.is_none() || has(preset.name, "auth"), "{}", preset.name);
    }
}
