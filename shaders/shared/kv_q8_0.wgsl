// Keys and values in the cache as Q8_0: a head's D signed bytes q, four a word, then an f32 d for each 32 of them. Value d * q.
// Offers KvWords, kv_stride, k_at, v_at; the including file declares k_pages and v_pages as arrays of KvWords, and Params with
// head_dim.

alias KvWords = u32;

/// KvWords of a head.
fn kv_stride() -> u32 {
    return params.head_dim / 4u + (params.head_dim + 31u) / 32u;
}

fn scaled_bytes(word: u32, scale: u32) -> vec4<f32> {
    let bytes = bitcast<vec4<i32>>(vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u);
    return bitcast<f32>(scale) * vec4<f32>(bytes);
}

/// Elements 4 i ..+ 4 of the head whose KvWords begin at `row`.
fn k_at(row: u32, i: u32) -> vec4<f32> {
    return scaled_bytes(k_pages[row + i], k_pages[row + params.head_dim / 4u + i / 8u]);
}

fn v_at(row: u32, i: u32) -> vec4<f32> {
    return scaled_bytes(v_pages[row + i], v_pages[row + params.head_dim / 4u + i / 8u]);
}
