//! One value of every shape, as Rust serializes it.

use std::fmt::Write;

use minions_chat::{ErrorCode, FinishReason, Message, Usage};
use minions_protocol::{
    Aggregate, AggregateMode, AnswerType, ChunkBy, Cost, Decision, Event, Evidence, Exchange, Fallback, Filter,
    Forecast, Hidden, History, JobCounts, JobManifest, JobOutput, JobResult, JobStatus, Keyword, NoAnswer, Outcome,
    Plan, PlanChunking, PlanTask, PrivateKind, ProtocolName, Reason, RunUsage, Select, Source, Speaker, Stage,
    StageUsage, Transcript, Turn,
};

pub(crate) fn typescript() -> String {
    let mut text = String::from(
        "// Written by crates/minions-web/tests/typescript: one event of every shape that Rust serializes.\n\
         import type { ErrorCode, RunEvent } from \"minions-web\";\n\nexport const events = [\n",
    );
    for event in events() {
        let json = serde_json::to_string(&event).expect("events are JSON");
        writeln!(text, "  {json},").expect("a string takes all");
    }
    text.push_str("] satisfies RunEvent[];\n\nexport const codes = {\n");
    for code in CODES {
        writeln!(text, "  {}: true,", serde_json::to_string(&code).expect("codes are JSON"))
            .expect("a string takes all");
    }
    text.push_str("} satisfies Record<ErrorCode, true>;\n\nconst types = events.map((event) => event.type);\n");
    text.push_str("/** Fails to compile if TypeScript knows a type of event that Rust does not have. */\n");
    text.push_str("export const all: (typeof types)[number] = null as unknown as RunEvent[\"type\"];\n");
    text
}

const ROUND: u32 = 1;
const USAGE: Usage =
    Usage { prompt_tokens: 4, completion_tokens: 3, cached_tokens: 2, reasoning_tokens: 1, estimated: false };
const RUN_USAGE: RunUsage = RunUsage { local: USAGE, remote: USAGE };
const COST: Cost = Cost { spent: 0.5, remote_only: 1.5 };

fn events() -> Vec<Event> {
    let (round, stage, usage) = (ROUND, Stage::Open, USAGE);
    let (delta, content, reason) = ("d".to_owned(), "c".to_owned(), "r".to_owned());
    let mut events = vec![
        Event::RunStarted { task: "t".to_owned(), chars: 1 },
        Event::ProtocolChosen {
            protocol: ProtocolName::Minions,
            reason: "r".to_owned(),
            forecasts: [ProtocolName::Minion, ProtocolName::Minions, ProtocolName::LocalOnly, ProtocolName::RemoteOnly]
                .map(forecast)
                .into(),
        },
        Event::PrivacyApplied {
            hidden: PrivateKind::ALL.map(|kind| Hidden { placeholder: "P".to_owned(), kind }).into(),
        },
        Event::RoundStarted { round },
        Event::SupervisorDelta { round, stage, delta: delta.clone() },
        Event::SupervisorResponse { round, stage, content: content.clone(), usage },
        Event::ReplyRejected { round, stage, attempt: 1, reason },
        Event::WorkerRequest { round, message: "m".to_owned() },
        Event::WorkerDelta { round, delta },
        Event::JobsCreated { round, jobs: jobs() },
        Event::JobsFiltered { round, counts: JobCounts::default() },
        Event::CallAnswered { turn: turn(Speaker::Worker, None, Some(1)) },
        Event::UsageUpdated { usage: RUN_USAGE, cost: None },
        Event::UsageUpdated { usage: RUN_USAGE, cost: Some(COST) },
        Event::RoundFinished { round, decision: Decision::ProvideFinalAnswer, message: None },
        Event::RoundFinished { round, decision: Decision::RequestAdditionalInfo, message: Some("m".to_owned()) },
    ];
    events.extend(STAGES.map(|stage| Event::SupervisorRequest { round, stage, messages: messages() }));
    events.extend(FALLBACKS.map(|fallback| Event::ReplyDegraded { round, stage, fallback }));
    events.extend(
        [FinishReason::Stop, FinishReason::Length, FinishReason::ContentFilter]
            .map(|finish_reason| Event::WorkerResponse { round, content: content.clone(), finish_reason, usage }),
    );
    events.extend(plans().map(|plan| Event::PlanAdopted { round, plan, is_fallback: false }));
    events.extend(results().into_iter().map(|result| Event::JobFinished { round, result }));
    events.push(Event::RunFinished { outcome: outcome(Some("a"), None) });
    for code in
        [NoAnswer::Unknown, NoAnswer::OutOfRounds, NoAnswer::UnreadableReply, NoAnswer::NothingFound, NoAnswer::Failed]
    {
        events.push(Event::RunFinished { outcome: outcome(None, Some(Reason::from(code))) });
    }
    events.push(Event::RunFailed { code: ErrorCode::Timeout, outcome: outcome(None, Some(NoAnswer::Failed.into())) });
    events
}

fn forecast(protocol: ProtocolName) -> Forecast {
    let is_remote = protocol == ProtocolName::RemoteOnly;
    Forecast {
        protocol,
        remote: USAGE,
        remote_calls: 1,
        local: USAGE,
        local_calls: 2,
        cost: is_remote.then_some(0.5),
        documents_leave: is_remote,
    }
}

fn messages() -> Vec<Message> {
    vec![Message::system("s"), Message::user("u"), Message::assistant("a")]
}

/// Everything left out, and everything said.
fn plans() -> [Plan; 6] {
    let by = [ChunkBy::Section, ChunkBy::Page, ChunkBy::Paragraph, ChunkBy::Sentence, ChunkBy::Code, ChunkBy::None];
    let modes = [
        AggregateMode::ByTaskAndChunk,
        AggregateMode::Dedupe,
        AggregateMode::Majority,
        AggregateMode::Concat,
        AggregateMode::Concat,
        AggregateMode::Concat,
    ];
    let sources = [Source::Context, Source::PreviousHits, Source::PreviousAnswers];
    std::array::from_fn(|index| Plan {
        chunking: PlanChunking { by: by[index], size: (index > 0).then_some(500), overlap: (index > 0).then_some(20) },
        source: sources[index % 3],
        documents: vec![1],
        select: Select {
            keywords: vec![Keyword::Word("w".to_owned()), Keyword::Weighted { word: "v".to_owned(), weight: 2.0 }],
            regex: (index > 0).then(|| "x".to_owned()),
            top_k: (index > 0).then_some(3),
        },
        tasks: ANSWER_TYPES
            .map(|answer_type| PlanTask {
                task: "t".to_owned(),
                advice: (index > 0).then(|| "a".to_owned()),
                answer_type,
            })
            .into(),
        samples: 1,
        filter: Filter { must_match: (index > 0).then(|| "m".to_owned()) },
        aggregate: Aggregate { mode: modes[index], max_chars: (index > 0).then_some(900) },
    })
}

fn jobs() -> Vec<JobManifest> {
    let job = |answer_type| JobManifest {
        job_id: 1,
        task_id: 1,
        chunk_id: 1,
        document: (answer_type == AnswerType::Text).then_some(1),
        range: 0..9,
        sample: 0,
        task: "t".to_owned(),
        advice: (answer_type == AnswerType::Text).then(|| "a".to_owned()),
        answer_type,
    };
    ANSWER_TYPES.map(job).into()
}

fn results() -> Vec<JobResult> {
    let result = |status| {
        let says = status == JobStatus::Supported;
        let text = || says.then(|| "a".to_owned());
        JobResult {
            job_id: 1,
            status,
            output: JobOutput { explanation: text(), citation: text(), answer: text() },
            quote: text(),
            attempts: 1,
            usage: USAGE,
            error: (status == JobStatus::Failed).then(|| "e".to_owned()),
        }
    };
    JOB_STATUSES.map(result).into()
}

fn turn(speaker: Speaker, stage: Option<Stage>, job: Option<usize>) -> Turn {
    Turn {
        speaker,
        round: ROUND,
        stage,
        job,
        sent: messages(),
        reply: "c".to_owned(),
        finish_reason: FinishReason::Stop,
        usage: USAGE,
    }
}

fn outcome(answer: Option<&str>, reason: Option<Reason>) -> Outcome {
    let stage_usage = |speaker, stage| StageUsage { round: ROUND, speaker, stage, calls: 1, usage: USAGE };
    let evidence = |document, quote: Option<&str>| Evidence {
        id: 1,
        task_id: 1,
        chunk_id: 1,
        document,
        range: 0..9,
        answer: "a".to_owned(),
        quote: quote.map(str::to_owned),
        votes: 1,
        is_cited: true,
    };
    let is_answered = answer.is_some();
    Outcome {
        answer: answer.map(str::to_owned),
        reason,
        is_raw_reply: false,
        rounds: 1,
        usage: RUN_USAGE,
        stages: vec![stage_usage(Speaker::Supervisor, Some(Stage::Open)), stage_usage(Speaker::Worker, None)],
        remote_only: USAGE,
        cost: is_answered.then_some(COST),
        evidence: vec![evidence(Some(1), Some("q")), evidence(None, None)],
        history: History {
            summary: is_answered.then(|| "s".to_owned()),
            exchanges: vec![Exchange { task: "t".to_owned(), answer: "a".to_owned() }],
        },
        transcript: Transcript {
            turns: vec![
                turn(Speaker::Supervisor, Some(Stage::Open), None),
                turn(Speaker::Worker, None, None),
                turn(Speaker::Worker, None, Some(1)),
            ],
            jobs: if is_answered { jobs() } else { Vec::new() },
            results: if is_answered { results() } else { Vec::new() },
        },
    }
}

const STAGES: [Stage; 9] = [
    Stage::Open,
    Stage::Decide,
    Stage::Conclude,
    Stage::Advise,
    Stage::Decompose,
    Stage::Think,
    Stage::Synthesize,
    Stage::Answer,
    Stage::Summarize,
];

const FALLBACKS: [Fallback; 5] = [
    Fallback::ReplyAsMessage,
    Fallback::TaskAsMessage,
    Fallback::ReplyAsAnswer,
    Fallback::NoAnswer,
    Fallback::DefaultPlan,
];

const ANSWER_TYPES: [AnswerType; 4] = [AnswerType::Text, AnswerType::Number, AnswerType::Date, AnswerType::List];

const JOB_STATUSES: [JobStatus; 6] = [
    JobStatus::Supported,
    JobStatus::Unsupported,
    JobStatus::Absent,
    JobStatus::Truncated,
    JobStatus::Unreadable,
    JobStatus::Failed,
];

const CODES: [ErrorCode; 17] = [
    ErrorCode::WebgpuUnavailable,
    ErrorCode::DeviceLost,
    ErrorCode::OutOfMemory,
    ErrorCode::UnknownModel,
    ErrorCode::DownloadFailed,
    ErrorCode::IntegrityFailed,
    ErrorCode::InvalidModel,
    ErrorCode::ContextOverflow,
    ErrorCode::InvalidRequest,
    ErrorCode::Busy,
    ErrorCode::AuthFailed,
    ErrorCode::RateLimited,
    ErrorCode::ProviderError,
    ErrorCode::NetworkError,
    ErrorCode::Timeout,
    ErrorCode::BadReply,
    ErrorCode::Internal,
];
