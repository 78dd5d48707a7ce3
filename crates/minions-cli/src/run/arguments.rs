//! What `minions run` can be told.

use std::path::PathBuf;

use clap::ValueEnum;
use minions_protocol::{CostSensitivity, Price, Privacy, Question};

use crate::exit::{self, Failure};
use crate::input;
use crate::supervisor::SupervisorArguments;
use crate::worker::WorkerArguments;

#[derive(clap::Args)]
#[command(after_help = exit::HELP)]
pub struct Arguments {
    /// How the two work together.
    #[arg(long, value_enum, default_value_t = ProtocolChoice::Minion)]
    pub protocol: ProtocolChoice,
    /// The text files to read; - is the standard input.
    #[arg(long, alias = "document", value_name = "FILE", required = true, num_args = 1..)]
    pub context: Vec<PathBuf>,
    /// What you want to know. The supervisor sees it.
    #[arg(long, value_name = "TEXT")]
    pub task: String,
    /// What kind of documents these are, in a few words. The supervisor sees it.
    #[arg(long, value_name = "TEXT")]
    pub metadata: Option<String>,

    #[command(flatten, next_help_heading = "Worker")]
    pub worker: WorkerArguments,

    #[command(flatten, next_help_heading = "Supervisor")]
    pub supervisor: SupervisorArguments,
    /// A price table of yours, in the form of crates/minions-protocol/prices.json; its rows come before the included ones.
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,

    /// The most rounds [default: 3].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Limits")]
    pub max_rounds: Option<u32>,
    /// MinionS: the most tasks of a round [default: 3].
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Limits")]
    pub tasks_per_round: Option<usize>,
    /// How often the worker is asked each question; the supervisor or the majority judges [default: 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Limits")]
    pub samples: Option<u32>,
    /// MinionS, local only: the most characters that the worker reads at once [default: what fits into its context].
    #[arg(long, value_name = "CHARS", value_parser = at_least_one, help_heading = "Limits")]
    pub chunk_size: Option<usize>,
    /// MinionS, local only: how many jobs are put to the worker at the same time [default: 32].
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Limits")]
    pub concurrency: Option<usize>,
    /// MinionS, local only: a worker in this process can cite only what stands in its piece of the document, word for word.
    #[arg(long, help_heading = "Limits")]
    pub verbatim_citations: bool,
    /// Makes sampling repeatable.
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Limits")]
    pub seed: u64,

    /// Replace names, dates, numbers and addresses by placeholders in all that the supervisor is sent.
    #[arg(long, help_heading = "Privacy and cost")]
    pub privacy: bool,
    /// A text to hide whatever it looks like; give several by repeating the option.
    #[arg(long, value_name = "NAME", requires = "privacy", help_heading = "Privacy and cost")]
    pub private_name: Vec<String>,
    /// auto: how much a supervisor token hurts [default: medium].
    #[arg(long, value_enum, value_name = "LEVEL", help_heading = "Privacy and cost")]
    pub cost_sensitivity: Option<Sensitivity>,
    /// auto: the documents may be sent to the supervisor, should that be the better way.
    #[arg(long, help_heading = "Privacy and cost")]
    pub documents_may_leave: bool,

    /// Print the whole outcome as one JSON object, instead of the answer alone.
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// Write the question and every call to this file, for `minions replay`. It holds the documents' text.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub transcript: Option<PathBuf>,
    /// Go on where a run ended that wrote this file: what was answered then is not asked again, as long as question, documents
    /// and options are the same.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub resume: Option<PathBuf>,
    /// Do not tell what happens on stderr; errors are told.
    #[arg(long, short, help_heading = "Output")]
    pub quiet: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProtocolChoice {
    /// A conversation: the supervisor asks, the worker reads the documents whole.
    Minion,
    /// A plan: the worker puts many small tasks to many pieces of the documents. For long ones.
    Minions,
    /// Whatever of these fits the documents' length and the cost that you accept; nothing is sent to find out.
    Auto,
    /// The worker alone; nothing leaves.
    LocalOnly,
    /// The supervisor alone; the documents are sent to it.
    RemoteOnly,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sensitivity {
    /// Quality first.
    Low,
    /// The cheapest way that reaches the supervisor's quality.
    Medium,
    /// The fewest tokens that still bring the supervisor in.
    High,
    /// No supervisor tokens.
    Max,
}

impl From<Sensitivity> for CostSensitivity {
    fn from(level: Sensitivity) -> Self {
        match level {
            Sensitivity::Low => Self::Low,
            Sensitivity::Medium => Self::Medium,
            Sensitivity::High => Self::High,
            Sensitivity::Max => Self::Max,
        }
    }
}

fn at_least_one(argument: &str) -> Result<usize, String> {
    match argument.parse() {
        Ok(0) => Err("allow at least one".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("not a whole number".to_owned()),
    }
}

impl Arguments {
    /// Refuses what contradicts itself, before anything is read.
    pub fn check(&self) -> Result<(), Failure> {
        if self.protocol != ProtocolChoice::Auto && (self.cost_sensitivity.is_some() || self.documents_may_leave) {
            return Err(Failure::input("--cost-sensitivity and --documents-may-leave are for --protocol auto"));
        }
        if self.asks_worker() { self.worker.check() } else { Ok(()) }
    }

    pub fn asks_worker(&self) -> bool {
        self.protocol != ProtocolChoice::RemoteOnly
    }

    pub fn asks_supervisor(&self) -> bool {
        let is_free = self.protocol == ProtocolChoice::Auto && self.cost_sensitivity == Some(Sensitivity::Max);
        self.protocol != ProtocolChoice::LocalOnly && !is_free
    }

    /// Reads the documents.
    pub fn question(&self, price: Option<Price>) -> Result<Question, Failure> {
        let privacy = Privacy { names: self.private_name.clone(), ..Privacy::default() };
        Ok(Question {
            metadata: self.metadata.clone(),
            privacy: self.privacy.then_some(privacy),
            price,
            seed: self.seed,
            ..Question::new(self.task.clone(), input::documents(&self.context)?)
        })
    }
}
