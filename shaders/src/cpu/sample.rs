//! Twin of `sample.wgsl`: the same keys, thresholds, hash and prefix sums.

use bytemuck::{Pod, Zeroable};

use crate::step::{Adjustment, MAX_ALTERNATIVES};
use crate::{Params, SAMPLE, Sampling, Shader, Slots, step};

/// Of log probabilities: sums of exponentials in another order, and the GPU's `exp` and `log`. Ids are equal or not; they can
/// differ where a draw or a mass falls within rounding of a boundary: the cases avoid that.
pub const TOLERANCE: f32 = 1e-4;

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

/// Words of `ids` for so many rows: the tokens drawn, then their alternatives.
pub const fn ids_len(rows: usize) -> usize {
    rows * (1 + MAX_ALTERNATIVES)
}

/// Values of `logprobs` for so many rows.
pub const fn logprobs_len(rows: usize) -> usize {
    rows * (MAX_ALTERNATIVES + 1)
}

/// Draws `ids[s]` from row s of `logits: [rows, vocab]` under its settings, and tells log probabilities where they ask.
pub fn sample(logits: &[f32], step: &[u32], params: &SampleParams, ids: &mut [u32], logprobs: &mut [f32]) {
    let (rows, vocab) = (params.rows as usize, params.vocab as usize);
    assert_eq!(logits.len(), rows * vocab, "logits: [rows, vocab]");
    assert_eq!(ids.len(), ids_len(rows), "ids: [rows], [rows, {MAX_ALTERNATIVES}]");
    assert_eq!(logprobs.len(), logprobs_len(rows), "logprobs: [rows, 1 + {MAX_ALTERNATIVES}]");
    let (drawn, alternatives) = ids.split_at_mut(rows);
    let told = alternatives.chunks_mut(MAX_ALTERNATIVES).zip(logprobs.chunks_mut(MAX_ALTERNATIVES + 1));
    for (row, ((logits, id), (alternatives, logprobs))) in logits.chunks_exact(vocab).zip(drawn).zip(told).enumerate() {
        let settings = step::sampling(step, params.samples_offset, row);
        let mut logits = logits.to_vec();
        mask(&mut logits, step, &settings);
        let log_probs = if settings.logprobs > 0 { log_softmax(&logits) } else { Vec::new() };
        let asked = (settings.logprobs as usize).saturating_sub(1);
        let ranked = if asked > 0 { rank(&logits) } else { Vec::new() };
        let most_probable = ranked.into_iter().map(Some).chain(std::iter::repeat(None));
        let places = alternatives.iter_mut().zip(&mut logprobs[1..]).take(asked);
        for ((alternative, logprob), token) in places.zip(most_probable) {
            *alternative = token.unwrap_or(0) as u32;
            *logprob = token.map_or(f32::MIN, |token| log_probs[token]);
        }
        adjust(&mut logits, step, &settings);
        let chosen = sample_row(&logits, &settings);
        *id = chosen as u32;
        if let (Some(first), Some(log_prob)) = (logprobs.first_mut(), log_probs.get(chosen)) {
            *first = *log_prob;
        }
    }
}

/// Makes what is not allowed impossible.
fn mask(logits: &mut [f32], step: &[u32], settings: &Sampling) {
    for (token, logit) in logits.iter_mut().enumerate() {
        if !step::is_allowed(step, settings, token) {
            *logit = f32::NEG_INFINITY;
        }
    }
}

/// The log probabilities; of what is masked, the lowest finite number.
fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let logits: Vec<f32> = logits.iter().map(|&logit| finite(logit)).collect();
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|&logit| prob(logit, highest, 1.0)).sum();
    let log_sum = highest + sum.ln();
    logits.iter().map(|logit| (logit - log_sum).max(f32::MIN)).collect()
}

/// The tokens, the most probable first; those of equal logits by id.
fn rank(logits: &[f32]) -> Vec<usize> {
    let mut tokens: Vec<usize> = (0..logits.len()).collect();
    tokens.sort_by_key(|&token| (std::cmp::Reverse(order_key(finite(logits[token]))), token));
    tokens
}

/// Adds biases and takes penalties off.
fn adjust(logits: &mut [f32], step: &[u32], settings: &Sampling) {
    for Adjustment { token, seen, bias } in step::adjustments(step, settings) {
        let before = finite(logits[token as usize]);
        let mut logit = before + bias;
        if seen > 0 {
            let penalty = settings.repetition_penalty;
            logit = if logit > 0.0 { logit / penalty } else { logit * penalty };
        }
        if seen > 1 {
            logit = logit - settings.presence_penalty - settings.frequency_penalty * (seen - 1) as f32;
        }
        if before != f32::NEG_INFINITY {
            logits[token as usize] = logit.clamp(f32::MIN, f32::MAX);
        }
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

/// NaN as the lowest finite value, +inf as the highest; -inf stays below all.
fn finite(logit: f32) -> f32 {
    if logit.is_nan() { f32::MIN } else { logit.min(f32::MAX) }
}

/// Unsigned key in the order of the floats.
fn order_key(logit: f32) -> u32 {
    let bits = logit.to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 0x8000_0000 }
}

fn prob(logit: f32, peak: f32, temperature: f32) -> f32 {
    let z = (logit - peak) / temperature;
    if z >= -80.0 && logit != f32::NEG_INFINITY { z.exp() } else { 0.0 }
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
        mask_offset: 0,
        repetition_penalty: 1.0,
        presence_penalty: 0.0,
        frequency_penalty: 0.0,
        adjustments_offset: 0,
        adjustments: 0,
        logprobs: 0,
        reserved: [0; 2],
    };

    /// One row through the whole kernel: the token, the alternatives and the log probabilities.
    fn run(
        logits: &[f32],
        settings: Sampling,
        mask: &[u32],
        adjustments: &[Adjustment],
    ) -> (usize, Vec<u32>, Vec<f32>) {
        let mut step = vec![0; 16];
        let mut settings = Sampling { adjustments: adjustments.len() as u32, ..settings };
        if !mask.is_empty() {
            settings.mask_offset = step.len() as u32;
            step.extend_from_slice(mask);
        }
        settings.adjustments_offset = step.len() as u32;
        step.extend_from_slice(bytemuck::cast_slice(adjustments));
        step[..16].copy_from_slice(bytemuck::cast_slice(&[settings]));
        let params = SampleParams { rows: 1, vocab: logits.len() as u32, ..Default::default() };
        let (mut ids, mut logprobs) = (vec![0; ids_len(1)], vec![0.0; logprobs_len(1)]);
        sample(logits, &step, &params, &mut ids, &mut logprobs);
        (ids[0] as usize, ids[1..].to_vec(), logprobs)
    }

    #[test]
    fn a_mask_rules_out_even_the_best_and_leaves_what_is_not_a_number() {
        let logits = [9.0, 1.0, f32::NAN, 8.0];
        assert_eq!(run(&logits, Sampling::default(), &[0b0110], &[]).0, 1);
        assert_eq!(run(&logits, Sampling::default(), &[0b0100], &[]).0, 2);
        assert_eq!(run(&logits, WARM, &[0b0100], &[]).0, 2);
    }

    /// The definitions of `transformers` (`RepetitionPenaltyLogitsProcessor`) and of OpenAI's API reference (presence and
    /// frequency), by hand.
    #[test]
    fn penalties_are_those_of_transformers_and_openai() {
        let logits = [2.0, -2.0, 2.0, 1.9, 0.0];
        let settings =
            Sampling { repetition_penalty: 2.0, presence_penalty: 0.25, frequency_penalty: 0.5, ..Sampling::default() };
        let adjustment = |token, seen, bias| Adjustment { token, seen, bias };
        let entries = [adjustment(0, 1, 0.0), adjustment(1, 1, 0.0), adjustment(2, 4, 0.0), adjustment(4, 0, 0.5)];
        let mut adjusted = logits.to_vec();
        let mut step = vec![0; 3];
        step.extend_from_slice(bytemuck::cast_slice(&entries));
        adjust(&mut adjusted, &step, &Sampling { adjustments_offset: 3, adjustments: 4, ..settings });
        // In the prompt: halved, doubled. Generated three times: halved, less 0.25, less 3 · 0.5. Only biased: no penalty.
        assert_eq!(adjusted, [1.0, -4.0, -0.75, 1.9, 0.5]);
        assert_eq!(run(&logits, settings, &[], &entries).0, 3);
    }

    #[test]
    fn a_bias_does_not_bring_back_what_is_masked() {
        let bias = [Adjustment { token: 0, seen: 0, bias: 100.0 }];
        assert_eq!(run(&[0.0, -5.0], Sampling::default(), &[0b10], &bias).0, 1);
    }

    #[test]
    fn log_probabilities_are_those_before_penalties_and_temperature() {
        // Probabilities 1/2, 1/4, 1/4 of what the mask leaves.
        let logits = [2.0_f32.ln(), 0.0, 0.0, 50.0];
        let bias = [Adjustment { token: 2, seen: 0, bias: 9.0 }];
        let settings = Sampling { temperature: 0.1, logprobs: 4, ..WARM };
        let (id, alternatives, logprobs) = run(&logits, settings, &[0b0111], &bias);
        assert_eq!((id, &alternatives[..3]), (2, &[0, 1, 2][..]));
        for (actual, expected) in logprobs.iter().zip([0.25, 0.5, 0.25, 0.25]) {
            assert!((actual.exp() - expected).abs() < 1e-6, "{logprobs:?}");
        }
        let (_, _, logprobs) = run(&logits, Sampling { logprobs: 5, ..WARM }, &[0b0001], &[]);
        assert_eq!(logprobs[..5], [0.0, 0.0, f32::MIN, f32::MIN, f32::MIN]);
    }

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
