// Activations [rows, k] as quantize.wgsl writes them, bytes, then an f32 scale for each block of 32; and their products with
// weights as bytes. Offers x, x_octet, Weights, w_octet and product; the including file declares Bytes and weight_bytes.

@group(0) @binding(0) var<storage, read_write> x: array<vec4<u32>>;

/// 8 consecutive activations of one row, in the order of the weights' bytes.
struct Activations { lo: u32, hi: u32, scale: f32 }

/// 8 consecutive weights of one row.
alias Weights = Bytes;

fn x_octet(row: u32, octet: u32, rows: u32, k: u32) -> Activations {
    let i = row * (k / 8u) + octet;
    let v = x[i / 2u];
    let pair = select(v.xy, v.zw, i % 2u == 1u);
    let scale = x[rows * (k / 16u) + i / 16u][i / 4u % 4u];
    return Activations(pair.x, pair.y, bitcast<f32>(scale));
}

fn w_octet(row: u32, octet: u32, n: u32, k: u32) -> Weights {
    return weight_bytes(row, octet, n, k);
}

fn product(a: Activations, w: Weights, sum: f32) -> f32 {
    return sum + f32(dot4I8Packed(a.lo, w.lo) + dot4I8Packed(a.hi, w.hi)) * (a.scale * w.scale);
}
