//! `add_bias`: a vector added to every row.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Cube, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Tensor};
use bytemuck::Zeroable;
use minions_shaders::Slots;
use minions_shaders::cpu::{self, AddBiasParams};

use super::launch::launch;
use super::tensors::{empty, from_vec, plain};

#[backend_extension(Cube, Flex)]
trait AddBiasOps: Backend {
    fn add_bias(x: FloatTensor<Self>, bias: FloatTensor<Self>, params: AddBiasParams) -> FloatTensor<Self>;
}

impl AddBiasOps for Cube {
    fn add_bias(x: FloatTensor<Self>, bias: FloatTensor<Self>, params: AddBiasParams) -> FloatTensor<Self> {
        let out = empty(&x, x.shape(), DType::F32);
        launch(&params, Slots::NONE, &[&x, &bias, &out]);
        out
    }
}

impl AddBiasOps for Flex {
    fn add_bias(x: FloatTensor<Self>, bias: FloatTensor<Self>, params: AddBiasParams) -> FloatTensor<Self> {
        let (x, bias) = (plain(x), plain(bias));
        let mut out = vec![0.0; x.shape().num_elements()];
        cpu::add_bias(x.storage(), bias.storage(), &params, &mut out);
        from_vec(out, x.shape())
    }
}

/// `x + bias` per row: `[rows, n]`, `[n]` → `[rows, n]`.
pub(crate) fn add_bias(x: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    let [rows, n] = x.dims();
    assert_eq!(bias.dims(), [n], "add_bias: bias");
    let params = AddBiasParams { rows: rows as u32, n: n as u32, ..Zeroable::zeroed() };
    Tensor::from_dispatch(Dispatch::add_bias(x.into_dispatch(), bias.into_dispatch(), params))
}
