//! Puts a reply together from what the provider says, in one piece or in many.

use std::collections::BTreeMap;

use minions_chat::{Alternative, ChatError, ChatResponse, FinishReason, Message, TokenCounter, TokenLogprob, Usage};

use crate::error;
use crate::lines::MAX_EVENT_BYTES;
use crate::secrets::Secrets;
use crate::wire::{Frame, Part, Tokens, Wire};

/// The replies to one request, as far as they have come.
pub(crate) struct Reply<'a> {
    wire: &'static Wire,
    secrets: Secrets<'a>,
    /// By their index.
    replies: BTreeMap<u32, Partial>,
    tokens: Tokens,
    is_last: bool,
}

#[derive(Default)]
struct Partial {
    content: String,
    finish_reason: Option<FinishReason>,
    logprobs: Option<Vec<TokenLogprob>>,
}

impl<'a> Reply<'a> {
    pub(crate) fn new(wire: &'static Wire, secrets: Secrets<'a>) -> Self {
        Self { wire, secrets, replies: BTreeMap::new(), tokens: Tokens::default(), is_last: false }
    }

    /// Takes the next piece of a stream.
    pub(crate) fn push(&mut self, piece: &str, on_delta: &mut dyn FnMut(&str)) -> Result<(), ChatError> {
        if self.is_last || piece.trim().is_empty() {
            return Ok(());
        }
        let frame = (self.wire.read)(piece, true);
        let frame = frame.map_err(|_| error::bad_reply("a piece of it is not JSON", piece, self.secrets))?;
        self.take(frame, on_delta)
    }

    /// Takes a whole reply.
    pub(crate) fn whole(&mut self, body: &str, on_delta: &mut dyn FnMut(&str)) -> Result<(), ChatError> {
        let frame = (self.wire.read)(body, false);
        let frame = frame.map_err(|_| error::bad_reply("check the base URL; it answered", body, self.secrets))?;
        if frame.error.is_none() && frame.parts.is_empty() {
            return Err(error::bad_reply("it holds no reply", body, self.secrets));
        }
        self.take(frame, on_delta)?;
        // Whatever it says of its end: nothing follows.
        self.is_last = true;
        Ok(())
    }

    fn take(&mut self, frame: Frame, on_delta: &mut dyn FnMut(&str)) -> Result<(), ChatError> {
        if let Some(error) = frame.error {
            return Err(error::from_error_object(&error, self.wire.not_found, self.secrets));
        }
        self.tokens = self.tokens.then(frame.tokens);
        self.is_last = frame.is_last;
        for Part { index, text, finish_reason, logprobs } in frame.parts {
            let reply = self.replies.entry(index).or_default();
            reply.content.push_str(&text);
            if reply.content.len() > MAX_EVENT_BYTES {
                return Err(error::too_long());
            }
            reply.finish_reason = finish_reason.or(reply.finish_reason);
            if let Some(told) = logprobs {
                reply.logprobs.get_or_insert_default().extend(told);
            }
            if index == 0 && !text.is_empty() {
                on_delta(&text);
            }
        }
        Ok(())
    }

    /// The server said that nothing follows.
    pub(crate) fn is_done(&self) -> bool {
        self.is_last
    }

    /// The text is complete, though its usage may still follow.
    pub(crate) fn is_complete(&self) -> bool {
        let all_ended = self.replies.values().all(|reply| reply.finish_reason.is_some());
        self.is_last || (!self.replies.is_empty() && all_ended)
    }

    /// The response. Without a first reply, or with an empty one, there is none.
    pub(crate) fn finish(self, messages: &[Message], counter: &TokenCounter) -> Result<ChatResponse, ChatError> {
        if !self.is_complete() {
            return Err(error::cut_off("the provider closed the connection"));
        }
        let mut replies = self.replies.into_values().map(|reply| Alternative {
            content: reply.content,
            finish_reason: reply.finish_reason.unwrap_or(FinishReason::Stop),
            tool_calls: Vec::new(),
            logprobs: reply.logprobs,
        });
        let first = replies.next();
        let finish_reason = first.as_ref().map_or(FinishReason::Stop, |first| first.finish_reason);
        let Some(Alternative { content, logprobs, .. }) = first.filter(|first| !first.content.trim().is_empty()) else {
            return Err(ChatError::BadReply(empty(finish_reason).to_owned()));
        };
        let alternatives: Vec<_> = replies.collect();
        let usage = usage(self.tokens, messages, &content, counter);
        Ok(ChatResponse { logprobs, alternatives, ..ChatResponse::new(content, finish_reason, usage) })
    }
}

/// What the provider told, and an estimate in place of what it did not tell.
fn usage(tokens: Tokens, messages: &[Message], content: &str, counter: &TokenCounter) -> Usage {
    let is_told = tokens.prompt.is_some() && tokens.completion.is_some();
    let estimate = if is_told { Usage::default() } else { Usage::estimate(messages, content, counter) };
    Usage {
        prompt_tokens: tokens.prompt.unwrap_or(estimate.prompt_tokens),
        completion_tokens: tokens.completion.unwrap_or(estimate.completion_tokens),
        cached_tokens: tokens.cached.unwrap_or(0),
        reasoning_tokens: tokens.reasoning.unwrap_or(0),
        estimated: estimate.estimated,
    }
}

fn empty(finish_reason: FinishReason) -> &'static str {
    match finish_reason {
        FinishReason::Length => "it is empty: the token limit was used up before the first word",
        FinishReason::ContentFilter => "it is empty: the provider's content filter held it back",
        FinishReason::Stop | FinishReason::ToolCalls => "it is empty: try again, or another model",
    }
}
