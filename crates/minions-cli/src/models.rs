//! `minions models`: the names that go after a provider's in `--supervisor`.

use minions_providers::Preset;

use crate::exit::{Exit, Failure};
use crate::output;
use crate::supervisor::{connect, names};

#[derive(clap::Args)]
pub struct Arguments {
    /// A provider, by its name in --supervisor; left out for a server at an address of yours.
    #[arg(required_unless_present = "base_url")]
    provider: Option<String>,
    /// Another address of it, or that of a server that speaks OpenAI's chat completions.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
}

pub async fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let preset = match &arguments.provider {
        Some(name) => Some(Preset::named(name).ok_or_else(|| {
            Failure::input(format!("there is no provider of the name {name}; there are {}", names()))
        })?),
        None => None,
    };
    let provider = connect(preset, arguments.base_url.as_deref(), "")?;
    let models = provider.models().await.map_err(Failure::supervisor)?;
    output::print(&output::harmless(&models.join("\n")))?;
    Ok(Exit::Answer)
}
