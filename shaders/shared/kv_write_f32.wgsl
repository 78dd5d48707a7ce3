// Writing keys and values to the cache as f32 (shared/kv_f32.wgsl reads them).
// Offers KvWords, kv_stride, kv_put, kv_finish; the including file declares k_pages and v_pages as arrays of KvWords, and Params
// with head_dim.

alias KvWords = f32;

/// KvWords of a head.
fn kv_stride() -> u32 {
    return params.head_dim;
}

/// Element `i` of the head whose KvWords begin at `row`.
fn kv_put(is_value: bool, row: u32, i: u32, value: f32) {
    if (is_value) {
        v_pages[row + i] = value;
    } else {
        k_pages[row + i] = value;
    }
}

/// Called by the whole workgroup once every element is put.
fn kv_finish(is_value: bool, is_kept: bool, row: u32, lane: u32) {
}
