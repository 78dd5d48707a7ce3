//! `minions run`: the Minion protocol over documents on this machine.

use std::path::PathBuf;

use anyhow::Context;
use minions_chat::ChatModel;
use minions_cli::HttpTransport;
use minions_protocol::{Event, Minion, Question};
use minions_providers::{ApiKey, OpenAi, Recording};

use crate::WorkerArguments;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    worker: WorkerArguments,
    /// A text file to read; give several by repeating the option.
    #[arg(long, required = true)]
    document: Vec<PathBuf>,
    /// A recording to play the supervisor's part, instead of a model.
    #[arg(long, conflicts_with_all = ["base_url", "supervisor"])]
    recording: Option<PathBuf>,
    /// Where the supervisor is. Its key is read from the environment variable MINIONS_API_KEY.
    #[arg(long, default_value = "https://api.openai.com/v1")]
    base_url: String,
    /// The supervisor's model.
    #[arg(long, default_value = "gpt-4o")]
    supervisor: String,
    /// The most questions to the worker.
    #[arg(long, default_value_t = 3)]
    max_rounds: u32,
    /// What you want to know.
    task: String,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut context = Vec::new();
    for path in &arguments.document {
        context.push(std::fs::read_to_string(path).with_context(|| path.display().to_string())?);
    }
    let worker = arguments.worker.load().await?;
    let minion = Minion { max_rounds: arguments.max_rounds, ..Minion::default() };
    let question = Question { task: arguments.task, context };
    match &arguments.recording {
        Some(path) => {
            let json = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let supervisor = Recording::from_json(&json)?;
            eprintln!("supervisor: {}", supervisor.label);
            converse(&minion, &supervisor, &worker, &question).await
        }
        None => {
            let key = ApiKey::new(std::env::var("MINIONS_API_KEY").unwrap_or_default());
            let transport = HttpTransport::default();
            let supervisor = OpenAi::new(transport, arguments.base_url, arguments.supervisor, key);
            converse(&minion, &supervisor, &worker, &question).await
        }
    }
}

async fn converse<S: ChatModel, W: ChatModel>(
    minion: &Minion,
    supervisor: &S,
    worker: &W,
    question: &Question,
) -> anyhow::Result<()> {
    let mut tell = |event: Event| match event {
        Event::RoundStarted { round } => println!("— round {round}"),
        Event::WorkerRequest { message, .. } => println!("supervisor  {message}"),
        Event::WorkerResponse { content, .. } => println!("worker      {content}"),
        Event::ReplyRejected { reason, .. } => println!("            (asked again: {reason})"),
        _ => {}
    };
    let outcome = minion.run(supervisor, worker, question, &mut tell).await?;
    match (&outcome.answer, &outcome.reason) {
        (Some(answer), _) => println!("\n{answer}"),
        (None, Some(reason)) => println!("\nNo answer: {}", reason.message),
        (None, None) => println!("\nNo answer."),
    }
    let (local, remote) = (outcome.usage.local, outcome.usage.remote);
    eprintln!(
        "worker {} + {} tokens, supervisor {} + {} tokens",
        local.prompt_tokens, local.completion_tokens, remote.prompt_tokens, remote.completion_tokens
    );
    Ok(())
}
