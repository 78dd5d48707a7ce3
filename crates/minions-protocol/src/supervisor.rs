//! The supervisor's side of a run: conversations that never hold a document.
//!
//! Knows nothing of what is asked: the caller brings the prompt and the reader of the reply.

use minions_chat::{ChatModel, ChatRequest, ChatResponse, FinishReason, Message, ResponseFormat};
use serde_json::Value;

use crate::record::{Call, Failure, Record};
use crate::{Event, Stage, json, prompt};

/// A conversation with the supervisor. It grows, so that a provider's prompt cache can serve what it holds.
pub(crate) struct Supervisor<'a, S> {
    model: &'a S,
    messages: Vec<Message>,
}

/// A question that wants a JSON object for an answer.
pub(crate) struct Inquiry<'a> {
    pub(crate) stage: Stage,
    pub(crate) message: String,
    /// What the object looks like, where the model can be held to it.
    pub(crate) format: ResponseFormat,
    /// The keys by which the object is told from others in the reply.
    pub(crate) keys: &'a [&'a str],
    /// How often the question is put before the run goes on without a readable reply.
    pub(crate) attempts: u32,
}

/// The last of the replies that could not be read, as it stands.
pub(crate) struct Unreadable(pub(crate) String);

impl<'a, S: ChatModel> Supervisor<'a, S> {
    pub(crate) fn new(model: &'a S) -> Self {
        Self { model, messages: Vec::new() }
    }

    /// Goes back to the conversation's first `length` messages.
    pub(crate) fn rewind(&mut self, length: usize) {
        self.messages.truncate(length);
    }

    /// Puts the question and reads the reply; if it cannot be read, asks again and says why.
    pub(crate) async fn ask<T>(
        &mut self,
        inquiry: Inquiry<'_>,
        read: impl Fn(Value) -> Result<T, String>,
        record: &mut Record<'_>,
    ) -> Result<Result<T, Unreadable>, Failure> {
        let Inquiry { stage, mut message, format, keys, attempts } = inquiry;
        let mut attempt = 1;
        loop {
            let reply = self.say(stage, message, &format, record).await?;
            let value = json::extract(&reply.content, keys).map_err(|error| error.to_string());
            let value = value.map(|mut value| {
                record.restore_value(&mut value);
                value
            });
            let reason = match value.and_then(&read) {
                Ok(value) => return Ok(Ok(value)),
                Err(reason) if reply.finish_reason == FinishReason::Length => {
                    format!("{reason} (the reply was cut off at its token limit)")
                }
                Err(reason) => reason,
            };
            message = prompt::fill(prompt::REASK, &[("reason", &reason)]);
            record.emit(Event::ReplyRejected { round: record.round(), stage, attempt, reason });
            if attempt == attempts {
                return Ok(Err(Unreadable(record.restore(&reply.content).into_owned())));
            }
            attempt += 1;
        }
    }

    /// Says something and returns the reply in the supervisor's own words, placeholders included.
    pub(crate) async fn say(
        &mut self,
        stage: Stage,
        message: String,
        format: &ResponseFormat,
        record: &mut Record<'_>,
    ) -> Result<ChatResponse, Failure> {
        let round = record.round();
        let sent = Message::user(record.redact(message));
        self.messages.push(sent.clone());
        record.emit(Event::SupervisorRequest { round, stage, messages: self.messages.clone() });

        // Temperature and token limit are left to the model: several reasoning models refuse the one or the other.
        let request = ChatRequest { response_format: format.clone(), ..ChatRequest::new(self.messages.clone()) };
        let delta = |delta| Event::SupervisorDelta { round, stage, delta };
        let reply = record.call(Call::Supervisor(stage), self.model, &request, vec![sent], delta).await?;
        let content = reply.content.clone();
        record.emit(Event::SupervisorResponse { round, stage, content, usage: reply.usage });
        self.messages.push(Message::assistant(reply.content.clone()));
        Ok(reply)
    }
}
