//! From what a provider or a transport reports to [`ChatError`]: what is wrong and what to do.

use std::time::Duration;

use minions_chat::ChatError;
use serde_json::Value;

use crate::secrets::Secrets;
use crate::{TransportError, retry};

/// Where providers put their own words: OpenAI and most, a bare text (Ollama), FastAPI, Mistral, Google's list, Cloudflare.
const PLACES: &[&str] = &[
    "/error/message",
    "/error",
    "/message",
    "/detail",
    "/0/error/message",
    "/error/0/message",
    "/errors/0/message",
    "/message/detail/0/msg",
    "/detail/0/msg",
];

/// Words of a 400 that is about the key: Google's, OpenAI's, xAI's.
const KEY_REFUSED: &[&str] = &["API_KEY_INVALID", "invalid_api_key", "Incorrect API key"];

/// Words of a 429 that waiting does not end: no credit left (OpenAI, Moonshot), a day's quota used up (Google).
const OUT_OF_CREDIT: &[&str] = &["insufficient_quota", "exceeded_current_quota", "PerDay"];

/// The HTTP statuses that errors inside a stream stand for, by their type: Anthropic's words, then OpenAI's.
const STATUSES: &[(&str, u16)] = &[
    ("invalid_request_error", 400),
    ("authentication_error", 401),
    ("billing_error", 402),
    ("permission_error", 403),
    ("not_found_error", 404),
    ("request_too_large", 413),
    ("rate_limit_error", 429),
    ("api_error", 500),
    ("timeout_error", 504),
    ("overloaded_error", 529),
    ("rate_limit_exceeded", 429),
    ("server_error", 500),
];

/// The error that an HTTP status stands for. `address` says what is usually wrong with an address that does not exist.
pub(crate) fn from_status(
    status: u16,
    body: &str,
    retry_after: Option<Duration>,
    address: &str,
    secrets: Secrets,
) -> ChatError {
    let message = provider_message(body, secrets);
    match status {
        401 | 403 => ChatError::AuthFailed { status },
        400 if KEY_REFUSED.iter().any(|words| body.contains(words)) => ChatError::AuthFailed { status },
        402 => ChatError::Provider { status, message: format!("the account has no credit left. {message}") },
        404 => ChatError::Provider { status, message: format!("{address}. {message}") },
        429 => ChatError::RateLimited { message, retry_after: retry_after.or_else(|| retry::asked_in_body(body)) },
        _ => ChatError::Provider { status, message },
    }
}

/// The error that a failed transport stands for. `started` says whether any of the reply had arrived, `advice` what is
/// known about calls to this provider from web pages.
pub(crate) fn from_transport(
    error: TransportError,
    started: bool,
    timeout: Duration,
    advice: &str,
    secrets: Secrets,
) -> ChatError {
    match error {
        TransportError::Timeout => ChatError::Timeout(timeout),
        TransportError::Network(detail) if started => cut_off(&secrets.hide(&detail)),
        TransportError::Network(detail) => ChatError::Network(format!(
            "the provider could not be reached: the network failed, the provider does not allow calls from web pages \
             (CORS), or it answered with an HTTP error without CORS headers; check the base URL, the key and the \
             connection{advice} ({})",
            secrets.hide(&detail)
        )),
    }
}

/// The connection ended in the middle of a reply.
pub(crate) fn cut_off(detail: &str) -> ChatError {
    ChatError::Network(format!("the reply broke off in the middle: run it again ({detail})"))
}

/// A reply that is longer than any model's.
pub(crate) fn too_long() -> ChatError {
    ChatError::BadReply("it does not end: more than 16 MB arrived in one piece; check the base URL".to_owned())
}

/// A reply that is not what it should be.
pub(crate) fn bad_reply(problem: &str, body: &str, secrets: Secrets) -> ChatError {
    let body = secrets.hide(body);
    ChatError::BadReply(if body.is_empty() { problem.to_owned() } else { format!("{problem}: {body}") })
}

/// An error object inside a reply that claimed success, as streams and gateways send them.
pub(crate) fn from_error_object(error: &Value, address: &str, secrets: Secrets) -> ChatError {
    // A number that is not an HTTP error status is some other code; 502 says that the fault lies behind the gateway.
    let code = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let code = code.filter(|code| (400..600).contains(code));
    let status = code.or_else(|| status_of(error, "type")).or_else(|| status_of(error, "code")).unwrap_or(502);
    let body = Value::Object([("error".to_owned(), error.clone())].into_iter().collect());
    from_status(status, &body.to_string(), None, address, secrets)
}

fn status_of(error: &Value, field: &str) -> Option<u16> {
    let name = error.get(field)?.as_str()?;
    STATUSES.iter().find(|(known, _)| *known == name).map(|(_, status)| *status)
}

/// Whether waiting cannot help although the status says that it may.
pub(crate) fn is_out_of_credit(body: &str) -> bool {
    OUT_OF_CREDIT.iter().any(|words| body.contains(words))
}

/// The provider's own words. JSON that holds them nowhere is not shown, since it may hold anything; what is no JSON
/// shows what was asked instead of a provider.
fn provider_message(body: &str, secrets: Secrets) -> String {
    let message = match serde_json::from_str::<Value>(body) {
        Ok(value) => {
            let words = PLACES.iter().find_map(|place| value.pointer(place)?.as_str());
            secrets.hide(words.unwrap_or_default())
        }
        Err(_) => secrets.hide(body),
    };
    if message.is_empty() { "the provider gives no reason".to_owned() } else { message }
}

#[cfg(test)]
mod tests {
    use minions_chat::Message;

    use super::*;
    use crate::ApiKey;

    fn message(body: &str) -> String {
        provider_message(body, Secrets { key: &ApiKey::new("sk-secret"), messages: &[] })
    }

    fn from_object(object: &str) -> ChatError {
        let object = serde_json::from_str(object).unwrap_or_default();
        from_error_object(&object, "check the address", Secrets { key: &ApiKey::default(), messages: &[] })
    }

    #[test]
    fn finds_the_providers_words() {
        for body in [
            r#"{"error": {"message": "boom"}}"#,
            r#"{"error": "boom"}"#,
            r#"{"detail": "boom"}"#,
            r#"{"detail": [{"loc": ["body"], "msg": "boom"}]}"#,
            r#"{"object": "error", "message": {"detail": [{"msg": "boom"}]}}"#,
            r#"[{"error": {"message": "boom"}}]"#,
            r#"{"success": false, "errors": [{"code": 1, "message": "boom"}]}"#,
            "boom",
        ] {
            assert_eq!(message(body), "boom", "{body}");
        }
        for body in ["", "{}", r#"{"input": "a document"}"#, r#"{"error": {"message": ""}}"#] {
            assert_eq!(message(body), "the provider gives no reason", "{body}");
        }
    }

    #[test]
    fn does_not_repeat_the_request() {
        let (key, messages) = (ApiKey::new("sk-secret"), [Message::user("The patient is Mara Kovač.")]);
        let body = r#"{"detail": "invalid: 'The patient is Mara Kovač.' (sk-secret)"}"#;
        let error = from_status(422, body, None, "", Secrets { key: &key, messages: &messages });
        assert_eq!(error.to_string(), "the provider answered 422: invalid: '[…]' ([API key])");
    }

    #[test]
    fn an_error_object_keeps_its_status() {
        assert!(matches!(from_object(r#"{"code": 429, "message": "m"}"#), ChatError::RateLimited { .. }));
        assert!(matches!(from_object(r#"{"code": "oops"}"#), ChatError::Provider { status: 502, .. }));
        assert!(matches!(from_object(r#"{"code": 7}"#), ChatError::Provider { status: 502, .. }));
        assert!(matches!(from_object(r#"{"type": "overloaded_error"}"#), ChatError::Provider { status: 529, .. }));
        assert!(matches!(
            from_object(r#"{"type": "x", "code": "rate_limit_exceeded"}"#),
            ChatError::RateLimited { .. }
        ));
        assert_eq!(from_object(r#""boom""#).to_string(), "the provider answered 502: boom");
    }

    #[test]
    fn a_refused_key_is_known_by_its_words_where_the_status_does_not_tell() {
        let secrets = Secrets { key: &ApiKey::default(), messages: &[] };
        let body = r#"{"error": {"code": 400, "message": "m", "details": [{"reason": "API_KEY_INVALID"}]}}"#;
        assert_eq!(from_status(400, body, None, "", secrets), ChatError::AuthFailed { status: 400 });
    }
}
