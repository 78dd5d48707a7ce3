//! Only the headers that are needed are sent, from a page and from elsewhere, to ask and to list.

use minions_chat::{ChatModel, ChatRequest, Message};
use minions_providers::{ApiKey, COMPATIBLE, CloudModel, HttpRequest, Method, PRESETS, Preset};

use crate::replay::{Replay, now};

const KEY: &str = "sk-very-secret-0123456789";

/// The requests that ask a model and list the models.
fn requests<const FROM_PAGE: bool>(preset: &Preset, key: &str) -> Vec<HttpRequest> {
    let transport = Replay::<FROM_PAGE>::new(400, b"{}", 64);
    let mut model = CloudModel::new(transport, preset, "m", ApiKey::new(key));
    model.base_url = "https://example.org/v1".to_owned();
    let request = ChatRequest::new(vec![Message::user("hi")]);
    assert!(now(model.chat(&request, &mut |_| {})).is_err());
    assert!(now(model.models()).is_err());
    model.transport.requests.take()
}

fn names(request: &HttpRequest) -> Vec<&'static str> {
    request.headers.iter().map(|(name, _)| *name).collect()
}

#[test]
fn requests_have_the_listed_headers_and_no_others() {
    for preset in PRESETS.iter().chain([&COMPATIBLE]) {
        for (requests, from_page) in [(requests::<true>(preset, KEY), true), (requests::<false>(preset, KEY), false)] {
            assert_eq!(requests.len(), 1 + usize::from(preset.lists_models), "{}", preset.name);
            for request in requests {
                let mut expected = preset.header_names(from_page);
                if request.method == Method::Get {
                    expected.retain(|name| *name != "Content-Type");
                    assert_eq!(request.body, None);
                }
                assert_eq!(names(&request), expected, "{}", preset.name);
            }
        }
    }
}

/// What browsers would ask leave for: every header that is not one of the few plain ones.
#[test]
fn no_header_is_one_that_providers_refuse_to_pages() {
    const KNOWN: &[&str] = &[
        "content-type",
        "authorization",
        "api-key",
        "x-api-key",
        "x-goog-api-key",
        "anthropic-version",
        "anthropic-dangerous-direct-browser-access",
    ];
    for preset in PRESETS {
        for name in preset.header_names(true) {
            assert!(KNOWN.contains(&name.to_lowercase().as_str()), "{}: {name}", preset.name);
        }
    }
}

#[test]
fn the_key_is_in_one_header_and_nowhere_else() {
    for preset in PRESETS {
        for request in requests::<true>(preset, KEY) {
            let holds_key = request.headers.iter().filter(|(_, value)| value.contains(KEY)).count();
            assert_eq!(holds_key, 1, "{}", preset.name);
            assert!(!request.url.contains(KEY) && !request.body.as_deref().unwrap_or_default().contains(KEY));
            assert!(!format!("{request:?}").contains(KEY));
        }
        for request in requests::<true>(preset, "") {
            let auth = preset.header_names(true).into_iter().nth(1);
            assert!(!names(&request).into_iter().any(|name| Some(name) == auth), "{}", preset.name);
        }
    }
}
