// What the gate of a feed-forward network does: what gated_matmul and gated_matvec have in common.
// Offers activation; the including file declares Params with activation, numbered as `Activation` in src/lib.rs.

const GELU_TANH: u32 = 1u;

/// The gates of `v`: SiLU, or GELU by tanh. Some drivers' tanh is NaN far out, where it is 1 already.
fn activation(v: vec4<f32>) -> vec4<f32> {
    if (params.activation == GELU_TANH) {
        let inner = 0.7978845608 * (v + 0.044715 * v * v * v);
        return 0.5 * v * (1.0 + tanh(clamp(inner, vec4<f32>(-15.0), vec4<f32>(15.0))));
    }
    return v / (1.0 + exp(-v));
}
