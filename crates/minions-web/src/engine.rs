//! The engine as JavaScript holds it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Float32Array, Function, Map, Uint32Array};
use minions_chat::ChatRequest;
use minions_engine::{Compute, Date, KvFormat, LoadOptions, PageStore, Pooling, Progress, Wait};
use serde::Deserialize;
use wasm_bindgen::prelude::*;

use crate::error::Failure;
use crate::fetch::sleep;
use crate::js::{from_js, to_js};
use crate::page_store::JsPages;
use crate::source::JsSource;
use crate::stream::Stream;
use crate::supervisor::Supervisor;
use crate::{generation, run};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
import type { Readable } from "../readable.js";
import type { Adapter, ModelInfo, Progress } from "../types.js";
import type { Speed } from "../types.js";
import type { Ask, Counters, KernelCheck, KernelSpeed, Predicted, Tally, WireLoad, WirePrediction, WireRequest, WireRun, WireSupervisor } from "../wire.js";
"#;

/// What the cache has to give up may take so much of the page's memory.
const DEFAULT_SPILL_BYTES: usize = 256 << 20;

/// A GPU that takes longer for a step hangs. Browsers mostly notice that themselves, and sooner.
const GPU_TIMEOUT_MS: f64 = 30_000.0;

/// How long the CPU computes before waiting messages, an abort among them, get their turn.
const TURN_MS: f64 = 15.0;

thread_local! {
    /// The GPU, once it is open: a device serves every engine of this worker, until it fails.
    static GPU: RefCell<Option<Compute>> = const { RefCell::new(None) };
}

/// How to load a model: `WireLoad` in `js/wire.ts`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Load {
    device: String,
    context_length: Option<usize>,
    cache_tokens: Option<usize>,
    spill_bytes: Option<usize>,
    kv_cache: Option<String>,
    quantize: Option<String>,
    gpu_timeout_ms: Option<f64>,
}

/// A loaded model.
#[wasm_bindgen]
pub struct Engine {
    pub(crate) engine: Rc<minions_engine::Engine>,
    /// Whether a run uses the engine.
    is_running: Rc<Cell<bool>>,
}

#[wasm_bindgen]
impl Engine {
    /// Loads the model that the file `main` describes.
    pub async fn load(
        #[wasm_bindgen(unchecked_param_type = "Map<string, Readable>")] files: Map,
        main: String,
        #[wasm_bindgen(unchecked_param_type = "WireLoad")] load: &JsValue,
        #[wasm_bindgen(unchecked_param_type = "(progress: Progress) => void")] on_progress: Function,
    ) -> Result<Self, JsValue> {
        let Load { device, context_length, cache_tokens, spill_bytes, kv_cache, quantize, gpu_timeout_ms } =
            from_js(load)?;
        let quantize = quantize.map(|name| name.parse()).transpose().map_err(Failure::from)?;
        let kv_cache = kv_cache.map(|name| name.parse::<KvFormat>()).transpose();
        let kv_cache = kv_cache.map_err(|error| Failure::invalid_request(error.to_string()))?.unwrap_or_default();
        let compute = open(&device).await?;
        let options = LoadOptions {
            context_length,
            cache_tokens,
            page_store: page_store(spill_bytes.unwrap_or(DEFAULT_SPILL_BYTES)),
            kv_cache,
            quantize,
            date: Some(today()),
            between_steps: Some(take_turns()),
            gpu_timeout: patience(&compute, gpu_timeout_ms)?,
        };
        let mut report = |progress: Progress| {
            if let Ok(progress) = to_js(&progress) {
                // What the listener throws is the page's affair and must not end the loading.
                let _ = on_progress.call1(&JsValue::UNDEFINED, &progress);
            }
        };
        let source = JsSource::new(&files);
        let engine = minions_engine::Engine::load(compute, source, &main, options, &mut report).await;
        let engine = engine.map_err(Failure::from)?;
        Ok(Self { engine: Rc::new(engine), is_running: Rc::default() })
    }

    /// What is loaded.
    #[wasm_bindgen(unchecked_return_type = "ModelInfo")]
    pub fn info(&self) -> Result<JsValue, JsValue> {
        Ok(to_js(self.engine.info())?)
    }

    /// What it runs on.
    #[wasm_bindgen(unchecked_return_type = "Adapter")]
    pub fn adapter(&self) -> Result<JsValue, JsValue> {
        Ok(to_js(self.engine.adapter())?)
    }

    /// Starts a reply: a stream of pieces.
    pub fn generate(
        &self,
        #[wasm_bindgen(unchecked_param_type = "WireRequest")] request: &JsValue,
    ) -> Result<Stream, JsValue> {
        Ok(generation::start(Rc::clone(&self.engine), from_js(request)?))
    }

    /// Starts a run of a protocol: a stream of events. One at a time.
    pub fn run(
        &self,
        #[wasm_bindgen(unchecked_param_type = "WireRun")] run: &JsValue,
        #[wasm_bindgen(unchecked_param_type = "Ask")] ask: Function,
    ) -> Result<Stream, JsValue> {
        Ok(run::start(Rc::clone(&self.engine), Rc::clone(&self.is_running), from_js(run)?, ask)?)
    }

    /// What each protocol would take, and which one would be chosen.
    #[wasm_bindgen(unchecked_return_type = "Predicted")]
    pub fn predict(
        &self,
        #[wasm_bindgen(unchecked_param_type = "WirePrediction")] prediction: &JsValue,
    ) -> Result<JsValue, JsValue> {
        Ok(to_js(&from_js::<run::Prediction>(prediction)?.of(&self.engine))?)
    }

    /// Measures how fast the model is here.
    #[wasm_bindgen(unchecked_return_type = "Speed")]
    pub async fn measure(&self) -> Result<JsValue, JsValue> {
        Ok(to_js(&self.engine.measure().await.map_err(Failure::from)?)?)
    }

    /// The names of the models that a supervisor's provider lists.
    #[wasm_bindgen(unchecked_return_type = "string[]")]
    pub async fn models(
        &self,
        #[wasm_bindgen(unchecked_param_type = "WireSupervisor")] supervisor: JsValue,
    ) -> Result<JsValue, JsValue> {
        let supervisor = Supervisor::new(from_js(&supervisor)?, self.engine.token_counter(), None)?;
        Ok(to_js(&supervisor.models().await?)?)
    }

    /// The token ids of a conversation as the model's template renders it. For tests.
    pub fn tokenize(
        &self,
        #[wasm_bindgen(unchecked_param_type = "WireRequest")] request: &JsValue,
    ) -> Result<Uint32Array, JsValue> {
        let request: ChatRequest = from_js(request)?;
        let ids = self.engine.tokenize(&request).map_err(Failure::from)?;
        Ok(Uint32Array::from(ids.as_slice()))
    }

    /// A vector for each of `texts`, one after the other; `pooling` is `mean` or `last`.
    pub async fn embed(&self, texts: Vec<String>, pooling: String) -> Result<Float32Array, JsValue> {
        let pooling = match pooling.as_str() {
            "mean" => Pooling::Mean,
            "last" => Pooling::Last,
            other => {
                let message = format!("pooling is {other:?}; it must be mean or last");
                return Err(Failure::invalid_request(message).into());
            }
        };
        let vectors = self.engine.embed(&texts, pooling).await.map_err(Failure::from)?;
        Ok(Float32Array::from(vectors.concat().as_slice()))
    }

    /// Scores of the next token after each of `ids`, row-major. For tests.
    pub async fn logits(&self, ids: Vec<u32>) -> Result<Float32Array, JsValue> {
        let logits = self.engine.logits(&ids).await.map_err(Failure::from)?;
        Ok(Float32Array::from(logits.as_slice()))
    }

    /// What all replies took since the model was loaded. For tests and benchmarks.
    #[wasm_bindgen(unchecked_return_type = "Tally")]
    pub fn tally(&self) -> Result<JsValue, JsValue> {
        Ok(to_js(&self.engine.tally())?)
    }

    /// Work given to the device since the model was loaded. For tests.
    #[wasm_bindgen(unchecked_return_type = "Counters")]
    pub fn counters(&self) -> Result<JsValue, JsValue> {
        Ok(to_js(&self.engine.counters())?)
    }
}

/// A place for what the cache has to give up, if it may take any memory.
fn page_store(bytes: usize) -> Option<Box<dyn PageStore>> {
    (bytes > 0).then(|| Box::new(JsPages::new(bytes)) as Box<dyn PageStore>)
}

/// What `device` is here, without a model.
#[wasm_bindgen(unchecked_return_type = "Adapter")]
pub async fn probe(device: String) -> Result<JsValue, JsValue> {
    Ok(to_js(open(&device).await?.adapter())?)
}

/// Opens the device that the page asks for.
pub(crate) async fn open(device: &str) -> Result<Compute, Failure> {
    match device {
        "cpu" => Ok(Compute::cpu("the CPU was asked for")),
        "gpu" => Ok(gpu().await?),
        "auto" => Ok(gpu().await.unwrap_or_else(|error| Compute::cpu(error.to_string()))),
        other => Err(Failure::invalid_request(format!("device is {other:?}; it must be auto, gpu or cpu"))),
    }
}

async fn gpu() -> minions_engine::Result<Compute> {
    if let Some(compute) = GPU.with_borrow(|gpu| gpu.clone().filter(|gpu| !gpu.is_lost())) {
        return Ok(compute);
    }
    let compute = Compute::gpu().await?.described(&adapter_description());
    GPU.set(Some(compute.clone()));
    Ok(compute)
}

#[wasm_bindgen]
extern "C" {
    /// What the worker's script heard of the adapter when it was asked for a device (`subgroups.ts`).
    #[wasm_bindgen(thread_local_v2, js_namespace = globalThis, js_name = __minions_adapter)]
    static ADAPTER: Option<String>;
}

/// The adapter's vendor and architecture, which `wgpu` does not pass on.
fn adapter_description() -> String {
    ADAPTER.with(Clone::clone).unwrap_or_default()
}

/// The date where the user is.
fn today() -> Date {
    let now = js_sys::Date::new_0();
    Date { year: now.get_full_year() as i32, month: now.get_month() as u8 + 1, day: now.get_date() as u8 }
}

/// A wait as long as a step may take on the GPU: so many milliseconds. A CPU that does a GPU's work may be slow.
fn patience(compute: &Compute, ms: Option<f64>) -> Result<Option<Wait>, Failure> {
    if ms.is_some_and(|ms| ms.is_nan() || ms <= 0.0) {
        return Err(Failure::invalid_request("gpuTimeoutMs must be more than 0 milliseconds".to_owned()));
    }
    let usual = Some(GPU_TIMEOUT_MS).filter(|_| !compute.is_software());
    Ok(ms.or(usual).map(|ms| -> Wait { Box::new(move || Box::pin(sleep(Duration::from_secs_f64(ms / 1e3)))) }))
}

/// Lets the worker handle messages now and then. On the GPU waiting for results does that anyway; the CPU would compute
/// to the end of the reply before it heard of an abort.
fn take_turns() -> Wait {
    let turn_started = Rc::new(Cell::new(js_sys::Date::now()));
    Box::new(move || {
        let turn_started = Rc::clone(&turn_started);
        Box::pin(async move {
            if js_sys::Date::now() - turn_started.get() >= TURN_MS {
                sleep(Duration::ZERO).await;
                turn_started.set(js_sys::Date::now());
            }
        })
    })
}
