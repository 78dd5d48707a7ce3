//! `minions`: the native shell. The same crates as in the browser, on this machine's GPU or CPU.

mod bench;
mod chat;
mod random_model;
mod run;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use minions_cli::FileSource;
use minions_engine::{Compute, Engine, LoadOptions};

#[derive(Parser)]
#[command(version, about = "The Minions protocols on this machine: a small model reads, a large one thinks")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Ask the worker alone one question.
    Chat(chat::Arguments),
    /// Run the Minion protocol over documents with a supervisor.
    Run(run::Arguments),
    /// Measure the engine.
    Bench(bench::Arguments),
}

/// Which worker, and where it runs.
#[derive(clap::Args)]
struct WorkerArguments {
    /// A `.gguf` file or a Hugging Face folder.
    #[arg(long)]
    model: PathBuf,
    /// Where the worker runs.
    #[arg(long, value_enum, default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DeviceChoice {
    /// The GPU, or the CPU where there is none.
    Auto,
    /// The GPU, or an error.
    Gpu,
    /// The CPU.
    Cpu,
}

impl DeviceChoice {
    async fn open(self) -> anyhow::Result<Compute> {
        match self {
            Self::Cpu => Ok(Compute::cpu("asked for")),
            Self::Gpu => Ok(Compute::gpu().await?),
            Self::Auto => Ok(Compute::gpu().await.unwrap_or_else(|error| Compute::cpu(error.to_string()))),
        }
    }
}

impl WorkerArguments {
    async fn load(&self) -> anyhow::Result<Engine> {
        let compute = self.device.open().await?;
        let (source, main) = FileSource::open(&self.model)?;
        let engine = Engine::load(compute, source, &main, LoadOptions::default(), &mut |_| {}).await?;
        let adapter = engine.adapter();
        eprintln!("worker {} on {} ({})", engine.info().name, adapter.name, adapter.backend);
        if let Some(reason) = &adapter.reason {
            eprintln!("no GPU: {reason}");
        }
        Ok(engine)
    }
}

// One thread: cubecl orders GPU work by thread, so an engine's futures must not move between threads.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Chat(arguments) => chat::run(arguments).await,
        Command::Run(arguments) => run::run(arguments).await,
        Command::Bench(arguments) => bench::run(arguments).await,
    }
}
