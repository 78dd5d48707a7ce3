//! Twin of `multiply_add.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::{MULTIPLY_ADD, Params, Shader, Slots};

/// Exact for a factor that is a power of two.
pub const TOLERANCE: f32 = 0.0;

/// Params of `multiply_add`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct MultiplyAddParams {
    /// Numbers, a multiple of 32.
    pub len: u32,
    /// How often each is multiplied and raised 8 times.
    pub rounds: u32,
    /// What it is multiplied by.
    pub factor: f32,
    /// What is added.
    pub step: f32,
    /// Zero.
    pub pad: [u32; 4],
}

impl Params for MultiplyAddParams {
    const SHADER: &'static Shader = &MULTIPLY_ADD;

    fn workgroups(&self, _: Slots) -> [u32; 3] {
        [self.len.div_ceil(2048), 1, 1]
    }
}

/// `v ← v · factor + step`, 8 `rounds` times for each of `x`, with `x, out: [len]`.
pub fn multiply_add(x: &[f32], params: &MultiplyAddParams, out: &mut [f32]) {
    assert!(params.len.is_multiple_of(32), "len {} is not a multiple of 32", params.len);
    assert_eq!((x.len(), out.len()), (params.len as usize, params.len as usize), "lengths of x and out");
    for (out, x) in out.iter_mut().zip(x) {
        *out = (0..8 * params.rounds).fold(*x, |value, _| value * params.factor + params.step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiplies_and_adds_in_turn() {
        let params = MultiplyAddParams { len: 32, rounds: 1, factor: 2.0, step: 1.0, ..Default::default() };
        let mut out = [0.0; 32];
        multiply_add(&[1.0; 32], &params, &mut out);
        assert_eq!(out, [511.0; 32]);
    }
}
