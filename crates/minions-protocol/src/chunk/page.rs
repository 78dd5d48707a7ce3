//! Pages, told apart by the marks that print leaves in a text.
//!
//! The marks are found by hand rather than by a regular expression: a mark may reach over many blank lines, and an
//! iterator over matches would read these again for each line. Here each run of blank space is read once.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::{ChunkError, Chunks, fits, is_blank, section, slice};

/// Cuts at every mark, and further where a page is longer than `size`.
pub(super) fn cut(chunks: &mut Chunks<'_>, size: usize, overlap: usize) -> Result<(), ChunkError> {
    let document = chunks.document;
    let mut start = 0;
    for mark in marks(document) {
        push(chunks, start..mark.start, size, overlap)?;
        start = mark.end;
    }
    push(chunks, start..document.len(), size, overlap)
}

fn push(chunks: &mut Chunks<'_>, page: Range<usize>, size: usize, overlap: usize) -> Result<(), ChunkError> {
    if page.is_empty() {
        return Ok(());
    }
    if fits(slice(chunks.document, &page), size) {
        return chunks.push(page);
    }
    section::cut(chunks, page, size, overlap)
}

/// The marks of a text, in its order.
fn marks(text: &str) -> Vec<Range<usize>> {
    let mut scanner = Scanner { text, blank: Run::default(), frame: Run::default(), number: None, bracket: None };
    let mut marks = Vec::new();
    let mut line = 0;
    let mut free = 0;
    // Every line is looked at once: as a mark itself, then for form feeds.
    while line <= text.len() {
        let end = find(text, line, b'\n').unwrap_or(text.len());
        let mut at = line.max(free);
        if line >= free
            && !text.get(line..).unwrap_or_default().starts_with('\u{c}')
            && let Some(end) = scanner.mark(line)
        {
            marks.push(line..end);
            free = end;
            at = end;
        }
        while at < end
            && let Some(feed) = slice(text, &(at..end)).find('\u{c}').map(|feed| at + feed)
        {
            marks.push(feed..feed + 1);
            free = feed + 1;
            at = free;
        }
        line = end + 1;
    }
    marks
}

/// Recognises a mark at the start of a line, and remembers what it has read.
struct Scanner<'a> {
    text: &'a str,
    /// The last run of blank space.
    blank: Run,
    /// The last run of what may surround a bare number.
    frame: Run,
    /// Where a number was looked for last, and where the mark ends.
    number: Option<(usize, Option<usize>)>,
    /// Where a bracket was looked for last, and where the mark ends.
    bracket: Option<(usize, Option<usize>)>,
}

impl Scanner<'_> {
    /// Where the mark ends that begins with this line.
    fn mark(&mut self, line: usize) -> Option<usize> {
        self.page(line).or_else(|| self.bare_number(line)).or_else(|| self.ruled(line)).or_else(|| self.bracketed(line))
    }

    /// `Page 3`, `page 3 of 7`.
    fn page(&mut self, line: usize) -> Option<usize> {
        let number = self.skip_some_blank(self.word(line, "page")?)?;
        let end = self.digits(number)?;
        let total = self.total(end).and_then(|end| self.line_end(end));
        total.or_else(|| self.line_end(end))
    }

    /// The ` of 7` after a page's number.
    fn total(&mut self, at: usize) -> Option<usize> {
        let of = self.skip_some_blank(at)?;
        let number = self.skip_some_blank(self.word(of, "of")?)?;
        self.digits(number)
    }

    /// `3`, `- 3 -`, `(3)`, `__3__`.
    fn bare_number(&mut self, line: usize) -> Option<usize> {
        let number = self.skip_frame(line);
        if let Some((at, end)) = self.number
            && at == number
        {
            return end;
        }
        let end = self.digits(number).and_then(|digits| {
            let frame = self.skip_frame(digits);
            self.last_line_end(digits, frame)
        });
        self.number = Some((number, end));
        end
    }

    /// `--- page 3 ---`, `=== Page ===`. The rule before the words may stand in a line of its own.
    fn ruled(&mut self, line: usize) -> Option<usize> {
        let is_rule = |byte: &u8| matches!(byte, b'-' | b'=' | b'#');
        let rule = self.rest(line).bytes().take_while(|byte| is_rule(byte)).count();
        if rule < 3 {
            return None;
        }
        let start = self.skip_blank(line + rule);
        let end = find(self.text, start, b'\n').unwrap_or(self.text.len());
        let words = slice(self.text, &(start..end)).trim_end_matches(is_blank);
        let before =
            words.len().checked_sub(3).filter(|before| words.bytes().skip(*before).all(|byte| is_rule(&byte)))?;
        let words = words.as_bytes();
        words.get(..before)?.windows(4).any(|word| word.eq_ignore_ascii_case(b"page")).then_some(())?;
        self.line_end(start + words.len())
    }

    /// `[page 3]`, `<page>`, `( Page 3 )`.
    fn bracketed(&mut self, line: usize) -> Option<usize> {
        let open = self.skip_blank(line);
        if let Some((at, end)) = self.bracket
            && at == open
        {
            return end;
        }
        let end = self.bracket_at(open);
        self.bracket = Some((open, end));
        end
    }

    fn bracket_at(&mut self, open: usize) -> Option<usize> {
        self.rest(open).starts_with(['[', '<', '(']).then_some(())?;
        let word = self.skip_blank(open + 1);
        let mut end = self.word(word, "page")?;
        if let Some(number) = self.skip_some_blank(end)
            && let Some(digits) = self.digits(number)
        {
            end = digits;
        }
        let close = self.skip_blank(end);
        self.rest(close).starts_with([']', '>', ')']).then_some(())?;
        self.line_end(close + 1)
    }

    fn rest(&self, at: usize) -> &str {
        self.text.get(at..).unwrap_or_default()
    }

    /// The end of a word, in capitals or not.
    fn word(&self, at: usize, word: &str) -> Option<usize> {
        let end = at + word.len();
        self.text.as_bytes().get(at..end)?.eq_ignore_ascii_case(word.as_bytes()).then_some(end)
    }

    /// The end of a number in any script's decimal digits.
    fn digits(&self, at: usize) -> Option<usize> {
        #[expect(clippy::unwrap_used, reason = "the pattern is ours")]
        static DIGITS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\A\d+").unwrap());
        let rest = self.rest(at);
        // Most lines begin with a letter of ASCII.
        if rest.starts_with(|first: char| first.is_ascii() && !first.is_ascii_digit()) {
            return None;
        }
        DIGITS.find(rest).map(|digits| at + digits.end())
    }

    fn skip_blank(&mut self, at: usize) -> usize {
        self.blank.end(self.text, at, is_blank)
    }

    /// The end of blank space that is there.
    fn skip_some_blank(&mut self, at: usize) -> Option<usize> {
        Some(self.skip_blank(at)).filter(|end| *end > at)
    }

    fn skip_frame(&mut self, at: usize) -> usize {
        self.frame.end(self.text, at, |c| is_blank(c) || matches!(c, '_' | '-' | '(' | ')'))
    }

    /// The last end of a line that only blank space separates from here; blank lines thus belong to the mark.
    fn line_end(&mut self, at: usize) -> Option<usize> {
        let end = self.skip_blank(at);
        self.last_line_end(at, end)
    }

    /// The last place from `at` to `end` where a line ends.
    fn last_line_end(&self, at: usize, end: usize) -> Option<usize> {
        let is_line_end = |at: &usize| self.text.as_bytes().get(*at).is_none_or(|byte| *byte == b'\n');
        (at..=end).rev().find(is_line_end)
    }
}

/// A run of characters of one kind, remembered so that it is read once and not from every line in it.
#[derive(Default)]
struct Run {
    range: Range<usize>,
}

impl Run {
    /// The first character from `at` on that is of another kind.
    fn end(&mut self, text: &str, at: usize, is_kind: impl Fn(char) -> bool) -> usize {
        if !self.range.contains(&at) {
            let rest = text.get(at..).unwrap_or_default();
            let length = rest.find(|c| !is_kind(c)).unwrap_or(rest.len());
            if length == 0 {
                return at;
            }
            self.range = at..at + length;
        }
        self.range.end
    }
}

/// The next such byte from `at` on.
fn find(text: &str, at: usize, byte: u8) -> Option<usize> {
    text.get(at..)?.find(char::from(byte)).map(|found| at + found)
}
