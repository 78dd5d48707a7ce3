//! Twin of `attention_decode.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::product::dot;
use crate::{ATTENTION_DECODE, KvFormat, MAX_HEAD_DIM, PAGE_SIZE, Params, Shader, Slots, step};

/// Softmax in one pass on the GPU, in two here; the GPU's exp is good to some ulp.
pub const TOLERANCE: f32 = 2e-5;

/// Params of `attention_decode`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct AttentionDecodeParams {
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
    /// Scores stay within this, by tanh; 0 leaves them as they are.
    pub softcap: f32,
    /// Positions a row sees, its own included; 0 lets it see all.
    pub window: u32,
    /// Word of the step at which the groups begin.
    pub groups_offset: u32,
    /// How many there are; those without rows do nothing.
    pub n_groups: u32,
    /// Zero.
    pub pad: [u32; 4],
}

impl Params for AttentionDecodeParams {
    const SHADER: &'static Shader = &ATTENTION_DECODE;

    fn workgroups(&self, _: Slots) -> [u32; 3] {
        [self.n_heads, self.n_groups, 1]
    }
}

/// `out[r, h, :] = sum_p softmax_p(score(q[r, h, :], k[p, g, :])) * v[p, g, :]` over the positions of the row's sequence up to
/// its own, as far back as the window goes, with `q, out: [rows, H * D]`, `k_pages, v_pages: [n_pages * 16, G * words of D]`,
/// `g = h / (H / G)`.
///
/// All rows, in whatever groups they are: what those have in common is loaded once, and changes nothing.
pub fn attention_decode(
    q: &[f32],
    step: &[u32],
    format: KvFormat,
    k_pages: &[u32],
    v_pages: &[u32],
    params: &AttentionDecodeParams,
    out: &mut [f32],
) {
    let width = (params.n_heads * params.head_dim) as usize;
    assert_eq!(
        (q.len(), out.len()),
        (params.rows as usize * width, params.rows as usize * width),
        "q, out: [rows, H * D]"
    );
    let mut scratch = Scratch::default();
    for (row, (q, out)) in q.chunks_exact(width).zip(out.chunks_exact_mut(width)).enumerate() {
        let header = step::row_header(step, row);
        attend(q, step, (header.sequence, header.position), (format, k_pages, v_pages), params, &mut scratch, out);
    }
}

/// Buffers of [`attend`], kept from row to row.
#[derive(Default)]
pub(super) struct Scratch {
    slots: Vec<usize>,
    scores: Vec<f32>,
    head: Vec<f32>,
}

/// All heads of one row, which stands at `place`: (sequence, position). `pages` are those of keys and of values.
pub(super) fn attend(
    q: &[f32],
    step: &[u32],
    place: (u32, u32),
    pages: (KvFormat, &[u32], &[u32]),
    params: &AttentionDecodeParams,
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    let (h, g, d) = (params.n_heads as usize, params.n_kv_heads as usize, params.head_dim as usize);
    let (pages_per_seq, n_pages) = (params.pages_per_seq as usize, params.n_pages as usize);
    assert!(d.is_multiple_of(8) && d <= MAX_HEAD_DIM, "head dimension {d} is not a multiple of 8 up to {MAX_HEAD_DIM}");
    assert!(h.is_multiple_of(g), "{h} query heads do not share {g} KV heads evenly");
    let table = &step[params.table_offset as usize + place.0 as usize * pages_per_seq..][..pages_per_seq];
    let last = (place.1 as usize).min(pages_per_seq * PAGE_SIZE - 1);
    let begin = if params.window > 0 { (last + 1).saturating_sub(params.window as usize) } else { 0 };
    let (format, k_pages, v_pages) = pages;
    let words = format.words(d);
    let Scratch { slots, scores, head: room } = scratch;
    room.resize(d, 0.0);
    slots.clear();
    slots.extend((begin..=last).map(|p| (table[p / PAGE_SIZE] as usize).min(n_pages - 1) * PAGE_SIZE + p % PAGE_SIZE));
    for (head, (q, out)) in q.chunks_exact(d).zip(out.chunks_exact_mut(d)).enumerate() {
        let column = head / (h / g) * words;
        scores.clear();
        let score = |slot: &usize| {
            let k = format.read(&k_pages[slot * g * words + column..][..words], room);
            params.scale * dot(q, k)
        };
        scores.extend(slots.iter().map(score).map(|score| soft_cap(score, params.softcap)));
        let peak = scores.iter().fold(f32::MIN, |peak, &score| peak.max(score));
        let mut mass = 0.0;
        out.fill(0.0);
        for (slot, score) in slots.iter().zip(scores.iter()) {
            let prob = (score - peak).exp();
            mass += prob;
            let v = format.read(&v_pages[slot * g * words + column..][..words], room);
            for (out, v) in out.iter_mut().zip(v) {
                *out += prob * v;
            }
        }
        for out in out {
            *out /= mass;
        }
    }
}

/// `value` between `-cap` and `cap`; as it is with a cap of 0.
pub(super) fn soft_cap(value: f32, cap: f32) -> f32 {
    if cap > 0.0 { cap * (value / cap).tanh() } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weighs_the_values_by_the_softmax_of_the_scores() {
        // One sequence on page 1; position 1; scores ln 3 and 0 give 3/4 and 1/4. Position 2 would change the result.
        let d = 8;
        let mut k = vec![0.0_f32; 2 * 16 * d];
        let mut v = vec![0.0_f32; 2 * 16 * d];
        k[16 * d] = 3.0_f32.ln();
        v[16 * d..17 * d].fill(4.0);
        v[17 * d..18 * d].fill(8.0);
        v[18 * d..19 * d].fill(1e6);
        let (k, v) = (bytemuck::cast_slice(&k), bytemuck::cast_slice(&v));
        let mut q = vec![0.0; 2 * d];
        q[0] = 2.0;
        let step = [0, 1, 17, 0, /* block table: */ 1];
        let params = AttentionDecodeParams {
            rows: 1,
            n_heads: 2,
            n_kv_heads: 1,
            head_dim: 8,
            scale: 0.5,
            table_offset: 4,
            pages_per_seq: 1,
            n_pages: 2,
            ..Default::default()
        };
        let mut out = vec![0.0; 2 * d];
        attention_decode(&q, &step, KvFormat::F32, k, v, &params, &mut out);
        assert!(out[..d].iter().all(|o| (o - 5.0).abs() < 1e-5), "{out:?}");
        assert!(out[d..].iter().all(|o| (o - 6.0).abs() < 1e-5), "the second head's query is zero: {out:?}");

        // A tiny cap makes all scores alike, and a window of 1 sees the row itself only.
        attention_decode(&q, &step, KvFormat::F32, k, v, &AttentionDecodeParams { softcap: 1e-4, ..params }, &mut out);
        assert!((out[0] - 6.0).abs() < 1e-3, "{out:?}");
        attention_decode(&q, &step, KvFormat::F32, k, v, &AttentionDecodeParams { window: 1, ..params }, &mut out);
        assert_eq!(out, [8.0; 16]);
    }

    #[test]
    fn reads_heads_in_bytes() {
        // As above, the second of two KV heads of 40 numbers: two scales each. All that is read is whole steps.
        let d = 40;
        let slot_words = 2 * KvFormat::Q8_0.words(d);
        let (mut k, mut v) = (vec![0; 16 * slot_words], vec![0; 16 * slot_words]);
        let put = |pages: &mut [u32], position: usize, head: &[f32]| {
            let at = position * slot_words + slot_words / 2;
            KvFormat::Q8_0.write(head, &mut pages[at..at + slot_words / 2]);
        };
        let mut head = vec![0.0; d];
        head[39] = 3.0_f32.ln();
        put(&mut k, 0, &head);
        put(&mut v, 0, &vec![4.0; d]);
        put(&mut v, 1, &vec![8.0; d]);
        let mut q = vec![0.0; 2 * d];
        q[d + 39] = 2.0;
        let step = [0, 1, 1, 0, /* block table: */ 0];
        let params = AttentionDecodeParams {
            rows: 1,
            n_heads: 2,
            n_kv_heads: 2,
            head_dim: d as u32,
            scale: 0.5,
            table_offset: 4,
            pages_per_seq: 1,
            n_pages: 1,
            ..Default::default()
        };
        let mut out = vec![0.0; 2 * d];
        attention_decode(&q, &step, KvFormat::Q8_0, &k, &v, &params, &mut out);
        assert!(out[..d].iter().all(|o| *o == 0.0), "the first head's values are zero: {out:?}");
        assert!(out[d..].iter().all(|o| (o - 5.0).abs() < 1e-5), "{out:?}");
    }

    #[test]
    fn caps_scores_by_tanh() {
        assert_eq!((soft_cap(3.0, 0.0), soft_cap(0.0, 2.0), soft_cap(1e9, 2.0)), (3.0, 0.0, 2.0));
        assert!((soft_cap(2.0, 2.0) - 2.0 * 0.761_594_2).abs() < 1e-6);
    }
}
