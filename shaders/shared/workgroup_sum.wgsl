// How the 128 lanes of a workgroup add up: in workgroup memory, 8 by 8. Any adapter can.
// Offers Lane and workgroup_sum.

struct Lane { @builtin(local_invocation_index) index: u32 }

var<workgroup> lanes: array<f32, 128>;
var<workgroup> eighths: array<f32, 16>;

/// Sum over the workgroup, the same in every invocation.
fn workgroup_sum(value: f32, lane: Lane) -> f32 {
    lanes[lane.index] = value;
    workgroupBarrier();
    if (lane.index < 16u) {
        var part = 0.0;
        for (var i = 0u; i < 8u; i++) {
            part += lanes[lane.index + i * 16u];
        }
        eighths[lane.index] = part;
    }
    workgroupBarrier();
    var total = 0.0;
    for (var i = 0u; i < 16u; i++) {
        total += eighths[i];
    }
    return total;
}
