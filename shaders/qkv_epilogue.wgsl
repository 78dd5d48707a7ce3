// qkv_epilogue:  splits each row of qkv into q, k and v heads, adds the bias, norms and rotates q and k, writes q out and
// k, v to the row's KV slot. Rotation of pair i < R/2 of a head's first R elements (half-split):
//   (a, b) = (x[i], x[i + R/2]) -> (a cos - b sin, b cos + a sin);  elements from R on are not turned
// qkv: [rows, (H + 2 G) * D]   rope: [context_length, R / 2] of (cos, sin)   q: [rows, H * D]
// k_pages, v_pages: [slots, G heads of D]
// vectors: with has_bias the bias [(H + 2 G) * D], then with has_norm the weights of q's norm [D] and of k's norm [D]
//
//   binding 0  qkv      f32
//   binding 1  step     u32        row headers: token, position, slot, sequence
//   binding 2  rope     vec2<f32>  not read with R = 0
//   binding 3  vectors  f32        not read without bias and norm
//   binding 4  q        f32        written whole
//   binding 5  k_pages  KvWords    as shared/kv_write_*.wgsl say; one slot written per row
//   binding 6  v_pages  KvWords    likewise
//   binding 7  params   uniform
//
// Dispatch: x = H + 2 G, y = rows; a workgroup of 64 per head, an invocation per pair.
// A row whose position or slot is out of range writes no k and v. Precision: f32; a head's squares are summed in 64 strided
// lanes, then 8 by 8.
// Twin: src/cpu/qkv_epilogue.rs

struct Params {
    rows: u32, n_heads: u32, n_kv_heads: u32, head_dim: u32,
    context_length: u32, n_slots: u32, rotary_dim: u32, has_bias: u32,
    has_norm: u32, eps: f32, pad0: u32, pad1: u32,
    pad2: u32, pad3: u32, pad4: u32, pad5: u32,
}

@group(0) @binding(0) var<storage, read_write> qkv: array<f32>;
@group(0) @binding(1) var<storage, read_write> step: array<u32>;
@group(0) @binding(2) var<storage, read_write> rope: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> vectors: array<f32>;
@group(0) @binding(4) var<storage, read_write> q: array<f32>;
@group(0) @binding(5) var<storage, read_write> k_pages: array<KvWords>;
@group(0) @binding(6) var<storage, read_write> v_pages: array<KvWords>;
@group(0) @binding(7) var<uniform> params: Params;

{{ kv_write }}
var<workgroup> lanes: array<f32, 64>;
var<workgroup> eighths: array<f32, 8>;

/// Sum over the workgroup, the same in every invocation.
fn workgroup_sum(value: f32, lane: u32) -> f32 {
    lanes[lane] = value;
    workgroupBarrier();
    if (lane < 8u) {
        var part = 0.0;
        for (var i = 0u; i < 8u; i++) {
            part += lanes[lane + i * 8u];
        }
        eighths[lane] = part;
    }
    workgroupBarrier();
    var total = 0.0;
    for (var i = 0u; i < 8u; i++) {
        total += eighths[i];
    }
    return total;
}

/// Element `i` of head `head` of row `row`, with its bias.
fn element(row: u32, head: u32, i: u32) -> f32 {
    let column = head * params.head_dim + i;
    let value = qkv[row * (params.n_heads + 2u * params.n_kv_heads) * params.head_dim + column];
    if (params.has_bias != 0u) {
        return value + vectors[column];
    }
    return value;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let head = group.x;
    let row = group.y;
    let heads = params.n_heads + 2u * params.n_kv_heads;
    if (row >= params.rows || head >= heads) {
        return;
    }
    let is_query = head < params.n_heads;
    let is_value = head >= params.n_heads + params.n_kv_heads;
    let is_normed = params.has_norm != 0u && !is_value;
    var factor = 1.0;
    var norm_at = 0u;
    if (is_normed) {
        var squares = 0.0;
        for (var i = lane; i < params.head_dim; i += 64u) {
            let value = element(row, head, i);
            squares += value * value;
        }
        factor = inverseSqrt(workgroup_sum(squares, lane) / f32(params.head_dim) + params.eps);
        norm_at = select(0u, heads * params.head_dim, params.has_bias != 0u) + select(params.head_dim, 0u, is_query);
    }

    let position = step[row * 4u + 1u];
    let slot = step[row * 4u + 2u];
    let is_kept = slot < params.n_slots && position < params.context_length;
    let turns = params.rotary_dim / 2u;
    let to = (row * params.n_heads + head) * params.head_dim;
    let kv_head = (head - min(head, params.n_heads)) % params.n_kv_heads;
    let kv_to = (slot * params.n_kv_heads + kv_head) * kv_stride();
    for (var pair = lane; pair < params.head_dim / 2u; pair += 64u) {
        let is_turned = pair < turns;
        // Elements that are not turned pair up with their neighbours.
        let i = select(2u * pair, pair, is_turned);
        let j = select(i + 1u, i + turns, is_turned);
        var a = element(row, head, i);
        var b = element(row, head, j);
        if (is_normed) {
            a *= factor * vectors[norm_at + i];
            b *= factor * vectors[norm_at + j];
        }
        if (is_turned && !is_value) {
            let turn = rope[min(position, params.context_length - 1u) * turns + pair];
            let turned = vec2<f32>(a * turn.x - b * turn.y, b * turn.x + a * turn.y);
            a = turned.x;
            b = turned.y;
        }
        if (is_query) {
            q[to + i] = a;
            q[to + j] = b;
        } else if (is_kept) {
            kv_put(is_value, kv_to, i, a);
            kv_put(is_value, kv_to, j, b);
        }
    }
    if (!is_query) {
        kv_finish(is_value, is_kept, kv_to, lane);
    }
}
