//! The worker's side of a Minion run: one growing conversation about the document.

use minions_chat::{ChatModel, ChatRequest, ChatResponse, Message};

use crate::record::Record;
use crate::{Error, Event, Speaker, prompt};

/// The conversation with the worker. It starts with the document and stays on the device.
pub(crate) struct Worker<'a, W> {
    model: &'a W,
    max_tokens: u32,
    messages: Vec<Message>,
    /// How many of `messages` were already sent or received.
    known: usize,
}

impl<'a, W: ChatModel> Worker<'a, W> {
    pub(crate) fn new(model: &'a W, max_tokens: u32, documents: &[String]) -> Self {
        let system = Message::system(prompt::worker_prompt(documents));
        Self { model, max_tokens, messages: vec![system], known: 0 }
    }

    /// Asks the next question.
    pub(crate) async fn ask(&mut self, message: &str, record: &mut Record<'_>) -> Result<ChatResponse, Error> {
        let round = record.round();
        record.emit(Event::WorkerRequest { round, message: message.to_owned() });
        self.messages.push(Message::user(message));

        let request = ChatRequest {
            temperature: Some(0.0),
            max_tokens: Some(self.max_tokens),
            ..ChatRequest::new(self.messages.clone())
        };
        let mut on_delta = |delta: &str| record.emit(Event::WorkerDelta { round, delta: delta.to_owned() });
        let reply = self.model.chat(&request, &mut on_delta).await;
        let reply = reply.map_err(|error| record.failure(Speaker::Worker, error))?;

        let sent = self.messages.iter().skip(self.known).cloned().collect();
        record.book(Speaker::Worker, None, sent, &reply);
        record.emit(Event::WorkerResponse {
            round,
            content: reply.content.clone(),
            finish_reason: reply.finish_reason,
            usage: reply.usage,
        });
        self.messages.push(Message::assistant(reply.content.clone()));
        self.known = self.messages.len();
        Ok(reply)
    }
}
