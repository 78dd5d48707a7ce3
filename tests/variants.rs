//! What surrounds the two protocols: the simple ones they compare with, the choice between them, several questions about
//! one document, several attempts at one question, and the privacy mode end to end.

use minions_chat::{ChatModel, Usage};
use minions_protocol::{
    AnyProtocol, Auto, CostSensitivity, Event, LocalOnly, Minion, Minions, NoAnswer, Outcome, Price, Privacy, Protocol,
    ProtocolName, Question, RemoteOnly,
};
use minions_tests::{ScriptedModel, ScriptedReply};
use proptest::prelude::*;
use serde_json::{Value, json};

const OPEN: &str = r#"{"reasoning": "r", "decision": "request_additional_info", "message": "Which contrast agent?"}"#;
const FINAL: &str = r#"{"decision": "provide_final_answer", "answer": "Omnipaque 240"}"#;
const HIT: &str = r#"{"explanation": "e", "citation": "agent was Omnipaque 240", "answer": "Omnipaque 240"}"#;
const ABSENT: &str = r#"{"explanation": "e", "citation": null, "answer": null}"#;
const PLAN: &str = r#"{"tasks": [{"task": "Which agent?"}]}"#;

fn question(text: impl Into<String>) -> Question {
    Question::new("Which contrast agent was used?", vec![text.into()])
}

fn nobody() -> ScriptedModel {
    ScriptedModel::new([""; 0])
}

async fn run(
    protocol: &impl Protocol,
    question: &Question,
    supervisor: &impl ChatModel,
    worker: &impl ChatModel,
) -> (Outcome, Vec<Event>) {
    let mut events = Vec::new();
    let outcome = protocol.run(supervisor, worker, question, &mut |event| events.push(event)).await;
    (outcome.expect("the run ends with an outcome"), events)
}

// --- local only, remote only ---

#[tokio::test]
async fn remote_only_sends_everything_in_one_call() {
    let supervisor = ScriptedModel::new(["  Omnipaque 240. "]);
    let question = question("The agent was Omnipaque 240.");
    let (outcome, _) = run(&RemoteOnly {}, &question, &supervisor, &nobody()).await;
    assert_eq!(outcome.answer.as_deref(), Some("Omnipaque 240."));
    let requests = supervisor.requests();
    assert!(requests.len() == 1 && requests[0].messages[0].content.contains(&question.context[0]));
    assert_eq!((outcome.usage.remote, outcome.usage.local), (supervisor.usage(), Usage::default()));
}

#[tokio::test]
async fn local_only_reads_every_chunk_and_then_what_they_said() {
    let text = format!("{}The agent was Omnipaque 240. {}", "Nothing here. ".repeat(300), "Nor here. ".repeat(400));
    let local = LocalOnly { max_chunk_size: 3_000, ..LocalOnly::default() };
    let other = r#"{"citation": "Nor here.", "answer": "none at all"}"#;

    let worker = ScriptedModel::new([ABSENT, HIT, ABSENT]);
    let (outcome, _) = run(&local, &question(&*text), &nobody(), &worker).await;
    assert_eq!(outcome.answer.as_deref(), Some("Omnipaque 240"), "a single finding is the answer");
    assert_eq!(outcome.usage.remote, Usage::default());

    let worker = ScriptedModel::new([ABSENT, HIT, other, HIT]);
    let (outcome, _) = run(&local, &question(&*text), &nobody(), &worker).await;
    let reduced = worker.requests()[3].messages[0].content.clone();
    assert!(reduced.contains("## Excerpt\nagent was Omnipaque 240\nNor here\n"), "{reduced}");
    assert_eq!((outcome.answer.as_deref(), outcome.evidence.len()), (Some("Omnipaque 240"), 2));

    let worker = ScriptedModel::new([ABSENT, HIT, other, "no idea"]);
    let (outcome, _) = run(&local, &question(&*text), &nobody(), &worker).await;
    assert_eq!(outcome.answer.as_deref(), Some("Omnipaque 240"), "what most chunks said, and of equals the first");

    let (outcome, _) = run(&local, &question(&*text), &nobody(), &ScriptedModel::new([ABSENT; 3])).await;
    assert_eq!(outcome.reason.map(|reason| reason.code), Some(NoAnswer::NothingFound));
}

// --- the choice ---

#[tokio::test]
async fn auto_chooses_by_length_and_preference_and_says_why() {
    let short = question("The agent was Omnipaque 240.");
    let long = question("The agent was Omnipaque 240. ".repeat(4_000));
    for (question, cost_sensitivity, documents_may_leave, expected) in [
        (&short, CostSensitivity::Max, true, ProtocolName::LocalOnly),
        (&short, CostSensitivity::High, true, ProtocolName::Minion),
        (&long, CostSensitivity::High, true, ProtocolName::Minions),
        (&short, CostSensitivity::Medium, true, ProtocolName::RemoteOnly),
        (&short, CostSensitivity::Medium, false, ProtocolName::Minion),
        (&long, CostSensitivity::Medium, true, ProtocolName::Minions),
        (&long, CostSensitivity::Low, true, ProtocolName::RemoteOnly),
        (&long, CostSensitivity::Low, false, ProtocolName::Minions),
    ] {
        let auto = Auto { cost_sensitivity, documents_may_leave, ..Auto::default() };
        let forecasts = auto.forecast(question);
        let (protocol, reason) = auto.choose(question, &forecasts);
        assert_eq!(protocol, expected, "{cost_sensitivity:?} {documents_may_leave}: {reason}");
        assert!(reason.ends_with('.'), "{reason}");
        assert!(
            forecasts
                .iter()
                .all(|forecast| forecast.documents_leave == (forecast.protocol == ProtocolName::RemoteOnly))
        );
    }
}

/// What is predicted is near what a usual run then takes.
#[tokio::test]
async fn the_forecast_is_near_the_truth() {
    let text = "The agent was Omnipaque 240. ".repeat(4_000);
    let priced = Question { price: Some(Price { input: 2.5, cached_input: None, output: 10.0 }), ..question(text) };
    let auto = Auto { cost_sensitivity: CostSensitivity::High, ..Auto::default() };
    let supervisor = ScriptedModel::new(["Look for the agent.", PLAN, FINAL]);
    let worker = ScriptedModel::new([HIT; 40]);
    let (outcome, events) = run(&auto, &priced, &supervisor, &worker).await;
    let Some(Event::ProtocolChosen { protocol, forecasts, .. }) = events.get(1) else { panic!("{:?}", events[1]) };
    let forecast = forecasts.iter().find(|forecast| forecast.protocol == *protocol).expect("the choice is among them");
    let ratio = forecast.remote.prompt_tokens as f64 / outcome.usage.remote.prompt_tokens as f64;
    assert!((0.5..2.0).contains(&ratio), "{ratio}");
    let calls = supervisor.requests().len() as u64;
    assert_eq!(forecast.remote_calls, calls);
    let read = forecast.local.prompt_tokens - forecast.local.cached_tokens;
    let ratio = read as f64 / outcome.usage.local.prompt_tokens as f64;
    assert!((0.5..2.0).contains(&ratio), "the worker reads {read}: {ratio}");
    let cost = outcome.cost.expect("the price is known");
    assert!(cost.spent > 0.0 && cost.remote_only > 10.0 * cost.spent, "{cost:?}");
    let usage = outcome.usage.remote;
    let expected = (usage.prompt_tokens as f64 * 2.5 + usage.completion_tokens as f64 * 10.0) / 1e6;
    assert!((cost.spent - expected).abs() < 1e-12);
}

#[test]
fn protocols_are_written_by_name() {
    let minions: AnyProtocol =
        serde_json::from_value(json!({"protocol": "minions", "maxRounds": 2})).expect("it is valid");
    assert_eq!(minions, AnyProtocol::Minions(Minions { max_rounds: 2, ..Minions::default() }));
    let auto: AnyProtocol =
        serde_json::from_value(json!({"protocol": "auto", "costSensitivity": "max"})).expect("it is valid");
    assert!(matches!(auto, AnyProtocol::Auto(Auto { cost_sensitivity: CostSensitivity::Max, .. })));
    assert!(serde_json::from_value::<AnyProtocol>(json!({"protocol": "magic"})).is_err());
}

// --- accounting ---

#[tokio::test]
async fn every_step_of_every_round_is_accounted_for() {
    let more = r#"{"decision": "request_additional_info", "feedback": "more"}"#;
    let supervisor = ScriptedModel::new(["Look.", "no plan", PLAN, more, PLAN, FINAL]);
    let worker = ScriptedModel::new([ScriptedReply::CutOff("{".into()), HIT.into(), HIT.into()]);
    let (outcome, events) =
        run(&Minions::default(), &question("The agent was Omnipaque 240."), &supervisor, &worker).await;
    let mut sum = Usage::default();
    let mut calls = Vec::new();
    for stage in &outcome.stages {
        sum += stage.usage;
        calls.push((stage.round, stage.stage.map(|stage| json!(stage)), stage.calls));
    }
    assert_eq!(sum, supervisor.usage() + worker.usage());
    let of = |round, stage: &str, calls| (round, Some(json!(stage)), calls);
    assert_eq!(
        calls,
        [
            of(1, "advise", 1),
            of(1, "decompose", 2),
            (1, None, 2),
            of(1, "synthesize", 1),
            of(2, "decompose", 1),
            (2, None, 1),
            of(2, "synthesize", 1),
        ]
    );
    let live: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::UsageUpdated { usage, .. } => Some(usage.remote.total_tokens() + usage.local.total_tokens()),
            _ => None,
        })
        .collect();
    assert!(live.is_sorted() && live.len() == 9 && live.last() == Some(&sum.total_tokens()), "{live:?}");
}

// --- several questions, several attempts ---

#[tokio::test]
async fn later_questions_know_the_earlier_ones() {
    let mut question = question("The agent was Omnipaque 240.");
    let supervisor = ScriptedModel::new([FINAL, FINAL]);
    let (outcome, _) = run(&Minion::default(), &question, &supervisor, &nobody()).await;
    question = Question { task: "And its dose?".into(), history: outcome.history, ..question };
    run(&Minion::default(), &question, &supervisor, &nobody()).await;
    let said = &supervisor.requests()[1].messages[0].content;
    assert!(said.contains("User: Which contrast agent was used?\nAnswer: Omnipaque 240"), "{said}");
    assert!(!supervisor.requests()[0].messages[0].content.contains("history"));
}

#[tokio::test]
async fn a_long_conversation_is_summarised() {
    let mut question = question("The agent was Omnipaque 240.");
    let mut longest = 0;
    for number in 1..=40 {
        question.task = format!("Question {number}: {}", "why? ".repeat(500));
        let is_full = question.history.exchanges.len() > 10;
        let replies = if is_full { vec!["They asked about agents.", FINAL] } else { vec![FINAL] };
        let supervisor = ScriptedModel::new(replies);
        let (outcome, _) = run(&Minion::default(), &question, &supervisor, &nobody()).await;
        assert_eq!(outcome.usage.remote, supervisor.usage(), "the summary is counted");
        longest = longest.max(supervisor.requests().last().map_or(0, |request| request.messages[0].content.len()));
        question.history = outcome.history;
    }
    assert!(question.history.summary.is_some() && question.history.exchanges.len() <= 11);
    assert!(longest < 14_000, "{longest} characters");
}

#[tokio::test]
async fn the_supervisor_judges_several_attempts() {
    let minion = Minion { samples: 3, max_rounds: 2, ..Minion::default() };
    let judged = r#"{"decision": "request_additional_info", "best": 2, "message": "Quote it."}"#;
    let supervisor = ScriptedModel::new([OPEN, judged, FINAL]);
    let worker = ScriptedModel::new(["It was A.", "It was B.", "", "B", "B", "B"]);
    let question = Question { seed: 5, ..question("The agent was Omnipaque 240.") };
    let (outcome, _) = run(&minion, &question, &supervisor, &worker).await;
    let said = &supervisor.requests()[1].messages[2].content;
    assert!(
        said.contains("Attempt 2:\n<reply>\nIt was B.\n</reply>\nAttempt 3:\n(The model gave no reply.)"),
        "{said}"
    );
    let requests = worker.requests();
    assert_eq!(requests.iter().map(|request| request.seed).collect::<Vec<_>>()[..3], [Some(5), Some(6), Some(7)]);
    let kept: Vec<_> = requests[3].messages.iter().map(|message| message.content.as_str()).skip(1).collect();
    assert_eq!(kept, ["Which contrast agent?", "It was B.", "Quote it."], "the conversation goes on from the best");
    assert_eq!(outcome.usage.local, worker.usage());
}

// --- privacy ---

/// Everything that the supervisor was sent.
fn sent(supervisor: &ScriptedModel) -> String {
    let requests = supervisor.requests();
    requests
        .iter()
        .flat_map(|request| &request.messages)
        .map(|message| message.content.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn nothing_private_leaves_and_the_answer_has_it_back() {
    let text =
        "Patient: Jane Doe, jane.doe@example.org, SSN 123-45-6789. The agent was Omnipaque 240, says Dr. Maria Miller.";
    let question = Question {
        task: "Which agent did Jane Doe get, project Bluebird?".into(),
        privacy: Some(Privacy { names: vec!["Bluebird".into()], ..Privacy::default() }),
        ..question(text)
    };
    let supervisor = ScriptedModel::new([
        r#"{"decision": "request_additional_info", "message": "Which agent did [PERSON_2] get?"}"#,
        r#"{"decision": "provide_final_answer", "answer": "[PERSON_2] got Omnipaque 240."}"#,
    ]);
    let worker = ScriptedModel::new(["JANE  DOE (jane.doe@example.org) got Omnipaque 240."]);
    let (outcome, events) = run(&Minion::default(), &question, &supervisor, &worker).await;
    let sent = sent(&supervisor).to_lowercase();
    for private in ["jane", "doe", "example.org", "123-45-6789", "miller", "bluebird"] {
        assert!(!sent.contains(private), "{private}: {sent}");
    }
    assert!(sent.contains("omnipaque 240"));
    let asked = &worker.requests()[0].messages[1].content;
    assert_eq!(asked, "Which agent did Jane Doe get?", "the worker is asked about the real name");
    assert_eq!(outcome.answer.as_deref(), Some("Jane Doe got Omnipaque 240."));
    let Some(Event::PrivacyApplied { hidden }) = events.get(1) else { panic!("{:?}", events[1]) };
    assert!(hidden.iter().any(|hidden| hidden.placeholder == "[PERSON_2]"), "{hidden:?}");
    assert!(!json!(hidden).to_string().contains("Jane"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever the documents, the worker and the supervisor say: no listed or detected string is ever sent.
    #[test]
    fn no_detected_string_ever_leaves(
        name in "[A-Z][a-z]{3,8} [A-Z][a-z]{3,9}ov",
        email in "[a-z]{3,8}@[a-z]{3,8}\\.org",
        phone in "\\(555\\) [2-9][0-9]{2}-[0-9]{4}",
        filler in "[ a-z.,]{0,80}",
        is_minions in any::<bool>(),
    ) {
        let text = format!("{filler} Patient: {name}, {email}, tel. {phone}. {filler} The agent was Omnipaque 240.");
        let question = Question {
            task: format!("What did {name} get?"),
            privacy: Some(Privacy { names: vec![name.clone()], ..Privacy::default() }),
            ..question(text)
        };
        let leaky = json!({"citation": "The agent was Omnipaque 240.", "answer": format!("{} {email} {phone}", name.to_uppercase())}).to_string();
        let echo = json!({"decision": "request_additional_info", "message": format!("Call {phone}?"), "feedback": email}).to_string();
        let (supervisor, worker) = if is_minions {
            (ScriptedModel::new(["Look.", PLAN, &echo, PLAN, FINAL]), ScriptedModel::new([leaky.as_str(), &leaky]))
        } else {
            (ScriptedModel::new([OPEN, &echo, FINAL]), ScriptedModel::new([leaky.as_str(), &leaky]))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
        let (outcome, events) = runtime.block_on(async {
            if is_minions {
                run(&Minions::default(), &question, &supervisor, &worker).await
            } else {
                run(&Minion::default(), &question, &supervisor, &worker).await
            }
        });
        let sent = supervisor.requests().iter().flat_map(|request| request.messages.clone())
            .filter(|message| message.role == minions_chat::Role::User).map(|message| message.content).collect::<Vec<_>>().join("\n");
        let told: Vec<Value> = events.iter().filter(|event| matches!(event, Event::SupervisorRequest { .. })).map(|event| json!(event)).collect();
        prop_assert!(!told.is_empty() && outcome.answer.is_some());
        for private in [&name, &email, &phone] {
            prop_assert!(!sent.to_lowercase().contains(&private.to_lowercase()), "{private}: {sent}");
        }
    }
}
