// What a tile is made of: f16. Products of four are summed in f16, everything beyond in f32.
// Offers Part, to_part and part_dot.

alias Part = vec4<f16>;

/// Some models have a few activations that f16 does not reach: the largest number stands for them.
fn to_part(v: vec4<f32>) -> Part {
    return Part(select(v, clamp(v, vec4<f32>(-65504.0), vec4<f32>(65504.0)), abs(v) > vec4<f32>(65504.0)));
}

fn part_dot(a: Part, b: Part, sum: f32) -> f32 {
    return sum + f32(dot(a, b));
}
