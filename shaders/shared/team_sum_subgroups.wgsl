// How the lanes of a team of 16 add up: as many of them as are in one subgroup through its registers, the rest in workgroup
// memory. Subgroups may have any size from 4 lanes on; consecutive lanes make one, which the self-test proves.
// Offers Lane, gather and parts_apart.

struct Lane { @builtin(local_invocation_index) index: u32, @builtin(subgroup_size) subgroup: u32 }

/// The lane's part of its team's sum, as it is to be put into workgroup memory.
fn gather(part: vec4<f32>, lane: Lane) -> vec4<f32> {
    var sum = part;
    sum += subgroupShuffleXor(sum, 1u);
    sum += subgroupShuffleXor(sum, 2u);
    // What comes from a lane that the subgroup does not have is nothing that could be added.
    sum += select(vec4<f32>(), subgroupShuffleXor(sum, 4u), lane.subgroup > 4u);
    sum += select(vec4<f32>(), subgroupShuffleXor(sum, 8u), lane.subgroup > 8u);
    return sum;
}

/// Of so many lanes each only the first one's part counts.
fn parts_apart(lane: Lane) -> u32 {
    return min(lane.subgroup, 16u);
}
