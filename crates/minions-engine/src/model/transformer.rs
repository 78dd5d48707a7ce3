//! A Llama-family decoder (Touvron et al. 2023), read top to bottom.

use burn::module::Module;
use burn::tensor::Tensor;

use super::attention::Attention;
use super::feed_forward::FeedForward;
use super::kv_cache::{KvCache, LayerCache};
use super::matrix::Matrix;
use super::rms_norm::RmsNorm;
use crate::generate::Step;
use crate::kernels::{self, Samples};

/// The whole model.
#[derive(Module, Debug)]
pub struct Transformer {
    /// `[vocab_size, hidden]`
    pub(super) embedding: Matrix,
    pub(super) layers: Vec<Layer>,
    pub(super) norm: RmsNorm,
    /// `[vocab_size, hidden]`; `None` when tied to the embedding.
    pub(super) head: Option<Matrix>,
    /// `[context_length, head_dim / 2, 2]`, flat
    pub(super) rope: Tensor<1>,
}

/// One decoder layer: attention and feed-forward, each after a norm and added to the residual stream.
#[derive(Module, Debug)]
pub struct Layer {
    pub(super) attention_norm: RmsNorm,
    pub(super) attention: Attention,
    pub(super) feed_forward_norm: RmsNorm,
    pub(super) feed_forward: FeedForward,
}

impl Transformer {
    /// Runs one step's rows through all layers: → hidden states `[rows, hidden]`, normalised.
    pub fn forward(&self, step: &Step, cache: &mut KvCache) -> Tensor<2> {
        let mut x = kernels::embed(&self.embedding, step);
        let mut delta = None;
        for (layer, cache) in self.layers.iter().zip(cache.layers()) {
            let (residual, change) = layer.forward(x, delta, self.rope.clone(), step, cache);
            (x, delta) = (residual, Some(change));
        }
        normalise(&self.norm, x, delta).1
    }

    /// Scores of the next token: `[rows, hidden]` → `[rows, vocab_size]`.
    pub fn logits(&self, hidden: Tensor<2>) -> Tensor<2> {
        self.head.as_ref().unwrap_or(&self.embedding).forward(hidden)
    }

    /// The next token of every row of the step that samples: → their scores `[samples, vocab_size]` and what was drawn.
    pub(crate) fn sample(&self, hidden: Tensor<2>, step: &Step) -> (Tensor<2>, Samples) {
        let hidden = match step.sampled_rows() {
            Some(rows) => hidden.select(0, rows),
            None => hidden,
        };
        let logits = self.logits(hidden);
        (logits.clone(), kernels::sample(logits, step))
    }
}

impl Layer {
    /// `(x, delta)` is the residual stream and what the layer before adds to it; so is the result. The sum is taken
    /// inside the next norm's kernel.
    fn forward(
        &self,
        x: Tensor<2>,
        delta: Option<Tensor<2>>,
        rope: Tensor<1>,
        step: &Step,
        cache: &mut LayerCache,
    ) -> (Tensor<2>, Tensor<2>) {
        let (x, h) = normalise(&self.attention_norm, x, delta);
        let attended = self.attention.forward(h, rope, step, cache);
        let (x, h) = self.feed_forward_norm.forward_residual(x, attended);
        (x, self.feed_forward.forward(h))
    }
}

fn normalise(norm: &RmsNorm, x: Tensor<2>, delta: Option<Tensor<2>>) -> (Tensor<2>, Tensor<2>) {
    match delta {
        Some(delta) => norm.forward_residual(x, delta),
        None => (x.clone(), norm.forward(x)),
    }
}
