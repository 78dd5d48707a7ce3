// gated_matmul:  out[m, first + j] = activation(dot(x[m, :], weights[j, :])) * dot(x[m, :], weights[f + j, :])
// activation 0: silu(v) = v / (1 + exp(-v))   1: gelu_tanh(v) = v / 2 * (1 + tanh(sqrt(2 / pi) * (v + 0.044715 v^3)))
// x: [rows, k]   weights: [2 f, k], gate rows 0 .. f, then up rows   out: [rows, width]   k: multiple of 32   for many rows
//
//   binding 0  x        vec4<f32>  (overlay dp4a: what quantize.wgsl makes of it)
//   binding 1  weights  vec4<u32>  packed, see shared/weights_*.wgsl
//   binding 2  out      f32
//   binding 3  params   uniform
//
// Dispatch: x = ceil(f / 32), y = ceil(rows / 64); a workgroup of 64 makes a tile of 64 rows x 32 outputs (shared/tile.wgsl).
// Its weight tile is 32 gate rows, then the 32 up rows of the same outputs.
// Precision: f32, summed in ascending parts of 4; a row's result does not depend on the other rows.
// Columns of out other than first .. first + f are left alone: a matrix in several buffers is several launches.
// Overlays: dp4a and f16, what the tile is made of.
// Twin: src/cpu/gated_matmul.rs

struct Params {
    rows: u32, f: u32, k: u32, activation: u32,
    width: u32, first: u32, pad0: u32, pad1: u32,
}

@group(0) @binding(1) var<storage, read_write> weights: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

/// Row of the weights behind a row of the tile (gate, then up); past the end, the last one.
fn weight_row(first_column: u32, row: u32) -> u32 {
    let j = min(first_column + row % 32u, params.f - 1u);
    return select(j, j + params.f, row >= 32u);
}

{{ tile }}

{{ activation }}

/// The outputs of one row at columns `column` + 0, 8, 16, 24.
fn store(row: u32, column: u32, gate: vec4<f32>, up: vec4<f32>) {
    if (row >= params.rows) {
        return;
    }
    let gated = activation(gate) * up;
    let at = row * params.width + params.first + column;
    if (column < params.f) { out[at] = gated.x; }
    if (column + 8u < params.f) { out[at + 8u] = gated.y; }
    if (column + 16u < params.f) { out[at + 16u] = gated.z; }
    if (column + 24u < params.f) { out[at + 24u] = gated.w; }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let sums = tile_products(group.y * 64u, group.x * 32u, 2u * params.f, lane);
    let row = group.y * 64u + lane / 8u;
    let column = group.x * 32u + lane % 8u;
    store(row, column, sums.left.r0, sums.right.r0);
    store(row + 8u, column, sums.left.r1, sums.right.r1);
    store(row + 16u, column, sums.left.r2, sums.right.r2);
    store(row + 24u, column, sums.left.r3, sums.right.r3);
    store(row + 32u, column, sums.left.r4, sums.right.r4);
    store(row + 40u, column, sums.left.r5, sums.right.r5);
    store(row + 48u, column, sums.left.r6, sums.right.r6);
    store(row + 56u, column, sums.left.r7, sums.right.r7);
}
