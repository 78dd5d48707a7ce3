//! A step captured once and replayed for every token that is decoded: the same kernels over the same buffers.
//!
//! Through cubecl a step is two submits, because it submits what is queued before it encodes the copy of a read-back; its
//! own graphs do not change that (cubecl-wgpu 0.11.3, `read` in compute/server.rs). Here the step goes to an encoder of
//! ours on the same queue, copy included: one submit. What a launch costs, memory, bind group, uniforms, is paid once.

use std::collections::HashMap;

use burn_cubecl::cubecl::client::Client;
use burn_cubecl::cubecl::server::{BufferBinding, Handle, ServerError};
use burn_cubecl::cubecl::wgpu::{AutoCompiler, WgpuResource, WgpuServer};

use super::launch::{Launch, capture_launches, note_replay};
use super::sample::{Sample, Samples};
use super::staging::{read, staging};
use super::tensors::{float_primitive, primitive};
use crate::device::Wgpu;
use crate::error::{Error, Result};
use crate::generate::Step;

/// A step that is run again and again with other words.
///
/// Whatever its kernels read and write, weights and cache as well as what lies between two of them, stays where it was
/// when the step was captured.
pub(crate) struct CapturedStep {
    wgpu: Wgpu,
    client: Client,
    dispatches: Vec<Dispatch>,
    step: Memory,
    ids: Memory,
    logprobs: Memory,
    /// The copy of ids and log probabilities, which can be mapped.
    staging: wgpu::Buffer,
}

/// A launch with nothing left to look up.
struct Dispatch {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    workgroups: [u32; 3],
    _buffers: Vec<Memory>,
}

/// The memory of a tensor. cubecl neither moves nor hands out again what a binding is held of.
pub(crate) struct Memory {
    pub(super) resource: WgpuResource,
    _binding: BufferBinding,
}

impl CapturedStep {
    /// Captures what `run` launches for `step`; the samples it returns are what a replay reads back. Nothing is computed
    /// yet.
    ///
    /// `run` must consist of this folder's kernels: burn's own operations would run now, and never again.
    pub fn capture<T>(wgpu: &Wgpu, step: &Step, run: impl FnOnce() -> (T, Samples)) -> Result<(T, Self)> {
        let ((result, Samples { ids, logprobs }), launches) = capture_launches(run);
        let staging = staging(&wgpu.device, size_of::<u32>() as u64 * (ids.dims()[0] + logprobs.dims()[0]) as u64);
        let (ids, logprobs, step) = (primitive(ids)?, float_primitive(logprobs)?, primitive(step.words())?);
        let client = ids.client.clone();
        let captured = Self {
            dispatches: dispatches(wgpu, &client, launches)?,
            step: memory(&client, step.handle)?,
            ids: memory(&client, ids.handle)?,
            logprobs: memory(&client, logprobs.handle)?,
            wgpu: wgpu.clone(),
            client,
            staging,
        };
        Ok((result, captured))
    }

    /// Runs the step with these words, laid out like those it was captured with: → what was drawn. `asked` as in
    /// [`Step::asked`].
    pub async fn replay(&self, words: &[u32], asked: &[u32]) -> Result<Vec<Sample>> {
        // What cubecl has queued comes first. A step that was read back has left nothing there, and no submit.
        self.client.flush().map_err(runtime_error)?;
        let (step, ids, logprobs) = (&self.step.resource, &self.ids.resource, &self.logprobs.resource);
        assert!(
            step.size >= size_of_val(words) as u64,
            "a step is replayed with at most as many words as it was captured with"
        );
        self.wgpu.queue.write_buffer(&step.buffer, step.offset, bytemuck::cast_slice(words));
        let mut encoder = self.wgpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        for Dispatch { pipeline, bind_group, workgroups: [x, y, z], .. } in &self.dispatches {
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, bind_group, &[]);
            pass.dispatch_workgroups(*x, *y, *z);
        }
        drop(pass);
        // The ids drawn come first, and alone unless more is asked for.
        let tells_all = asked.iter().any(|asked| *asked > 0);
        let ids_size = if tells_all { ids.size } else { size_of_val(asked) as u64 };
        let logprobs_size = if tells_all { logprobs.size } else { 0 };
        encoder.copy_buffer_to_buffer(&ids.buffer, ids.offset, &self.staging, 0, ids_size);
        if tells_all {
            encoder.copy_buffer_to_buffer(&logprobs.buffer, logprobs.offset, &self.staging, ids_size, logprobs_size);
        }
        self.wgpu.queue.submit([encoder.finish()]);
        note_replay(self.dispatches.len());
        let words = read(&self.wgpu.device, &self.staging, ids_size + logprobs_size).await?;
        let (ids, logprobs) = words.split_at(ids_size as usize / size_of::<u32>());
        Ok(Sample::from_values(ids, bytemuck::cast_slice(logprobs), asked))
    }
}

fn dispatches(wgpu: &Wgpu, client: &Client, launches: Vec<Launch>) -> Result<Vec<Dispatch>> {
    let mut uniforms = HashMap::new();
    let mut dispatches = Vec::with_capacity(launches.len());
    for Launch { shader, slots, buffers, params, workgroups } in launches {
        let pipeline = wgpu.pipelines.get(&wgpu.device, shader, slots);
        let uniform = uniforms.entry(params).or_insert_with_key(|params| {
            let contents: &[u8] = bytemuck::cast_slice(params);
            // Not mapped at its creation: on a device that was lost, wgpu panics over that.
            let buffer = wgpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: contents.len() as u64,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            wgpu.queue.write_buffer(&buffer, 0, contents);
            buffer
        });
        let buffers: Vec<_> = buffers.into_iter().map(|handle| memory(client, handle)).collect::<Result<_>>()?;
        let resources = buffers.iter().map(|memory| memory.resource.as_wgpu_bind_resource());
        let entries: Vec<_> = (0..)
            .zip(resources.chain([uniform.as_entire_binding()]))
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource })
            .collect();
        let bind_group = wgpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        dispatches.push(Dispatch { pipeline, bind_group, workgroups, _buffers: buffers });
    }
    Ok(dispatches)
}

pub(super) fn memory(client: &Client, handle: Handle) -> Result<Memory> {
    let memory = client.get_resource::<WgpuServer<AutoCompiler>>(handle.clone()).map_err(runtime_error)?;
    Ok(Memory { resource: memory.resource().clone(), _binding: handle.binding() })
}

pub(super) fn runtime_error(error: ServerError) -> Error {
    Error::Gpu(format!("{error:?}"))
}
