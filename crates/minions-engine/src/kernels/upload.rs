//! Weights on their way to the device: a tensor that is written in pieces, so that nothing but the device holds it whole.
//!
//! cubecl takes the values of a tensor all at once and queues them. Here they go to its buffer past cubecl, by the queue
//! that both work with.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use burn_cubecl::cubecl::future::channel;

use super::capture::{Memory, memory, runtime_error};
use super::staging::gpu_error;
use super::tensors::primitive;
use crate::device::Compute;
use crate::error::Result;

/// A tensor of words that is being written.
pub(crate) enum Upload {
    /// In the GPU's memory.
    Gpu(Box<OnGpu>),
    /// In this process's: what is written is the tensor.
    Cpu { words: Vec<u32>, device: Device },
}

/// A tensor of the GPU's, and the way to write to it.
pub(crate) struct OnGpu {
    tensor: Tensor<1, Int>,
    memory: Memory,
    queue: wgpu::Queue,
}

impl Upload {
    /// A tensor of `len` words on the device, nothing in it yet.
    pub fn new(len: usize, compute: &Compute) -> Result<Self> {
        let device = &compute.device;
        let Some(wgpu) = &compute.wgpu else {
            return Ok(Self::Cpu { words: vec![0; len], device: device.clone() });
        };
        // Weights stay as long as the model: a buffer of its own is exactly as large as the tensor, and is never moved.
        let tensor = device.memory_persistent_allocations((), |()| Tensor::empty([len], (device, DType::U32)));
        let handle = primitive(Tensor::clone(&tensor))?;
        let memory = memory(&handle.client, handle.handle)?;
        // The buffer may have been another tensor's. What cubecl still has to do with it comes first.
        handle.client.flush().map_err(runtime_error)?;
        Ok(Self::Gpu(Box::new(OnGpu { tensor, memory, queue: wgpu.queue.clone() })))
    }

    /// Writes `words` from word `at` on. On a GPU they are copied and on their way: see [`settle`].
    pub fn write(&mut self, at: usize, words: &[u32]) {
        match self {
            Self::Gpu(gpu) => {
                let (offset, bytes) = ((at * size_of::<u32>()) as u64, bytemuck::cast_slice(words));
                let resource = &gpu.memory.resource;
                assert!(offset + bytes.len() as u64 <= resource.size, "what is written stays within its tensor");
                gpu.queue.write_buffer(&resource.buffer, resource.offset + offset, bytes);
            }
            Self::Cpu { words: all, .. } => all[at..at + words.len()].copy_from_slice(words),
        }
    }

    /// The tensor.
    pub fn finish(self) -> Tensor<1, Int> {
        match self {
            Self::Gpu(gpu) => gpu.tensor,
            Self::Cpu { words, device } => {
                let len = words.len();
                Tensor::from_data(TensorData::new(words, [len]), (&device, DType::U32))
            }
        }
    }
}

/// Waits until everything that was written is where it belongs: until then a driver, or a browser's GPU process, holds a
/// copy of it.
pub(crate) async fn settle(compute: &Compute) -> Result<()> {
    let Some(wgpu) = &compute.wgpu else { return Ok(()) };
    let (sender, receiver) = channel::bounded(1);
    // What was written goes along with the next submit, even of nothing.
    wgpu.queue.submit([]);
    wgpu.queue.on_submitted_work_done(move || {
        // Nobody receives when the load was given up.
        let _ = sender.try_send(());
    });
    // A browser polls by itself, and this does nothing there.
    wgpu.device.poll(wgpu::PollType::wait_indefinitely()).map_err(gpu_error)?;
    receiver.recv().await.map_err(gpu_error)
}
