//! What tests and benchmarks ask.

use wasm_bindgen::prelude::*;

use crate::engine::open;
use crate::error::Failure;
use crate::js::to_js;

/// Compares every kernel with its twin on this GPU.
#[wasm_bindgen(js_name = checkKernels, unchecked_return_type = "KernelCheck[]")]
pub async fn check_kernels() -> Result<JsValue, JsValue> {
    let compute = open("gpu").await?;
    let checks = minions_engine::check_kernels(&compute).await.map_err(Failure::from)?;
    Ok(to_js(&checks)?)
}

/// Measures every kernel on this GPU, or if `quick` those for the usual formats, beside what the adapter can do at best.
#[wasm_bindgen(js_name = benchKernels, unchecked_return_type = "KernelSpeed[]")]
pub async fn bench_kernels(quick: bool) -> Result<JsValue, JsValue> {
    let compute = open("gpu").await?;
    let mut speeds = Vec::new();
    let clock = || now() / 1000.0;
    minions_engine::bench_kernels(&compute, quick, &clock, &mut |speed| speeds.push(speed))
        .await
        .map_err(Failure::from)?;
    Ok(to_js(&speeds)?)
}

#[wasm_bindgen]
extern "C" {
    /// Milliseconds, in fractions.
    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;
}

/// The size of the wasm memory.
#[wasm_bindgen(js_name = memoryBytes)]
pub fn memory_bytes() -> f64 {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    let buffer: js_sys::ArrayBuffer = memory.buffer().unchecked_into();
    f64::from(buffer.byte_length())
}

/// A run of MinionS without models, for measuring what is left.
#[wasm_bindgen]
#[derive(Default)]
pub struct Rehearsal(minions_protocol::Rehearsal);

#[wasm_bindgen]
impl Rehearsal {
    /// Writes the document and the replies.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs it: how many jobs there were.
    pub async fn run(&self) -> Result<usize, JsValue> {
        let outcome = self.0.run().await.map_err(Failure::from)?;
        Ok(outcome.transcript.results.len())
    }
}
