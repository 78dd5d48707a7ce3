//! Programs, cut before the definitions at their top level and packed up to the size.
//!
//! Definitions are told by indentation and keywords, not by a grammar: what is taken for one wrongly is only one more
//! place to cut at. All text belongs to a chunk, whatever stands between the definitions included. A definition that is
//! too long is cut before the definitions in it, then between lines, then anywhere.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::{ChunkError, Chunks, is_blank, section, slice};

/// Cuts the document.
pub(super) fn cut(chunks: &mut Chunks<'_>, size: usize, overlap: usize) -> Result<(), ChunkError> {
    let document = chunks.document;
    let definitions = definitions(document);
    let whole = 0..document.len();
    let Some(top) = definitions.iter().map(|definition| definition.indentation).min() else {
        return section::cut(chunks, whole, size, overlap);
    };
    let top_level = definitions.iter().filter(|definition| definition.indentation == top);
    pack(chunks, whole, top_level.map(|definition| definition.start), size, |chunks, part| {
        pack(chunks, part.clone(), starts_in(&definitions, &part), size, |chunks, part| {
            pack(chunks, part.clone(), line_starts(document, part), size, |chunks, part| {
                section::cut(chunks, part, size, overlap)
            })
        })
    })
}

/// Makes chunks of a part of the document that is cut at these places. `too_long` gets what is longer than a chunk.
fn pack(
    chunks: &mut Chunks<'_>,
    part: Range<usize>,
    cuts: impl Iterator<Item = usize>,
    size: usize,
    mut too_long: impl FnMut(&mut Chunks<'_>, Range<usize>) -> Result<(), ChunkError>,
) -> Result<(), ChunkError> {
    let document = chunks.document;
    let (mut packed, mut packed_chars) = (part.start..part.start, 0);
    for cut in cuts.chain([part.end]) {
        let piece = packed.end..cut;
        let chars = slice(document, &piece).chars().count();
        if packed_chars + chars <= size {
            packed.end = cut;
            packed_chars += chars;
            continue;
        }
        push(chunks, packed)?;
        (packed, packed_chars) = if chars <= size {
            (piece, chars)
        } else {
            too_long(chunks, piece)?;
            (cut..cut, 0)
        };
    }
    push(chunks, packed)
}

fn push(chunks: &mut Chunks<'_>, range: Range<usize>) -> Result<(), ChunkError> {
    if slice(chunks.document, &range).chars().all(is_blank) { Ok(()) } else { chunks.push(range) }
}

/// Where a definition begins: at the comments and attributes right before it.
struct Definition {
    start: usize,
    /// How many characters its line is indented.
    indentation: usize,
}

/// The definitions of a program, in its order.
fn definitions(document: &str) -> Vec<Definition> {
    let mut definitions: Vec<Definition> = Vec::new();
    // Where the comments and attributes began that the lines before this one consist of, and where the lines did that
    // no blank line has interrupted since.
    let (mut lead, mut block) = (None, None);
    let mut at = 0;
    for line in document.split_inclusive('\n') {
        let words = line.trim_start_matches([' ', '\t']);
        let start = if words.starts_with('{') {
            // The head of what these braces hold may have taken several lines.
            *block.get_or_insert(at)
        } else {
            lead.unwrap_or(at)
        };
        if is_definition(words) && definitions.last().is_none_or(|last| last.start < start) {
            definitions.push(Definition { start, indentation: line.len() - words.len() });
        }
        let is_lead =
            ["@", "#", "//", "/*", "*", "--", "\"\"\"", "template"].iter().any(|lead| words.starts_with(lead));
        lead = is_lead.then(|| lead.unwrap_or(at));
        block = (!words.trim().is_empty()).then(|| block.unwrap_or(at));
        at += line.len();
    }
    definitions
}

/// Whether a line, without its indentation, begins to define something.
fn is_definition(line: &str) -> bool {
    DEFINITION.is_match(line) || is_head(line)
}

/// Whether a line opens the braces of a function as C writes it: of anything with parentheses that is no statement.
fn is_head(line: &str) -> bool {
    let line = line.trim_end();
    if line == "{" {
        return true;
    }
    let first = line.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    let is_statement =
        ["if", "else", "for", "while", "switch", "do", "try", "catch", "return", "match", "loop", "with"];
    line.ends_with('{') && line.contains('(') && !first.is_empty() && !is_statement.contains(&first)
}

/// The start of a line that a keyword tells to be a definition in Python, Rust, JavaScript, TypeScript, Java, C, C++,
/// Go or one of their like.
#[expect(clippy::unwrap_used, reason = "the pattern is ours")]
static DEFINITION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?x) \A (?:
            (?: (?: pub (?: \( [^)]* \) )? | public | private | protected | internal | static | final | abstract
                  | sealed | async | unsafe | const | extern (?: \s+ " [^"]* " )? | export | default | declare | inline
                  | virtual | override | partial | open | data | suspend ) \s+ )*
            (?: def | class | fn | impl | struct | enum | union | trait | mod | interface | type | func | function
              | fun | namespace | module | object | record ) \b
            | macro_rules! | template \s* < | export \b | (?: module \. )? exports \b
            | (?: pub (?: \( [^)]* \) )? \s+ )? (?: const | static | let | var ) \s+ [\w{\[]
        )"#,
    )
    .unwrap()
});

/// Where definitions begin inside a part of the document.
fn starts_in<'d>(definitions: &'d [Definition], part: &Range<usize>) -> impl Iterator<Item = usize> + use<'d> {
    let (first, end) = (definitions.partition_point(|definition| definition.start <= part.start), part.end);
    definitions.iter().skip(first).map(|definition| definition.start).take_while(move |start| *start < end)
}

/// Where lines begin inside a part of the document.
fn line_starts(document: &str, part: Range<usize>) -> impl Iterator<Item = usize> {
    let line_end = |at: &usize| *at < part.end;
    let ends = slice(document, &part).match_indices('\n').map(move |(at, _)| part.start + at + 1);
    ends.take_while(line_end).collect::<Vec<_>>().into_iter()
}
