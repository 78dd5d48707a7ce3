// matvec:  out[m, first + j] = dot(x[m, :], weights[j, :])
// x: [rows, k]   weights: [n, k]   out: [rows, width]   k: multiple of 32   for few rows (decoding)
//
//   binding 0  x        vec4<f32>
//   binding 1  weights  vec4<u32>  packed, see shared/weights_*.wgsl
//   binding 2  out      f32
//   binding 3  params   uniform
//
// Dispatch: x = ceil(n / 8) (n <= 524280), y = ceil(rows / ROWS).
// A workgroup of 64 makes 8 outputs of ROWS rows: 16 lanes walk two outputs' weights, 8 elements each at a time
// (adjacent lanes read adjacent weights, which serve all ROWS), then one barrier and a sum of 16 partial sums per output.
// Precision: f32; a row's result depends neither on ROWS nor on the other rows.
// Columns of out other than first .. first + n are left alone: a matrix in several buffers is several launches.
// Twin: src/cpu/matvec.rs

struct Params {
    rows: u32, n: u32, k: u32, width: u32,
    first: u32, pad0: u32, pad1: u32, pad2: u32,
}

const ROWS: u32 = {{ ROWS }}u;
const LANES: u32 = 16u;

@group(0) @binding(0) var<storage, read_write> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> weights: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

/// Per row and lane: partial sums of the lane's two outputs.
var<workgroup> partial: array<vec2<f32>, 64u * ROWS>;

{{ weights }}

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
    let j = group.x * 8u + lane / LANES * 2u;
    let ja = min(j, params.n - 1u);
    let jb = min(j + 1u, params.n - 1u);
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
        let a = weight_octet(ja, octet, params.n, params.k);
        let b = weight_octet(jb, octet, params.n, params.k);
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
    // Invocation t finishes row t / 4, outputs 2 (t % 4) and the next.
    let row = first_row + lane / 4u;
    let column = group.x * 8u + lane % 4u * 2u;
    if (lane < 4u * ROWS && row < params.rows && column < params.n) {
        let sums = total(lane / 4u, lane % 4u);
        out[row * params.width + params.first + column] = sums.x;
        if (column + 1u < params.n) {
            out[row * params.width + params.first + column + 1u] = sums.y;
        }
    }
}
