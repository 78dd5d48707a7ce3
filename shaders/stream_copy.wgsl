// stream_copy:  out[i] = x[i]
// x, out: [len]   len: multiple of 4   what the adapter's memory gives at best: a yardstick for the other kernels
//
//   binding 0  x       vec4<f32>
//   binding 1  out     vec4<f32>
//   binding 2  params  uniform
//
// Dispatch: x = min(ceil(len / 1024), 65535); invocations of 256 a workgroup stride over the vectors.
// Precision: bits.
// Twin: src/cpu/stream_copy.rs

struct Params {
    len: u32, pad0: u32, pad1: u32, pad2: u32,
    pad3: u32, pad4: u32, pad5: u32, pad6: u32,
}

@group(0) @binding(0) var<storage, read_write> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < params.len / 4u; i += groups.x * 256u) {
        out[i] = x[i];
    }
}
