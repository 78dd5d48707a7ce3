//! Reading the header of a GGUF model, which may say that it goes on in a second file: here the same one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use minions_fuzz::block_on;
use minions_fuzz::weights::source::MemorySource;
use minions_fuzz::weights::split::read_headers;

fuzz_target!(|file: &[u8]| {
    let [first, second] = ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"];
    let source = MemorySource::new().with(first, file).with(second, file);
    let _ = block_on(read_headers(&source, first));
});
