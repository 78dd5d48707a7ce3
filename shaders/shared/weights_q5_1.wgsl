// Weights [n, k] as Q5_1, blocks of 32: low 4 bits of q; their fifth bits; f16 d and m. Value d * q + m.

fn weight_octet(row: u32, octet: u32, n: u32, k: u32) -> Octet {
    let i = row * (k / 8u) + octet;
    let blocks = n * (k / 32u);
    let low = word_at(0u, i);
    let high = byte_at(blocks, i);
    let factors = word_at(blocks + (blocks + 3u) / 4u, i / 4u);
    return shifted(
        four(low, 4u) | (four(high, 1u) << vec4<u32>(4u)),
        four(low >> 16u, 4u) | (four(high >> 4u, 1u) << vec4<u32>(4u)),
        f16_value(factors & 0xffffu),
        f16_value(factors >> 16u),
    );
}
