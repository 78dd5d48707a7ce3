// gated_matvec:  out[m, first + j] = activation(dot(x[m, :], weights[j, :])) * dot(x[m, :], weights[f + j, :])
// activation 0: silu(v) = v / (1 + exp(-v))   1: gelu_tanh(v) = v / 2 * (1 + tanh(sqrt(2 / pi) * (v + 0.044715 v^3)))
// x: [rows, k]   weights: [2 f, k], gate rows 0 .. f, then up rows   out: [rows, width]   k: multiple of 32   for few rows
//
//   binding 0  x        vec4<f32>  (overlay dp4a: what quantize.wgsl makes of it)
//   binding 1  weights  vec4<u32>  packed, see shared/weights_*.wgsl
//   binding 2  out      f32
//   binding 3  params   uniform
//
// Dispatch: x = ceil(f / 8) (f <= 524280), y = ceil(rows / ROWS).
// A workgroup of 64 makes 8 outputs of ROWS rows: 4 teams of 16 lanes, each with the gate and up rows of 2 outputs;
// shared/row_products.wgsl is the walk.
// Precision: f32; a row's result depends neither on ROWS nor on the other rows.
// Columns of out other than first .. first + f are left alone: a matrix in several buffers is several launches.
// Overlays: subgroups, the teams' sums; dp4a, the products, with activations of 8 bits.
// Twin: src/cpu/gated_matvec.rs

struct Params {
    rows: u32, f: u32, k: u32, activation: u32,
    width: u32, first: u32, pad0: u32, pad1: u32,
}

@group(0) @binding(1) var<storage, read_write> weights: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

{{ row_products }}

{{ activation }}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, lane: Lane) {
    let first_row = group.y * ROWS;
    let j = min(group.x * 8u + lane.index / TEAM * 2u + vec2<u32>(0u, 1u), vec2<u32>(params.f - 1u));
    row_products(first_row, vec4<u32>(j, j + params.f), 2u * params.f, lane);
    // Invocation t finishes row t / 4, outputs 2 (t % 4) and the next: gate in xy, up in zw.
    let row = first_row + lane.index / 4u;
    if (lane.index >= 4u * ROWS || row >= params.rows) {
        return;
    }
    let sums = total(lane.index / 4u, lane.index % 4u, lane);
    let gated = activation(sums).xy * sums.zw;
    let column = group.x * 8u + lane.index % 4u * 2u;
    let at = row * params.width + params.first + column;
    if (column < params.f) { out[at] = gated.x; }
    if (column + 1u < params.f) { out[at + 1u] = gated.y; }
}
