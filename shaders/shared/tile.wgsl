// A tile of 64 rows of activations times 64 rows of weights: what matmul and gated_matmul have in common.
// Offers x, Sums and tile_products; the including file declares `weights`, Params with rows and k, and weight_row, which says
// the row of the weights behind a row of the tile.
// Both sides stand in workgroup memory [row][8 vec4 of k], the vec4s permuted by row so that reads hit different banks; an
// invocation of 64 reads 16 of them for 64 products of 4.

@group(0) @binding(0) var<storage, read_write> x: array<vec4<f32>>;

{{ weights }}

{{ part }}

var<workgroup> x_tile: array<Part, 512>;
var<workgroup> w_tile: array<Part, 512>;

/// Sums of rows ty + 0, 8 .. 56 at columns tx + 0, 8, 16, 24 (left) and 32, 40, 48, 56 (right).
struct Sums { left: Column, right: Column }
struct Column {
    r0: vec4<f32>, r1: vec4<f32>, r2: vec4<f32>, r3: vec4<f32>,
    r4: vec4<f32>, r5: vec4<f32>, r6: vec4<f32>, r7: vec4<f32>,
}

/// A part of four rows of weights.
struct Quad { a: Part, b: Part, c: Part, d: Part }

/// Place of vec4 `part` (of 8) of tile row `row`.
fn place(row: u32, part: u32) -> u32 {
    return row * 8u + (part ^ (row & 7u));
}

/// sums + the products of a part of a row with those of four rows of weights.
fn dots(v: Part, w: Quad, sums: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(
        part_dot(v, w.a, sums.x), part_dot(v, w.b, sums.y), part_dot(v, w.c, sums.z), part_dot(v, w.d, sums.w),
    );
}

fn tile_products(first_row: u32, first_column: u32, n: u32, lane: u32) -> Sums {
    let tx = lane % 8u;
    let ty = lane / 8u;
    // The lower half of a tile that ends in its upper half is left out.
    let is_tall = first_row + 32u < params.rows;
    var left = Column();
    var right = Column();
    for (var block = 0u; block < params.k / 32u; block++) {
        workgroupBarrier();
        for (var i = 0u; i < 4u; i++) {
            let row = lane / 4u + i * 16u;
            let octet = block * 4u + lane % 4u;
            let lo = place(row, lane % 4u * 2u);
            let hi = place(row, lane % 4u * 2u + 1u);
            let x_at = min(first_row + row, params.rows - 1u) * (params.k / 4u) + octet * 2u;
            x_tile[lo] = to_part(x[x_at]);
            x_tile[hi] = to_part(x[x_at + 1u]);
            let w = weight_octet(weight_row(first_column, row), octet, n, params.k);
            w_tile[lo] = to_part(w.lo);
            w_tile[hi] = to_part(w.hi);
        }
        workgroupBarrier();
        for (var part = 0u; part < 8u; part++) {
            let xp = place(ty, part);
            let wp = place(tx, part);
            let a = Quad(w_tile[wp], w_tile[wp + 64u], w_tile[wp + 128u], w_tile[wp + 192u]);
            let b = Quad(w_tile[wp + 256u], w_tile[wp + 320u], w_tile[wp + 384u], w_tile[wp + 448u]);
            let v0 = x_tile[xp];
            left.r0 = dots(v0, a, left.r0);
            right.r0 = dots(v0, b, right.r0);
            let v1 = x_tile[xp + 64u];
            left.r1 = dots(v1, a, left.r1);
            right.r1 = dots(v1, b, right.r1);
            let v2 = x_tile[xp + 128u];
            left.r2 = dots(v2, a, left.r2);
            right.r2 = dots(v2, b, right.r2);
            let v3 = x_tile[xp + 192u];
            left.r3 = dots(v3, a, left.r3);
            right.r3 = dots(v3, b, right.r3);
            if (is_tall) {
                let v4 = x_tile[xp + 256u];
                left.r4 = dots(v4, a, left.r4);
                right.r4 = dots(v4, b, right.r4);
                let v5 = x_tile[xp + 320u];
                left.r5 = dots(v5, a, left.r5);
                right.r5 = dots(v5, b, right.r5);
                let v6 = x_tile[xp + 384u];
                left.r6 = dots(v6, a, left.r6);
                right.r6 = dots(v6, b, right.r6);
                let v7 = x_tile[xp + 448u];
                left.r7 = dots(v7, a, left.r7);
                right.r7 = dots(v7, b, right.r7);
            }
        }
    }
    return Sums(left, right);
}
