//! Twin of `attention_prefill.wgsl`: the attention of `attention_decode`, for the rows of the tiles only.

use bytemuck::{Pod, Zeroable};

use super::attention_decode::{AttentionDecodeParams, Scratch, attend};
use crate::{ATTENTION_PREFILL, KvFormat, Params, Shader, Slots, TILE_ROWS, step};

/// As for `attention_decode`.
pub const TOLERANCE: f32 = super::attention_decode::TOLERANCE;

/// Params of `attention_prefill`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct AttentionPrefillParams {
    /// Rows of the step.
    pub rows: u32,
    /// Query heads, H: a multiple of G.
    pub n_heads: u32,
    /// Key and value heads, G.
    pub n_kv_heads: u32,
    /// Head dimension D: a multiple of 8, at most 256.
    pub head_dim: u32,
    /// Factor on the scores, 1 / sqrt(D) in most families.
    pub scale: f32,
    /// Word of the step at which the block table begins.
    pub table_offset: u32,
    /// Pages per sequence in the block table.
    pub pages_per_seq: u32,
    /// Pages in `k_pages` and `v_pages`.
    pub n_pages: u32,
    /// Tiles.
    pub n_tiles: u32,
    /// Word of the step at which the tiles begin.
    pub tiles_offset: u32,
    /// Scores stay within this, by tanh; 0 leaves them as they are.
    pub softcap: f32,
    /// Positions a row sees, its own included; 0 lets it see all.
    pub window: u32,
    /// Zero.
    pub pad: [u32; 4],
}

impl Params for AttentionPrefillParams {
    const SHADER: &'static Shader = &ATTENTION_PREFILL;

    fn workgroups(&self, _: Slots) -> [u32; 3] {
        [self.n_heads, self.n_tiles, self.head_dim.div_ceil(64)]
    }
}

/// As [`attention_decode`](super::attention_decode()), for the rows that the tiles name; other rows of `out` stay.
pub fn attention_prefill(
    q: &[f32],
    step: &[u32],
    format: KvFormat,
    k_pages: &[u32],
    v_pages: &[u32],
    params: &AttentionPrefillParams,
    out: &mut [f32],
) {
    let (rows, width) = (params.rows as usize, (params.n_heads * params.head_dim) as usize);
    assert_eq!((q.len(), out.len()), (rows * width, rows * width), "q, out: [rows, H * D]");
    let shape = AttentionDecodeParams {
        rows: params.rows,
        n_heads: params.n_heads,
        n_kv_heads: params.n_kv_heads,
        head_dim: params.head_dim,
        scale: params.scale,
        table_offset: params.table_offset,
        pages_per_seq: params.pages_per_seq,
        n_pages: params.n_pages,
        softcap: params.softcap,
        window: params.window,
        ..Default::default()
    };
    let mut scratch = Scratch::default();
    for tile in (0..params.n_tiles as usize).map(|tile| step::tile(step, params.tiles_offset, tile)) {
        let first = tile.first_row as usize;
        let header = step::row_header(step, first.min(rows - 1));
        for row in first..(first + TILE_ROWS.min(tile.row_count as usize)).min(rows) {
            let place = (header.sequence, header.position + (row - first) as u32);
            let (q, out) = (&q[row * width..][..width], &mut out[row * width..][..width]);
            attend(q, step, place, (format, k_pages, v_pages), &shape, &mut scratch, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_sees_the_positions_up_to_its_own() {
        // Zero queries average the values seen: position p holds p, so row at position p gets p / 2.
        let d = 8;
        let v: Vec<f32> = (0..16 * d).map(|i| (i / d) as f32).collect();
        let step = [0, 2, 2, 0, 0, 3, 3, 0, 0, 9, 9, 0, /* block table: */ 0, /* one tile: */ 0, 2];
        let params = AttentionPrefillParams {
            rows: 3,
            n_heads: 1,
            n_kv_heads: 1,
            head_dim: 8,
            scale: 1.0,
            table_offset: 12,
            pages_per_seq: 1,
            n_pages: 1,
            n_tiles: 1,
            tiles_offset: 13,
            ..Default::default()
        };
        let mut out = vec![-1.0; 3 * d];
        attention_prefill(
            &vec![0.0; 3 * d],
            &step,
            KvFormat::F32,
            &vec![0; 16 * d],
            bytemuck::cast_slice(&v),
            &params,
            &mut out,
        );
        assert!((out[0] - 1.0).abs() < 1e-6 && (out[d] - 1.5).abs() < 1e-6, "{out:?}");
        assert_eq!(out[2 * d..], [-1.0; 8], "a row of no tile stays");
    }
}
