//! The `minions` command as users start it: a process of its own, against the scripted model server.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use minions_chat::estimate_tokens;
use minions_cli::{FileSource, http_client};
use minions_engine::{Compute, Engine, LoadOptions};
use minions_tests::{server, workspace};
use serde_json::{Value, json};

const KEY: &str = "sk-very-secret-0123456789";
const WORKER_KEY: &str = "sk-worker-secret-9876543210";

/// A model server of its own for one test.
struct Server {
    url: String,
}

impl Server {
    async fn new(script: Value) -> Self {
        let url = server::spawn().await.expect("a free port");
        let sent = http_client().post(format!("{url}/__script")).json(&script).send().await;
        assert!(sent.expect("the server answers").status().is_success());
        Self { url }
    }

    fn base_url(&self) -> String {
        format!("{}/v1", self.url)
    }

    async fn requests(&self) -> Vec<Value> {
        let response = http_client().get(format!("{}/__requests", self.url)).send().await.expect("the server answers");
        serde_json::from_str(&response.text().await.expect("a body")).expect("a list")
    }

    /// Everything that was sent in messages, as one text.
    async fn heard(&self) -> String {
        let requests = self.requests().await;
        let messages = requests.iter().flat_map(|request| request["body"]["messages"].as_array().cloned());
        messages.flatten().map(|message| message["content"].as_str().unwrap_or_default().to_owned() + "\n").collect()
    }
}

fn reply(content: impl ToString) -> Value {
    json!({"type": "reply", "content": content.to_string()})
}

fn ask(message: &str) -> Value {
    reply(json!({"reasoning": "r", "decision": "request_additional_info", "message": message}))
}

fn answer(answer: impl Into<Value>) -> Value {
    reply(json!({"reasoning": "r", "decision": "provide_final_answer", "answer": answer.into()}))
}

/// The command, as it will be run.
struct Minions {
    command: Command,
    stdin: Vec<u8>,
}

/// How it ended.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Minions {
    /// The command without any key in its environment.
    fn new(arguments: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_minions-under-test"));
        command.args(arguments);
        for variable in ["MINIONS_API_KEY", "MINIONS_WORKER_API_KEY", "OPENAI_API_KEY", "GROQ_API_KEY"] {
            command.env_remove(variable);
        }
        Self { command, stdin: Vec::new() }
    }

    /// A run about the patient record with this supervisor and, on the CPU, the included worker.
    fn run(supervisor: &Server, arguments: &[&str]) -> Self {
        let base_url = supervisor.base_url();
        let record = sample().display().to_string();
        let mut all = vec!["run", "--task", TASK, "--device", "cpu", "--supervisor", "m"];
        for (option, value) in [("--context", &*record), ("--base-url", &*base_url)] {
            if !arguments.contains(&option) {
                all.extend([option, value]);
            }
        }
        Self::new(all.iter().chain(arguments)).env("MINIONS_API_KEY", KEY)
    }

    fn env(mut self, variable: &str, value: &str) -> Self {
        self.command.env(variable, value);
        self
    }

    fn stdin(mut self, bytes: &[u8]) -> Self {
        self.stdin = bytes.to_vec();
        self
    }

    /// Waits for the end, off the thread that serves the scripted models.
    async fn end(mut self) -> Ended {
        let ended = tokio::task::spawn_blocking(move || {
            self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = self.command.spawn().expect("cargo built the command");
            // A command that reads nothing may be gone already.
            let _ = child.stdin.take().expect("a pipe").write_all(&self.stdin);
            child.wait_with_output().expect("the command ends")
        });
        let output = ended.await.expect("the thread ends");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        for secret in [KEY, WORKER_KEY] {
            assert!(!stdout.contains(secret) && !stderr.contains(secret), "a key was printed");
        }
        Ended { code: output.status.code(), stdout, stderr }
    }
}

impl Ended {
    #[track_caller]
    fn is(&self, code: i32, stdout: &str) {
        assert_eq!((self.code, &*self.stdout), (Some(code), stdout), "{}", self.stderr);
    }

    #[track_caller]
    fn says(&self, words: &str) {
        assert!(self.stderr.contains(words), "{words:?} is not in: {}", self.stderr);
    }
}

const TASK: &str = "What is the patient's LDL cholesterol?";

fn sample() -> PathBuf {
    workspace().join("www/samples/patient-record.txt")
}

/// A path that no other test uses; nothing is there.
fn scratch(name: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{}-{count}-{name}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

fn file(name: &str, content: &[u8]) -> String {
    let path = scratch(name);
    std::fs::write(&path, content).expect("the target folder can be written");
    path.display().to_string()
}

// --- each protocol ---

#[tokio::test]
async fn minion_asks_the_included_worker_and_its_transcript_replays() {
    let supervisor = Server::new(json!([ask(TASK), answer("It is 170 mg/dL.")])).await;
    let transcript = scratch("transcript.json").display().to_string();
    let ended = Minions::run(&supervisor, &["--transcript", &transcript]).end().await;
    ended.is(0, "It is 170 mg/dL.\n");
    for words in ["Minions demo worker on CPU", "— round 1", "asked:", "answered:", "170 mg/dL", "→ supervisor (open)"]
    {
        ended.says(words);
    }
    ended.says("sending the documents: about ");

    let heard = supervisor.heard().await;
    assert!(heard.contains("measured at 170 mg/dL"), "the worker read it: {heard}");
    assert!(!heard.contains("Corvadil"), "the document stays here");
    assert_eq!(supervisor.requests().await[0]["headers"]["authorization"], format!("Bearer {KEY}"));

    let mut written: Value = serde_json::from_slice(&std::fs::read(&transcript).expect("it is written")).expect("JSON");
    assert_eq!((&written["version"], &written["protocol"]["protocol"]), (&json!(1), &json!("minion")));
    assert!(written["question"]["context"][0].as_str().is_some_and(|text| text.contains("Corvadil")));
    assert!(!written.to_string().contains(KEY));

    Minions::new(["replay", &transcript]).end().await.is(0, "It is 170 mg/dL.\n");
    written["outcome"]["answer"] = json!("It is 10 mg/dL.");
    let changed = file("changed.json", written.to_string().as_bytes());
    let ended = Minions::new(["replay", &changed]).end().await;
    ended.is(1, "It is 170 mg/dL.\n");
    ended.says("the replayed outcome differs from the recorded one");
    written["version"] = json!(2);
    let newer = file("newer.json", written.to_string().as_bytes());
    Minions::new(["replay", &newer]).end().await.is(2, "");
    Minions::new(["replay", &sample().display().to_string()]).end().await.is(2, "");
}

#[tokio::test]
async fn minions_puts_jobs_to_the_included_worker() {
    let plan = json!({"tasks": [{"task": TASK}], "chunking": {"by": "page"}});
    let supervisor = Server::new(json!([reply("Look at the laboratory."), reply(plan), answer("170 mg/dL")])).await;
    let (prices, transcript) = (prices(), scratch("transcript.json").display().to_string());
    let arguments =
        ["--protocol", "minions", "--json", "--prices", &prices, "--chunk-size", "99999", "--transcript", &transcript];
    let ended = Minions::run(&supervisor, &arguments).end().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for words in ["plan: “What is", "by page", "jobs 4/4, 1 hits", "say nothing", "EUR"] {
        ended.says(words);
    }
    ended.says("--chunk-size is more than the worker can take at once");

    let outcome: Value = serde_json::from_str(&ended.stdout).expect("one JSON object");
    assert_eq!(outcome["answer"], "170 mg/dL");
    assert_eq!(outcome["evidence"][0]["quote"], "LDL cholesterol was measured at 170 mg/dL");
    let tokens = outcome["usage"]["remote"]["prompt_tokens"].as_f64().expect("a count");
    let spent = outcome["cost"]["spent"].as_f64().expect("an amount");
    assert!(tokens > 0.0 && (spent - tokens).abs() < 1e-6, "{tokens} tokens at 1 EUR each cost {spent}");

    let replayed = Minions::new(["replay", "--json", &transcript]).end().await;
    assert_eq!(replayed.code, Some(0), "{}", replayed.stderr);
    let replayed: Value = serde_json::from_str(&replayed.stdout).expect("one JSON object");
    assert_eq!((&replayed["answer"], &replayed["evidence"]), (&outcome["answer"], &outcome["evidence"]));
}

#[tokio::test]
async fn what_a_supervisor_does_not_tell_is_counted_as_the_worker_counts() {
    let mut replies = [ask(TASK), answer("It is 170 mg/dL.")];
    for reply in &mut replies {
        reply["usage"] = json!(false);
    }
    let supervisor = Server::new(json!(replies)).await;
    let ended = Minions::run(&supervisor, &["--json"]).end().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let outcome: Value = serde_json::from_str(&ended.stdout).expect("one JSON object");

    let (source, main) = FileSource::open(&workspace().join("www/public/models/demo-worker.gguf")).expect("the worker");
    let engine =
        Engine::load(Compute::cpu("as in the command"), source, &main, LoadOptions::default(), &mut |_| {}).await;
    let counter = engine.expect("it loads").token_counter();
    let count = |content: &Value| counter.count(content.as_str().expect("a text"));
    let requests = supervisor.requests().await;
    let sent = requests.iter().flat_map(|request| request["body"]["messages"].as_array().expect("messages"));
    let usage = &outcome["usage"]["remote"];
    assert_eq!(usage["prompt_tokens"], sent.map(|message| count(&message["content"]) + 4).sum::<u64>());
    assert_eq!(usage["completion_tokens"], replies.iter().map(|reply| count(&reply["content"])).sum::<u64>());
    assert_eq!(usage["estimated"], true);
    assert_ne!(counter.count(TASK), estimate_tokens(TASK), "no rule of thumb");
}

/// A million a million tokens sent: one each.
fn prices() -> String {
    let table = json!({"version": "x", "currency": "EUR", "models": [{"model": "m", "input": 1e6, "output": 0.0}]});
    file("prices.json", table.to_string().as_bytes())
}

#[tokio::test]
async fn a_server_can_be_the_worker() {
    let supervisor = Server::new(json!([ask("What is it?"), answer("170")])).await;
    let worker = Server::new(json!([reply("It says 170 mg/dL.")])).await;
    let base_url = worker.base_url();
    let arguments = ["--worker", &base_url, "--worker-model", "small", "--quiet"];
    let ended = Minions::run(&supervisor, &arguments).env("MINIONS_WORKER_API_KEY", WORKER_KEY).end().await;
    ended.is(0, "170\n");
    assert_eq!(ended.stderr, "", "--quiet");
    let request = &worker.requests().await[0];
    assert_eq!(request["headers"]["authorization"], format!("Bearer {WORKER_KEY}"));
    assert_eq!(request["body"]["model"], "small");
    assert!(worker.heard().await.contains("Corvadil"), "the worker reads the document");
    assert!(supervisor.heard().await.contains("170 mg/dL"));
}

#[tokio::test]
async fn local_only_needs_no_key_and_sends_nothing() {
    let supervisor = Server::new(json!([])).await;
    let (base_url, record) = (supervisor.base_url(), sample().display().to_string());
    let arguments = ["run", "--protocol", "local-only", "--device", "cpu", "--context", &record, "--task", TASK];
    let ended = Minions::new(arguments).end().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("170 mg/dL"), "{}", ended.stdout);
    ended.says("jobs 1/1, 1 hits");
    Minions::new(arguments.iter().copied().chain(["--base-url", &base_url])).end().await;
    assert!(supervisor.requests().await.is_empty());
}

#[tokio::test]
async fn remote_only_sends_the_document_and_loads_no_worker() {
    let supervisor = Server::new(json!([reply("170 mg/dL, it says.")])).await;
    let ended = Minions::run(&supervisor, &["--protocol", "remote-only", "--worker", "/nowhere.gguf"]).end().await;
    ended.is(0, "170 mg/dL, it says.\n");
    assert!(supervisor.heard().await.contains("Corvadil"));
}

#[tokio::test]
async fn auto_says_what_it_chose_and_why() {
    let supervisor = Server::new(json!([ask(TASK), answer("170 mg/dL")])).await;
    let ended = Minions::run(&supervisor, &["--protocol", "auto"]).end().await;
    ended.is(0, "170 mg/dL\n");
    ended.says("Minion: The documents fit into the worker's context");

    let record = sample().display().to_string();
    let arguments = ["run", "--protocol", "auto", "--cost-sensitivity", "max", "--device", "cpu"];
    let ended = Minions::new(arguments.into_iter().chain(["--context", &record, "--task", TASK])).end().await;
    assert_eq!(ended.code, Some(0), "no key is needed: {}", ended.stderr);
    ended.says("local only: No supervisor tokens are to be spent.");
}

#[tokio::test]
async fn privacy_replaces_and_restores() {
    let supervisor = Server::new(json!([ask("What is it?"), answer("As the note says.")])).await;
    let worker = Server::new(json!([reply("Zebedee Quux wrote it on 3 June 2025.")])).await;
    let base_url = worker.base_url();
    let arguments = ["--worker", &base_url, "--worker-model", "w", "--privacy", "--private-name", "Zebedee Quux"];
    Minions::run(&supervisor, &arguments).end().await.is(0, "As the note says.\n");
    let heard = supervisor.heard().await;
    assert!(!heard.contains("Quux") && !heard.contains("3 June 2025"), "{heard}");
}

// --- what is read ---

#[tokio::test]
async fn reads_the_standard_input_and_several_files() {
    let supervisor = Server::new(json!([reply("yes")])).await;
    let first = file("first.txt", "\u{feff}First text.".as_bytes());
    let arguments = ["--protocol", "remote-only", "--context", &first, "-", "--metadata", "two notes"];
    Minions::run(&supervisor, &arguments).stdin("Zweiter Text, Grüße.".as_bytes()).end().await.is(0, "yes\n");
    let heard = supervisor.heard().await;
    assert!(heard.contains("First text.") && heard.contains("Zweiter Text, Grüße."), "{heard}");
    assert!(!heard.contains('\u{feff}'));
}

#[tokio::test]
async fn names_the_file_that_cannot_be_read() {
    let supervisor = Server::new(json!([])).await;
    let binary = file("scan.pdf", b"%PDF\xff\xfe");
    let folder = workspace().display().to_string();
    let empty = file("empty.txt", b" \n");
    for (path, words) in [
        ("/no/such/file.txt", "/no/such/file.txt cannot be read"),
        (&*binary, "scan.pdf is not UTF-8 text (byte 4)"),
        (&*folder, "cannot be read"),
        (&*empty, "the document is empty"),
    ] {
        let ended = Minions::run(&supervisor, &["--context", path]).end().await;
        ended.is(2, "");
        ended.says(words);
    }
    let ended = Minions::run(&supervisor, &["--transcript", "/no/such/folder/t.json"]).end().await;
    ended.is(2, "");
    ended.says("the transcript /no/such/folder/t.json cannot be written");
    let record = file("record.txt", b"A record.");
    let ended = Minions::run(&supervisor, &["--context", &record, "--transcript", &record]).end().await;
    ended.is(2, "");
    ended.says("it is one of the documents");
    assert_eq!(std::fs::read(&record).expect("it is still there"), b"A record.");
    assert!(supervisor.requests().await.is_empty(), "nothing is paid for");
}

#[tokio::test]
async fn a_missing_key_is_noticed_before_anything_is_read() {
    for (supervisor, variable) in [("openai/gpt-4o", "OPENAI_API_KEY"), ("groq/llama-3.3", "GROQ_API_KEY")] {
        let arguments = ["run", "--context", "/no/such/file", "--task", TASK, "--supervisor", supervisor];
        let ended = Minions::new(arguments).env(variable, " ").end().await;
        ended.is(2, "");
        ended.says(variable);
        let ended = Minions::new(arguments).env(variable, KEY).end().await;
        ended.says("/no/such/file cannot be read");
    }
}

#[tokio::test]
async fn a_providers_key_goes_to_no_other_address() {
    let other = Server::new(json!([reply("yes")])).await;
    let (base_url, record) = (other.base_url(), sample().display().to_string());
    let arguments = ["run", "--protocol", "remote-only", "--context", &record, "--task", TASK, "--base-url", &base_url];
    Minions::new(arguments).env("OPENAI_API_KEY", KEY).end().await.is(0, "yes\n");
    let request = &other.requests().await[0];
    assert_eq!((&request["headers"]["authorization"], &request["body"]["model"]), (&Value::Null, &json!("gpt-4o")));
}

#[tokio::test]
async fn refuses_arguments_that_cannot_be_meant() {
    let supervisor = Server::new(json!([])).await;
    let worker = ["--worker", "http://127.0.0.1:9/v1"];
    let quantised = ["--worker", "http://127.0.0.1:9/v1", "--worker-model", "w", "--quantize", "q4_0"];
    let cached = ["--worker", "http://127.0.0.1:9/v1", "--worker-model", "w", "--cache-tokens", "9000"];
    let cached_in = ["--worker", "http://127.0.0.1:9/v1", "--worker-model", "w", "--kv-cache", "q8_0"];
    for (arguments, words) in [
        (&worker[..], "--worker-model is missing"),
        (&quantised, "--quantize is for a worker in this process"),
        (&cached, "--cache-tokens is for a worker in this process"),
        (&cached_in, "--kv-cache is for a worker in this process"),
        (&["--quantize", "q3"], "q8_0 or q4_0"),
        (&["--kv-cache", "q4_0"], "it must be f32 or q8_0"),
        (&["--worker", "/no/such.gguf"], "there is no worker at /no/such.gguf"),
        (&["--base-url", "localhost:8080"], "write a full address"),
        (&["--max-rounds", "0"], "--max-rounds"),
        (&["--chunk-size", "0"], "--chunk-size"),
        (&["--documents-may-leave"], "are for --protocol auto"),
        (&["--private-name", "x"], "--privacy"),
        (&["--context", "-", "-"], "only once"),
        (&["--prices", "/no/such.json"], "/no/such.json cannot be read"),
    ] {
        let ended = Minions::run(&supervisor, arguments).end().await;
        ended.is(2, "");
        ended.says(words);
    }
    let ended = Minions::new(["run", "--context", "-", "--task", "x", "--supervisor", "acme/m"]).end().await;
    ended.is(2, "");
    ended.says("openai, azure");
    assert!(supervisor.requests().await.is_empty());
}

#[tokio::test]
async fn lists_the_models_of_a_provider() {
    let server = Server::new(json!([])).await;
    let base_url = server.base_url();
    for provider in [&["openai"][..], &[]] {
        let arguments = ["models", "--base-url", &base_url];
        Minions::new(arguments.iter().chain(provider)).env("MINIONS_API_KEY", KEY).end().await.is(0, "scripted\n");
    }
    Minions::new(["models", "ollama", "--base-url", &server.url]).end().await.is(0, "scripted:latest\n");
    assert!(server.requests().await.iter().all(|request| request["method"] == "GET"));
    for (arguments, words) in [
        (&["models", "acme"][..], "there are openai, azure"),
        (&["models", "azure"], "write your own address"),
        (&["models", "groq"], "GROQ_API_KEY"),
    ] {
        let ended = Minions::new(arguments).end().await;
        ended.is(2, "");
        ended.says(words);
    }
}

// --- how it ends ---

#[tokio::test]
async fn no_answer_is_exit_code_1() {
    let supervisor = Server::new(json!([answer(Value::Null)])).await;
    let ended = Minions::run(&supervisor, &[]).end().await;
    ended.is(1, "");
    ended.says("No answer: The supervisor found no answer");
}

#[tokio::test]
async fn a_supervisor_that_fails_is_exit_code_4() {
    let error = json!({"type": "error", "status": 401, "message": "bad key", "echo_key": true});
    let supervisor = Server::new(json!([error, error])).await;
    let transcript = scratch("transcript.json");
    let path = transcript.display().to_string();
    let ended = Minions::run(&supervisor, &["--transcript", &path]).end().await;
    ended.is(4, "");
    ended.says("the supervisor did not answer in round 1: the provider refused the API key (401)");
    let written = std::fs::read_to_string(&transcript).expect("what there was is kept");
    assert!(!written.contains(KEY));
    Minions::new(["replay", &path]).end().await.is(1, "");

    let ended = Minions::run(&supervisor, &["--json"]).end().await;
    assert_eq!(ended.code, Some(4));
    let outcome: Value = serde_json::from_str(&ended.stdout).expect("one JSON object");
    assert_eq!((&outcome["answer"], &outcome["reason"]["code"]), (&Value::Null, &json!("failed")));
}

#[tokio::test]
async fn a_run_that_failed_goes_on_without_asking_again() {
    let error = json!({"type": "error", "status": 401, "message": "bad key"});
    let supervisor = Server::new(json!([ask(TASK), error])).await;
    let transcript = scratch("failed.json").display().to_string();
    Minions::run(&supervisor, &["--transcript", &transcript]).end().await.is(4, "");

    // One reply is all that this one has.
    let supervisor = Server::new(json!([answer(json!("It is 170 mg/dL."))])).await;
    let ended = Minions::run(&supervisor, &["--resume", &transcript, "--transcript", &transcript]).end().await;
    ended.is(0, "It is 170 mg/dL.\n");
    Minions::new(["replay", &transcript]).end().await.is(0, "It is 170 mg/dL.\n");

    let ended = Minions::run(&supervisor, &["--resume", "Cargo.toml"]).end().await;
    ended.is(2, "");
    ended.says("Cargo.toml is no transcript");
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_named() {
    let supervisor = Server { url: "http://127.0.0.1:9".to_owned() };
    let ended = Minions::run(&supervisor, &["--protocol", "remote-only"]).end().await;
    ended.is(4, "");
    ended.says("127.0.0.1:9");
}

#[tokio::test]
async fn a_worker_that_fails_is_exit_code_3() {
    let supervisor = Server::new(json!([ask("What is it?"), ask(TASK)])).await;
    let worker = Server::new(json!([{"type": "error", "status": 400, "message": "no such model"}])).await;
    let base_url = worker.base_url();
    let ended = Minions::run(&supervisor, &["--worker", &base_url, "--worker-model", "w"]).end().await;
    ended.is(3, "");
    ended.says("the worker did not answer in round 1");

    let long = file("long.txt", "All was well that day, and nobody complained. ".repeat(400).as_bytes());
    let ended = Minions::run(&supervisor, &["--context", &long]).end().await;
    ended.is(3, "");
    ended.says("--protocol minions");

    let broken = file("broken.gguf", b"GGUF");
    let ended = Minions::run(&supervisor, &["--worker", &broken]).end().await;
    ended.is(3, "");
}

#[cfg(unix)]
#[tokio::test]
async fn an_interrupted_run_says_what_it_spent() {
    let slow = json!({"type": "reply", "content": "late", "delay_ms": 60_000});
    let supervisor = Server::new(json!([ask(TASK), slow])).await;
    let mut minions = Minions::run(&supervisor, &[]);
    minions.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = minions.command.spawn().expect("cargo built the command");
    while supervisor.requests().await.len() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(killed.success());
    let output = tokio::task::spawn_blocking(|| child.wait_with_output()).await.expect("a thread").expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("interrupted; spent so far: worker "), "{stderr}");
}

#[tokio::test]
async fn the_help_lists_the_exit_codes() {
    let ended = Minions::new(["run", "--help"]).end().await;
    assert_eq!(ended.code, Some(0));
    for words in ["130  interrupted", "4    the supervisor failed", "It holds the documents' text", "OPENAI_API_KEY"] {
        assert!(ended.stdout.contains(words), "{words}");
    }
}
