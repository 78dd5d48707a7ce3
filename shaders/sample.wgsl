// sample:  ids[s] = the token drawn from row s of the logits under its settings
// logits: [rows, vocab] as f32 bits, changed   ids: [rows], then [rows, 20] alternatives   logprobs: [rows, 21]
// settings of row s: 16 words at step[samples_offset + 16 s]:
//   temperature (f32), top_k (0 = off), top_p (f32, 1 = off), min_p (f32, 0 = off), seed low, seed high, counter,
//   mask_offset (0 = off), repetition, presence, frequency penalty (f32; 1, 0, 0 = off), adjustments_offset, adjustments,
//   logprobs (0 = off), 0, 0
// adjustment: 3 words at step[adjustments_offset + 3 i], changed: token, seen, bias (f32); each token once
//
//   binding 0  logits  u32      f32 bits: keys are made of them and no compiler assumes NaN away
//   binding 1  step    u32
//   binding 2  ids     u32
//   binding 3  logprobs  f32
//   binding 4  params  uniform
//
// In this order:
//   mask       a token whose bit at step[mask_offset] is 0 gets the logit -inf
//   logprobs   the log softmax of what is left is what is told: of the token drawn, and of the `logprobs - 1` most probable.
//              Where there are fewer, the lowest finite number
//   bias       is added to its token's logit
//   penalties  of a seen token: a positive logit is divided by repetition, a negative one multiplied; then presence is
//              taken off if it was generated (seen > 1), and frequency for each time it was (seen - 1)
//   draw       temperature > 0 fails (0, negative, NaN): the largest logit, lowest id on ties. Else p = exp((logit - peak) /
//              temperature), zero below e^-80, then the filters: top_k keeps logits not below the k-th largest (ties stay),
//              top_p the shortest run of largest logits whose mass reaches top_p (ties stay), min_p those with p at least
//              min_p times the peak's. One u in [0, 1) from (seed, counter) picks by prefix sums in id order
// NaN counts as the lowest finite value, +inf as the highest; -inf is never drawn while there is anything else.
//
// Dispatch: x = rows up to 65535; one workgroup of 256 per row. Thresholds are found by 16 passes of 2 key bits each,
// alternatives by a pass each.
// Twin: src/cpu/sample.rs

struct Params {
    rows: u32, vocab: u32, samples_offset: u32, pad0: u32,
    pad1: u32, pad2: u32, pad3: u32, pad4: u32,
}

/// What a threshold search sums over the keys at or above it.
struct Search {
    base: u32, floor: u32, counts: bool, peak: f32, temperature: f32,
}

const TOP_K: u32 = 1u;
const TOP_P: u32 = 2u;
const DRAW: u32 = 4u;
const MASK: u32 = 8u;
const ADJUST: u32 = 16u;
/// Bits of -inf.
const MASKED: u32 = 0xff800000u;
const LOWEST: f32 = -3.4028234663852886e38;
const MAX_ALTERNATIVES: u32 = 20u;

@group(0) @binding(0) var<storage, read_write> logits: array<u32>;
@group(0) @binding(1) var<storage, read_write> step: array<u32>;
@group(0) @binding(2) var<storage, read_write> ids: array<u32>;
@group(0) @binding(3) var<storage, read_write> logprobs: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

var<workgroup> stages: u32;
var<workgroup> told: u32;
var<workgroup> best: array<vec2<u32>, 256>;
var<workgroup> winners: array<vec2<u32>, 16>;
var<workgroup> lanes: array<vec4<f32>, 256>;
var<workgroup> parts: array<vec4<f32>, 16>;
var<workgroup> segments: array<f32, 256>;
var<workgroup> chosen: u32;
var<workgroup> remainder: f32;

/// Bits of a logit, finite unless it is masked.
fn finite(bits: u32) -> u32 {
    let magnitude = bits & 0x7fffffffu;
    let capped = select(bits, 0x7f7fffffu, bits == 0x7f800000u);
    return select(capped, 0xff7fffffu, magnitude > 0x7f800000u);
}

/// Unsigned key in the order of the floats.
fn order_key(bits: u32) -> u32 {
    return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

fn prob(bits: u32, peak: f32, temperature: f32) -> f32 {
    let z = (bitcast<f32>(bits) - peak) / temperature;
    return select(0.0, exp(z), z >= -80.0 && bits != MASKED);
}

fn pcg(value: u32) -> u32 {
    let state = value * 747796405u + 2891336453u;
    let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
    return (word >> 22u) ^ word;
}

/// The larger key; of equal ones, the lower id. A pair is (key, id).
fn better(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    return select(a, b, b.x > a.x || (b.x == a.x && b.y < a.y));
}

/// Sum over the workgroup, the same in every invocation.
fn workgroup_total(value: vec4<f32>, lane: u32) -> vec4<f32> {
    workgroupBarrier();
    lanes[lane] = value;
    workgroupBarrier();
    if (lane < 16u) {
        var part = vec4<f32>();
        for (var i = 0u; i < 16u; i++) {
            part += lanes[lane + i * 16u];
        }
        parts[lane] = part;
    }
    workgroupBarrier();
    var total = vec4<f32>();
    for (var i = 0u; i < 16u; i++) {
        total += parts[i];
    }
    return total;
}

/// The best pair of the row after `last`, the same in every invocation; key 0 if there is none.
fn next_best(base: u32, last: vec2<u32>, lane: u32) -> vec2<u32> {
    var pair = vec2<u32>(0u, 0u);
    for (var i = lane; i < params.vocab; i += 256u) {
        let candidate = vec2<u32>(order_key(finite(logits[base + i])), i);
        let is_after = candidate.x < last.x || (candidate.x == last.x && candidate.y > last.y);
        pair = select(pair, better(pair, candidate), is_after);
    }
    workgroupBarrier();
    best[lane] = pair;
    workgroupBarrier();
    if (lane < 16u) {
        for (var i = 1u; i < 16u; i++) {
            pair = better(pair, best[lane + i * 16u]);
        }
        winners[lane] = pair;
    }
    workgroupBarrier();
    var top = winners[0];
    for (var i = 1u; i < 16u; i++) {
        top = better(top, winners[i]);
    }
    return top;
}

/// Changes the row's logits as its adjustments say, and leaves the logit that was in the place of the bias.
fn adjust(base: u32, at: u32, lane: u32) {
    let repetition = bitcast<f32>(step[at + 8u]);
    let presence = bitcast<f32>(step[at + 9u]);
    let frequency = bitcast<f32>(step[at + 10u]);
    let offset = step[at + 11u];
    let count = step[at + 12u];
    for (var i = lane; i < count; i += 256u) {
        let entry = offset + 3u * i;
        let place = base + step[entry];
        let seen = step[entry + 1u];
        let bits = finite(logits[place]);
        var logit = bitcast<f32>(bits) + bitcast<f32>(step[entry + 2u]);
        if (seen > 0u) {
            logit = select(logit * repetition, logit / repetition, logit > 0.0);
        }
        if (seen > 1u) {
            logit = logit - presence - frequency * f32(seen - 1u);
        }
        step[entry + 2u] = bits;
        if (bits != MASKED) {
            logits[place] = bitcast<u32>(clamp(logit, LOWEST, -LOWEST));
        }
    }
}

/// Writes the token drawn, and its log probability if that is asked for: of the logit that it had before the adjustments.
fn tell(row: u32, base: u32, at: u32, id: u32, log_sum: f32) {
    ids[row] = id;
    if (step[at + 13u] == 0u) {
        return;
    }
    var bits = finite(logits[base + id]);
    for (var i = 0u; i < step[at + 12u]; i++) {
        let entry = step[at + 11u] + 3u * i;
        if (step[entry] == id) {
            bits = step[entry + 2u];
        }
    }
    logprobs[row * (MAX_ALTERNATIVES + 1u)] = bitcast<f32>(bits) - log_sum;
}

/// Largest key such that the sum over keys at or above it reaches `need`.
fn threshold(search: Search, need: f32, lane: u32) -> u32 {
    var key = 0u;
    for (var bit = 0u; bit < 32u; bit += 2u) {
        let unit = 1u << (30u - bit);
        let candidates = vec3<u32>(key) + vec3<u32>(unit, 2u * unit, 3u * unit);
        let lowest = max(search.floor, candidates.x);
        var sum = vec3<f32>();
        for (var i = lane; i < params.vocab; i += 256u) {
            let bits = finite(logits[search.base + i]);
            let k = order_key(bits);
            if (k >= lowest) {
                var value = 1.0;
                if (!search.counts) {
                    value = prob(bits, search.peak, search.temperature);
                }
                sum += select(vec3<f32>(), vec3<f32>(value), vec3<u32>(k) >= candidates);
            }
        }
        let total = workgroup_total(vec4<f32>(sum, 0.0), lane);
        key = select(key, candidates.x, total.x >= need);
        key = select(key, candidates.y, total.y >= need);
        key = select(key, candidates.z, total.z >= need);
    }
    return key;
}

/// p of the logit at `at` if the filters keep it, else 0.
fn kept(at: u32, floor: u32, min_p: f32, peak: f32, temperature: f32) -> f32 {
    let bits = finite(logits[at]);
    let p = prob(bits, peak, temperature);
    return select(0.0, p, order_key(bits) >= floor && p >= min_p);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = group.x;
    if (row >= params.rows) {
        return;
    }
    let base = row * params.vocab;
    let at = params.samples_offset + row * 16u;
    let temperature = bitcast<f32>(step[at]);
    let top_k = step[at + 1u];
    let top_p = bitcast<f32>(step[at + 2u]);
    let min_p = min(bitcast<f32>(step[at + 3u]), 1.0);
    let mask = step[at + 7u];
    if (lane == 0u) {
        stages = select(0u, DRAW, temperature > 0.0)
            | select(0u, TOP_K, top_k > 0u && top_k < params.vocab)
            | select(0u, TOP_P, top_p < 1.0)
            | select(0u, MASK, mask > 0u)
            | select(0u, ADJUST, step[at + 12u] > 0u);
        told = min(step[at + 13u], MAX_ALTERNATIVES + 1u);
    }
    let todo = workgroupUniformLoad(&stages);
    let asked = workgroupUniformLoad(&told);

    if ((todo & MASK) != 0u) {
        for (var i = lane; i < params.vocab; i += 256u) {
            if (((step[mask + i / 32u] >> (i % 32u)) & 1u) == 0u) {
                logits[base + i] = MASKED;
            }
        }
        storageBarrier();
    }

    var top = next_best(base, vec2<u32>(0xffffffffu), lane);
    var log_sum = 0.0;
    if (asked > 0u) {
        let highest = bitcast<f32>(finite(logits[base + top.y]));
        var sum = 0.0;
        for (var i = lane; i < params.vocab; i += 256u) {
            sum += prob(finite(logits[base + i]), highest, 1.0);
        }
        log_sum = highest + log(workgroup_total(vec4<f32>(sum, 0.0, 0.0, 0.0), lane).x);
        var alternative = top;
        for (var n = 1u; n < asked; n++) {
            if (lane == 0u) {
                let bits = finite(logits[base + alternative.y]);
                let exists = alternative.x > order_key(MASKED);
                ids[params.rows + row * MAX_ALTERNATIVES + n - 1u] = alternative.y;
                logprobs[row * (MAX_ALTERNATIVES + 1u) + n] = select(LOWEST, bitcast<f32>(bits) - log_sum, exists);
            }
            alternative = next_best(base, alternative, lane);
        }
    }

    if ((todo & ADJUST) != 0u) {
        storageBarrier();
        adjust(base, at, lane);
        storageBarrier();
        top = next_best(base, vec2<u32>(0xffffffffu), lane);
    }
    if ((todo & DRAW) == 0u) {
        if (lane == 0u) {
            tell(row, base, at, top.y, log_sum);
        }
        return;
    }

    let peak = bitcast<f32>(finite(logits[base + top.y]));
    var search = Search(base, 0u, true, peak, temperature);
    if ((todo & TOP_K) != 0u) {
        search.floor = threshold(search, f32(top_k), lane);
    }
    if ((todo & TOP_P) != 0u) {
        search.counts = false;
        var mass = 0.0;
        for (var i = lane; i < params.vocab; i += 256u) {
            mass += kept(base + i, search.floor, 0.0, peak, temperature);
        }
        let need = top_p * workgroup_total(vec4<f32>(mass, 0.0, 0.0, 0.0), lane).x;
        search.floor = min(max(search.floor, threshold(search, need, lane)), top.x);
    }

    // Every invocation owns a run of ids; their sums tell whose run the draw falls into.
    let length = (params.vocab + 255u) / 256u;
    let start = min(lane * length, params.vocab);
    let end = min(start + length, params.vocab);
    var sum = 0.0;
    for (var i = start; i < end; i++) {
        sum += kept(base + i, search.floor, min_p, peak, temperature);
    }
    segments[lane] = sum;
    workgroupBarrier();
    if (lane == 0u) {
        var total = 0.0;
        for (var i = 0u; i < 256u; i++) {
            total += segments[i];
        }
        let random = pcg(pcg(pcg(step[at + 4u]) + step[at + 5u]) + step[at + 6u]);
        let target_mass = f32(random >> 8u) * 5.9604644775390625e-8 * total;
        var before = 0.0;
        var found = false;
        for (var i = 0u; i < 256u; i++) {
            if (!found && segments[i] > 0.0) {
                chosen = i;
                remainder = target_mass - before;
                before += segments[i];
                found = before > target_mass;
            }
        }
    }
    workgroupBarrier();
    if (lane == chosen) {
        var id = top.y;
        var before = 0.0;
        for (var i = start; i < end; i++) {
            let p = kept(base + i, search.floor, min_p, peak, temperature);
            if (p > 0.0 && before <= remainder) {
                id = i;
                before += p;
            }
        }
        tell(row, base, at, id, log_sum);
    }
}
