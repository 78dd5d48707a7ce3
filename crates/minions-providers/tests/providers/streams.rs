//! Streams, cut anywhere.

use minions_providers::{NdjsonParser, SseParser};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::cassette::all;
use crate::replay::Replay;

/// A line: anything but the ends of lines.
fn line() -> impl Strategy<Value = String> {
    ".{0,30}".prop_map(|text| text.replace(['\r', '\n'], " "))
}

/// What an event's lines are between its data, and what they say: nothing.
fn noise() -> impl Strategy<Value = String> {
    prop_oneof![
        line().prop_map(|text| format!(":{text}")),
        line().prop_map(|text| format!("event: {text}")),
        select(&["retry: 3", "id", "datum: x", "data-x: y"]).prop_map(str::to_owned),
    ]
}

/// An event: the data of its lines, and the noise before each.
fn event() -> impl Strategy<Value = Vec<(Vec<String>, String)>> {
    vec((vec(noise(), 0..2), line()), 1..4)
}

/// Cuts bytes into pieces of these lengths, over and over.
fn pieces<'a>(mut bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (piece, rest) = bytes.split_at((*size).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    vec(1_usize..40, 1..8)
}

fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut parser = SseParser::default();
    let mut events: Vec<_> = pieces.into_iter().flat_map(|piece| parser.push(piece)).collect();
    events.extend(parser.finish());
    events
}

fn lines<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut parser = NdjsonParser::default();
    let mut lines: Vec<_> = pieces.into_iter().flat_map(|piece| parser.push(piece)).collect();
    lines.extend(parser.finish());
    lines
}

proptest! {
    #[test]
    fn what_was_written_as_events_is_read(
        written in vec(event(), 0..6),
        mark in select(&["", "\u{feff}"]),
        end in select(&["\n", "\r", "\r\n"]),
        is_closed: bool,
        sizes in sizes(),
    ) {
        let mut stream = mark.to_owned();
        for (index, event) in written.iter().enumerate() {
            for (noise, data) in event {
                noise.iter().for_each(|line| stream.extend([line, end]));
                stream.extend(["data: ", data, end]);
            }
            // The last event may lack its blank line.
            if is_closed || index + 1 < written.len() {
                stream.push_str(end);
            }
        }
        let expected: Vec<String> = written
            .iter()
            .map(|event| event.iter().map(|(_, data)| data.as_str()).collect::<Vec<_>>().join("\n"))
            .collect();
        prop_assert_eq!(events(pieces(stream.as_bytes(), &sizes)), expected);
    }

    #[test]
    fn what_was_written_as_lines_is_read(
        written in vec("\\{.{0,30}\\}", 0..6),
        end in select(&["\n", "\r", "\r\n", "\n\n", "\r\n \r\n"]),
        is_closed: bool,
        sizes in sizes(),
    ) {
        let written: Vec<_> = written.iter().map(|line| line.replace(['\r', '\n'], " ")).collect();
        let mut stream = written.join(end);
        if is_closed {
            stream.push_str(end);
        }
        prop_assert_eq!(lines(pieces(stream.as_bytes(), &sizes)), written);
    }

    #[test]
    fn bytes_of_any_kind_are_read_the_same_in_any_pieces(bytes in vec(any::<u8>(), 0..400), sizes in sizes()) {
        let whole = [bytes.as_slice()];
        prop_assert_eq!(events(pieces(&bytes, &sizes)), events(whole));
        prop_assert_eq!(lines(pieces(&bytes, &sizes)), lines(whole));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// The parsers' pieces are whole; so are the replies made of them.
    #[test]
    fn every_reply_is_the_same_in_any_pieces(sizes in sizes()) {
        for cassette in all() {
            let body = cassette.body();
            let mut transport = Replay::new(cassette.response.status, b"", 1);
            transport.pieces = pieces(body.as_bytes(), &sizes).into_iter().map(<[u8]>::to_vec).collect();
            transport.headers = cassette.response.headers.clone().into_iter().collect();
            let played = cassette.play_on(cassette.preset(), transport);
            cassette.check(&played, &format!("in pieces of {sizes:?}"));
        }
    }
}
