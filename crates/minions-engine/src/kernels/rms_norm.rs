//! `rms_norm` and `add_rms_norm`: normalisation of rows, the second with the residual sum before it.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Cube, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Tensor};
use bytemuck::Zeroable;
use minions_shaders::cpu::{self, AddRmsNormParams, RmsNormParams};
use minions_shaders::{ADD_RMS_NORM, RMS_NORM, Slots};

use super::launch::launch;
use super::overlays::chosen;
use super::tensors::{empty, from_vec, plain};

#[backend_extension(Cube, Flex)]
trait RmsNormOps: Backend {
    fn rms_norm(x: FloatTensor<Self>, weight: FloatTensor<Self>, params: RmsNormParams) -> FloatTensor<Self>;

    fn add_rms_norm(
        x: FloatTensor<Self>,
        delta: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        params: AddRmsNormParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

impl RmsNormOps for Cube {
    fn rms_norm(x: FloatTensor<Self>, weight: FloatTensor<Self>, params: RmsNormParams) -> FloatTensor<Self> {
        let out = empty(&x, x.shape(), DType::F32);
        launch(&params, chosen(&x, &RMS_NORM, Slots::NONE), &[&x, &weight, &out]);
        out
    }

    fn add_rms_norm(
        x: FloatTensor<Self>,
        delta: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        params: AddRmsNormParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let sum = empty(&x, x.shape(), DType::F32);
        let out = empty(&x, x.shape(), DType::F32);
        launch(&params, chosen(&x, &ADD_RMS_NORM, Slots::NONE), &[&x, &delta, &weight, &sum, &out]);
        (sum, out)
    }
}

impl RmsNormOps for Flex {
    fn rms_norm(x: FloatTensor<Self>, weight: FloatTensor<Self>, params: RmsNormParams) -> FloatTensor<Self> {
        let (x, weight) = (plain(x), plain(weight));
        let mut out = vec![0.0; x.shape().num_elements()];
        cpu::rms_norm(x.storage(), weight.storage(), &params, &mut out);
        from_vec(out, x.shape())
    }

    fn add_rms_norm(
        x: FloatTensor<Self>,
        delta: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        params: AddRmsNormParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (x, delta, weight) = (plain(x), plain(delta), plain(weight));
        let len = x.shape().num_elements();
        let (mut sum, mut out) = (vec![0.0; len], vec![0.0; len]);
        cpu::add_rms_norm(x.storage(), delta.storage(), weight.storage(), &params, &mut sum, &mut out);
        (from_vec(sum, x.shape()), from_vec(out, x.shape()))
    }
}

/// `x · weight / √(mean(x²) + eps)` per row: `[rows, hidden]`, `[hidden]` → `[rows, hidden]`.
pub(crate) fn rms_norm(x: Tensor<2>, weight: Tensor<1>, eps: f32) -> Tensor<2> {
    let [rows, hidden] = x.dims();
    assert_eq!(weight.dims(), [hidden], "rms_norm: weight");
    let params = RmsNormParams { rows: rows as u32, hidden: hidden as u32, eps, ..Zeroable::zeroed() };
    Tensor::from_dispatch(Dispatch::rms_norm(x.into_dispatch(), weight.into_dispatch(), params))
}

/// `(x + delta_scale · delta, its rms_norm)`, each `[rows, hidden]`.
pub(crate) fn add_rms_norm(
    x: Tensor<2>,
    delta: Tensor<2>,
    weight: Tensor<1>,
    eps: f32,
    delta_scale: f32,
) -> (Tensor<2>, Tensor<2>) {
    let [rows, hidden] = x.dims();
    assert_eq!(delta.dims(), [rows, hidden], "add_rms_norm: delta");
    assert_eq!(weight.dims(), [hidden], "add_rms_norm: weight");
    let params = AddRmsNormParams { rows: rows as u32, hidden: hidden as u32, eps, delta_scale, ..Zeroable::zeroed() };
    let (x, delta, weight) = (x.into_dispatch(), delta.into_dispatch(), weight.into_dispatch());
    let (sum, out) = Dispatch::add_rms_norm(x, delta, weight, params);
    (Tensor::from_dispatch(sum), Tensor::from_dispatch(out))
}
