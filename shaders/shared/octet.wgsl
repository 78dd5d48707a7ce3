// What every shared/weights_*.wgsl is written with. A packed matrix is planes, each of whole vec4s: first the numbers or
// their low bits, then, where the format has them, their further bits, the scales within blocks, the blocks' f16 factors;
// all row-major. The including file declares `weights: array<vec4<u32>>`.

/// 8 consecutive weights of one row.
struct Octet { lo: vec4<f32>, hi: vec4<f32> }

/// Word `i` of the plane that begins at vec4 `plane`; likewise half a word, and a byte.
fn word_at(plane: u32, i: u32) -> u32 {
    return weights[plane + i / 4u][i % 4u];
}

fn half_at(plane: u32, i: u32) -> u32 {
    return (word_at(plane, i / 2u) >> (i % 2u * 16u)) & 0xffffu;
}

fn byte_at(plane: u32, i: u32) -> u32 {
    return (word_at(plane, i / 4u) >> (i % 4u * 8u)) & 0xffu;
}

/// The lowest 4 numbers of `bits` bits.
fn four(word: u32, bits: u32) -> vec4<u32> {
    return (vec4<u32>(word) >> (vec4<u32>(0u, 1u, 2u, 3u) * bits)) & vec4<u32>((1u << bits) - 1u);
}

/// A signed byte.
fn signed(byte: u32) -> f32 {
    return f32(bitcast<i32>(byte << 24u) >> 24u);
}

/// f16 bits to f32, exact for subnormals too: small factors are often subnormal and unpack2x16float may flush those.
fn f16_value(bits: u32) -> f32 {
    let magnitude = bits & 0x7fffu;
    let normal = bitcast<f32>((magnitude << 13u) + 0x38000000u);
    let value = select(normal, f32(magnitude) * 5.9604644775390625e-8, magnitude < 0x400u);
    return select(value, -value, (bits & 0x8000u) != 0u);
}

/// Weights scale * (q - zero)
fn centred(lo: vec4<u32>, hi: vec4<u32>, zero: f32, scale: f32) -> Octet {
    return Octet(scale * (vec4<f32>(lo) - zero), scale * (vec4<f32>(hi) - zero));
}

/// Weights scale * q + offset
fn shifted(lo: vec4<u32>, hi: vec4<u32>, scale: f32, offset: f32) -> Octet {
    return Octet(scale * vec4<f32>(lo) + offset, scale * vec4<f32>(hi) + offset);
}
