//! Kernels compiled by ourselves, beside those that cubecl compiles: for what cubecl does not launch.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use minions_shaders::{Shader, Slots};

use crate::device::for_compiler;

/// The compiled specialisations of one device.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pipelines(Rc<RefCell<HashMap<(&'static str, Slots), wgpu::ComputePipeline>>>);

impl Pipelines {
    /// A specialisation, compiled if it was not before.
    pub(super) fn get(&self, device: &wgpu::Device, shader: &Shader, slots: Slots) -> wgpu::ComputePipeline {
        let key = (shader.stem, slots);
        let known = self.0.borrow().get(&key).cloned();
        known.unwrap_or_else(|| {
            let pipeline = compile(device, &shader.name(slots), shader.source(slots));
            self.put(shader, slots, pipeline.clone());
            pipeline
        })
    }

    /// Keeps what was compiled elsewhere.
    pub(super) fn put(&self, shader: &Shader, slots: Slots, pipeline: wgpu::ComputePipeline) {
        self.0.borrow_mut().insert((shader.stem, slots), pipeline);
    }
}

/// Compiles a text. What is wrong with it goes to the device's error scope.
pub(super) fn compile(device: &wgpu::Device, name: &str, source: String) -> wgpu::ComputePipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(name),
        source: wgpu::ShaderSource::Wgsl(for_compiler(source).into()),
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
