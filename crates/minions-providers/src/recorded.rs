//! A supervisor that plays back what was written down for one task, so that a page can show a whole run without a key.
//!
//! A recording is never to pass for a live model: it carries a label, and it refuses any task but its own.

use minions_chat::{ChatError, ChatModel, ChatRequest, ChatResponse, FinishReason, Message, Role, TokenCounter, Usage};
use serde::Deserialize;
use serde_json::Value;

/// Replies for one task, in order.
///
/// It keeps no position: the n-th reply answers the conversation that holds n-1 replies already, so one recording
/// serves any number of runs. A reply may hold the slots `{{worker.1}}`, `{{worker.2}}`, …: what the worker said in
/// that round of this very run, which is what stands between `<reply>` and `</reply>` in the conversation's second,
/// third, … user message.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Recording {
    /// What to show to the user as the model's name.
    pub label: String,
    /// The task that the replies belong to.
    pub task: String,
    /// The replies.
    pub replies: Vec<RecordedReply>,
}

/// One recorded reply.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RecordedReply {
    /// A text, or an object that is sent as JSON text. Slots are filled in every string.
    pub content: Value,
    /// What the call cost when it was recorded; by [`Usage::estimate`]'s rule if nothing was recorded.
    pub usage: Option<Usage>,
}

/// A recording that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the recording is not valid: {0}")]
pub struct RecordingError(#[from] serde_json::Error);

impl Recording {
    /// Reads a recording from JSON.
    ///
    /// # Errors
    /// If the text is not a recording.
    pub fn from_json(json: &str) -> Result<Self, RecordingError> {
        Ok(serde_json::from_str(json)?)
    }
}

impl ChatModel for Recording {
    async fn chat(&self, request: &ChatRequest, on_delta: &mut dyn FnMut(&str)) -> Result<ChatResponse, ChatError> {
        let said: Vec<&Message> = of(&request.messages, Role::User).collect();
        if !said.first().is_some_and(|message| message.content.contains(&self.task)) {
            let message = format!("\"{}\" answers only its own task: {}", self.label, self.task);
            return Err(ChatError::InvalidRequest(message));
        }
        let position = of(&request.messages, Role::Assistant).count();
        let reply = self.replies.get(position).ok_or_else(|| {
            let message = format!("\"{}\" ends after {} replies", self.label, self.replies.len());
            ChatError::InvalidRequest(message)
        })?;

        let worker: Vec<&str> = said.iter().skip(1).map(|message| worker_reply(&message.content)).collect();
        let content = match fill(&reply.content, &worker) {
            Value::String(text) => text,
            object => object.to_string(),
        };
        on_delta(&content);
        let usage =
            reply.usage.unwrap_or_else(|| Usage::estimate(&request.messages, &content, &TokenCounter::default()));
        Ok(ChatResponse::new(content, FinishReason::Stop, usage))
    }
}

fn of(messages: &[Message], role: Role) -> impl Iterator<Item = &Message> {
    messages.iter().filter(move |message| message.role == role)
}

/// What the worker said, out of what the supervisor was told.
fn worker_reply(message: &str) -> &str {
    let reply = message.split_once("<reply>").and_then(|(_, rest)| rest.rsplit_once("</reply>"));
    reply.map_or("(no reply)", |(reply, _)| reply.trim())
}

fn fill(value: &Value, worker: &[&str]) -> Value {
    match value {
        Value::String(text) => Value::String(fill_text(text, worker)),
        Value::Array(items) => items.iter().map(|item| fill(item, worker)).collect(),
        Value::Object(entries) => entries.iter().map(|(key, item)| (key.clone(), fill(item, worker))).collect(),
        other => other.clone(),
    }
}

/// Fills the slots; what is filled in is not searched again, and what is no slot stays.
fn fill_text(text: &str, worker: &[&str]) -> String {
    let mut parts = text.split("{{worker.");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let slot = part.split_once("}}").and_then(|(number, rest)| Some((number.parse::<usize>().ok()?, rest)));
        let reply = slot.and_then(|(number, rest)| Some((*worker.get(number.checked_sub(1)?)?, rest)));
        match reply {
            Some((reply, rest)) => filled.extend([reply, rest]),
            None => filled.extend(["{{worker.", part]),
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_in_what_the_worker_said() {
        assert_eq!(fill_text("a {{worker.2}} b {{worker.1}}.", &["{{worker.2}}", "two"]), "a two b {{worker.2}}.");
        assert_eq!(
            fill_text("{{worker.3}} {{worker.0}} {{worker.x}}", &["one"]),
            "{{worker.3}} {{worker.0}} {{worker.x}}"
        );
    }

    #[test]
    fn finds_the_workers_words_in_what_the_supervisor_was_told() {
        assert_eq!(worker_reply("<reply>\nsaid </reply> so\n</reply>\nAnd now?"), "said </reply> so");
        assert_eq!(worker_reply("(The model gave nothing.)\nAnd now?"), "(no reply)");
    }

    #[test]
    fn the_patient_record_is_a_recording() {
        let recording = Recording::from_json(include_str!("../recordings/patient-record.json"));
        assert!(recording.is_ok_and(|recording| recording.replies.len() == 3));
    }
}
