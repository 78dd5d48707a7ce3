// Weights [n, k] as Q6_K, blocks of 256: low 4 bits of q; their upper 2 bits; for each 16 a signed byte s; f16 d.
// Value d * s * (q - 32).

fn weight_octet(row: u32, octet: u32, n: u32, k: u32) -> Octet {
    let i = row * (k / 8u) + octet;
    let blocks = n * (k / 256u);
    let low = word_at(0u, i);
    let high = half_at(blocks * 8u, i);
    let scale = f16_value(half_at(blocks * 13u, i / 32u)) * signed(byte_at(blocks * 12u, i / 2u));
    return centred(
        four(low, 4u) | (four(high, 2u) << vec4<u32>(4u)),
        four(low >> 16u, 4u) | (four(high >> 8u, 2u) << vec4<u32>(4u)),
        32.0,
        scale,
    );
}
