//! The worker's side of a Minion run: one growing conversation about the document.

use minions_chat::{ChatModel, ChatRequest, ChatResponse, Message};

use super::Minion;
use crate::record::{Call, Failure, Record};
use crate::{Event, Question, prompt};

/// The conversation with the worker. It starts with the document and stays on the device.
pub(crate) struct Worker<'a, W> {
    model: &'a W,
    max_tokens: u32,
    samples: u32,
    seed: u64,
    messages: Vec<Message>,
    /// How many of `messages` were already sent or received.
    known: usize,
}

impl<'a, W: ChatModel> Worker<'a, W> {
    pub(crate) fn new(model: &'a W, minion: &Minion, question: &Question) -> Self {
        let system = Message::system(prompt::worker_prompt(&question.context));
        let Minion { worker_max_tokens: max_tokens, samples, .. } = *minion;
        Self { model, max_tokens, samples, seed: question.seed, messages: vec![system], known: 0 }
    }

    /// Asks the next question, `samples` times over.
    pub(crate) async fn ask(&mut self, message: &str, record: &mut Record<'_>) -> Result<Vec<ChatResponse>, Failure> {
        let round = record.round();
        record.emit(Event::WorkerRequest { round, message: message.to_owned() });
        self.messages.push(Message::user(message));

        let is_sampled = self.samples > 1;
        let mut replies = Vec::new();
        for sample in 0..self.samples.max(1) {
            let request = ChatRequest {
                temperature: Some(if is_sampled { SAMPLING_TEMPERATURE } else { 0.0 }),
                seed: is_sampled.then(|| self.seed.wrapping_add(u64::from(sample))),
                max_tokens: Some(self.max_tokens),
                ..ChatRequest::new(self.messages.clone())
            };
            let sent = self.messages.iter().skip(self.known).cloned().collect();
            self.known = self.messages.len();
            let delta = |delta| Event::WorkerDelta { round, delta };
            let reply = record.call(Call::Worker, self.model, &request, sent, delta).await?;
            record.emit(Event::WorkerResponse {
                round,
                content: reply.content.clone(),
                finish_reason: reply.finish_reason,
                usage: reply.usage,
            });
            replies.push(reply);
        }
        Ok(replies)
    }

    /// The attempt that the conversation goes on from.
    pub(crate) fn keep(&mut self, reply: &ChatResponse) {
        self.messages.push(Message::assistant(reply.content.clone()));
        self.known = self.messages.len();
    }
}

/// High enough for attempts to differ, low enough to make sense.
const SAMPLING_TEMPERATURE: f32 = 0.7;
