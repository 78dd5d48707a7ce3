//! Launching a WGSL kernel through cubecl, or capturing the launch; and counting what is launched.

use std::cell::{Cell, RefCell};
use std::ops::Sub;

use burn_cubecl::cubecl::client::Client;
use burn_cubecl::cubecl::prelude::{CubeCount, CubeDim, KernelId};
use burn_cubecl::cubecl::server::{Handle, KernelArguments, MetadataBindingInfo};
use burn_cubecl::template::{KernelSource, SourceKernel, SourceTemplate};
use burn_cubecl::tensor::CubeTensor;
use minions_shaders::{Params, Shader, Slots};
use serde::Serialize;

use crate::device::for_compiler;

/// Work given to the device by this thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counters {
    /// Kernels launched.
    pub dispatches: u64,
    /// Captured steps replayed, each one submit. Other steps take two.
    pub replays: u64,
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
            replays: self.replays - earlier.replays,
            read_backs: self.read_backs - earlier.read_backs,
            read_back_bytes: self.read_back_bytes - earlier.read_back_bytes,
        }
    }
}

thread_local! {
    // An engine's GPU work stays on one thread (cubecl orders work per thread), so its counters may.
    static COUNTERS: Cell<Counters> =
        const { Cell::new(Counters { dispatches: 0, replays: 0, read_backs: 0, read_back_bytes: 0 }) };

    /// What is launched while a step is captured.
    static CAPTURE: RefCell<Option<Vec<Launch>>> = const { RefCell::new(None) };
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

/// Notes the replay of a step of `dispatches` launches.
pub(super) fn note_replay(dispatches: usize) {
    let mut counters = COUNTERS.get();
    counters.replays += 1;
    counters.dispatches += dispatches as u64;
    COUNTERS.set(counters);
}

/// One launch: all that the GPU needs to know.
pub(super) struct Launch {
    pub shader: &'static Shader,
    pub slots: Slots,
    /// In the shader's binding order.
    pub buffers: Vec<Handle>,
    /// The uniform block.
    pub params: Vec<u32>,
    pub workgroups: [u32; 3],
}

/// Runs `step`, collecting what it launches instead of launching it.
pub(super) fn capture_launches<T>(step: impl FnOnce() -> T) -> (T, Vec<Launch>) {
    CAPTURE.set(Some(Vec::new()));
    let result = step();
    (result, CAPTURE.take().unwrap_or_default())
}

/// Launches the kernel of `params` over `buffers`, in the shader's binding order.
pub(super) fn launch<P: Params>(params: &P, slots: Slots, buffers: &[&CubeTensor]) {
    launch_words(P::SHADER, slots, buffers, &params.words(), params.workgroups(slots));
}

/// Launches a kernel whose uniform block is `params`.
pub(super) fn launch_words(
    shader: &'static Shader,
    slots: Slots,
    buffers: &[&CubeTensor],
    params: &[u32],
    workgroups: [u32; 3],
) {
    assert_eq!(buffers.len(), shader.bindings.len(), "{}: bindings", shader.stem);
    for (tensor, binding) in buffers.iter().zip(shader.bindings) {
        assert!(tensor.is_contiguous(), "{}: {binding} is not contiguous", shader.stem);
    }
    let client = &buffers[0].client;
    let buffers = buffers.iter().map(|tensor| tensor.handle.clone()).collect();
    let launch = Launch { shader, slots, buffers, params: params.to_vec(), workgroups };
    match CAPTURE.take() {
        Some(mut launches) => {
            launches.push(launch);
            CAPTURE.set(Some(launches));
        }
        None => launch.run(client),
    }
}

impl Launch {
    /// cubecl keeps a uniform buffer for each distinct content of the block, so a launch of known shapes writes nothing.
    fn run(self, client: &Client) {
        let info = MetadataBindingInfo::custom(bytemuck::pod_collect_to_vec(&self.params));
        let bindings = self.buffers.into_iter().map(Handle::binding).collect();
        let arguments = KernelArguments::new().with_buffers(bindings).with_info(info);
        let [x, y, z] = self.workgroups;
        let kernel = Wgsl { shader: self.shader, slots: self.slots };
        let kernel = SourceKernel::new(kernel, CubeDim::new_1d(self.shader.workgroup_size));
        client.launch(Box::new(kernel), CubeCount::Static(x, y, z), arguments);
        let mut counters = COUNTERS.get();
        counters.dispatches += 1;
        COUNTERS.set(counters);
    }
}

/// A specialised shader as cubecl wants it.
struct Wgsl {
    shader: &'static Shader,
    slots: Slots,
}

impl KernelSource for Wgsl {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(for_compiler(self.shader.source(self.slots)))
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info((self.shader.stem, self.slots))
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}
