// What a tile is made of: f32.
// Offers Part, to_part and part_dot.

alias Part = vec4<f32>;

fn to_part(v: vec4<f32>) -> Part {
    return v;
}

/// sum + dot(a, b), a product and an addition at a time: a CPU's drivers fuse them, and not those of dot.
fn part_dot(a: Part, b: Part, sum: f32) -> f32 {
    return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}
