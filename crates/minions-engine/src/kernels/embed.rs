//! `embed`: gathers and decodes the rows of the embedding that the step's tokens name.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Cube, Dispatch, Flex, backend_extension};
use burn::tensor::{DType, Tensor};
use bytemuck::Zeroable;
use minions_shaders::cpu::{self, EmbedParams};
use minions_shaders::{Slots, WeightFormat};

use super::launch::launch;
use super::tensors::{empty, from_vec, plain};
use crate::generate::Step;
use crate::model::Matrix;

#[backend_extension(Cube, Flex)]
trait EmbedOps: Backend {
    fn embed(
        weights: IntTensor<Self>,
        step: IntTensor<Self>,
        format: WeightFormat,
        params: EmbedParams,
    ) -> FloatTensor<Self>;
}

impl EmbedOps for Cube {
    fn embed(
        weights: IntTensor<Self>,
        step: IntTensor<Self>,
        format: WeightFormat,
        params: EmbedParams,
    ) -> FloatTensor<Self> {
        let out = empty(&weights, [params.rows as usize, params.hidden as usize], DType::F32);
        launch(&params, Slots::weights(format), &[&weights, &step, &out]);
        out
    }
}

impl EmbedOps for Flex {
    fn embed(
        weights: IntTensor<Self>,
        step: IntTensor<Self>,
        format: WeightFormat,
        params: EmbedParams,
    ) -> FloatTensor<Self> {
        let (weights, step) = (plain(weights), plain(step));
        let shape = [params.rows as usize, params.hidden as usize];
        let mut out = vec![0.0; shape[0] * shape[1]];
        cpu::embed(format, weights.storage(), step.storage(), &params, &mut out);
        from_vec(out, shape)
    }
}

/// The embeddings of the step's tokens, each element times `scale`: → `[rows, hidden]`.
pub(crate) fn embed(matrix: &Matrix, scale: f32, step: &Step) -> Tensor<2> {
    let params = EmbedParams {
        rows: step.rows() as u32,
        hidden: matrix.inputs() as u32,
        vocab: matrix.outputs() as u32,
        scale,
        ..Zeroable::zeroed()
    };
    Tensor::from_dispatch(Dispatch::embed(
        matrix.words().into_dispatch(),
        step.words().into_dispatch(),
        matrix.format(),
        params,
    ))
}
