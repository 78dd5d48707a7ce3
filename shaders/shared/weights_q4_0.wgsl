// Weights [n, k] as Q4_0: n * k / 32 vectors, one per block of 32 nibbles (word j: elements 8j .. 8j + 8, lowest nibble first),
// row-major, then one f16 scale per block, two per word in row-major block order. Value = (nibble - 8) * scale.
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
    let word = weights[n * (k / 32u) + block / 8u][(block / 2u) % 4u];
    return f16_value((word >> ((block % 2u) * 16u)) & 0xffffu);
}

fn nibbles(half: u32) -> vec4<f32> {
    return vec4<f32>((vec4<u32>(half) >> vec4<u32>(0u, 4u, 8u, 12u)) & vec4<u32>(15u)) - 8.0;
}

fn weight_octet(row: u32, octet: u32, n: u32, k: u32) -> Octet {
    let i = row * (k / 8u) + octet;
    let scale = weight_scale(i / 4u, n, k);
    let word = weights[i / 4u][i % 4u];
    return Octet(scale * nibbles(word), scale * nibbles(word >> 16u));
}
