//! Keys and values as the cache holds them, head by head.
//!
//! A page's slot is `n_kv_heads` heads, each of [`KvFormat::words`] words: a whole slot can be copied without knowing its
//! format. Each format is one `shared/kv_<format>.wgsl`, which reads, and one `shared/kv_write_<format>.wgsl`.

use std::fmt;
use std::str::FromStr;

/// Numbers that share a scale.
const BLOCK: usize = 32;
/// A smaller scale is subnormal, which some adapters take for 0: it is 0.
const SMALLEST_SCALE: f32 = 1.2e-38;

/// How the cache holds keys and values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KvFormat {
    /// 32-bit floats, as they are computed.
    #[default]
    F32,
    /// Signed bytes, four a word, then an f32 scale for each block of up to 32 of them: the block's largest magnitude / 127.
    Q8_0,
}

/// A name that is no [`KvFormat`]'s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKvFormat(String);

impl KvFormat {
    /// Every format.
    pub const ALL: [Self; 2] = [Self::F32, Self::Q8_0];

    /// Stable lower-case name, as users write it and as in `shared/kv_<name>.wgsl`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Q8_0 => "q8_0",
        }
    }

    /// Words, of 4 bytes, that a head of `head_dim` numbers takes: a multiple of 8.
    pub const fn words(self, head_dim: usize) -> usize {
        match self {
            Self::F32 => head_dim,
            Self::Q8_0 => head_dim / 4 + head_dim.div_ceil(BLOCK),
        }
    }

    /// Writes the numbers of a head to its words.
    pub fn write(self, head: &[f32], words: &mut [u32]) {
        assert_eq!(words.len(), self.words(head.len()), "words of a head of {}", head.len());
        match self {
            Self::F32 => words.copy_from_slice(bytemuck::cast_slice(head)),
            Self::Q8_0 => {
                let (bytes, scales) = words.split_at_mut(head.len() / 4);
                let bytes: &mut [i8] = bytemuck::cast_slice_mut(bytes);
                for ((block, bytes), scale) in head.chunks(BLOCK).zip(bytes.chunks_mut(BLOCK)).zip(scales) {
                    *scale = quantize_block(block, bytes).to_bits();
                }
            }
        }
    }

    /// The numbers of a head of its words; `room`, one place a number, takes them if they do not stand there as they are.
    pub fn read<'a>(self, words: &'a [u32], room: &'a mut [f32]) -> &'a [f32] {
        assert_eq!(words.len(), self.words(room.len()), "words of a head of {}", room.len());
        match self {
            Self::F32 => bytemuck::cast_slice(words),
            Self::Q8_0 => {
                let (bytes, scales) = words.split_at(room.len() / 4);
                let bytes: &[i8] = bytemuck::cast_slice(bytes);
                for ((room, bytes), scale) in room.chunks_mut(BLOCK).zip(bytes.chunks(BLOCK)).zip(scales) {
                    let scale = f32::from_bits(*scale);
                    for (value, byte) in room.iter_mut().zip(bytes) {
                        *value = scale * f32::from(*byte);
                    }
                }
                room
            }
        }
    }
}

/// Rounds a block to steps of its scale, ties to even: → the scale.
fn quantize_block(block: &[f32], bytes: &mut [i8]) -> f32 {
    // As bits, so that what is not a number is the largest, and the scale with it.
    let largest = block.iter().map(|value| value.abs().to_bits()).max().unwrap_or_default();
    let scale = f32::from_bits(largest) * (1.0 / 127.0);
    let scale = if scale < SMALLEST_SCALE { 0.0 } else { scale };
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    for (byte, value) in bytes.iter_mut().zip(block) {
        *byte = (value * inverse).round_ties_even() as i8;
    }
    scale
}

impl fmt::Display for KvFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for KvFormat {
    type Err = UnknownKvFormat;

    fn from_str(name: &str) -> Result<Self, UnknownKvFormat> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| UnknownKvFormat(name.to_owned()))
    }
}

impl fmt::Display for UnknownKvFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the format of the KV cache is {:?}; it must be f32 or q8_0", self.0)
    }
}

impl std::error::Error for UnknownKvFormat {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_byte_a_number_and_a_word_a_block() {
        let words = |head_dim| KvFormat::ALL.map(|format| format.words(head_dim));
        assert_eq!(words(8), [8, 3]);
        assert_eq!(words(80), [80, 23]);
        assert_eq!(words(128), [128, 36]);
    }

    #[test]
    fn f32_is_read_as_written() {
        let head: Vec<f32> = (0..8).map(|i| i as f32 - 3.5).collect();
        let mut words = [0; 8];
        KvFormat::F32.write(&head, &mut words);
        assert_eq!(KvFormat::F32.read(&words, &mut [0.0; 8]), head);
    }

    #[test]
    fn rounds_to_the_nearest_of_127_steps_of_each_block() {
        // Blocks of 32 and of 8, the second much smaller than the first.
        let head: Vec<f32> = (0..40).map(|i| if i < 32 { 127.0 - 8.0 * i as f32 } else { 1e-3 * i as f32 }).collect();
        let mut words = [0; 12];
        KvFormat::Q8_0.write(&head, &mut words);
        assert_eq!(words[0], u32::from_le_bytes([127, 119, 111, 103]));
        assert_eq!(f32::from_bits(words[10]), 1.0);
        let mut room = [0.0; 40];
        let read = KvFormat::Q8_0.read(&words, &mut room);
        assert_eq!(read[..32], head[..32], "whole steps are exact");
        for (read, value) in read[32..].iter().zip(&head[32..]) {
            assert!((read - value).abs() <= 0.039 / 127.0 / 1.99, "{read}, not {value}");
        }
    }

    #[test]
    fn ties_go_to_the_even_step() {
        let mut words = [0; 3];
        KvFormat::Q8_0.write(&[127.0, 0.5, 1.5, 2.5, -0.5, -1.5, 126.5, 0.0], &mut words);
        assert_eq!(
            words[..2],
            [[127, 0, 2, 2], [0, -2, 126, 0]]
                .map(|bytes: [i8; 4]| { u32::from_le_bytes(bytes.map(|byte| byte as u8)) })
        );
    }

    #[test]
    fn nothing_is_nothing_and_no_number_stays_none() {
        let mut words = [1; 3];
        KvFormat::Q8_0.write(&[0.0; 8], &mut words);
        assert_eq!(words, [0; 3]);
        KvFormat::Q8_0.write(&[1e-38; 8], &mut words);
        assert_eq!(words, [0; 3], "steps too small for some adapters");
        for broken in [f32::NAN, f32::INFINITY] {
            let mut head = [1.0; 8];
            head[5] = broken;
            KvFormat::Q8_0.write(&head, &mut words);
            let mut room = [0.0; 8];
            assert!(KvFormat::Q8_0.read(&words, &mut room).iter().any(|value| !value.is_finite()), "{broken}");
        }
    }

    #[test]
    fn names_are_read_back() {
        for format in KvFormat::ALL {
            assert_eq!(format.name().parse(), Ok(format));
        }
        let error = "q4_0".parse::<KvFormat>().expect_err("there is none");
        assert!(error.to_string().contains("f32 or q8_0"), "{error}");
    }
}
