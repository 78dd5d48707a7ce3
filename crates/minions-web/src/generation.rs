//! A reply of the local model as a stream of pieces.

use std::rc::Rc;

use minions_chat::{Alternative, ChatModel, ChatRequest, ChatResponse, FinishReason, TokenLogprob, ToolCall, Usage};
use minions_engine::Engine;
use serde::Serialize;

use crate::stream::Stream;

/// A part of a reply: `Piece` in `js/wire.ts`.
#[derive(Serialize)]
#[serde(untagged)]
enum Piece<'a> {
    /// The next text.
    Delta { content: &'a str },
    /// The end, and the other replies.
    End {
        finish_reason: FinishReason,
        usage: Usage,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<ToolCall>,
        #[serde(skip_serializing_if = "Option::is_none")]
        logprobs: Option<Vec<TokenLogprob>>,
        alternatives: Vec<Alternative>,
    },
}

/// Starts the reply.
pub(crate) fn start(engine: Rc<Engine>, request: ChatRequest) -> Stream {
    Stream::new(|items| async move {
        let reply = engine.chat(&request, &mut |content| items.push(&Piece::Delta { content })).await?;
        let ChatResponse { finish_reason, usage, tool_calls, logprobs, alternatives, .. } = reply;
        items.push(&Piece::End { finish_reason, usage, tool_calls, logprobs, alternatives });
        Ok(())
    })
}
