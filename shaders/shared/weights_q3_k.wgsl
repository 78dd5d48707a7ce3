// Weights [n, k] as Q3_K, blocks of 256: low 2 bits of q; their third bits; for each 16 a signed byte s; f16 d.
// Value d * s * (q - 4).

fn weight_octet(row: u32, octet: u32, n: u32, k: u32) -> Octet {
    let i = row * (k / 8u) + octet;
    let blocks = n * (k / 256u);
    let low = half_at(0u, i);
    let high = byte_at(blocks * 4u, i);
    let scale = f16_value(half_at(blocks * 7u, i / 32u)) * signed(byte_at(blocks * 6u, i / 2u));
    return centred(
        four(low, 2u) | (four(high, 1u) << vec4<u32>(2u)),
        four(low >> 8u, 2u) | (four(high >> 4u, 1u) << vec4<u32>(2u)),
        4.0,
        scale,
    );
}
