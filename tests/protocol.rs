//! The Minion protocol against the reference's recorded runs, and against everything that can go wrong.
//!
//! The fixtures hold what the scripted models of a reference run replied, what each call cost, and how the run ended.
//! Ours asks once where the reference asks twice (free thoughts, then the same as JSON), so those replies are left out.

use minions_chat::{ChatError, Role, Usage};
use minions_protocol::{
    Decision, Error, Event, Fallback, Minion, NoAnswer, Outcome, Protocol, Question, Speaker, Stage, Transcript,
    extract_json,
};
use minions_providers::Recording;
use minions_tests::{ScriptedModel, ScriptedReply, fixtures, workspace};
use serde_json::{Value, json};

const OPEN: &str = r#"{"reasoning": "r", "message": "Which contrast agent?"}"#;
const MORE: &str = r#"{"decision": "request_additional_info", "message": "Quote it."}"#;
const FINAL: &str = r#"{"decision": "provide_final_answer", "answer": "Omnipaque 240"}"#;

/// A run and everything that can be seen of it from outside.
struct Run {
    result: Result<Outcome, Error>,
    events: Vec<Event>,
    supervisor: ScriptedModel,
    worker: ScriptedModel,
}

impl Run {
    async fn new<R: Into<ScriptedReply>>(
        minion: &Minion,
        task: &str,
        supervisor: impl IntoIterator<Item = R>,
        worker: impl IntoIterator<Item = R>,
    ) -> Self {
        let question = Question::new(task, vec!["Omnipaque 240 was used.".to_owned()]);
        Self::of(minion, &question, supervisor, worker).await
    }

    async fn of<R: Into<ScriptedReply>>(
        minion: &Minion,
        question: &Question,
        supervisor: impl IntoIterator<Item = R>,
        worker: impl IntoIterator<Item = R>,
    ) -> Self {
        let (supervisor, worker) = (ScriptedModel::new(supervisor), ScriptedModel::new(worker));
        let mut events = Vec::new();
        let result = minion.run(&supervisor, &worker, question, &mut |event| events.push(event)).await;
        Self { result, events, supervisor, worker }
    }

    fn outcome(&self) -> &Outcome {
        self.result.as_ref().expect("the run ends with an outcome")
    }

    fn remote_usage(&self) -> Usage {
        self.result.as_ref().map_or_else(Error::usage, |outcome| outcome.usage).remote
    }
}

async fn run(supervisor: &[&str], worker: &[&str]) -> Run {
    Run::new(&Minion::default(), "Which agent?", supervisor.iter().copied(), worker.iter().copied()).await
}

// --- the reference's runs ---

/// One conversation of a reference run, and what ours makes of it.
struct Scenario {
    supervisor: Vec<ScriptedReply>,
    worker: Vec<ScriptedReply>,
    max_rounds: u32,
    reference_tokens: u64,
}

/// The user's task in the reference runs has 83 characters (the lengths of their prompts differ by it). This one too,
/// though some runs' are shorter: theirs cannot be more expensive for it.
const TASK: &str = "Which contrast agent was used for the patient's CT of the spine in the last report?";

/// Cuts a reference run into its conversations (the multi-turn ones hold several) and maps its calls onto ours.
fn scenarios(name: &str, run: &Value) -> Vec<Scenario> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    for call in run["requests"].as_array().expect("a run has requests") {
        let roles = call["roles"].as_array().map_or(0, Vec::len);
        let (is_remote, reply) = (call["who"] == "remote", call["reply"].as_str().expect("a reply is a text"));
        let tokens: u64 =
            ["prompt_tokens", "completion_tokens"].iter().filter_map(|key| call["usage"][key].as_u64()).sum();
        // Privacy mode's rewriting of the task and of replies is no part of the conversation.
        let is_aside = !is_remote && roles == 1;
        // The transport repeats a call that failed; the protocol never sees it.
        let is_retried = name == "minion_remote_429_sdk_retry" && reply.is_empty();
        let starts = is_remote && roles == 1 && scenarios.last().is_none_or(|last| !last.supervisor.is_empty());
        if starts {
            scenarios.push(Scenario { supervisor: vec![], worker: vec![], max_rounds: 0, reference_tokens: 0 });
        }
        let Some(scenario) = scenarios.last_mut().filter(|_| !is_aside) else { continue };
        if is_remote {
            scenario.reference_tokens += tokens;
        }
        let cut_off = call["finish_reason"] == "length";
        match reply {
            _ if is_retried => {}
            "" if is_remote => {
                let error = ChatError::Provider { status: 500, message: "boom".to_owned() };
                scenario.supervisor.push(ScriptedReply::Error(error));
            }
            thoughts if is_remote && thoughts.starts_with("We know") => {}
            reply if is_remote => scenario.supervisor.push(reply.into()),
            reply if cut_off => scenario.worker.push(ScriptedReply::CutOff(reply.to_owned())),
            reply => scenario.worker.push(reply.into()),
        }
    }
    for scenario in &mut scenarios {
        scenario.max_rounds = match name {
            "minion_max_rounds_1" | "minion_multi_context_join" | "minion_images" | "minion_multi_turn_final_round" => {
                1
            }
            "minion_three_rounds_default" => 3,
            _ => 2,
        };
    }
    complete(name, scenarios.pop().expect("a run has a conversation"), scenarios)
}

/// Where the reference crashes its script ends; ours goes on and needs a reply to go on with.
fn complete(name: &str, mut last: Scenario, mut scenarios: Vec<Scenario>) -> Vec<Scenario> {
    match name {
        "minion_missing_message" | "minion_unparsable_first" => last.supervisor.push(FINAL.into()),
        "minion_together_remote" => {
            last.supervisor.push(FINAL.into());
            last.worker.push("The CT of the spine used the contrast agent Omnipaque 240.".into());
        }
        _ => {}
    }
    scenarios.push(last);
    scenarios
}

/// What the run answers; `Err` for the two that end otherwise.
fn expected(name: &str) -> Result<&'static str, &'static str> {
    match name {
        "minion_final_round_refuses" => Err("OutOfRounds"),
        "minion_remote_500" => Err("the supervisor did not answer in round 1: the provider answered 500: boom"),
        "minion_raw_newline_in_json" => Ok("x\ny"),
        "minion_nested_json_clean" => Ok("agent: Omnipaque 240"),
        _ => Ok("Omnipaque 240"),
    }
}

#[tokio::test]
async fn replays_the_reference_runs_with_fewer_tokens() {
    let (mut ours, mut theirs) = (0, 0);
    for (name, reference) in fixtures("transcripts").into_iter().filter(|(name, _)| !name.starts_with("minions_")) {
        // Ours refuses an empty document before any call; `refuses_empty_questions` tests that.
        if name == "minion_empty_context" {
            continue;
        }
        let mut scenario_tokens = (0, 0);
        // The conversations of a multi-turn run know of each other.
        let mut question = Question::new(TASK, vec!["Omnipaque 240 was used.".to_owned()]);
        for scenario in scenarios(&name, &reference) {
            let minion = Minion { max_rounds: scenario.max_rounds, ..Minion::default() };
            let worker_calls = scenario.worker.len();
            let run = Run::of(&minion, &question, scenario.supervisor, scenario.worker).await;

            let result = match &run.result {
                Ok(Outcome { answer: Some(answer), .. }) => Ok(answer.clone()),
                Ok(Outcome { reason, .. }) => Err(format!("{:?}", reason.as_ref().map(|reason| reason.code))),
                Err(error) => Err(error.to_string()),
            };
            match (expected(&name), result) {
                (Ok(expected), result) => assert_eq!(result.as_deref(), Ok(expected), "{name}"),
                (Err(expected), result) => assert!(result.is_err_and(|error| error.contains(expected)), "{name}"),
            }
            assert_eq!(run.worker.requests().len(), worker_calls, "{name}: worker calls");
            assert_roles(&name, &run);
            assert_eq!(run.remote_usage(), run.supervisor.usage(), "{name}: counted supervisor tokens");
            scenario_tokens.0 += run.supervisor.usage().total_tokens();
            scenario_tokens.1 += scenario.reference_tokens;
            question.history = run.result.map(|outcome| outcome.history).unwrap_or_default();
        }
        assert!(scenario_tokens.0 <= scenario_tokens.1, "{name}: {scenario_tokens:?} supervisor tokens");
        ours += scenario_tokens.0;
        theirs += scenario_tokens.1;
    }
    let ratio = ours as f64 / theirs as f64;
    println!("supervisor tokens: {ours} ours, {theirs} the reference's, ratio {ratio:.3}");
    assert!(ratio <= 0.6, "{ratio}");
}

/// Both conversations alternate; only the worker's starts with a system message.
fn assert_roles(name: &str, run: &Run) {
    for (index, request) in run.supervisor.requests().iter().enumerate() {
        assert_eq!(request.messages.len(), 2 * index + 1, "{name}");
        let mut roles = request.messages.iter().map(|message| message.role);
        assert!(roles.by_ref().step_by(2).all(|role| role == Role::User), "{name}");
        assert!(!request.response_format.is_text(), "{name}");
    }
    for (index, request) in run.worker.requests().iter().enumerate() {
        assert_eq!(request.messages.len(), 2 * index + 2, "{name}");
        assert_eq!(request.messages[0].role, Role::System, "{name}");
        assert_eq!((request.temperature, request.max_tokens), (Some(0.0), Some(256)), "{name}");
    }
}

#[test]
fn finds_json_wherever_the_reference_does_and_more() {
    for (index, case) in fixtures("json")[0].1.as_array().expect("a list of cases").iter().enumerate() {
        let input = case["in"].as_str().expect("an input is a text");
        let found = extract_json(input, &[]);
        match (case.get("out"), input) {
            (Some(expected), _) => assert_eq!(found.as_ref(), Ok(expected), "case {index}: {input}"),
            (None, "none" | "" | "{\"a\":1" | "{\"a\": tru}" | "{'a':1}") => {
                assert!(found.is_err(), "case {index}: {input}");
            }
            (None, _) => assert!(found.is_ok(), "case {index}: {input}"),
        }
    }
}

// --- the flow ---

/// What is told of every call beside what it was about.
const BOOKS: [&str; 2] = ["call.answered", "usage.updated"];

#[tokio::test]
async fn tells_every_step() {
    let run = run(&[OPEN, MORE, FINAL], &["Omnipaque.", "Omnipaque 240."]).await;
    let names: Vec<_> =
        run.events.iter().map(name).filter(|name| !name.ends_with(".delta") && !BOOKS.contains(&&**name)).collect();
    assert_eq!(
        names.join(" "),
        "run.started round.started supervisor.request supervisor.response worker.request worker.response \
         supervisor.request supervisor.response round.finished \
         round.started worker.request worker.response supervisor.request supervisor.response round.finished \
         run.finished"
    );
    assert_eq!(run.outcome().rounds, 2);
    assert!(matches!(run.events.last(), Some(Event::RunFinished { outcome }) if outcome == run.outcome()));
    assert!(run.events.contains(&Event::RoundFinished {
        round: 1,
        decision: Decision::RequestAdditionalInfo,
        message: Some("Quote it.".into()),
    }));
}

fn name(event: &Event) -> String {
    let json = serde_json::to_value(event).expect("events are JSON");
    json["type"].as_str().expect("events have a type").to_owned()
}

/// The ledger holds what was sent, to the letter.
#[tokio::test]
async fn the_requests_told_are_the_requests_made() {
    let run = run(&["no json", OPEN, MORE, FINAL], &["one", "two"]).await;
    let told = run.events.iter().filter_map(|event| match event {
        Event::SupervisorRequest { messages, .. } => Some(messages.clone()),
        _ => None,
    });
    let made: Vec<_> = run.supervisor.requests().into_iter().map(|request| request.messages).collect();
    assert_eq!(told.collect::<Vec<_>>(), made);
    assert!(made.iter().flatten().all(|message| !message.content.contains("was used")), "the document stays here");
}

#[tokio::test]
async fn the_deltas_add_up_to_the_replies() {
    let run = run(&[OPEN, FINAL], &["Omnipaque 240 was used."]).await;
    let mut deltas = (String::new(), String::new());
    for event in &run.events {
        match event {
            Event::SupervisorDelta { delta, .. } => deltas.0 += delta,
            Event::WorkerDelta { delta, .. } => deltas.1 += delta,
            _ => {}
        }
    }
    assert_eq!(deltas, ([OPEN, FINAL].concat(), "Omnipaque 240 was used.".to_owned()));
}

#[tokio::test]
async fn the_transcript_replays_every_request() {
    let run = run(&["no json", OPEN, MORE, FINAL], &["one", "two"]).await;
    for (speaker, model) in [(Speaker::Supervisor, &run.supervisor), (Speaker::Worker, &run.worker)] {
        let mut conversation = Vec::new();
        let turns = run.outcome().transcript.turns.iter().filter(|turn| turn.speaker == speaker);
        for (turn, request) in turns.zip(model.requests()) {
            conversation.extend(turn.sent.clone());
            assert_eq!(conversation, request.messages);
            conversation.push(minions_chat::Message::assistant(turn.reply.clone()));
        }
    }
    assert_eq!(run.outcome().usage.remote, run.supervisor.usage());
    assert_eq!(run.outcome().usage.local, run.worker.usage());
}

#[tokio::test]
async fn a_run_goes_on_where_another_was_broken_off() {
    let (supervisor, worker) = (["no json", OPEN, MORE, FINAL], ["one", "two"]);
    let whole = run(&supervisor, &worker).await;
    let turns = &whole.outcome().transcript.turns;
    for kept in 0..=turns.len() {
        let earlier = Transcript { turns: turns[..kept].to_vec(), ..Transcript::default() };
        let said = |speaker| earlier.turns.iter().filter(|turn| turn.speaker == speaker).count();
        let (asked, read) = (said(Speaker::Supervisor), said(Speaker::Worker));
        let question =
            Question { earlier, ..Question::new("Which agent?", vec!["Omnipaque 240 was used.".to_owned()]) };
        let again = Run::of(&Minion::default(), &question, supervisor[asked..].to_vec(), worker[read..].to_vec()).await;
        assert_eq!(again.result, whole.result, "{kept} calls were answered");
        assert_eq!(again.supervisor.requests().len(), supervisor.len() - asked);
        assert_eq!(again.worker.requests().len(), worker.len() - read);
        let [told, before] = [&again, &whole].map(|run| {
            let deltas = run.events.iter().filter_map(|event| match event {
                Event::SupervisorDelta { delta, .. } | Event::WorkerDelta { delta, .. } => Some(delta.as_str()),
                _ => None,
            });
            deltas.collect::<String>()
        });
        assert_eq!(told, before, "what was said is told all the same");
    }
}

#[tokio::test]
async fn an_answer_may_come_at_once() {
    let run = run(&[FINAL], &[]).await;
    assert_eq!(run.outcome().answer.as_deref(), Some("Omnipaque 240"));
    assert_eq!((run.outcome().rounds, run.worker.requests().len()), (1, 0));
}

#[tokio::test]
async fn the_supervisor_is_told_what_became_of_the_worker() {
    let worker = [ScriptedReply::from(""), ScriptedReply::CutOff("The CT".into())];
    let supervisor = [OPEN, MORE, FINAL].map(ScriptedReply::from);
    let run = Run::new(&Minion::default(), "Which agent?", supervisor, worker).await;
    let said: Vec<_> = run.supervisor.requests().into_iter().filter_map(|mut request| request.messages.pop()).collect();
    assert!(said[1].content.contains("no reply"), "{}", said[1].content);
    assert!(said[2].content.contains("The CT") && said[2].content.contains("cut off"), "{}", said[2].content);
}

// --- what can go wrong ---

#[tokio::test]
async fn asks_again_and_says_why() {
    let run = run(&[r#"{"reasoning": "r"}"#, OPEN, FINAL], &["one"]).await;
    let asked_again = run.supervisor.requests()[1].messages[2].content.clone();
    assert!(asked_again.contains(r#"neither "message" nor "answer""#), "{asked_again}");
    assert!(run.events.iter().any(|event| matches!(event, Event::ReplyRejected { attempt: 1, .. })));
    assert!(!run.events.iter().any(|event| matches!(event, Event::ReplyDegraded { .. })));
    assert_eq!(run.outcome().answer.as_deref(), Some("Omnipaque 240"));
}

#[tokio::test]
async fn takes_prose_as_the_next_question_while_rounds_are_left() {
    let run = run(&["Which agent was used?", "Which agent was it?", FINAL], &["one"]).await;
    assert_eq!(run.worker.requests()[0].messages[1].content, "Which agent was it?");
    assert!(run.events.contains(&Event::ReplyDegraded {
        round: 1,
        stage: Stage::Open,
        fallback: Fallback::ReplyAsMessage,
    }));
}

#[tokio::test]
async fn asks_the_worker_the_task_when_the_json_is_broken() {
    let run = run(&[r#"{"message": "#, r#"{"message": "#, FINAL], &["one"]).await;
    assert_eq!(run.worker.requests()[0].messages[1].content, "Which agent?");
}

#[tokio::test]
async fn takes_prose_as_the_answer_at_the_end_and_says_so() {
    let minion = Minion { max_rounds: 1, ..Minion::default() };
    let run = Run::new(&minion, "Which agent?", [OPEN, "It was X.", "<think>hm</think>It was Y."], ["one"]).await;
    assert_eq!(run.outcome().answer.as_deref(), Some("It was Y."));
    assert!(run.outcome().is_raw_reply);
}

#[tokio::test]
async fn gives_a_reason_when_there_is_no_answer() {
    let minion = Minion { max_rounds: 1, ..Minion::default() };
    let null = r#"{"decision": "provide_final_answer", "answer": null}"#;
    for (replies, expected) in [
        (&[OPEN, null][..], NoAnswer::Unknown),
        (&[OPEN, MORE], NoAnswer::OutOfRounds),
        (&[OPEN, r#"{"answer": "#, r#"{"answer": "#], NoAnswer::UnreadableReply),
    ] {
        let run = Run::new(&minion, "Which agent?", replies.iter().copied(), ["one"]).await;
        let reason = run.outcome().reason.as_ref().expect("there is a reason");
        assert_eq!((run.outcome().answer.as_ref(), reason.code), (None, expected));
        assert!(reason.message.ends_with('.'), "{}", reason.message);
    }
}

#[tokio::test]
async fn refuses_empty_questions_before_any_call() {
    let (supervisor, worker) = (ScriptedModel::new([OPEN]), ScriptedModel::new(["one"]));
    for (task, document, max_rounds, expected) in [
        (" ", "text", 3, Error::EmptyTask),
        ("why?", "\n\t", 3, Error::EmptyContext),
        ("why?", "text", 0, Error::ZeroLimit("maxRounds")),
    ] {
        let question = Question::new(task, vec![document.into()]);
        let minion = Minion { max_rounds, ..Minion::default() };
        let result = minion.run(&supervisor, &worker, &question, &mut |event| panic!("{event:?}")).await;
        assert_eq!(result, Err(expected));
    }
    assert!(supervisor.requests().is_empty() && worker.requests().is_empty());
}

#[tokio::test]
async fn a_failed_call_tells_what_was_spent_before() {
    let overflow = ChatError::ContextOverflow { prompt_tokens: 9, max_tokens: 1, context_length: 8 };
    let replies = |text: &[&str]| text.iter().map(|text| ScriptedReply::from(*text)).collect::<Vec<_>>();
    let worker = vec![ScriptedReply::from("one"), ScriptedReply::Error(overflow.clone())];
    let run = Run::new(&Minion::default(), "Which agent?", replies(&[OPEN, MORE]), worker).await;
    let error = run.result.as_ref().expect_err("the worker fails");
    assert_eq!(error.code(), overflow.code());
    assert_eq!((error.usage().remote, error.usage().local), (run.supervisor.usage(), run.worker.usage()));
    assert!(error.to_string().starts_with("the worker did not answer in round 2: the prompt has 9 tokens"), "{error}");
}

// --- forms that others rely on ---

#[tokio::test]
async fn events_have_the_names_that_javascript_knows() {
    let run = run(&[OPEN, FINAL], &["Omnipaque."]).await;
    let events: Vec<Value> = run.events.iter().map(|event| json!(event)).collect();
    assert_eq!(events[0], json!({"type": "run.started", "task": "Which agent?", "chars": 23}));
    let response = events.iter().find(|event| event["type"] == "worker.response").expect("the worker responds");
    assert_eq!(response["finishReason"], "stop");
    assert!(response["usage"]["prompt_tokens"].is_u64());
    let outcome = &events.last().expect("there are events")["outcome"];
    assert_eq!((&outcome["answer"], &outcome["isRawReply"]), (&json!("Omnipaque 240"), &json!(false)));
    assert_eq!(outcome["transcript"]["turns"][0]["stage"], "open");
    for event in run.events {
        let back: Event = serde_json::from_value(json!(event)).expect("events can be read back");
        assert_eq!(back, event);
    }
}

/// The recording finds the worker's words where the protocol puts them.
#[tokio::test]
async fn the_recorded_supervisor_quotes_the_live_worker() {
    let folder = workspace().join("crates/minions-providers/recordings");
    let recording = std::fs::read_to_string(folder.join("patient-record.json")).expect("the recording is there");
    let recording = Recording::from_json(&recording).expect("the recording is valid");
    let worker = ScriptedModel::new(["His \"pressure\" was 160/100 mmHg.", "His LDL was 170 mg/dL."]);
    let question = Question::new(recording.task.clone(), vec!["the record".into()]);
    let outcome = Minion::default().run(&recording, &worker, &question, &mut |_| {}).await.expect("the run ends");
    let answer = outcome.answer.expect("there is an answer");
    assert!(answer.contains("“His \"pressure\" was 160/100 mmHg.”"), "{answer}");
    assert!(answer.contains("“His LDL was 170 mg/dL.”") && answer.contains("increased"), "{answer}");
    assert!(outcome.usage.remote.prompt_tokens > 0);

    let other = Question { task: "What else?".into(), ..question };
    let result = Minion::default().run(&recording, &worker, &other, &mut |_| {}).await;
    assert!(result.is_err_and(|error| error.to_string().contains("answers only its own task")));
}
