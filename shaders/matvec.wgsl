// matvec:  out[m, first + j] = dot(x[m, :], weights[j, :])
// x: [rows, k]   weights: [n, k]   out: [rows, width]   k: multiple of 32   for few rows (decoding)
//
//   binding 0  x        vec4<f32>  (overlay dp4a: what quantize.wgsl makes of it)
//   binding 1  weights  vec4<u32>  packed, see shared/weights_*.wgsl
//   binding 2  out      f32
//   binding 3  params   uniform
//
// Dispatch: x = ceil(n / 16) (n <= 1048560), y = ceil(rows / ROWS).
// A workgroup of 64 makes 16 outputs of ROWS rows: 4 teams of 16 lanes, 4 outputs each; shared/row_products.wgsl is the walk.
// Precision: f32; a row's result depends neither on ROWS nor on the other rows.
// Columns of out other than first .. first + n are left alone: a matrix in several buffers is several launches.
// Overlays: subgroups, the teams' sums; dp4a, the products, with activations of 8 bits.
// Twin: src/cpu/matvec.rs

struct Params {
    rows: u32, n: u32, k: u32, width: u32,
    first: u32, pad0: u32, pad1: u32, pad2: u32,
}

@group(0) @binding(1) var<storage, read_write> weights: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

{{ row_products }}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, lane: Lane) {
    let first_row = group.y * ROWS;
    let first_column = group.x * 16u + lane.index / TEAM * 4u;
    row_products(first_row, min(first_column + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.n - 1u)), params.n, lane);
    // Invocation t finishes row t / 4, outputs 4 (t % 4) and the next three.
    let row = first_row + lane.index / 4u;
    if (lane.index >= 4u * ROWS || row >= params.rows) {
        return;
    }
    let sums = total(lane.index / 4u, lane.index % 4u, lane);
    let column = group.x * 16u + lane.index % 4u * 4u;
    let at = row * params.width + params.first + column;
    if (column < params.n) { out[at] = sums.x; }
    if (column + 1u < params.n) { out[at + 1u] = sums.y; }
    if (column + 2u < params.n) { out[at + 2u] = sums.z; }
    if (column + 3u < params.n) { out[at + 3u] = sums.w; }
}
