// attention_decode:  out[r, h, :] = sum_p softmax_p(score(q[r, h, :], k[p, g, :])) * v[p, g, :],  p = first(r) ..= position(r)
// score(q, k) = scale * dot(q, k), or with a softcap c > 0:  c * tanh(scale * dot(q, k) / c)
// first(r) = 0, or with a window w > 0:  max(0, position(r) + 1 - w)
// q, out: [rows, H * D]   k_pages, v_pages: [n_pages * 16, G heads of D]   g = h / (H / G)   D: multiple of 8, at most 256
//
//   binding 0  q        vec4<f32>
//   binding 1  step     u32        row headers, the block table at params.table_offset, groups at params.groups_offset
//   binding 2  k_pages  KvWords    as shared/kv_*.wgsl say
//   binding 3  v_pages  KvWords
//   binding 4  out      vec4<f32>
//   binding 5  params   uniform
//
// Dispatch: x = H, y = n_groups; a workgroup of 128 serves one head of one group of up to ROWS rows, 64 positions at a time. What
// the rows of a group have in common of their pages is loaded once for all of them; then each goes on alone. 8 lanes share a
// position's score, then D / 4 lanes share a position's v. Three barriers per 64 positions.
// Precision: f32, online softmax; a row's result depends neither on ROWS nor on the rest of its group. Positions and pages out
// of range are clamped. Rows of no group keep what they had.
// Twin: src/cpu/attention_decode.rs

struct Params {
    rows: u32, n_heads: u32, n_kv_heads: u32, head_dim: u32,
    scale: f32, table_offset: u32, pages_per_seq: u32, n_pages: u32,
    softcap: f32, window: u32, groups_offset: u32, n_groups: u32,
    pad0: u32, pad1: u32, pad2: u32, pad3: u32,
}

const ROWS: u32 = {{ ROWS }}u;
const MASKED: f32 = -1e30;

@group(0) @binding(0) var<storage, read_write> q: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> step: array<u32>;
@group(0) @binding(2) var<storage, read_write> k_pages: array<KvWords>;
@group(0) @binding(3) var<storage, read_write> v_pages: array<KvWords>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(5) var<uniform> params: Params;

{{ kv }}
/// How many rows the group has, how many positions they share, a multiple of 64, and each row's place.
struct Group { count: u32, shared_end: u32, p0: vec4<u32>, p1: vec4<u32>, p2: vec4<u32>, p3: vec4<u32> }

/// Read through it by all at once: every barrier costs, and so does every single read.
var<workgroup> whole_group: Group;
/// First and last position of each row.
var<workgroup> bounds: array<vec2<u32>, ROWS>;
var<workgroup> query: array<vec4<f32>, 64u * ROWS>;
/// Of positions p, p + 16, p + 32, p + 48 at [row][p][share]; in the end the teams' sums of one row.
var<workgroup> products: array<vec4<f32>, 128u * ROWS>;
/// The largest of four scores each.
var<workgroup> maxima: array<f32, 16u * ROWS>;
var<workgroup> probs: array<f32, 64u * ROWS>;
var<workgroup> slots: array<u32, 64>;
var<workgroup> masses: array<f32, 128>;

/// What a row has gathered so far; mass and sum are the lane's own.
struct State { peak: f32, mass: f32, sum: vec4<f32> }

/// Scores between -softcap and softcap. Some drivers' tanh is NaN far out, where it is 1 already.
fn capped(scores: vec4<f32>) -> vec4<f32> {
    if (params.softcap > 0.0) {
        return params.softcap * tanh(clamp(scores / params.softcap, vec4<f32>(-15.0), vec4<f32>(15.0)));
    }
    return scores;
}

/// Where in the pages the KvWords begin of kv head `kv_head` at `position` of sequence `sequence`.
fn kv_row(position: u32, sequence: u32, kv_head: u32) -> u32 {
    let page = step[params.table_offset + sequence * params.pages_per_seq + position / 16u];
    let slot = min(page, params.n_pages - 1u) * 16u + position % 16u;
    return (slot * params.n_kv_heads + kv_head) * kv_stride();
}

/// Row `row` of the step: its number, sequence, last position and first position.
fn place(index: u32) -> vec4<u32> {
    let row = min(index, params.rows - 1u);
    let last = min(step[row * 4u + 1u], params.pages_per_seq * 16u - 1u);
    let begin = select(0u, last + 1u - params.window, params.window > 0u && last >= params.window);
    return vec4<u32>(row, step[row * 4u + 3u], last, begin);
}

/// sum + dot(a, b), in an order that no compiler changes.
fn dot_add(a: vec4<f32>, b: vec4<f32>, sum: f32) -> f32 {
    return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

fn dots(q: vec4<f32>, k0: vec4<f32>, k1: vec4<f32>, k2: vec4<f32>, k3: vec4<f32>, sums: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(dot_add(q, k0, sums.x), dot_add(q, k1, sums.y), dot_add(q, k2, sums.z), dot_add(q, k3, sums.w));
}

/// Scores of row lane / 16 of the group at positions first + lane % 16 + 0, 16, 32, 48.
fn scores(first: u32, bound: vec2<u32>, lane: u32) -> vec4<f32> {
    var sums = vec4<f32>();
    for (var i = 0u; i < 8u; i++) {
        sums += products[lane / 16u * 128u + lane % 16u * 8u + i];
    }
    let p = vec4<u32>(first + lane % 16u) + vec4<u32>(0u, 16u, 32u, 48u);
    return select(vec4<f32>(MASKED), capped(sums), (p >= vec4<u32>(bound.x)) & (p <= vec4<u32>(bound.y)));
}

fn largest(v: vec4<f32>) -> f32 {
    return max(max(v.x, v.y), max(v.z, v.w));
}

/// The largest score so far of row `r` of the group, whose maxima begin at `at`.
fn peak_of(before: f32, at: u32) -> f32 {
    var peak = before;
    for (var i = 0u; i < 16u; i++) {
        peak = max(peak, maxima[at + i]);
    }
    return peak;
}

fn shrunk(state: State, peak: f32) -> State {
    let shrink = exp(state.peak - peak);
    return State(peak, state.mass * shrink, state.sum * shrink);
}

fn added(state: State, prob: f32, v: vec4<f32>) -> State {
    return State(state.peak, state.mass + prob, fma(vec4<f32>(prob), v, state.sum));
}

fn put_probs(at: u32, values: vec4<f32>) {
    probs[at] = values.x;
    probs[at + 16u] = values.y;
    probs[at + 32u] = values.z;
    probs[at + 48u] = values.w;
}

/// Row `r` of the group alone, from position `begin`, a multiple of 64, to its last.
fn walk(before: State, r: u32, row: vec4<u32>, begin: u32, kv_head: u32, lane: u32) -> State {
    let width = params.head_dim / 4u;
    let teams = 128u / width;
    var state = before;
    for (var first = begin; first <= row.z; first += 64u) {
        let p = first + lane / 8u;
        let a0 = kv_row(min(p, row.z), row.y, kv_head);
        let a1 = kv_row(min(p + 16u, row.z), row.y, kv_head);
        let a2 = kv_row(min(p + 32u, row.z), row.y, kv_head);
        let a3 = kv_row(min(p + 48u, row.z), row.y, kv_head);
        var product = vec4<f32>();
        for (var i = lane % 8u; i < width; i += 8u) {
            product = dots(query[r * 64u + i], k_at(a0, i), k_at(a1, i), k_at(a2, i), k_at(a3, i), product);
        }
        products[lane] = product;
        workgroupBarrier();
        var score = vec4<f32>();
        if (lane < 16u) {
            score = scores(first, row.wz, lane);
            maxima[lane] = largest(score);
        } else if (lane >= 64u) {
            slots[lane - 64u] = kv_row(min(first + lane - 64u, row.z), row.y, kv_head);
        }
        workgroupBarrier();
        let peak = peak_of(state.peak, 0u);
        if (lane < 16u) {
            put_probs(lane, exp(score - peak));
        }
        state = shrunk(state, peak);
        workgroupBarrier();
        if (lane / width < teams) {
            for (var i = lane / width; i < min(64u, row.z - first + 1u); i += teams) {
                state = added(state, probs[i], v_at(slots[i], lane % width));
            }
        }
    }
    return state;
}

/// Adds up what the lanes have of row `row` and writes it.
fn finish(state: State, row: u32, head: u32, lane: u32) {
    let width = params.head_dim / 4u;
    let teams = 128u / width;
    products[lane] = state.sum;
    masses[lane] = state.mass;
    workgroupBarrier();
    if (lane < width) {
        var sum = state.sum;
        var mass = state.mass;
        for (var i = 1u; i < teams; i++) {
            sum += products[lane + i * width];
            mass += masses[lane + i * width];
        }
        out[(row * params.n_heads + head) * width + lane] = sum / mass;
    }
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let head = group.x;
    if (group.y >= params.n_groups || head >= params.n_heads) {
        return;
    }
    let width = params.head_dim / 4u;
    let kv_head = head / (params.n_heads / params.n_kv_heads);
    let at = params.groups_offset + group.y * 8u;
    if (lane == 0u) {
        let count = min(step[at], ROWS);
        let shared_end = select(0u, step[at + 1u], count > 1u);
        let first = place(step[at + 4u]);
        whole_group = Group(count, shared_end, first, first, first, first);
        bounds[0] = first.wz;
        if (ROWS > 1u) {
            whole_group.p1 = place(step[at + 5u]);
            whole_group.p2 = place(step[at + 6u]);
            whole_group.p3 = place(step[at + 7u]);
            bounds[1u % ROWS] = whole_group.p1.wz;
            bounds[2u % ROWS] = whole_group.p2.wz;
            bounds[3u % ROWS] = whole_group.p3.wz;
        }
    }
    if (lane < width) {
        for (var r = 0u; r < min(step[at], ROWS); r++) {
            let row = min(step[at + 4u + r], params.rows - 1u);
            query[r * 64u + lane] = q[(row * params.n_heads + head) * width + lane] * params.scale;
        }
    }
    let whole = workgroupUniformLoad(&whole_group);
    let count = whole.count;
    let shared_end = whole.shared_end;
    let p0 = whole.p0;
    let p1 = whole.p1;
    let p2 = whole.p2;
    let p3 = whole.p3;
    if (count == 0u) {
        return;
    }

    var s0 = State(MASKED, 0.0, vec4<f32>());
    var s1 = s0;
    var s2 = s0;
    var s3 = s0;
    if (ROWS > 1u) {
        let teams = 128u / width;
        let begin = min(min(p0.w, select(p0.w, p1.w, count > 1u)), min(select(p0.w, p2.w, count > 2u), select(p0.w, p3.w, count > 3u)));
        for (var first = begin / 64u * 64u; first < shared_end; first += 64u) {
            let p = first + lane / 8u;
            let a0 = kv_row(p, p0.y, kv_head);
            let a1 = kv_row(p + 16u, p0.y, kv_head);
            let a2 = kv_row(p + 32u, p0.y, kv_head);
            let a3 = kv_row(p + 48u, p0.y, kv_head);
            var d0 = vec4<f32>();
            var d1 = d0;
            var d2 = d0;
            var d3 = d0;
            for (var i = lane % 8u; i < width; i += 8u) {
                let k0 = k_at(a0, i);
                let k1 = k_at(a1, i);
                let k2 = k_at(a2, i);
                let k3 = k_at(a3, i);
                d0 = dots(query[i], k0, k1, k2, k3, d0);
                d1 = dots(query[(64u + i) % (64u * ROWS)], k0, k1, k2, k3, d1);
                if (count > 2u) { d2 = dots(query[(128u + i) % (64u * ROWS)], k0, k1, k2, k3, d2); }
                if (count > 3u) { d3 = dots(query[(192u + i) % (64u * ROWS)], k0, k1, k2, k3, d3); }
            }
            products[lane] = d0;
            products[(128u + lane) % (128u * ROWS)] = d1;
            products[(256u + lane) % (128u * ROWS)] = d2;
            products[(384u + lane) % (128u * ROWS)] = d3;
            workgroupBarrier();
            var score = vec4<f32>();
            if (lane < 16u * count) {
                score = scores(first, bounds[lane / 16u], lane);
                maxima[lane] = largest(score);
            } else if (lane >= 64u) {
                slots[lane - 64u] = kv_row(first + lane - 64u, p0.y, kv_head);
            }
            workgroupBarrier();
            s0 = shrunk(s0, peak_of(s0.peak, 0u));
            s1 = shrunk(s1, peak_of(s1.peak, 16u % (16u * ROWS)));
            if (count > 2u) { s2 = shrunk(s2, peak_of(s2.peak, 32u % (16u * ROWS))); }
            if (count > 3u) { s3 = shrunk(s3, peak_of(s3.peak, 48u % (16u * ROWS))); }
            if (lane < 16u * count) {
                let r = lane / 16u;
                let peak = select(select(s0.peak, s1.peak, r == 1u), select(s2.peak, s3.peak, r == 3u), r > 1u);
                put_probs(r * 64u + lane % 16u, exp(score - peak));
            }
            workgroupBarrier();
            if (lane / width < teams) {
                for (var i = lane / width; i < 64u; i += teams) {
                    let v = v_at(slots[i], lane % width);
                    s0 = added(s0, probs[i], v);
                    s1 = added(s1, probs[(64u + i) % (64u * ROWS)], v);
                    if (count > 2u) { s2 = added(s2, probs[(128u + i) % (64u * ROWS)], v); }
                    if (count > 3u) { s3 = added(s3, probs[(192u + i) % (64u * ROWS)], v); }
                }
            }
        }
    }
    // What no other row shares, or what is left of it.
    s0 = walk(s0, 0u, p0, max(shared_end, p0.w / 64u * 64u), kv_head, lane);
    finish(s0, p0.x, head, lane);
    if (ROWS > 1u && count > 1u) {
        workgroupBarrier();
        s1 = walk(s1, 1u, p1, max(shared_end, p1.w / 64u * 64u), kv_head, lane);
        finish(s1, p1.x, head, lane);
    }
    if (ROWS > 2u && count > 2u) {
        workgroupBarrier();
        s2 = walk(s2, 2u, p2, max(shared_end, p2.w / 64u * 64u), kv_head, lane);
        finish(s2, p2.x, head, lane);
    }
    if (ROWS > 3u && count > 3u) {
        workgroupBarrier();
        s3 = walk(s3, 3u, p3, max(shared_end, p3.w / 64u * 64u), kv_head, lane);
        finish(s3, p3.x, head, lane);
    }
}
