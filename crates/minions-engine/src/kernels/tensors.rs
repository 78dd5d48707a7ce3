//! Between tensors and what kernels and twins take: new outputs, slices, read-backs.

use burn::backend::flex::FlexTensor;
use burn::tensor::{DType, Int, Shape, Tensor, TensorData};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;

use super::launch::note_read_back;
use crate::error::{Error, Result};

/// An uninitialised tensor on the device of `like`.
pub(super) fn empty(like: &CubeTensor, shape: impl Into<Shape>, dtype: DType) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape.into(), dtype)
}

/// A tensor on the CPU whose buffer is exactly its elements, in order.
pub(super) fn plain(tensor: FlexTensor) -> FlexTensor {
    if tensor.is_contiguous() && tensor.layout().start_offset() == 0 { tensor } else { tensor.to_contiguous() }
}

/// A tensor on the CPU of these values.
pub(super) fn from_vec<T: burn::tensor::Element>(values: Vec<T>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape.into()))
}

/// Reads a float tensor back, in order.
pub async fn read_f32<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let data = tensor.into_data_async().await.map_err(|error| Error::Gpu(format!("{error:?}")))?;
    note_read_back(data.num_elements() * size_of::<f32>());
    data.try_into_vec().map_err(|error| Error::Gpu(format!("{error:?}")))
}

/// Reads a tensor of ids back, in order.
pub async fn read_u32<const D: usize>(tensor: Tensor<D, Int>) -> Result<Vec<u32>> {
    let data = tensor.into_data_async().await.map_err(|error| Error::Gpu(format!("{error:?}")))?;
    note_read_back(data.num_elements() * size_of::<u32>());
    data.try_into_vec().map_err(|error| Error::Gpu(format!("{error:?}")))
}
