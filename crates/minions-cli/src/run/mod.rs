//! `minions run`: one of the protocols over documents.

mod arguments;
mod limits;
mod price;
mod progress;

use minions_chat::ChatError;
use minions_protocol::{AnyProtocol, Error, Event, Outcome, Protocol, Question};

pub use arguments::Arguments;

use crate::exit::{Exit, Failure};
use crate::model::Model;
use crate::output;
use crate::supervisor::Supervisor;
use crate::transcript::{self, Transcript};
use crate::worker::Worker;
use progress::Progress;

/// Everything that can be refused is looked at before the worker is loaded and the first call is paid for.
pub async fn run(arguments: Arguments) -> Result<Exit, Failure> {
    arguments.check()?;
    let mut supervisor = if arguments.asks_supervisor() { arguments.supervisor.open()? } else { Supervisor::absent() };
    let price = price::find(arguments.prices.as_deref(), &supervisor)?;
    let mut question = arguments.question(price.as_ref().map(|price| price.price))?;
    if let Some(path) = &arguments.resume {
        question.earlier = Transcript::read(path)?.outcome.transcript;
    }
    if let Some(path) = &arguments.transcript {
        transcript::try_path(path, &arguments.context)?;
    }

    let mut progress = Progress::new(arguments.quiet, &question, price.map(|price| price.currency));
    progress.say(&supervisor.description);
    let worker = if arguments.asks_worker() { arguments.worker.open().await? } else { Worker::absent() };
    progress.say(&worker.description);
    if let (Model::Server(supervisor), Model::Local(engine)) = (&mut supervisor.model, &worker.model) {
        supervisor.token_counter = engine.token_counter();
    }
    let protocol = limits::protocol(&arguments, &worker, &mut progress);

    let mut tell = |event: Event| progress.tell(&event);
    let result = tokio::select! {
        result = protocol.run(&supervisor.model, &worker.model, &question, &mut tell) => result,
        Ok(()) = tokio::signal::ctrl_c() => {
            output::note(&format!("interrupted; spent so far: {}", progress.spent()));
            return Ok(Exit::Interrupted);
        }
    };
    progress.end();
    conclude(&arguments, protocol, question, result)
}

/// Writes what is asked for. The transcript comes first, but a full disk does not cost the answer.
fn conclude(
    arguments: &Arguments,
    protocol: AnyProtocol,
    question: Question,
    result: Result<Outcome, Error>,
) -> Result<Exit, Failure> {
    let (outcome, error) = match result {
        Ok(outcome) => (Some(outcome), None),
        Err(error) => (error.outcome().cloned(), Some(error)),
    };
    let hint = error.as_ref().map_or("", |error| hint(error, &protocol));
    let saved = match (&arguments.transcript, &outcome) {
        (Some(path), Some(outcome)) => Transcript::new(protocol, question, outcome.clone()).write(path),
        _ => Ok(()),
    };
    let exit = match (error, &outcome) {
        (None, Some(outcome)) => output::outcome(outcome, arguments.json),
        (error, outcome) => {
            if let Some(outcome) = outcome.as_ref().filter(|_| arguments.json) {
                output::json(outcome)?;
            }
            let failure = error.map_or_else(|| Failure::input("the run ended without an outcome"), Failure::from);
            Err(Failure { message: failure.message + hint, ..failure })
        }
    };
    exit.and_then(|exit| saved.map(|()| exit))
}

/// What to do about it, where the command line has an answer.
fn hint(error: &Error, protocol: &AnyProtocol) -> &'static str {
    match (error, protocol) {
        (Error::Chat { source: ChatError::ContextOverflow { .. }, .. }, AnyProtocol::Minion(_)) => {
            "; or let the worker read it in pieces: --protocol minions"
        }
        _ => "",
    }
}
