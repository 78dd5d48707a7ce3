// Weights [n, k] as Q4_1, blocks of 32: 4 bits of q; f16 d and m. Value d * q + m.

fn weight_octet(row: u32, octet: u32, n: u32, k: u32) -> Octet {
    let i = row * (k / 8u) + octet;
    let q = word_at(0u, i);
    let factors = word_at(n * (k / 32u), i / 4u);
    return shifted(four(q, 4u), four(q >> 16u, 4u), f16_value(factors & 0xffffu), f16_value(factors >> 16u));
}
