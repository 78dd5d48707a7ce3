// The weights of weights_q8_0.wgsl, which precedes this, as the bytes they are.
// Offers weight_bytes.

/// 8 consecutive weights of one row: signed bytes, in order.
struct Bytes { lo: u32, hi: u32, scale: f32 }

fn weight_bytes(row: u32, octet: u32, n: u32, k: u32) -> Bytes {
    let i = row * (k / 8u) + octet;
    let v = weights[i / 2u];
    let pair = select(v.xy, v.zw, i % 2u == 1u);
    return Bytes(pair.x, pair.y, f16_value(half_at(n * (k / 16u), i / 4u)));
}
