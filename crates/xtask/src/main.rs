//! `cargo xtask`: every chore of this repository, in Rust, with one command each.
//!
//! `setup/` makes a machine ready, one file per thing it may lack. `package.rs` builds the npm package and the demo page,
//! the other files are one command each. This program imports none of the workspace's crates and stays quick to compile:
//! it is the first thing a newcomer's machine builds.

mod anonymize;
mod bench;
mod build_sheet;
mod check;
mod counts;
mod demo;
mod notices;
mod package;
mod process;
mod serve;
mod setup;
mod size;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Sets up, builds, checks and tests minions-web.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sets up what is missing, builds the demo page and serves it.
    Demo(demo::Options),
    /// Sets up what is missing and runs every ring of tests.
    Test(test::Options),
    /// The fast gates: format, lints, architecture, shaders, types, licences.
    Check,
    /// Measures the engine natively and in a browser.
    Bench(bench::Options),
    /// Builds the npm package into `pkg/`.
    Build {
        /// As published: the `dist` profile, wasm-opt and the size budgets. Takes minutes.
        #[arg(long)]
        dist: bool,
    },
    /// `build --dist`, then packs the tarball that is published.
    Dist,
    /// Serves a folder of static files on this machine.
    Serve {
        /// The folder.
        #[arg(default_value = "www/dist")]
        folder: PathBuf,
        /// 0 asks for a free one.
        #[arg(long, default_value_t = 0)]
        port: u16,
    },
    /// Makes this machine ready for all of the above, and does nothing else.
    Setup,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        // Its causes, but no backtrace: what failed is nearly always another program.
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Demo(options) => demo::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Check => check::run_command(),
        Command::Bench(options) => bench::run_command(&options),
        Command::Build { dist: false } => package::build(package::Profile::Release),
        Command::Build { dist: true } => package::build(package::Profile::Dist),
        Command::Dist => package::dist(),
        Command::Serve { folder, port } => {
            let server = serve::Server::bind(&process::root().join(folder), port)?;
            println!("{}", server.url());
            server.run()
        }
        Command::Setup => setup::everything(),
    }
}
