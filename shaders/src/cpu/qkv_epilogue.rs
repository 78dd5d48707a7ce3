//! Twin of `qkv_epilogue.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::{Params, QKV_EPILOGUE, Shader, Slots, step};

/// Two products and a sum, contracted or not.
pub const TOLERANCE: f32 = 1e-6;

/// Params of `qkv_epilogue`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct QkvEpilogueParams {
    /// Rows of the step.
    pub rows: u32,
    /// Query heads, H.
    pub n_heads: u32,
    /// Key and value heads, G.
    pub n_kv_heads: u32,
    /// Head dimension D, even.
    pub head_dim: u32,
    /// Positions in the rope table.
    pub context_length: u32,
    /// Slots in the KV pages: pages times page size.
    pub n_slots: u32,
    /// Zero.
    pub pad: [u32; 2],
}

impl Params for QkvEpilogueParams {
    const SHADER: &'static Shader = &QKV_EPILOGUE;

    fn workgroups(&self, _: Slots) -> [u32; 3] {
        let pairs = (self.n_heads + 2 * self.n_kv_heads) * self.head_dim / 2;
        [pairs.div_ceil(64), self.rows, 1]
    }
}

/// Splits `qkv: [rows, (H + 2 G) * D]` into heads, rotates q and k by `rope: [context_length, D / 2, 2]` (cos, sin), and
/// writes `q: [rows, H * D]` and each row's slot of `k_pages, v_pages: [n_slots, G * D]`.
pub fn qkv_epilogue(
    qkv: &[f32],
    step: &[u32],
    rope: &[f32],
    params: &QkvEpilogueParams,
    q: &mut [f32],
    k_pages: &mut [f32],
    v_pages: &mut [f32],
) {
    let (h, g, d) = (params.n_heads as usize, params.n_kv_heads as usize, params.head_dim as usize);
    let context_length = params.context_length as usize;
    assert!(d.is_multiple_of(2), "head dimension {d} is odd");
    assert_eq!(qkv.len(), params.rows as usize * (h + 2 * g) * d, "qkv: [rows, (H + 2 G) * D]");
    assert_eq!(q.len(), params.rows as usize * h * d, "q: [rows, H * D]");
    assert!(rope.len() >= context_length * d, "rope: [context_length, D / 2, 2]");
    for (row, (qkv, q)) in qkv.chunks_exact((h + 2 * g) * d).zip(q.chunks_exact_mut(h * d)).enumerate() {
        let header = step::row_header(step, row);
        let (position, slot) = (header.position as usize, header.slot as usize);
        let turns = &rope[position.min(context_length - 1) * d..][..d];
        let (queries, rest) = qkv.split_at(h * d);
        let (keys, values) = rest.split_at(g * d);
        for (from, to) in queries.chunks_exact(d).zip(q.chunks_exact_mut(d)) {
            rotate(from, turns, to);
        }
        if slot >= params.n_slots as usize || position >= context_length {
            continue;
        }
        for (from, to) in keys.chunks_exact(d).zip(k_pages[slot * g * d..][..g * d].chunks_exact_mut(d)) {
            rotate(from, turns, to);
        }
        v_pages[slot * g * d..][..g * d].copy_from_slice(values);
    }
}

/// Half-split rotation of one head: `(a, b) = (x[i], x[i + D/2]) -> (a cos - b sin, b cos + a sin)`.
fn rotate(from: &[f32], turns: &[f32], to: &mut [f32]) {
    let half = from.len() / 2;
    for (i, turn) in turns.chunks_exact(2).enumerate() {
        let (a, b) = (from[i], from[i + half]);
        to[i] = a * turn[0] - b * turn[1];
        to[i + half] = b * turn[0] + a * turn[1];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotates_q_and_k_and_fills_the_slot() {
        // One head each, D = 4; position 1 turns the first pair by a quarter, the second not at all.
        let rope = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0];
        let qkv = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0];
        let params = QkvEpilogueParams {
            rows: 1,
            n_heads: 1,
            n_kv_heads: 1,
            head_dim: 4,
            context_length: 2,
            n_slots: 2,
            ..Default::default()
        };
        let (mut q, mut k, mut v) = ([0.0; 4], [0.0; 8], [0.0; 8]);
        qkv_epilogue(&qkv, &[0, 1, 1, 0], &rope, &params, &mut q, &mut k, &mut v);
        assert_eq!(q, [-3.0, 2.0, 1.0, 4.0]);
        assert_eq!(k, [0.0, 0.0, 0.0, 0.0, -7.0, 6.0, 5.0, 8.0]);
        assert_eq!(v, [0.0, 0.0, 0.0, 0.0, 9.0, 10.0, 11.0, 12.0]);
        // A slot past the pages is not written.
        qkv_epilogue(&qkv, &[0, 0, 2, 0], &rope, &params, &mut q, &mut k, &mut v);
        assert_eq!((q, k[0]), ([1.0, 2.0, 3.0, 4.0], 0.0));
    }
}
