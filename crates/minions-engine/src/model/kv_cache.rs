//! The paged KV cache (Kwon et al. 2023): keys and values of all sequences in pages, a pool of them for each layer.
//! Whose a page is, `generate/pages.rs` knows.

use burn::tensor::{Device, Tensor};
use minions_shaders::PAGE_SIZE;

use super::ModelConfig;

/// Keys and values of all sequences, every layer.
#[derive(Debug)]
pub struct KvCache {
    layers: Vec<LayerCache>,
}

/// Keys and values of one layer: `[slots, kv_heads · head_dim]` each.
#[derive(Debug)]
pub struct LayerCache {
    /// `None` only while a kernel writes: on the CPU the buffer must be the kernel's alone to be changed in place.
    pages: Option<(Tensor<2>, Tensor<2>)>,
}

impl KvCache {
    /// A cache of `pages` pages.
    pub fn new(config: &ModelConfig, pages: usize, device: &Device) -> Self {
        let shape = [pages * PAGE_SIZE, config.n_kv_heads * config.head_dim];
        let layer = || LayerCache { pages: Some((Tensor::zeros(shape, device), Tensor::zeros(shape, device))) };
        Self { layers: (0..config.layers.len()).map(|_| layer()).collect() }
    }

    /// The layers, first to last.
    pub fn layers(&mut self) -> impl Iterator<Item = &mut LayerCache> {
        self.layers.iter_mut()
    }
}

impl LayerCache {
    /// Hands keys and values to `kernel`, which returns them changed beside its own result.
    pub fn write<T>(&mut self, kernel: impl FnOnce(Tensor<2>, Tensor<2>) -> (T, Tensor<2>, Tensor<2>)) -> T {
        let (k, v) = self.pages.take().expect("no kernel is writing");
        let (result, k, v) = kernel(k, v);
        self.pages = Some((k, v));
        result
    }

    /// Keys and values.
    pub fn read(&self) -> (Tensor<2>, Tensor<2>) {
        self.pages.clone().expect("no kernel is writing")
    }
}
