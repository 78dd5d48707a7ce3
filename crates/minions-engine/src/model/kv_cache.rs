//! The paged KV cache (Kwon et al. 2023): keys and values of all sequences in pages, a pool of them for each layer.
//! Whose a page is, `generate/pages.rs` knows.

use burn::tensor::{Device, Tensor};
use minions_shaders::{KvFormat, PAGE_SIZE};

use super::ModelConfig;

/// Keys and values of all sequences, every layer.
#[derive(Debug)]
pub struct KvCache {
    layers: Vec<LayerCache>,
}

/// Keys and values of one layer.
#[derive(Debug)]
pub struct LayerCache {
    /// `None` only while a kernel writes: on the CPU the buffer must be the kernel's alone to be changed in place.
    pages: Option<KvPages>,
}

/// Keys and values of one layer: `[slots, kv_heads · words of a head]` each. What the words are, only `format` says: a slot
/// can be copied, but not computed with, since as floats its words may be subnormal or no numbers at all.
#[derive(Clone, Debug)]
pub struct KvPages {
    /// Keys.
    pub k: Tensor<2>,
    /// Values.
    pub v: Tensor<2>,
    /// What a head's words are.
    pub format: KvFormat,
}

impl KvCache {
    /// A cache of `pages` pages.
    pub fn new(config: &ModelConfig, format: KvFormat, pages: usize, device: &Device) -> Self {
        let shape = [pages * PAGE_SIZE, config.n_kv_heads * format.words(config.head_dim)];
        let tensor = || Tensor::zeros(shape, device);
        let layer = || LayerCache { pages: Some(KvPages { k: tensor(), v: tensor(), format }) };
        Self { layers: (0..config.layers.len()).map(|_| layer()).collect() }
    }

    /// Bytes that a token's keys take in a layer, and as many its values.
    pub fn row_bytes(config: &ModelConfig, format: KvFormat) -> usize {
        config.n_kv_heads * format.words(config.head_dim) * size_of::<u32>()
    }

    /// The layers, first to last.
    pub fn layers(&mut self) -> impl Iterator<Item = &mut LayerCache> {
        self.layers.iter_mut()
    }
}

impl LayerCache {
    /// Hands keys and values to `kernel`, which returns them changed beside its own result.
    pub fn write<T>(&mut self, kernel: impl FnOnce(KvPages) -> (T, KvPages)) -> T {
        let (result, pages) = kernel(self.pages.take().expect("no kernel is writing"));
        self.pages = Some(pages);
        result
    }

    /// Keys and values.
    pub fn read(&self) -> KvPages {
        self.pages.clone().expect("no kernel is writing")
    }
}
