// matmul:  out[m, first + j] = dot(x[m, :], weights[j, :])
// x: [rows, k]   weights: [n, k]   out: [rows, width]   k: multiple of 32   for many rows (prefill)
//
//   binding 0  x        vec4<f32>  (overlay dp4a: what quantize.wgsl makes of it)
//   binding 1  weights  vec4<u32>  packed, see shared/weights_*.wgsl
//   binding 2  out      f32
//   binding 3  params   uniform
//
// Dispatch: x = ceil(n / 64), y = ceil(rows / 64); a workgroup of 64 makes a tile of 64 rows x 64 outputs (shared/tile.wgsl).
// Precision: f32, summed in ascending parts of 4; a row's result does not depend on the other rows.
// Columns of out other than first .. first + n are left alone: a matrix in several buffers is several launches.
// Overlays: dp4a and f16, what the tile is made of.
// Twin: src/cpu/matmul.rs

struct Params {
    rows: u32, n: u32, k: u32, width: u32,
    first: u32, pad0: u32, pad1: u32, pad2: u32,
}

@group(0) @binding(1) var<storage, read_write> weights: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

/// Row of the weights behind a row of the tile; past the end, the last one.
fn weight_row(first_column: u32, row: u32) -> u32 {
    return min(first_column + row, params.n - 1u);
}

{{ tile }}

/// The outputs of one row at columns `column` + 0, 8, 16, 24.
fn store(row: u32, column: u32, sums: vec4<f32>) {
    if (row >= params.rows) {
        return;
    }
    let at = row * params.width + params.first + column;
    if (column < params.n) { out[at] = sums.x; }
    if (column + 8u < params.n) { out[at + 8u] = sums.y; }
    if (column + 16u < params.n) { out[at + 16u] = sums.z; }
    if (column + 24u < params.n) { out[at + 24u] = sums.w; }
}

fn store_column(row: u32, column: u32, sums: Column) {
    store(row, column, sums.r0);
    store(row + 8u, column, sums.r1);
    store(row + 16u, column, sums.r2);
    store(row + 24u, column, sums.r3);
    store(row + 32u, column, sums.r4);
    store(row + 40u, column, sums.r5);
    store(row + 48u, column, sums.r6);
    store(row + 56u, column, sums.r7);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let sums = tile_products(group.y * 64u, group.x * 64u, params.n, lane);
    let row = group.y * 64u + lane / 8u;
    let column = group.x * 64u + lane % 8u;
    store_column(row, column, sums.left);
    store_column(row, column + 32u, sums.right);
}
