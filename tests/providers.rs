//! The providers over a fake transport, byte by byte, and over a real socket against the scripted server.

use std::time::Duration;

use minions_chat::{ChatError, ChatModel, ChatRequest, ChatResponse, FinishReason, Message, Tool, Usage};
use minions_cli::{HttpTransport, http_client};
use minions_providers::{ApiKey, CloudModel, Preset, Transport, TransportError};
use minions_tests::{FakeResponse, FakeTransport, server};
use serde_json::{Value, json};

const KEY: &str = "sk-very-secret-0123456789";

const STREAM: &str = concat!(
    "\u{feff}: welcome\r\n\r\n",
    "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}],\"usage\":null}\n\n",
    "data:{\"choices\":[{\"delta\":{\"content\":\"Gr\u{fc}\u{df}e, \"},\"finish_reason\":null}]}\r\n\r\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"\u{1d11e}!\"}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":5}}\n\n",
    "data: [DONE]\n\n",
);

/// What a call comes to, seen from outside.
struct Call {
    result: Result<ChatResponse, ChatError>,
    deltas: Vec<String>,
}

async fn call<T: Transport>(model: &CloudModel<T>) -> Call {
    let request = ChatRequest::new(vec![Message::user("12345678")]);
    let mut deltas = Vec::new();
    let result = model.chat(&request, &mut |delta| deltas.push(delta.to_owned())).await;
    Call { result, deltas }
}

fn model<T>(transport: T, base_url: &str) -> CloudModel<T> {
    CloudModel::at(transport, base_url, "m", ApiKey::new(KEY))
}

fn fake(responses: impl IntoIterator<Item = FakeResponse>) -> CloudModel<FakeTransport> {
    model(FakeTransport::new(responses), "https://api.openai.com/v1")
}

fn error(status: u16) -> FakeResponse {
    FakeResponse::whole(status, r#"{"error": {"message": "boom"}}"#)
}

// --- replies ---

#[tokio::test]
async fn a_stream_may_be_cut_into_pieces_anywhere() {
    for size in 1..=STREAM.len() {
        let call = call(&fake([FakeResponse::pieces(200, STREAM, size)])).await;
        let usage = Usage { prompt_tokens: 11, completion_tokens: 5, ..Usage::default() };
        let reply = ChatResponse::new("Grüße, 𝄞!", FinishReason::Length, usage);
        assert_eq!(call.result, Ok(reply), "pieces of {size} bytes");
        assert_eq!(call.deltas.concat(), "Grüße, 𝄞!");
    }
}

#[tokio::test]
async fn a_server_that_does_not_stream_will_do() {
    let body = r#" {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}"#;
    for size in [1, 2, 7, body.len()] {
        let call = call(&fake([FakeResponse::pieces(200, body, size)])).await;
        let usage = Usage { prompt_tokens: 6, completion_tokens: 1, estimated: true, ..Usage::default() };
        assert_eq!(call.result.map(|reply| reply.usage), Ok(usage));
        assert_eq!(call.deltas, ["hi"]);
    }
}

#[tokio::test]
async fn a_stream_may_end_without_done_or_usage() {
    let end = STREAM.find("data: {\"choices\":[],").expect("the stream tells its usage");
    let body = STREAM.get(..end).expect("a whole number of characters");
    for response in [FakeResponse::whole(200, body), FakeResponse::whole(200, body).cut(TransportError::Timeout)] {
        let reply = call(&fake([response])).await.result.expect("the text is complete");
        assert_eq!((reply.content.as_str(), reply.usage.prompt_tokens), ("Grüße, 𝄞!", 6));
    }
}

// --- requests ---

#[tokio::test]
async fn the_key_is_in_one_header_and_nowhere_else() {
    let model = fake([FakeResponse::whole(200, STREAM)]);
    call(&model).await.result.expect("a reply");
    let request = &model.transport.requests()[0];
    assert_eq!(
        request.headers,
        [("Content-Type", "application/json".to_owned()), ("Authorization", format!("Bearer {KEY}"))]
    );
    let body = request.body.as_deref().expect("a call has a body");
    assert!(!body.contains(KEY) && !request.url.contains(KEY));
    assert!(!format!("{request:?} {:?} {:?} {}", model.api_key, model.base_url, model.api_key).contains("secret"));
    let model = CloudModel::at((), "https://api.openai.com/v1", "m", ApiKey::new(KEY));
    assert!(!format!("{model:?}").contains("secret"));
}

#[tokio::test]
async fn a_server_without_a_key_gets_no_key_header() {
    let mut model = fake([FakeResponse::whole(200, STREAM)]);
    model.api_key = ApiKey::new("");
    call(&model).await.result.expect("a reply");
    assert_eq!(model.transport.requests()[0].headers.len(), 1);
}

// --- errors ---

/// One line per kind of failure: what the provider does, the words that must be in the error, its stable name.
#[tokio::test]
async fn errors_say_what_is_wrong_and_what_to_do() {
    let whole = |status, body: &str| FakeResponse::whole(status, body);
    let cut = || TransportError::Network("socket".into());
    let piece = "data: {\"choices\":[{\"delta\":{\"content\":\"Well\"}}]}\n\n";
    for (response, words, code) in [
        (error(401), "check the key", "auth_failed"),
        (error(403), "check the key", "auth_failed"),
        (error(404), "check the base URL", "provider_error"),
        (error(400), "answered 400: boom", "provider_error"),
        (error(429), "rate limit or quota is reached: boom", "rate_limited"),
        (error(500), "answered 500: boom", "provider_error"),
        (whole(502, "<h1>Bad gateway</h1>"), "Bad gateway", "provider_error"),
        (whole(200, "<html>"), "check the base URL", "bad_reply"),
        (whole(200, "Oops"), "check the base URL", "bad_reply"),
        (whole(200, ""), "not a chat completion", "bad_reply"),
        (whole(200, "data: [DONE]\n\n"), "empty", "bad_reply"),
        (whole(200, "data: {\"choices\n\n"), "not JSON", "bad_reply"),
        (whole(200, r#"{"error": {"message": "no", "code": 400}}"#), "answered 400: no", "provider_error"),
        (whole(200, "data: {\"error\": {\"message\": \"no\"}}\n\n"), "answered 502: no", "provider_error"),
        (whole(200, piece), "broke off in the middle", "network_error"),
        (whole(200, piece).cut(cut()), "broke off in the middle", "network_error"),
        (whole(200, piece).cut(TransportError::Timeout), "120 seconds", "timeout"),
        (FakeResponse::Error(TransportError::Timeout), "120 seconds", "timeout"),
        (FakeResponse::Error(cut()), "CORS", "network_error"),
    ] {
        let description = format!("{response:?}");
        let mut model = fake([response]);
        model.max_retries = 0;
        let error = call(&model).await.result.expect_err(&description);
        assert!(error.to_string().contains(words), "{description}: {error}");
        assert_eq!(json!(error.code()), code, "{description}");
    }
}

#[tokio::test]
async fn an_echoed_key_is_not_passed_on() {
    let echo = format!(r#"{{"error": {{"message": "wrong key: {KEY}"}}}}"#);
    for response in [
        FakeResponse::whole(400, &echo),
        FakeResponse::whole(429, &echo),
        FakeResponse::whole(500, &format!("trace: {KEY}")),
        FakeResponse::whole(200, &format!("<p>{KEY}")),
        FakeResponse::whole(200, &echo),
        FakeResponse::whole(200, &format!("data: {KEY}\n\n")),
        FakeResponse::Error(TransportError::Network(format!("invalid header Bearer {KEY}"))),
    ] {
        let mut model = fake([response]);
        model.max_retries = 0;
        let error = call(&model).await.result.expect_err("an error");
        assert!(!format!("{error} {error:?}").contains(KEY), "{error}");
        assert!(error.to_string().contains("[API key]"), "{error}");
    }
}

#[tokio::test]
async fn wrong_settings_are_told_before_anything_is_sent() {
    let settings: [fn(&mut CloudModel<FakeTransport>); 3] = [
        |model| model.base_url = "api.openai.com".into(),
        |model| model.model = " ".into(),
        |model| model.api_key = ApiKey::new("sk-broken\nkey"),
    ];
    for set in settings {
        let mut model = fake([]);
        set(&mut model);
        assert!(matches!(call(&model).await.result, Err(ChatError::InvalidRequest(_))));
    }
}

#[tokio::test]
async fn tools_are_refused_before_anything_is_sent() {
    let model = fake([]);
    let offered = ChatRequest {
        tools: vec![Tool::function("f", "Does it.", json!({}))],
        ..ChatRequest::new(vec![Message::user("hi")])
    };
    let answered = ChatRequest::new(vec![Message::tool("call_0", "done")]);
    for request in [offered, answered] {
        let error = model.chat(&request, &mut |_| {}).await.expect_err("no provider is asked for calls");
        assert!(matches!(error, ChatError::InvalidRequest(_)) && error.to_string().contains("tools"), "{error}");
    }
}

// --- retries ---

#[tokio::test]
async fn tries_again_what_may_pass() {
    let network = || FakeResponse::Error(TransportError::Network("reset".into()));
    for failures in [[error(500), error(503)], [error(408), error(409)], [network(), error(429)]] {
        let responses = failures.into_iter().chain([FakeResponse::whole(200, STREAM)]);
        let model = fake(responses);
        let call = call(&model).await;
        assert!(call.result.is_ok());
        assert_eq!(call.deltas.concat(), "Grüße, 𝄞!", "no piece comes twice");
        assert_eq!(model.transport.sleeps(), [Duration::from_millis(500), Duration::from_secs(1)]);
        let requests = model.transport.requests();
        assert!(requests.iter().all(|request| *request == requests[0]));
    }
}

#[tokio::test]
async fn gives_up_after_the_last_retry() {
    let model = fake([error(500), error(500), error(500)]);
    assert!(matches!(call(&model).await.result, Err(ChatError::Provider { status: 500, .. })));
    assert_eq!(model.transport.requests().len(), 3);
}

#[tokio::test]
async fn waits_as_long_as_the_provider_asks() {
    let model = fake([error(429).header("retry-after", "7"), FakeResponse::whole(200, STREAM)]);
    assert!(call(&model).await.result.is_ok());
    assert_eq!(model.transport.sleeps(), [Duration::from_secs(7)]);

    let model = fake([error(429).header("retry-after", "3600")]);
    let retry_after = Some(Duration::from_secs(3600));
    let expected = ChatError::RateLimited { message: "boom".into(), retry_after };
    assert_eq!(call(&model).await.result, Err(expected));
}

#[tokio::test]
async fn does_not_try_again_what_cannot_pass() {
    let quota = r#"{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}"#;
    for response in [error(400), error(401), error(404), FakeResponse::whole(429, quota)] {
        let model = fake([response]);
        assert!(call(&model).await.result.is_err());
        assert_eq!(model.transport.requests().len(), 1);
    }
}

/// The same words would come twice.
#[tokio::test]
async fn does_not_try_again_once_words_were_handed_on() {
    let piece = "data: {\"choices\":[{\"delta\":{\"content\":\"Well\"}}]}\n\n";
    let model = fake([FakeResponse::whole(200, piece).cut(TransportError::Network("reset".into()))]);
    let call = call(&model).await;
    assert!(call.result.is_err());
    assert_eq!((call.deltas.concat().as_str(), model.transport.requests().len()), ("Well", 1));
}

// --- over a real socket ---

/// The scripted server, and a model that speaks to it.
struct Server {
    address: String,
    http: reqwest::Client,
}

impl Server {
    async fn new(script: Value) -> Self {
        let address = server::spawn().await.expect("a port is free");
        let http = http_client();
        let response = http.post(format!("{address}/__script")).json(&script).send().await.expect("the server answers");
        assert!(response.status().is_success(), "{:?}", response.text().await);
        Self { address, http }
    }

    /// A model of this provider, as if it were here.
    fn model_of(&self, provider: &str, path: &str) -> CloudModel<HttpTransport> {
        let preset = Preset::named(provider).expect("a preset");
        let base_url = format!("{}{path}", self.address);
        CloudModel { base_url, ..CloudModel::new(HttpTransport::default(), preset, "m", ApiKey::new(KEY)) }
    }

    fn model(&self) -> CloudModel<HttpTransport> {
        model(HttpTransport::default(), &format!("{}/v1", self.address))
    }

    async fn requests(&self) -> Vec<Value> {
        let response = self.http.get(format!("{}/__requests", self.address)).send().await.expect("the server answers");
        response.json().await.expect("a list")
    }
}

#[tokio::test]
async fn speaks_with_a_real_server() {
    let server = Server::new(json!([{"type": "reply", "content": "Grüße, 𝄞!", "piece_chars": 1}])).await;
    let call = call(&server.model()).await;
    let usage = Usage { prompt_tokens: 6, completion_tokens: 4, ..Usage::default() };
    assert_eq!(call.result, Ok(ChatResponse::new("Grüße, 𝄞!", FinishReason::Stop, usage)));
    assert_eq!(call.deltas.len(), 9);

    let request = &server.requests().await[0];
    assert_eq!((&request["path"], &request["state"]), (&json!("/v1/chat/completions"), &json!("done")));
    assert_eq!(request["headers"]["authorization"], format!("Bearer {KEY}"));
    assert_eq!(request["body"]["messages"][0]["content"], "12345678");
    assert!(!request["body"].to_string().contains(KEY));
}

#[tokio::test]
async fn speaks_every_wire_with_a_real_server() {
    for (name, path, listed) in
        [("openai", "/v1", "scripted"), ("anthropic", "/v1", "scripted"), ("ollama", "", "scripted:latest")]
    {
        let reply = json!({"type": "reply", "content": "Grüße, 𝄞!", "piece_chars": 1, "finish_reason": "length"});
        let broken = json!({"type": "error", "status": 529, "message": "busy", "after": "Well"});
        let server = Server::new(json!([reply, broken])).await;
        let model = server.model_of(name, path);
        let usage = Usage { prompt_tokens: 6, completion_tokens: 4, ..Usage::default() };
        let expected = Ok(ChatResponse::new("Grüße, 𝄞!", FinishReason::Length, usage));
        let answered = call(&model).await;
        assert_eq!((answered.result, answered.deltas.len()), (expected, 9), "{name}");

        let broken = call(&model).await;
        let error = broken.result.expect_err(name).to_string();
        assert!(error.contains("busy") && broken.deltas == ["Well"], "{name}: {error}");
        assert_eq!(model.models().await, Ok(vec![listed.to_owned()]), "{name}");
    }
}

#[tokio::test]
async fn survives_what_a_real_server_does_wrong() {
    for (script, expected) in [
        (json!([{"type": "error", "status": 401}]), "check the key"),
        (json!([{"type": "error", "status": 404}]), "check the base URL"),
        (json!([{"type": "error", "status": 400, "echo_key": true}]), "Bearer [API key]"),
        // Nobody follows: the question, and whatever header the key is in, would go along.
        (json!([{"type": "error", "status": 307}]), "307"),
        (json!([{"type": "non_json"}]), "It works!"),
        (json!([{"type": "empty"}]), "empty"),
        (json!([{"type": "malformed"}]), "not JSON"),
        (json!([{"type": "disconnect", "content": "Well, the answer"}]), "broke off in the middle"),
    ] {
        let server = Server::new(script).await;
        let error = call(&server.model()).await.result.expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(server.requests().await.len(), 1);
    }
}

#[tokio::test]
async fn tries_a_real_server_again() {
    let limit = json!({"type": "error", "status": 429, "retry_after": 0});
    let server = Server::new(json!([limit, limit, {"type": "reply", "content": "hi", "usage": false}])).await;
    assert_eq!(call(&server.model()).await.result.map(|reply| reply.content), Ok("hi".into()));
    assert_eq!(server.requests().await.len(), 3);
}

#[tokio::test]
async fn a_used_up_script_says_so() {
    let server = Server::new(json!([])).await;
    let mut model = server.model();
    model.max_retries = 0;
    let error = call(&model).await.result.expect_err("no reply is left");
    assert!(error.to_string().contains("the script is used up"), "{error}");
}

#[tokio::test]
async fn is_not_patient_forever() {
    let server = Server::new(json!([{"type": "reply", "content": "late", "delay_ms": 5000}])).await;
    let mut model = server.model();
    (model.timeout, model.max_retries) = (Duration::from_millis(50), 0);
    assert_eq!(call(&model).await.result, Err(ChatError::Timeout(Duration::from_millis(50))));
}

/// Cancelling is dropping: the server sees that the client left.
#[tokio::test]
async fn dropping_the_call_aborts_the_request() {
    let slow = json!({"type": "reply", "content": "a b c d e f g h", "piece_chars": 2, "piece_delay_ms": 100});
    let server = Server::new(json!([slow])).await;
    let model = server.model();
    let result = tokio::time::timeout(Duration::from_millis(250), call(&model)).await;
    assert!(result.is_err());
    for _ in 0..100 {
        if server.requests().await[0]["state"] == "aborted" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{:?}", server.requests().await);
}

#[tokio::test]
async fn the_server_allows_calls_from_pages_with_two_headers_only() {
    let server = Server::new(json!([{"type": "reply", "content": "hi", "cors": false}])).await;
    let url = format!("{}/v1/chat/completions", server.address);
    let preflight = server.http.request(reqwest::Method::OPTIONS, &url).send().await.expect("an answer");
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
    assert_eq!(preflight.headers()["access-control-allow-headers"], "content-type, authorization");
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    let reply = server.http.post(&url).json(&body).send().await.expect("an answer");
    assert!(!reply.headers().contains_key("access-control-allow-origin"));
    let reply: Value = reply.json().await.expect("a whole reply, since no stream was asked for");
    assert_eq!(reply["choices"][0]["message"]["content"], "hi");
}
