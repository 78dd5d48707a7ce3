//! A run of MinionS with its replies written in advance: what a protocol costs without its models.

use minions_chat::{FinishReason, TokenCounter, Usage};
use serde_json::{Value, json};

use crate::{Error, Minions, Outcome, Protocol, Question, Speaker, Stage, Transcript, Turn};

/// The most jobs that a round has unless more are allowed.
pub const REHEARSAL_JOBS: usize = 2_048;

const CHUNK_SIZE: usize = 1_000;
const SENTENCE: &str =
    "The patient of this entry slept well, had no complaints and was given the agent Omnipaque 240. ";

/// A run that needs no model: [`REHEARSAL_JOBS`] jobs over two million characters, of which every other finds the same.
#[derive(Debug)]
pub struct Rehearsal {
    question: Question,
    transcript: Transcript,
}

impl Default for Rehearsal {
    fn default() -> Self {
        let document = SENTENCE.chars().cycle().take(REHEARSAL_JOBS * CHUNK_SIZE).collect();
        let plan = json!({
            "chunking": {"by": "section", "size": CHUNK_SIZE, "overlap": 0},
            "tasks": [{"task": "Which agent was given?"}],
        });
        let answer = json!({"decision": "provide_final_answer", "answer": "Omnipaque 240", "evidence": [1]});
        let found = json!({"explanation": "Named.", "citation": "the agent Omnipaque 240", "answer": "Omnipaque 240"});
        let absent = json!({"explanation": "Not named.", "citation": null, "answer": null});
        let supervisor = [(Stage::Advise, json!("Agents.")), (Stage::Decompose, plan), (Stage::Synthesize, answer)];
        let supervisor = supervisor.into_iter().map(|(stage, reply)| turn(Some(stage), &reply));
        let worker = (0..REHEARSAL_JOBS).map(|job| turn(None, if job % 2 == 0 { &found } else { &absent }));
        Self {
            question: Question::new("Which agent was given?", vec![document]),
            transcript: Transcript { turns: supervisor.chain(worker).collect(), ..Transcript::default() },
        }
    }
}

impl Rehearsal {
    /// From the question to the outcome: cutting, numbering, checking a thousand citations, putting the evidence
    /// together, events and transcript.
    ///
    /// # Errors
    /// None that a model could give; those of the protocol.
    pub async fn run(&self) -> Result<Outcome, Error> {
        let replay = |speaker| self.transcript.replay(speaker);
        Minions::default()
            .run(&replay(Speaker::Supervisor), &replay(Speaker::Worker), &self.question, &mut |_| {})
            .await
    }
}

fn turn(stage: Option<Stage>, reply: &Value) -> Turn {
    let speaker = if stage.is_some() { Speaker::Supervisor } else { Speaker::Worker };
    let reply = reply.to_string();
    let usage = Usage::estimate(&[], &reply, &TokenCounter::default());
    Turn { speaker, round: 1, stage, job: None, sent: vec![], reply, finish_reason: FinishReason::Stop, usage }
}
