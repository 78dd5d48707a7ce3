// Writing keys and values to the cache as Q8_0 (shared/kv_q8_0.wgsl reads them): a head is gathered before it is quantised,
// since a scale depends on 32 of its elements. D: multiple of 8, at most 256.
// Offers KvWords, kv_stride, kv_put, kv_finish; the including file declares k_pages and v_pages as arrays of KvWords, and Params
// with head_dim.

alias KvWords = u32;

/// A smaller scale is subnormal, which some adapters take for 0: it is 0.
const SMALLEST_SCALE: f32 = 1.2e-38;

var<workgroup> gathered: array<f32, 256>;

/// KvWords of a head.
fn kv_stride() -> u32 {
    return params.head_dim / 4u + (params.head_dim + 31u) / 32u;
}

/// Element `i` of the head whose KvWords begin at `row`.
fn kv_put(is_value: bool, row: u32, i: u32, value: f32) {
    gathered[min(i, 255u)] = value;
}

/// Called by the whole workgroup once every element is put: a word an invocation.
fn kv_finish(is_value: bool, is_kept: bool, row: u32, lane: u32) {
    workgroupBarrier();
    if (!is_kept || lane * 4u >= params.head_dim) {
        return;
    }
    // As bits, so that what is not a number is the largest, and the scale with it: nothing is to look sound that is not.
    var largest = 0u;
    for (var i = lane / 8u * 32u; i < min(lane / 8u * 32u + 32u, params.head_dim); i++) {
        largest = max(largest, bitcast<u32>(gathered[i]) & 0x7fffffffu);
    }
    var scale = bitcast<f32>(largest) * (1.0 / 127.0);
    if (scale < SMALLEST_SCALE) {
        scale = 0.0;
    }
    let inverse = select(1.0 / scale, 0.0, scale == 0.0);
    let i = lane * 4u;
    let values = vec4<f32>(gathered[i], gathered[i + 1u], gathered[i + 2u], gathered[i + 3u]);
    let bytes = vec4<u32>(vec4<i32>(round(values * inverse))) & vec4<u32>(255u);
    let word = bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
    let scale_at = row + params.head_dim / 4u + lane / 8u;
    if (is_value) {
        v_pages[row + lane] = word;
    } else {
        k_pages[row + lane] = word;
    }
    if (lane % 8u == 0u && is_value) {
        v_pages[scale_at] = bitcast<u32>(scale);
    } else if (lane % 8u == 0u) {
        k_pages[scale_at] = bitcast<u32>(scale);
    }
}
