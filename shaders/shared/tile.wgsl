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

fn dots(v: Part, w: Quad) -> vec4<f32> {
    return vec4<f32>(part_dot(v, w.a), part_dot(v, w.b), part_dot(v, w.c), part_dot(v, w.d));
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
            left.r0 += dots(v0, a);
            right.r0 += dots(v0, b);
            let v1 = x_tile[xp + 64u];
            left.r1 += dots(v1, a);
            right.r1 += dots(v1, b);
            let v2 = x_tile[xp + 128u];
            left.r2 += dots(v2, a);
            right.r2 += dots(v2, b);
            let v3 = x_tile[xp + 192u];
            left.r3 += dots(v3, a);
            right.r3 += dots(v3, b);
            if (is_tall) {
                let v4 = x_tile[xp + 256u];
                left.r4 += dots(v4, a);
                right.r4 += dots(v4, b);
                let v5 = x_tile[xp + 320u];
                left.r5 += dots(v5, a);
                right.r5 += dots(v5, b);
                let v6 = x_tile[xp + 384u];
                left.r6 += dots(v6, a);
                right.r6 += dots(v6, b);
                let v7 = x_tile[xp + 448u];
                left.r7 += dots(v7, a);
                right.r7 += dots(v7, b);
            }
        }
    }
    return Sums(left, right);
}
