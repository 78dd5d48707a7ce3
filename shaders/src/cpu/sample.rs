//! Twin of `sample.wgsl`: the same keys, thresholds, hash and prefix sums.

use bytemuck::{Pod, Zeroable};

use crate::{Params, SAMPLE, Sampling, Shader, Slots, step};

/// Ids are equal or not. They can differ where a draw or a mass falls within rounding of a boundary: the cases avoid that.
pub const TOLERANCE: f32 = 0.0;

/// Params of `sample`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct SampleParams {
    /// Rows of logits.
    pub rows: u32,
    /// Logits per row.
    pub vocab: u32,
    /// Word of the step at which the sampling settings begin.
    pub samples_offset: u32,
    /// Zero.
    pub pad: [u32; 5],
}

impl Params for SampleParams {
    const SHADER: &'static Shader = &SAMPLE;

    fn workgroups(&self, _: Slots) -> [u32; 3] {
        [self.rows, 1, 1]
    }
}

/// Draws `ids[s]` from row s of `logits: [rows, vocab]` under its settings.
pub fn sample(logits: &[f32], step: &[u32], params: &SampleParams, ids: &mut [u32]) {
    let vocab = params.vocab as usize;
    assert_eq!(logits.len(), params.rows as usize * vocab, "logits: [rows, vocab]");
    assert_eq!(ids.len(), params.rows as usize, "ids: [rows]");
    for (row, (logits, id)) in logits.chunks_exact(vocab).zip(ids).enumerate() {
        *id = sample_row(logits, &step::sampling(step, params.samples_offset, row)) as u32;
    }
}

/// Draws from one row of logits.
fn sample_row(logits: &[f32], settings: &Sampling) -> usize {
    let keys: Vec<u32> = logits.iter().map(|&logit| order_key(finite(logit))).collect();
    let mut top = 0;
    for (id, &key) in keys.iter().enumerate() {
        if key > keys[top] {
            top = id;
        }
    }
    let positive = settings.temperature > 0.0;
    if !positive {
        return top;
    }

    let peak = finite(logits[top]);
    let mut probs: Vec<f32> = logits.iter().map(|&logit| prob(finite(logit), peak, settings.temperature)).collect();
    let mut floor = 0;
    if settings.top_k > 0 && (settings.top_k as usize) < logits.len() {
        floor = threshold(&keys, &vec![1.0; keys.len()], floor, settings.top_k as f32);
    }
    if settings.top_p < 1.0 {
        let need = settings.top_p * mass_from(&keys, &probs, floor);
        floor = floor.max(threshold(&keys, &probs, floor, need)).min(keys[top]);
    }
    let min_p = settings.min_p.min(1.0);
    for (prob, &key) in probs.iter_mut().zip(&keys) {
        if key < floor || *prob < min_p {
            *prob = 0.0;
        }
    }

    // 256 runs of ids; their sums tell into which run the draw falls.
    let length = logits.len().div_ceil(256);
    let segments: Vec<f32> = probs.chunks(length).map(|segment| segment.iter().sum()).collect();
    let target = uniform(settings) * segments.iter().sum::<f32>();
    let Pick { index: segment, before } = pick(&segments, target);
    let start = segment * length;
    start + pick(&probs[start..(start + length).min(probs.len())], target - before).index
}

struct Pick {
    index: usize,
    /// Mass before it.
    before: f32,
}

/// The first entry with which the running sum exceeds `target`, else the last that is not zero.
fn pick(masses: &[f32], target: f32) -> Pick {
    let mut picked = Pick { index: 0, before: 0.0 };
    let mut before = 0.0;
    for (index, &mass) in masses.iter().enumerate() {
        if mass > 0.0 && before <= target {
            picked = Pick { index, before };
            before += mass;
        }
    }
    picked
}

/// NaN and -inf as the lowest finite value, +inf as the highest.
fn finite(logit: f32) -> f32 {
    if logit.is_nan() { f32::MIN } else { logit.clamp(f32::MIN, f32::MAX) }
}

/// Unsigned key in the order of the floats.
fn order_key(logit: f32) -> u32 {
    let bits = logit.to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 0x8000_0000 }
}

fn prob(logit: f32, peak: f32, temperature: f32) -> f32 {
    let z = (logit - peak) / temperature;
    if z >= -80.0 { z.exp() } else { 0.0 }
}

/// Largest key such that the values of keys at or above it (and `floor`) sum to at least `need`.
fn threshold(keys: &[u32], values: &[f32], floor: u32, need: f32) -> u32 {
    let mut key = 0;
    for bit in (0..32).rev() {
        let candidate = key | 1 << bit;
        if mass_from(keys, values, floor.max(candidate)) >= need {
            key = candidate;
        }
    }
    key
}

/// Sum of the values of keys at or above `floor`, in 256 lanes as on the GPU.
fn mass_from(keys: &[u32], values: &[f32], floor: u32) -> f32 {
    let mut lanes = [0.0; 256];
    for (keys, values) in keys.chunks(256).zip(values.chunks(256)) {
        for ((lane, &key), &value) in lanes.iter_mut().zip(keys).zip(values) {
            *lane += if key >= floor { value } else { 0.0 };
        }
    }
    lanes.iter().sum()
}

/// Uniform in [0, 1), 24 bits, from the seed and the counter.
fn uniform(settings: &Sampling) -> f32 {
    let random = pcg(pcg(pcg(settings.seed_low).wrapping_add(settings.seed_high)).wrapping_add(settings.counter));
    (random >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// O'Neill's PCG output function as a hash (Jarzynski and Olano, 2020).
fn pcg(value: u32) -> u32 {
    let state = value.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
    let word = ((state >> ((state >> 28) + 4)) ^ state).wrapping_mul(277_803_737);
    (word >> 22) ^ word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(logits: &[f32], settings: Sampling) -> Vec<usize> {
        (0..400).map(|counter| sample_row(logits, &Sampling { counter, ..settings })).collect()
    }

    fn seen(mut ids: Vec<usize>) -> Vec<usize> {
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    const WARM: Sampling = Sampling {
        temperature: 1.0,
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        seed_low: 7,
        seed_high: 0,
        counter: 0,
        reserved: 0,
    };

    #[test]
    fn greedy_takes_the_lowest_of_equal_logits_and_never_nan() {
        let greedy = Sampling::default();
        assert_eq!(sample_row(&[1.0, f32::NAN, 3.0, -2.0, 3.0], &greedy), 2);
        assert_eq!(sample_row(&[f32::NAN, f32::NEG_INFINITY, -5.0], &greedy), 2);
        assert_eq!(sample_row(&[-1.0, f32::INFINITY, 9.0], &greedy), 1);
        assert_eq!(sample_row(&[2.0, 1.0], &Sampling { temperature: f32::NAN, ..greedy }), 0);
    }

    #[test]
    fn frequencies_follow_the_softmax() {
        // Probabilities 1/2, 1/4, 1/4.
        let ids = drawn(&[2.0_f32.ln(), 0.0, 0.0], WARM);
        let share = ids.iter().filter(|&&id| id == 0).count() as f32 / 400.0;
        assert!((share - 0.5).abs() < 0.08, "{share}");
        assert_eq!(seen(ids), [0, 1, 2]);
    }

    #[test]
    fn masked_tokens_are_never_drawn() {
        let mut logits = [f32::NEG_INFINITY; 600];
        (logits[3], logits[300], logits[599]) = (0.0, 0.5, 0.1);
        assert_eq!(seen(drawn(&logits, WARM)), [3, 300, 599]);
    }

    #[test]
    fn top_k_keeps_ties() {
        let logits = [1.0, 3.0, 2.0, 2.0, -1.0];
        assert_eq!(seen(drawn(&logits, Sampling { top_k: 2, ..WARM })), [1, 2, 3]);
        assert_eq!(seen(drawn(&logits, Sampling { top_k: 1, ..WARM })), [1]);
        assert_eq!(seen(drawn(&logits, Sampling { top_k: 99, ..WARM })).len(), 5);
    }

    #[test]
    fn top_p_keeps_the_shortest_run_that_reaches_it() {
        // Probabilities 0.5, 0.3, 0.15, 0.05.
        let logits = [0.3_f32.ln(), 0.5_f32.ln(), 0.05_f32.ln(), 0.15_f32.ln()];
        assert_eq!(seen(drawn(&logits, Sampling { top_p: 0.45, ..WARM })), [1]);
        assert_eq!(seen(drawn(&logits, Sampling { top_p: 0.75, ..WARM })), [0, 1]);
        assert_eq!(seen(drawn(&logits, Sampling { top_p: 0.9, ..WARM })), [0, 1, 3]);
        assert_eq!(seen(drawn(&logits, Sampling { top_p: 0.0, ..WARM })), [1]);
        // Of the two that top_k leaves, the first holds 0.625.
        assert_eq!(seen(drawn(&logits, Sampling { top_k: 2, top_p: 0.6, ..WARM })), [1]);
    }

    #[test]
    fn min_p_is_relative_to_the_most_probable() {
        let logits = [0.3_f32.ln(), 0.5_f32.ln(), 0.05_f32.ln(), 0.15_f32.ln()];
        assert_eq!(seen(drawn(&logits, Sampling { min_p: 0.5, ..WARM })), [0, 1]);
        assert_eq!(seen(drawn(&logits, Sampling { min_p: 5.0, ..WARM })), [1]);
    }

    #[test]
    fn the_draw_depends_on_seed_and_counter_only() {
        let logits = [0.0; 64];
        assert_eq!(drawn(&logits, WARM), drawn(&logits, WARM));
        assert_ne!(drawn(&logits, WARM), drawn(&logits, Sampling { seed_low: 8, ..WARM }));
        assert_ne!(drawn(&logits, WARM), drawn(&logits, Sampling { seed_high: 1, ..WARM }));
    }

    #[test]
    fn tiny_temperatures_are_greedy() {
        assert_eq!(seen(drawn(&[1.0, 1.1, 0.9], Sampling { temperature: 1e-30, ..WARM })), [1]);
    }
}
