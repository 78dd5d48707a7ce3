//! Grouped-query attention (Ainslie et al. 2023) over the paged KV cache.

use burn::module::Module;
use burn::tensor::Tensor;

use super::Matrix;
use super::kv_cache::LayerCache;
use crate::generate::Step;
use crate::kernels::{self, Heads};

/// One layer's attention.
#[derive(Module, Debug)]
pub struct Attention {
    /// Queries, keys and values stacked: `[(heads + 2 · kv_heads) · head_dim, hidden]`
    qkv: Matrix,
    /// `[hidden, heads · head_dim]`
    output: Matrix,
    #[module(skip)]
    heads: Heads,
}

impl Attention {
    /// Attention with these projections.
    pub fn new(qkv: Matrix, output: Matrix, heads: Heads) -> Self {
        Self { qkv, output, heads }
    }

    /// `[rows, hidden]` → `[rows, hidden]`. Writes the rows' keys and values to the cache first, so that each row
    /// attends to itself and to everything before it in its own sequence.
    pub fn forward(&self, x: Tensor<2>, rope: Tensor<1>, step: &Step, cache: &mut LayerCache) -> Tensor<2> {
        let qkv = self.qkv.forward(x);
        let q = cache.write(|k, v| kernels::qkv_epilogue(qkv, step, rope, k, v, self.heads));
        let (k, v) = cache.read();
        self.output.forward(kernels::attention(q, step, k, v, self.heads))
    }
}
