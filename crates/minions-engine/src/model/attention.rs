//! Grouped-query attention (Ainslie et al. 2023) over the paged KV cache.

use burn::module::Module;
use burn::tensor::Tensor;

use super::Matrix;
use super::kv_cache::LayerCache;
use super::rope::RopeTable;
use crate::generate::Step;
use crate::kernels::{self, Heads, QkvVectors, Scores};

/// One layer's attention.
#[derive(Module, Debug)]
pub struct Attention {
    /// Queries, keys and values stacked: `[(heads + 2 · kv_heads) · head_dim, hidden]`
    pub(super) qkv: Matrix,
    /// Their bias, and the norms of queries and keys.
    pub(super) vectors: QkvVectors,
    pub(super) rope: RopeTable,
    /// `[hidden, heads · head_dim]`
    pub(super) output: Matrix,
    /// `[hidden]`
    pub(super) output_bias: Option<Tensor<1>>,
    #[module(skip)]
    pub(super) heads: Heads,
    #[module(skip)]
    pub(super) scores: Scores,
}

impl Attention {
    /// `[rows, hidden]` → `[rows, hidden]`. Writes the rows' keys and values to the cache first, so that each row
    /// attends to itself and to what the layer lets it see before it in its own sequence.
    pub fn forward(&self, x: Tensor<2>, step: &Step, cache: &mut LayerCache) -> Tensor<2> {
        let qkv = self.qkv.forward(x, step.phase());
        let q = cache.write(|pages| kernels::qkv_epilogue(qkv, step, &self.rope, &self.vectors, pages, self.heads));
        let attended = kernels::attention(q, step, cache.read(), self.heads, self.scores);
        let out = self.output.forward(attended, step.phase());
        match &self.output_bias {
            Some(bias) => kernels::add_bias(out, bias.clone()),
            None => out,
        }
    }
}
