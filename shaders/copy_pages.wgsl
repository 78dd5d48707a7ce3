// copy_pages:  dst_pages[dst_first + t] = src_pages[src_first + f] for each pair (f, t): whole pages, bit for bit
// src_pages: [n_src, page_words]   dst_pages: [n_dst, page_words], pages of no pair keep what they had   pairs: [pages]
//
//   binding 0  src_pages  u32
//   binding 1  pairs      vec2<u32>
//   binding 2  dst_pages  u32
//   binding 3  params     uniform
//
// Dispatch: x = min(pages, 65535), y = ceil(pages / 65535); a workgroup of 64 per page, an invocation per word.
// Pages out of range are not copied. Precision: bits.
// Twin: src/cpu/copy_pages.rs

struct Params {
    pages: u32, page_words: u32, src_first: u32, dst_first: u32,
    n_src: u32, n_dst: u32, pad0: u32, pad1: u32,
}

@group(0) @binding(0) var<storage, read_write> src_pages: array<u32>;
@group(0) @binding(1) var<storage, read_write> pairs: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read_write> dst_pages: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let pair = group.y * groups.x + group.x;
    if (pair >= params.pages) {
        return;
    }
    let page = pairs[pair] + vec2<u32>(params.src_first, params.dst_first);
    if (page.x >= params.n_src || page.y >= params.n_dst) {
        return;
    }
    for (var i = lane; i < params.page_words; i += 64u) {
        dst_pages[page.y * params.page_words + i] = src_pages[page.x * params.page_words + i];
    }
}
