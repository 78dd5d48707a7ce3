// attention_prefill:  out[r, h, :] = sum_p softmax_p(score(q[r, h, :], k[p, g, :])) * v[p, g, :],  p = first(r) ..= position(r)
// score(q, k) = scale * dot(q, k), or with a softcap c > 0:  c * tanh(scale * dot(q, k) / c)
// first(r) = 0, or with a window w > 0:  max(0, position(r) + 1 - w)
// q, out: [rows, H * D]   k_pages, v_pages: [n_pages * 16, G heads of D]   g = h / (H / G)   D: multiple of 8, at most 256
//
//   binding 0  q        vec4<f32>
//   binding 1  step     u32        row headers, block table at table_offset, tiles at tiles_offset
//   binding 2  k_pages  KvWords    as shared/kv_*.wgsl say
//   binding 3  v_pages  KvWords
//   binding 4  out      vec4<f32>  the rows of the tiles; other rows keep what they had
//   binding 5  params   uniform
//
// Dispatch: x = H, y = n_tiles, z = ceil(D / 64). A workgroup of 64 serves one (tile, head, 64 elements of v): 16 rows of one
// sequence at consecutive positions, 32 KV positions at a time. An invocation owns 4 rows: 2 scores each, then one vec4 of v.
// With D > 64 each of the z workgroups repeats the scores. Precision: f32, online softmax.
// Twin: src/cpu/attention_prefill.rs

struct Params {
    rows: u32, n_heads: u32, n_kv_heads: u32, head_dim: u32,
    scale: f32, table_offset: u32, pages_per_seq: u32, n_pages: u32,
    n_tiles: u32, tiles_offset: u32, softcap: f32, window: u32,
    pad0: u32, pad1: u32, pad2: u32, pad3: u32,
}

const TILE_ROWS: u32 = 16u;
const TILE_KV: u32 = 32u;
const MASKED: f32 = -1e30;

@group(0) @binding(0) var<storage, read_write> q: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> step: array<u32>;
@group(0) @binding(2) var<storage, read_write> k_pages: array<KvWords>;
@group(0) @binding(3) var<storage, read_write> v_pages: array<KvWords>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(5) var<uniform> params: Params;

{{ kv }}
/// First row, row count, position of the first row, sequence.
var<workgroup> tile: vec4<u32>;
/// Scores, then probabilities: vec4 of 4 rows at [position * 4 + row / 4].
var<workgroup> score_tile: array<vec4<f32>, 128>;
var<workgroup> q_tile: array<vec4<f32>, 256>;
/// K, then V: [position][16 vec4], the vec4s permuted by position so that reads hit different banks.
var<workgroup> kv_tile: array<vec4<f32>, 512>;

/// Scores between -softcap and softcap. Some drivers' tanh is NaN far out, where it is 1 already.
fn capped(scores: vec4<f32>) -> vec4<f32> {
    if (params.softcap > 0.0) {
        return params.softcap * tanh(clamp(scores / params.softcap, vec4<f32>(-15.0), vec4<f32>(15.0)));
    }
    return scores;
}

fn kv_place(position: u32, part: u32) -> u32 {
    return position * 16u + (part ^ (position & 15u));
}

/// Where in the pages the KvWords begin of kv head `kv_head` at `position` of sequence `sequence`.
fn kv_row(position: u32, sequence: u32, kv_head: u32) -> u32 {
    let page = step[params.table_offset + sequence * params.pages_per_seq + position / 16u];
    let slot = min(page, params.n_pages - 1u) * 16u + position % 16u;
    return (slot * params.n_kv_heads + kv_head) * kv_stride();
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let head = group.x;
    if (head >= params.n_heads || group.y >= params.n_tiles) {
        return;
    }
    if (lane == 0u) {
        let first_row = step[params.tiles_offset + group.y * 2u];
        let header = min(first_row, params.rows - 1u) * 4u;
        tile = vec4<u32>(first_row, step[params.tiles_offset + group.y * 2u + 1u], step[header + 1u], step[header + 3u]);
    }
    let t = workgroupUniformLoad(&tile);
    if (t.x >= params.rows || t.y == 0u) {
        return;
    }
    let row_count = min(min(t.y, TILE_ROWS), params.rows - t.x);
    let last = min(t.z + row_count, params.pages_per_seq * 16u) - 1u;
    let sequence = t.w;
    let kv_head = head / (params.n_heads / params.n_kv_heads);
    let width = params.head_dim / 4u;
    let slices = (width + 15u) / 16u;

    let part = lane % 16u;
    let quad = lane / 16u;
    let row_positions = vec4<u32>(t.z + quad * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    let v_part = group.z * 16u + part;
    // What the first row sees first, and what each of this invocation's rows does.
    var begin = 0u;
    var row_begins = vec4<u32>();
    if (params.window > 0u) {
        begin = max(t.z + 1u, params.window) - params.window;
        row_begins = max(row_positions + 1u, vec4<u32>(params.window)) - params.window;
    }
    var peak = vec4<f32>(MASKED);
    var mass = vec4<f32>();
    var o0 = vec4<f32>();
    var o1 = o0;
    var o2 = o0;
    var o3 = o0;
    for (var first = begin; first <= last; first += TILE_KV) {
        // Scores of rows 4 quad ..+ 4 at positions first + part (a) and first + part + 16 (b).
        var a = vec4<f32>();
        var b = vec4<f32>();
        for (var slice = 0u; slice < slices; slice++) {
            let column = slice * 16u + part;
            workgroupBarrier();
            if (slices > 1u || first == begin) {
                for (var i = quad; i < TILE_ROWS; i += 4u) {
                    let at = ((t.x + min(i, row_count - 1u)) * params.n_heads + head) * width + column;
                    var value = vec4<f32>();
                    if (column < width) {
                        value = q[at] * params.scale;
                    }
                    q_tile[i * 16u + part] = value;
                }
            }
            for (var i = quad; i < TILE_KV; i += 4u) {
                var value = vec4<f32>();
                if (column < width) {
                    value = k_at(kv_row(min(first + i, last), sequence, kv_head), column);
                }
                kv_tile[kv_place(i, part)] = value;
            }
            workgroupBarrier();
            for (var i = 0u; i < 16u; i++) {
                let ka = kv_tile[kv_place(part, i)];
                let kb = kv_tile[kv_place(part + 16u, i)];
                let at = quad * 64u + i;
                let q0 = q_tile[at];
                let q1 = q_tile[at + 16u];
                let q2 = q_tile[at + 32u];
                let q3 = q_tile[at + 48u];
                a += vec4<f32>(dot(q0, ka), dot(q1, ka), dot(q2, ka), dot(q3, ka));
                b += vec4<f32>(dot(q0, kb), dot(q1, kb), dot(q2, kb), dot(q3, kb));
            }
        }
        let pa = vec4<u32>(first + part);
        let pb = pa + 16u;
        a = select(vec4<f32>(MASKED), capped(a), (pa <= row_positions) & (pa >= row_begins));
        b = select(vec4<f32>(MASKED), capped(b), (pb <= row_positions) & (pb >= row_begins));
        score_tile[part * 4u + quad] = a;
        score_tile[(part + 16u) * 4u + quad] = b;
        workgroupBarrier();
        var new_peak = peak;
        for (var i = 0u; i < TILE_KV; i++) {
            new_peak = max(new_peak, score_tile[i * 4u + quad]);
        }
        let shrink = exp(peak - new_peak);
        peak = new_peak;
        mass *= shrink;
        o0 *= shrink.x;
        o1 *= shrink.y;
        o2 *= shrink.z;
        o3 *= shrink.w;
        for (var i = quad; i < TILE_KV; i += 4u) {
            var value = vec4<f32>();
            if (v_part < width) {
                value = v_at(kv_row(min(first + i, last), sequence, kv_head), v_part);
            }
            kv_tile[kv_place(i, part)] = value;
        }
        workgroupBarrier();
        score_tile[part * 4u + quad] = exp(a - peak);
        score_tile[(part + 16u) * 4u + quad] = exp(b - peak);
        workgroupBarrier();
        for (var i = 0u; i < TILE_KV; i++) {
            let prob = score_tile[i * 4u + quad];
            let v = kv_tile[kv_place(i, part)];
            mass += prob;
            o0 += prob.x * v;
            o1 += prob.y * v;
            o2 += prob.z * v;
            o3 += prob.w * v;
        }
    }
    if (v_part >= width) {
        return;
    }
    let row = quad * 4u;
    let at = ((t.x + row) * params.n_heads + head) * width + v_part;
    let stride = params.n_heads * width;
    if (row < row_count) { out[at] = o0 / mass.x; }
    if (row + 1u < row_count) { out[at + stride] = o1 / mass.y; }
    if (row + 2u < row_count) { out[at + 2u * stride] = o2 / mass.z; }
    if (row + 3u < row_count) { out[at + 3u * stride] = o3 / mass.w; }
}
