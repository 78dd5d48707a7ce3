//! What an error says where a browser says nothing: what is known about calls to this provider from web pages.

use std::time::Duration;

use minions_chat::{ChatModel, ChatRequest};
use minions_providers::{ApiKey, CloudModel, HttpRequest, HttpResponse, Preset, Transport, TransportError};

use crate::replay::{Pieces, now};

/// A network that fails as a browser's does.
struct Unreachable<const FROM_PAGE: bool>;

impl<const FROM_PAGE: bool> Transport for Unreachable<FROM_PAGE> {
    type Body = Pieces;

    const FROM_PAGE: bool = FROM_PAGE;

    async fn send(&self, _: HttpRequest) -> Result<HttpResponse<Pieces>, TransportError> {
        Err(TransportError::Network("Failed to fetch".to_owned()))
    }

    async fn sleep(&self, _: Duration) {}
}

fn failure<const FROM_PAGE: bool>(provider: &str) -> String {
    let preset = Preset::named(provider).expect("a preset");
    let model = CloudModel::new(Unreachable::<FROM_PAGE>, preset, "m", ApiKey::default());
    now(model.chat(&ChatRequest::default(), &mut |_| {})).expect_err("nobody is there").to_string()
}

#[test]
fn an_error_says_what_would_help() {
    for (provider, advice) in [
        ("perplexity", "answers no web pages: set the base URL to a proxy of yours"),
        ("together", "if this provider answers no web pages, set the base URL to a proxy of yours"),
        ("ollama", "OLLAMA_ORIGINS"),
        ("lmstudio", "Enable CORS"),
    ] {
        let from_page = failure::<true>(provider);
        assert!(from_page.contains(advice) && from_page.contains("(Failed to fetch)"), "{from_page}");
        assert!(!failure::<false>(provider).contains(advice));
    }
    assert_eq!(failure::<true>("openai"), failure::<false>("openai"));
}
