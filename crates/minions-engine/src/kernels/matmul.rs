//! `matmul` and `gated_matmul`: activations times a weight matrix in its own format.
//!
//! Rows of a decode step go to the matvec kernels, which read each weight once for up to eight rows; those of a prefill
//! step to the tiled kernels, for 64. The phase decides and not the number of rows: the two add up in different orders, and
//! what comes of a row must not depend on what else is in its step.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Cube, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Tensor};
use burn_cubecl::tensor::CubeTensor;
use bytemuck::Zeroable;
use minions_shaders::cpu::{self, GatedMatmulParams, GatedMatvecParams, MatmulParams, MatvecParams, QuantizeParams};
use minions_shaders::{
    Activation, GATED_MATMUL, GATED_MATVEC, MATMUL, MATVEC, Overlay, ROW_GROUPS, Slots, WeightFormat,
};

use super::launch::launch;
use super::overlays::chosen;
use super::tensors::{empty, plain};
use crate::generate::Phase;
use crate::model::Matrix;

#[backend_extension(Cube, Flex)]
trait MatmulOps: Backend {
    fn packed_matvec(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        out: FloatTensor<Self>,
        format: WeightFormat,
        params: MatvecParams,
    ) -> FloatTensor<Self>;

    fn packed_matmul(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        out: FloatTensor<Self>,
        format: WeightFormat,
        params: MatmulParams,
    ) -> FloatTensor<Self>;

    fn gated_matvec(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        out: FloatTensor<Self>,
        format: WeightFormat,
        params: GatedMatvecParams,
    ) -> FloatTensor<Self>;

    fn gated_matmul(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        out: FloatTensor<Self>,
        format: WeightFormat,
        params: GatedMatmulParams,
    ) -> FloatTensor<Self>;
}

impl MatmulOps for Cube {
    fn packed_matvec(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        out: FloatTensor<Self>,
        format: WeightFormat,
        params: MatvecParams,
    ) -> FloatTensor<Self> {
        let slots = chosen(&x, &MATVEC, Slots::weights_and_rows(format, row_group(params.rows)));
        launch(&params, slots, &[&activations(x, slots), &weights, &out]);
        out
    }

    fn packed_matmul(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        out: FloatTensor<Self>,
        format: WeightFormat,
        params: MatmulParams,
    ) -> FloatTensor<Self> {
        let slots = chosen(&x, &MATMUL, Slots::weights(format));
        launch(&params, slots, &[&activations(x, slots), &weights, &out]);
        out
    }

    fn gated_matvec(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        out: FloatTensor<Self>,
        format: WeightFormat,
        params: GatedMatvecParams,
    ) -> FloatTensor<Self> {
        let slots = chosen(&x, &GATED_MATVEC, Slots::weights_and_rows(format, row_group(params.rows)));
        launch(&params, slots, &[&activations(x, slots), &weights, &out]);
        out
    }

    fn gated_matmul(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        out: FloatTensor<Self>,
        format: WeightFormat,
        params: GatedMatmulParams,
    ) -> FloatTensor<Self> {
        let slots = chosen(&x, &GATED_MATMUL, Slots::weights(format));
        launch(&params, slots, &[&activations(x, slots), &weights, &out]);
        out
    }
}

/// Activations `[rows, k]` as a specialisation reads them: as bytes if that is what it multiplies.
fn activations(x: CubeTensor, slots: Slots) -> CubeTensor {
    let (Some(Overlay::Dp4a), Some(format)) = (slots.overlay, slots.weights) else { return x };
    let [rows, k] = x.shape().dims();
    let params = QuantizeParams::new(rows, k, format);
    let bytes = empty(&x, [params.out_len()], DType::U32);
    launch(&params, Slots::NONE, &[&x, &bytes]);
    bytes
}

impl MatmulOps for Flex {
    fn packed_matvec(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        mut out: FloatTensor<Self>,
        format: WeightFormat,
        params: MatvecParams,
    ) -> FloatTensor<Self> {
        let (x, weights) = (plain(x), plain(weights));
        cpu::matvec(x.storage(), format, weights.storage(), &params, out.storage_mut());
        out
    }

    fn packed_matmul(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        mut out: FloatTensor<Self>,
        format: WeightFormat,
        params: MatmulParams,
    ) -> FloatTensor<Self> {
        let (x, weights) = (plain(x), plain(weights));
        cpu::matmul(x.storage(), format, weights.storage(), &params, out.storage_mut());
        out
    }

    fn gated_matvec(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        mut out: FloatTensor<Self>,
        format: WeightFormat,
        params: GatedMatvecParams,
    ) -> FloatTensor<Self> {
        let (x, weights) = (plain(x), plain(weights));
        cpu::gated_matvec(x.storage(), format, weights.storage(), &params, out.storage_mut());
        out
    }

    fn gated_matmul(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        mut out: FloatTensor<Self>,
        format: WeightFormat,
        params: GatedMatmulParams,
    ) -> FloatTensor<Self> {
        let (x, weights) = (plain(x), plain(weights));
        cpu::gated_matmul(x.storage(), format, weights.storage(), &params, out.storage_mut());
        out
    }
}

/// The smallest group of rows that takes them all, or the largest there is.
fn row_group(rows: u32) -> u32 {
    let fits = ROW_GROUPS.into_iter().find(|group| rows <= *group);
    fits.unwrap_or(ROW_GROUPS[ROW_GROUPS.len() - 1])
}

/// `x · Wᵀ`: `[rows, inputs]` → `[rows, outputs]`.
pub(crate) fn matmul(x: Tensor<2>, matrix: &Matrix, phase: Phase) -> Tensor<2> {
    let [rows, inputs] = x.dims();
    assert_eq!(inputs, matrix.inputs(), "matmul: inputs");
    let (rows, k, width) = (rows as u32, inputs as u32, matrix.outputs() as u32);
    let (mut out, mut first) = (output(&x, width).into_dispatch(), 0);
    for part in matrix.parts() {
        let (x, weights) = (x.clone().into_dispatch(), part.words().into_dispatch());
        let n = part.outputs() as u32;
        out = if phase == Phase::Decode {
            let params = MatvecParams { rows, n, k, width, first, ..Zeroable::zeroed() };
            Dispatch::packed_matvec(x, weights, out, part.format(), params)
        } else {
            let params = MatmulParams { rows, n, k, width, first, ..Zeroable::zeroed() };
            Dispatch::packed_matmul(x, weights, out, part.format(), params)
        };
        first += n;
    }
    Tensor::from_dispatch(out)
}

/// `activation(x · Gᵀ) · (x · Uᵀ)` where each part of `matrix` stacks rows of G on the same rows of U: `[rows, inputs]` →
/// `[rows, outputs / 2]`.
pub(crate) fn gated_matmul(x: Tensor<2>, matrix: &Matrix, activation: Activation, phase: Phase) -> Tensor<2> {
    let [rows, inputs] = x.dims();
    assert_eq!(inputs, matrix.inputs(), "gated_matmul: inputs");
    let (rows, k, width) = (rows as u32, inputs as u32, (matrix.outputs() / 2) as u32);
    let activation = activation as u32;
    let (mut out, mut first) = (output(&x, width).into_dispatch(), 0);
    for part in matrix.parts() {
        let (x, weights) = (x.clone().into_dispatch(), part.words().into_dispatch());
        let f = part.outputs() as u32 / 2;
        out = if phase == Phase::Decode {
            let params = GatedMatvecParams { rows, f, k, activation, width, first, ..Zeroable::zeroed() };
            Dispatch::gated_matvec(x, weights, out, part.format(), params)
        } else {
            let params = GatedMatmulParams { rows, f, k, activation, width, first, ..Zeroable::zeroed() };
            Dispatch::gated_matmul(x, weights, out, part.format(), params)
        };
        first += f;
    }
    Tensor::from_dispatch(out)
}

/// What the parts of a matrix write their columns to, not written yet: `[rows of x, width]`.
fn output(x: &Tensor<2>, width: u32) -> Tensor<2> {
    Tensor::empty([x.dims()[0], width as usize], (&x.device(), DType::F32))
}
