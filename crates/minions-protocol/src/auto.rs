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
    /// The same in money, where the price is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// Whether whole documents leave the device.
    pub documents_leave: bool,
}

/// Tokens that one reply of the supervisor, one of the worker and one piece of evidence usually have.
const SUPERVISOR_REPLY: u64 = 80;
const WORKER_REPLY: u64 = 60;
const EVIDENCE: u64 = 45;
/// Rounds that runs usually take, if they may.
const USUAL_MINION_ROUNDS: u64 = 2;
const USUAL_MINIONS_ROUNDS: u64 = 1;
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
    /// What each protocol would cost the supervisor. Nothing is asked for this.
    pub fn forecast(&self, question: &Question) -> [Forecast; 4] {
        let forecast = |protocol, prompt_tokens, completion_tokens| {
            let remote = Usage { prompt_tokens, completion_tokens, ..Usage::default() };
            let cost = question.price.as_ref().map(|price| price.cost(&remote));
            Forecast { protocol, remote, cost, documents_leave: protocol == ProtocolName::RemoteOnly }
        };
        let task = estimate_tokens(&question.task);
        let context: u64 = question.context.iter().map(|document| estimate_tokens(document)).sum();

        // Every call sends the conversation so far.
        let rounds = USUAL_MINION_ROUNDS.min(self.minion.max_rounds.into());
        let open = estimate_tokens(prompt::MINION_OPEN) + task;
        let turn = SUPERVISOR_REPLY
            + WORKER_REPLY * u64::from(self.minion.samples.max(1))
            + estimate_tokens(prompt::MINION_DECIDE);
        let minion = (0..=rounds).map(|call| open + call * turn).sum();

        let advise = estimate_tokens(prompt::ADVISE) + task;
        let plan = advise + SUPERVISOR_REPLY + estimate_tokens(prompt::DECOMPOSE) + estimate_tokens(prompt::PLAN_FORM);
        let chunks =
            question.context.iter().map(|text| (text.len() / self.minions.max_chunk_size.min(3_000)) as u64 + 1);
        let most = self.minions.max_evidence_chars as u64 / 4;
        let evidence = ((chunks.sum::<u64>() / HIT_SHARE + 1) * EVIDENCE).min(most);
        let conclude = estimate_tokens(prompt::EVIDENCE) + estimate_tokens(prompt::SYNTHESIZE) + task + evidence;
        let thinks = if self.minions.two_step_synthesis { 2 } else { 1 };
        let minions = advise + USUAL_MINIONS_ROUNDS * (plan + thinks * conclude);

        [
            forecast(ProtocolName::Minion, minion, (rounds + 1) * SUPERVISOR_REPLY),
            forecast(ProtocolName::Minions, minions, (2 + thinks) * SUPERVISOR_REPLY),
            forecast(ProtocolName::LocalOnly, 0, 0),
            forecast(
                ProtocolName::RemoteOnly,
                estimate_tokens(prompt::REMOTE_ANSWER) + context + task,
                SUPERVISOR_REPLY,
            ),
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
