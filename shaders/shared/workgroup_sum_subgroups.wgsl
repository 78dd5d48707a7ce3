// How the 128 lanes of a workgroup add up: a subgroup in its registers, the subgroups in workgroup memory. Subgroups may have
// any size; consecutive lanes make one, which the self-test proves.
// Offers Lane and workgroup_sum.

struct Lane {
    @builtin(local_invocation_index) index: u32,
    @builtin(subgroup_size) subgroup: u32,
    @builtin(subgroup_invocation_id) place: u32,
}

var<workgroup> parts: array<f32, 128>;

/// Sum over the workgroup, the same in every invocation.
fn workgroup_sum(value: f32, lane: Lane) -> f32 {
    let part = subgroupAdd(value);
    if (lane.place == 0u) {
        parts[lane.index / lane.subgroup] = part;
    }
    workgroupBarrier();
    var total = 0.0;
    for (var i = 0u; i < (127u + lane.subgroup) / lane.subgroup; i++) {
        total += parts[i];
    }
    return total;
}
