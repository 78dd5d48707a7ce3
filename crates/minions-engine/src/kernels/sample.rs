//! `sample`: chooses each row's next token on the device, so that one id is read back and not the vocabulary's scores.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Cube, Dispatch, Flex, backend_extension};
use burn::tensor::{DType, Int, Tensor};
use bytemuck::Zeroable;
use minions_shaders::Slots;
use minions_shaders::cpu::{self, SampleParams};

use super::launch::launch;
use super::tensors::{empty, from_vec, plain};
use crate::generate::Step;

#[backend_extension(Cube, Flex)]
trait SampleOps: Backend {
    fn sample(logits: FloatTensor<Self>, step: IntTensor<Self>, params: SampleParams) -> IntTensor<Self>;
}

impl SampleOps for Cube {
    fn sample(logits: FloatTensor<Self>, step: IntTensor<Self>, params: SampleParams) -> IntTensor<Self> {
        let ids = empty(&logits, [params.rows as usize], DType::U32);
        launch(&params, Slots::NONE, &[&logits, &step, &ids]);
        ids
    }
}

impl SampleOps for Flex {
    fn sample(logits: FloatTensor<Self>, step: IntTensor<Self>, params: SampleParams) -> IntTensor<Self> {
        let (logits, step) = (plain(logits), plain(step));
        let mut ids = vec![0_u32; params.rows as usize];
        cpu::sample(logits.storage(), step.storage(), &params, &mut ids);
        from_vec(ids, [params.rows as usize])
    }
}

/// `logits [samples, vocab_size]` → ids `[samples]`, as each sampled row's settings say.
pub(crate) fn sample(logits: Tensor<2>, step: &Step) -> Tensor<1, Int> {
    let [rows, vocab] = logits.dims();
    let (samples_offset, samples) = step.samples();
    assert_eq!(rows, samples, "sample: rows");
    let params = SampleParams {
        rows: rows as u32,
        vocab: vocab as u32,
        samples_offset: samples_offset as u32,
        ..Zeroable::zeroed()
    };
    Tensor::from_dispatch(Dispatch::sample(logits.into_dispatch(), step.words().into_dispatch(), params))
}
