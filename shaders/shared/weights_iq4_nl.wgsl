// Weights [n, k] as IQ4_NL, blocks of 32: 4 bits of q; f16 d. Value d * CODES[q].

/// -127 -104 -83 -65 | -49 -35 -22 -10 | 1 13 25 38 | 53 69 89 113 as signed bytes, the first one lowest.
const CODES: vec4<u32> = vec4<u32>(0xbfad9881u, 0xf6eaddcfu, 0x26190d01u, 0x71594535u);

fn codes(q: vec4<u32>) -> vec4<f32> {
    let words = vec4<u32>(CODES[q.x / 4u], CODES[q.y / 4u], CODES[q.z / 4u], CODES[q.w / 4u]);
    return vec4<f32>(bitcast<vec4<i32>>(words << (vec4<u32>(24u) - q % vec4<u32>(4u) * 8u)) >> vec4<u32>(24u));
}

fn weight_octet(row: u32, octet: u32, n: u32, k: u32) -> Octet {
    let i = row * (k / 8u) + octet;
    let q = word_at(0u, i);
    let d = f16_value(half_at(n * (k / 32u), i / 4u));
    return Octet(d * codes(four(q, 4u)), d * codes(four(q >> 16u, 4u)));
}
