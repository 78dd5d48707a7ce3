// Up to ROWS rows of activations times four rows of weights a team: what matvec and gated_matvec have in common.
// Offers ROWS, TEAM, Lane, row_products and total; the including file declares `weights` and Params with rows and k.
// 16 lanes walk four rows of weights, 8 elements each at a time: adjacent lanes read adjacent weights, which serve all ROWS.

const ROWS: u32 = {{ ROWS }}u;
const TEAM: u32 = 16u;

{{ weights }}

{{ activations }}

{{ team_sum }}

/// Per row and lane: parts of the sums of the lane's team.
var<workgroup> parts: array<vec4<f32>, 64u * ROWS>;

/// An octet of each of four rows of weights.
struct Octets { a: Weights, b: Weights, c: Weights, d: Weights }

/// sums + the products of an octet of row `row` of x. A row past the end reads the last one.
fn products(row: u32, octet: u32, w: Octets, sums: vec4<f32>) -> vec4<f32> {
    let v = x_octet(min(row, params.rows - 1u), octet, params.rows, params.k);
    return vec4<f32>(
        product(v, w.a, sums.x), product(v, w.b, sums.y), product(v, w.c, sums.z), product(v, w.d, sums.w),
    );
}

/// Multiplies ROWS rows of x from `first_row` on with the rows `j` of `n` rows of weights. Ends in a barrier.
fn row_products(first_row: u32, j: vec4<u32>, n: u32, lane: Lane) {
    // One accumulator a row, unrolled: `ROWS` is constant, so the branches below fold away.
    var s0 = vec4<f32>();
    var s1 = s0;
    var s2 = s0;
    var s3 = s0;
    var s4 = s0;
    var s5 = s0;
    var s6 = s0;
    var s7 = s0;
    for (var octet = lane.index % TEAM; octet < params.k / 8u; octet += TEAM) {
        let w = Octets(
            w_octet(j.x, octet, n, params.k),
            w_octet(j.y, octet, n, params.k),
            w_octet(j.z, octet, n, params.k),
            w_octet(j.w, octet, n, params.k),
        );
        s0 = products(first_row, octet, w, s0);
        if (ROWS > 1u) {
            s1 = products(first_row + 1u, octet, w, s1);
            s2 = products(first_row + 2u, octet, w, s2);
            s3 = products(first_row + 3u, octet, w, s3);
        }
        if (ROWS > 4u) {
            s4 = products(first_row + 4u, octet, w, s4);
            s5 = products(first_row + 5u, octet, w, s5);
            s6 = products(first_row + 6u, octet, w, s6);
            s7 = products(first_row + 7u, octet, w, s7);
        }
    }
    parts[lane.index] = gather(s0, lane);
    if (ROWS > 1u) {
        parts[lane.index + 64u] = gather(s1, lane);
        parts[lane.index + 128u] = gather(s2, lane);
        parts[lane.index + 192u] = gather(s3, lane);
    }
    if (ROWS > 4u) {
        parts[lane.index + 256u] = gather(s4, lane);
        parts[lane.index + 320u] = gather(s5, lane);
        parts[lane.index + 384u] = gather(s6, lane);
        parts[lane.index + 448u] = gather(s7, lane);
    }
    workgroupBarrier();
}

/// The four sums of team `team` and row `row` (of ROWS).
fn total(row: u32, team: u32, lane: Lane) -> vec4<f32> {
    var sum = vec4<f32>();
    for (var i = 0u; i < TEAM; i += parts_apart(lane)) {
        sum += parts[row * 64u + team * TEAM + i];
    }
    return sum;
}
