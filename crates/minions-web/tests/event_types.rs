//! The hand-written types of `js/events.ts` say what `minions-protocol` serializes.
//!
//! This test writes one event of every shape as TypeScript; `tests/package/types.test.mjs` lets the compiler compare it
//! with the types. `MINIONS_UPDATE=1 cargo test -p minions-web --test event_types` renews the file.

use std::fmt::Write;
use std::path::Path;

use minions_chat::{ErrorCode, FinishReason, Message, Usage};
use minions_protocol::{
    Decision, Event, Fallback, NoAnswer, Outcome, Reason, RunUsage, Speaker, Stage, Transcript, Turn,
};

#[test]
fn the_file_of_events_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/package/types/events.ts");
    let written = typescript();
    if std::env::var_os("MINIONS_UPDATE").is_some() {
        std::fs::write(&path, &written).expect("the file can be written");
    }
    let committed = std::fs::read_to_string(&path).expect("the file is committed");
    assert!(written == committed, "{} is out of date: see the head of this test", path.display());
}

fn typescript() -> String {
    let mut text = String::from(
        "// Written by crates/minions-web/tests/event_types.rs: one event of every shape that Rust serializes.\n\
         import type { ErrorCode, MinionEvent } from \"minions-web\";\n\nexport const events = [\n",
    );
    for event in events() {
        let json = serde_json::to_string(&event).expect("events are JSON");
        writeln!(text, "  {json},").expect("a string takes all");
    }
    text.push_str("] satisfies MinionEvent[];\n\nexport const codes = {\n");
    for code in CODES {
        writeln!(text, "  {}: true,", serde_json::to_string(&code).expect("codes are JSON"))
            .expect("a string takes all");
    }
    text.push_str("} satisfies Record<ErrorCode, true>;\n\nconst types = events.map((event) => event.type);\n");
    text.push_str("/** Fails to compile if TypeScript knows a type of event that Rust does not have. */\n");
    text.push_str("export const all: (typeof types)[number] = null as unknown as MinionEvent[\"type\"];\n");
    text
}

fn events() -> Vec<Event> {
    let (round, stage) = (1, Stage::Open);
    let messages = vec![Message::system("s"), Message::user("u"), Message::assistant("a")];
    let usage = Usage { prompt_tokens: 4, completion_tokens: 3, cached_tokens: 2, reasoning_tokens: 1 };
    let (delta, content, reason) = ("d".to_owned(), "c".to_owned(), "r".to_owned());
    let mut events = vec![
        Event::RunStarted { task: "t".to_owned(), chars: 1 },
        Event::RoundStarted { round },
        Event::SupervisorRequest { round, stage, messages: messages.clone() },
        Event::SupervisorDelta { round, stage, delta: delta.clone() },
        Event::SupervisorResponse { round, stage: Stage::Decide, content: content.clone(), usage },
        Event::ReplyRejected { round, stage: Stage::Conclude, attempt: 1, reason },
        Event::WorkerRequest { round, message: "m".to_owned() },
        Event::WorkerDelta { round, delta },
        Event::RoundFinished { round, decision: Decision::ProvideFinalAnswer, message: None },
        Event::RoundFinished { round, decision: Decision::RequestAdditionalInfo, message: Some("m".to_owned()) },
    ];
    for fallback in [Fallback::ReplyAsMessage, Fallback::TaskAsMessage, Fallback::ReplyAsAnswer, Fallback::NoAnswer] {
        events.push(Event::ReplyDegraded { round, stage, fallback });
    }
    for finish_reason in [FinishReason::Stop, FinishReason::Length, FinishReason::ContentFilter] {
        events.push(Event::WorkerResponse { round, content: content.clone(), finish_reason, usage });
    }
    let turn = |speaker, stage| Turn {
        speaker,
        round,
        stage,
        sent: messages.clone(),
        reply: content.clone(),
        finish_reason: FinishReason::Stop,
        usage,
    };
    let outcome = |answer: Option<&str>, reason| Outcome {
        answer: answer.map(str::to_owned),
        reason,
        is_raw_reply: false,
        rounds: 1,
        usage: RunUsage { local: usage, remote: usage },
        transcript: Transcript { turns: vec![turn(Speaker::Supervisor, Some(stage)), turn(Speaker::Worker, None)] },
    };
    events.push(Event::RunFinished { outcome: outcome(Some("a"), None) });
    for code in [NoAnswer::Unknown, NoAnswer::OutOfRounds, NoAnswer::UnreadableReply] {
        events.push(Event::RunFinished { outcome: outcome(None, Some(Reason::from(code))) });
    }
    events
}

const CODES: [ErrorCode; 16] = [
    ErrorCode::WebgpuUnavailable,
    ErrorCode::DeviceLost,
    ErrorCode::OutOfMemory,
    ErrorCode::UnknownModel,
    ErrorCode::DownloadFailed,
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
