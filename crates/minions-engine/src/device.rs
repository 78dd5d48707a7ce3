//! Where tensors live: our own `wgpu` device registered with burn, or the CPU.
//!
//! The device is ours, not burn's, so that the features and limits asked for are a decision of this crate. When there
//! is no usable adapter the model runs on the CPU from the kernels' twins; the reason travels with the device so that
//! a shell can show it.

use std::sync::{Arc, OnceLock};

use burn::tensor::Device;
use burn::tensor::wgpu::WgpuSetup;
use minions_shaders::{GROUP_ROWS, Overlay, Shader, Slots, WeightFormat};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::kernels::{self, KernelOverlay, Pipelines};

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
    /// See [`described`](Self::described).
    description: String,
    overlays: Overlays,
    /// See [`with_memory_limit`](Self::with_memory_limit).
    pub(crate) memory_limit: Option<u64>,
    /// Where the self-test takes kernels' texts from.
    pub(crate) source: fn(&Shader, Slots) -> String,
}

/// The device and the queue that cubecl works with, for what it cannot do.
#[derive(Clone, Debug)]
pub(crate) struct Wgpu {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    /// What was compiled for use outside of cubecl.
    pub pipelines: Pipelines,
    /// What the device has reported that ends it, the first of it. Its results are not to be relied on from then on.
    pub fault: Arc<OnceLock<Error>>,
    /// What kernels may use beyond what every adapter has.
    overlays: Vec<Overlay>,
    pub is_software: bool,
}

/// Where kernels run with overlays, if the self-test finds them right there, and where rows share what they load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlays {
    /// On hardware. A software adapter gains nothing: it does on the CPU what the overlays ask of a GPU, and is slower for it.
    #[default]
    OnHardware,
    /// Wherever the adapter has what they need: for tests and benchmarks.
    Everywhere,
    /// Nowhere: every product is computed in 32-bit floats.
    Nowhere,
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
    /// Which kernels of the loaded model run in which variant, and which could not and why.
    pub overlays: Vec<KernelOverlay>,
    /// The largest buffer in bytes.
    pub max_buffer_bytes: u64,
    /// The largest part of a buffer that one kernel can see, in bytes.
    pub max_binding_bytes: u64,
}

/// Why there is none. In a browser `wgpu` has only a list of backends to tell, which it was not built for.
fn no_adapter(error: &wgpu::RequestAdapterError) -> String {
    if cfg!(target_arch = "wasm32") {
        "this browser has none, or it is switched off, or there is no GPU that it trusts".to_owned()
    } else {
        format!("no adapter: {error}")
    }
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
            .map_err(|error| Error::WebgpuUnavailable(no_adapter(&error)))?;
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
        let overlays: Vec<_> = Overlay::ALL.into_iter().filter(|o| has(&instance, &info, features, *o)).collect();
        let wgpu = Wgpu {
            device: device.clone(),
            queue: queue.clone(),
            pipelines: Pipelines::default(),
            fault: Arc::default(),
            overlays: overlays.clone(),
            is_software: info.device_type == wgpu::DeviceType::Cpu || info.name.to_lowercase().contains("swiftshader"),
        };
        let device = Device::wgpu_options()
            .tasks_max(TASKS_MAX)
            .setup(WgpuSetup { instance, adapter, device, queue, backend })
            .init()
            .map_err(|error| Error::WebgpuUnavailable(error.to_string()))?;
        // After cubecl, whose own handler ends the thread at the first error.
        wgpu.watch();
        let name = if info.name.is_empty() { "WebGPU adapter".to_owned() } else { info.name };
        Ok(Self {
            device,
            wgpu: Some(wgpu),
            adapter: Adapter {
                kind: AdapterKind::Gpu,
                name,
                backend: backend.to_string(),
                reason: None,
                features: feature_names(features, &overlays),
                overlays: Vec::new(),
                max_buffer_bytes: limits.max_buffer_size,
                max_binding_bytes: limits.max_storage_buffer_binding_size,
            },
            description: String::new(),
            overlays: Overlays::default(),
            memory_limit: None,
            source: Shader::source,
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
                overlays: Vec::new(),
                max_buffer_bytes: u64::MAX,
                max_binding_bytes: u64::MAX,
            },
            description: String::new(),
            overlays: Overlays::default(),
            memory_limit: None,
            source: Shader::source,
        }
    }

    /// Another rule for where kernels run with overlays.
    #[must_use]
    pub fn with_overlays(self, overlays: Overlays) -> Self {
        Self { overlays, ..self }
    }

    /// Other texts of the kernels for the self-test: how a test has it find one that is wrong.
    #[doc(hidden)]
    #[must_use]
    pub fn with_self_test_source(self, source: fn(&Shader, Slots) -> String) -> Self {
        Self { source, ..self }
    }

    /// What a shell knows of the adapter and `wgpu` does not: a browser's vendor and architecture.
    #[must_use]
    pub fn described(mut self, description: &str) -> Self {
        description.clone_into(&mut self.description);
        if let Some(wgpu) = &mut self.wgpu
            && !description.is_empty()
        {
            description.clone_into(&mut self.adapter.name);
            wgpu.is_software |= description.contains("swiftshader");
            if description.starts_with("apple") {
                wgpu.overlays.retain(|overlay| *overlay != Overlay::Dp4a);
            }
        }
        self
    }

    /// The GPU once more, after this device has failed: with the same choices, and nothing of what lay on the old one.
    pub(crate) async fn reopen(&self) -> Result<Self> {
        if let Some(wgpu) = &self.wgpu {
            // Whatever it still does, it does for nobody.
            wgpu.device.destroy();
        }
        let max_binding_bytes = self.adapter.max_binding_bytes;
        let opened = Self::gpu().await?.described(&self.description).with_max_binding_bytes(max_binding_bytes);
        Ok(Self { overlays: self.overlays, memory_limit: self.memory_limit, source: self.source, ..opened })
    }

    /// Says no once the device has reported what ends it.
    pub(crate) fn check(&self) -> Result<()> {
        match self.wgpu.as_ref().and_then(|wgpu| wgpu.fault.get()) {
            Some(fault) => Err(fault.clone()),
            None => Ok(()),
        }
    }

    /// What is behind `error`: what the device reported, if it did.
    pub(crate) fn cause(&self, error: Error) -> Error {
        match (self.check(), error) {
            (Err(fault), _) => fault,
            // A browser may tell so before it tells that the device is gone; of a device that is there, any buffer can be mapped.
            (Ok(()), Error::Gpu(message)) if message.contains("could not be mapped") => {
                let fault = Error::DeviceLost(message);
                if let Some(wgpu) = &self.wgpu {
                    // From now on it is lost for everyone who holds it.
                    let _ = wgpu.fault.set(fault.clone());
                }
                fault
            }
            (Ok(()), error) => error,
        }
    }

    /// Whether the device has failed: nothing can be done with it any more.
    pub fn is_lost(&self) -> bool {
        self.check().is_err()
    }

    /// Whether this is a GPU's driver on a CPU, for which no step is too slow.
    pub fn is_software(&self) -> bool {
        self.wgpu.as_ref().is_none_or(|wgpu| wgpu.is_software)
    }

    /// Ends the device, as a reset of the driver does: for tests.
    #[doc(hidden)]
    pub fn lose(&self) {
        if let Some(wgpu) = &self.wgpu {
            wgpu.device.destroy();
        }
    }

    /// Tries the overlays of the kernels that weights of these formats meet, and has the device run those that are right.
    pub(crate) async fn choose_overlays(&mut self, formats: &[WeightFormat]) -> Result<()> {
        self.adapter.overlays = match &self.wgpu {
            Some(_) => kernels::choose_overlays(self, formats).await?,
            None => Vec::new(),
        };
        Ok(())
    }

    /// Why the device must not run an overlay at all; `None` if it may.
    pub(crate) fn refuses(&self, overlay: Overlay) -> Option<&'static str> {
        let wgpu = self.wgpu.as_ref()?;
        if !wgpu.overlays.contains(&overlay) {
            return Some("the adapter lacks what it needs, or emulates it");
        }
        match self.overlays {
            Overlays::Nowhere => Some("overlays are switched off"),
            Overlays::OnHardware if wgpu.is_software => Some("a software adapter gains nothing by it"),
            _ => None,
        }
    }

    /// How many rows of a decode step may share what they load of the cache. A software adapter loads nothing faster for it,
    /// and does all that is left out for the rows of a group that is not full.
    pub(crate) fn group_rows(&self) -> usize {
        match self.overlays {
            Overlays::Nowhere => 1,
            Overlays::OnHardware if self.is_software() => 1,
            _ => GROUP_ROWS,
        }
    }

    /// The same, with bindings of at most so many bytes: what a smaller adapter would do with a model.
    #[must_use]
    pub fn with_max_binding_bytes(mut self, bytes: u64) -> Self {
        self.adapter.max_binding_bytes = bytes;
        self
    }

    /// The same, with room for at most so many bytes: what a smaller adapter would do with a model.
    #[must_use]
    pub fn with_memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = Some(bytes);
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

impl Wgpu {
    /// Notes what ends the device. An error that nobody awaits means that some kernel did not run, and the numbers that it
    /// should have made are old ones: gibberish, if anyone went on with them.
    fn watch(&self) {
        let fault = Arc::clone(&self.fault);
        self.device.set_device_lost_callback(move |_, message| {
            let _ = fault.set(Error::DeviceLost(message));
        });
        let fault = Arc::clone(&self.fault);
        self.device.on_uncaptured_error(Arc::new(move |error| {
            let _ = fault.set(match error {
                wgpu::Error::OutOfMemory { .. } => Error::OutOfMemory(format!("the GPU has no room left: {error}")),
                error => Error::Gpu(error.to_string()),
            });
        }));
    }

    /// Whether kernels may use what an overlay needs.
    pub fn has(&self, overlay: Overlay) -> bool {
        self.overlays.contains(&overlay)
    }
}

/// Whether kernels may use what an overlay needs, and it is worth using.
fn has(instance: &wgpu::Instance, info: &wgpu::AdapterInfo, features: wgpu::Features, overlay: Overlay) -> bool {
    match overlay {
        Overlay::F16 => features.contains(wgpu::Features::SHADER_F16),
        // wgpu 30 cannot ask a browser for subgroups and does not see that it has them. The worker's script asks for them
        // (`subgroups.ts`) whenever the adapter has them, and then the adapter tells their size.
        Overlay::Subgroups if cfg!(target_arch = "wasm32") => info.subgroup_max_size > 0,
        Overlay::Subgroups => features.contains(wgpu::Features::SUBGROUP),
        // Apple's GPUs have no such instruction; Metal makes several of it.
        Overlay::Dp4a => {
            info.backend != wgpu::Backend::Metal
                && instance.wgsl_language_features().contains(wgpu::WgslLanguageFeatures::Packed4x8IntegerDotProduct)
        }
    }
}

/// WGSL as the compiler here takes it: natively that is naga 30, which has subgroups without being asked, and does not know
/// the directive that browsers want.
pub(crate) fn for_compiler(source: String) -> String {
    if cfg!(target_arch = "wasm32") { source } else { source.replace("enable subgroups;\n", "") }
}

/// The names of features, as WebGPU has them.
fn feature_names(features: wgpu::Features, overlays: &[Overlay]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    if features.contains(wgpu::Features::TIMESTAMP_QUERY) {
        names.push("timestamp-query".to_owned());
    }
    names.extend(overlays.iter().map(|overlay| {
        let name = match overlay {
            Overlay::F16 => "shader-f16",
            Overlay::Subgroups => "subgroups",
            Overlay::Dp4a => "packed_4x8_integer_dot_product",
        };
        name.to_owned()
    }));
    names
}

/// Features that kernels, or the runtime under them, make use of where the adapter has them.
fn wanted_features() -> wgpu::Features {
    // 64-bit integers: cubecl's own kernels address with them where buffers are that large (it assumes what the adapter has).
    wgpu::Features::TIMESTAMP_QUERY
        | wgpu::Features::SHADER_F16
        | wgpu::Features::SUBGROUP
        | wgpu::Features::SHADER_INT64
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
