//! Reading back a buffer of our own.

use burn_cubecl::cubecl::future::channel;

use super::launch::note_read_back;
use crate::error::{Error, Result};

/// A buffer that results are copied to, to be read here.
pub(super) fn staging(device: &wgpu::Device, bytes: u64) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("staging"),
        size: bytes,
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    })
}

/// Its first `bytes` bytes as words, once what was submitted is done.
pub(super) async fn read(device: &wgpu::Device, staging: &wgpu::Buffer, bytes: u64) -> Result<Vec<u32>> {
    let (sender, receiver) = channel::bounded(1);
    // Before anything is awaited: whoever waits may give up.
    let _mapping = Mapping(staging);
    staging.map_async(wgpu::MapMode::Read, ..bytes, move |mapped| {
        // Nobody receives when the wait was given up.
        let _ = sender.try_send(mapped);
    });
    // A browser polls by itself, and this does nothing there.
    device.poll(wgpu::PollType::wait_indefinitely()).map_err(gpu_error)?;
    receiver.recv().await.map_err(gpu_error)?.map_err(gpu_error)?;
    let bytes = staging.get_mapped_range(..bytes).map_err(gpu_error)?;
    note_read_back(bytes.len());
    Ok(bytemuck::pod_collect_to_vec(&bytes[..]))
}

/// Unmaps the buffer in the end, or takes the request back if it is not mapped yet: either way it can be used again.
struct Mapping<'a>(&'a wgpu::Buffer);

impl Drop for Mapping<'_> {
    fn drop(&mut self) {
        self.0.unmap();
    }
}

pub(super) fn gpu_error(error: impl std::error::Error) -> Error {
    Error::Gpu(error.to_string())
}
