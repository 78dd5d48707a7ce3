// Keys and values in the cache as f32: a head's D numbers, as they are.
// Offers KvWords, kv_stride, k_at, v_at; the including file declares k_pages and v_pages as arrays of KvWords, and Params with
// head_dim.

alias KvWords = vec4<f32>;

/// KvWords of a head.
fn kv_stride() -> u32 {
    return params.head_dim / 4u;
}

/// Elements 4 i ..+ 4 of the head whose KvWords begin at `row`.
fn k_at(row: u32, i: u32) -> vec4<f32> {
    return k_pages[row + i];
}

fn v_at(row: u32, i: u32) -> vec4<f32> {
    return v_pages[row + i];
}
