//! `attention`: every row attends to its own sequence in the paged cache, up to itself.
//!
//! Steps that read a prompt use tiles of rows, which share what they load of the cache; in decode steps rows whose sequences
//! begin on the same pages share that.

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Cube, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Tensor};
use bytemuck::Zeroable;
use minions_shaders::cpu::{self, AttentionDecodeParams, AttentionPrefillParams};
use minions_shaders::{KvFormat, PAGE_SIZE, Slots};

use super::Heads;
use super::launch::launch;
use super::tensors::{empty, from_vec, plain};
use crate::generate::{Phase, Step};
use crate::model::KvPages;

#[backend_extension(Cube, Flex)]
trait AttentionOps: Backend {
    fn attention_decode(
        q: FloatTensor<Self>,
        step: IntTensor<Self>,
        k_pages: FloatTensor<Self>,
        v_pages: FloatTensor<Self>,
        format: KvFormat,
        params: AttentionDecodeParams,
        group_rows: usize,
    ) -> FloatTensor<Self>;

    fn attention_prefill(
        q: FloatTensor<Self>,
        step: IntTensor<Self>,
        k_pages: FloatTensor<Self>,
        v_pages: FloatTensor<Self>,
        format: KvFormat,
        params: AttentionPrefillParams,
    ) -> FloatTensor<Self>;
}

impl AttentionOps for Cube {
    fn attention_decode(
        q: FloatTensor<Self>,
        step: IntTensor<Self>,
        k_pages: FloatTensor<Self>,
        v_pages: FloatTensor<Self>,
        format: KvFormat,
        params: AttentionDecodeParams,
        group_rows: usize,
    ) -> FloatTensor<Self> {
        let out = empty(&q, q.shape(), DType::F32);
        launch(&params, Slots::kv_and_rows(format, group_rows as u32), &[&q, &step, &k_pages, &v_pages, &out]);
        out
    }

    fn attention_prefill(
        q: FloatTensor<Self>,
        step: IntTensor<Self>,
        k_pages: FloatTensor<Self>,
        v_pages: FloatTensor<Self>,
        format: KvFormat,
        params: AttentionPrefillParams,
    ) -> FloatTensor<Self> {
        let out = empty(&q, q.shape(), DType::F32);
        launch(&params, Slots::kv(format), &[&q, &step, &k_pages, &v_pages, &out]);
        out
    }
}

impl AttentionOps for Flex {
    fn attention_decode(
        q: FloatTensor<Self>,
        step: IntTensor<Self>,
        k_pages: FloatTensor<Self>,
        v_pages: FloatTensor<Self>,
        format: KvFormat,
        params: AttentionDecodeParams,
        _group_rows: usize,
    ) -> FloatTensor<Self> {
        let (q, step, k, v) = (plain(q), plain(step), plain(k_pages), plain(v_pages));
        let (k, v) = (words(&k), words(&v));
        let mut out = vec![0.0; q.shape().num_elements()];
        cpu::attention_decode(q.storage(), step.storage(), format, k, v, &params, &mut out);
        from_vec(out, q.shape())
    }

    fn attention_prefill(
        q: FloatTensor<Self>,
        step: IntTensor<Self>,
        k_pages: FloatTensor<Self>,
        v_pages: FloatTensor<Self>,
        format: KvFormat,
        params: AttentionPrefillParams,
    ) -> FloatTensor<Self> {
        let (q, step, k, v) = (plain(q), plain(step), plain(k_pages), plain(v_pages));
        let (k, v) = (words(&k), words(&v));
        let mut out = vec![0.0; q.shape().num_elements()];
        cpu::attention_prefill(q.storage(), step.storage(), format, k, v, &params, &mut out);
        from_vec(out, q.shape())
    }
}

/// What stands in pages, bit by bit.
fn words(pages: &FlexTensor) -> &[u32] {
    let floats: &[f32] = pages.storage();
    bytemuck::cast_slice(floats)
}

/// How a layer scores positions, and which.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scores {
    /// Factor on the products of queries and keys.
    pub scale: f32,
    /// Scores stay within this, by tanh.
    pub softcap: Option<f32>,
    /// How many positions a row sees, its own included.
    pub window: Option<usize>,
}

/// `q [rows, heads · dim]` over the cache → `[rows, heads · dim]`.
pub(crate) fn attention(q: Tensor<2>, step: &Step, pages: KvPages, heads: Heads, scores: Scores) -> Tensor<2> {
    let KvPages { k, v, format } = pages;
    assert_eq!(q.dims(), [step.rows(), heads.q * heads.dim], "attention: q");
    assert_eq!(k.dims()[1], heads.kv * format.words(heads.dim), "attention: words of a slot");
    let (table_offset, pages_per_sequence) = step.tables();
    let (groups_offset, groups) = step.groups();
    let decode = AttentionDecodeParams {
        rows: step.rows() as u32,
        n_heads: heads.q as u32,
        n_kv_heads: heads.kv as u32,
        head_dim: heads.dim as u32,
        scale: scores.scale,
        table_offset: table_offset as u32,
        pages_per_seq: pages_per_sequence as u32,
        n_pages: (k.dims()[0] / PAGE_SIZE) as u32,
        softcap: scores.softcap.unwrap_or(0.0),
        window: scores.window.unwrap_or(0) as u32,
        groups_offset: groups_offset as u32,
        n_groups: groups as u32,
        ..Zeroable::zeroed()
    };
    let (q, words) = (q.into_dispatch(), step.words().into_dispatch());
    let (k, v) = (k.into_dispatch(), v.into_dispatch());
    if step.phase() == Phase::Decode {
        return Tensor::from_dispatch(Dispatch::attention_decode(q, words, k, v, format, decode, step.group_rows()));
    }
    let (tiles_offset, tiles) = step.tiles();
    let prefill = AttentionPrefillParams {
        rows: decode.rows,
        n_heads: decode.n_heads,
        n_kv_heads: decode.n_kv_heads,
        head_dim: decode.head_dim,
        scale: decode.scale,
        table_offset: decode.table_offset,
        pages_per_seq: decode.pages_per_seq,
        n_pages: decode.n_pages,
        softcap: decode.softcap,
        window: decode.window,
        n_tiles: tiles as u32,
        tiles_offset: tiles_offset as u32,
        ..Zeroable::zeroed()
    };
    Tensor::from_dispatch(Dispatch::attention_prefill(q, words, k, v, format, prefill))
}
