//! `minions chat`: the worker alone.

use std::io::Write;
use std::path::PathBuf;

use minions_chat::{ChatModel, ChatRequest, JsonSchema, Message, ResponseFormat};

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
    #[command(flatten)]
    sampling: SamplingArguments,
    #[command(flatten)]
    form: FormArguments,
    /// What to ask.
    question: String,
}

#[derive(clap::Args)]
struct SamplingArguments {
    /// Sample among so many of the most probable tokens only.
    #[arg(long, value_name = "TOKENS")]
    top_k: Option<u32>,
    /// Sample among the most probable tokens that together hold this share of the probability.
    #[arg(long, value_name = "SHARE")]
    top_p: Option<f32>,
    /// Drop tokens less probable than this share of the most probable one.
    #[arg(long, value_name = "SHARE")]
    min_p: Option<f32>,
    /// Taken from the score of tokens that stand in the reply.
    #[arg(long, value_name = "PENALTY", allow_negative_numbers = true)]
    presence_penalty: Option<f32>,
    /// The same, for each time.
    #[arg(long, value_name = "PENALTY", allow_negative_numbers = true)]
    frequency_penalty: Option<f32>,
    /// Above 1, makes tokens of prompt and reply less likely to come again.
    #[arg(long, value_name = "FACTOR")]
    repetition_penalty: Option<f32>,
}

/// What the reply is held to.
#[derive(clap::Args)]
#[group(multiple = false)]
struct FormArguments {
    /// The reply is a JSON object.
    #[arg(long)]
    json: bool,
    /// The reply is JSON that the schema in this file describes.
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// The reply is a text that this regular expression matches as a whole.
    #[arg(long, value_name = "PATTERN")]
    regex: Option<String>,
    /// The reply is one of these texts.
    #[arg(long, value_name = "TEXT", num_args = 1..)]
    choice: Vec<String>,
}

impl FormArguments {
    fn format(self) -> Result<ResponseFormat, Failure> {
        if let Some(path) = &self.schema {
            let schema = serde_json::from_str(&input::text(path)?)
                .map_err(|error| Failure::input(format!("{} is not JSON: {error}", path.display())))?;
            let json_schema = JsonSchema::strict("reply", schema);
            return Ok(ResponseFormat::JsonSchema { json_schema });
        }
        Ok(match self {
            Self { json: true, .. } => ResponseFormat::JsonObject,
            Self { regex: Some(pattern), .. } => ResponseFormat::Regex { pattern },
            Self { choice, .. } if !choice.is_empty() => ResponseFormat::Choice { choices: choice },
            _ => ResponseFormat::Text,
        })
    }
}

pub async fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let mut messages = Vec::new();
    if let Some(path) = &arguments.context {
        messages.push(Message::system(minions_protocol::worker_prompt(&[input::text(path)?])));
    }
    messages.push(Message::user(arguments.question));
    let response_format = arguments.form.format()?;
    let worker = arguments.worker.open().await?;
    output::note(&worker.description);
    let request = ChatRequest {
        messages,
        max_tokens: Some(arguments.max_tokens),
        temperature: Some(arguments.temperature),
        seed: Some(arguments.seed),
        top_k: arguments.sampling.top_k,
        top_p: arguments.sampling.top_p,
        min_p: arguments.sampling.min_p,
        presence_penalty: arguments.sampling.presence_penalty,
        frequency_penalty: arguments.sampling.frequency_penalty,
        repetition_penalty: arguments.sampling.repetition_penalty,
        response_format,
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
