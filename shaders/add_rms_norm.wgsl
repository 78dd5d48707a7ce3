// add_rms_norm:  sum[r, i] = x[r, i] + delta_scale * delta[r, i]      out[r, :] = rms_norm(sum[r, :])
// x, delta, sum, out: [rows, hidden]   weight: [hidden]   hidden: multiple of 4
//
//   binding 0  x       vec4<f32>  residual stream before
//   binding 1  delta   vec4<f32>  what the last sub-layer adds
//   binding 2  weight  vec4<f32>
//   binding 3  sum     vec4<f32>  residual stream after
//   binding 4  out     vec4<f32>  its norm
//   binding 5  params  uniform
//
// Dispatch: x = rows up to 65535, y = ceil(rows / 65535); one workgroup of 128 per row.
// Precision: f32; the squares are summed in 128 strided lanes, then as shared/workgroup_sum.wgsl does.
// Overlays: subgroups, the sum of the lanes.
// Twin: src/cpu/add_rms_norm.rs

struct Params {
    rows: u32, hidden: u32, eps: f32, delta_scale: f32,
    pad0: u32, pad1: u32, pad2: u32, pad3: u32,
}

@group(0) @binding(0) var<storage, read_write> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> delta: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> weight: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> sum: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(5) var<uniform> params: Params;

{{ workgroup_sum }}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, lane: Lane) {
    let row = group.y * 65535u + group.x;
    if (row >= params.rows) {
        return;
    }
    let width = params.hidden / 4u;
    let base = row * width;
    var squares = 0.0;
    for (var i = lane.index; i < width; i += 128u) {
        let v = x[base + i] + params.delta_scale * delta[base + i];
        sum[base + i] = v;
        squares += dot(v, v);
    }
    let factor = inverseSqrt(workgroup_sum(squares, lane) / f32(params.hidden) + params.eps);
    // Every invocation reads back only what it wrote itself, so no barrier is needed for `sum`.
    for (var i = lane.index; i < width; i += 128u) {
        out[base + i] = sum[base + i] * factor * weight[i];
    }
}
