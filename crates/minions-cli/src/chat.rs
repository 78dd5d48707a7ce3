//! `minions chat`: the worker alone.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use minions_chat::{ChatModel, ChatRequest, Message};

use crate::WorkerArguments;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    worker: WorkerArguments,
    /// A text file that the question is about.
    #[arg(long)]
    document: Option<PathBuf>,
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

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let engine = arguments.worker.load().await?;
    let mut messages = Vec::new();
    if let Some(path) = &arguments.document {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        messages.push(Message::system(minions_protocol::worker_prompt(&[text])));
    }
    messages.push(Message::user(arguments.question));
    let request = ChatRequest {
        messages,
        max_tokens: Some(arguments.max_tokens),
        temperature: Some(arguments.temperature),
        seed: Some(arguments.seed),
        ..ChatRequest::default()
    };
    let mut print = |delta: &str| {
        print!("{delta}");
        // A reply that cannot be shown is no reason to stop the model; the text comes back whole at the end.
        let _ = std::io::stdout().flush();
    };
    let response = engine.chat(&request, &mut print).await?;
    println!();
    eprintln!("{} prompt and {} completion tokens", response.usage.prompt_tokens, response.usage.completion_tokens);
    Ok(())
}
