//! A run of any protocol as a stream of events.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::Function;
use minions_chat::{ChatError, ChatModel, ChatRequest, ChatResponse, TokenCounter};
use minions_engine::{Caller, Engine};
use minions_protocol::{AnyProtocol, Auto, Forecast, PriceTable, Protocol, ProtocolName, Question, Speaker};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use crate::error::Failure;
use crate::js::from_js;
use crate::page_model::PageModel;
use crate::stream::Stream;
use crate::supervisor::{Supervisor, SupervisorOptions};

/// What to run: `WireRun` in `js/wire.ts`.
#[derive(Deserialize)]
pub(crate) struct Run {
    protocol: AnyProtocol,
    supervisor: Option<SupervisorOptions>,
    /// The worker, where it is the page's own.
    worker: Option<PageWorker>,
    question: Question,
}

/// A worker that is an object of the page's.
#[derive(Deserialize)]
struct PageWorker {
    /// What it can take in at once, if the page knows.
    context_length: Option<usize>,
}

/// Starts a run whose worker is the engine, unless that takes part in another. `ask` asks models of the page's.
pub(crate) fn start(
    engine: Rc<Engine>,
    is_running: Rc<Cell<bool>>,
    run: Run,
    ask: Function,
) -> Result<Stream, Failure> {
    let turn = Turn::take(is_running)?;
    let Run { protocol, supervisor, question, .. } = run;
    let protocol = protocol.within_context(engine.info().context_length);
    let (supervisor, question) = prepare(supervisor, question, &engine.token_counter(), ask)?;
    Ok(Stream::new(|items| async move {
        let _turn = turn;
        let worker = Worker::Local(engine.caller());
        protocol.run(&supervisor, &worker, &question, &mut |event| items.push(&event)).await?;
        Ok(())
    }))
}

/// Starts a run whose worker is a model of the page's: `run` and `ask` as for an engine's.
#[wasm_bindgen(js_name = runWithPageWorker)]
pub fn run_with_page_worker(
    #[wasm_bindgen(unchecked_param_type = "WireRun")] run: &JsValue,
    #[wasm_bindgen(unchecked_param_type = "Ask")] ask: Function,
) -> Result<Stream, JsValue> {
    let Run { protocol, supervisor, worker, question } = from_js(run)?;
    let protocol = match worker.and_then(|worker| worker.context_length) {
        Some(context_length) => protocol.within_context(context_length),
        None => protocol,
    };
    let counter = TokenCounter::default();
    let worker = Worker::Page(PageModel::new(Speaker::Worker, ask.clone(), counter.clone()));
    let (supervisor, question) = prepare(supervisor, question, &counter, ask)?;
    Ok(Stream::new(|items| async move {
        protocol.run(&supervisor, &worker, &question, &mut |event| items.push(&event)).await?;
        Ok(())
    }))
}

/// The supervisor, and the question with what is known of its price.
fn prepare(
    supervisor: Option<SupervisorOptions>,
    mut question: Question,
    counter: &TokenCounter,
    ask: Function,
) -> Result<(Supervisor, Question), Failure> {
    let open = |options| Supervisor::new(options, counter.clone(), Some(ask));
    let supervisor = supervisor.map_or(Ok(Supervisor::None), open)?;
    question.price = question.price.or_else(|| supervisor.price());
    Ok((supervisor, question))
}

/// What to predict: `WirePrediction` in `js/wire.ts`.
#[derive(Deserialize)]
pub(crate) struct Prediction {
    auto: Auto,
    question: Question,
    /// The supervisor's model, for its price.
    model: Option<String>,
}

/// What is predicted: `Predicted` in `js/wire.ts`.
#[derive(Serialize)]
pub(crate) struct Predicted {
    protocol: ProtocolName,
    reason: String,
    forecasts: [Forecast; 4],
}

impl Prediction {
    /// What each protocol would take with this engine, and which one would be chosen.
    pub(crate) fn of(self, engine: &Engine) -> Predicted {
        let Self { mut auto, mut question, model } = self;
        auto.narrow(engine.info().context_length);
        let price = model.and_then(|model| PriceTable::builtin().price(&model).copied());
        question.price = question.price.or(price);
        let forecasts = auto.forecast(&question);
        let (protocol, reason) = auto.choose(&question, &forecasts);
        Predicted { protocol, reason, forecasts }
    }
}

/// Whoever reads the documents: one type, so that the protocols are compiled once.
enum Worker<'a> {
    Local(Caller<'a>),
    Page(PageModel),
}

impl ChatModel for Worker<'_> {
    async fn chat(&self, request: &ChatRequest, on_delta: &mut dyn FnMut(&str)) -> Result<ChatResponse, ChatError> {
        match self {
            Self::Local(model) => model.chat(request, on_delta).await,
            Self::Page(model) => model.chat(request, on_delta).await,
        }
    }
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
