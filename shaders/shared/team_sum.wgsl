// How the lanes of a team of 16 add up: in workgroup memory. Any adapter can.
// Offers Lane, gather and parts_apart.

struct Lane { @builtin(local_invocation_index) index: u32 }

/// The lane's part of its team's sum, as it is to be put into workgroup memory.
fn gather(part: vec4<f32>, lane: Lane) -> vec4<f32> {
    return part;
}

/// Of so many lanes each only the first one's part counts.
fn parts_apart(lane: Lane) -> u32 {
    return 1u;
}
