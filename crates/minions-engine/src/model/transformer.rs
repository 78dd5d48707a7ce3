//! A decoder (Touvron et al. 2023, and the families after it), read top to bottom.

use burn::module::Module;
use burn::tensor::Tensor;

use super::attention::Attention;
use super::feed_forward::FeedForward;
use super::kv_cache::{KvCache, LayerCache};
use super::matrix::Matrix;
use super::rms_norm::RmsNorm;
use crate::generate::{Phase, Step};
use crate::kernels::{self, LogitScale, Samples};

/// The whole model.
#[derive(Module, Debug)]
pub struct Transformer {
    /// `[vocab_size, hidden]`
    pub(super) embedding: Matrix,
    pub(super) embedding_scale: f32,
    pub(super) layers: Vec<Layer>,
    pub(super) norm: RmsNorm,
    /// `[vocab_size, hidden]`; `None` when tied to the embedding.
    pub(super) head: Option<Matrix>,
    /// `None` where the head's output is the logits.
    #[module(skip)]
    pub(super) logit_scale: Option<LogitScale>,
}

/// One decoder layer: attention and feed-forward, each after a norm and added to the residual stream; in some families
/// normalised once more before it is added.
#[derive(Module, Debug)]
pub struct Layer {
    pub(super) attention_norm: RmsNorm,
    pub(super) attention: Attention,
    pub(super) attention_post_norm: Option<RmsNorm>,
    pub(super) feed_forward_norm: RmsNorm,
    pub(super) feed_forward: FeedForward,
    pub(super) feed_forward_post_norm: Option<RmsNorm>,
}

impl Transformer {
    /// Runs one step's rows through all layers: → hidden states `[rows, hidden]`, normalised.
    pub fn forward(&self, step: &Step, cache: &mut KvCache) -> Tensor<2> {
        let mut x = kernels::embed(&self.embedding, self.embedding_scale, step);
        let mut delta = None;
        for (layer, cache) in self.layers.iter().zip(cache.layers()) {
            let (residual, change) = layer.forward(x, delta, step, cache);
            (x, delta) = (residual, Some(change));
        }
        normalise(&self.norm, x, delta).1
    }

    /// Scores of the next token: `[rows, hidden]` → `[rows, vocab_size]`.
    pub fn logits(&self, hidden: Tensor<2>, phase: Phase) -> Tensor<2> {
        let logits = self.head.as_ref().unwrap_or(&self.embedding).forward(hidden, phase);
        match self.logit_scale {
            Some(scale) => kernels::scale_logits(logits, scale),
            None => logits,
        }
    }

    /// The next token of every row of a decode step: → their scores `[rows, vocab_size]` and what was drawn.
    pub(crate) fn sample(&self, hidden: Tensor<2>, step: &Step) -> (Tensor<2>, Samples) {
        let logits = self.logits(hidden, step.phase());
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
        step: &Step,
        cache: &mut LayerCache,
    ) -> (Tensor<2>, Tensor<2>) {
        let (x, h) = normalise(&self.attention_norm, x, delta);
        let attended = post_normalise(self.attention_post_norm.as_ref(), self.attention.forward(h, step, cache));
        let (x, h) = self.feed_forward_norm.forward_residual(x, attended);
        (x, post_normalise(self.feed_forward_post_norm.as_ref(), self.feed_forward.forward(h, step.phase())))
    }
}

fn normalise(norm: &RmsNorm, x: Tensor<2>, delta: Option<Tensor<2>>) -> (Tensor<2>, Tensor<2>) {
    match delta {
        Some(delta) => norm.forward_residual(x, delta),
        None => (x.clone(), norm.forward(x)),
    }
}

fn post_normalise(norm: Option<&RmsNorm>, delta: Tensor<2>) -> Tensor<2> {
    match norm {
        Some(norm) => norm.forward(delta),
        None => delta,
    }
}
