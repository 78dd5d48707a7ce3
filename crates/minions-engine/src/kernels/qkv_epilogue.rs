//! `qkv_epilogue`: adds the bias, normalises and rotates queries and keys, and writes keys and values to the rows' slots of
//! the cache.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Cube, Dispatch, Flex, backend_extension};
use burn::module::Module;
use burn::tensor::{DType, Device, Tensor, TensorData};
use bytemuck::Zeroable;
use minions_shaders::cpu::{self, QkvEpilogueParams};
use minions_shaders::{KvFormat, Slots};

use super::Heads;
use super::launch::launch;
use super::tensors::{empty, from_vec, plain};
use crate::generate::Step;
use crate::model::{KvPages, RopeTable};

#[backend_extension(Cube, Flex)]
trait QkvEpilogueOps: Backend {
    #[allow(
        clippy::too_many_arguments,
        reason = "the bindings of the kernel; not expected of all that the macro makes of it"
    )]
    fn qkv_epilogue(
        qkv: FloatTensor<Self>,
        step: IntTensor<Self>,
        rope: FloatTensor<Self>,
        vectors: FloatTensor<Self>,
        k_pages: FloatTensor<Self>,
        v_pages: FloatTensor<Self>,
        format: KvFormat,
        params: QkvEpilogueParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

impl QkvEpilogueOps for Cube {
    fn qkv_epilogue(
        qkv: FloatTensor<Self>,
        step: IntTensor<Self>,
        rope: FloatTensor<Self>,
        vectors: FloatTensor<Self>,
        k_pages: FloatTensor<Self>,
        v_pages: FloatTensor<Self>,
        format: KvFormat,
        params: QkvEpilogueParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let q = empty(&qkv, [params.rows as usize, (params.n_heads * params.head_dim) as usize], DType::F32);
        launch(&params, Slots::kv(format), &[&qkv, &step, &rope, &vectors, &q, &k_pages, &v_pages]);
        (q, k_pages, v_pages)
    }
}

impl QkvEpilogueOps for Flex {
    fn qkv_epilogue(
        qkv: FloatTensor<Self>,
        step: IntTensor<Self>,
        rope: FloatTensor<Self>,
        vectors: FloatTensor<Self>,
        mut k_pages: FloatTensor<Self>,
        mut v_pages: FloatTensor<Self>,
        format: KvFormat,
        params: QkvEpilogueParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (qkv, step, rope, vectors) = (plain(qkv), plain(step), plain(rope), plain(vectors));
        let shape = [params.rows as usize, (params.n_heads * params.head_dim) as usize];
        let mut q = vec![0.0; shape[0] * shape[1]];
        // In place: the cache handed its only handles over (see `LayerCache::write`).
        let (k, v): (&mut [f32], &mut [f32]) = (k_pages.storage_mut(), v_pages.storage_mut());
        let (k, v) = (bytemuck::cast_slice_mut(k), bytemuck::cast_slice_mut(v));
        let (rope, vectors) = (rope.storage(), vectors.storage());
        cpu::qkv_epilogue(qkv.storage(), step.storage(), rope, vectors, &params, &mut q, format, k, v);
        (from_vec(q, shape), k_pages, v_pages)
    }
}

/// What a family has beside the projections: their bias, and norms of each head of queries and keys.
#[derive(Module, Debug)]
pub(crate) struct QkvVectors {
    /// The bias `[(heads + 2 · kv_heads) · dim]`, then the weights of the two norms `[dim]`, as far as there are any.
    values: Tensor<1>,
    has_bias: bool,
    has_norm: bool,
    eps: f32,
}

impl QkvVectors {
    /// The bias of the stacked projections, and the weights of the norms of queries and keys, one after the other.
    pub fn new(bias: Option<Vec<f32>>, norms: Option<Vec<f32>>, eps: f32, device: &Device) -> Self {
        let (has_bias, has_norm) = (bias.is_some(), norms.is_some());
        let mut values = [bias.unwrap_or_default(), norms.unwrap_or_default()].concat();
        if values.is_empty() {
            // A binding is never empty.
            values.push(0.0);
        }
        let len = values.len();
        Self { values: Tensor::from_data(TensorData::new(values, [len]), device), has_bias, has_norm, eps }
    }
}

/// `qkv [rows, (heads + 2 · kv_heads) · dim]` → rotated queries `[rows, heads · dim]` and the changed pages.
pub(crate) fn qkv_epilogue(
    qkv: Tensor<2>,
    step: &Step,
    rope: &RopeTable,
    vectors: &QkvVectors,
    pages: KvPages,
    heads: Heads,
) -> (Tensor<2>, KvPages) {
    let KvPages { k, v, format } = pages;
    assert_eq!(qkv.dims(), [step.rows(), (heads.q + 2 * heads.kv) * heads.dim], "qkv_epilogue: qkv");
    assert_eq!(k.dims()[1], heads.kv * format.words(heads.dim), "qkv_epilogue: words of a slot");
    let params = QkvEpilogueParams {
        rows: step.rows() as u32,
        n_heads: heads.q as u32,
        n_kv_heads: heads.kv as u32,
        head_dim: heads.dim as u32,
        context_length: rope.context_length() as u32,
        n_slots: k.dims()[0] as u32,
        rotary_dim: rope.dim() as u32,
        has_bias: vectors.has_bias.into(),
        has_norm: vectors.has_norm.into(),
        eps: vectors.eps,
        ..Zeroable::zeroed()
    };
    let (q, k, v) = Dispatch::qkv_epilogue(
        qkv.into_dispatch(),
        step.words().into_dispatch(),
        rope.values().into_dispatch(),
        vectors.values.clone().into_dispatch(),
        k.into_dispatch(),
        v.into_dispatch(),
        format,
        params,
    );
    (Tensor::from_dispatch(q), KvPages { k: Tensor::from_dispatch(k), v: Tensor::from_dispatch(v), format })
}
