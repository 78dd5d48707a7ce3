//! `cargo xtask demo`: from a fresh clone to the demo page in a browser, or in a terminal where there is no screen.

use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};
use clap::Args;

use crate::package::{self, Profile};
use crate::process::{command, root};
use crate::serve::Server;
use crate::setup::{self, browser};

/// Fixed, because a browser keeps downloaded models and settings per address.
const PORT: u16 = 5713;

/// How to show the page.
#[derive(Args)]
pub struct Options {
    /// Drives the page in a browser without a window and prints the conversation; also done where there is no display.
    #[arg(long)]
    headless: bool,
    /// Port of the page's address; another free one is taken if it is in use.
    #[arg(long, default_value_t = PORT)]
    port: u16,
    /// Only serves the page.
    #[arg(long)]
    no_open: bool,
}

/// Sets up, builds, serves, and shows the page until stopped.
pub fn run(options: &Options) -> Result<()> {
    package::build(Profile::Release)?;
    package::build_page()?;
    let folder = root().join("www/dist");
    let server = Server::bind(&folder, options.port).or_else(|_| Server::bind(&folder, 0))?;
    let url = server.url();
    println!("demo: {url}");
    if options.headless || (!options.no_open && !has_display()) {
        std::thread::spawn(move || server.run());
        return drive(&url);
    }
    if !options.no_open {
        // A browser that does not start is no reason to stop: the address stands above.
        opener(&url).spawn().ok();
    }
    println!("demo: press Ctrl+C to stop");
    server.run()
}

/// Plays a visitor: `tests/browser/demo.mjs` asks the page a question and prints what it shows.
fn drive(url: &str) -> Result<()> {
    setup::npm::ensure("tests/browser")?;
    let browser = browser::CHROMIUM.ensure()?;
    let adapter = setup::gpu::ensure(&browser)?;
    let script = Path::new("tests/browser/demo.mjs");
    let mut node = command("node");
    node.arg(script).arg(url).env(browser::CHROMIUM.variable, browser).envs(setup::gpu::for_browser(&adapter));
    let status = node.status()?;
    if !status.success() {
        bail!("{} failed ({status})", script.display());
    }
    Ok(())
}

fn has_display() -> bool {
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

fn opener(url: &str) -> Command {
    let mut opener = match env::consts::OS {
        "macos" => command("open"),
        "windows" => {
            let mut shell = command("cmd");
            // The empty word is the window's title: start would take the address for it.
            shell.args(["/C", "start", ""]);
            shell
        }
        _ => command("xdg-open"),
    };
    opener.arg(url);
    opener
}
