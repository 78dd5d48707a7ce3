// A tile of 64 rows of activations times 64 rows of weights, both as bytes: what matmul and gated_matmul have in common.
// Offers x, Sums and tile_products; the including file declares `weights`, Params with rows and k, and weight_row, which says
// the row of the weights behind a row of the tile.
// Both sides stand in workgroup memory [half of a block][row], with their scales: within a block sums are exact integers.

/// What quantize.wgsl writes: bytes, then an f32 scale for each block of 32.
@group(0) @binding(0) var<storage, read_write> x: array<vec4<u32>>;

{{ weights }}

var<workgroup> x_tile: array<vec4<u32>, 128>;
var<workgroup> w_tile: array<vec4<u32>, 128>;
var<workgroup> x_scales: array<f32, 64>;
var<workgroup> w_scales: array<f32, 64>;

/// Sums of rows ty + 0, 8 .. 56 at columns tx + 0, 8, 16, 24 (left) and 32, 40, 48, 56 (right).
struct Sums { left: Column, right: Column }
struct Column {
    r0: vec4<f32>, r1: vec4<f32>, r2: vec4<f32>, r3: vec4<f32>,
    r4: vec4<f32>, r5: vec4<f32>, r6: vec4<f32>, r7: vec4<f32>,
}

/// A block of four rows of weights.
struct Quad {
    a0: vec4<u32>, a1: vec4<u32>, b0: vec4<u32>, b1: vec4<u32>,
    c0: vec4<u32>, c1: vec4<u32>, d0: vec4<u32>, d1: vec4<u32>,
    scales: vec4<f32>,
}

fn block_dot(v0: vec4<u32>, v1: vec4<u32>, w0: vec4<u32>, w1: vec4<u32>) -> i32 {
    return dot4I8Packed(v0.x, w0.x) + dot4I8Packed(v0.y, w0.y) + dot4I8Packed(v0.z, w0.z) + dot4I8Packed(v0.w, w0.w)
        + dot4I8Packed(v1.x, w1.x) + dot4I8Packed(v1.y, w1.y) + dot4I8Packed(v1.z, w1.z) + dot4I8Packed(v1.w, w1.w);
}

/// The block of tile row `row` of x times four of the weights'.
fn dots(row: u32, w: Quad) -> vec4<f32> {
    let v0 = x_tile[row];
    let v1 = x_tile[row + 64u];
    let sums = vec4<i32>(
        block_dot(v0, v1, w.a0, w.a1), block_dot(v0, v1, w.b0, w.b1),
        block_dot(v0, v1, w.c0, w.c1), block_dot(v0, v1, w.d0, w.d1),
    );
    return vec4<f32>(sums) * (x_scales[row] * w.scales);
}

/// The blocks of tile rows `row` + 0, 8, 16, 24 of the weights.
fn quad(row: u32) -> Quad {
    return Quad(
        w_tile[row], w_tile[row + 64u], w_tile[row + 8u], w_tile[row + 72u],
        w_tile[row + 16u], w_tile[row + 80u], w_tile[row + 24u], w_tile[row + 88u],
        vec4<f32>(w_scales[row], w_scales[row + 8u], w_scales[row + 16u], w_scales[row + 24u]),
    );
}

fn add(sums: Column, ty: u32, w: Quad, is_tall: bool) -> Column {
    var column = sums;
    column.r0 += dots(ty, w);
    column.r1 += dots(ty + 8u, w);
    column.r2 += dots(ty + 16u, w);
    column.r3 += dots(ty + 24u, w);
    if (is_tall) {
        column.r4 += dots(ty + 32u, w);
        column.r5 += dots(ty + 40u, w);
        column.r6 += dots(ty + 48u, w);
        column.r7 += dots(ty + 56u, w);
    }
    return column;
}

fn tile_products(first_row: u32, first_column: u32, n: u32, lane: u32) -> Sums {
    let blocks = params.k / 32u;
    // The lower half of a tile that ends in its upper half is left out.
    let is_tall = first_row + 32u < params.rows;
    let x_row = min(first_row + lane, params.rows - 1u);
    let w_row = weight_row(first_column, lane);
    var left = Column();
    var right = Column();
    for (var block = 0u; block < blocks; block++) {
        let x_block = x_row * blocks + block;
        let w0 = weight_bytes(w_row, block * 4u, n, params.k);
        let w1 = weight_bytes(w_row, block * 4u + 1u, n, params.k);
        let w2 = weight_bytes(w_row, block * 4u + 2u, n, params.k);
        let w3 = weight_bytes(w_row, block * 4u + 3u, n, params.k);
        workgroupBarrier();
        x_tile[lane] = x[x_block * 2u];
        x_tile[lane + 64u] = x[x_block * 2u + 1u];
        x_scales[lane] = bitcast<f32>(x[params.rows * blocks * 2u + x_block / 4u][x_block % 4u]);
        w_tile[lane] = vec4<u32>(w0.lo, w0.hi, w1.lo, w1.hi);
        w_tile[lane + 64u] = vec4<u32>(w2.lo, w2.hi, w3.lo, w3.hi);
        w_scales[lane] = w0.scale;
        workgroupBarrier();
        left = add(left, lane / 8u, quad(lane % 8u), is_tall);
        right = add(right, lane / 8u, quad(lane % 8u + 32u), is_tall);
    }
    return Sums(left, right);
}
