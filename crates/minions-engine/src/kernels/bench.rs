//! How fast the kernels are on this adapter, beside what it can do at best and beside burn's own matrix product.
//!
//! Everything is launched the way a prompt's steps are: through cubecl, many launches to a submit, timed by a clock of the
//! shell's from the first launch to a read-back after the last.

mod burn;

pub use burn::bench_burn;

use ::burn::tensor::{DType, Int, Tensor, TensorData};
use bytemuck::Zeroable;
use minions_shaders::cases::Noise;
use minions_shaders::cpu::{
    GatedMatmulParams, GatedMatvecParams, MatmulParams, MatvecParams, MultiplyAddParams, QuantizeParams, RmsNormParams,
    StreamCopyParams,
};
use minions_shaders::{
    GATED_MATMUL, GATED_MATVEC, MATMUL, MATVEC, MULTIPLY_ADD, Overlay, Params, QUANTIZE, RMS_NORM, STREAM_COPY, Shader,
    Slots, WeightFormat,
};
use serde::Serialize;

use super::launch::launch;
use super::tensors::{primitive, read_u32};
use crate::device::Compute;
use crate::error::{Error, Result};

/// How fast one kernel is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KernelSpeed {
    /// The kernel's specialisation, or what of burn's it is.
    pub kernel: String,
    /// Its shape.
    pub shape: String,
    /// Seconds a launch, the best of several batches.
    pub seconds: f64,
    /// Bytes that it must read and write at least.
    pub bytes: f64,
    /// Multiplications and additions that the result takes.
    pub flops: f64,
}

impl KernelSpeed {
    /// Bytes a second.
    pub fn bandwidth(&self) -> f64 {
        self.bytes / self.seconds
    }

    /// Multiplications and additions a second.
    pub fn arithmetic(&self) -> f64 {
        self.flops / self.seconds
    }
}

/// A matrix as wide as small models have them.
const INPUTS: usize = 1024;
const OUTPUTS: usize = 1024;
/// Rows of a prompt's step.
const PREFILL_ROWS: usize = 256;

/// The formats that small models mostly have.
const QUICK_FORMATS: [WeightFormat; 3] = [WeightFormat::F16, WeightFormat::Q8_0, WeightFormat::Q4_0];

/// Seconds that a batch of launches should take at least, and batches of which the best counts.
const BATCH_SECONDS: f64 = 0.03;
const BATCHES: usize = 6;

/// Measures every kernel that has overlays in every variant that the adapter runs, for weights of every format, or if
/// `quick` of three. `clock` tells seconds. `on_speed` hears of each as it is known: the adapter's ceilings come first.
pub async fn bench_kernels(
    compute: &Compute,
    quick: bool,
    clock: &dyn Fn() -> f64,
    on_speed: &mut dyn FnMut(KernelSpeed),
) -> Result<()> {
    let Some(wgpu) = &compute.wgpu else {
        return Err(Error::WebgpuUnavailable("kernels can be measured on a GPU only".to_owned()));
    };
    let formats = if quick { QUICK_FORMATS.as_slice() } else { &WeightFormat::ALL };
    let bench = Bench { compute, clock };
    on_speed(bench.copy().await?);
    on_speed(bench.multiply_add().await?);
    on_speed(bench.quantize().await?);
    for slots in RMS_NORM.specializations() {
        if slots.overlay.is_none_or(|overlay| wgpu.has(overlay)) {
            on_speed(bench.rms_norm(slots).await?);
        }
    }
    for shader in [&MATVEC, &GATED_MATVEC, &MATMUL, &GATED_MATMUL] {
        for slots in shader.specializations() {
            let measured = slots.weights.is_some_and(|format| formats.contains(&format))
                && slots.overlay.is_none_or(|overlay| wgpu.has(overlay));
            if measured {
                on_speed(bench.product(shader, slots).await?);
            }
        }
    }
    Ok(())
}

struct Bench<'a> {
    compute: &'a Compute,
    clock: &'a dyn Fn() -> f64,
}

impl Bench<'_> {
    async fn copy(&self) -> Result<KernelSpeed> {
        let len = 4 << 20;
        let params = StreamCopyParams { len: len as u32, ..Zeroable::zeroed() };
        let seconds = self.launches(&params, Slots::NONE, &[self.noise(len)], len).await?;
        Ok(self.speed(&STREAM_COPY, Slots::NONE, format!("{len} numbers"), seconds, 8.0 * len as f64, 0.0))
    }

    async fn multiply_add(&self) -> Result<KernelSpeed> {
        let (len, rounds) = (1 << 16, 64);
        let params = MultiplyAddParams { len: len as u32, rounds, factor: 0.5, step: 0.75, ..Zeroable::zeroed() };
        let seconds = self.launches(&params, Slots::NONE, &[self.noise(len)], len).await?;
        let flops = 16.0 * len as f64 * f64::from(rounds);
        Ok(self.speed(&MULTIPLY_ADD, Slots::NONE, format!("{len} numbers"), seconds, 8.0 * len as f64, flops))
    }

    async fn quantize(&self) -> Result<KernelSpeed> {
        let params = QuantizeParams::new(PREFILL_ROWS, INPUTS, WeightFormat::Q8_0);
        let seconds =
            self.launches(&params, Slots::NONE, &[self.noise(PREFILL_ROWS * INPUTS)], params.out_len()).await?;
        let bytes = 4.0 * (PREFILL_ROWS * INPUTS + params.out_len()) as f64;
        Ok(self.speed(&QUANTIZE, Slots::NONE, format!("{PREFILL_ROWS} x {INPUTS}"), seconds, bytes, 0.0))
    }

    async fn rms_norm(&self, slots: Slots) -> Result<KernelSpeed> {
        let len = PREFILL_ROWS * INPUTS;
        let params =
            RmsNormParams { rows: PREFILL_ROWS as u32, hidden: INPUTS as u32, eps: 1e-5, ..Zeroable::zeroed() };
        let inputs = [self.noise(len), self.noise(INPUTS)];
        let seconds = self.launches(&params, slots, &inputs, len).await?;
        let (bytes, flops) = (4.0 * (2 * len + INPUTS) as f64, 4.0 * len as f64);
        Ok(self.speed(&RMS_NORM, slots, format!("{PREFILL_ROWS} x {INPUTS}"), seconds, bytes, flops))
    }

    /// A product of as many rows as its kernel is for. Both kinds have the same weights, and so the same work.
    async fn product(&self, shader: &'static Shader, slots: Slots) -> Result<KernelSpeed> {
        let format = slots.weights.unwrap_or(WeightFormat::F32);
        let rows = slots.rows.map_or(PREFILL_ROWS, |group| group as usize);
        let mut x = self.noise(rows * INPUTS);
        if slots.overlay == Some(Overlay::Dp4a) {
            x = self.words(vec![0x0102_0304; QuantizeParams::new(rows, INPUTS, format).out_len()]);
        }
        let mut noise = Noise::new(9);
        let weights = format.pack(&format.encode(&noise.values(OUTPUTS * INPUTS)), OUTPUTS, INPUTS);
        let bytes = 4.0 * (rows * INPUTS + weights.len() + rows * OUTPUTS) as f64;
        let inputs = [x, self.words(weights)];
        let (r, k, n, f) = (rows as u32, INPUTS as u32, OUTPUTS as u32, (OUTPUTS / 2) as u32);
        let out = rows * OUTPUTS;
        let seconds = match shader.stem {
            "matvec" => {
                self.launches(&MatvecParams { rows: r, n, k, ..Zeroable::zeroed() }, slots, &inputs, out).await?
            }
            "gated_matvec" => {
                self.launches(&GatedMatvecParams { rows: r, f, k, ..Zeroable::zeroed() }, slots, &inputs, out / 2)
                    .await?
            }
            "matmul" => {
                self.launches(&MatmulParams { rows: r, n, k, ..Zeroable::zeroed() }, slots, &inputs, out).await?
            }
            _ => {
                self.launches(&GatedMatmulParams { rows: r, f, k, ..Zeroable::zeroed() }, slots, &inputs, out / 2)
                    .await?
            }
        };
        Ok(self.speed(shader, slots, shape(rows), seconds, bytes, product_flops(rows)))
    }

    /// Seconds of one launch of a kernel with one output of `out` words.
    async fn launches<P: Params>(
        &self,
        params: &P,
        slots: Slots,
        inputs: &[Tensor<1, Int>],
        out: usize,
    ) -> Result<f64> {
        let output = self.words(vec![0; out]);
        let tensors: Vec<_> = inputs.iter().cloned().chain([output.clone()]).map(primitive).collect::<Result<_>>()?;
        let buffers: Vec<_> = tensors.iter().collect();
        self.batches(&mut || launch(params, slots, &buffers), async || {
            read_u32(output.clone().narrow(0, 0, 1)).await.map(drop)
        })
        .await
    }

    /// Seconds of one `run`, the best of several batches of so many that a batch takes a while.
    async fn batches(&self, run: &mut dyn FnMut(), finish: impl AsyncFn() -> Result<()>) -> Result<f64> {
        // The first one compiles.
        run();
        finish().await?;
        let mut count = 1_u32;
        let mut best = f64::INFINITY;
        let mut batches = 0;
        while batches < BATCHES {
            let started = (self.clock)();
            for _ in 0..count {
                run();
            }
            finish().await?;
            let seconds = (self.clock)() - started;
            if seconds < BATCH_SECONDS && count < 1024 {
                count *= 2;
                continue;
            }
            best = best.min(seconds / f64::from(count));
            batches += 1;
        }
        Ok(best)
    }

    fn speed(&self, shader: &Shader, slots: Slots, shape: String, seconds: f64, bytes: f64, flops: f64) -> KernelSpeed {
        KernelSpeed { kernel: shader.name(slots), shape, seconds, bytes, flops }
    }

    fn noise(&self, len: usize) -> Tensor<1, Int> {
        self.words(Noise::new(1).values(len).into_iter().map(f32::to_bits).collect())
    }

    fn words(&self, words: Vec<u32>) -> Tensor<1, Int> {
        let len = words.len();
        Tensor::from_data(TensorData::new(words, [len]), (&self.compute.device, DType::U32))
    }
}

fn shape(rows: usize) -> String {
    format!("{rows} x {INPUTS} x {OUTPUTS}")
}

fn product_flops(rows: usize) -> f64 {
    2.0 * (rows * INPUTS * OUTPUTS) as f64
}
