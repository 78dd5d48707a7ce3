// Weights [n, k] as bf16, two per word, the earlier one in the low half: one vec4<u32> holds 8.

fn bf16_pair(a: u32, b: u32) -> vec4<f32> {
    return bitcast<vec4<f32>>(vec4<u32>(a << 16u, a & 0xffff0000u, b << 16u, b & 0xffff0000u));
}

fn weight_octet(row: u32, octet: u32, n: u32, k: u32) -> Octet {
    let v = weights[row * (k / 8u) + octet];
    return Octet(bf16_pair(v.x, v.y), bf16_pair(v.z, v.w));
}
