// Weights [n, k] as Q2_K, blocks of 256: 2 bits of q; for each 16 a byte, s low and l high; f16 d and m.
// Value d * s * q - m * l.

fn weight_octet(row: u32, octet: u32, n: u32, k: u32) -> Octet {
    let i = row * (k / 8u) + octet;
    let blocks = n * (k / 256u);
    let q = half_at(0u, i);
    let scales = byte_at(blocks * 4u, i / 2u);
    let factors = word_at(blocks * 5u, i / 32u);
    let scale = f16_value(factors & 0xffffu) * f32(scales & 15u);
    let least = f16_value(factors >> 16u) * f32(scales >> 4u);
    return shifted(four(q, 2u), four(q >> 8u, 2u), scale, -least);
}
