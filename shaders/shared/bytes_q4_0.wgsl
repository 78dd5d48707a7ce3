// The weights of weights_q4_0.wgsl, which precedes this, with their nibbles made bytes.
// Offers weight_bytes.

/// 8 consecutive weights of one row: signed bytes, the even ones first, then the odd ones.
struct Bytes { lo: u32, hi: u32, scale: f32 }

/// A nibble in the upper half of a byte, its highest bit turned, is that nibble less 8 as a signed byte, 16 times too large.
fn weight_bytes(row: u32, octet: u32, n: u32, k: u32) -> Bytes {
    let i = row * (k / 8u) + octet;
    let word = weights[i / 4u][i % 4u];
    let even = ((word << 4u) & 0xf0f0f0f0u) ^ 0x80808080u;
    let odd = (word & 0xf0f0f0f0u) ^ 0x80808080u;
    return Bytes(even, odd, f16_value(half_at(n * (k / 32u), i / 4u)) / 16.0);
}
