//! Bytes in pieces of any length in, whole lines out; what server-sent events and lines of JSON have in common.

use std::borrow::Cow;

/// The most bytes of one event. A reply's longest piece has kilobytes; what goes on without an end must not take all
/// memory.
pub(crate) const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

/// Splits a stream into lines, which LF, CR or CR LF end. A mark at the stream's beginning is no part of the first.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The line that is not complete yet. Bytes, because a piece may end within a character.
    line: Vec<u8>,
    /// The first line was handed over.
    started: bool,
    /// The last byte was a CR: an LF that follows belongs to the same line end.
    after_cr: bool,
    /// A line got longer than an event may be: nothing more is taken.
    is_too_long: bool,
}

impl Lines {
    /// Takes the next piece and hands over each line that it completes. `on_line` says whether to go on.
    pub(crate) fn push(&mut self, bytes: &[u8], on_line: &mut dyn FnMut(&str) -> bool) {
        let mut rest = bytes;
        while !self.is_too_long && !rest.is_empty() {
            if std::mem::take(&mut self.after_cr)
                && let Some(after) = rest.strip_prefix(b"\n")
            {
                rest = after;
                continue;
            }
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let (text, after) = rest.split_at(end.unwrap_or(rest.len()));
            if self.line.len() + text.len() > MAX_EVENT_BYTES {
                self.is_too_long = true;
                self.line = Vec::new();
                return;
            }
            self.line.extend_from_slice(text);
            let Some((line_end, after)) = after.split_first() else { return };
            self.after_cr = *line_end == b'\r';
            rest = after;
            let goes_on = on_line(&text_of(&mut self.started, &self.line));
            self.line.clear();
            if !goes_on {
                return;
            }
        }
    }

    /// Ends the stream: → the line that lacks only its end.
    pub(crate) fn finish(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        (!line.is_empty()).then(|| text_of(&mut self.started, &line).into_owned())
    }

    /// Whether a line was longer than an event may be.
    pub(crate) fn is_too_long(&self) -> bool {
        self.is_too_long
    }
}

/// The text of a line.
fn text_of<'a>(started: &mut bool, mut line: &'a [u8]) -> Cow<'a, str> {
    if !std::mem::replace(started, true) {
        while let Some(rest) = line.strip_prefix("\u{feff}".as_bytes()) {
            line = rest;
        }
    }
    String::from_utf8_lossy(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(stream: &str, size: usize) -> Vec<String> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for piece in stream.as_bytes().chunks(size) {
            lines.push(piece, &mut |line| {
                found.push(line.to_owned());
                true
            });
        }
        found.extend(lines.finish());
        found
    }

    #[test]
    fn every_line_end_is_one() {
        for size in 1..20 {
            assert_eq!(split("a\nb\r\nc\rd\n\r\n\r\r\ne", size), ["a", "b", "c", "d", "", "", "", "e"], "{size}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_given_up() {
        let mut lines = Lines::default();
        for _ in 0..=MAX_EVENT_BYTES / 4096 {
            lines.push(&[b'x'; 4096], &mut |_| true);
        }
        assert!(lines.is_too_long());
        assert_eq!(lines.finish(), None);
        lines.push(b"\nmore\n", &mut |_| panic!("nothing follows"));
    }
}
