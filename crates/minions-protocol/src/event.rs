//! What happens in a run, told while it happens.
//!
//! The one definition of the events' names and fields, for Rust, fixtures and JavaScript alike.

use minions_chat::{ErrorCode, FinishReason, Message, Usage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Cost, Forecast, JobCounts, JobManifest, JobResult, Outcome, Plan, PrivateKind, ProtocolName, RunUsage, Turn,
};

/// Something that happened in a run. Fields are camelCase in JSON, except OpenAI's own names within `usage`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Event {
    /// The question was accepted; no call was made yet.
    #[serde(rename = "run.started")]
    RunStarted {
        /// The user's question.
        task: String,
        /// The length of all documents in characters.
        chars: usize,
    },
    /// A protocol was chosen by what each would cost; no call was made yet.
    #[serde(rename = "protocol.chosen")]
    ProtocolChosen {
        /// The choice.
        protocol: ProtocolName,
        /// Why, in a sentence.
        reason: String,
        /// What each would cost.
        forecasts: Vec<Forecast>,
    },
    /// What is hidden from the supervisor; no call was made yet.
    #[serde(rename = "privacy.applied")]
    PrivacyApplied {
        /// The placeholders in use, without what they stand for.
        hidden: Vec<Hidden>,
    },
    /// A round begins.
    #[serde(rename = "round.started")]
    RoundStarted {
        /// The round, from 1.
        round: u32,
    },
    /// Something leaves the device: the complete conversation that the supervisor is sent. Together, these events are
    /// the ledger.
    #[serde(rename = "supervisor.request")]
    SupervisorRequest {
        /// The round, from 1.
        round: u32,
        /// The step of the protocol.
        stage: Stage,
        /// Everything that is sent.
        messages: Vec<Message>,
    },
    /// A piece of the supervisor's reply.
    #[serde(rename = "supervisor.delta")]
    SupervisorDelta {
        /// The round, from 1.
        round: u32,
        /// The step of the protocol.
        stage: Stage,
        /// The new piece, raw.
        delta: String,
    },
    /// The supervisor replied.
    #[serde(rename = "supervisor.response")]
    SupervisorResponse {
        /// The round, from 1.
        round: u32,
        /// The step of the protocol.
        stage: Stage,
        /// The whole reply, raw.
        content: String,
        /// What the call cost.
        usage: Usage,
    },
    /// The supervisor's reply does not have the form asked for. After the first attempt it is asked again.
    #[serde(rename = "reply.rejected")]
    ReplyRejected {
        /// The round, from 1.
        round: u32,
        /// The step of the protocol.
        stage: Stage,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// What is wrong with the reply.
        reason: String,
    },
    /// No reply had the form asked for, and the run goes on with something less.
    #[serde(rename = "reply.degraded")]
    ReplyDegraded {
        /// The round, from 1.
        round: u32,
        /// The step of the protocol.
        stage: Stage,
        /// What is used instead.
        fallback: Fallback,
    },
    /// The worker is asked. This stays on the device.
    #[serde(rename = "worker.request")]
    WorkerRequest {
        /// The round, from 1.
        round: u32,
        /// The question.
        message: String,
    },
    /// A piece of the worker's reply.
    #[serde(rename = "worker.delta")]
    WorkerDelta {
        /// The round, from 1.
        round: u32,
        /// The new piece.
        delta: String,
    },
    /// The worker replied.
    #[serde(rename = "worker.response")]
    WorkerResponse {
        /// The round, from 1.
        round: u32,
        /// The whole reply.
        content: String,
        /// Why the reply ended.
        finish_reason: FinishReason,
        /// What the call cost.
        usage: Usage,
    },
    /// MinionS: the plan of the round.
    #[serde(rename = "plan.adopted")]
    PlanAdopted {
        /// The round, from 1.
        round: u32,
        /// The plan.
        plan: Plan,
        /// It is ours, because the supervisor's could not be used.
        is_fallback: bool,
    },
    /// The jobs of the round; they start now. This stays on the device.
    #[serde(rename = "jobs.created")]
    JobsCreated {
        /// The round, from 1.
        round: u32,
        /// The jobs.
        jobs: Vec<JobManifest>,
    },
    /// A job ended. Jobs end in any order.
    #[serde(rename = "job.finished")]
    JobFinished {
        /// The round, from 1.
        round: u32,
        /// What came of it.
        result: JobResult,
    },
    /// All jobs of the round ended, and it is clear which answers count.
    #[serde(rename = "jobs.filtered")]
    JobsFiltered {
        /// The round, from 1.
        round: u32,
        /// What became of them.
        counts: JobCounts,
    },
    /// A call was answered: its place in the transcript. Those of a run that was broken off let another go on from there.
    #[serde(rename = "call.answered")]
    CallAnswered {
        /// The call.
        turn: Turn,
    },
    /// A call was paid for.
    #[serde(rename = "usage.updated")]
    UsageUpdated {
        /// What the run cost so far.
        usage: RunUsage,
        /// The same in money, where the price is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        cost: Option<Cost>,
    },
    /// A round ended.
    #[serde(rename = "round.finished")]
    RoundFinished {
        /// The round, from 1.
        round: u32,
        /// What the supervisor decided.
        decision: Decision,
        /// The next question to the worker, or what is still missing.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// The run ended with an outcome.
    #[serde(rename = "run.finished")]
    RunFinished {
        /// The outcome, the same that the run returns.
        outcome: Outcome,
    },
    /// The run ended because a model did not answer.
    #[serde(rename = "run.failed")]
    RunFailed {
        /// The kind of failure.
        code: ErrorCode,
        /// What the run had come to until then.
        outcome: Outcome,
    },
}

/// A placeholder in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hidden {
    /// What the supervisor sees.
    pub placeholder: String,
    /// What kind of text it stands for.
    pub kind: PrivateKind,
}

/// The step of the protocol that a supervisor call belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// Minion: the supervisor learns the task and asks its first question.
    Open,
    /// Minion: the supervisor learns the worker's reply and goes on or answers.
    Decide,
    /// Minion: the supervisor learns the last reply and must answer.
    Conclude,
    /// MinionS: the supervisor says what is worth looking for.
    Advise,
    /// MinionS: the supervisor plans the jobs.
    Decompose,
    /// MinionS in the two-step form: the supervisor thinks about the evidence.
    Think,
    /// MinionS: the supervisor learns the evidence and answers or looks further.
    Synthesize,
    /// Remote only: the supervisor reads the documents itself.
    Answer,
    /// The supervisor summarises earlier questions and answers.
    Summarize,
}

/// What the supervisor decided at the end of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The run ends.
    ProvideFinalAnswer,
    /// The worker is asked again, or would be if a round were left.
    RequestAdditionalInfo,
}

/// What stands in for a reply that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fallback {
    /// The worker is asked the supervisor's words as they stand.
    ReplyAsMessage,
    /// The worker is asked the task itself.
    TaskAsMessage,
    /// The supervisor's words as they stand are the answer.
    ReplyAsAnswer,
    /// There is no answer.
    NoAnswer,
    /// Every section of the documents is asked the task itself.
    DefaultPlan,
}
