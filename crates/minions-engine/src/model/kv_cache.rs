//! The paged KV cache (Kwon et al. 2023): keys and values of all sequences in pages, a pool of them for each layer.
//! Whose a page is, `generate/pages.rs` knows.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use minions_shaders::{KvFormat, PAGE_SIZE};

use super::ModelConfig;
use crate::kernels::copy_pages;

/// Keys and values of all sequences, every layer.
#[derive(Debug)]
pub struct KvCache {
    layers: Vec<LayerCache>,
    /// Words of a slot in each of a layer's two tensors.
    width: usize,
    device: Device,
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
        let width = config.n_kv_heads * format.words(config.head_dim);
        let tensor = || Tensor::zeros([pages * PAGE_SIZE, width], device);
        let layer = |_| LayerCache { pages: Some(KvPages { k: tensor(), v: tensor(), format }) };
        // It stays as long as the model: each tensor is a buffer of its own, which is exactly as large and is never moved.
        let layers = device.memory_persistent_allocations((), |()| (0..config.layers.len()).map(layer).collect());
        Self { layers, width, device: device.clone() }
    }

    /// Bytes of a page, of all layers.
    pub fn page_bytes(&self) -> usize {
        self.page_words() * size_of::<u32>()
    }

    fn page_words(&self) -> usize {
        self.parts() * PAGE_SIZE * self.width
    }

    /// A copy of these pages: `[pages · layers · 2 · 16, width]`, of each page keys, then values, layer by layer.
    pub fn pack(&self, pages: &[u32]) -> Tensor<2> {
        let parts = self.parts();
        let pairs = self.pairs(pages.iter().enumerate().map(|(index, page)| [*page, (index * parts) as u32]));
        let packed = Tensor::empty([pages.len() * parts * PAGE_SIZE, self.width], &self.device);
        self.layers.iter().enumerate().fold(packed, |packed, (layer, cache)| {
            let KvPages { k, v, .. } = cache.read();
            let packed = copy_pages(k, 0, pairs.clone(), packed, 2 * layer);
            copy_pages(v, 0, pairs.clone(), packed, 2 * layer + 1)
        })
    }

    /// Fills these pages with what [`pack`](Self::pack) made of such, in the order in which it packed them.
    pub fn unpack(&mut self, pages: &[u32], packed: Vec<f32>) {
        assert_eq!(packed.len(), pages.len() * self.page_words(), "unpack: pages");
        let parts = self.parts();
        let pairs = self.pairs(pages.iter().enumerate().map(|(index, page)| [(index * parts) as u32, *page]));
        let shape = [pages.len() * parts * PAGE_SIZE, self.width];
        let packed: Tensor<2> = Tensor::from_data(TensorData::new(packed, shape), &self.device);
        for (layer, cache) in self.layers.iter_mut().enumerate() {
            cache.write(|KvPages { k, v, format }| {
                let k = copy_pages(packed.clone(), 2 * layer, pairs.clone(), k, 0);
                let v = copy_pages(packed.clone(), 2 * layer + 1, pairs.clone(), v, 0);
                ((), KvPages { k, v, format })
            });
        }
    }

    /// Parts of a packed page: keys and values of every layer.
    fn parts(&self) -> usize {
        2 * self.layers.len()
    }

    fn pairs(&self, pairs: impl Iterator<Item = [u32; 2]>) -> Tensor<1, Int> {
        let pairs: Vec<u32> = pairs.flatten().collect();
        let len = pairs.len();
        Tensor::from_data(TensorData::new(pairs, [len]), (&self.device, DType::U32))
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
