// Activations [rows, k] as f32, and their products with weights as f32.
// Offers x, x_octet, Weights, w_octet and product; the including file declares Octet and weight_octet.

@group(0) @binding(0) var<storage, read_write> x: array<vec4<f32>>;

/// 8 consecutive activations of one row.
struct Activations { lo: vec4<f32>, hi: vec4<f32> }

/// 8 consecutive weights of one row.
alias Weights = Octet;

fn x_octet(row: u32, octet: u32, rows: u32, k: u32) -> Activations {
    let i = row * (k / 4u) + octet * 2u;
    return Activations(x[i], x[i + 1u]);
}

fn w_octet(row: u32, octet: u32, n: u32, k: u32) -> Weights {
    return weight_octet(row, octet, n, k);
}

/// sum + the products' sum, a product and an addition at a time: a CPU's drivers fuse them, and not those of dot.
fn product(a: Activations, w: Weights, sum: f32) -> f32 {
    let lo = fma(a.lo.w, w.lo.w, fma(a.lo.z, w.lo.z, fma(a.lo.y, w.lo.y, fma(a.lo.x, w.lo.x, sum))));
    return fma(a.hi.w, w.hi.w, fma(a.hi.z, w.hi.z, fma(a.hi.y, w.hi.y, fma(a.hi.x, w.hi.x, lo))));
}
