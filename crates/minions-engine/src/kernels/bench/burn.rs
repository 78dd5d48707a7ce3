//! burn's own matrix products, of f32 matrices and with one of 8 bits.

use std::cell::RefCell;

use burn::tensor::quantization::{QuantScheme, QuantValue, ScaleDtype};
use burn::tensor::{Tensor, TensorData};
use minions_shaders::cases::Noise;

use super::{Bench, INPUTS, KernelSpeed, OUTPUTS, PREFILL_ROWS, product_flops, shape};
use crate::device::Compute;
use crate::error::Result;
use crate::kernels::tensors::read_f32;

/// Measures burn's own matrix products, for one row and for a prompt's, as [`bench_kernels`](super::bench_kernels) does ours.
/// Apart from that, because a shell that does not call it need not have their code, which is a third of the wasm.
pub async fn bench_burn(
    compute: &Compute,
    clock: &dyn Fn() -> f64,
    on_speed: &mut dyn FnMut(KernelSpeed),
) -> Result<()> {
    let bench = &Bench { compute, clock };
    let scheme = QuantScheme::default().with_value(QuantValue::Q8S).per_block([32], ScaleDtype::F32);
    let weights = matrix(bench, INPUTS, OUTPUTS);
    let bytes = weights.clone().quantize_dynamic(&scheme);
    for rows in [1, PREFILL_ROWS] {
        let x = matrix(bench, rows, INPUTS);
        for (kernel, weights, weight_bytes) in [("burn.f32", &weights, 4.0), ("burn.q8", &bytes, 1.125)] {
            let seconds = time(bench, || x.clone().matmul(weights.clone())).await?;
            on_speed(KernelSpeed {
                kernel: kernel.to_owned(),
                shape: shape(rows),
                seconds,
                bytes: 4.0 * (rows * (INPUTS + OUTPUTS)) as f64 + weight_bytes * (INPUTS * OUTPUTS) as f64,
                flops: product_flops(rows),
            });
        }
    }
    Ok(())
}

/// Seconds of one run.
async fn time(bench: &Bench<'_>, run: impl Fn() -> Tensor<2>) -> Result<f64> {
    let last = RefCell::new(run());
    let mut again = || {
        last.replace(run());
    };
    let finish = async || {
        let last = last.borrow().clone();
        read_f32(last.slice([0..1, 0..1])).await.map(drop)
    };
    bench.batches(&mut again, finish).await
}

fn matrix(bench: &Bench<'_>, rows: usize, columns: usize) -> Tensor<2> {
    let values = Noise::new(2).values(rows * columns);
    Tensor::from_data(TensorData::new(values, [rows, columns]), &bench.compute.device)
}
