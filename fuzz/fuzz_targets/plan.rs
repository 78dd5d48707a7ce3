//! Reading a plan that the supervisor wrote.

#![no_main]

use libfuzzer_sys::fuzz_target;
use minions_protocol::{Plan, PlanLimits};

const LIMITS: PlanLimits = PlanLimits { documents: 3, has_previous: true, tasks: 8, samples: 5, chunk_size: 10_000 };

fuzz_target!(|reply: &str| {
    let _ = Plan::parse(reply, &LIMITS);
});
