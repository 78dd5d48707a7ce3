//! Where tensors live: our own `wgpu` device registered with burn, or the CPU.
//!
//! The device is ours, not burn's, so that the features and limits asked for are a decision of this crate. When there
//! is no usable adapter the model runs on the CPU from the kernels' twins; the reason travels with the device so that
//! a shell can show it.

use burn::tensor::Device;
use burn::tensor::wgpu::WgpuSetup;
use serde::Serialize;

use crate::error::{Error, Result};

/// Dispatches recorded before cubecl submits on its own. A step of a 30-layer model has about 250; a step must not be cut
/// into many submits, so this is far above.
const TASKS_MAX: usize = 4096;

/// Where tensors live and what that place can do.
#[derive(Clone, Debug)]
pub struct Compute {
    pub(crate) device: Device,
    /// What `device` is made of; `None` on the CPU.
    pub(crate) wgpu: Option<Wgpu>,
    adapter: Adapter,
}

/// The device and the queue that cubecl works with, for what it cannot do.
#[derive(Clone, Debug)]
pub(crate) struct Wgpu {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
}

/// What runs the kernels.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Adapter {
    /// GPU or CPU.
    pub kind: AdapterKind,
    /// The adapter's own name.
    pub name: String,
    /// The graphics API behind it.
    pub backend: String,
    /// Why this and not the GPU; only on the CPU.
    pub reason: Option<String>,
    /// Features of the device that kernels may use.
    pub features: Vec<String>,
    /// The largest buffer in bytes.
    pub max_buffer_bytes: u64,
    /// The largest part of a buffer that one kernel can see, in bytes.
    pub max_binding_bytes: u64,
}

/// The kind of a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AdapterKind {
    /// WebGPU (or Vulkan, Metal, DirectX 12 natively).
    Gpu,
    /// The kernels' twins.
    Cpu,
}

impl Compute {
    /// Opens the machine's GPU. Fails with [`Error::WebgpuUnavailable`] where there is none that can run the kernels.
    pub async fn gpu() -> Result<Self> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let adapter = instance
            .request_adapter(&wgpu::RequestAdapterOptions {
                power_preference: wgpu::PowerPreference::HighPerformance,
                ..Default::default()
            })
            .await
            .map_err(|error| Error::WebgpuUnavailable(format!("no adapter: {error}")))?;
        let info = adapter.get_info();
        let limits = adapter.limits();
        check(&adapter)?;
        let features = adapter.features() & wanted_features();
        let (device, queue) = adapter
            .request_device(&wgpu::DeviceDescriptor {
                label: Some("minions"),
                required_features: features,
                required_limits: limits.clone(),
                memory_hints: wgpu::MemoryHints::MemoryUsage,
                ..Default::default()
            })
            .await
            .map_err(|error| Error::WebgpuUnavailable(format!("the adapter gave no device: {error}")))?;
        let backend = info.backend;
        let wgpu = Wgpu { device: device.clone(), queue: queue.clone() };
        let device = Device::wgpu_options()
            .tasks_max(TASKS_MAX)
            .setup(WgpuSetup { instance, adapter, device, queue, backend })
            .init()
            .map_err(|error| Error::WebgpuUnavailable(error.to_string()))?;
        let name = if info.name.is_empty() { "WebGPU adapter".to_owned() } else { info.name };
        Ok(Self {
            device,
            wgpu: Some(wgpu),
            adapter: Adapter {
                kind: AdapterKind::Gpu,
                name,
                backend: backend.to_string(),
                reason: None,
                features: features.iter_names().map(|(name, _)| name.to_lowercase()).collect(),
                max_buffer_bytes: limits.max_buffer_size,
                max_binding_bytes: limits.max_storage_buffer_binding_size,
            },
        })
    }

    /// The CPU, and why it was chosen.
    pub fn cpu(reason: impl Into<String>) -> Self {
        Self {
            device: Device::flex(),
            wgpu: None,
            adapter: Adapter {
                kind: AdapterKind::Cpu,
                name: "CPU".to_owned(),
                backend: "twins of the kernels".to_owned(),
                reason: Some(reason.into()),
                features: Vec::new(),
                max_buffer_bytes: u64::MAX,
                max_binding_bytes: u64::MAX,
            },
        }
    }

    /// The same, with bindings of at most so many bytes: what a smaller adapter would do with a model.
    #[must_use]
    pub fn with_max_binding_bytes(mut self, bytes: u64) -> Self {
        self.adapter.max_binding_bytes = bytes;
        self
    }

    /// What runs the kernels.
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }
}

impl Adapter {
    /// Whether a GPU runs the kernels.
    pub fn is_gpu(&self) -> bool {
        self.kind == AdapterKind::Gpu
    }
}

/// Features that kernels, or the runtime under them, make use of where the adapter has them.
fn wanted_features() -> wgpu::Features {
    wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::SHADER_F16 | wgpu::Features::SUBGROUP
}

/// Says no, with a reason, to an adapter that would fail later without one.
fn check(adapter: &wgpu::Adapter) -> Result<()> {
    // cubecl's stream panics on wasm for an adapter that cannot time itself (cubecl-wgpu 0.11.3, compute/stream.rs).
    if cfg!(target_arch = "wasm32") && !adapter.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
        return Err(Error::WebgpuUnavailable(
            "the adapter has no timestamp queries, which the GPU runtime needs in a browser".to_owned(),
        ));
    }
    Ok(())
}
