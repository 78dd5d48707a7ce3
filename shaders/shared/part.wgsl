// What a tile is made of: f32.
// Offers Part, to_part and part_dot.

alias Part = vec4<f32>;

fn to_part(v: vec4<f32>) -> Part {
    return v;
}

fn part_dot(a: Part, b: Part) -> f32 {
    return dot(a, b);
}
