// attention_decode:  out[r, h, :] = sum_p softmax_p(score(q[r, h, :], k[p, g, :])) * v[p, g, :],  p = first(r) ..= position(r)
// score(q, k) = scale * dot(q, k), or with a softcap c > 0:  c * tanh(scale * dot(q, k) / c)
// first(r) = 0, or with a window w > 0:  max(0, position(r) + 1 - w)
// q, out: [rows, H * D]   k_pages, v_pages: [n_pages * 16, G * D]   g = h / (H / G)   D: multiple of 8, at most 256
//
//   binding 0  q        vec4<f32>
//   binding 1  step     u32        row headers, and the block table at params.table_offset
//   binding 2  k_pages  vec4<f32>
//   binding 3  v_pages  vec4<f32>
//   binding 4  out      vec4<f32>
//   binding 5  params   uniform
//
// Dispatch: x = H, y = rows; a workgroup of 128 serves one (row, head), 64 positions at a time: 8 lanes share a position's
// score, then D / 4 lanes share a position's v. Three barriers per 64 positions.
// Precision: f32, online softmax. Positions and pages out of range are clamped.
// Twin: src/cpu/attention_decode.rs

struct Params {
    rows: u32, n_heads: u32, n_kv_heads: u32, head_dim: u32,
    scale: f32, table_offset: u32, pages_per_seq: u32, n_pages: u32,
    softcap: f32, window: u32, pad0: u32, pad1: u32,
    pad2: u32, pad3: u32, pad4: u32, pad5: u32,
}

const MASKED: f32 = -1e30;

@group(0) @binding(0) var<storage, read_write> q: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> step: array<u32>;
@group(0) @binding(2) var<storage, read_write> k_pages: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> v_pages: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(5) var<uniform> params: Params;

var<workgroup> last_position: u32;
var<workgroup> query: array<vec4<f32>, 64>;
var<workgroup> products: array<vec4<f32>, 128>;
var<workgroup> scores: array<f32, 64>;
var<workgroup> probs: array<f32, 64>;
var<workgroup> slots: array<u32, 64>;
var<workgroup> parts: array<vec4<f32>, 128>;
var<workgroup> masses: array<f32, 128>;

/// A score between -softcap and softcap. Some drivers' tanh is NaN far out, where it is 1 already.
fn capped(score: f32) -> f32 {
    if (params.softcap > 0.0) {
        return params.softcap * tanh(clamp(score / params.softcap, -15.0, 15.0));
    }
    return score;
}

/// vec4 index of the KV row of kv head `kv_head` at `position` of sequence `sequence`.
fn kv_row(position: u32, sequence: u32, kv_head: u32) -> u32 {
    let page = step[params.table_offset + sequence * params.pages_per_seq + position / 16u];
    let slot = min(page, params.n_pages - 1u) * 16u + position % 16u;
    return (slot * params.n_kv_heads + kv_head) * (params.head_dim / 4u);
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let head = group.x;
    let row = group.y;
    if (row >= params.rows || head >= params.n_heads) {
        return;
    }
    let width = params.head_dim / 4u;
    let kv_head = head / (params.n_heads / params.n_kv_heads);
    let sequence = step[row * 4u + 3u];
    let base = (row * params.n_heads + head) * width;
    if (lane == 0u) {
        last_position = min(step[row * 4u + 1u], params.pages_per_seq * 16u - 1u);
    }
    if (lane < width) {
        query[lane] = q[base + lane] * params.scale;
    }
    let last = workgroupUniformLoad(&last_position);

    let share = lane % 8u;
    let column = lane % width;
    let team = lane / width;
    let teams = 128u / width;
    var peak = MASKED;
    var mass = 0.0;
    var sum = vec4<f32>();
    var begin = 0u;
    if (params.window > 0u && last >= params.window) {
        begin = last + 1u - params.window;
    }
    for (var first = begin; first <= last; first += 64u) {
        // Positions first + lane / 8 + 0, 16, 32, 48: this lane's share of the four scores.
        let p = first + lane / 8u;
        let r0 = kv_row(min(p, last), sequence, kv_head);
        let r1 = kv_row(min(p + 16u, last), sequence, kv_head);
        let r2 = kv_row(min(p + 32u, last), sequence, kv_head);
        let r3 = kv_row(min(p + 48u, last), sequence, kv_head);
        var product = vec4<f32>();
        for (var i = share; i < width; i += 8u) {
            let qi = query[i];
            product += vec4<f32>(
                dot(qi, k_pages[r0 + i]), dot(qi, k_pages[r1 + i]), dot(qi, k_pages[r2 + i]), dot(qi, k_pages[r3 + i]),
            );
        }
        products[lane] = product;
        workgroupBarrier();
        if (lane < 64u) {
            var score = 0.0;
            for (var i = 0u; i < 8u; i++) {
                score += products[lane % 16u * 8u + i][lane / 16u];
            }
            scores[lane] = select(MASKED, capped(score), first + lane <= last);
            slots[lane] = kv_row(min(first + lane, last), sequence, kv_head);
        }
        workgroupBarrier();
        var new_peak = peak;
        for (var i = 0u; i < 64u; i++) {
            new_peak = max(new_peak, scores[i]);
        }
        if (lane < 64u) {
            probs[lane] = exp(scores[lane] - new_peak);
        }
        let shrink = exp(peak - new_peak);
        peak = new_peak;
        mass *= shrink;
        sum *= shrink;
        workgroupBarrier();
        if (team < teams) {
            for (var i = team; i < min(64u, last - first + 1u); i += teams) {
                let prob = probs[i];
                mass += prob;
                sum += prob * v_pages[slots[i] + column];
            }
        }
    }
    parts[lane] = sum;
    masses[lane] = mass;
    workgroupBarrier();
    if (lane < width) {
        for (var i = 1u; i < teams; i++) {
            sum += parts[lane + i * width];
            mass += masses[lane + i * width];
        }
        out[base + lane] = sum / mass;
    }
}
