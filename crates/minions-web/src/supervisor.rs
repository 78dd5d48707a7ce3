//! The supervisors that a page can choose.

use std::time::Duration;

use js_sys::Function;
use minions_chat::{ChatError, ChatModel, ChatRequest, ChatResponse, TokenCounter};
use minions_protocol::{Price, PriceTable, Speaker};
use minions_providers::{ApiKey, COMPATIBLE, CloudModel, JsonMode, Preset, ReasoningEffort, Recording};
use serde::Deserialize;

use crate::error::Failure;
use crate::fetch::Fetch;
use crate::page_model::PageModel;

/// A supervisor and all that is needed to ask it: `WireSupervisor` in `js/wire.ts`.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum SupervisorOptions {
    Cloud {
        /// The name of a preset; that of the address, or any server with OpenAI's wire, if there is none.
        provider: Option<String>,
        model: String,
        api_key: String,
        base_url: Option<String>,
        max_retries: Option<u32>,
        timeout_ms: Option<u64>,
        json_mode: Option<JsonMode>,
        reasoning_effort: Option<ReasoningEffort>,
    },
    Recorded {
        recording: Recording,
    },
    /// An object of the page's.
    Page,
}

/// Any of the supervisors that a page can choose, or none.
pub(crate) enum Supervisor {
    None,
    Cloud(Box<CloudModel<Fetch>>),
    Recorded(Recording),
    Page(PageModel),
}

impl Supervisor {
    /// `token_counter` counts what a provider does not tell, and `ask` asks a model of the page's.
    pub(crate) fn new(
        options: SupervisorOptions,
        token_counter: TokenCounter,
        ask: Option<Function>,
    ) -> Result<Self, Failure> {
        match options {
            SupervisorOptions::Cloud {
                provider,
                model,
                api_key,
                base_url,
                max_retries,
                timeout_ms,
                json_mode,
                reasoning_effort,
            } => {
                let preset = preset(provider.as_deref(), base_url.as_deref())?;
                let mut cloud = CloudModel::new(Fetch, preset, model, ApiKey::new(api_key));
                cloud.base_url = base_url.unwrap_or(cloud.base_url);
                cloud.max_retries = max_retries.unwrap_or(cloud.max_retries);
                cloud.timeout = timeout_ms.map_or(cloud.timeout, Duration::from_millis);
                cloud.json_mode = json_mode;
                cloud.reasoning_effort = reasoning_effort;
                cloud.token_counter = token_counter;
                Ok(Self::Cloud(Box::new(cloud)))
            }
            SupervisorOptions::Recorded { recording } => Ok(Self::Recorded(recording)),
            SupervisorOptions::Page => {
                let ask = ask.ok_or_else(|| Failure::internal("nobody asks the page's model".to_owned()))?;
                Ok(Self::Page(PageModel::new(Speaker::Supervisor, ask, token_counter)))
            }
        }
    }

    /// The names of the models that its provider lists.
    pub(crate) async fn models(&self) -> Result<Vec<String>, Failure> {
        match self {
            Self::Cloud(cloud) => Ok(cloud.models().await?),
            Self::Recorded(_) | Self::Page(_) | Self::None => {
                Err(Failure::invalid_request("only the models of a provider can be listed".to_owned()))
            }
        }
    }

    /// What the included table says that it costs.
    pub(crate) fn price(&self) -> Option<Price> {
        match self {
            Self::Cloud(cloud) => PriceTable::builtin().price(&cloud.model).copied(),
            Self::Recorded(_) | Self::Page(_) | Self::None => None,
        }
    }
}

/// The preset of this name, or else of this address, or else any server's.
fn preset(provider: Option<&str>, base_url: Option<&str>) -> Result<&'static Preset, Failure> {
    match provider {
        Some(name) => Preset::named(name)
            .ok_or_else(|| Failure::invalid_request(format!("there is no provider of the name {name}"))),
        None => Ok(base_url.and_then(Preset::at).unwrap_or(&COMPATIBLE)),
    }
}

impl ChatModel for Supervisor {
    async fn chat(&self, request: &ChatRequest, on_delta: &mut dyn FnMut(&str)) -> Result<ChatResponse, ChatError> {
        match self {
            Self::None => Err(ChatError::InvalidRequest("this run has no supervisor".to_owned())),
            Self::Cloud(model) => model.chat(request, on_delta).await,
            Self::Recorded(model) => model.chat(request, on_delta).await,
            Self::Page(model) => model.chat(request, on_delta).await,
        }
    }
}
