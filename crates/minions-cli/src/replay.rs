//! `minions replay`: a run again, without any model.

use std::path::PathBuf;

use minions_protocol::{Cost, NoAnswer, Outcome, Protocol, Reason, Speaker};

use crate::exit::{Exit, Failure};
use crate::output;
use crate::transcript::Transcript;

#[derive(clap::Args)]
pub struct Arguments {
    /// What `minions run --transcript` wrote.
    file: PathBuf,
    /// Print the whole outcome as one JSON object, instead of the answer alone.
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let Transcript { protocol, question, outcome: recorded, .. } = Transcript::read(&arguments.file)?;
    let calls = &recorded.transcript;
    let (supervisor, worker) = (calls.replay(Speaker::Supervisor), calls.replay(Speaker::Worker));
    let replayed = protocol.run(&supervisor, &worker, &question, &mut |_| {}).await;
    let replayed = match replayed {
        Ok(outcome) => outcome,
        // Where a model did not answer, the transcript ends.
        Err(error) => error.outcome().cloned().ok_or_else(|| Failure::from(error))?,
    };
    let is_same = is_same(&recorded, &replayed);
    let exit = output::outcome(if is_same { &recorded } else { &replayed }, arguments.json)?;
    if is_same {
        return Ok(exit);
    }
    let message = "the replayed outcome differs from the recorded one: the transcript was changed, or it is another \
                   version's";
    Err(Failure { exit: Exit::NoAnswer, message: message.to_owned() })
}

fn is_same(recorded: &Outcome, replayed: &Outcome) -> bool {
    // The amounts went through decimals; why a model failed is not replayed.
    let is_same_cost = match (recorded.cost, replayed.cost) {
        (Some(one), Some(other)) => is_close(one.spent, other.spent) && is_close(one.remote_only, other.remote_only),
        (one, other) => one == other,
    };
    let failed = |reason: &Option<Reason>| reason.as_ref().is_some_and(|reason| reason.code == NoAnswer::Failed);
    let is_same_reason = recorded.reason == replayed.reason || failed(&recorded.reason) && failed(&replayed.reason);
    let rest = |outcome: &Outcome| Outcome { cost: None::<Cost>, reason: None, ..outcome.clone() };
    is_same_cost && is_same_reason && rest(recorded) == rest(replayed)
}

fn is_close(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
}
