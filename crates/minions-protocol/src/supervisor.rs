//! The supervisor's side of a run: one growing conversation, in JSON, that never holds the document.
//!
//! Knows nothing of what is asked: the caller brings the prompt and the reader of the reply.

use minions_chat::{ChatModel, ChatRequest, ChatResponse, FinishReason, Message, ResponseFormat};

use crate::record::Record;
use crate::{Error, Event, Speaker, Stage, prompt};

/// The conversation with the supervisor. It only grows, so that a provider's prompt cache can serve what it holds.
pub(crate) struct Supervisor<'a, S> {
    model: &'a S,
    messages: Vec<Message>,
}

/// A reply that could not be read twice over: the second one, raw.
pub(crate) struct Unreadable(pub(crate) String);

/// How often a question is put before the run goes on without a readable reply.
const MAX_ATTEMPTS: u32 = 2;

impl<'a, S: ChatModel> Supervisor<'a, S> {
    pub(crate) fn new(model: &'a S) -> Self {
        Self { model, messages: Vec::new() }
    }

    /// Says `message` and reads the reply; if it cannot be read, asks once more and says why.
    pub(crate) async fn ask<T>(
        &mut self,
        stage: Stage,
        message: String,
        read: impl Fn(&str) -> Result<T, String>,
        record: &mut Record<'_>,
    ) -> Result<Result<T, Unreadable>, Error> {
        let mut message = message;
        let mut attempt = 1;
        loop {
            let reply = self.say(stage, message, record).await?;
            let reason = match read(&reply.content) {
                Ok(value) => return Ok(Ok(value)),
                Err(reason) if reply.finish_reason == FinishReason::Length => {
                    format!("{reason} (the reply was cut off at its token limit)")
                }
                Err(reason) => reason,
            };
            message = prompt::fill(prompt::REASK, &[("reason", &reason)]);
            record.emit(Event::ReplyRejected { round: record.round(), stage, attempt, reason });
            if attempt == MAX_ATTEMPTS {
                return Ok(Err(Unreadable(reply.content)));
            }
            attempt += 1;
        }
    }

    async fn say(&mut self, stage: Stage, message: String, record: &mut Record<'_>) -> Result<ChatResponse, Error> {
        let round = record.round();
        let sent = Message::user(message);
        self.messages.push(sent.clone());
        record.emit(Event::SupervisorRequest { round, stage, messages: self.messages.clone() });

        // Temperature and token limit are left to the model: several reasoning models refuse the one or the other.
        let request =
            ChatRequest { response_format: ResponseFormat::JsonObject, ..ChatRequest::new(self.messages.clone()) };
        let mut on_delta = |delta: &str| record.emit(Event::SupervisorDelta { round, stage, delta: delta.to_owned() });
        let reply = self.model.chat(&request, &mut on_delta).await;
        let reply = reply.map_err(|error| record.failure(Speaker::Supervisor, error))?;

        record.book(Speaker::Supervisor, Some(stage), vec![sent], &reply);
        let content = reply.content.clone();
        record.emit(Event::SupervisorResponse { round, stage, content, usage: reply.usage });
        self.messages.push(Message::assistant(reply.content.clone()));
        Ok(reply)
    }
}
