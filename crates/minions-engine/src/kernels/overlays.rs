//! Which overlays a device runs: each specialisation is tried against its twin before a model uses it, and one that does not
//! compile or does not agree is switched off and reported. Compilers and drivers are many, and none of them is ours.
//!
//! Among those that are right the shaders' own order of preference decides, not a measurement: the same adapter is to give
//! the same numbers every time.

use std::cell::RefCell;
use std::collections::HashMap;

use burn::tensor::{DType, Int, Tensor, TensorData};
use burn_cubecl::CubeDevice;
use burn_cubecl::tensor::CubeTensor;
use minions_shaders::cases::{Case, self_test};
use minions_shaders::{Overlay, SHADERS, Shader, Slots, WeightFormat};
use serde::Serialize;
use wgpu::util::DeviceExt;

use super::pipelines::compile;
use super::staging::{read, staging};
use super::tensors::primitive;
use crate::device::{Compute, Wgpu};
use crate::error::{Error, Result};

/// What became of an overlay on this device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KernelOverlay {
    /// The kernel's specialisation; `None` for all there are.
    pub kernel: Option<String>,
    /// `f16`, `subgroups` or `dp4a`.
    pub overlay: &'static str,
    /// Why it is switched off; `None` when the kernel runs with it.
    pub reason: Option<String>,
}

thread_local! {
    /// What each device runs. A device's work stays on one thread (cubecl orders it by thread), and so does this.
    static CHOSEN: RefCell<HashMap<(CubeDevice, &'static str, Slots), Overlay>> = RefCell::default();
}

/// A baseline's slots as the tensor's device runs it.
pub(super) fn chosen(tensor: &CubeTensor, shader: &'static Shader, slots: Slots) -> Slots {
    let key = (tensor.device.clone(), shader.stem, slots);
    let overlay = CHOSEN.with_borrow(|chosen| chosen.get(&key).copied());
    slots.with_overlay(overlay)
}

/// Tries the overlays of all kernels, for weights of these formats, and has the device run the first of each that is right.
pub(crate) async fn choose_overlays(compute: &Compute, formats: &[WeightFormat]) -> Result<Vec<KernelOverlay>> {
    let device = device_of(compute)?;
    let (right, reports) = try_overlays(compute, formats).await?;
    CHOSEN.with_borrow_mut(|chosen| {
        for (shader, slots) in baselines(formats) {
            let key = (device.clone(), shader.stem, slots);
            match right.get(&(shader.stem, slots)) {
                Some(overlay) => chosen.insert(key, *overlay),
                None => chosen.remove(&key),
            };
        }
    });
    Ok(reports)
}

/// Tries the overlays that the device may run: → the first of each baseline that is right, and what became of all.
pub(super) async fn try_overlays(
    compute: &Compute,
    formats: &[WeightFormat],
) -> Result<(HashMap<(&'static str, Slots), Overlay>, Vec<KernelOverlay>)> {
    let (mut right, mut reports, mut offered) = (HashMap::new(), Vec::new(), Vec::new());
    let Some(wgpu) = &compute.wgpu else { return Ok((right, reports)) };
    for overlay in Overlay::ALL {
        match compute.refuses(overlay) {
            None => offered.push(overlay),
            Some(reason) => {
                reports.push(KernelOverlay { kernel: None, overlay: overlay.name(), reason: Some(reason.to_owned()) })
            }
        }
    }
    let mut open = candidates(formats, &offered);
    while !open.is_empty() {
        let verdicts = try_all(compute, wgpu, &open).await?;
        for (candidate, verdict) in std::mem::take(&mut open).into_iter().zip(verdicts) {
            let Candidate { shader, slots, mut overlays } = candidate;
            let overlay = overlays.remove(0);
            let kernel = Some(shader.name(slots.with_overlay(Some(overlay))));
            match &verdict {
                Ok(()) => {
                    right.insert((shader.stem, slots), overlay);
                }
                Err(_) if !overlays.is_empty() => open.push(Candidate { shader, slots, overlays }),
                Err(_) => {}
            }
            reports.push(KernelOverlay { kernel, overlay: overlay.name(), reason: verdict.err() });
        }
    }
    Ok((right, reports))
}

/// Every specialisation without an overlay, for weights of these formats.
fn baselines(formats: &[WeightFormat]) -> impl Iterator<Item = (&'static Shader, Slots)> {
    let all = SHADERS.into_iter().flat_map(|shader| shader.specializations().into_iter().map(move |s| (shader, s)));
    all.filter(|(_, slots)| slots.overlay.is_none())
        .filter(|(_, slots)| slots.weights.is_none_or(|format| formats.contains(&format)))
}

/// A baseline, and what it might run with instead, the one to be tried next first.
struct Candidate {
    shader: &'static Shader,
    slots: Slots,
    overlays: Vec<Overlay>,
}

fn candidates(formats: &[WeightFormat], offered: &[Overlay]) -> Vec<Candidate> {
    let candidate = |(shader, slots): (&'static Shader, Slots)| {
        let overlays = shader.overlays(slots).filter(|overlay| offered.contains(overlay)).collect();
        Candidate { shader, slots, overlays }
    };
    baselines(formats).map(candidate).filter(|candidate| !candidate.overlays.is_empty()).collect()
}

/// Tries the first overlay of each, all in one submit: what is wrong with each.
async fn try_all(compute: &Compute, wgpu: &Wgpu, open: &[Candidate]) -> Result<Vec<std::result::Result<(), String>>> {
    let mut trials = Vec::with_capacity(open.len());
    for Candidate { shader, slots, overlays } in open {
        trials.push(Trial::prepare(compute, wgpu, shader, slots.with_overlay(Some(overlays[0]))).await);
    }
    let mut encoder = wgpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let bytes: u64 = trials.iter().flatten().map(Trial::bytes).sum();
    if bytes == 0 {
        return Ok(trials.into_iter().map(|trial| trial.map(drop)).collect());
    }
    let results = staging(&wgpu.device, bytes);
    let mut at = 0;
    for trial in trials.iter().flatten() {
        trial.encode(&mut encoder, &results, &mut at);
    }
    wgpu.queue.submit([encoder.finish()]);
    let words = read(&wgpu.device, &results, results.size()).await?;
    let mut rest = words.as_slice();
    let verdicts = trials.into_iter().map(|trial| {
        let trial = trial?;
        let (own, others) = rest.split_at(trial.bytes() as usize / 4);
        rest = others;
        trial.case.check(&trial.split(own))?;
        wgpu.pipelines.put(trial.case.shader, trial.case.slots, trial.pipeline);
        Ok(())
    });
    Ok(verdicts.collect())
}

/// A specialisation, compiled, and the buffers of its self-test.
struct Trial {
    case: Case,
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    outputs: Vec<wgpu::Buffer>,
}

impl Trial {
    /// Fails, with a reason, if the text does not compile here.
    async fn prepare(
        compute: &Compute,
        wgpu: &Wgpu,
        shader: &Shader,
        slots: Slots,
    ) -> std::result::Result<Self, String> {
        let case = self_test(shader, slots).ok_or("there is no self-test")?;
        let scope = wgpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let pipeline = compile(&wgpu.device, &shader.name(slots), (compute.source)(shader, slots));
        let buffer = |words: &[u32], usage| {
            wgpu.device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
                label: None,
                contents: bytemuck::cast_slice(words),
                usage,
            })
        };
        let inputs: Vec<_> = case.inputs.iter().map(|words| buffer(words, wgpu::BufferUsages::STORAGE)).collect();
        let read_back = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
        let outputs: Vec<_> = case.outputs.iter().map(|output| buffer(&output.initial, read_back)).collect();
        let params = buffer(&case.params, wgpu::BufferUsages::UNIFORM);
        let entries: Vec<_> = (0..)
            .zip(inputs.iter().chain(&outputs).chain([&params]))
            .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        let bind_group = wgpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        match scope.pop().await {
            Some(error) => Err(format!("it does not compile here: {error}")),
            None => Ok(Self { case, pipeline, bind_group, outputs }),
        }
    }

    fn encode(&self, encoder: &mut wgpu::CommandEncoder, results: &wgpu::Buffer, at: &mut u64) {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[]);
        let [x, y, z] = self.case.workgroups;
        pass.dispatch_workgroups(x, y, z);
        drop(pass);
        for output in &self.outputs {
            encoder.copy_buffer_to_buffer(output, 0, results, *at, output.size());
            *at += output.size();
        }
    }

    /// Bytes of the outputs.
    fn bytes(&self) -> u64 {
        self.outputs.iter().map(wgpu::Buffer::size).sum()
    }

    /// The outputs one by one.
    fn split(&self, mut words: &[u32]) -> Vec<Vec<u32>> {
        let lengths = self.case.outputs.iter().map(|output| output.initial.len());
        let mut take = |len| {
            let (own, rest) = words.split_at(len);
            words = rest;
            own.to_vec()
        };
        lengths.map(&mut take).collect()
    }
}

/// The name that cubecl knows the device by.
fn device_of(compute: &Compute) -> Result<CubeDevice> {
    let tensor = Tensor::<1, Int>::from_data(TensorData::new(vec![0_u32], [1]), (&compute.device, DType::U32));
    Ok(primitive(tensor).map_err(|error| Error::Gpu(error.to_string()))?.device)
}
