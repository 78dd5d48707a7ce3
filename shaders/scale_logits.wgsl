// scale_logits:  out[r, i] = scale * x[r, i], or with a softcap c > 0:  c * tanh(scale * x[r, i] / c)
// x, out: [rows, vocab]
//
//   binding 0  x       f32
//   binding 1  out     f32
//   binding 2  params  uniform
//
// Dispatch: x = ceil(vocab / 256), y = rows; one invocation per element. Precision: tanh's own.
// Twin: src/cpu/scale_logits.rs

struct Params {
    rows: u32, vocab: u32, scale: f32, softcap: f32,
    pad0: u32, pad1: u32, pad2: u32, pad3: u32,
}

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let column = group.x * 256u + lane;
    if (group.y >= params.rows || column >= params.vocab) {
        return;
    }
    let at = group.y * params.vocab + column;
    var value = params.scale * x[at];
    if (params.softcap > 0.0) {
        // Some drivers' tanh is NaN far out, where it is 1 already.
        value = params.softcap * tanh(clamp(value / params.softcap, -15.0, 15.0));
    }
    out[at] = value;
}
