//! The file of a run, from which it can be run again without any model.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use minions_protocol::{AnyProtocol, Outcome, Question};
use serde::{Deserialize, Serialize};

use crate::exit::Failure;
use crate::input;

/// The only form there is.
const VERSION: u32 = 1;

/// A run: what was asked, how, and what came of it, every call included.
#[derive(Serialize, Deserialize)]
pub struct Transcript {
    version: u32,
    pub protocol: AnyProtocol,
    pub question: Question,
    pub outcome: Outcome,
}

impl Transcript {
    pub fn new(protocol: AnyProtocol, mut question: Question, outcome: Outcome) -> Self {
        // The outcome holds those calls as well.
        question.earlier = minions_protocol::Transcript::default();
        Self { version: VERSION, protocol, question, outcome }
    }

    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let json = serde_json::to_string(self).map_err(|error| failure(path, error))?;
        std::fs::write(path, json + "\n").map_err(|error| failure(path, error))
    }

    pub fn read(path: &Path) -> Result<Self, Failure> {
        let bad = |problem: String| Failure::input(format!("{} is no transcript: {problem}", path.display()));
        let value: serde_json::Value =
            serde_json::from_str(&input::text(path)?).map_err(|error| bad(error.to_string()))?;
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(version) if version == u64::from(VERSION) => {}
            Some(version) => return Err(bad(format!("it has version {version}, and this program reads {VERSION}"))),
            None => return Err(bad("it has no version".to_owned())),
        }
        serde_json::from_value(value).map_err(|error| bad(error.to_string()))
    }
}

/// Refuses a path that cannot or must not be written, before the run is paid for; leaves everything as it was.
pub fn try_path(path: &Path, documents: &[PathBuf]) -> Result<(), Failure> {
    let is_new = !path.exists();
    let place = path.canonicalize().ok();
    if !is_new && documents.iter().any(|document| document.canonicalize().ok() == place) {
        return Err(failure(path, "it is one of the documents"));
    }
    OpenOptions::new().append(true).create(true).open(path).map_err(|error| failure(path, error))?;
    if is_new {
        std::fs::remove_file(path).map_err(|error| failure(path, error))?;
    }
    Ok(())
}

fn failure(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::input(format!("the transcript {} cannot be written: {error}", path.display()))
}
