//! The model as it lies on a device: all that is lost with it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use burn::tensor::Tensor;
use minions_shaders::KvFormat;

use super::plan::Plan;
use crate::device::{Compute, Wgpu};
use crate::error::{Error, Result};
use crate::generate::{Draw, Layout, PagePool, Phase, Sequence, Step, StepBuilder, step_rows};
use crate::kernels::{self, CapturedStep, Sample};
use crate::model::{KvCache, ModelConfig, Transformer};

/// How many tokens a model is tried with.
const TRIAL_TOKENS: usize = 4;

/// Scores of the two ways to read a token are at least so much alike. Rounded as coarsely as kernels and caches may, they are far
/// above; of a kernel that computes nonsense, they have nothing in common.
const LEAST_AGREEMENT: f64 = 0.9;

/// The model on its device.
pub struct DeviceModel {
    pub compute: Compute,
    pub transformer: Transformer,
    layout: Layout,
    vocab_size: usize,
    pub cache: RefCell<KvCache>,
    /// A page that no sequence has: rows that only fill up a step write there.
    scratch: u32,
    /// Decode steps by their rows, each captured when it is first needed; none on the CPU.
    captured: RefCell<HashMap<usize, Rc<CapturedStep>>>,
}

/// What a model makes of the tokens that it is tried with.
pub struct Trial {
    /// Whether all scores are numbers.
    pub is_finite: bool,
    /// The cosine of the scores that prefill and decode end in.
    pub agreement: f64,
    /// The most probable next token.
    pub token: u32,
}

impl DeviceModel {
    /// The model with an empty cache as planned, in `format`.
    pub fn new(
        compute: Compute,
        transformer: Transformer,
        config: &ModelConfig,
        plan: &Plan,
        format: KvFormat,
    ) -> Self {
        Self {
            cache: RefCell::new(KvCache::new(config, format, plan.pages + 1, &compute.device)),
            layout: Layout { context_length: plan.context_length, group_rows: compute.group_rows() },
            vocab_size: config.vocab_size,
            scratch: plan.pages as u32,
            transformer,
            compute,
            captured: RefCell::default(),
        }
    }

    /// Runs a step through the model: → hidden states `[rows, hidden]`.
    pub fn forward(&self, step: &Step) -> Tensor<2> {
        self.transformer.forward(step, &mut self.cache.borrow_mut())
    }

    /// Brings a step to the device.
    pub fn upload(&self, step: StepBuilder) -> Step {
        step.upload(self.layout, &self.compute.device)
    }

    /// Runs a decode step: → what was drawn for its rows.
    pub async fn sample(&self, mut step: StepBuilder) -> Result<Vec<Sample>> {
        let Some(wgpu) = &self.compute.wgpu else {
            return Ok(self.sample_on_cpu(step).await?.1);
        };
        let rows = step_rows(step.rows());
        step.pad(rows, self.scratch);
        let known = self.captured.borrow().get(&rows).cloned();
        let captured = match known {
            Some(captured) => captured,
            None => self.capture(wgpu, &step)?.1,
        };
        captured.replay(&step.words(self.layout), &step.asked()).await
    }

    /// Runs a decode step where none can be captured: → its scores, and what was drawn.
    async fn sample_on_cpu(&self, step: StepBuilder) -> Result<(Tensor<2>, Vec<Sample>)> {
        let step = self.upload(step);
        let (logits, samples) = self.transformer.sample(self.forward(&step), &step);
        Ok((logits, samples.read(step.asked()).await?))
    }

    /// Captures a decode step of as many rows as this one: → where its scores will be, and the captured step.
    fn capture(&self, wgpu: &Wgpu, step: &StepBuilder) -> Result<(Tensor<2>, Rc<CapturedStep>)> {
        let step = step.clone().upload_for_replay(self.vocab_size, self.layout, &self.compute.device);
        let run = || self.transformer.sample(self.forward(&step), &step);
        let (logits, captured) = CapturedStep::capture(wgpu, &step, run)?;
        let captured = Rc::new(captured);
        self.captured.borrow_mut().insert(step.rows(), Rc::clone(&captured));
        Ok((logits, captured))
    }

    /// Reads a few tokens both ways, in a prefill step and in decode steps, which compiles the kernels. They are other kernels,
    /// so that what both say is very likely right.
    pub async fn try_out(&self) -> Result<Trial> {
        let tokens: Vec<u32> = (0..TRIAL_TOKENS).map(|at| (at * 7919 % self.vocab_size) as u32).collect();
        let trial_page = PagePool::of(self.scratch..self.scratch + 1);
        let sequence = || {
            let mut sequence = Sequence::unshared(tokens.clone(), &trial_page);
            assert!(sequence.enter(TRIAL_TOKENS), "a page has room for the trial");
            sequence
        };

        let mut prefill = StepBuilder::new(Phase::Prefill);
        prefill.prefill(&sequence(), TRIAL_TOKENS);
        let hidden = self.forward(&self.upload(prefill));
        let last = hidden.narrow(0, TRIAL_TOKENS - 1, 1);
        let by_prefill = kernels::read_f32(self.transformer.logits(last, Phase::Prefill)).await?;

        let mut sequence = sequence();
        let (mut scores, mut token) = (None, 0);
        for _ in 0..TRIAL_TOKENS {
            let mut step = StepBuilder::new(Phase::Decode);
            step.decode(&sequence, &[], vec![Draw::GREEDY]);
            let (logits, samples) = self.score(step, scores.take()).await?;
            token = samples.first().map_or(0, |sample| sample.token);
            scores = Some(logits);
            sequence.advance(1);
        }
        let by_decode = match scores {
            Some(scores) => kernels::read_f32(scores).await?,
            None => Vec::new(),
        };
        self.compute.check()?;
        Ok(Trial {
            is_finite: by_prefill.iter().chain(&by_decode).all(|score| score.is_finite()),
            agreement: cosine(&by_prefill, &by_decode),
            token,
        })
    }

    /// Runs a decode step of a single row: → its scores, which on a GPU are where those of the step `before` were, and what
    /// was drawn.
    async fn score(&self, step: StepBuilder, before: Option<Tensor<2>>) -> Result<(Tensor<2>, Vec<Sample>)> {
        let Some(wgpu) = &self.compute.wgpu else {
            return self.sample_on_cpu(step).await;
        };
        let logits = match before {
            Some(logits) => logits,
            None => self.capture(wgpu, &step)?.0,
        };
        Ok((logits, self.sample(step).await?))
    }
}

impl Trial {
    /// Refuses a model whose scores are not numbers, and a device that computes something else than the model.
    pub fn check(&self, main: &str) -> Result<()> {
        if !self.is_finite {
            return Err(Error::InvalidFile {
                file: main.to_owned(),
                message: "the model computes values that are not numbers: its weights are damaged".to_owned(),
            });
        }
        if self.agreement < LEAST_AGREEMENT {
            return Err(Error::Gpu(format!(
                "two ways to compute the same scores disagree (cosine {:.3}): this GPU or its driver computes wrongly; load on \
                 the CPU, or update the driver",
                self.agreement
            )));
        }
        Ok(())
    }
}

/// How much two lists of scores are alike: 1 if they are the same up to a factor, or both nothing but zeros.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let (aa, bb) = (product(a, a), product(b, b));
    if aa == 0.0 && bb == 0.0 { 1.0 } else { product(a, b) / (aa * bb).sqrt().max(f64::MIN_POSITIVE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_that_went_wrong_is_told_apart() {
        let trial =
            |is_finite, a: &[f32], b: &[f32]| Trial { is_finite, agreement: cosine(a, b), token: 0 }.check("x.gguf");
        assert_eq!(trial(true, &[1.0, -2.0, 3.0], &[1.01, -2.0, 2.98]), Ok(()));
        assert_eq!(trial(true, &[0.0; 3], &[0.0; 3]), Ok(()), "a model may have nothing to say");
        assert!(matches!(trial(false, &[1.0], &[1.0]), Err(Error::InvalidFile { file, .. }) if file == "x.gguf"));
        assert!(matches!(trial(true, &[1.0, -2.0, 3.0], &[3.0, 2.0, 1.0]), Err(Error::Gpu(_))));
        assert!(matches!(trial(true, &[1.0, 2.0], &[0.0, 0.0]), Err(Error::Gpu(_))), "one of the two says nothing");
    }
}
