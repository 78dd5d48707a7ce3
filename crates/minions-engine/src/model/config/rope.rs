//! Rotary position embedding (Su et al. 2021) as numbers: how fast each pair of a head turns.

use std::f64::consts::TAU;

/// How a layer turns its queries and keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// Base of the frequencies.
    pub theta: f32,
    /// Elements of a head that are turned, from the first; even.
    pub dim: usize,
    /// How the frequencies are stretched.
    pub scaling: RopeScaling,
}

/// How rotary frequencies are stretched for contexts longer than those of pre-training.
#[derive(Clone, Debug, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// All by `factor`.
    Linear {
        /// By how much.
        factor: f32,
    },
    /// As in Llama 3.1: long wavelengths by `factor`, short ones not, those between in proportion.
    Llama3 {
        /// By how much long wavelengths are stretched.
        factor: f32,
        /// Wavelengths above `original_context_length / low_freq_factor` are long.
        low_freq_factor: f32,
        /// Wavelengths below `original_context_length / high_freq_factor` are short.
        high_freq_factor: f32,
        /// The context of pre-training in tokens.
        original_context_length: usize,
    },
    /// YaRN (Peng et al. 2023): pairs that turn seldom in the original context by `factor`, those that turn often not.
    Yarn {
        /// By how much.
        factor: f32,
        /// Turns in the original context from which a pair is left alone.
        beta_fast: f32,
        /// Turns in the original context up to which a pair is stretched whole.
        beta_slow: f32,
        /// Whether the pairs between are counted from a whole pair to a whole pair.
        is_truncated: bool,
        /// The context of pre-training in tokens.
        original_context_length: usize,
        /// Factor on queries and keys.
        attention_factor: f32,
    },
    /// LongRoPE (Ding et al. 2024): each pair by its own factor, of which there are two sets.
    LongRope {
        /// For contexts up to the original one: `[dim / 2]`.
        short: Vec<f32>,
        /// For longer ones: `[dim / 2]`.
        long: Vec<f32>,
        /// The context of pre-training in tokens.
        original_context_length: usize,
        /// Factor on queries and keys.
        attention_factor: f32,
    },
    /// Each pair by its own factor (`rope_freqs.weight` of a GGUF file): `[dim / 2]`.
    Factors(Vec<f32>),
}

impl Rope {
    /// Angles per position of each pair of a head: `[dim / 2]`, in radians per token.
    ///
    /// `theta ^ (-2 i / dim)`, stretched as [`RopeScaling`] says (transformers, `modeling_rope_utils.py`). LongRoPE's set
    /// of factors is chosen by the context that the model is loaded with, as llama.cpp does; transformers chooses by the
    /// length of the sequence, and turns the keys of a cache that grows past the original context unlike its queries.
    pub fn inv_freq(&self, context_length: usize) -> Vec<f32> {
        let theta = f64::from(self.theta);
        let plain = (0..self.dim / 2).map(|pair| theta.powf(-2.0 * pair as f64 / self.dim as f64));
        let divide = |(frequency, factor): (f64, &f32)| (frequency / f64::from(*factor)) as f32;
        match &self.scaling {
            RopeScaling::None => plain.map(|frequency| frequency as f32).collect(),
            RopeScaling::Linear { factor } => plain.map(|frequency| divide((frequency, factor))).collect(),
            RopeScaling::Factors(factors) => plain.zip(factors).map(divide).collect(),
            RopeScaling::LongRope { short, long, original_context_length, .. } => {
                plain.zip(if context_length > *original_context_length { long } else { short }).map(divide).collect()
            }
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context_length } => {
                let [factor, low, high] = [factor, low_freq_factor, high_freq_factor].map(|value| f64::from(*value));
                let original = *original_context_length as f64;
                let stretch = |frequency: f64| {
                    let turns = original * frequency / TAU;
                    let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                    ((1.0 - kept) * frequency / factor + kept * frequency) as f32
                };
                plain.map(stretch).collect()
            }
            RopeScaling::Yarn { factor, beta_fast, beta_slow, is_truncated, original_context_length, .. } => {
                let dim = self.dim as f64;
                // The pair, as a fraction, that turns so often in the original context.
                let pair_of = |turns: f32| {
                    dim * (*original_context_length as f64 / (f64::from(turns) * TAU)).ln() / (2.0 * theta.ln())
                };
                let (mut low, mut high) = (pair_of(*beta_fast), pair_of(*beta_slow));
                if *is_truncated {
                    (low, high) = (low.floor(), high.ceil());
                }
                (low, high) = (low.max(0.0), high.min(dim - 1.0));
                if low == high {
                    high += 0.001;
                }
                let stretch = |(pair, frequency): (usize, f64)| {
                    let stretched = ((pair as f64 - low) / (high - low)).clamp(0.0, 1.0);
                    (stretched * frequency / f64::from(*factor) + (1.0 - stretched) * frequency) as f32
                };
                plain.enumerate().map(stretch).collect()
            }
        }
    }

    /// Factor on queries and keys as they are turned, which grows their scores with a longer context.
    pub fn attention_factor(&self) -> f32 {
        match self.scaling {
            RopeScaling::Yarn { attention_factor, .. } | RopeScaling::LongRope { attention_factor, .. } => {
                attention_factor
            }
            _ => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rope(theta: f32, scaling: RopeScaling) -> Rope {
        Rope { theta, dim: 64, scaling }
    }

    #[track_caller]
    fn assert_close(found: f32, expected: f64) {
        assert!((f64::from(found) / expected - 1.0).abs() < 1e-6, "{found} is not {expected}");
    }

    /// Expected values from `_compute_llama3_parameters` of transformers, worked through in 64-bit Python: pair 14 turns
    /// more than four times within 8192 tokens and is kept, 18 turns less than once, 15 to 17 lie between.
    #[test]
    fn stretches_long_wavelengths_as_llama_3_does() {
        let scaling = RopeScaling::Llama3 {
            factor: 32.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_context_length: 8192,
        };
        let inv_freq = rope(500_000.0, scaling).inv_freq(4096);
        assert_eq!(inv_freq.len(), 32);
        for (pair, expected) in [
            (0, 1.0),
            (1, 0.663_601_237_696_088_5),
            (14, 0.003_211_445_994_752_591),
            (15, 0.001_290_547_928_209_264),
            (16, 0.000_429_556_796_569_368_15),
            (17, 9.708_287_802_627_67e-5),
            (18, 1.946_163_818_483_112_5e-5),
            (31, 9.418_306_725_434_909e-8),
        ] {
            assert_close(inv_freq[pair], expected);
        }
    }

    /// llama.cpp's converter writes Llama 3's stretching as one factor per pair.
    #[test]
    fn divides_by_the_factors_of_a_gguf_file() {
        let plain = rope(500_000.0, RopeScaling::None).inv_freq(4096);
        let factors = RopeScaling::Factors((1..=32u8).map(f32::from).collect());
        let divided = rope(500_000.0, factors).inv_freq(4096);
        assert_close(plain[31], 3.013_858_152_139_171e-6);
        assert_close(divided[31], 3.013_858_152_139_171e-6 / 32.0);
        assert_eq!(plain[0], divided[0]);
    }

    #[test]
    fn stretches_all_alike() {
        let plain = rope(1e4, RopeScaling::None).inv_freq(1);
        let stretched = rope(1e4, RopeScaling::Linear { factor: 8.0 }).inv_freq(1);
        assert!(plain.iter().zip(&stretched).all(|(plain, stretched)| plain / 8.0 == *stretched));
    }

    /// The set of factors follows the context that the model is loaded with.
    #[test]
    fn chooses_between_short_and_long_factors() {
        let scaling = RopeScaling::LongRope {
            short: vec![1.0; 32],
            long: vec![4.0; 32],
            original_context_length: 4096,
            attention_factor: 1.19,
        };
        let rope = rope(1e4, scaling);
        let (short, long) = (rope.inv_freq(4096), rope.inv_freq(4097));
        assert_eq!((short[0], long[0], rope.attention_factor()), (1.0, 0.25, 1.19));
    }

    /// Expected values from `_compute_yarn_parameters` of transformers 5.23: factor 4, original context 32768, theta 1e6.
    #[test]
    fn stretches_rare_turns_as_yarn_does() {
        let yarn = |is_truncated| {
            let scaling = RopeScaling::Yarn {
                factor: 4.0,
                beta_fast: 32.0,
                beta_slow: 1.0,
                is_truncated,
                original_context_length: 32_768,
                attention_factor: 1.138_629_4,
            };
            rope(1e6, scaling).inv_freq(4096)
        };
        for (is_truncated, expected) in YARN {
            let inv_freq = yarn(is_truncated);
            for (pair, expected) in expected {
                assert!(
                    (f64::from(inv_freq[pair]) / expected - 1.0).abs() < 2e-6,
                    "{pair}: {} {expected}",
                    inv_freq[pair]
                );
            }
        }
    }

    const YARN: [(bool, [(usize, f64); 5]); 2] = [
        (true, [(0, 1.0), (11, 0.008_659_643_2), (14, 0.001_778_530_28), (18, 1.757_068_77e-4), (31, 3.849_816_3e-7)]),
        (false, [(0, 1.0), (11, 0.008_659_643_2), (14, 0.001_883_502_44), (18, 1.773_442_46e-4), (31, 3.849_816_3e-7)]),
    ];
}
