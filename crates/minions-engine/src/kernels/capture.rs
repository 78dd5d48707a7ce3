//! A step captured once and replayed for every token that is decoded: the same kernels over the same buffers.
//!
//! Through cubecl a step is two submits, because it submits what is queued before it encodes the copy of a read-back; its
//! own graphs do not change that (cubecl-wgpu 0.11.3, `read` in compute/server.rs). Here the step goes to an encoder of
//! ours on the same queue, copy included: one submit. What a launch costs, memory, bind group, uniforms, is paid once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use burn_cubecl::cubecl::client::Client;
use burn_cubecl::cubecl::future::channel;
use burn_cubecl::cubecl::server::{BufferBinding, Handle, ServerError};
use burn_cubecl::cubecl::wgpu::{AutoCompiler, WgpuResource, WgpuServer};
use wgpu::util::DeviceExt;

use super::launch::{Launch, capture_launches, note_read_back, note_replay};
use super::sample::{Sample, Samples};
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
struct Memory {
    resource: WgpuResource,
    _binding: BufferBinding,
}

impl CapturedStep {
    /// Captures what `run` launches for `step`; the samples it returns are what a replay reads back. Nothing is computed
    /// yet.
    ///
    /// `run` must consist of this folder's kernels: burn's own operations would run now, and never again.
    pub fn capture<T>(wgpu: &Wgpu, step: &Step, run: impl FnOnce() -> (T, Samples)) -> Result<(T, Self)> {
        let ((result, Samples { ids, logprobs }), launches) = capture_launches(run);
        let staging = wgpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("samples"),
            size: size_of::<u32>() as u64 * (ids.dims()[0] + logprobs.dims()[0]) as u64,
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        });
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
        let words = self.read_staging(ids_size + logprobs_size).await?;
        let (ids, logprobs) = words.split_at(ids_size as usize / size_of::<u32>());
        Ok(Sample::from_values(ids, bytemuck::cast_slice(logprobs), asked))
    }

    async fn read_staging(&self, size: u64) -> Result<Vec<u32>> {
        let (sender, receiver) = channel::bounded(1);
        // Before anything is awaited: whoever waits for the ids may give up.
        let _mapping = Mapping(&self.staging);
        self.staging.map_async(wgpu::MapMode::Read, ..size, move |mapped| {
            // Nobody receives when the wait was given up.
            let _ = sender.try_send(mapped);
        });
        // A browser polls by itself, and this does nothing there.
        self.wgpu.device.poll(wgpu::PollType::wait_indefinitely()).map_err(gpu_error)?;
        receiver.recv().await.map_err(gpu_error)?.map_err(gpu_error)?;
        let bytes = self.staging.get_mapped_range(..size).map_err(gpu_error)?;
        note_read_back(bytes.len());
        Ok(bytemuck::pod_collect_to_vec(&bytes[..]))
    }
}

/// Unmaps the buffer in the end, or takes the request back if it is not mapped yet: either way the next step may use it.
struct Mapping<'a>(&'a wgpu::Buffer);

impl Drop for Mapping<'_> {
    fn drop(&mut self) {
        self.0.unmap();
    }
}

fn dispatches(wgpu: &Wgpu, client: &Client, launches: Vec<Launch>) -> Result<Vec<Dispatch>> {
    let mut pipelines = HashMap::new();
    let mut uniforms = HashMap::new();
    let mut dispatches = Vec::with_capacity(launches.len());
    for Launch { shader, slots, buffers, params, workgroups } in launches {
        let pipeline = match pipelines.entry((shader.stem, slots)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(pipeline(&wgpu.device, &shader.name(slots), shader.source(slots))),
        };
        let uniform = uniforms.entry(params).or_insert_with_key(|params| {
            wgpu.device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
                label: None,
                contents: bytemuck::cast_slice(params),
                usage: wgpu::BufferUsages::UNIFORM,
            })
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
        dispatches.push(Dispatch { pipeline: pipeline.clone(), bind_group, workgroups, _buffers: buffers });
    }
    Ok(dispatches)
}

fn pipeline(device: &wgpu::Device, name: &str, source: String) -> wgpu::ComputePipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(name),
        source: wgpu::ShaderSource::Wgsl(source.into()),
    });
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(name),
        layout: None,
        module: &module,
        entry_point: None,
        compilation_options: wgpu::PipelineCompilationOptions {
            // As cubecl compiles them: no kernel reads workgroup memory that it has not written.
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: None,
    })
}

fn memory(client: &Client, handle: Handle) -> Result<Memory> {
    let memory = client.get_resource::<WgpuServer<AutoCompiler>>(handle.clone()).map_err(runtime_error)?;
    Ok(Memory { resource: memory.resource().clone(), _binding: handle.binding() })
}

fn runtime_error(error: ServerError) -> Error {
    Error::Gpu(format!("{error:?}"))
}

fn gpu_error(error: impl std::error::Error) -> Error {
    Error::Gpu(error.to_string())
}
