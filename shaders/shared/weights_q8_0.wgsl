// Weights [n, k] as Q8_0, blocks of 32: signed bytes q; f16 d. Value d * q.

fn signed_bytes(word: u32) -> vec4<f32> {
    return vec4<f32>(bitcast<vec4<i32>>(vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u));
}

fn weight_octet(row: u32, octet: u32, n: u32, k: u32) -> Octet {
    let i = row * (k / 8u) + octet;
    let d = f16_value(half_at(n * (k / 16u), i / 4u));
    let v = weights[i / 2u];
    let pair = select(v.xy, v.zw, i % 2u == 1u);
    return Octet(d * signed_bytes(pair.x), d * signed_bytes(pair.y));
}
