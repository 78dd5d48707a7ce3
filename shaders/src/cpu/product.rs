//! What the four matrix-product twins share: four weight rows at a time against every row of x.

use crate::Activation;
use crate::weights::WeightFormat;

/// Unpacks the four weight rows `picked` and hands `(row of x, dot products with the four)` to `each`.
pub fn products(
    x: &[f32],
    weights: (WeightFormat, &[u32], usize),
    k: usize,
    picked: [usize; 4],
    unpacked: &mut [f32],
    mut each: impl FnMut(usize, [f32; 4]),
) {
    let (format, packed, n) = weights;
    for (out, row) in unpacked.chunks_exact_mut(k).zip(picked) {
        format.dequantize_row(packed, n, k, row, out);
    }
    for (m, x) in x.chunks_exact(k).enumerate() {
        each(m, dot4(x, unpacked));
    }
}

/// Products of `x` with the four rows of `w`, each summed in 8 lanes.
fn dot4(x: &[f32], w: &[f32]) -> [f32; 4] {
    let (w01, w23) = w.split_at(2 * x.len());
    let (w0, w1) = w01.split_at(x.len());
    let (w2, w3) = w23.split_at(x.len());
    let mut sums = [[0.0_f32; 8]; 4];
    let rows = x.as_chunks::<8>().0.iter().zip(w0.as_chunks::<8>().0).zip(w1.as_chunks::<8>().0);
    for (((x, w0), w1), (w2, w3)) in rows.zip(w2.as_chunks::<8>().0.iter().zip(w3.as_chunks::<8>().0)) {
        for i in 0..8 {
            sums[0][i] += x[i] * w0[i];
            sums[1][i] += x[i] * w1[i];
            sums[2][i] += x[i] * w2[i];
            sums[3][i] += x[i] * w3[i];
        }
    }
    sums.map(|lanes| lanes.iter().sum())
}

/// Product of two rows, summed in 8 lanes, the rest at the end.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0_f32; 8];
    for (a, b) in a.iter().zip(b) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// What the gate of a feed-forward network does to `v`.
pub fn activate(activation: u32, v: f32) -> f32 {
    if activation == Activation::GeluTanh as u32 {
        0.5 * v * (1.0 + ((2.0 / std::f32::consts::PI).sqrt() * (v + 0.044_715 * v * v * v)).tanh())
    } else {
        v / (1.0 + (-v).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activates() {
        let near = |activation: Activation, v, expected: f32| {
            let found = activate(activation as u32, v);
            assert!((found - expected).abs() < 1e-6, "{activation:?} of {v} is {found}, not {expected}");
        };
        near(Activation::Silu, 1.0, 0.731_058_6);
        near(Activation::Silu, -2.0, -0.238_405_84);
        near(Activation::GeluTanh, 1.0, 0.841_192);
        near(Activation::GeluTanh, -2.0, -0.045_402_3);
        near(Activation::GeluTanh, 100.0, 100.0);
        near(Activation::GeluTanh, -100.0, 0.0);
    }
}
