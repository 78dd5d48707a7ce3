//! Every kernel against its twin on this adapter: the same cases natively, in a browser, and wherever a doubt arises.

use burn::tensor::{DType, Int, Tensor, TensorData};
use minions_shaders::WeightFormat;
use minions_shaders::cases::{Case, cases};
use serde::Serialize;

use super::launch::launch_words;
use super::overlays::{KernelOverlay, try_overlays};
use super::tensors::{primitive, read_u32};
use crate::device::{Compute, Overlays};
use crate::error::{Error, Result};

/// What became of one case.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KernelCheck {
    /// The kernel's specialisation and the shape.
    pub name: String,
    /// The largest error relative to the larger of 1 and the expected value.
    pub error: f32,
    /// The largest error allowed.
    pub tolerance: f32,
    /// What is wrong; `None` when the kernel agrees with its twin.
    pub failure: Option<String>,
}

/// Launches every case of `minions_shaders::cases` that the adapter can run, overlays included, and compares; then makes
/// the self-tests of the overlays.
pub async fn check_kernels(compute: &Compute) -> Result<Vec<KernelCheck>> {
    if !compute.adapter().is_gpu() {
        return Err(Error::WebgpuUnavailable("kernels can be compared with their twins on a GPU only".to_owned()));
    }
    let mut checks = Vec::new();
    let can_run = |overlay| compute.wgpu.as_ref().is_some_and(|wgpu| wgpu.has(overlay));
    for case in cases().into_iter().filter(|case| case.slots.overlay.is_none_or(can_run)) {
        let outcome = case.check(&run(&case, compute).await?);
        checks.push(KernelCheck {
            error: outcome.as_ref().copied().unwrap_or(f32::INFINITY),
            tolerance: case.tolerance,
            failure: outcome.err(),
            name: case.label,
        });
    }
    checks.extend(self_tests(compute).await?);
    Ok(checks)
}

/// The self-test of every overlay that the adapter can run, as it is made when a model is loaded on hardware.
async fn self_tests(compute: &Compute) -> Result<Vec<KernelCheck>> {
    let compute = compute.clone().with_overlays(Overlays::Everywhere);
    let (_, tried) = try_overlays(&compute, &WeightFormat::ALL).await?;
    let checks = tried.into_iter().filter_map(|KernelOverlay { kernel, reason, .. }| {
        let error = if reason.is_some() { f32::INFINITY } else { 0.0 };
        Some(KernelCheck { name: format!("{} self-test", kernel?), error, tolerance: 0.0, failure: reason })
    });
    Ok(checks.collect())
}

/// The outputs of a case after its launch.
async fn run(case: &Case, compute: &Compute) -> Result<Vec<Vec<u32>>> {
    let upload = |words: &[u32]| {
        let data = TensorData::new(words.to_vec(), [words.len()]);
        Tensor::<1, Int>::from_data(data, (&compute.device, DType::U32))
    };
    let outputs: Vec<_> = case.outputs.iter().map(|output| upload(&output.initial)).collect();
    let buffers: Vec<_> = case
        .inputs
        .iter()
        .map(|words| upload(words))
        .chain(outputs.iter().cloned())
        .map(primitive)
        .collect::<Result<_>>()?;
    let buffers: Vec<_> = buffers.iter().collect();
    launch_words(case.shader, case.slots, &buffers, &case.params, case.workgroups);
    let mut words = Vec::with_capacity(outputs.len());
    for output in outputs {
        words.push(read_u32(output).await?);
    }
    Ok(words)
}
