//! Texts made comparable: letter case, runs of white space, and kinds of quotes and dashes no longer matter.

use std::ops::Range;

/// A folded text, and where its bytes come from.
pub(super) struct Folded {
    /// The folded text.
    pub text: String,
    /// Where folded and original offsets drift apart: from the first on, the second is its origin.
    drifts: Vec<(usize, usize)>,
}

impl Folded {
    /// Folds a text. With `escapes`, JSON's escapes are read as what they stand for.
    pub fn new(text: &str, escapes: bool) -> Self {
        let mut folded = Self { text: String::with_capacity(text.len()), drifts: Vec::new() };
        for (c, origin) in (Characters { text, at: 0, escapes }) {
            let before = folded.text.len();
            folded.push(c);
            let after = folded.text.len();
            if after - before != origin.len() {
                folded.drift(after, origin.end);
            }
        }
        folded
    }

    /// The range of the original that a range of the folded text comes from. Its ends may lie inside a character that
    /// folds to several.
    pub fn origin(&self, range: Range<usize>) -> Range<usize> {
        self.origin_of(range.start)..self.origin_of(range.end)
    }

    fn origin_of(&self, at: usize) -> usize {
        let next = self.drifts.partition_point(|(folded, _)| *folded <= at);
        let (folded, origin) = next.checked_sub(1).and_then(|last| self.drifts.get(last)).copied().unwrap_or_default();
        let limit = self.drifts.get(next).map_or(usize::MAX, |(_, origin)| *origin);
        (origin + (at - folded)).min(limit)
    }

    fn push(&mut self, c: char) {
        match c {
            _ if c.is_whitespace() => {
                if !self.text.ends_with(' ') {
                    self.text.push(' ');
                }
            }
            // What is not seen: soft hyphen, zero-width characters, byte order mark.
            '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => {}
            '\u{2018}' | '\u{2019}' | '\u{2bc}' => self.text.push('\''),
            '\u{2010}'..='\u{2015}' => self.text.push('-'),
            _ if c.is_ascii() => self.text.push(c.to_ascii_lowercase()),
            // Through upper case, so that "ß" equals "SS" and "ς" equals "σ".
            _ => self.text.extend(c.to_uppercase().flat_map(char::to_lowercase)),
        }
    }

    fn drift(&mut self, folded: usize, origin: usize) {
        match self.drifts.last_mut() {
            Some(last) if last.0 == folded => last.1 = origin,
            _ => self.drifts.push((folded, origin)),
        }
    }
}

/// The folded form of a short text, without white space around it.
pub(super) fn fold(text: &str) -> String {
    Folded::new(text.trim(), false).text
}

/// A text with JSON's escapes read as what they stand for, if it has a backslash.
pub(super) fn unescape(text: &str) -> Option<String> {
    text.contains('\\').then(|| Characters { text, at: 0, escapes: true }.map(|(c, _)| c).collect())
}

/// The characters of a text and where they stand.
struct Characters<'a> {
    text: &'a str,
    at: usize,
    escapes: bool,
}

impl Iterator for Characters<'_> {
    type Item = (char, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let rest = self.text.get(start..)?;
        let c = rest.chars().next()?;
        let (c, len) = if c == '\\' && self.escapes { escape(rest) } else { (c, c.len_utf8()) };
        self.at += len;
        Some((c, start..self.at))
    }
}

/// Reads the escape that a text begins with, and its length.
///
/// However many backslashes stand before the letter: JSON within JSON escapes the backslash again, and a text that is
/// not JSON is folded by the same rule as the strings looked for in it.
fn escape(text: &str) -> (char, usize) {
    let rest = text.trim_start_matches('\\');
    let backslashes = text.len() - rest.len();
    match rest.chars().next() {
        Some('n' | 'r' | 't' | 'b' | 'f') => ('\n', backslashes + 1),
        Some(c @ ('"' | '/')) => (c, backslashes + 1),
        Some('u') => match unit(rest) {
            Some(high @ 0xd800..0xdc00) => {
                let low = rest.get(5..).and_then(|next| unit(next.trim_start_matches('\\')));
                let slashes = rest.get(5..).map_or(0, |next| next.len() - next.trim_start_matches('\\').len());
                let pair = low.and_then(|low| char::decode_utf16([high, low]).next()?.ok());
                pair.map_or(('\\', backslashes), |c| (c, backslashes + 5 + slashes + 5))
            }
            Some(unit) => char::from_u32(unit.into()).map_or(('\\', backslashes), |c| (c, backslashes + 5)),
            None => ('\\', backslashes),
        },
        _ => ('\\', backslashes),
    }
}

/// The UTF-16 unit of "u0041".
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix('u')?.get(..4)?;
    digits.chars().all(|c| c.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

/// Whether a range of a text is not glued to the letters or digits around it.
///
/// Only letters that have a case count: scripts without one do not part words by spaces, or write articles and
/// prepositions onto the word.
pub(super) fn stands_alone(text: &str, range: &Range<usize>) -> bool {
    let before = text.get(..range.start).and_then(|before| before.chars().next_back());
    let after = text.get(range.end..).and_then(|after| after.chars().next());
    let inside = text.get(range.clone()).unwrap_or_default();
    !is_glued(before, inside.chars().next()) && !is_glued(inside.chars().next_back(), after)
}

fn is_glued(left: Option<char>, right: Option<char>) -> bool {
    let is_cased = |c: char| c.is_lowercase() || c.is_uppercase();
    let both = |test: &dyn Fn(char) -> bool| left.is_some_and(test) && right.is_some_and(test);
    both(&is_cased) || both(&|c| c.is_numeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_space_quotes_and_dashes_do_not_matter() {
        assert_eq!(fold("  John \n\u{a0} O’BRIEN–Groß "), fold("john o'brien-GROSS"));
        assert_eq!(fold("Mor\u{ad}tensen"), "mortensen");
    }

    #[test]
    fn escapes_are_read_however_deep() {
        for text in
            ["A \"B\"\nC é 😀", r#"A \"B\"\nC \u00e9 \ud83d\ude00"#, r#"A \\\"B\\\"\\nC \\u00e9 \\ud83d\\ude00"#]
        {
            assert_eq!(Folded::new(text, true).text, "a \"b\" c é 😀");
        }
        assert_eq!(Folded::new(r"\u12 \ud800 \x \", true).text, r"\u12 \ud800 \x \");
    }

    #[test]
    fn ranges_lead_back_to_the_original() {
        let text = "x  İ ß\u{ad}y \\n John\\n\\nDOE\u{200b}!";
        for (escapes, pattern) in [(true, "john doe"), (false, "john")] {
            let folded = Folded::new(text, escapes);
            let start = folded.text.find(pattern).expect("it is there");
            let origin = folded.origin(start..start + pattern.len());
            assert!(text[origin].starts_with("John"), "{:?}", folded.text);
        }
        let folded = Folded::new(text, true);
        let start = folded.text.find("doe").expect("it is there");
        assert_eq!(text.get(folded.origin(start..folded.text.len())), Some("DOE\u{200b}!"));
    }

    #[test]
    fn glued_letters_and_digits_are_seen() {
        assert!(stands_alone("(ann)", &(1..4)));
        assert!(stands_alone("1ann2", &(1..4)));
        assert!(!stands_alone("annual", &(0..3)));
        assert!(!stands_alone("123", &(1..2)));
        assert!(stands_alone("田中さん", &(0..6)));
    }
}
