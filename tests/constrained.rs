//! Replies that are held to a form: whatever the weights, every one has it.

mod constrained {
    pub mod schemas;
}

use constrained::schemas::{INVALID, generated, hand_written};
use minions_chat::{
    ChatError, ChatModel, ChatRequest, ChatResponse, FinishReason, FunctionCall, JsonSchema, Message, ResponseFormat,
    Tool, ToolCall, ToolChoice, ToolKind,
};
use minions_cli::FileSource;
use minions_engine::{Compute, Engine, LoadOptions};
use minions_tests::{RandomWorker, workspace};
use serde_json::{Value, json};

/// Schemas that are made up, beside those written by hand.
const GENERATED: usize = 500;
/// Enough for the smallest reply to any of the schemas here, and too little for most that random weights begin.
const MAX_TOKENS: u32 = 160;

#[tokio::test]
async fn every_reply_of_random_weights_fits_its_schema() {
    let worker = RandomWorker::on_cpu(11).await;
    let mut cut_short = 0;
    let schemas: Vec<Value> = hand_written().into_iter().chain((0..GENERATED as u64).map(generated)).collect();
    for (seed, schema) in schemas.iter().enumerate() {
        // Without a hint most strings would go on to the limit, and the values after them would be the shortest.
        let logit_bias = if seed % 2 == 0 { [].into() } else { worker.quotes(4.0) };
        let request = ChatRequest { logit_bias, ..request(json_schema(schema.clone()), seed as u64) };
        let reply = worker.reply(&request).await.unwrap_or_else(|error| panic!("{schema}: {error}"));
        let value: Value = serde_json::from_str(&reply.content)
            .unwrap_or_else(|error| panic!("{schema}: {error} in {:?} ({:?})", reply.content, reply.finish_reason));
        // Formats are held to in their syntax; whether 13:32:60 is a time that there was is another matter.
        let validator = jsonschema::validator_for(schema).expect("a legal schema");
        let faults: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{schema}\n{}\n{}", reply.content, faults.join("\n"));
        assert!(reply.usage.completion_tokens <= u64::from(MAX_TOKENS), "{schema}: {:?}", reply.usage);
        cut_short += usize::from(reply.finish_reason == FinishReason::Length);
    }
    // Both ends must have been tried.
    assert!((50..schemas.len() - 50).contains(&cut_short), "{cut_short} of {} were cut short", schemas.len());
}

#[tokio::test]
async fn json_objects_parse_however_little_room_there_is() {
    let worker = RandomWorker::on_cpu(12).await;
    for max_tokens in 2..60 {
        let request = ChatRequest {
            max_tokens: Some(max_tokens),
            logit_bias: worker.quotes(3.0),
            ..request(ResponseFormat::JsonObject, u64::from(max_tokens))
        };
        let reply = worker.reply(&request).await.expect("a reply");
        let value: Value = serde_json::from_str(&reply.content)
            .unwrap_or_else(|error| panic!("{max_tokens} tokens: {error} in {:?}", reply.content));
        assert!(value.is_object(), "{value}");
        assert!(reply.usage.completion_tokens <= u64::from(max_tokens));
    }
}

#[tokio::test]
async fn a_pattern_matches_the_whole_reply() {
    let worker = RandomWorker::on_cpu(13).await;
    for (seed, pattern) in [
        r"[A-Z]{3}-\d{4}",
        r"(yes|no|maybe), because [a-z ]{10,30}\.",
        r"^\p{Greek}{2,5}$",
        r"(\d{1,3}\.){3}\d{1,3}",
        r"a?b*c",
        r"[^\n]{0,40}",
        r"(ab|cd){2,4}e",
        r"日本(語|人){1,3}",
    ]
    .into_iter()
    .enumerate()
    {
        let whole = regex::Regex::new(&format!("^(?:{pattern})$")).expect("a legal pattern");
        let format = ResponseFormat::Regex { pattern: pattern.to_owned() };
        for seed in 0..4 + seed as u64 {
            let reply = worker.reply(&request(format.clone(), seed)).await.expect("a reply");
            assert!(whole.is_match(&reply.content), "{:?} for {pattern}", reply.content);
        }
    }
}

#[tokio::test]
async fn a_choice_is_taken_word_for_word() {
    let worker = RandomWorker::on_cpu(14).await;
    let choices = ["yes", "no", "yes, but", "→ \"(?:x)\" \\d", "a/b"].map(String::from).to_vec();
    let mut seen = Vec::new();
    for seed in 0..40 {
        let reply = worker.reply(&request(ResponseFormat::Choice { choices: choices.clone() }, seed)).await;
        let reply = reply.expect("a reply");
        assert!(choices.contains(&reply.content), "{:?}", reply.content);
        assert_eq!(reply.finish_reason, FinishReason::Stop);
        seen.push(reply.content);
    }
    seen.sort();
    seen.dedup();
    assert!(seen.len() > 3, "only {seen:?} were taken");
}

/// What random weights cite is a piece of the text, of whole words, whatever stands in it; in a long one as well.
#[tokio::test]
async fn quotations_are_word_for_word() {
    let worker = RandomWorker::on_cpu(18).await;
    let record = std::fs::read_to_string(workspace().join("www/samples/patient-record.txt")).expect("the sample");
    let long: String = record.chars().take(8000).collect();
    let odd = "The \"blood pressure\" is 142/88 mmHg.\n\n  Über-Größe: 日本語 \\ a tab\tand the end.".to_owned();
    for (text, seeds) in [(odd, 30), (long, 4), (String::new(), 2)] {
        let (mut cited, mut nulls) = (0, 0);
        for seed in 0..seeds {
            let request = ChatRequest { logit_bias: worker.quotes(2.0), ..request(citing(&text), seed) };
            let reply = worker.reply(&request).await.expect("a reply");
            let value: Value = serde_json::from_str(&reply.content).expect("JSON");
            match value["citation"].as_str() {
                Some(citation) => {
                    let at = text.find(citation).unwrap_or_else(|| panic!("{citation:?} does not stand there"));
                    let is_word = |char: Option<char>| char.is_some_and(char::is_alphanumeric);
                    let starts_within = is_word(text[..at].chars().last()) && is_word(citation.chars().next());
                    // A piece that stands there twice may be whole in the other place.
                    assert!(!starts_within || text.matches(citation).count() > 1, "{citation:?} begins within a word");
                    cited += usize::from(!citation.is_empty());
                }
                None => nulls += 1,
            }
            assert!(value["answer"].is_string(), "{value}");
        }
        assert!(text.is_empty() || cited > 0, "nothing was cited in {seeds} replies, {nulls} of them null");
    }
}

/// What is wrong with a form is said before anything is computed, by its place.
#[tokio::test]
async fn refuses_forms_that_it_cannot_hold_a_reply_to() {
    let worker = RandomWorker::on_cpu(15).await;
    let choice =
        |choices: &[&str]| ResponseFormat::Choice { choices: choices.iter().map(|c| (*c).to_owned()).collect() };
    let regex = |pattern: &str| ResponseFormat::Regex { pattern: pattern.to_owned() };
    let schemas = INVALID.iter().map(|(schema, words)| {
        let schema = serde_json::from_str(schema).expect("JSON");
        (json_schema(schema), *words)
    });
    let others = [
        (choice(&[]), "choices"),
        (choice(&["a", ""]), "choices"),
        (regex("(a"), "regular expression"),
        (regex(r"a(?=b)"), "regular expression"),
    ];
    let misquoting = |schema: Value, name: &str| {
        let json_schema = JsonSchema {
            quote_of: [(name.to_owned(), "text".to_owned())].into(),
            ..JsonSchema::strict("reply", schema)
        };
        ResponseFormat::JsonSchema { json_schema }
    };
    let object = |property: Value| json!({"type": "object", "properties": {"a": property}, "required": ["a"], "additionalProperties": false});
    let misquotations = [
        (misquoting(json!({"type": "object", "properties": {"a": {"type": "string"}}}), "a"), "all required"),
        (misquoting(object(json!({"type": "string"})), "b"), "no property \"b\""),
        (misquoting(object(json!({"type": "integer"})), "a"), "its type is string"),
        (misquoting(object(json!({"type": "string", "maxLength": 3})), "a"), "its type is string"),
    ];
    for (format, words) in schemas.chain(others).chain(misquotations) {
        let error = worker.reply(&request(format.clone(), 1)).await.expect_err(&format!("{format:?}"));
        assert!(matches!(error, ChatError::InvalidRequest(_)), "{format:?}: {error}");
        assert!(error.to_string().contains(words), "{format:?}: {error}, which lacks {words:?}");
    }
    let narrow = json_schema(json!({"const": "a text of some length that does not fit"}));
    let request = ChatRequest { max_tokens: Some(3), ..request(narrow, 1) };
    let error = worker.reply(&request).await.expect_err("three tokens are too few");
    assert!(error.to_string().contains("3 tokens"), "{error}");
    assert_eq!(worker.steps.get(), 0, "nothing was computed");
}

/// What must come is not sampled: names, quotes and braces cost no step of their own.
#[tokio::test]
async fn forced_tokens_take_no_steps() {
    let worker = RandomWorker::on_cpu(16).await;
    let schema = json!({
        "type": "object",
        "properties": {
            "the explanation of everything that follows": {"enum": [true, false]},
            "the words of the document that answer the question": {"enum": [true, false]},
        },
        "required": ["the explanation of everything that follows", "the words of the document that answer the question"],
        "additionalProperties": false,
    });
    let reply = worker.reply(&request(json_schema(schema), 1)).await.expect("a reply");
    assert_eq!(reply.finish_reason, FinishReason::Stop);
    let (steps, tokens) = (worker.steps.get(), reply.usage.completion_tokens);
    // A step for each value, and some for a space or a comma that may belong to the token after it.
    assert!(steps <= 4 && tokens > 20, "{steps} steps for {tokens} tokens: {}", reply.content);
}

/// On a GPU, masks ride along with the captured decode step, and the reply is the CPU's.
#[tokio::test]
async fn on_a_gpu_the_reply_is_the_same() {
    let schema = json!({
        "type": "object",
        "properties": {"a": {"type": "string", "maxLength": 12}, "b": {"type": "array", "items": {"type": "integer"}, "maxItems": 4}},
        "required": ["a", "b"],
        "additionalProperties": false,
    });
    let gpu =
        Compute::gpu().await.expect("a Vulkan, Metal or DirectX 12 adapter; `cargo xtask test` sets up a software one");
    let (cpu, gpu) = (RandomWorker::on_cpu(17).await, RandomWorker::load(gpu, 17).await);
    for seed in 0..6 {
        let temperature = if seed == 0 { 0.0 } else { 2.0 };
        let request = ChatRequest { temperature: Some(temperature), ..request(json_schema(schema.clone()), seed) };
        let expected = cpu.reply(&request).await.expect("a reply");
        gpu.steps.set(0);
        let before = gpu.engine.counters();
        let actual = gpu.reply(&request).await.expect("a reply");
        assert_eq!((actual.content, actual.finish_reason), (expected.content, expected.finish_reason));
        let work = gpu.engine.counters() - before;
        assert!(work.replays > 0 && work.read_backs <= gpu.steps.get() as u64, "{work:?}, {} steps", gpu.steps.get());
        assert!(work.read_back_bytes <= 4 * 32 * work.read_backs, "an id a row is read back: {work:?}");
    }
}

/// Calls of tools parse and fit their functions' schemas, in any number and however little room there is.
#[tokio::test]
async fn every_call_of_random_weights_fits_its_function() {
    let worker = RandomWorker::on_cpu(18).await;
    let tools = tools();
    let (mut most, mut cut_short) = (0, 0);
    for seed in 0..40 {
        let tool_choice = if seed % 3 == 0 { ToolChoice::Function("note".to_owned()) } else { ToolChoice::Required };
        let request = ChatRequest {
            tools: tools.clone(),
            tool_choice: tool_choice.clone(),
            // Hardly enough for a call, or room for many.
            max_tokens: Some(if seed % 2 == 0 { 44 + seed as u32 } else { 500 }),
            logit_bias: worker.quotes(4.0),
            ..request(ResponseFormat::Text, seed)
        };
        let reply = worker.reply(&request).await.expect("a reply");
        assert!(reply.content.is_empty(), "{reply:?}");
        match reply.finish_reason {
            FinishReason::ToolCalls => assert!(!reply.tool_calls.is_empty(), "{reply:?}"),
            // A call that there was no room for is left out, and not made up.
            FinishReason::Length => cut_short += 1,
            other => panic!("{other:?}"),
        }
        for (index, call) in reply.tool_calls.iter().enumerate() {
            assert_eq!(call.id, format!("call_{index}"));
            let function = tools.iter().map(|tool| &tool.function).find(|function| function.name == call.function.name);
            let function = function.unwrap_or_else(|| panic!("{call:?}"));
            assert!(tool_choice == ToolChoice::Required || function.name == "note");
            let arguments: Value = serde_json::from_str(&call.function.arguments).expect("they are JSON");
            let schema = function.parameters.clone().unwrap_or_else(|| json!({"maxProperties": 0}));
            let validator = jsonschema::validator_for(&schema).expect("a legal schema");
            assert!(arguments.is_object() && validator.is_valid(&arguments), "{call:?}");
        }
        most = most.max(reply.tool_calls.len());
    }
    assert!(cut_short > 0, "too little room must have been tried");
    assert!(most > 1, "several calls at a time must have been tried, not {most}");
    // Left to itself, or told not to, a model that knows of no calls writes text.
    for tool_choice in [ToolChoice::Auto, ToolChoice::None] {
        let request = ChatRequest { tools: tools.clone(), tool_choice, ..request(ResponseFormat::Text, 1) };
        let reply = worker.reply(&request).await.expect("a reply");
        assert!(reply.tool_calls.is_empty() && !reply.content.is_empty(), "{reply:?}");
    }
}

#[tokio::test]
async fn tools_that_cannot_be_are_refused_by_what_is_wrong() {
    let worker = RandomWorker::on_cpu(18).await;
    let base = || ChatRequest { tools: tools(), ..request(ResponseFormat::Text, 0) };
    let named = |name: &str| {
        let mut request = base();
        request.tools[0].function.name = name.to_owned();
        request
    };
    let with_parameters = |parameters: Value| {
        let mut request = base();
        request.tools[0].function.parameters = Some(parameters);
        request
    };
    let with_message = |message: Message| {
        let mut request = base();
        request.messages.insert(0, message);
        request
    };
    let function = FunctionCall { name: "stop".to_owned(), arguments: "{".to_owned() };
    let broken = ToolCall { id: "call_3".to_owned(), kind: ToolKind::Function, function };
    let result = Message { tool_call_id: None, ..Message::tool("", "18 °C") };
    for (request, words) in [
        (named(""), "letters, digits"),
        (named("two words"), "\"two words\""),
        (named("note"), "two functions are named note"),
        (with_parameters(json!(["city"])), "parameters of weather"),
        (with_parameters(json!({"properties": {"city": {"type": "strin"}}})), "the parameters of weather"),
        (with_parameters(json!({"properties": {"city": {"not": {}}}})), "the parameters of weather: "),
        (with_parameters(json!({"type": "string"})), "parameters of weather"),
        (ChatRequest { tool_choice: ToolChoice::Function("launch".to_owned()), ..base() }, "\"launch\""),
        (ChatRequest { tools: Vec::new(), tool_choice: ToolChoice::Required, ..base() }, "there are no tools"),
        (ChatRequest { response_format: ResponseFormat::JsonObject, ..base() }, "response_format"),
        (with_message(Message::tool("call_7", "18 °C")), "\"call_7\""),
        (with_message(result), "tool_call_id"),
        (with_message(Message { tool_calls: vec![broken], ..Message::assistant("") }), "\"call_3\""),
    ] {
        match worker.reply(&request).await {
            Err(ChatError::InvalidRequest(message)) => assert!(message.contains(words), "{words}: {message}"),
            other => panic!("{words}: {other:?}"),
        }
    }
}

fn tools() -> Vec<Tool> {
    let weather = json!({"type": "object", "required": ["city"], "additionalProperties": false, "properties":
        {"city": {"type": "string", "maxLength": 12}, "days": {"type": "integer", "minimum": 1, "maximum": 7}}});
    let note = json!({"$defs": {"tag": {"enum": ["a", "b"]}}, "type": "object", "required": ["tags"], "properties":
        {"tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "maxItems": 3}}});
    let mut stop = Tool::function("stop", "Ends it.", json!({}));
    stop.function.parameters = None;
    vec![Tool::function("weather", "Tells the weather.", weather), Tool::function("note", "Takes a note.", note), stop]
}

/// Arguments that the schema does not list are not made up, and schemas that are put together otherwise are kept as they are.
#[tokio::test]
async fn schemas_of_functions_are_closed_only_where_they_list_everything() {
    let worker = RandomWorker::on_cpu(19).await;
    for (parameters, is_right) in [
        (json!({"type": "object", "properties": {}}), (|value| value == &json!({})) as fn(&Value) -> bool),
        (json!({"type": "object", "properties": {"a": {"type": "null"}}, "required": ["a"]}), |value| {
            value == &json!({"a": null})
        }),
        (
            json!({"type": "object", "anyOf": [
            {"properties": {"id": {"type": "null"}}, "required": ["id"], "additionalProperties": false},
            {"properties": {"name": {"type": "null"}}, "required": ["name"], "additionalProperties": false}]}),
            |value| value == &json!({"id": null}) || value == &json!({"name": null}),
        ),
    ] {
        let tools = vec![Tool::function("f", "Does it.", parameters.clone())];
        let tool_choice = ToolChoice::Function("f".to_owned());
        let request =
            ChatRequest { tools, tool_choice, logit_bias: worker.quotes(4.0), ..request(ResponseFormat::Text, 3) };
        let reply = worker.reply(&request).await.unwrap_or_else(|error| panic!("{parameters}: {error}"));
        let [call] = reply.tool_calls.as_slice() else { panic!("{parameters}: {reply:?}") };
        let arguments: Value = serde_json::from_str(&call.function.arguments).expect("they are JSON");
        assert!(is_right(&arguments), "{parameters}: {arguments}");
    }
}

/// A second call like the first: what follows the first in the conversation is the end of a turn, which no draft may hold.
#[tokio::test]
async fn on_the_gpu_a_call_may_come_again() {
    let gpu =
        Compute::gpu().await.expect("a Vulkan, Metal or DirectX 12 adapter; `cargo xtask test` sets up a software one");
    let worker = RandomWorker::load(gpu, 18).await;
    let function = FunctionCall { name: "stop".to_owned(), arguments: "{}".to_owned() };
    let call = ToolCall { id: "call_0".to_owned(), kind: ToolKind::Function, function };
    let messages = vec![
        Message::user("Stop."),
        Message { tool_calls: vec![call.clone()], ..Message::assistant("") },
        Message::tool("call_0", "done"),
        Message::user("Again."),
    ];
    let tools = tools().into_iter().filter(|tool| tool.function.name == "stop").collect();
    let request =
        ChatRequest { messages, tools, tool_choice: ToolChoice::Required, ..request(ResponseFormat::Text, 0) };
    for seed in 0..4 {
        let reply = worker.say(&ChatRequest { seed: Some(seed), ..request.clone() }).await;
        let [first, ..] = reply.tool_calls.as_slice() else { panic!("{reply:?}") };
        assert_eq!((first.id.as_str(), &first.function), ("call_1", &call.function));
    }
}

/// The included worker answers jobs in the words and the form that it was trained on, with and without the grammar.
#[tokio::test]
async fn the_included_worker_is_not_hindered_by_its_own_form() {
    let path = workspace().join("www/public/models/demo-worker.gguf");
    let (source, main) = FileSource::open(&path).expect("the model's path");
    let compute = Compute::cpu("this is the CPU's test");
    let engine = Engine::load(compute, source, &main, LoadOptions::default(), &mut |_| {}).await.expect("it loads");
    let excerpt = "The patient's blood pressure is 142/88 mmHg. The heart rate is 71 beats per minute. \
                   The attending physician is Dr. Mara Lindqvist.";
    for (task, answer) in
        [("What is the heart rate?", "71 beats per minute"), ("What is the blood pressure?", "142/88 mmHg")]
    {
        let message = Message::user(minions_protocol::job_prompt(excerpt, task, None));
        let free = ChatRequest { max_tokens: Some(128), ..ChatRequest::new(vec![message]) };
        let schema = json!({
            "type": "object",
            "properties": {
                "explanation": {"type": ["string", "null"]},
                "citation": {"type": ["string", "null"]},
                "answer": {"type": ["string", "null"]},
            },
            "required": ["explanation", "citation", "answer"],
            "additionalProperties": false,
        });
        let held = ChatRequest { response_format: json_schema(schema), ..free.clone() };
        let (free, held) = (say(&engine, &free).await, say(&engine, &held).await);
        assert_eq!(held.content, free.content, "{task}");
        assert!(held.content.contains(answer), "{task}: {}", held.content);
    }
}

/// A job's reply whose citation is a piece of `text`, or null.
fn citing(text: &str) -> ResponseFormat {
    let schema = json!({
        "type": "object",
        "properties": {"citation": {"type": ["string", "null"]}, "answer": {"type": "string", "maxLength": 8}},
        "required": ["citation", "answer"],
        "additionalProperties": false,
    });
    let quote_of = [("citation".to_owned(), text.to_owned())].into();
    ResponseFormat::JsonSchema { json_schema: JsonSchema { quote_of, ..JsonSchema::strict("reply", schema) } }
}

fn json_schema(schema: Value) -> ResponseFormat {
    ResponseFormat::JsonSchema { json_schema: JsonSchema::strict("reply", schema) }
}

fn request(response_format: ResponseFormat, seed: u64) -> ChatRequest {
    ChatRequest {
        max_tokens: Some(MAX_TOKENS),
        temperature: Some(2.0),
        seed: Some(seed),
        response_format,
        ..ChatRequest::new(vec![Message::user("Answer.")])
    }
}

async fn say(engine: &Engine, request: &ChatRequest) -> ChatResponse {
    engine.chat(request, &mut |_| {}).await.expect("a reply")
}
