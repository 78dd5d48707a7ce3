// gated_matmul:  out[m, first + j] = activation(dot(x[m, :], weights[j, :])) * dot(x[m, :], weights[f + j, :])
// activation 0: silu(v) = v / (1 + exp(-v))   1: gelu_tanh(v) = v / 2 * (1 + tanh(sqrt(2 / pi) * (v + 0.044715 v^3)))
// x: [rows, k]   weights: [2 f, k], gate rows 0 .. f, then up rows   out: [rows, width]   k: multiple of 32   for many rows
//
//   binding 0  x        vec4<f32>
//   binding 1  weights  vec4<u32>  packed, see shared/weights_*.wgsl
//   binding 2  out      f32
//   binding 3  params   uniform
//
// Dispatch: x = ceil(f / 32), y = ceil(rows / 32); a workgroup of 128 makes a tile of 32 rows x 32 outputs.
// Its weight tile is 32 gate rows, then the 32 up rows of the same outputs.
// Both tiles stand in workgroup memory [row][8 vec4 of k], the vec4s permuted by row so that reads hit different banks.
// Precision: f32, summed in ascending blocks of 4; a row's result does not depend on the other rows.
// Columns of out other than first .. first + f are left alone: a matrix in several buffers is several launches.
// Twin: src/cpu/gated_matmul.rs

struct Params {
    rows: u32, f: u32, k: u32, activation: u32,
    width: u32, first: u32, pad0: u32, pad1: u32,
}

const GELU_TANH: u32 = 1u;

@group(0) @binding(0) var<storage, read_write> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> weights: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> x_tile: array<vec4<f32>, 256>;
var<workgroup> w_tile: array<vec4<f32>, 512>;

{{ weights }}

/// Place of vec4 `part` (of 8) of tile row `row`.
fn place(row: u32, part: u32) -> u32 {
    return row * 8u + (part ^ (row & 7u));
}

/// Row of the weights behind a column of the tile (gate, then up); past the end, the last one.
fn weight_row(tile_column: u32, first: u32) -> u32 {
    let j = min(first + tile_column % 32u, params.f - 1u);
    return select(j, j + params.f, tile_column >= 32u);
}

/// The gate of `v`: SiLU, or GELU by tanh. Some drivers' tanh is NaN far out, where it is 1 already.
fn activation(v: vec2<f32>) -> vec2<f32> {
    if (params.activation == GELU_TANH) {
        let inner = 0.7978845608 * (v + 0.044715 * v * v * v);
        return 0.5 * v * (1.0 + tanh(clamp(inner, vec2<f32>(-15.0), vec2<f32>(15.0))));
    }
    return v / (1.0 + exp(-v));
}

/// The sums of one row at columns `column` + 0 and 16: gate in xy, up in zw.
fn store(row: u32, column: u32, sums: vec4<f32>) {
    if (row >= params.rows) {
        return;
    }
    let gated = activation(sums.xy) * sums.zw;
    let at = row * params.width + params.first + column;
    if (column < params.f) { out[at] = gated.x; }
    if (column + 16u < params.f) { out[at + 16u] = gated.y; }
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let tx = lane % 16u;
    let ty = lane / 16u;
    let first_row = group.y * 32u;
    let first_column = group.x * 32u;
    // What this invocation loads of every K tile: one octet of x, two of the weights.
    let load_row = lane / 4u;
    let load_octet = lane % 4u;
    let x_row = min(first_row + load_row, params.rows - 1u);
    let wa_row = weight_row(load_row, first_column);
    let wb_row = weight_row(load_row + 32u, first_column);
    // Sums of rows ty + 0, 8, 16, 24 at columns tx + 0, 16, 32, 48.
    var s0 = vec4<f32>();
    var s1 = s0;
    var s2 = s0;
    var s3 = s0;
    for (var k_tile = 0u; k_tile < params.k / 32u; k_tile++) {
        let octet = k_tile * 4u + load_octet;
        let x_at = x_row * (params.k / 4u) + octet * 2u;
        let wa = weight_octet(wa_row, octet, 2u * params.f, params.k);
        let wb = weight_octet(wb_row, octet, 2u * params.f, params.k);
        let lo = place(load_row, load_octet * 2u);
        let hi = place(load_row, load_octet * 2u + 1u);
        workgroupBarrier();
        x_tile[lo] = x[x_at];
        x_tile[hi] = x[x_at + 1u];
        w_tile[lo] = wa.lo;
        w_tile[hi] = wa.hi;
        w_tile[lo + 256u] = wb.lo;
        w_tile[hi + 256u] = wb.hi;
        workgroupBarrier();
        for (var part = 0u; part < 8u; part++) {
            let xp = place(ty, part);
            let wp = place(tx, part);
            let w0 = w_tile[wp];
            let w1 = w_tile[wp + 128u];
            let w2 = w_tile[wp + 256u];
            let w3 = w_tile[wp + 384u];
            let x0 = x_tile[xp];
            let x1 = x_tile[xp + 64u];
            let x2 = x_tile[xp + 128u];
            let x3 = x_tile[xp + 192u];
            s0 += vec4<f32>(dot(x0, w0), dot(x0, w1), dot(x0, w2), dot(x0, w3));
            s1 += vec4<f32>(dot(x1, w0), dot(x1, w1), dot(x1, w2), dot(x1, w3));
            s2 += vec4<f32>(dot(x2, w0), dot(x2, w1), dot(x2, w2), dot(x2, w3));
            s3 += vec4<f32>(dot(x3, w0), dot(x3, w1), dot(x3, w2), dot(x3, w3));
        }
    }
    let column = first_column + tx;
    store(first_row + ty, column, s0);
    store(first_row + ty + 8u, column, s1);
    store(first_row + ty + 16u, column, s2);
    store(first_row + ty + 24u, column, s3);
}
