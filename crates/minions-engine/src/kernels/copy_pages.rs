//! `copy_pages`: pages of the cache to where they are packed to be read back, and from there into the cache again.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Cube, Dispatch, Flex, backend_extension};
use burn::tensor::{Int, Tensor};
use bytemuck::Zeroable;
use minions_shaders::cpu::{self, CopyPagesParams};
use minions_shaders::{PAGE_SIZE, Slots};

use super::launch::launch;
use super::tensors::plain;

#[backend_extension(Cube, Flex)]
trait CopyPagesOps: Backend {
    fn copy_pages(
        src: FloatTensor<Self>,
        pairs: IntTensor<Self>,
        dst: FloatTensor<Self>,
        params: CopyPagesParams,
    ) -> FloatTensor<Self>;
}

impl CopyPagesOps for Cube {
    fn copy_pages(
        src: FloatTensor<Self>,
        pairs: IntTensor<Self>,
        dst: FloatTensor<Self>,
        params: CopyPagesParams,
    ) -> FloatTensor<Self> {
        launch(&params, Slots::NONE, &[&src, &pairs, &dst]);
        dst
    }
}

impl CopyPagesOps for Flex {
    fn copy_pages(
        src: FloatTensor<Self>,
        pairs: IntTensor<Self>,
        mut dst: FloatTensor<Self>,
        params: CopyPagesParams,
    ) -> FloatTensor<Self> {
        let (src, pairs) = (plain(src), plain(pairs));
        // In place: the caller has handed over the only handle.
        cpu::copy_pages(src.storage(), pairs.storage(), &params, dst.storage_mut());
        dst
    }
}

/// Copies page `src_first + s` of `src` to page `dst_first + d` of `dst` for each of `pages` pairs `(s, d)`; both are
/// `[pages · 16, width]`. → `dst`, changed in place.
pub(crate) fn copy_pages(
    src: Tensor<2>,
    src_first: usize,
    pairs: Tensor<1, Int>,
    dst: Tensor<2>,
    dst_first: usize,
) -> Tensor<2> {
    let ([src_rows, width], [dst_rows, dst_width]) = (src.dims(), dst.dims());
    assert_eq!(width, dst_width, "copy_pages: width");
    let params = CopyPagesParams {
        pages: (pairs.dims()[0] / 2) as u32,
        page_words: (PAGE_SIZE * width) as u32,
        src_first: src_first as u32,
        dst_first: dst_first as u32,
        n_src: (src_rows / PAGE_SIZE) as u32,
        n_dst: (dst_rows / PAGE_SIZE) as u32,
        ..Zeroable::zeroed()
    };
    let (src, pairs, dst) = (src.into_dispatch(), pairs.into_dispatch(), dst.into_dispatch());
    Tensor::from_dispatch(Dispatch::copy_pages(src, pairs, dst, params))
}
