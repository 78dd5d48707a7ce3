//! Which supervisor, and with which key.

use std::path::PathBuf;

use minions_providers::{ApiKey, CloudModel, PRESETS, Preset, ReasoningEffort, Recording};

use crate::exit::Failure;
use crate::input;
use crate::model::Model;
use crate::transport::{HttpTransport, is_this_machine};

/// Overrides the provider's own variable; the only one for an address of the user's.
const KEY_VARIABLE: &str = "MINIONS_API_KEY";

#[derive(clap::Args)]
pub struct SupervisorArguments {
    /// What thinks: a model of openai, azure, anthropic, gemini, together, deepseek, mistral, groq, perplexity, xai,
    /// cerebras, sambanova, fireworks, cohere, qwen, moonshot, ollama-cloud, through openrouter, huggingface, vercel or
    /// cloudflare, or of ollama, lmstudio, llamacpp, vllm, tokasaurus, lemonade on this machine. The key is read from
    /// MINIONS_API_KEY or the provider's own variable, such as OPENAI_API_KEY.
    #[arg(long, value_name = "PROVIDER/MODEL", default_value = "openai/gpt-4o")]
    supervisor: String,
    /// Another address: of the provider named, such as a proxy or a resource of yours, or else of any server that speaks
    /// OpenAI's chat completions. It is sent the key in MINIONS_API_KEY, if any, and no other, unless it is the provider's
    /// own.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// How much the supervisor is to think before it answers, if its model can be told.
    #[arg(long, value_name = "low|medium|high", value_parser = effort)]
    reasoning_effort: Option<ReasoningEffort>,
    /// A recording to play the supervisor's part, instead of a model.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["base_url", "supervisor", "reasoning_effort"])]
    recording: Option<PathBuf>,
}

/// A supervisor that is ready.
pub struct Supervisor {
    pub model: Model,
    /// What it is and where it is, for the user.
    pub description: String,
    /// The model's name; `None` if no model is asked.
    pub name: Option<String>,
    /// Whether it runs on this machine, where the price of a model of the same name means nothing.
    pub is_here: bool,
}

impl Supervisor {
    /// None, for protocols that do without.
    pub fn absent() -> Self {
        Self { model: Model::Absent, description: "no supervisor".to_owned(), name: None, is_here: true }
    }
}

impl SupervisorArguments {
    /// Finds address and key.
    pub fn open(&self) -> Result<Supervisor, Failure> {
        if let Some(path) = &self.recording {
            let recording = Recording::from_json(&input::text(path)?);
            let recording = recording.map_err(|error| Failure::input(format!("{}: {error}", path.display())))?;
            let description = format!("supervisor: {}", recording.label);
            return Ok(Supervisor { model: Model::Recorded(recording), description, name: None, is_here: true });
        }
        let (preset, name) = self.named()?;
        let mut model = connect(preset, self.base_url.as_deref(), name)?;
        model.reasoning_effort = self.reasoning_effort;
        Ok(Supervisor {
            description: format!("supervisor {name} at {}", model.base_url),
            name: Some(name.to_owned()),
            is_here: is_this_machine(&model.base_url),
            model: Model::Server(Box::new(model)),
        })
    }

    /// The provider and the model's name. With an address of the user's, a name may do without a provider.
    fn named(&self) -> Result<(Option<&'static Preset>, &str), Failure> {
        let supervisor = self.supervisor.trim();
        let split = supervisor.split_once('/');
        let known = split.and_then(|(provider, name)| Some((Preset::named(provider)?, name.trim())));
        match known {
            Some((_, "")) => Err(Failure::input(format!("--supervisor {supervisor}: the model's name is missing"))),
            Some((preset, name)) => Ok((Some(preset), name)),
            None if self.base_url.is_some() && !supervisor.is_empty() => Ok((None, supervisor)),
            None => Err(Failure::input(format!(
                "--supervisor {supervisor}: write PROVIDER/MODEL with one of these providers, or give the address \
                     with --base-url: {}",
                names()
            ))),
        }
    }
}

/// A model of this provider, or of whatever is at the address, with the key that belongs there.
pub fn connect(
    preset: Option<&'static Preset>,
    base_url: Option<&str>,
    name: &str,
) -> Result<CloudModel<HttpTransport>, Failure> {
    let base_url = base_url.or(preset.map(|preset| preset.base_url)).unwrap_or_default();
    if !base_url.starts_with("http://") && !base_url.starts_with("https://") {
        let message = format!("--base-url {base_url}: write a full address, such as http://localhost:8080/v1");
        return Err(Failure::input(message));
    }
    if base_url.contains('{') {
        let message = format!("--base-url is missing: write your own address, of the form {base_url}");
        return Err(Failure::input(message));
    }
    // A provider's key goes to that provider and nowhere else.
    let is_own_address = Preset::at(base_url).is_some_and(|at| Some(at) == preset);
    let variable = preset.and_then(|preset| preset.key_variable).filter(|_| is_own_address);
    let variables: Vec<_> = [KEY_VARIABLE].into_iter().chain(variable).collect();
    let key = match (input::key(&variables), variable) {
        (Some(key), _) => key,
        (None, Some(variable)) => {
            let message = format!(
                "the key is missing: set the environment variable {variable} (or {KEY_VARIABLE}) to your key for {base_url}"
            );
            return Err(Failure::input(message));
        }
        (None, None) => ApiKey::default(),
    };
    Ok(match preset {
        Some(preset) => {
            let model = CloudModel::new(HttpTransport::default(), preset, name, key);
            CloudModel { base_url: base_url.to_owned(), ..model }
        }
        None => CloudModel::at(HttpTransport::default(), base_url, name, key),
    })
}

fn effort(name: &str) -> Result<ReasoningEffort, String> {
    serde_json::from_value(name.into()).map_err(|_| "it must be low, medium or high".to_owned())
}

/// The names of all providers.
pub fn names() -> String {
    PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", ")
}
