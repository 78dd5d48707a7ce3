//! One job: one task put to one chunk, and what came of it.

use std::ops::Range;

use minions_chat::{FinishReason, ResponseFormat, Usage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::plan::{AnswerType, strict_format};
use crate::{json, locate_citation, prompt, text};

/// One task put to one chunk. Numbers count from 1 and go on from round to round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobManifest {
    /// The job.
    pub job_id: usize,
    /// The task; the same words have the same number.
    pub task_id: usize,
    /// The chunk; the same piece of text has the same number.
    pub chunk_id: usize,
    /// The document, unless the chunk is made of earlier answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<usize>,
    /// Where the chunk stands in the document, in bytes of its UTF-8.
    pub range: Range<usize>,
    /// Which of the repetitions of this task and chunk it is.
    pub sample: u32,
    /// What is asked.
    pub task: String,
    /// What to look for, and where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// The form of the answer.
    pub answer_type: AnswerType,
}

/// What the worker replies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct JobOutput {
    /// Why.
    pub explanation: Option<String>,
    /// The words of the chunk that answer.
    pub citation: Option<String>,
    /// The answer; `None` if the chunk does not say.
    pub answer: Option<String>,
}

/// What became of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobResult {
    /// The job.
    pub job_id: usize,
    /// How it ended.
    pub status: JobStatus,
    /// What the worker replied.
    pub output: JobOutput,
    /// The citation as it stands in the chunk, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// How often the worker was asked.
    pub attempts: u32,
    /// What all attempts cost.
    pub usage: Usage,
    /// Why there is no reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum JobStatus {
    /// It answers, and its citation stands in the chunk.
    Supported,
    /// It answers, and nothing in the chunk bears it out.
    Unsupported,
    /// The chunk does not say.
    Absent,
    /// The reply was cut off at its token limit, twice.
    Truncated,
    /// The reply is not the JSON asked for.
    Unreadable,
    /// The worker could not be asked, for a reason that concerns this job alone.
    Failed,
}

impl JobManifest {
    /// The advice, and the form of the answer where that is not plain text.
    pub(crate) fn hint(&self) -> Option<String> {
        let form = match self.answer_type {
            AnswerType::Text => None,
            AnswerType::Number => Some("Give the number with its unit."),
            AnswerType::Date => Some("Give the date."),
            AnswerType::List => Some("Give all of them, separated by semicolons."),
        };
        let parts: Vec<_> = self.advice.as_deref().into_iter().chain(form).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

/// The worker's message: the rules and the chunk first, so that jobs about one chunk share what is read before the task.
///
/// Its wording is fixed: the demo worker was trained on it.
pub fn job_prompt(chunk: &str, task: &str, advice: Option<&str>) -> String {
    let prompt = prompt::fill(prompt::JOB, &[("chunk", chunk), ("task", task)]);
    match advice.map(str::trim).filter(|advice| !advice.is_empty()) {
        Some(advice) => format!("{prompt}\n\n## Advice\n{advice}"),
        None => prompt,
    }
}

/// The form of a reply for workers that can be held to one.
pub(crate) fn format() -> ResponseFormat {
    strict_format::<JobOutput>("job_output")
}

/// The same for workers that can be held to the words of a chunk.
pub(crate) fn format_citing(chunk: &str, format: &ResponseFormat) -> ResponseFormat {
    let mut format = format.clone();
    if let ResponseFormat::JsonSchema { json_schema } = &mut format {
        json_schema.quote_of.insert("citation".to_owned(), chunk.to_owned());
    }
    format
}

/// Reads a reply and holds it against the chunk.
pub(crate) fn judge(reply: &str, finish_reason: FinishReason, chunk: &str) -> (JobStatus, JobOutput, Option<String>) {
    let output = match json::extract(reply, &["explanation", "citation", "answer"]) {
        Ok(Value::Object(mut object)) => {
            let mut take =
                |key: &str| object.remove(key).as_ref().and_then(text::of).filter(|text| says_something(text));
            JobOutput { explanation: take("explanation"), citation: take("citation"), answer: take("answer") }
        }
        _ if finish_reason == FinishReason::Length => return (JobStatus::Truncated, JobOutput::default(), None),
        _ => match json::prose(reply) {
            // Prose can be an answer in the worker's own words; only a quotation makes it evidence.
            Some(prose) if says_something(&prose) => JobOutput { answer: Some(prose), ..JobOutput::default() },
            Some(_) => JobOutput::default(),
            None => return (JobStatus::Unreadable, JobOutput::default(), None),
        },
    };
    let Some(answer) = &output.answer else { return (JobStatus::Absent, output, None) };
    let own_words = Some(answer).filter(|answer| answer.chars().count() >= MIN_QUOTED_ANSWER);
    let range = output.citation.as_ref().or(own_words).and_then(|citation| locate_citation(citation, chunk));
    let quote = range.and_then(|range| chunk.get(range)).map(str::to_owned);
    let status = if quote.is_some() { JobStatus::Supported } else { JobStatus::Unsupported };
    (status, output, quote)
}

/// An answer without a citation counts as its own if it stands in the chunk; shorter ones do so by chance.
const MIN_QUOTED_ANSWER: usize = 6;

/// What models write when there is nothing to write.
const NOTHING: &[&str] = &[
    "none",
    "null",
    "nil",
    "n/a",
    "na",
    "-",
    "–",
    "unknown",
    "not found",
    "not stated",
    "not specified",
    "not mentioned",
    "not available",
    "not provided",
    "no answer",
    "no information",
];

fn says_something(text: &str) -> bool {
    let plain =
        text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '.' | '"' | '\'' | '(' | ')')).to_lowercase();
    !plain.is_empty() && !NOTHING.contains(&plain.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNK: &str = "The CT of the spine used the contrast agent\n  “Omnipaque 240”. It went well.";

    fn judged(reply: &str) -> JobStatus {
        judge(reply, FinishReason::Stop, CHUNK).0
    }

    #[test]
    fn a_citation_must_stand_in_the_chunk() {
        let reply = |citation: &str| format!(r#"{{"explanation": "e", "citation": "{citation}", "answer": "it"}}"#);
        assert_eq!(judged(&reply("contrast agent 'Omnipaque 240'")), JobStatus::Supported);
        assert_eq!(judged(&reply("contrast agent Ultravist")), JobStatus::Unsupported);
        let (_, _, quote) = judge(&reply("contrast agent 'Omnipaque 240'"), FinishReason::Stop, CHUNK);
        assert!(quote.is_some_and(|quote| CHUNK.contains(&quote)), "the quote is the document's own text");
    }

    #[test]
    fn nothing_in_any_words_is_absent() {
        for nothing in ["null", r#""""#, r#"" None. ""#, r#""N/A""#, r#""(not stated)""#, "[]"] {
            assert_eq!(
                judged(&format!(r#"{{"citation": null, "answer": {nothing}}}"#)),
                JobStatus::Absent,
                "{nothing}"
            );
        }
        assert_eq!(judged("None."), JobStatus::Absent);
    }

    #[test]
    fn other_forms_are_read_as_far_as_they_go() {
        assert_eq!(
            judged("```json\n{\"answer\": [\"Omnipaque 240\"], \"citation\": \"Omnipaque 240\"}\n```"),
            JobStatus::Supported
        );
        assert_eq!(judged("Omnipaque 240"), JobStatus::Supported);
        assert_eq!(judged("It was probably Ultravist."), JobStatus::Unsupported);
        assert_eq!(judged(r#"{"answer": "#), JobStatus::Unreadable);
        assert_eq!(judged(""), JobStatus::Unreadable);
        assert_eq!(judge(r#"{"answer": "Omni"#, FinishReason::Length, CHUNK).0, JobStatus::Truncated);
    }

    /// The demo worker was trained on these words.
    #[test]
    fn the_prompt_keeps_its_wording() {
        assert_eq!(
            job_prompt("Text.", "Who?", Some("Look.")),
            "Answer the task from the excerpt alone. Reply with one JSON object with the keys explanation, citation and \
             answer. Copy the citation word for word. If the excerpt does not say, use null for citation and answer.\n\n\
             ## Excerpt\nText.\n\n## Task\nWho?\n\n## Advice\nLook."
        );
        assert!(job_prompt("Text.", "Who?", None).ends_with("## Task\nWho?"));
    }
}
