//! `matmul` and `gated_matmul`: activations times a weight matrix in its own format.
//!
//! Few rows (decoding) go to the matvec kernels, which read each weight once for up to eight rows; more go to the
//! tiled kernels.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Cube, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Tensor};
use burn_cubecl::tensor::CubeTensor;
use bytemuck::Zeroable;
use minions_shaders::cpu::{self, GatedMatmulParams, GatedMatvecParams, MatmulParams, MatvecParams, QuantizeParams};
use minions_shaders::{GATED_MATMUL, GATED_MATVEC, MATMUL, MATVEC, Overlay, ROW_GROUPS, Slots, WeightFormat};

use super::launch::launch;
use super::overlays::chosen;
use super::tensors::{empty, from_vec, plain};
use crate::model::Matrix;

/// Up to this many rows the matvec kernels read the weights at most twice, which costs less than filling a third or more of
/// a tile of 32 rows with nothing.
const MATVEC_MAX_ROWS: usize = 16;

#[backend_extension(Cube, Flex)]
trait MatmulOps: Backend {
    fn packed_matvec(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        format: WeightFormat,
        params: MatvecParams,
    ) -> FloatTensor<Self>;

    fn packed_matmul(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        format: WeightFormat,
        params: MatmulParams,
    ) -> FloatTensor<Self>;

    fn gated_matvec(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        format: WeightFormat,
        params: GatedMatvecParams,
    ) -> FloatTensor<Self>;

    fn gated_matmul(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        format: WeightFormat,
        params: GatedMatmulParams,
    ) -> FloatTensor<Self>;
}

impl MatmulOps for Cube {
    fn packed_matvec(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        format: WeightFormat,
        params: MatvecParams,
    ) -> FloatTensor<Self> {
        let out = empty(&x, [params.rows as usize, params.n as usize], DType::F32);
        let slots = chosen(&x, &MATVEC, Slots::weights_and_rows(format, row_group(params.rows)));
        launch(&params, slots, &[&activations(x, slots), &weights, &out]);
        out
    }

    fn packed_matmul(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        format: WeightFormat,
        params: MatmulParams,
    ) -> FloatTensor<Self> {
        let out = empty(&x, [params.rows as usize, params.n as usize], DType::F32);
        let slots = chosen(&x, &MATMUL, Slots::weights(format));
        launch(&params, slots, &[&activations(x, slots), &weights, &out]);
        out
    }

    fn gated_matvec(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        format: WeightFormat,
        params: GatedMatvecParams,
    ) -> FloatTensor<Self> {
        let out = empty(&x, [params.rows as usize, params.f as usize], DType::F32);
        let slots = chosen(&x, &GATED_MATVEC, Slots::weights_and_rows(format, row_group(params.rows)));
        launch(&params, slots, &[&activations(x, slots), &weights, &out]);
        out
    }

    fn gated_matmul(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        format: WeightFormat,
        params: GatedMatmulParams,
    ) -> FloatTensor<Self> {
        let out = empty(&x, [params.rows as usize, params.f as usize], DType::F32);
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
        format: WeightFormat,
        params: MatvecParams,
    ) -> FloatTensor<Self> {
        let (x, weights) = (plain(x), plain(weights));
        let shape = [params.rows as usize, params.n as usize];
        let mut out = vec![0.0; shape[0] * shape[1]];
        cpu::matvec(x.storage(), format, weights.storage(), &params, &mut out);
        from_vec(out, shape)
    }

    fn packed_matmul(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        format: WeightFormat,
        params: MatmulParams,
    ) -> FloatTensor<Self> {
        let (x, weights) = (plain(x), plain(weights));
        let shape = [params.rows as usize, params.n as usize];
        let mut out = vec![0.0; shape[0] * shape[1]];
        cpu::matmul(x.storage(), format, weights.storage(), &params, &mut out);
        from_vec(out, shape)
    }

    fn gated_matvec(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        format: WeightFormat,
        params: GatedMatvecParams,
    ) -> FloatTensor<Self> {
        let (x, weights) = (plain(x), plain(weights));
        let shape = [params.rows as usize, params.f as usize];
        let mut out = vec![0.0; shape[0] * shape[1]];
        cpu::gated_matvec(x.storage(), format, weights.storage(), &params, &mut out);
        from_vec(out, shape)
    }

    fn gated_matmul(
        x: FloatTensor<Self>,
        weights: IntTensor<Self>,
        format: WeightFormat,
        params: GatedMatmulParams,
    ) -> FloatTensor<Self> {
        let (x, weights) = (plain(x), plain(weights));
        let shape = [params.rows as usize, params.f as usize];
        let mut out = vec![0.0; shape[0] * shape[1]];
        cpu::gated_matmul(x.storage(), format, weights.storage(), &params, &mut out);
        from_vec(out, shape)
    }
}

/// The smallest group of rows that takes them all, or the largest there is.
fn row_group(rows: u32) -> u32 {
    let fits = ROW_GROUPS.into_iter().find(|group| rows <= *group);
    fits.unwrap_or(ROW_GROUPS[ROW_GROUPS.len() - 1])
}

/// `x · Wᵀ`: `[rows, inputs]` → `[rows, outputs]`.
pub(crate) fn matmul(x: Tensor<2>, matrix: &Matrix) -> Tensor<2> {
    let [rows, inputs] = x.dims();
    assert_eq!(inputs, matrix.inputs(), "matmul: inputs");
    let (n, k) = (matrix.outputs() as u32, inputs as u32);
    let (x, weights) = (x.into_dispatch(), matrix.words().into_dispatch());
    Tensor::from_dispatch(if rows <= MATVEC_MAX_ROWS {
        let params = MatvecParams { rows: rows as u32, n, k, ..Zeroable::zeroed() };
        Dispatch::packed_matvec(x, weights, matrix.format(), params)
    } else {
        let params = MatmulParams { rows: rows as u32, n, k, ..Zeroable::zeroed() };
        Dispatch::packed_matmul(x, weights, matrix.format(), params)
    })
}

/// `silu(x · Gᵀ) · (x · Uᵀ)` where `matrix` stacks G on U: `[rows, inputs]` → `[rows, outputs / 2]`.
pub(crate) fn gated_matmul(x: Tensor<2>, matrix: &Matrix) -> Tensor<2> {
    let [rows, inputs] = x.dims();
    assert_eq!(inputs, matrix.inputs(), "gated_matmul: inputs");
    let (f, k) = ((matrix.outputs() / 2) as u32, inputs as u32);
    let (x, weights) = (x.into_dispatch(), matrix.words().into_dispatch());
    Tensor::from_dispatch(if rows <= MATVEC_MAX_ROWS {
        let params = GatedMatvecParams { rows: rows as u32, f, k, ..Zeroable::zeroed() };
        Dispatch::gated_matvec(x, weights, matrix.format(), params)
    } else {
        let params = GatedMatmulParams { rows: rows as u32, f, k, ..Zeroable::zeroed() };
        Dispatch::gated_matmul(x, weights, matrix.format(), params)
    })
}
