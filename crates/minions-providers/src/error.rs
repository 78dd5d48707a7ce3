//! From what a provider or a transport reports to [`ChatError`]: what is wrong and what to do.

use std::time::Duration;

use minions_chat::ChatError;
use serde_json::Value;

use crate::{ApiKey, TransportError};

/// The most characters of a provider's own words that are passed on.
const MAX_MESSAGE_CHARS: usize = 300;

/// The error that an HTTP status stands for.
pub(crate) fn from_status(status: u16, body: &str, retry_after: Option<Duration>, key: &ApiKey) -> ChatError {
    let message = provider_message(body, key);
    match status {
        401 | 403 => ChatError::AuthFailed { status },
        404 => ChatError::Provider {
            status,
            message: format!("check the base URL (it usually ends in /v1) and the model's name. {message}"),
        },
        429 => ChatError::RateLimited { message, retry_after },
        _ => ChatError::Provider { status, message },
    }
}

/// The error that a failed transport stands for. `started` says whether any of the reply had arrived.
pub(crate) fn from_transport(error: TransportError, started: bool, timeout: Duration, key: &ApiKey) -> ChatError {
    match error {
        TransportError::Timeout => ChatError::Timeout(timeout),
        TransportError::Network(detail) if started => cut_off(&shorten(&key.scrub(&detail))),
        TransportError::Network(detail) => ChatError::Network(format!(
            "the provider could not be reached: the network failed, the provider does not allow calls from web pages \
             (CORS), or it answered with an HTTP error without CORS headers; check the base URL, the key and the \
             connection ({})",
            shorten(&key.scrub(&detail))
        )),
    }
}

/// The connection ended in the middle of a reply.
pub(crate) fn cut_off(detail: &str) -> ChatError {
    ChatError::Network(format!("the reply broke off in the middle: run it again ({detail})"))
}

/// A reply that is not what it should be.
pub(crate) fn bad_reply(problem: &str, body: &str, key: &ApiKey) -> ChatError {
    let body = shorten(&key.scrub(body));
    ChatError::BadReply(if body.is_empty() { problem.to_owned() } else { format!("{problem}: {body}") })
}

/// An error object inside a reply that claimed success, as gateways send them.
pub(crate) fn from_error_object(error: &Value, key: &ApiKey) -> ChatError {
    let status = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    // A number that is not an HTTP error status is some other code; 502 says that the fault lies behind the gateway.
    let status = status.filter(|code| (400..600).contains(code)).unwrap_or(502);
    from_status(
        status,
        &Value::Object([("error".to_owned(), error.clone())].into_iter().collect()).to_string(),
        None,
        key,
    )
}

/// Whether waiting cannot help: the account has no credit left, which OpenAI reports as 429 too.
pub(crate) fn is_out_of_credit(body: &str) -> bool {
    body.contains("insufficient_quota")
}

/// The provider's own words: from the places where providers put them, else the body itself.
fn provider_message(body: &str, key: &ApiKey) -> String {
    let value: Value = serde_json::from_str(body).unwrap_or_default();
    let places = ["/error/message", "/error", "/message", "/detail", "/0/error/message"];
    let message = places.iter().find_map(|place| value.pointer(place)?.as_str());
    // The key goes first: shortening could leave half of it.
    let message = shorten(&key.scrub(message.unwrap_or(body)));
    if message.is_empty() { "the provider gives no reason".to_owned() } else { message }
}

fn shorten(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> String {
        provider_message(body, &ApiKey::new("sk-secret"))
    }

    #[test]
    fn finds_the_providers_words() {
        assert_eq!(message(r#"{"error": {"message": "boom"}}"#), "boom");
        assert_eq!(message(r#"{"error": "boom"}"#), "boom");
        assert_eq!(message(r#"{"detail": "boom"}"#), "boom");
        assert_eq!(message(r#"[{"error": {"message": "boom"}}]"#), "boom");
        assert_eq!(message("<h1>Bad\n gateway</h1>"), "<h1>Bad gateway</h1>");
        assert_eq!(message(""), "the provider gives no reason");
    }

    #[test]
    fn scrubs_before_it_shortens() {
        let long = message(&format!("{}sk-secret", "x".repeat(MAX_MESSAGE_CHARS - 4)));
        assert!(!long.contains("sk-s"));
        assert_eq!(message(&"é".repeat(400)).chars().count(), MAX_MESSAGE_CHARS + 1);
    }

    #[test]
    fn an_error_object_keeps_its_status() {
        let error = |code: &str| {
            let object = serde_json::from_str(&format!(r#"{{"code": {code}, "message": "m"}}"#)).unwrap_or_default();
            from_error_object(&object, &ApiKey::default())
        };
        assert!(matches!(error("429"), ChatError::RateLimited { .. }));
        assert!(matches!(error("\"oops\""), ChatError::Provider { status: 502, .. }));
    }
}
