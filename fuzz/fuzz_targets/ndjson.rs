//! Parsing lines of JSON: where the pieces of a stream end must make no difference.

#![no_main]

use libfuzzer_sys::fuzz_target;
use minions_providers::NdjsonParser;

fuzz_target!(|input: (u8, &[u8])| {
    let (size, stream) = input;
    let pieces = parse(stream.chunks(usize::from(size).max(1)));
    assert_eq!(pieces, parse([stream].into_iter()));
});

fn parse<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut parser = NdjsonParser::default();
    let mut lines: Vec<_> = pieces.flat_map(|piece| parser.push(piece)).collect();
    lines.extend(parser.finish());
    lines
}
