// Weights [n, k] as Q4_0, blocks of 32: 4 bits of q; f16 d. Value d * (q - 8).

fn weight_octet(row: u32, octet: u32, n: u32, k: u32) -> Octet {
    let i = row * (k / 8u) + octet;
    let q = word_at(0u, i);
    let d = f16_value(half_at(n * (k / 32u), i / 4u));
    return centred(four(q, 4u), four(q >> 16u, 4u), 8.0, d);
}
