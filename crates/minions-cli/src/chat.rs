//! `minions chat`: the worker alone.

use std::io::Write;
use std::path::PathBuf;

use minions_chat::{ChatModel, ChatRequest, Message};

use crate::exit::{Exit, Failure};
use crate::worker::WorkerArguments;
use crate::{input, output};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    worker: WorkerArguments,
    /// A text file that the question is about; - is the standard input.
    #[arg(long, alias = "document", value_name = "FILE")]
    context: Option<PathBuf>,
    /// The most tokens of the reply.
    #[arg(long, default_value_t = 256)]
    max_tokens: u32,
    /// 0 is greedy.
    #[arg(long, default_value_t = 0.0)]
    temperature: f32,
    /// Makes sampling repeatable.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// What to ask.
    question: String,
}

pub async fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let mut messages = Vec::new();
    if let Some(path) = &arguments.context {
        messages.push(Message::system(minions_protocol::worker_prompt(&[input::text(path)?])));
    }
    messages.push(Message::user(arguments.question));
    let worker = arguments.worker.open().await?;
    output::note(&worker.description);
    let request = ChatRequest {
        messages,
        max_tokens: Some(arguments.max_tokens),
        temperature: Some(arguments.temperature),
        seed: Some(arguments.seed),
        ..ChatRequest::default()
    };
    let mut stdout = std::io::stdout();
    let mut print = |delta: &str| {
        // A reply that cannot be shown is no reason to stop the model.
        let _ = write!(stdout, "{}", output::harmless(delta)).and_then(|()| stdout.flush());
    };
    let response = worker.model.chat(&request, &mut print).await.map_err(Failure::worker)?;
    print("\n");
    let usage = response.usage;
    output::note(&format!("{} prompt and {} completion tokens", usage.prompt_tokens, usage.completion_tokens));
    Ok(Exit::Answer)
}
