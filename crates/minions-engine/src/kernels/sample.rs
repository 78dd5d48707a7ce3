//! `sample`: chooses each row's next token on the device, so that one id is read back and not the vocabulary's scores.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Cube, Dispatch, Flex, backend_extension};
use burn::tensor::{DType, Int, Tensor};
use bytemuck::Zeroable;
use minions_shaders::cpu::sample::{ids_len, logprobs_len};
use minions_shaders::cpu::{self, SampleParams};
use minions_shaders::{MAX_ALTERNATIVES, Slots};

use super::launch::launch;
use super::tensors::{empty, from_vec, plain, read_f32, read_u32};
use crate::error::Result;
use crate::generate::Step;

#[backend_extension(Cube, Flex)]
trait SampleOps: Backend {
    fn sample(
        logits: FloatTensor<Self>,
        step: IntTensor<Self>,
        params: SampleParams,
    ) -> (IntTensor<Self>, FloatTensor<Self>);
}

impl SampleOps for Cube {
    fn sample(
        logits: FloatTensor<Self>,
        step: IntTensor<Self>,
        params: SampleParams,
    ) -> (IntTensor<Self>, FloatTensor<Self>) {
        let rows = params.rows as usize;
        let ids = empty(&logits, [ids_len(rows)], DType::U32);
        let logprobs = empty(&logits, [logprobs_len(rows)], DType::F32);
        launch(&params, Slots::NONE, &[&logits, &step, &ids, &logprobs]);
        (ids, logprobs)
    }
}

impl SampleOps for Flex {
    fn sample(
        logits: FloatTensor<Self>,
        step: IntTensor<Self>,
        params: SampleParams,
    ) -> (IntTensor<Self>, FloatTensor<Self>) {
        let (logits, step) = (plain(logits), plain(step));
        let rows = params.rows as usize;
        let (mut ids, mut logprobs) = (vec![0_u32; ids_len(rows)], vec![0.0_f32; logprobs_len(rows)]);
        cpu::sample(logits.storage(), step.storage(), &params, &mut ids, &mut logprobs);
        (from_vec(ids, [ids_len(rows)]), from_vec(logprobs, [logprobs_len(rows)]))
    }
}

/// What was drawn, on the device.
#[derive(Clone, Debug)]
pub(crate) struct Samples {
    /// The ids, `[rows]`, then the alternatives' `[rows, 20]`.
    pub ids: Tensor<1, Int>,
    /// The log probabilities, `[rows, 21]`.
    pub logprobs: Tensor<1>,
}

/// The token drawn for a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// The token.
    pub token: u32,
    /// Its log probability, if that was asked for.
    pub logprob: f32,
    /// As many of the most probable tokens as were asked for, with their log probabilities.
    pub alternatives: Vec<(u32, f32)>,
}

/// `logits [samples, vocab_size]` → what each sampled row's settings say. The logits are changed where they mask, bias or
/// penalise.
pub(crate) fn sample(logits: Tensor<2>, step: &Step) -> Samples {
    let [rows, vocab] = logits.dims();
    let (samples_offset, samples) = step.samples();
    assert_eq!(rows, samples, "sample: rows");
    let params = SampleParams {
        rows: rows as u32,
        vocab: vocab as u32,
        samples_offset: samples_offset as u32,
        ..Zeroable::zeroed()
    };
    let (ids, logprobs) = Dispatch::sample(logits.into_dispatch(), step.words().into_dispatch(), params);
    Samples { ids: Tensor::from_dispatch(ids), logprobs: Tensor::from_dispatch(logprobs) }
}

impl Samples {
    /// Reads back what each row asks for: `asked` as in [`Step::asked`].
    pub async fn read(self, asked: &[u32]) -> Result<Vec<Sample>> {
        if asked.iter().all(|asked| *asked == 0) {
            let ids = read_u32(self.ids.slice(0..asked.len())).await?;
            return Ok(Sample::from_values(&ids, &[], asked));
        }
        let (ids, logprobs) = (read_u32(self.ids).await?, read_f32(self.logprobs).await?);
        Ok(Sample::from_values(&ids, &logprobs, asked))
    }
}

impl Sample {
    /// From what the kernel wrote, or the drawn ids alone.
    pub fn from_values(ids: &[u32], logprobs: &[f32], asked: &[u32]) -> Vec<Self> {
        let (drawn, alternatives) = ids.split_at(asked.len());
        let told = logprobs.chunks(MAX_ALTERNATIVES + 1).zip(alternatives.chunks(MAX_ALTERNATIVES));
        let told = told.map(Some).chain(std::iter::repeat(None));
        let rows = drawn.iter().zip(asked).zip(told);
        rows.map(|((&token, &asked), told)| match told.filter(|_| asked > 0) {
            Some((logprobs, alternatives)) => {
                let ranked = alternatives.iter().copied().zip(logprobs[1..].iter().copied());
                // Where fewer tokens may come than were asked for, the rest has no probability.
                let alternatives = ranked.take(asked as usize - 1).filter(|(_, logprob)| *logprob > f32::MIN).collect();
                Self { token, logprob: logprobs[0], alternatives }
            }
            None => Self { token, logprob: 0.0, alternatives: Vec::new() },
        })
        .collect()
    }
}
