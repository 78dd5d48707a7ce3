// qkv_epilogue:  splits each row of qkv into q, k and v heads, rotates q and k by the row's position, writes q out and k, v to
// the row's KV slot. Rotation of pair i of a head (half-split): (a, b) = (x[i], x[i + D/2]) -> (a cos - b sin, b cos + a sin)
// qkv: [rows, (H + 2 G) * D]   rope: [context_length, D / 2] of (cos, sin)   q: [rows, H * D]   k_pages, v_pages: [slots, G * D]
//
//   binding 0  qkv      f32
//   binding 1  step     u32        row headers: token, position, slot, sequence
//   binding 2  rope     vec2<f32>
//   binding 3  q        f32        written whole
//   binding 4  k_pages  f32        one slot written per row
//   binding 5  v_pages  f32        likewise
//   binding 6  params   uniform
//
// Dispatch: x = ceil((H + 2 G) * D / 2 / 64), y = rows; one invocation per pair.
// A row whose position or slot is out of range writes no k and v. Precision: f32, two products and a sum.
// Twin: src/cpu/qkv_epilogue.rs

struct Params {
    rows: u32, n_heads: u32, n_kv_heads: u32, head_dim: u32,
    context_length: u32, n_slots: u32, pad0: u32, pad1: u32,
}

@group(0) @binding(0) var<storage, read_write> qkv: array<f32>;
@group(0) @binding(1) var<storage, read_write> step: array<u32>;
@group(0) @binding(2) var<storage, read_write> rope: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> q: array<f32>;
@group(0) @binding(4) var<storage, read_write> k_pages: array<f32>;
@group(0) @binding(5) var<storage, read_write> v_pages: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = group.y;
    let pairs = params.head_dim / 2u;
    let heads = params.n_heads + 2u * params.n_kv_heads;
    let index = group.x * 64u + lane;
    if (row >= params.rows || index >= heads * pairs) {
        return;
    }
    let head = index / pairs;
    let pair = index % pairs;
    let source = (row * heads + head) * params.head_dim + pair;
    let a = qkv[source];
    let b = qkv[source + pairs];
    let turn = rope[min(step[row * 4u + 1u], params.context_length - 1u) * pairs + pair];
    let rotated = vec2<f32>(a * turn.x - b * turn.y, b * turn.x + a * turn.y);
    if (head < params.n_heads) {
        let to = (row * params.n_heads + head) * params.head_dim + pair;
        q[to] = rotated.x;
        q[to + pairs] = rotated.y;
        return;
    }
    let slot = step[row * 4u + 2u];
    if (slot >= params.n_slots || step[row * 4u + 1u] >= params.context_length) {
        return;
    }
    let kv_head = (head - params.n_heads) % params.n_kv_heads;
    let to = (slot * params.n_kv_heads + kv_head) * params.head_dim + pair;
    if (head < params.n_heads + params.n_kv_heads) {
        k_pages[to] = rotated.x;
        k_pages[to + pairs] = rotated.y;
    } else {
        v_pages[to] = a;
        v_pages[to + pairs] = b;
    }
}
