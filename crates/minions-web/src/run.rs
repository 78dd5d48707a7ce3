//! A run of any protocol as a stream of events.

use std::cell::Cell;
use std::rc::Rc;

use minions_engine::Engine;
use minions_protocol::{AnyProtocol, Protocol, Question};
use serde::Deserialize;

use crate::error::Failure;
use crate::stream::Stream;
use crate::supervisor::{Supervisor, SupervisorOptions};

/// What to run: `WireRun` in `js/wire.ts`.
#[derive(Deserialize)]
pub(crate) struct Run {
    protocol: AnyProtocol,
    supervisor: Option<SupervisorOptions>,
    question: Question,
}

/// Starts the run, unless the engine takes part in another.
pub(crate) fn start(engine: Rc<Engine>, is_running: Rc<Cell<bool>>, run: Run) -> Result<Stream, Failure> {
    let turn = Turn::take(is_running)?;
    let Run { protocol, supervisor, mut question } = run;
    let protocol = protocol.within_context(engine.info().context_length);
    let supervisor =
        supervisor.map_or(Ok(Supervisor::None), |options| Supervisor::new(options, engine.token_counter()))?;
    question.price = question.price.or_else(|| supervisor.price());
    Ok(Stream::new(|items| async move {
        let _turn = turn;
        protocol.run(&supervisor, &engine.caller(), &question, &mut |event| items.push(&event)).await?;
        Ok(())
    }))
}

/// The right to run, until it is dropped.
struct Turn(Rc<Cell<bool>>);

impl Turn {
    fn take(is_running: Rc<Cell<bool>>) -> Result<Self, Failure> {
        if is_running.replace(true) { Err(Failure::busy()) } else { Ok(Self(is_running)) }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.set(false);
    }
}
