//! A run of any protocol as a stream of events.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use minions_chat::{ChatError, ChatModel, ChatRequest, ChatResponse};
use minions_engine::Engine;
use minions_protocol::{AnyProtocol, Price, PriceTable, Protocol, Question};
use minions_providers::{ApiKey, JsonMode, OpenAi, Recording};
use serde::Deserialize;

use crate::error::Failure;
use crate::fetch::Fetch;
use crate::stream::Stream;

const OPENAI_URL: &str = "https://api.openai.com/v1";

/// What to run: `WireRun` in `js/wire.ts`.
#[derive(Deserialize)]
pub(crate) struct Run {
    protocol: AnyProtocol,
    supervisor: Option<SupervisorOptions>,
    question: Question,
}

/// A supervisor and all that is needed to ask it: `WireSupervisor` in `js/wire.ts`.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum SupervisorOptions {
    OpenAi {
        model: String,
        api_key: String,
        base_url: Option<String>,
        max_retries: Option<u32>,
        timeout_ms: Option<u64>,
        json_mode: Option<JsonMode>,
    },
    Recorded {
        recording: Recording,
    },
}

/// Starts the run, unless the engine takes part in another.
pub(crate) fn start(engine: Rc<Engine>, is_running: Rc<Cell<bool>>, run: Run) -> Result<Stream, Failure> {
    let turn = Turn::take(is_running)?;
    let Run { protocol, supervisor, mut question } = run;
    let protocol = protocol.within_context(engine.info().context_length);
    let supervisor = supervisor.map_or(Supervisor::None, Supervisor::new);
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

/// Any of the supervisors that a page can choose, or none.
enum Supervisor {
    None,
    OpenAi(OpenAi<Fetch>),
    Recorded(Recording),
}

impl Supervisor {
    fn new(options: SupervisorOptions) -> Self {
        match options {
            SupervisorOptions::OpenAi { model, api_key, base_url, max_retries, timeout_ms, json_mode } => {
                let base_url = base_url.unwrap_or_else(|| OPENAI_URL.to_owned());
                let mut openai = OpenAi::new(Fetch, base_url, model, ApiKey::new(api_key));
                openai.max_retries = max_retries.unwrap_or(openai.max_retries);
                openai.timeout = timeout_ms.map_or(openai.timeout, Duration::from_millis);
                openai.json_mode = json_mode;
                Self::OpenAi(openai)
            }
            SupervisorOptions::Recorded { recording } => Self::Recorded(recording),
        }
    }

    /// What the included table says that it costs.
    fn price(&self) -> Option<Price> {
        match self {
            Self::OpenAi(openai) => PriceTable::builtin().price(&openai.model).copied(),
            Self::Recorded(_) | Self::None => None,
        }
    }
}

impl ChatModel for Supervisor {
    async fn chat(&self, request: &ChatRequest, on_delta: &mut dyn FnMut(&str)) -> Result<ChatResponse, ChatError> {
        match self {
            Self::None => Err(ChatError::InvalidRequest("this run has no supervisor".to_owned())),
            Self::OpenAi(model) => model.chat(request, on_delta).await,
            Self::Recorded(model) => model.chat(request, on_delta).await,
        }
    }
}
