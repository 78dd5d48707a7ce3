//! Lines of JSON: bytes in pieces of any length in, the lines out.

use crate::lines::Lines;

/// Parses a stream of lines. What a line holds is for others to read.
#[derive(Debug, Default)]
pub struct NdjsonParser {
    lines: Lines,
}

impl NdjsonParser {
    /// Takes the next piece; returns each line that it completes. Blank lines are passed over.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        self.lines.push(bytes, &mut |line| {
            lines.extend(said(line));
            true
        });
        lines
    }

    /// Ends the stream; returns a line that lacks only its end.
    pub fn finish(&mut self) -> Option<String> {
        self.lines.finish().and_then(|line| said(&line))
    }

    /// Whether a line was longer than 16 MB. Nothing that follows it is read.
    pub fn is_too_long(&self) -> bool {
        self.lines.is_too_long()
    }
}

/// What stands in a line, unless it is blank.
fn said(line: &str) -> Option<String> {
    Some(line.trim().to_owned()).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "\u{feff}{\"a\":\"é𝄞\"}\r\n\n  \n{\"b\":1}\r{\"c\":2}";

    #[test]
    fn pieces_may_end_anywhere() {
        for size in 1..=STREAM.len() {
            let mut parser = NdjsonParser::default();
            let mut lines: Vec<_> = STREAM.as_bytes().chunks(size).flat_map(|piece| parser.push(piece)).collect();
            lines.extend(parser.finish());
            assert_eq!(lines, ["{\"a\":\"é𝄞\"}", "{\"b\":1}", "{\"c\":2}"], "pieces of {size} bytes");
        }
    }

    #[test]
    fn an_endless_line_is_given_up() {
        let mut parser = NdjsonParser::default();
        (0..17).for_each(|_| assert!(parser.push(&[b'1'; 1_000_000]).is_empty()));
        assert!(parser.is_too_long());
        assert_eq!(parser.finish(), None);
    }
}
