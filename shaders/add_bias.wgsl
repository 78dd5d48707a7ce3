// add_bias:  out[r, i] = x[r, i] + bias[i]
// x, out: [rows, n]   bias: [n]
//
//   binding 0  x       f32
//   binding 1  bias    f32
//   binding 2  out     f32
//   binding 3  params  uniform
//
// Dispatch: x = ceil(n / 64), y = rows; one invocation per element. Precision: exact but for one rounding.
// Twin: src/cpu/add_bias.rs

struct Params {
    rows: u32, n: u32, pad0: u32, pad1: u32,
    pad2: u32, pad3: u32, pad4: u32, pad5: u32,
}

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> bias: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let column = group.x * 64u + lane;
    if (group.y >= params.rows || column >= params.n) {
        return;
    }
    let at = group.y * params.n + column;
    out[at] = x[at] + bias[column];
}
