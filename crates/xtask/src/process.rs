//! Starting other programs: from the repository's root, with our tools on PATH, without cargo's own variables.
//!
//! `cargo run` tells its child about the package it runs (`CARGO_PKG_*` and others). Build scripts watch some of those,
//! so a nested cargo that inherited them would rebuild what a plain cargo had built, and the other way round.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// What `cargo run` sets for the program it starts.
const CARGO_RUN_VARIABLES: [&str; 6] =
    ["CARGO", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PRIMARY_PACKAGE", "CARGO_CRATE_NAME", "OUT_DIR"];
const CARGO_RUN_PREFIXES: [&str; 2] = ["CARGO_PKG_", "CARGO_BIN_"];

/// The repository's root.
pub fn root() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let folder = Path::new(&manifest).ancestors().nth(2).expect("xtask lies two folders deep");
    folder.to_path_buf()
}

/// Cargo's target folder.
pub fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// Where setup installs tools that the machine does not have.
pub fn tools_dir() -> PathBuf {
    target_dir().join("tools")
}

/// A command that starts in the repository's root.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    for (name, _) in env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        let prefixed = CARGO_RUN_PREFIXES.iter().any(|prefix| text.starts_with(prefix));
        if prefixed || CARGO_RUN_VARIABLES.contains(&text) {
            command.env_remove(&name);
        }
    }
    let mut folders = vec![tools_dir().join("bin")];
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    if let Ok(path) = env::join_paths(folders) {
        command.env("PATH", path);
    }
    command
}

/// A command of npm's in `folder`: `npm` or `npx`, which are scripts on Windows.
pub fn npm(program: &str, folder: &Path) -> Command {
    let mut command = command(if cfg!(windows) { format!("{program}.cmd") } else { program.to_owned() });
    command.current_dir(folder);
    // Registry addresses stay out of lock files, browsers come from `setup/browser.rs`, and nothing is nagged about.
    command.env("npm_config_omit_lockfile_registry_resolved", "true");
    command.env("npm_config_audit", "false").env("npm_config_fund", "false").env("npm_config_update_notifier", "false");
    command.env("npm_config_loglevel", "error");
    command.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    command
}

/// The full path of a program, as a shell would find it.
pub fn which(program: &str) -> Option<PathBuf> {
    let mut folders = vec![tools_dir().join("bin")];
    folders.extend(env::split_paths(&env::var_os("PATH")?));
    let name = format!("{program}{}", env::consts::EXE_SUFFIX);
    folders.into_iter().map(|folder| folder.join(&name)).find(|path| path.is_file())
}

/// Runs a command, its output on the terminal, and fails if it does.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("could not start {}", words(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", words(command));
    }
    Ok(())
}

/// Runs a command quietly and returns what it printed; its output is part of the error if it fails.
pub fn capture(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("could not start {}", words(command)))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed ({})\n{}\n{}", words(command), output.status, stdout.trim_end(), stderr.trim_end());
    }
    Ok(stdout)
}

/// Runs a command with its output on the terminal, and returns whether it succeeded and what it printed to stdout.
pub fn tee(command: &mut Command) -> Result<(bool, String)> {
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("could not start {}", words(command)))?;
    let mut reader = BufReader::new(child.stdout.take().expect("stdout is piped"));
    let (mut line, mut text) = (Vec::new(), String::new());
    while reader.read_until(b'\n', &mut line)? > 0 {
        std::io::stdout().write_all(&line)?;
        text.push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok((child.wait()?.success(), text))
}

/// A duration for people: `0.4 s`, `38 s`, `7 min 12 s`.
pub fn time(duration: Duration) -> String {
    match duration.as_secs() {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        seconds @ 10..120 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// Runs `work`, returning how long it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    (work(), start.elapsed())
}

fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_for_people() {
        assert_eq!(time(Duration::from_millis(420)), "0.4 s");
        assert_eq!(time(Duration::from_millis(97_600)), "97 s");
        assert_eq!(time(Duration::from_secs(432)), "7 min 12 s");
    }

    #[test]
    fn the_root_holds_the_workspace() {
        assert!(root().join("wasm-pack.toml").is_file());
    }

    #[test]
    fn commands_do_not_inherit_what_cargo_run_sets() {
        let command = command("true");
        let removed = command.get_envs().filter(|(_, value)| value.is_none());
        assert!(removed.map(|(name, _)| name).any(|name| name == "CARGO_MANIFEST_DIR"));
    }
}
