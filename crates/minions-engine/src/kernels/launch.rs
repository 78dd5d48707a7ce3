//! Launching a WGSL kernel through cubecl, and counting what is launched.

use std::cell::Cell;
use std::ops::Sub;

use burn_cubecl::cubecl::prelude::{CubeCount, CubeDim, KernelId};
use burn_cubecl::cubecl::server::{KernelArguments, MetadataBindingInfo};
use burn_cubecl::template::{KernelSource, SourceKernel, SourceTemplate};
use burn_cubecl::tensor::CubeTensor;
use minions_shaders::{Params, Shader, Slots};
use serde::Serialize;

/// Work given to the device by this thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counters {
    /// Kernels launched.
    pub dispatches: u64,
    /// Results read back.
    pub read_backs: u64,
    /// Bytes read back.
    pub read_back_bytes: u64,
}

impl Sub for Counters {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            dispatches: self.dispatches - earlier.dispatches,
            read_backs: self.read_backs - earlier.read_backs,
            read_back_bytes: self.read_back_bytes - earlier.read_back_bytes,
        }
    }
}

thread_local! {
    // An engine's GPU work stays on one thread (cubecl orders work per thread), so its counters may.
    static COUNTERS: Cell<Counters> = const { Cell::new(Counters { dispatches: 0, read_backs: 0, read_back_bytes: 0 }) };
}

/// What this thread has given to the device so far.
pub fn counters() -> Counters {
    COUNTERS.get()
}

/// Notes a read-back of `bytes` bytes.
pub(super) fn note_read_back(bytes: usize) {
    let mut counters = COUNTERS.get();
    counters.read_backs += 1;
    counters.read_back_bytes += bytes as u64;
    COUNTERS.set(counters);
}

/// Launches the kernel of `params` over `buffers`, in the shader's binding order.
pub(super) fn launch<P: Params>(params: &P, slots: Slots, buffers: &[&CubeTensor]) {
    launch_words(P::SHADER, slots, buffers, &params.words(), params.workgroups(slots));
}

/// Launches a kernel whose uniform block is `words`.
///
/// cubecl keeps a uniform buffer for each distinct content of the block, so a launch of known shapes writes nothing.
pub(super) fn launch_words(
    shader: &'static Shader,
    slots: Slots,
    buffers: &[&CubeTensor],
    words: &[u32],
    workgroups: [u32; 3],
) {
    assert_eq!(buffers.len(), shader.bindings.len(), "{}: bindings", shader.stem);
    let bindings = buffers
        .iter()
        .zip(shader.bindings)
        .map(|(tensor, binding)| {
            assert!(tensor.is_contiguous(), "{}: {binding} is not contiguous", shader.stem);
            tensor.handle.clone().binding()
        })
        .collect();
    let info = MetadataBindingInfo::custom(bytemuck::pod_collect_to_vec(words));
    let arguments = KernelArguments::new().with_buffers(bindings).with_info(info);
    let [x, y, z] = workgroups;
    let kernel = SourceKernel::new(Wgsl { shader, slots }, CubeDim::new_1d(shader.workgroup_size));
    buffers[0].client.launch(Box::new(kernel), CubeCount::Static(x, y, z), arguments);
    let mut counters = COUNTERS.get();
    counters.dispatches += 1;
    COUNTERS.set(counters);
}

/// A specialised shader as cubecl wants it.
struct Wgsl {
    shader: &'static Shader,
    slots: Slots,
}

impl KernelSource for Wgsl {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(self.shader.source(self.slots))
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info((self.shader.stem, self.slots))
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}
