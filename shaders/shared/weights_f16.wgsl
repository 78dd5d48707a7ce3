// Weights [n, k] as f16, two per word, the earlier one in the low half: one vec4<u32> holds 8.

fn weight_octet(row: u32, octet: u32, n: u32, k: u32) -> Octet {
    let v = weights[row * (k / 8u) + octet];
    return Octet(
        vec4<f32>(unpack2x16float(v.x), unpack2x16float(v.y)),
        vec4<f32>(unpack2x16float(v.z), unpack2x16float(v.w)),
    );
}
