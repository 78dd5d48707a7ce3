// Weights [n, k] as f32: element i of row r stands at word r * k + i.

fn weight_octet(row: u32, octet: u32, n: u32, k: u32) -> Octet {
    let i = row * (k / 4u) + octet * 2u;
    return Octet(bitcast<vec4<f32>>(weights[i]), bitcast<vec4<f32>>(weights[i + 1u]));
}
