//! Where a worker's citation stands in the chunk it read.
//!
//! Models quote with other blank space, quotation marks, dashes and capitals than the document has, leave words out
//! with an ellipsis, and repair words that print has hyphenated at the end of a line. None of this makes a citation
//! false, so both texts are folded to a common form before they are compared. The time is linear in their lengths.

use std::collections::VecDeque;
use std::ops::Range;

/// The bytes of the chunk that the citation quotes; `None` if the chunk does not hold it, or if it is empty.
///
/// Quotation marks around the citation do not count, nor does punctuation at its ends. What an ellipsis leaves out
/// belongs to the range.
pub fn locate(citation: &str, chunk: &str) -> Option<Range<usize>> {
    let citation: String = fold(citation).map(|(folded, _)| folded).collect();
    let text: String = fold(chunk).map(|(folded, _)| folded).collect();
    let mut found: Option<Range<usize>> = None;
    for piece in citation.split("...").map(|piece| piece.trim_matches(is_outer)).filter(|piece| !piece.is_empty()) {
        let from = found.as_ref().map_or(0, |found| found.end);
        let start = from + text.get(from..)?.find(piece)?;
        found = Some(found.map_or(start, |found| found.start)..start + piece.len());
    }
    unfold(chunk, found?)
}

/// What does not count at the ends of a citation, after folding.
fn is_outer(folded: char) -> bool {
    matches!(folded, ' ' | '\'' | '.' | ',' | ';' | ':' | '!' | '?' | '-' | '[' | ']' | '(' | ')' | '*')
}

/// The range of a text that has this range after folding.
fn unfold(text: &str, folded: Range<usize>) -> Option<Range<usize>> {
    let mut at = 0;
    let mut found: Option<Range<usize>> = None;
    for (c, range) in fold(text) {
        at += c.len_utf8();
        if at > folded.start {
            let start = found.map_or(range.start, |found| found.start);
            found = Some(start..range.end);
        }
        if at >= folded.end {
            break;
        }
    }
    found
}

/// The folded characters of a text, each with the bytes that it stands for.
fn fold(text: &str) -> Fold<'_> {
    Fold { chars: text.char_indices(), last: None, folded: VecDeque::new() }
}

struct Fold<'a> {
    chars: std::str::CharIndices<'a>,
    /// The last character that was folded.
    last: Option<char>,
    /// What is folded and not yet told.
    folded: VecDeque<(char, Range<usize>)>,
}

impl Iterator for Fold<'_> {
    type Item = (char, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.folded.is_empty() {
            self.read();
        }
        self.folded.pop_front()
    }
}

impl Fold<'_> {
    /// Reads on to the next character that is more than a gap between words.
    fn read(&mut self) {
        let mut gap: Option<Range<usize>> = None;
        let mut holds_dash = false;
        for (at, c) in self.chars.by_ref() {
            let range = at..at + c.len_utf8();
            if is_invisible(c) {
                continue;
            }
            if c.is_whitespace() || is_dash(c) {
                holds_dash |= is_dash(c);
                gap = Some(gap.map_or(range.start, |gap| gap.start)..range.end);
                continue;
            }
            let alias = alias(c);
            let next = alias.chars().chain(c.to_lowercase().filter(|_| alias.is_empty()));
            if let (Some(gap), Some(first)) = (gap, next.clone().next())
                && let Some(between) = fold_gap(self.last, holds_dash, first)
            {
                self.folded.push_back((between, gap));
            }
            self.folded.extend(next.map(|folded| (folded, range.clone())));
            self.last = self.folded.back().map(|(folded, _)| *folded);
            return;
        }
    }
}

/// What stands for the blank space and dashes between two characters.
///
/// A dash between letters is left out, with the blank space around it: it may be the hyphen of a compound, the dash of a
/// sentence, or the trace of a line's end, and a citation may have any or none of them. Between numbers it stays.
fn fold_gap(before: Option<char>, holds_dash: bool, after: char) -> Option<char> {
    let before = before?;
    match holds_dash {
        true => (!before.is_alphabetic() || !after.is_alphabetic()).then_some('-'),
        // An ellipsis may be set with spaces.
        false => (before != '.' || after != '.').then_some(' '),
    }
}

/// Soft hyphens, what has no width, and what only tells the direction of writing.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}')
}

/// What stands for a character, if it is not the same in lower case: there is one kind of quotation mark, and there are
/// no ligatures.
fn alias(c: char) -> &'static str {
    match c {
        '"' | '`' | '´' | '«' | '»' | '‘'..='‟' | '′' | '″' | '‹' | '›' => "'",
        '…' => "...",
        'ﬀ' => "ff",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        'ﬃ' => "ffi",
        'ﬄ' => "ffl",
        // Greek writes its s otherwise at the end of a word, but not in capitals.
        'ς' => "σ",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted<'a>(citation: &str, chunk: &'a str) -> Option<&'a str> {
        locate(citation, chunk).and_then(|range| chunk.get(range))
    }

    #[test]
    fn blank_space_quotation_marks_and_capitals_do_not_count() {
        let chunk = "A CT\u{a0}scan \r\n\twith “contrast”; the patient’s\u{200b} spine.";
        assert_eq!(quoted("a ct scan with \"contrast\"", chunk), Some("A CT\u{a0}scan \r\n\twith “contrast"));
        assert_eq!(quoted("THE PATIENT'S SPINE", chunk), Some("the patient’s\u{200b} spine"));
        assert_eq!(quoted("the patient spine", chunk), None);
    }

    #[test]
    fn the_ends_of_a_citation_do_not_count() {
        let chunk = "He was given Omnipaque 240, twice";
        for citation in
            ["\"Omnipaque 240.\"", "…Omnipaque 240…", "... 'omnipaque 240' ...", "- Omnipaque 240!", "[Omnipaque 240]"]
        {
            assert_eq!(quoted(citation, chunk), Some("Omnipaque 240"), "{citation}");
        }
    }

    #[test]
    fn an_ellipsis_stands_for_anything_between() {
        let chunk = "One two three four five. Six.";
        assert_eq!(quoted("two … five", chunk), Some("two three four five"));
        assert_eq!(quoted("one [...] three (. . .) six", chunk), Some("One two three four five. Six"));
        assert_eq!(quoted("five ... two", chunk), None);
        assert_eq!(quoted("see 1 . . . 9", "see 1.......9"), Some("see 1.......9"));
    }

    #[test]
    fn hyphens_between_letters_do_not_count() {
        let chunk = "a well-known hyper-\ntension, co\u{ad}operative — from 10–20 on";
        assert_eq!(quoted("hypertension", chunk), Some("hyper-\ntension"));
        assert_eq!(quoted("well known", chunk), None);
        let all = chunk.strip_suffix(" 10–20 on");
        assert_eq!(quoted("a wellknown hyper-tension, cooperative - from", chunk), all);
        assert_eq!(quoted("from 10 - 20", chunk), Some("from 10–20"));
        assert_eq!(quoted("from 1020", chunk), None);
    }

    #[test]
    fn other_scripts_are_read() {
        assert_eq!(quoted("ΟΔΟΣ", "η οδος"), Some("οδος"));
        assert_eq!(quoted("efficient", "very eﬃcient"), Some("eﬃcient"));
        assert_eq!(quoted("i\u{307}stanbul", "İstanbul"), Some("İstanbul"));
        assert_eq!(quoted("שלום", "א \u{200f}שלום"), Some("שלום"));
    }

    #[test]
    fn nothing_is_nowhere() {
        for citation in ["", " \n", "\"\"", "...", "\u{200b}", "- ."] {
            assert_eq!(locate(citation, "some - ... \"\" text"), None, "{citation}");
        }
        assert_eq!(locate("a", ""), None);
    }

    /// Neither long runs nor many false starts may cost quadratic time.
    #[test]
    fn hostile_texts_end_soon() {
        let chunk = "a".repeat(1 << 20);
        assert_eq!(locate(&format!("{}b", "a".repeat(1 << 19)), &chunk), None);
        assert_eq!(locate(&"a...".repeat(1 << 18), &chunk), Some(0..1 << 18));
        assert_eq!(locate("x", &"- ".repeat(1 << 20)), None);
    }
}
