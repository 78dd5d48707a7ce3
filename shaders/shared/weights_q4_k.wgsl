// Weights [n, k] as Q4_K, blocks of 256: 4 bits of q; for each 32 the bytes s and l; f16 d and m. Value d * s * q - m * l.

fn weight_octet(row: u32, octet: u32, n: u32, k: u32) -> Octet {
    let i = row * (k / 8u) + octet;
    let blocks = n * (k / 256u);
    let q = word_at(0u, i);
    let scales = half_at(blocks * 8u, i / 4u);
    let factors = word_at(blocks * 9u, i / 32u);
    let scale = f16_value(factors & 0xffffu) * f32(scales & 0xffu);
    let least = f16_value(factors >> 16u) * f32(scales >> 8u);
    return shifted(four(q, 4u), four(q >> 16u, 4u), scale, -least);
}
