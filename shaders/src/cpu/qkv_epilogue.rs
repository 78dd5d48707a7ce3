//! Twin of `qkv_epilogue.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::product::dot;
use crate::{KvFormat, Params, QKV_EPILOGUE, Shader, Slots, step};

/// Without a norm two products and a sum, contracted or not; a norm's inverse square root is good to 2 ulp on a GPU.
pub const TOLERANCE: f32 = 1e-5;

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
    /// Head dimension D, even; with a cache in Q8_0 a multiple of 8, at most 256.
    pub head_dim: u32,
    /// Positions in the rope table.
    pub context_length: u32,
    /// Slots in the KV pages: pages times page size.
    pub n_slots: u32,
    /// How many elements of a head are turned, R: even, at most D; 0 for none.
    pub rotary_dim: u32,
    /// 1 if `vectors` has the bias.
    pub has_bias: u32,
    /// 1 if `vectors` has the weights of the norms of q and k.
    pub has_norm: u32,
    /// Added to the mean square of a head.
    pub eps: f32,
    /// Zero.
    pub pad: [u32; 6],
}

impl Params for QkvEpilogueParams {
    const SHADER: &'static Shader = &QKV_EPILOGUE;

    fn workgroups(&self, _: Slots) -> [u32; 3] {
        [self.n_heads + 2 * self.n_kv_heads, self.rows, 1]
    }
}

/// Splits `qkv: [rows, (H + 2 G) * D]` into heads, adds the bias, norms q and k, rotates them by `rope: [context_length,
/// R / 2, 2]` (cos, sin), and writes `q: [rows, H * D]` and each row's slot of `k_pages, v_pages: [n_slots, G * words of D]`.
/// `vectors` holds, as far as the params say, the bias `[(H + 2 G) * D]`, then the norms' weights `[D]` each.
#[expect(clippy::too_many_arguments, reason = "the bindings of the kernel")]
pub fn qkv_epilogue(
    qkv: &[f32],
    step: &[u32],
    rope: &[f32],
    vectors: &[f32],
    params: &QkvEpilogueParams,
    q: &mut [f32],
    format: KvFormat,
    k_pages: &mut [u32],
    v_pages: &mut [u32],
) {
    let (h, g, d) = (params.n_heads as usize, params.n_kv_heads as usize, params.head_dim as usize);
    let (context_length, rotary_dim) = (params.context_length as usize, params.rotary_dim as usize);
    let width = (h + 2 * g) * d;
    assert!(d.is_multiple_of(2) && rotary_dim.is_multiple_of(2), "head dimension {d}, {rotary_dim} turned: one is odd");
    assert!(rotary_dim <= d, "{rotary_dim} elements of a head of {d} are turned");
    assert_eq!(qkv.len(), params.rows as usize * width, "qkv: [rows, (H + 2 G) * D]");
    assert_eq!(q.len(), params.rows as usize * h * d, "q: [rows, H * D]");
    assert!(rope.len() >= context_length * rotary_dim, "rope: [context_length, R / 2, 2]");
    let (bias, norms) = vectors.split_at(if params.has_bias != 0 { width } else { 0 });
    let (q_norm, k_norm) = if params.has_norm != 0 { (&norms[..d], &norms[d..2 * d]) } else { (&[][..], &[][..]) };
    let mut heads = vec![0.0; width];
    for (row, (qkv, q)) in qkv.chunks_exact(width).zip(q.chunks_exact_mut(h * d)).enumerate() {
        heads.copy_from_slice(qkv);
        for (value, bias) in heads.iter_mut().zip(bias) {
            *value += bias;
        }
        let header = step::row_header(step, row);
        let (position, slot) = (header.position as usize, header.slot as usize);
        let turns = &rope[position.min(context_length - 1) * rotary_dim..][..rotary_dim];
        for (index, head) in heads[..(h + g) * d].chunks_exact_mut(d).enumerate() {
            normalise(head, if index < h { q_norm } else { k_norm }, params.eps);
            rotate(&mut head[..rotary_dim], turns);
        }
        q.copy_from_slice(&heads[..h * d]);
        if slot < params.n_slots as usize && position < context_length {
            let (k, v) = heads[h * d..].split_at(g * d);
            let words = format.words(d);
            for (heads, pages) in [(k, &mut *k_pages), (v, &mut *v_pages)] {
                let slot = &mut pages[slot * g * words..][..g * words];
                for (head, words) in heads.chunks_exact(d).zip(slot.chunks_exact_mut(words)) {
                    format.write(head, words);
                }
            }
        }
    }
}

/// Root-mean-square norm of one head; none without a weight.
fn normalise(head: &mut [f32], weight: &[f32], eps: f32) {
    if weight.is_empty() {
        return;
    }
    let factor = 1.0 / (dot(head, head) / head.len() as f32 + eps).sqrt();
    for (value, weight) in head.iter_mut().zip(weight) {
        *value *= factor * weight;
    }
}

/// Half-split rotation: `(a, b) = (x[i], x[i + R/2]) -> (a cos - b sin, b cos + a sin)`.
fn rotate(head: &mut [f32], turns: &[f32]) {
    let (first, second) = head.split_at_mut(head.len() / 2);
    for ((a, b), turn) in first.iter_mut().zip(second).zip(turns.chunks_exact(2)) {
        (*a, *b) = (*a * turn[0] - *b * turn[1], *b * turn[0] + *a * turn[1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: QkvEpilogueParams = QkvEpilogueParams {
        rows: 1,
        n_heads: 1,
        n_kv_heads: 1,
        head_dim: 4,
        context_length: 2,
        n_slots: 2,
        rotary_dim: 4,
        has_bias: 0,
        has_norm: 0,
        eps: 0.0,
        pad: [0; 6],
    };
    const QKV: [f32; 12] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0];

    fn floats(words: &[u32]) -> &[f32] {
        bytemuck::cast_slice(words)
    }

    #[test]
    fn rotates_q_and_k_and_fills_the_slot() {
        // One head each, D = 4; position 1 turns the first pair by a quarter, the second not at all.
        let rope = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0];
        let (mut q, mut k, mut v) = ([0.0; 4], [0; 8], [0; 8]);
        qkv_epilogue(&QKV, &[0, 1, 1, 0], &rope, &[], &PARAMS, &mut q, KvFormat::F32, &mut k, &mut v);
        assert_eq!(q, [-3.0, 2.0, 1.0, 4.0]);
        assert_eq!(floats(&k), [0.0, 0.0, 0.0, 0.0, -7.0, 6.0, 5.0, 8.0]);
        assert_eq!(floats(&v), [0.0, 0.0, 0.0, 0.0, 9.0, 10.0, 11.0, 12.0]);
        // A slot past the pages is not written.
        qkv_epilogue(&QKV, &[0, 0, 2, 0], &rope, &[], &PARAMS, &mut q, KvFormat::F32, &mut k, &mut v);
        assert_eq!((q, k[0]), ([1.0, 2.0, 3.0, 4.0], 0));
    }

    #[test]
    fn turns_a_part_of_a_head_or_nothing() {
        // Half of the head is one pair of neighbours; position 1 turns it by a quarter.
        let rope = [1.0, 0.0, 0.0, 1.0];
        let (mut q, mut k, mut v) = ([0.0; 4], [0; 8], [0; 8]);
        let params = QkvEpilogueParams { rotary_dim: 2, ..PARAMS };
        qkv_epilogue(&QKV, &[0, 1, 0, 0], &rope, &[], &params, &mut q, KvFormat::F32, &mut k, &mut v);
        assert_eq!((q, floats(&k[..4])), ([-2.0, 1.0, 3.0, 4.0], [-6.0, 5.0, 7.0, 8.0].as_slice()));
        let params = QkvEpilogueParams { rotary_dim: 0, ..PARAMS };
        qkv_epilogue(&QKV, &[0, 1, 0, 0], &[], &[], &params, &mut q, KvFormat::F32, &mut k, &mut v);
        assert_eq!((q.as_slice(), floats(&k[..4])), (&QKV[..4], &QKV[4..8]));
    }

    #[test]
    fn adds_the_bias_then_norms_q_and_k() {
        // With the bias q is all twos, k all fours and v all ones; each norm's weight is what remains of q and k.
        let bias: Vec<f32> =
            QKV.iter().zip([2.0; 4].into_iter().chain([-4.0; 4]).chain([1.0; 4])).map(|(x, y)| y - x).collect();
        let vectors = [bias.as_slice(), &[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0, 7.0, 8.0]].concat();
        let (mut q, mut k, mut v) = ([0.0; 4], [0; 8], [0; 8]);
        let params = QkvEpilogueParams { rotary_dim: 0, has_bias: 1, has_norm: 1, ..PARAMS };
        qkv_epilogue(&QKV, &[0, 0, 0, 0], &[], &vectors, &params, &mut q, KvFormat::F32, &mut k, &mut v);
        assert_eq!((q, floats(&k[..4])), ([1.0, 2.0, 3.0, 4.0], [-5.0, -6.0, -7.0, -8.0].as_slice()));
        assert_eq!(floats(&v[..4]), [1.0; 4]);
    }

    #[test]
    fn quantises_heads_for_the_cache() {
        // Two KV heads of 8: 3 words each, the last the scale; rotation by a quarter swaps halves before that.
        let params = QkvEpilogueParams { n_kv_heads: 2, head_dim: 8, rotary_dim: 2, ..PARAMS };
        let mut qkv = [0.0; 40];
        qkv[16..24].copy_from_slice(&[2.0, -127.0, 1.0, 0.0, 5.4, 0.0, 0.0, 0.0]);
        qkv[32..40].fill(0.5);
        let (mut q, mut k, mut v) = ([0.0; 8], [7; 12], [7; 12]);
        let rope = [1.0, 0.0, 0.0, 1.0];
        qkv_epilogue(&qkv, &[0, 1, 1, 0], &rope, &[], &params, &mut q, KvFormat::Q8_0, &mut k, &mut v);
        let word = |bytes: [i8; 4]| u32::from_le_bytes(bytes.map(|byte| byte as u8));
        assert_eq!(k[..6], [7; 6], "another slot");
        assert_eq!(k[6..9], [0; 3], "the first head");
        assert_eq!(k[9..11], [word([127, 2, 1, 0]), word([5, 0, 0, 0])]);
        assert!((f32::from_bits(k[11]) - 1.0).abs() < 1e-6);
        assert_eq!(v[9..11], [word([127; 4]); 2]);
        assert!((f32::from_bits(v[11]) - 0.5 / 127.0).abs() < 1e-9);
    }
}
