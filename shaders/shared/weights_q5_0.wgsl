// Weights [n, k] as Q5_0, blocks of 32: low 4 bits of q; their fifth bits; f16 d. Value d * (q - 16).

fn weight_octet(row: u32, octet: u32, n: u32, k: u32) -> Octet {
    let i = row * (k / 8u) + octet;
    let blocks = n * (k / 32u);
    let low = word_at(0u, i);
    let high = byte_at(blocks, i);
    let d = f16_value(half_at(blocks + (blocks + 3u) / 4u, i / 4u));
    return centred(
        four(low, 4u) | (four(high, 1u) << vec4<u32>(4u)),
        four(low >> 16u, 4u) | (four(high >> 4u, 1u) << vec4<u32>(4u)),
        16.0,
        d,
    );
}
