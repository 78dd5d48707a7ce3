//! The scripted model server itself, over real HTTP: every wire, streamed and whole, and everything that it does wrong
//! on purpose.

use std::time::{Duration, Instant};

use minions_cli::http_client;
use minions_tests::server;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

/// "Grüße, 𝄞!" has 9 characters in 14 bytes, hence 4 tokens.
const WORDS: &str = "Grüße, 𝄞!";

/// A provider's wire, as its documentation has it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wire {
    OpenAi,
    Anthropic,
    Ollama,
}

use Wire::{Anthropic, Ollama, OpenAi};

const WIRES: [Wire; 3] = [OpenAi, Anthropic, Ollama];

impl Wire {
    fn path(self) -> &'static str {
        match self {
            OpenAi => "/v1/chat/completions",
            Anthropic => "/v1/messages",
            Ollama => "/api/chat",
        }
    }

    fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Anthropic => &[("x-api-key", "key"), ("anthropic-version", "2023-06-01")],
            OpenAi | Ollama => &[("authorization", "Bearer key")],
        }
    }

    /// Asks "12345678" after the system prompt "1234": 6 and 5 tokens.
    fn request(self, stream: bool) -> Value {
        let message = |role: &str, content: &str| json!({"role": role, "content": content});
        let messages = [message("system", "1234"), message("user", "12345678")];
        let mut request = json!({"model": "m", "messages": messages, "stream": stream});
        match self {
            OpenAi => request["stream_options"] = json!({"include_usage": true}),
            Anthropic => {
                request["messages"] = json!([{"role": "user", "content": [{"type": "text", "text": "12345678"}]}]);
                request["system"] = json!("1234");
                request["max_tokens"] = json!(99);
            }
            Ollama => {}
        }
        request
    }

    /// Splits a stream into its values; Anthropic's events must be named as their values are.
    fn values(self, body: &str) -> Vec<Result<Value, serde_json::Error>> {
        let lines = body.lines().filter(|line| !line.is_empty() && *line != "data: [DONE]");
        let mut event = None;
        let mut values = Vec::new();
        for line in lines {
            if let Some(name) = line.strip_prefix("event: ") {
                event = Some(name.to_owned());
                continue;
            }
            let data = if self == Ollama { line } else { line.strip_prefix("data: ").expect("a data line") };
            let value: Result<Value, _> = serde_json::from_str(data);
            if let Ok(value) = &value {
                assert_eq!(event.take().as_deref(), value["type"].as_str().filter(|_| self == Anthropic));
            }
            values.push(value);
        }
        values
    }

    /// The words of a stream's value, or of a whole reply.
    fn words(self, value: &Value) -> String {
        let words = match self {
            OpenAi => &value["choices"][0][if value["object"].is_null() { "delta" } else { "message" }]["content"],
            Anthropic if value["type"] == "message" => &value["content"][0]["text"],
            Anthropic => &value["delta"]["text"],
            Ollama => &value["message"]["content"],
        };
        words.as_str().unwrap_or_default().to_owned()
    }

    fn error_message(self, value: &Value) -> &str {
        let error = if self == Ollama { &value["error"] } else { &value["error"]["message"] };
        error.as_str().unwrap_or_default()
    }
}

struct Server {
    address: String,
    http: reqwest::Client,
}

impl Server {
    async fn new(script: Value) -> Self {
        let server = Self { address: server::spawn().await.expect("a port is free"), http: http_client() };
        let set = server.to(Method::POST, "/__script").json(&script).send().await.expect("the server answers");
        assert!(set.status().is_success(), "{:?}", set.text().await);
        server
    }

    fn to(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.address))
    }

    fn post(&self, wire: Wire) -> RequestBuilder {
        let request = self.to(Method::POST, wire.path());
        wire.headers().iter().fold(request, |request, (name, value)| request.header(*name, *value))
    }

    async fn send(&self, wire: Wire, body: &Value) -> Response {
        self.post(wire).json(body).send().await.expect("the server answers")
    }

    /// The status and the JSON of an answer.
    async fn ask(&self, wire: Wire, body: &Value) -> (u16, Value) {
        let response = self.send(wire, body).await;
        (response.status().as_u16(), response.json().await.expect("an answer in JSON"))
    }

    async fn records(&self) -> Vec<Value> {
        let response = self.to(Method::GET, "/__requests").send().await.expect("the server answers");
        response.json().await.expect("a list")
    }
}

fn reply(content: &str) -> Value {
    json!({"type": "reply", "content": content})
}

// --- replies ---

#[tokio::test]
async fn whole_replies_look_as_each_provider_has_them() {
    let step = json!({"type": "reply", "content": WORDS, "finish_reason": "length"});
    let server = Server::new(json!([step, step, step])).await;
    let message = json!({"role": "assistant", "content": WORDS});
    for (wire, expected) in [
        (
            OpenAi,
            json!({
                "object": "chat.completion",
                "choices": [{"index": 0, "message": message, "finish_reason": "length"}],
                "usage": {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15},
            }),
        ),
        (
            Anthropic,
            json!({
                "id": "msg_scripted", "type": "message", "role": "assistant", "model": "m",
                "content": [{"type": "text", "text": WORDS}],
                "stop_reason": "max_tokens", "stop_sequence": null,
                "usage": {"input_tokens": 11, "output_tokens": 4},
            }),
        ),
        (
            Ollama,
            json!({
                "model": "m", "created_at": "2026-01-01T00:00:00Z", "message": message,
                "done": true, "done_reason": "length", "prompt_eval_count": 11, "eval_count": 4,
            }),
        ),
    ] {
        assert_eq!(server.ask(wire, &wire.request(false)).await, (200, expected), "{wire:?}");
    }
}

#[tokio::test]
async fn streams_hold_every_character_and_end_as_each_provider_ends_them() {
    for size in 1..=10 {
        let step = json!({"type": "reply", "content": WORDS, "piece_chars": size});
        let server = Server::new(json!([step, step, step])).await;
        for wire in WIRES {
            let response = server.send(wire, &wire.request(true)).await;
            let content_type = response.headers()["content-type"].to_str().expect("a text").to_owned();
            let body = response.text().await.expect("a whole stream");
            let values: Vec<Value> = wire.values(&body).into_iter().map(|value| value.expect("JSON")).collect();
            let words = values.iter().map(|value| wire.words(value));
            let words: Vec<_> = words.filter(|words| !words.is_empty()).collect();
            assert_eq!((words.concat().as_str(), words.len()), (WORDS, 9_usize.div_ceil(size)), "{wire:?}");

            let last = values.last().expect("a stream has an end");
            match wire {
                OpenAi => {
                    assert_eq!(values[values.len() - 2]["choices"][0]["finish_reason"], "stop");
                    assert_eq!(last["usage"]["total_tokens"], 15);
                    assert!(body.ends_with("\n\ndata: [DONE]\n\n"));
                }
                Anthropic => {
                    let mut kinds: Vec<_> = values.iter().filter_map(|value| value["type"].as_str()).collect();
                    kinds.dedup();
                    assert_eq!(
                        kinds.join(" "),
                        "message_start content_block_start ping content_block_delta content_block_stop message_delta \
                         message_stop"
                    );
                    let end = &values[values.len() - 2];
                    assert_eq!(values[0]["message"]["usage"]["input_tokens"], 11);
                    assert_eq!(end["delta"]["stop_reason"], "end_turn");
                    assert_eq!(end["usage"]["output_tokens"], 4);
                }
                Ollama => {
                    assert_eq!((&last["done"], &last["done_reason"]), (&json!(true), &json!("stop")));
                    assert_eq!((&last["prompt_eval_count"], &last["eval_count"]), (&json!(11), &json!(4)));
                    assert!(values.iter().rev().skip(1).all(|value| value["done"] == false));
                }
            }
            assert_eq!(content_type, if wire == Ollama { "application/x-ndjson" } else { "text/event-stream" });
        }
    }
}

#[tokio::test]
async fn a_truncated_stream_says_so() {
    let words = |wire| match wire {
        OpenAi => r#""finish_reason":"length""#,
        Anthropic => r#""stop_reason":"max_tokens""#,
        Ollama => r#""done_reason":"length""#,
    };
    for wire in WIRES {
        let server = Server::new(json!([{"type": "reply", "content": "Well", "finish_reason": "length"}])).await;
        let body = server.send(wire, &wire.request(true)).await.text().await.expect("a whole stream");
        assert!(body.contains(words(wire)), "{body}");
    }
}

#[tokio::test]
async fn only_ollama_streams_unasked() {
    for wire in WIRES {
        let server = Server::new(json!([{"type": "reply", "content": WORDS, "piece_chars": 1}])).await;
        let mut request = wire.request(true);
        request.as_object_mut().expect("an object").remove("stream");
        let body = server.send(wire, &request).await.text().await.expect("a reply");
        assert_eq!(body.trim().lines().count() > 1, wire == Ollama, "{body}");
    }
}

#[tokio::test]
async fn usage_can_be_left_out() {
    for wire in WIRES {
        for stream in [false, true] {
            let server = Server::new(json!([{"type": "reply", "content": "Well", "usage": false}])).await;
            let body = server.send(wire, &wire.request(stream)).await.text().await.expect("a reply");
            assert!(body.contains("Well") && !body.contains("_tokens\"") && !body.contains("eval_count"), "{body}");
        }
    }
}

#[tokio::test]
async fn lists_its_models() {
    let server = Server::new(json!([])).await;
    for (path, pointer) in [("/v1/models", "/data/0/id"), ("/api/tags", "/models/0/name")] {
        let response = server.to(Method::GET, path).send().await.expect("the server answers");
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        let list: Value = response.json().await.expect("a list");
        assert!(list.pointer(pointer).is_some_and(Value::is_string), "{list}");
    }
    assert_eq!(server.records().await.iter().map(|record| &record["state"]).collect::<Vec<_>>(), ["done", "done"]);
}

// --- steps that choose their request ---

#[tokio::test]
async fn a_step_with_a_condition_waits_for_its_request() {
    for wire in WIRES {
        let chosen = json!({"type": "reply", "content": "two", "when": {"contains": "page 2"}});
        let server = Server::new(json!([chosen, reply("one"), reply("three"), chosen])).await;
        let mut replies = Vec::new();
        for page in ["page 1", "page 2", "page 2", "page 2", "page 3"] {
            let mut request = wire.request(false);
            let last = request["messages"].as_array_mut().and_then(|messages| messages.last_mut());
            last.expect("there is a message")["content"] = page.into();
            let (status, value) = server.ask(wire, &request).await;
            replies.push(if status == 200 { wire.words(&value) } else { wire.error_message(&value).to_owned() });
        }
        assert_eq!(replies[..4], ["one", "two", "two", "three"], "{wire:?}");
        assert!(replies[4].starts_with("the script is used up"), "{}", replies[4]);
    }
}

#[tokio::test]
async fn many_requests_at_once_get_what_is_theirs() {
    let step = |id| json!({"type": "reply", "content": format!("{id}"), "when": {"contains": format!("<{id}>")}});
    let server = Server::new((0..20).rev().map(step).collect()).await;
    let ask = async |id: usize| {
        let mut request = OpenAi.request(false);
        request["messages"][1]["content"] = format!("Excerpt <{id}>").into();
        OpenAi.words(&server.ask(OpenAi, &request).await.1)
    };
    let replies = futures_util::future::join_all((0..20).map(ask)).await;
    assert_eq!(replies, (0..20).map(|id| id.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_misspelt_condition_is_refused() {
    let server = Server::new(json!([])).await;
    let script = json!([{"type": "empty", "when": {"contians": "page 2"}}]);
    let response = server.to(Method::POST, "/__script").json(&script).send().await.expect("the server answers");
    assert_eq!(response.status(), 422);
}

// --- errors ---

#[tokio::test]
async fn errors_look_as_each_provider_has_them() {
    for (status, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (529, "overloaded_error"),
    ] {
        let step = json!({"type": "error", "status": status, "message": "boom"});
        let server = Server::new(json!([step, step, step])).await;
        for (wire, expected) in [
            (OpenAi, json!({"error": {"message": "boom", "code": null}})),
            (Anthropic, json!({"type": "error", "error": {"type": kind, "message": "boom"}})),
            (Ollama, json!({"error": "boom"})),
        ] {
            assert_eq!(server.ask(wire, &wire.request(true)).await, (status, expected));
        }
    }
}

#[tokio::test]
async fn an_error_may_have_a_code_a_delay_and_the_key() {
    let step = json!({"type": "error", "status": 429, "code": "no_credit", "retry_after": 7, "echo_key": true});
    for wire in WIRES {
        let server = Server::new(json!([step])).await;
        let response = server.send(wire, &wire.request(false)).await;
        assert_eq!(response.headers()["retry-after"], "7");
        let error: Value = response.json().await.expect("an error in JSON");
        assert!(wire.error_message(&error).ends_with(wire.headers()[0].1), "{error}");
        assert_eq!(error.to_string().contains("no_credit"), wire != Ollama, "{error}");
    }
}

#[tokio::test]
async fn an_error_may_come_within_a_stream() {
    let step = json!({"type": "error", "status": 529, "message": "Overloaded", "after": "Well, the"});
    for wire in WIRES {
        let server = Server::new(json!([step, step])).await;
        let response = server.send(wire, &wire.request(true)).await;
        assert_eq!(response.status(), 200);
        let body = response.text().await.expect("a whole stream");
        let values: Vec<Value> = wire.values(&body).into_iter().map(|value| value.expect("JSON")).collect();
        assert_eq!(values.iter().map(|value| wire.words(value)).collect::<String>(), "Well, the");
        assert_eq!(values.last().map(|value| wire.error_message(value)), Some("Overloaded"));
        assert_eq!(server.ask(wire, &wire.request(false)).await.0, 529);
    }
}

#[tokio::test]
async fn refuses_what_the_providers_refuse() {
    let server = Server::new(json!([])).await;
    let schema = |schema: Value| json!({"response_format": {"type": "json_schema", "json_schema": schema}});
    for (wire, change, words) in [
        (OpenAi, json!({"messages": []}), "model and messages"),
        (Ollama, json!({"model": null}), "model and messages"),
        (OpenAi, json!({"response_format": {"type": "json_object"}}), "mention json"),
        (OpenAi, json!({"response_format": {"type": "yaml"}}), "response_format.type"),
        (OpenAi, json!({"response_format": "json_object"}), "response_format.type"),
        (OpenAi, schema(json!({"schema": {}})), "json_schema.name'"),
        (OpenAi, schema(json!({"name": "two words", "schema": {}})), "json_schema.name'"),
        (OpenAi, schema(json!({"name": "job"})), "json_schema.schema'"),
        (Anthropic, json!({"max_tokens": null}), "max_tokens"),
        (Anthropic, json!({"response_format": {"type": "json_object"}}), "response_format"),
        (Anthropic, json!({"messages": [{"role": "system", "content": "x"}]}), "system"),
        (Ollama, json!({"format": "yaml"}), "invalid format: \"yaml\""),
        (Ollama, json!({"format": 1}), "invalid format: 1"),
    ] {
        let mut request = wire.request(false);
        for (key, value) in change.as_object().expect("an object") {
            request[key] = value.clone();
        }
        let (status, error) = server.ask(wire, &request).await;
        assert_eq!(status, 400, "{change}");
        assert!(wire.error_message(&error).contains(words), "{error}");
    }
}

#[tokio::test]
async fn takes_every_form_of_structured_output() {
    let schema = json!({"type": "object", "properties": {"answer": {"type": "string"}}});
    let named = json!({"name": "job_output", "strict": true, "schema": schema});
    for (wire, key, format) in [
        (OpenAi, "response_format", json!({"type": "json_schema", "json_schema": named})),
        (OpenAi, "response_format", json!({"type": "text"})),
        (Ollama, "format", json!("json")),
        (Ollama, "format", schema),
    ] {
        let server = Server::new(json!([reply("{}")])).await;
        let mut request = wire.request(false);
        request[key] = format;
        assert_eq!(server.ask(wire, &request).await.0, 200);
    }
}

#[tokio::test]
async fn anthropic_wants_its_headers() {
    let server = Server::new(json!([reply("hi")])).await;
    let page = ("origin", "http://localhost");
    let [key, version] = [("x-api-key", "key"), ("anthropic-version", "2023-06-01")];
    for (headers, status, words) in [
        (vec![version], 401, "x-api-key"),
        (vec![key], 400, "anthropic-version"),
        (vec![key, version, page], 401, "anthropic-dangerous-direct-browser-access"),
        (vec![key, version, page, ("anthropic-dangerous-direct-browser-access", "true")], 200, ""),
    ] {
        let request = server.to(Method::POST, Anthropic.path()).json(&Anthropic.request(false));
        let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        let response = request.send().await.expect("the server answers");
        assert_eq!(response.status(), status);
        let error: Value = response.json().await.expect("an answer in JSON");
        assert!(Anthropic.error_message(&error).contains(words), "{error}");
    }
}

#[tokio::test]
async fn unknown_requests_are_not_found() {
    let server = Server::new(json!([])).await;
    for (method, path) in [(Method::GET, "/api/chat"), (Method::POST, "/v1/models"), (Method::POST, "/v1/embeddings")] {
        let response = server.to(method, path).json(&json!({})).send().await.expect("the server answers");
        assert_eq!(response.status(), 404, "{path}");
    }
}

// --- what else goes wrong ---

#[tokio::test]
async fn cuts_the_connection_in_the_middle() {
    for wire in WIRES {
        for stream in [true, false] {
            let server = Server::new(json!([{"type": "disconnect", "content": WORDS, "piece_chars": 2}])).await;
            let mut response = server.send(wire, &wire.request(stream)).await;
            let mut body = Vec::new();
            let end = loop {
                match response.chunk().await {
                    Ok(Some(piece)) => body.extend(piece),
                    end => break end,
                }
            };
            assert!(end.is_err(), "the connection was cut");
            let body = String::from_utf8(body).expect("whole characters");
            if stream {
                let words: String = wire.values(&body).iter().flatten().map(|value| wire.words(value)).collect();
                assert_eq!(words, WORDS);
            } else {
                assert!(!body.is_empty() && serde_json::from_str::<Value>(&body).is_err(), "{body}");
            }
            assert_eq!(server.records().await[0]["state"], "cut");
        }
    }
}

#[tokio::test]
async fn sends_json_that_is_none() {
    for wire in WIRES {
        let server = Server::new(json!([{"type": "malformed"}, {"type": "malformed"}])).await;
        let body = server.send(wire, &wire.request(true)).await.text().await.expect("a whole stream");
        let values = wire.values(&body);
        assert!(values.last().is_some_and(Result::is_err), "{body}");
        assert_eq!(values.iter().flatten().map(|value| wire.words(value)).collect::<String>(), "Well");
        let body = server.send(wire, &wire.request(false)).await.text().await.expect("a body");
        assert!(body.contains("Well") && serde_json::from_str::<Value>(&body).is_err(), "{body}");
    }
}

#[tokio::test]
async fn sends_a_page_or_nothing() {
    for wire in WIRES {
        for stream in [true, false] {
            let server = Server::new(json!([{"type": "non_json"}, {"type": "empty"}])).await;
            let response = server.send(wire, &wire.request(stream)).await;
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["content-type"], "text/html");
            assert!(response.text().await.expect("a page").starts_with("<html>"));
            let body = server.send(wire, &wire.request(stream)).await.text().await.expect("a reply");
            let values = if stream { wire.values(&body) } else { vec![serde_json::from_str(&body)] };
            assert!(!values.is_empty());
            assert!(values.iter().all(|value| wire.words(value.as_ref().expect("JSON")).is_empty()), "{body}");
        }
    }
}

#[tokio::test]
async fn takes_its_time() {
    for wire in WIRES {
        let slow = json!({"type": "reply", "content": "abc", "delay_ms": 100, "piece_chars": 1, "piece_delay_ms": 50});
        let server = Server::new(json!([slow])).await;
        let start = Instant::now();
        let response = server.send(wire, &wire.request(true)).await;
        assert!(start.elapsed() >= Duration::from_millis(100));
        response.bytes().await.expect("a whole stream");
        assert!(start.elapsed() >= Duration::from_millis(250));
    }
}

// --- pages, and what is written down ---

#[tokio::test]
async fn a_preflight_allows_the_headers_of_its_wire_only() {
    let server = Server::new(json!([{"type": "empty", "cors": false}, {"type": "empty", "cors": false}])).await;
    let allowed = |response: &Response, what: &str| {
        let value = response.headers().get(format!("access-control-allow-{what}"));
        value.map(|value| value.to_str().expect("a text").to_owned())
    };
    for (path, expected) in [
        ("/v1/chat/completions", "content-type, authorization"),
        ("/v1/messages", "content-type, x-api-key, anthropic-version, anthropic-dangerous-direct-browser-access"),
        ("/api/chat", "content-type, authorization"),
        ("/v1/models", "content-type, authorization"),
    ] {
        let response = server.to(Method::OPTIONS, path).send().await.expect("the server answers");
        assert_eq!(response.status(), 204);
        assert_eq!(allowed(&response, "origin").as_deref(), Some("*"));
        assert_eq!(allowed(&response, "headers").as_deref(), Some(expected));
    }
    for (wire, expected) in [(Anthropic, None), (Ollama, None), (OpenAi, Some("*".to_owned()))] {
        let response = server.send(wire, &wire.request(false)).await;
        assert_eq!(allowed(&response, "origin"), expected, "{wire:?}");
    }
}

#[tokio::test]
async fn writes_every_request_down_until_it_is_reset() {
    let server = Server::new(json!([reply("a"), reply("b"), {"type": "error", "status": 500}])).await;
    server.to(Method::OPTIONS, OpenAi.path()).send().await.expect("the server answers");
    for wire in WIRES {
        server.send(wire, &wire.request(true)).await.bytes().await.expect("an answer");
    }
    let records = server.records().await;
    let seen: Vec<_> = records.iter().map(|record| (&record["method"], &record["path"], &record["state"])).collect();
    let expected = [("OPTIONS", OpenAi), ("POST", OpenAi), ("POST", Anthropic), ("POST", Ollama)];
    let expected = expected.map(|(method, wire)| (json!(method), json!(wire.path()), json!("done")));
    assert_eq!(seen, expected.iter().map(|(method, path, state)| (method, path, state)).collect::<Vec<_>>());
    for (wire, record) in WIRES.into_iter().zip(&records[1..]) {
        assert_eq!(record["body"], wire.request(true));
        assert!(wire.headers().iter().all(|(name, value)| record["headers"][*name] == *value), "{record}");
    }

    server.to(Method::POST, "/__reset").send().await.expect("the server answers");
    assert!(server.records().await.is_empty());
}

#[tokio::test]
async fn notices_that_the_client_left() {
    for wire in WIRES {
        let slow = json!({"type": "reply", "content": "a b c d e f", "piece_chars": 1, "piece_delay_ms": 100});
        let server = Server::new(json!([slow])).await;
        drop(server.send(wire, &wire.request(true)).await);
        for _ in 0..100 {
            if server.records().await[0]["state"] == "aborted" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(server.records().await[0]["state"], "aborted");
    }
}
