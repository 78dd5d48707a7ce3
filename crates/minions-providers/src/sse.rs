//! Server-sent events: bytes in pieces of any length in, the events' data out.
//!
//! Only `data` matters here. Comments, other fields and unknown lines are passed over, as the standard says.

/// Parses a stream of server-sent events.
#[derive(Debug, Default)]
pub struct SseParser {
    /// The bytes of the line that is not complete yet. Bytes, because a piece may end within a character.
    line: Vec<u8>,
    /// The data lines of the event that is not complete yet.
    data: Vec<String>,
    /// The last byte was a CR: an LF that follows belongs to the same line end.
    after_cr: bool,
    /// The stream's first line was seen.
    started: bool,
}

impl SseParser {
    /// Takes the next piece; returns the data of each event that it completes.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut events = Vec::new();
        for &byte in bytes {
            let ends_cr_lf = self.after_cr && byte == b'\n';
            self.after_cr = byte == b'\r';
            match byte {
                b'\n' if ends_cr_lf => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                _ => self.line.push(byte),
            }
        }
        events
    }

    /// Ends the stream; returns the data of an event that lacks only its blank line.
    pub fn finish(&mut self) -> Option<String> {
        if !self.line.is_empty() {
            self.end_line();
        }
        self.end_event()
    }

    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = if self.started { &line } else { line.trim_start_matches('\u{feff}') };
        self.started = true;
        if line.is_empty() {
            return self.end_event();
        }
        if let Some(data) = line.strip_prefix("data:") {
            self.data.push(data.strip_prefix(' ').unwrap_or(data).to_owned());
        }
        None
    }

    fn end_event(&mut self) -> Option<String> {
        let data = std::mem::take(&mut self.data);
        (!data.is_empty()).then(|| data.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "\u{feff}: hello\r\n\r\ndata: {\"a\":\"é𝄞\"}\r\n\r\nevent: x\nid: 1\ndata:one\ndata: two\n\n\
                          retry: 5\n\nnonsense\n\ndata: cr\r\rdata: [DONE]";

    fn parse<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
        let mut parser = SseParser::default();
        let mut events: Vec<_> = pieces.flat_map(|piece| parser.push(piece)).collect();
        events.extend(parser.finish());
        events
    }

    #[test]
    fn pieces_may_end_anywhere() {
        let expected = ["{\"a\":\"é𝄞\"}", "one\ntwo", "cr", "[DONE]"];
        for size in 1..=STREAM.len() {
            assert_eq!(parse(STREAM.as_bytes().chunks(size)), expected, "pieces of {size} bytes");
        }
    }

    #[test]
    fn bytes_that_are_no_text_do_no_harm() {
        assert_eq!(parse([b"data: \xff\n\n".as_slice()].into_iter()), ["\u{fffd}"]);
    }
}
