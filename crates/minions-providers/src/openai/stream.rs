//! A reply that arrives piece by piece.

use minions_chat::{ChatError, ChatResponse, Message};

use super::response::{Replies, WireResponse, WireUsage};
use crate::{ApiKey, error};

/// Whether bytes start a stream of server-sent events: with a field's name, a comment or a byte order mark.
pub(super) fn is_stream(start: &[u8]) -> bool {
    let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
    // data, event, id, retry, a comment, a byte order mark
    matches!(first, Some(b'd' | b'e' | b'i' | b'r' | b':' | 0xef))
}

/// Puts a streamed reply together.
pub(super) struct Reply<'a> {
    key: &'a ApiKey,
    replies: Replies,
    usage: Option<WireUsage>,
    has_ended: bool,
}

impl<'a> Reply<'a> {
    pub(super) fn new(key: &'a ApiKey) -> Self {
        Self { key, replies: Replies::default(), usage: None, has_ended: false }
    }

    /// Takes the data of the next event.
    pub(super) fn push(&mut self, data: &str, on_delta: &mut dyn FnMut(&str)) -> Result<(), ChatError> {
        if self.has_ended {
            return Ok(());
        }
        if data.trim() == "[DONE]" {
            self.has_ended = true;
            return Ok(());
        }
        let wire: WireResponse =
            serde_json::from_str(data).map_err(|_| error::bad_reply("a piece of it is not JSON", data, self.key))?;
        if let Some(error) = wire.error {
            return Err(error::from_error_object(&error, self.key));
        }
        // Some servers send a growing count with every piece: the last one counts.
        self.usage = wire.usage.or(self.usage);
        for choice in wire.choices {
            if let Some(delta) = self.replies.push(choice, true) {
                on_delta(&delta);
            }
        }
        Ok(())
    }

    /// The server said that nothing follows.
    pub(super) fn is_done(&self) -> bool {
        self.has_ended
    }

    /// The text is complete, though its usage may still follow.
    pub(super) fn is_complete(&self) -> bool {
        self.has_ended || self.replies.are_complete()
    }

    /// The whole reply.
    pub(super) fn finish(self, messages: &[Message]) -> Result<ChatResponse, ChatError> {
        if !self.is_complete() {
            return Err(error::cut_off("the provider closed the connection"));
        }
        self.replies.finish(self.usage, messages)
    }
}
