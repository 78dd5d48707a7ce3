// embed:  out[r, i] = weights[token(r) - first, i] * scale
// weights: [count, hidden], of tokens first .. first + count of a vocabulary   step: 4 words per row, the first is the token
// out: [rows, hidden]   hidden: multiple of 32
//
//   binding 0  weights  vec4<u32>  packed, see shared/weights_*.wgsl
//   binding 1  step     u32        row headers
//   binding 2  out      vec4<f32>
//   binding 3  params   uniform
//
// Dispatch: x = ceil(hidden / 8 / 64), y = rows; one invocation writes 8 elements.
// A token past the vocabulary counts as its last. Rows of other tokens than these are left alone: an embedding in several
// buffers is several launches. Precision: one product per element, exact but for that rounding.
// Twin: src/cpu/embed.rs

struct Params {
    rows: u32, hidden: u32, vocab: u32, scale: f32,
    first: u32, count: u32, pad0: u32, pad1: u32,
}

@group(0) @binding(0) var<storage, read_write> weights: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> step: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> params: Params;

{{ weights }}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = group.y;
    let octet = group.x * 64u + lane;
    if (row >= params.rows || octet >= params.hidden / 8u) {
        return;
    }
    // Of a token before the first it is far past the last.
    let weight_row = min(step[row * 4u], params.vocab - 1u) - params.first;
    if (weight_row >= params.count) {
        return;
    }
    let w = weight_octet(weight_row, octet, params.count, params.hidden);
    let at = row * (params.hidden / 4u) + octet * 2u;
    out[at] = w.lo * params.scale;
    out[at + 1u] = w.hi * params.scale;
}
