//! Every ring of tests, cheapest first. A later ring runs although an earlier one failed, unless the build did.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::build_sheet::BuildSheet;
use crate::check;
use crate::counts::{self, Counts};
use crate::package::{self, Profile};
use crate::process::{self, command, npm, root, run as run_to_end, target_dir, tee};
use crate::setup::{self, browser, gpu::Adapter};

/// The model server that the tests in a browser talk to, a program of the package `minions-tests`.
const SCRIPTED_SERVER: &str = "scripted-server";

/// Its own test.
const SERVER_TEST: &str = "scripted_server";

/// What to run.
#[derive(Args)]
pub struct Options {
    /// One ring instead of all; what it needs is set up and built.
    #[arg(long, value_name = "RING")]
    only: Option<Ring>,
}

/// The rings, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Ring {
    /// Format, lints, licences.
    Check,
    /// All of the workspace's Rust tests, kernels on this machine's adapter included.
    Native,
    /// The npm package, the demo page, and the types of both.
    Build,
    /// The package and the page in a browser.
    Browser,
    /// The package as its users install it.
    Package,
}

/// What setup found.
struct Machine {
    browser: PathBuf,
    /// For the browser ring alone.
    firefox: Option<PathBuf>,
    adapter: Adapter,
}

/// `cargo xtask test`.
pub fn run(options: &Options) -> Result<()> {
    let start = Instant::now();
    let is_wanted = |ring: Ring| options.only.is_none_or(|only| only == ring);
    let needs_build = [Ring::Build, Ring::Browser, Ring::Package].into_iter().any(is_wanted);
    let machine = set_up(needs_build, is_wanted(Ring::Browser))?;

    let mut results: Vec<(Ring, Counts, Duration)> = Vec::new();
    let mut ring = |ring: Ring, work: &dyn Fn() -> Result<Counts>| -> bool {
        println!("\n== {ring:?}");
        let (result, duration) = process::timed(work);
        let is_done = result.is_ok();
        let counts = result.unwrap_or_else(|error| {
            println!("{error:#}");
            Counts::one(false)
        });
        println!("== {ring:?}: {} in {}", counts.line(), process::time(duration));
        results.push((ring, counts, duration));
        is_done
    };
    if is_wanted(Ring::Check) {
        ring(Ring::Check, &|| Ok(check::static_gates()));
    }
    if is_wanted(Ring::Native) {
        ring(Ring::Native, &|| native(&machine));
    }
    if needs_build && ring(Ring::Build, &build) {
        if is_wanted(Ring::Browser) {
            ring(Ring::Browser, &|| in_browser(&machine));
        }
        if is_wanted(Ring::Package) {
            ring(Ring::Package, &|| as_installed(&machine));
        }
    }
    summarize(&results, start.elapsed())
}

fn set_up(needs_build: bool, needs_firefox: bool) -> Result<Machine> {
    setup::wasm_target::ensure()?;
    if needs_build {
        setup::for_build(&BuildSheet::load()?)?;
        setup::for_tests()?;
    }
    let browser = browser::CHROMIUM.ensure()?;
    let firefox = needs_firefox.then(|| browser::FIREFOX.ensure()).transpose()?;
    let adapter = setup::gpu::ensure(&browser)?;
    for browser in firefox.iter().chain([&browser]) {
        println!("setup: browser {}", browser.display());
    }
    println!("setup: GPU adapter of native tests: {}", adapter.name);
    Ok(Machine { browser, firefox, adapter })
}

fn native(machine: &Machine) -> Result<Counts> {
    let mut cargo = command("cargo");
    cargo.args(["test", "--workspace", "--no-fail-fast"]).envs(machine.adapter.variables.iter().cloned());
    let (succeeded, output) = tee(&mut cargo)?;
    Ok(counts::cargo(&output).judged(succeeded))
}

fn build() -> Result<Counts> {
    package::build(Profile::Release)?;
    package::build_page()?;
    // As a test's program: `cargo build` would leave out the features of what only tests need, and compile most crates again.
    run_to_end(command("cargo").args(["test", "--quiet", "--workspace", "--test", SERVER_TEST, "--no-run"]))?;
    Ok(Counts::one(true) + check::type_gates())
}

fn in_browser(machine: &Machine) -> Result<Counts> {
    let mut playwright = npm("npx", &root().join("tests/browser"));
    let (succeeded, output) = tee(machine.tell(playwright.args(["--no-install", "playwright", "test"])))?;
    Ok(counts::playwright(&output).judged(succeeded))
}

fn as_installed(machine: &Machine) -> Result<Counts> {
    let files = test_files(&root().join("tests/package"))?;
    let mut node = command("node");
    let (succeeded, output) = tee(machine.tell(node.args(["--test", "--test-reporter=spec"]).args(files)))?;
    Ok(counts::node(&output).judged(succeeded))
}

impl Machine {
    /// Tells tests in JavaScript which browsers to drive and where the model server is.
    fn tell<'a>(&self, tests: &'a mut Command) -> &'a mut Command {
        let program = format!("{SCRIPTED_SERVER}{}", std::env::consts::EXE_SUFFIX);
        tests.env("MINIONS_SCRIPTED_SERVER", target_dir().join("debug").join(program));
        if let Some(firefox) = &self.firefox {
            tests.env(browser::FIREFOX.variable, firefox);
        }
        tests.env(browser::CHROMIUM.variable, &self.browser)
    }
}

/// The `.test.mjs` files directly in a folder: Node 20 expands no patterns itself.
fn test_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = entries.filter(|path| path.to_string_lossy().ends_with(".test.mjs")).collect();
    files.sort();
    if files.is_empty() {
        bail!("{} holds no tests", folder.display());
    }
    Ok(files)
}

/// The last line is for CI to read.
fn summarize(results: &[(Ring, Counts, Duration)], total: Duration) -> Result<()> {
    println!();
    for (ring, counts, duration) in results {
        println!("{:<8} {:<32} {:>14}", format!("{ring:?}"), counts.line(), process::time(*duration));
    }
    if matches!(results.last(), Some((Ring::Build, counts, _)) if counts.failed > 0) {
        println!("the rings after the build did not run");
    }
    println!("{:<8} {:<32} {:>14}\n", "All", "", process::time(total));
    let sum: Counts = results.iter().map(|(_, counts, _)| *counts).sum();
    println!("{}", sum.line());
    if sum.failed > 0 {
        std::process::exit(1);
    }
    Ok(())
}
