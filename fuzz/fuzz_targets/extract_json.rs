//! Finding JSON in a reply.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|reply: &str| {
    let _ = minions_protocol::extract_json(reply, &["decision", "answer"]);
});
