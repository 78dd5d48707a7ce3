//! Between tensors and what kernels and twins take: new outputs, slices, read-backs.

use std::cell::RefCell;
use std::fmt::Debug;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use burn::backend::Cube;
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

/// A tensor of ids as cubecl has it.
pub(super) fn primitive(tensor: Tensor<1, Int>) -> Result<CubeTensor> {
    tensor.try_into_primitive::<Cube>().map_err(|error| Error::Gpu(format!("{error:?}")))
}

/// A tensor of numbers as cubecl has it.
pub(super) fn float_primitive(tensor: Tensor<1>) -> Result<CubeTensor> {
    tensor.try_into_primitive::<Cube>().map_err(|error| Error::Gpu(format!("{error:?}")))
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
    let data = read_back(tensor.into_data_async()).await?;
    data.try_into_vec().map_err(|error| Error::Gpu(format!("{error:?}")))
}

/// Reads a tensor of ids back, in order.
pub async fn read_u32<const D: usize>(tensor: Tensor<D, Int>) -> Result<Vec<u32>> {
    let data = read_back(tensor.into_data_async()).await?;
    data.try_into_vec().map_err(|error| Error::Gpu(format!("{error:?}")))
}

async fn read_back<E: Debug + 'static>(
    data: impl Future<Output = std::result::Result<TensorData, E>> + 'static,
) -> Result<TensorData> {
    // Taken one at a time: should this future be dropped as well, the rest is still there for the next one.
    while let Some(abandoned) = ABANDONED.with_borrow_mut(Vec::pop) {
        // Whoever asked for it is gone, and so is the interest in its result.
        let _ = InFlight(Some(abandoned)).await;
    }
    let data = async {
        let data = data.await.map_err(|error| Error::Gpu(format!("{error:?}")))?;
        // Some of the work is done when the bytes are first looked at, and whoever does it elsewhere does not expect it to fail.
        data.bytes().read(Default::default()).map_err(|error| Error::Gpu(error.to_string()))?;
        Ok(data)
    };
    let data = InFlight(Some(Box::pin(data))).await?;
    note_read_back(data.bytes().len());
    Ok(data)
}

/// Gives up on read-backs whose callers were cancelled: their device does not answer any more.
pub fn forget_abandoned() {
    ABANDONED.take();
}

type ReadBack = Pin<Box<dyn Future<Output = Result<TensorData>>>>;

thread_local! {
    /// Read-backs whose callers were cancelled.
    static ABANDONED: RefCell<Vec<ReadBack>> = const { RefCell::new(Vec::new()) };
}

/// A read-back that is finished even if its caller is not there any more.
///
/// Cancelling is dropping, but cubecl returns a read-back's staging buffer to its pool when the future is dropped although
/// the buffer is still being mapped; the next read-back would then use a mapped buffer, which is an error that ends the
/// device. So what is dropped unfinished is put aside, and finished before the next read-back begins.
struct InFlight(Option<ReadBack>);

impl Future for InFlight {
    type Output = Result<TensorData>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.0.as_mut().expect("not polled after its end");
        let result = ready!(future.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(result)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(unfinished) = self.0.take() {
            ABANDONED.with_borrow_mut(|abandoned| abandoned.push(unfinished));
        }
    }
}
