// Weights [n, k] as Q8_0: n * k / 16 vectors of 16 signed bytes each, row-major, then one f16 scale per block of 32,
// two per word in row-major block order. Value = byte * scale.
// Offers weight_octet; the including file declares `weights: array<vec4<u32>>`.

/// 8 consecutive weights of one row.
struct Octet { lo: vec4<f32>, hi: vec4<f32> }

/// f16 bits to f32, exact for subnormals too: small scales are often subnormal and unpack2x16float may flush those.
fn f16_value(bits: u32) -> f32 {
    let magnitude = bits & 0x7fffu;
    let normal = bitcast<f32>((magnitude << 13u) + 0x38000000u);
    let value = select(normal, f32(magnitude) * 5.9604644775390625e-8, magnitude < 0x400u);
    return select(value, -value, (bits & 0x8000u) != 0u);
}

fn weight_scale(block: u32, n: u32, k: u32) -> f32 {
    let word = weights[n * (k / 16u) + block / 8u][(block / 2u) % 4u];
    return f16_value((word >> ((block % 2u) * 16u)) & 0xffffu);
}

fn signed_bytes(word: u32) -> vec4<f32> {
    return vec4<f32>(bitcast<vec4<i32>>(vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u));
}

fn weight_octet(row: u32, octet: u32, n: u32, k: u32) -> Octet {
    let i = row * (k / 8u) + octet;
    let scale = weight_scale(i / 4u, n, k);
    let v = weights[i / 2u];
    let pair = select(v.xy, v.zw, i % 2u == 1u);
    return Octet(scale * signed_bytes(pair.x), scale * signed_bytes(pair.y));
}
