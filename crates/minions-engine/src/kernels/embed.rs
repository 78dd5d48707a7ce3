//! `embed`: gathers and decodes the rows of the embedding that the step's tokens name.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Cube, Dispatch, Flex, backend_extension};
use burn::tensor::{DType, Tensor};
use bytemuck::Zeroable;
use minions_shaders::cpu::{self, EmbedParams};
use minions_shaders::{Slots, WeightFormat};

use super::launch::launch;
use super::tensors::plain;
use crate::generate::Step;
use crate::model::Matrix;

#[backend_extension(Cube, Flex)]
trait EmbedOps: Backend {
    fn embed(
        weights: IntTensor<Self>,
        step: IntTensor<Self>,
        out: FloatTensor<Self>,
        format: WeightFormat,
        params: EmbedParams,
    ) -> FloatTensor<Self>;
}

impl EmbedOps for Cube {
    fn embed(
        weights: IntTensor<Self>,
        step: IntTensor<Self>,
        out: FloatTensor<Self>,
        format: WeightFormat,
        params: EmbedParams,
    ) -> FloatTensor<Self> {
        launch(&params, Slots::weights(format), &[&weights, &step, &out]);
        out
    }
}

impl EmbedOps for Flex {
    fn embed(
        weights: IntTensor<Self>,
        step: IntTensor<Self>,
        mut out: FloatTensor<Self>,
        format: WeightFormat,
        params: EmbedParams,
    ) -> FloatTensor<Self> {
        let (weights, step) = (plain(weights), plain(step));
        cpu::embed(format, weights.storage(), step.storage(), &params, out.storage_mut());
        out
    }
}

/// The embeddings of the step's tokens, each element times `scale`: → `[rows, hidden]`.
pub(crate) fn embed(matrix: &Matrix, scale: f32, step: &Step) -> Tensor<2> {
    let out = Tensor::<2>::empty([step.rows(), matrix.inputs()], (&step.words().device(), DType::F32));
    let mut params = EmbedParams {
        rows: step.rows() as u32,
        hidden: matrix.inputs() as u32,
        vocab: matrix.outputs() as u32,
        scale,
        ..Zeroable::zeroed()
    };
    let mut out = out.into_dispatch();
    for part in matrix.parts() {
        params.count = part.outputs() as u32;
        let (weights, words) = (part.words().into_dispatch(), step.words().into_dispatch());
        out = Dispatch::embed(weights, words, out, part.format(), params);
        params.first += params.count;
    }
    Tensor::from_dispatch(out)
}
