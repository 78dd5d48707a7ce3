//! What an earlier run of the same question had come to, so that this run goes on where that one ended.

use std::collections::{HashMap, VecDeque};

use minions_chat::{ChatResponse, Message};

use crate::minions::JobManifest;
use crate::record::Call;
use crate::{Speaker, Transcript, Turn};

/// The replies of an earlier run, each for the call that it answered.
///
/// A conversation is followed as long as it goes as it went then: from the first call on that differs, the models are asked.
#[derive(Default)]
pub(crate) struct Recall {
    supervisor: VecDeque<Turn>,
    worker: VecDeque<Turn>,
    jobs: HashMap<usize, Job>,
}

/// A job and what it was answered.
struct Job {
    manifest: JobManifest,
    replies: Vec<ChatResponse>,
}

impl Recall {
    pub(crate) fn new(earlier: &Transcript) -> Self {
        let mut recall = Self::default();
        let job = |manifest: &JobManifest| (manifest.job_id, Job { manifest: manifest.clone(), replies: Vec::new() });
        recall.jobs = earlier.jobs.iter().map(job).collect();
        for turn in &earlier.turns {
            match (turn.speaker, turn.job) {
                (Speaker::Supervisor, _) => recall.supervisor.push_back(turn.clone()),
                (Speaker::Worker, None) => recall.worker.push_back(turn.clone()),
                (Speaker::Worker, Some(id)) => {
                    if let Some(job) = recall.jobs.get_mut(&id) {
                        job.replies.push(turn.response());
                    }
                }
            }
        }
        recall
    }

    /// What the same call of a conversation was answered.
    pub(crate) fn turn(&mut self, call: Call, round: u32, sent: &[Message]) -> Option<ChatResponse> {
        let (turns, stage) = match call {
            Call::Supervisor(stage) => (&mut self.supervisor, Some(stage)),
            Call::Worker => (&mut self.worker, None),
            Call::Job(_) => return None,
        };
        let turn = turns.pop_front()?;
        if (turn.round, turn.stage, turn.sent.as_slice()) == (round, stage, sent) {
            return Some(turn.response());
        }
        turns.clear();
        None
    }

    /// What the same job was answered, each of its attempts.
    pub(crate) fn job(&mut self, manifest: &JobManifest) -> Vec<ChatResponse> {
        let job = self.jobs.remove(&manifest.job_id).filter(|job| job.manifest == *manifest);
        job.map(|job| job.replies).unwrap_or_default()
    }
}
