//! How the process ends.

use std::process::ExitCode;

use minions_protocol::{Error, Speaker};

/// The exit codes. Scripts rely on them: the help and the README list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Answer = 0,
    NoAnswer = 1,
    /// What clap exits with as well.
    BadInput = 2,
    WorkerFailed = 3,
    SupervisorFailed = 4,
    Interrupted = 130,
}

/// The same for people.
pub const HELP: &str = "\
Exit codes:
  0    an answer, on stdout
  1    no answer; why not is on stderr
  2    arguments, files or keys that cannot be used
  3    the worker failed
  4    the supervisor failed
  130  interrupted (Ctrl-C)";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An end without a result, with a sentence for stderr.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
}

impl Failure {
    pub fn input(message: impl ToString) -> Self {
        Self { exit: Exit::BadInput, message: message.to_string() }
    }

    pub fn worker(message: impl ToString) -> Self {
        Self { exit: Exit::WorkerFailed, message: message.to_string() }
    }

    pub fn supervisor(message: impl ToString) -> Self {
        Self { exit: Exit::SupervisorFailed, message: message.to_string() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match error {
            Error::Chat { speaker: Speaker::Worker, .. } => Exit::WorkerFailed,
            Error::Chat { speaker: Speaker::Supervisor, .. } => Exit::SupervisorFailed,
            _ => Exit::BadInput,
        };
        Self { exit, message: error.to_string() }
    }
}
