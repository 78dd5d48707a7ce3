//! Twin of `stream_copy.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::registry::MAX_WORKGROUPS;
use crate::{Params, STREAM_COPY, Shader, Slots};

/// Bits.
pub const TOLERANCE: f32 = 0.0;

/// Params of `stream_copy`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct StreamCopyParams {
    /// Numbers to copy, a multiple of 4.
    pub len: u32,
    /// Zero.
    pub pad: [u32; 7],
}

impl Params for StreamCopyParams {
    const SHADER: &'static Shader = &STREAM_COPY;

    fn workgroups(&self, _: Slots) -> [u32; 3] {
        [self.len.div_ceil(1024).min(MAX_WORKGROUPS), 1, 1]
    }
}

/// `out[i] = x[i]`, with `x, out: [len]`.
pub fn stream_copy(x: &[f32], params: &StreamCopyParams, out: &mut [f32]) {
    assert!(params.len.is_multiple_of(4), "len {} is not a multiple of 4", params.len);
    out.copy_from_slice(&x[..params.len as usize]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies() {
        let mut out = [0.0; 4];
        stream_copy(&[1.0, -2.0, 3.0, f32::MIN_POSITIVE], &StreamCopyParams { len: 4, ..Default::default() }, &mut out);
        assert_eq!(out, [1.0, -2.0, 3.0, f32::MIN_POSITIVE]);
    }
}
