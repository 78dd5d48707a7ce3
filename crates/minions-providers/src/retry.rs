//! When a failed call is tried again, and after how long.

use std::time::Duration;

use minions_chat::ChatError;
use serde_json::Value;

use crate::HttpResponse;

/// The wait before the first retry; it doubles with each further one.
const FIRST_DELAY: Duration = Duration::from_millis(500);
/// The longest wait. Someone sits in front of the page: a provider that asks for more gets no further call.
const MAX_DELAY: Duration = Duration::from_secs(30);

/// How long to wait before another attempt after `error`; `None` if another attempt makes no sense.
///
/// `attempt` counts from 0. What the provider asks for (`Retry-After`) comes before our own schedule.
pub(crate) fn delay(error: &ChatError, attempt: u32) -> Option<Duration> {
    if !error.is_retryable() {
        return None;
    }
    let delay = match error {
        ChatError::RateLimited { retry_after: Some(asked), .. } => *asked,
        _ => FIRST_DELAY.saturating_mul(2_u32.saturating_pow(attempt)).min(MAX_DELAY),
    };
    (delay <= MAX_DELAY).then_some(delay)
}

/// How long the headers of a response ask to wait: `retry-after-ms` (OpenAI, Azure) or `retry-after`.
pub(crate) fn asked_in_headers<B>(response: &HttpResponse<B>) -> Option<Duration> {
    let millis = response.header("retry-after-ms").and_then(parse_retry_after).map(|asked| asked / 1000);
    millis.or_else(|| response.header("retry-after").and_then(parse_retry_after))
}

/// How long an error's body asks to wait: Google's `RetryInfo`, such as `"retryDelay": "34.5s"`.
pub(crate) fn asked_in_body(body: &str) -> Option<Duration> {
    let body: Value = serde_json::from_str(body).ok()?;
    let details = body.pointer("/error/details")?.as_array()?;
    let asked = details.iter().find_map(|detail| detail.get("retryDelay")?.as_str())?;
    parse_retry_after(asked.strip_suffix('s')?)
}

/// Reads a `Retry-After` header in seconds. Its other form, a date, would need a clock: our own schedule serves then.
fn parse_retry_after(header: &str) -> Option<Duration> {
    let seconds: f64 = header.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate_limited(retry_after: Option<u64>) -> ChatError {
        ChatError::RateLimited { message: String::new(), retry_after: retry_after.map(Duration::from_secs) }
    }

    #[test]
    fn waits_twice_as_long_each_time_up_to_a_limit() {
        let error = ChatError::Provider { status: 500, message: String::new() };
        let delays: Vec<_> = [0, 1, 2, 40].iter().map(|attempt| delay(&error, *attempt)).collect();
        assert_eq!(delays, [500, 1000, 2000, 30_000].map(|millis| Some(Duration::from_millis(millis))));
    }

    #[test]
    fn does_as_the_provider_asks_within_reason() {
        assert_eq!(delay(&rate_limited(Some(3)), 0), Some(Duration::from_secs(3)));
        assert_eq!(delay(&rate_limited(None), 0), Some(FIRST_DELAY));
        assert_eq!(delay(&rate_limited(Some(3600)), 0), None);
    }

    #[test]
    fn does_not_repeat_what_would_fail_again() {
        assert_eq!(delay(&ChatError::AuthFailed { status: 401 }, 0), None);
        assert_eq!(delay(&ChatError::Provider { status: 400, message: String::new() }, 0), None);
        assert_eq!(delay(&ChatError::BadReply(String::new()), 0), None);
    }

    #[test]
    fn finds_what_is_asked_for() {
        let response = |name: &str, value: &str| HttpResponse {
            status: 429,
            headers: vec![(name.to_owned(), value.to_owned())],
            body: (),
        };
        assert_eq!(asked_in_headers(&response("retry-after", "2")), Some(Duration::from_secs(2)));
        assert_eq!(asked_in_headers(&response("retry-after-ms", "250")), Some(Duration::from_millis(250)));
        assert_eq!(asked_in_headers(&response("x", "2")), None);
        let body = r#"{"error": {"details": [{"@type": "x"}, {"retryDelay": "34.5s"}]}}"#;
        assert_eq!(asked_in_body(body), Some(Duration::from_millis(34_500)));
        assert_eq!(asked_in_body(r#"{"error": {"message": "m"}}"#), None);
    }

    #[test]
    fn reads_seconds_only() {
        assert_eq!(parse_retry_after(" 2 "), Some(Duration::from_secs(2)));
        assert_eq!(parse_retry_after("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(parse_retry_after("Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(parse_retry_after("-1"), None);
        assert_eq!(parse_retry_after("NaN"), None);
    }
}
