//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::exit::{Exit, Failure};
use crate::{bench, chat, models, output, replay, run};

#[derive(Parser)]
#[command(
    name = "minions",
    bin_name = "minions",
    version,
    about = "The Minions protocols on this machine: a small model reads, a large one thinks"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answer a question about documents: a small model reads them here, a large one thinks.
    Run(Box<run::Arguments>),
    /// Run a transcript again, without any model, and print its answer.
    Replay(replay::Arguments),
    /// Ask the worker alone one question.
    Chat(Box<chat::Arguments>),
    /// List the models of a provider.
    Models(models::Arguments),
    /// Measure the engine.
    Bench(bench::Arguments),
}

/// The `minions` command: reads the arguments of this process, does what they say, and says how it ended.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // One thread: cubecl orders GPU work by thread, so an engine's futures must not move between threads.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(cli.command.run());
            // An address that is still being looked up must not hold up the end.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(Failure::input(format!("this system gives no event loop: {error}"))),
    };
    let exit = result.unwrap_or_else(|failure| {
        output::note(&format!("minions: {}", failure.message));
        failure.exit
    });
    exit.into()
}

impl Command {
    async fn run(self) -> Result<Exit, Failure> {
        match self {
            Self::Run(arguments) => run::run(*arguments).await,
            Self::Replay(arguments) => replay::run(arguments).await,
            Self::Chat(arguments) => chat::run(*arguments).await,
            Self::Models(arguments) => models::run(arguments).await,
            Self::Bench(arguments) => {
                let measured = bench::run(arguments).await;
                measured.map(|()| Exit::Answer).map_err(|error| Failure::worker(format!("{error:#}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
