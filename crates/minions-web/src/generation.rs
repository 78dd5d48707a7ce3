//! A reply of the local model as a stream of pieces.

use std::rc::Rc;

use minions_chat::{ChatModel, ChatRequest, FinishReason, Usage};
use minions_engine::Engine;
use serde::Serialize;

use crate::stream::Stream;

/// A part of a reply: `Piece` in `js/wire.ts`.
#[derive(Serialize)]
#[serde(untagged)]
enum Piece<'a> {
    /// The next text.
    Delta { content: &'a str },
    /// The end.
    End { finish_reason: FinishReason, usage: Usage },
}

/// Starts the reply.
pub(crate) fn start(engine: Rc<Engine>, request: ChatRequest) -> Stream {
    Stream::new(|items| async move {
        let reply = engine.chat(&request, &mut |content| items.push(&Piece::Delta { content })).await?;
        items.push(&Piece::End { finish_reason: reply.finish_reason, usage: reply.usage });
        Ok(())
    })
}
