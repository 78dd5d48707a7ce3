// multiply_add:  out[i] = x[i], multiplied by `factor` and raised by `step` again and again, 8 `rounds` times
// x, out: [len]   len: multiple of 32   what the adapter's arithmetic gives at best: a yardstick for the other kernels
//
//   binding 0  x       vec4<f32>
//   binding 1  out     vec4<f32>
//   binding 2  params  uniform
//
// Dispatch: x = ceil(len / 2048) (len <= 134215680); an invocation of 64 has 8 independent vectors, which a compiler may
// interleave, so that no operation waits for the one before it. 8 operations a round and vector: a loop costs nothing beside.
// Precision: f32; exact for a factor that is a power of two, fused or not.
// Twin: src/cpu/multiply_add.rs

struct Params {
    len: u32, rounds: u32, factor: f32, step: f32,
    pad0: u32, pad1: u32, pad2: u32, pad3: u32,
}

@group(0) @binding(0) var<storage, read_write> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> params: Params;

fn eight(vector: vec4<f32>) -> vec4<f32> {
    let factor = vec4<f32>(params.factor);
    let step = vec4<f32>(params.step);
    var v = vector;
    v = v * factor + step;
    v = v * factor + step;
    v = v * factor + step;
    v = v * factor + step;
    v = v * factor + step;
    v = v * factor + step;
    v = v * factor + step;
    return v * factor + step;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let first = id.x * 8u;
    if (first >= params.len / 4u) {
        return;
    }
    var v0 = x[first];
    var v1 = x[first + 1u];
    var v2 = x[first + 2u];
    var v3 = x[first + 3u];
    var v4 = x[first + 4u];
    var v5 = x[first + 5u];
    var v6 = x[first + 6u];
    var v7 = x[first + 7u];
    for (var round = 0u; round < params.rounds; round++) {
        v0 = eight(v0);
        v1 = eight(v1);
        v2 = eight(v2);
        v3 = eight(v3);
        v4 = eight(v4);
        v5 = eight(v5);
        v6 = eight(v6);
        v7 = eight(v7);
    }
    out[first] = v0;
    out[first + 1u] = v1;
    out[first + 2u] = v2;
    out[first + 3u] = v3;
    out[first + 4u] = v4;
    out[first + 5u] = v5;
    out[first + 6u] = v6;
    out[first + 7u] = v7;
}
