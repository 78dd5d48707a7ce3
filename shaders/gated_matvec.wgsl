// gated_matvec:  out[m, first + j] = activation(dot(x[m, :], weights[j, :])) * dot(x[m, :], weights[f + j, :])
// activation 0: silu(v) = v / (1 + exp(-v))   1: gelu_tanh(v) = v / 2 * (1 + tanh(sqrt(2 / pi) * (v + 0.044715 v^3)))
// x: [rows, k]   weights: [2 f, k], gate rows 0 .. f, then up rows   out: [rows, width]   k: multiple of 32   for few rows
//
//   binding 0  x        vec4<f32>
//   binding 1  weights  vec4<u32>  packed, see shared/weights_*.wgsl
//   binding 2  out      f32
//   binding 3  params   uniform
//
// Dispatch: x = ceil(f / 4) (f <= 262140), y = ceil(rows / ROWS).
// A workgroup of 64 makes 4 outputs of ROWS rows: 16 lanes walk one output's gate and up rows, 8 elements each at a
// time (adjacent lanes read adjacent weights, which serve all ROWS), then one barrier and a sum of 16 partial sums per output.
// Precision: f32; a row's result depends neither on ROWS nor on the other rows.
// Columns of out other than first .. first + f are left alone: a matrix in several buffers is several launches.
// Twin: src/cpu/gated_matvec.rs

struct Params {
    rows: u32, f: u32, k: u32, activation: u32,
    width: u32, first: u32, pad0: u32, pad1: u32,
}

const ROWS: u32 = {{ ROWS }}u;
const LANES: u32 = 16u;
const GELU_TANH: u32 = 1u;

@group(0) @binding(0) var<storage, read_write> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> weights: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

/// Per row and lane: partial sums of gate and up.
var<workgroup> partial: array<vec2<f32>, 64u * ROWS>;

{{ weights }}

/// The gate of `v`: SiLU, or GELU by tanh. Some drivers' tanh is NaN far out, where it is 1 already.
fn activation(v: f32) -> f32 {
    if (params.activation == GELU_TANH) {
        let inner = 0.7978845608 * (v + 0.044715 * v * v * v);
        return 0.5 * v * (1.0 + tanh(clamp(inner, -15.0, 15.0)));
    }
    return v / (1.0 + exp(-v));
}

/// Products of 8 elements of row `row` of x with two rows' weights. A row past the end reads the last one.
fn products(row: u32, octet: u32, a: Octet, b: Octet) -> vec2<f32> {
    let at = min(row, params.rows - 1u) * (params.k / 4u) + octet * 2u;
    let lo = x[at];
    let hi = x[at + 1u];
    return vec2<f32>(dot(lo, a.lo) + dot(hi, a.hi), dot(lo, b.lo) + dot(hi, b.hi));
}

/// Both sums of output slot `slot` (of 4) of row `row` (of ROWS).
fn total(row: u32, slot: u32) -> vec2<f32> {
    var sum = vec2<f32>();
    for (var i = 0u; i < LANES; i++) {
        sum += partial[row * 64u + slot * LANES + i];
    }
    return sum;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let first_row = group.y * ROWS;
    let j = min(group.x * 4u + lane / LANES, params.f - 1u);
    let n = 2u * params.f;
    let octets = params.k / 8u;
    // One accumulator a row, unrolled: `ROWS` is constant, so the branches below fold away.
    var s0 = vec2<f32>();
    var s1 = s0;
    var s2 = s0;
    var s3 = s0;
    var s4 = s0;
    var s5 = s0;
    var s6 = s0;
    var s7 = s0;
    for (var octet = lane % LANES; octet < octets; octet += LANES) {
        let a = weight_octet(j, octet, n, params.k);
        let b = weight_octet(params.f + j, octet, n, params.k);
        s0 += products(first_row, octet, a, b);
        if (ROWS > 1u) {
            s1 += products(first_row + 1u, octet, a, b);
            s2 += products(first_row + 2u, octet, a, b);
            s3 += products(first_row + 3u, octet, a, b);
        }
        if (ROWS > 4u) {
            s4 += products(first_row + 4u, octet, a, b);
            s5 += products(first_row + 5u, octet, a, b);
            s6 += products(first_row + 6u, octet, a, b);
            s7 += products(first_row + 7u, octet, a, b);
        }
    }
    partial[lane] = s0;
    if (ROWS > 1u) {
        partial[lane + 64u] = s1;
        partial[lane + 128u] = s2;
        partial[lane + 192u] = s3;
    }
    if (ROWS > 4u) {
        partial[lane + 256u] = s4;
        partial[lane + 320u] = s5;
        partial[lane + 384u] = s6;
        partial[lane + 448u] = s7;
    }
    workgroupBarrier();
    // Invocation t finishes row t / 4, output t % 4.
    let row = first_row + lane / 4u;
    let column = group.x * 4u + lane % 4u;
    if (lane < 4u * ROWS && row < params.rows && column < params.f) {
        let sums = total(lane / 4u, lane % 4u);
        out[row * params.width + params.first + column] = activation(sums.x) * sums.y;
    }
}
