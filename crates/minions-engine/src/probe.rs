//! How much memory a device has room for. Nothing tells: neither WebGPU nor a process's limits. So it is asked for, and given back.

use std::hint::black_box;

use crate::device::{Compute, Wgpu};

/// Bytes asked for at a time: no fewer than large matrices have, and little beside a model.
const BLOCK_BYTES: u64 = 128 << 20;

/// How many of `wanted` bytes the device has room for now. They are asked for at the same time, not touched, and given back.
pub async fn room(wanted: u64, compute: &Compute) -> u64 {
    let wanted = wanted.min(compute.memory_limit.unwrap_or(u64::MAX));
    match &compute.wgpu {
        Some(wgpu) => room_on_gpu(wanted, BLOCK_BYTES.min(compute.adapter().max_buffer_bytes), wgpu).await,
        None => room_on_cpu(wanted),
    }
}

async fn room_on_gpu(wanted: u64, block_bytes: u64, wgpu: &Wgpu) -> u64 {
    let mut room = 0;
    let mut given = Vec::new();
    for size in blocks(wanted, block_bytes) {
        let scope = wgpu.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        given.push(wgpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("probe"),
            size: size.next_multiple_of(wgpu::COPY_BUFFER_ALIGNMENT),
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        }));
        if scope.pop().await.is_some() {
            break;
        }
        room += size;
    }
    given.iter().for_each(wgpu::Buffer::destroy);
    room
}

fn room_on_cpu(wanted: u64) -> u64 {
    let mut given: Vec<Vec<u8>> = Vec::new();
    for size in blocks(wanted, BLOCK_BYTES) {
        let mut block = Vec::new();
        if block.try_reserve_exact(size as usize).is_err() {
            break;
        }
        given.push(block);
    }
    // Else the compiler may see that nothing is done with the memory, and not ask for it.
    black_box(&given).iter().map(|block| block.capacity() as u64).sum()
}

/// `bytes` in blocks of at most so many.
fn blocks(bytes: u64, block_bytes: u64) -> impl Iterator<Item = u64> {
    let last = Some(bytes % block_bytes).filter(|size| *size > 0);
    std::iter::repeat_n(block_bytes, (bytes / block_bytes) as usize).chain(last)
}
