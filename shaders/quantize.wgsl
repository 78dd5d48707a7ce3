// quantize:  x as signed bytes, block by block of 32:  x[m, i] ~ byte * scale,  scale = max |x| of the block / 127
// x: [rows, k]   out: rows * k / 4 words of bytes, then rows * k / 32 scales as f32, to a whole vec4   k: multiple of 32
//
//   binding 0  x       vec4<f32>
//   binding 1  out     u32
//   binding 2  params  uniform
//
// Dispatch: x = min(ceil(blocks / 64), 65535), y = ceil(that / 65535), blocks = rows * k / 32; one block an invocation of 64.
// Of 8 bytes the first word holds 0 1 2 3 and the second 4 5 6 7, or with `interleaved` 0 2 4 6 and 1 3 5 7: the order in
// which the weights' bytes are at hand (shared/bytes_*.wgsl).
// Precision: bytes to the nearest, ties to even; a division of the adapter's may turn what is nearly a tie.
// Twin: src/cpu/quantize.rs

struct Params {
    rows: u32, k: u32, interleaved: u32, pad0: u32,
    pad1: u32, pad2: u32, pad3: u32, pad4: u32,
}

@group(0) @binding(0) var<storage, read_write> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;

fn word(v: vec4<f32>) -> u32 {
    let bytes = vec4<u32>(vec4<i32>(round(v))) & vec4<u32>(255u);
    return bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let blocks = params.rows * (params.k / 32u);
    let block = (group.y * 65535u + group.x) * 64u + lane;
    if (block >= blocks) {
        return;
    }
    // As bits, so that what is not a number is the largest, and the scale with it: nothing is to look sound that is not.
    var largest = vec4<u32>();
    for (var i = 0u; i < 8u; i++) {
        largest = max(largest, bitcast<vec4<u32>>(x[block * 8u + i]) & vec4<u32>(0x7fffffffu));
    }
    let scale = bitcast<f32>(max(max(largest.x, largest.y), max(largest.z, largest.w))) * (1.0 / 127.0);
    let inverse = select(1.0 / scale, 0.0, scale == 0.0);
    for (var i = 0u; i < 4u; i++) {
        let a = x[block * 8u + i * 2u] * inverse;
        let b = x[block * 8u + i * 2u + 1u] * inverse;
        let interleave = params.interleaved != 0u;
        out[block * 8u + i * 2u] = word(select(a, vec4<f32>(a.xz, b.xz), interleave));
        out[block * 8u + i * 2u + 1u] = word(select(b, vec4<f32>(a.yw, b.yw), interleave));
    }
    out[blocks * 8u + block] = bitcast<u32>(scale);
}
