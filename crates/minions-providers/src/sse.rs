//! Server-sent events: bytes in pieces of any length in, the events' data out.
//!
//! Only `data` matters here. Comments, other fields and unknown lines are passed over, as the standard says.

use crate::lines::{Lines, MAX_EVENT_BYTES};

/// Parses a stream of server-sent events.
#[derive(Debug, Default)]
pub struct SseParser {
    lines: Lines,
    event: Event,
}

/// The event that is not complete yet.
#[derive(Debug, Default)]
struct Event {
    /// Its data lines, joined by LF; `None` before the first.
    data: Option<String>,
    /// It holds more than an event may.
    is_too_long: bool,
}

impl SseParser {
    /// Takes the next piece; returns the data of each event that it completes.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut events = Vec::new();
        if !self.is_too_long() {
            self.lines.push(bytes, &mut |line| {
                events.extend(self.event.line(line));
                !self.event.is_too_long
            });
        }
        events
    }

    /// Ends the stream; returns the data of an event that lacks only its blank line.
    pub fn finish(&mut self) -> Option<String> {
        if let Some(line) = self.lines.finish() {
            self.event.line(&line);
        }
        self.event.data.take().filter(|_| !self.is_too_long())
    }

    /// Whether an event was longer than 16 MB. Nothing that follows it is read.
    pub fn is_too_long(&self) -> bool {
        self.event.is_too_long || self.lines.is_too_long()
    }
}

impl Event {
    /// Takes a line: → the event's data, if the line ends it.
    fn line(&mut self, line: &str) -> Option<String> {
        if line.is_empty() {
            return self.data.take();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        if field == "data" {
            self.append(value.strip_prefix(' ').unwrap_or(value));
        }
        None
    }

    fn append(&mut self, line: &str) {
        let taken = self.data.as_ref().map_or(0, |data| data.len() + 1);
        if taken + line.len() > MAX_EVENT_BYTES {
            (self.data, self.is_too_long) = (None, true);
            return;
        }
        match &mut self.data {
            Some(data) => data.extend(["\n", line]),
            None => self.data = Some(line.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "\u{feff}: hello\r\n\r\ndata: {\"a\":\"é𝄞\"}\r\n\r\nevent: x\nid: 1\ndata:one\ndata: two\n\n\
                          retry: 5\n\nnonsense\ndatabase: no\n\ndata: cr\r\rdata\ndata\n\ndata: [DONE]";

    fn parse<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
        let mut parser = SseParser::default();
        let mut events: Vec<_> = pieces.flat_map(|piece| parser.push(piece)).collect();
        events.extend(parser.finish());
        events
    }

    #[test]
    fn pieces_may_end_anywhere() {
        let expected = ["{\"a\":\"é𝄞\"}", "one\ntwo", "cr", "\n", "[DONE]"];
        for size in 1..=STREAM.len() {
            assert_eq!(parse(STREAM.as_bytes().chunks(size)), expected, "pieces of {size} bytes");
        }
    }

    #[test]
    fn bytes_that_are_no_text_do_no_harm() {
        assert_eq!(parse([b"data: \xff\n\n".as_slice()].into_iter()), ["\u{fffd}"]);
    }

    #[test]
    fn a_long_event_is_read_and_an_endless_one_given_up() {
        let long = format!("data: {}\n\n", "x".repeat(10_000_000));
        assert_eq!(parse(long.as_bytes().chunks(65_536)).first().map(String::len), Some(10_000_000));

        let mut parser = SseParser::default();
        assert_eq!(parser.push(b"data: before\n\n"), ["before"]);
        let line = format!("data: {}\n", "x".repeat(1_000_000));
        (0..17).for_each(|_| assert!(parser.push(line.as_bytes()).is_empty()));
        assert!(parser.is_too_long());
        assert!(parser.push(b"\n\ndata: after\n\n").is_empty());
        assert_eq!(parser.finish(), None);
    }
}
