//! Reading a safetensors file alone, and as the shard of an index: the first two bytes say how long the index is.

#![no_main]

use libfuzzer_sys::fuzz_target;
use minions_fuzz::block_on;
use minions_fuzz::weights::safetensors::read_headers;
use minions_fuzz::weights::source::MemorySource;

fuzz_target!(|bytes: &[u8]| {
    let Some((length, rest)) = bytes.split_first_chunk() else { return };
    let (index, shard) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
    let alone = MemorySource::new().with("m.safetensors", shard);
    let _ = block_on(read_headers(&alone, "m.safetensors"));
    let sharded = MemorySource::new().with("m.safetensors.index.json", index).with("a.safetensors", shard);
    let _ = block_on(read_headers(&sharded, "m.safetensors"));
});
