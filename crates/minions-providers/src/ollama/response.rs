//! From the wire to a reply: a line of a stream and a whole reply look the same.

use minions_chat::FinishReason;
use serde::Deserialize;
use serde_json::Value;

use crate::wire::{Frame, Part, Tokens};

/// Reads one line or a whole reply.
pub(super) fn read(text: &str, _is_piece: bool) -> Result<Frame, serde_json::Error> {
    let wire: WireResponse = serde_json::from_str(text)?;
    let finish_reason = wire.done.then_some(match wire.done_reason.as_deref() {
        Some("length") => FinishReason::Length,
        _ => FinishReason::Stop,
    });
    let part = wire.message.map(|message| Part { text: message.content, finish_reason, ..Part::default() });
    Ok(Frame {
        parts: part.into_iter().collect(),
        // A prompt that was in the cache has no count in older versions.
        tokens: Tokens { prompt: wire.prompt_eval_count, completion: wire.eval_count, ..Tokens::default() },
        error: wire.error,
        is_last: wire.done,
    })
}

#[derive(Deserialize)]
struct WireResponse {
    message: Option<WireMessage>,
    #[serde(default)]
    done: bool,
    done_reason: Option<String>,
    prompt_eval_count: Option<u64>,
    eval_count: Option<u64>,
    error: Option<Value>,
}

/// What is said; thoughts have a field of their own.
#[derive(Deserialize)]
struct WireMessage {
    #[serde(default)]
    content: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_tells_reason_and_usage() {
        let frame = read(
            r#"{"message": {"role": "assistant", "content": "", "thinking": "hm"}, "done": true, "done_reason": "length",
                "prompt_eval_count": 4, "eval_count": 3}"#,
            true,
        );
        let Ok(Frame { parts, tokens, is_last: true, .. }) = frame else { panic!("the last line") };
        assert_eq!((tokens.prompt, tokens.completion), (Some(4), Some(3)));
        let [part] = parts.as_slice() else { panic!("a part") };
        assert_eq!((part.text.as_str(), part.finish_reason), ("", Some(FinishReason::Length)));
    }
}
