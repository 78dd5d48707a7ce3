//! Auto: predicts what each protocol would cost, picks one before anything is sent, and says why.

use minions_chat::{ChatModel, Usage, estimate_tokens};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::protocol::Steps;
use crate::record::{Ending, Failure, Record};
use crate::{Error, Event, LocalOnly, Minion, Minions, ProtocolName, Question, RemoteOnly, prompt};

/// The choice between the protocols, and their limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Auto {
    /// How much a supervisor token hurts; medium unless set.
    pub cost_sensitivity: CostSensitivity,
    /// Whether whole documents may be sent to the supervisor. Not unless set.
    pub documents_may_leave: bool,
    /// The limits, should Minion be chosen.
    pub minion: Minion,
    /// The limits, should MinionS be chosen; its largest chunk tells what the worker can read at once.
    pub minions: Minions,
    /// The limits, should the worker be left alone.
    pub local_only: LocalOnly,
}

/// How much a supervisor token hurts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CostSensitivity {
    /// Quality first: the supervisor reads itself where it may, else the worker in detail.
    Low,
    /// The cheapest of the ways that reach the supervisor's quality.
    #[default]
    Medium,
    /// The fewest supervisor tokens that still bring its reasoning in.
    High,
    /// No supervisor tokens.
    Max,
}

/// What a protocol is expected to cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// The protocol.
    pub protocol: ProtocolName,
    /// The supervisor's tokens: an estimate.
    pub remote: Usage,
    /// How often the supervisor is asked.
    pub remote_calls: u64,
    /// The worker's tokens; `cached_tokens` are those that it need not read again.
    pub local: Usage,
    /// How often the worker is asked, in MinionS and local only many times at once.
    pub local_calls: u64,
    /// The same in money, where the price is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// Whether whole documents leave the device.
    pub documents_leave: bool,
}

/// Tokens that one reply of the supervisor, one of the worker, one that finds nothing and one piece of evidence usually have.
const SUPERVISOR_REPLY: u64 = 80;
const WORKER_REPLY: u64 = 60;
const EMPTY_REPLY: u64 = 20;
const EVIDENCE: u64 = 45;
/// Rounds that runs usually take, if they may.
const USUAL_MINION_ROUNDS: u64 = 2;
const USUAL_MINIONS_ROUNDS: u64 = 1;
/// Tasks that a plan usually has, if it may.
const USUAL_TASKS: u64 = 2;
/// The share of chunks that usually answer.
const HIT_SHARE: u64 = 5;

impl Steps for Auto {
    fn check(&self) -> Result<(), Error> {
        self.minion.check()?;
        self.minions.check()?;
        self.local_only.check()
    }

    async fn converse<S: ChatModel, W: ChatModel>(
        &self,
        supervisor: &S,
        worker: &W,
        question: &Question,
        record: &mut Record<'_>,
    ) -> Result<Ending, Failure> {
        let forecasts = self.forecast(question);
        let (protocol, reason) = self.choose(question, &forecasts);
        record.emit(Event::ProtocolChosen { protocol, reason, forecasts: forecasts.to_vec() });
        match protocol {
            ProtocolName::Minion => self.minion.converse(supervisor, worker, question, record).await,
            ProtocolName::Minions => self.minions.converse(supervisor, worker, question, record).await,
            ProtocolName::LocalOnly => self.local_only.converse(supervisor, worker, question, record).await,
            ProtocolName::RemoteOnly => RemoteOnly {}.converse(supervisor, worker, question, record).await,
        }
    }
}

impl Auto {
    /// What each protocol would take. Nothing is asked for this.
    pub fn forecast(&self, question: &Question) -> [Forecast; 4] {
        let forecast = |protocol, (remote_calls, prompt_tokens), (local_calls, local)| {
            let completion_tokens = remote_calls * SUPERVISOR_REPLY;
            let remote = Usage { prompt_tokens, completion_tokens, ..Usage::default() };
            let cost = question.price.as_ref().map(|price| price.cost(&remote));
            let documents_leave = protocol == ProtocolName::RemoteOnly;
            Forecast { protocol, remote, remote_calls, local, local_calls, cost, documents_leave }
        };
        let task = estimate_tokens(&question.task);
        let context: u64 = question.context.iter().map(|document| estimate_tokens(document)).sum();
        let chunks =
            |size: usize| question.context.iter().map(|text| (text.len() / size.max(1)) as u64 + 1).sum::<u64>();

        // Every call sends the conversation so far.
        let rounds = USUAL_MINION_ROUNDS.min(self.minion.max_rounds.into());
        let open = estimate_tokens(prompt::MINION_OPEN) + task;
        let turn = SUPERVISOR_REPLY
            + WORKER_REPLY * u64::from(self.minion.samples.max(1))
            + estimate_tokens(prompt::MINION_DECIDE);
        let minion = (0..=rounds).map(|call| open + call * turn).sum();

        let advise = estimate_tokens(prompt::ADVISE) + task;
        let plan = advise + SUPERVISOR_REPLY + estimate_tokens(prompt::DECOMPOSE) + estimate_tokens(prompt::PLAN_FORM);
        let planned = chunks(self.minions.max_chunk_size.min(3_000));
        let most = self.minions.max_evidence_chars as u64 / 4;
        let evidence = ((planned / HIT_SHARE + 1) * EVIDENCE).min(most);
        let conclude = estimate_tokens(prompt::EVIDENCE) + estimate_tokens(prompt::SYNTHESIZE) + task + evidence;
        let thinks = if self.minions.two_step_synthesis { 2 } else { 1 };
        let minions = advise + USUAL_MINIONS_ROUNDS * (plan + thinks * conclude);

        // The worker reads the documents once, and then only what was said last.
        let attempts = u64::from(self.minion.samples.max(1));
        let questions = rounds * attempts;
        let conversation = Usage {
            prompt_tokens: questions * (context + SUPERVISOR_REPLY),
            completion_tokens: questions * WORKER_REPLY,
            cached_tokens: questions.saturating_sub(1) * context,
            ..Usage::default()
        };
        // Jobs about one chunk read it once.
        let jobs = |chunks: u64, tasks: u64, most: usize| {
            let count = (chunks * tasks).min(most as u64);
            let rules = estimate_tokens(prompt::JOB) + task;
            let hits = count / HIT_SHARE + 1;
            let usage = Usage {
                prompt_tokens: count * (rules + context / chunks.max(1)),
                completion_tokens: hits.min(count) * WORKER_REPLY + count.saturating_sub(hits) * EMPTY_REPLY,
                cached_tokens: count.saturating_sub(chunks) * (context / chunks.max(1)),
                ..Usage::default()
            };
            (count, usage)
        };
        let tasks =
            USUAL_TASKS.min(self.minions.tasks_per_round as u64) * u64::from(self.minions.samples_per_task.max(1));
        let alone = jobs(chunks(self.local_only.max_chunk_size), 1, self.local_only.max_jobs);
        let whole = estimate_tokens(prompt::REMOTE_ANSWER) + context + task;
        [
            forecast(ProtocolName::Minion, (rounds + 1, minion), (questions, conversation)),
            forecast(
                ProtocolName::Minions,
                (2 + thinks, minions),
                jobs(planned, tasks, self.minions.max_jobs_per_round),
            ),
            forecast(ProtocolName::LocalOnly, (0, 0), alone),
            forecast(ProtocolName::RemoteOnly, (1, whole), (0, Usage::default())),
        ]
    }

    /// The protocol to take, and why.
    pub fn choose(&self, question: &Question, forecasts: &[Forecast; 4]) -> (ProtocolName, String) {
        use ProtocolName::{LocalOnly, Minion, Minions, RemoteOnly};

        let [minion, minions, _, remote] = forecasts.map(|forecast| forecast.remote.total_tokens());
        let chars: usize = question.context.iter().map(|document| document.chars().count()).sum();
        // One look at everything beats many looks at pieces, as long as the worker can take it in.
        let fits = chars <= self.minions.max_chunk_size;
        let (small, few) = if fits { (Minion, minion) } else { (Minions, minions) };
        let length = if fits { "fit into the worker's context" } else { "are read in chunks" };
        match self.cost_sensitivity {
            CostSensitivity::Max => (LocalOnly, "No supervisor tokens are to be spent.".to_owned()),
            CostSensitivity::Low if self.documents_may_leave => {
                (RemoteOnly, "Quality comes first, and the documents may leave the device.".to_owned())
            }
            CostSensitivity::Medium if self.documents_may_leave && remote <= few => (
                RemoteOnly,
                format!(
                    "The documents may leave the device and are short: about {remote} supervisor tokens, {few} by {small}."
                ),
            ),
            CostSensitivity::Low => (
                Minions,
                format!(
                    "Quality comes first, and the documents stay here: about {minions} supervisor tokens, {remote} if they were sent."
                ),
            ),
            CostSensitivity::Medium | CostSensitivity::High => {
                (small, format!("The documents {length}: about {few} supervisor tokens, {remote} if they were sent."))
            }
        }
    }
}
