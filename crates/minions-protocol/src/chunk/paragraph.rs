//! Paragraphs between blank lines, packed up to the size.
//!
//! Between packed paragraphs stands one blank line, whatever the document has there; between the packed sentences of a
//! paragraph that is too long stands one space.

use std::borrow::Cow;
use std::ops::Range;

use super::{ChunkError, Chunks, is_blank, slice};

/// How much longer than the document the chunks of sentences may be together: an overlap of many sentences repeats each
/// of them as many times.
const MAX_REPETITION: usize = 16;
/// What short documents may repeat regardless, in bytes.
const SMALL: usize = 1 << 20;

/// Packs the paragraphs of the document.
pub(super) fn cut(chunks: &mut Chunks<'_>, size: usize, overlap: usize) -> Result<(), ChunkError> {
    let document = chunks.document;
    let mut budget = document.len().saturating_mul(MAX_REPETITION).max(SMALL);
    let mut pack = Pack::new("\n\n");
    for range in paragraphs(document) {
        let paragraph = Piece::new(document, range);
        if paragraph.chars > size {
            pack.flush(chunks)?;
            pack_sentences(chunks, &paragraph, size, overlap, &mut budget)?;
            continue;
        }
        if !pack.has_room_for(&paragraph, size) {
            let last = pack.pieces.last().filter(|_| overlap > 0);
            let repeated = last.map(|last| last_sentences(document, last, overlap));
            pack.flush(chunks)?;
            pack.extend(repeated);
        }
        pack.extend([paragraph]);
    }
    pack.flush(chunks)
}

/// Packs the sentences of a paragraph that is too long. A sentence stays whole, even one longer than the size.
fn pack_sentences(
    chunks: &mut Chunks<'_>,
    paragraph: &Piece<'_>,
    size: usize,
    overlap: usize,
    budget: &mut usize,
) -> Result<(), ChunkError> {
    let document = chunks.document;
    let mut pack = Pack::new(" ");
    for range in sentences(document, paragraph.range.clone()) {
        let sentence = Piece::new(document, range);
        if !pack.has_room_for(&sentence, size) {
            *budget = budget.checked_sub(pack.bytes()).ok_or(ChunkError::OverlapTooLarge { size, overlap })?;
            let kept = pack.pieces.len().saturating_sub(overlap);
            let repeated: Vec<_> = pack.pieces.iter().skip(kept).cloned().collect();
            pack.flush(chunks)?;
            pack.extend(repeated);
        }
        pack.extend([sentence]);
    }
    pack.flush(chunks)
}

/// A paragraph, a sentence, or some sentences.
#[derive(Clone)]
struct Piece<'a> {
    text: Cow<'a, str>,
    range: Range<usize>,
    chars: usize,
}

impl<'a> Piece<'a> {
    fn new(document: &'a str, range: Range<usize>) -> Self {
        let text = slice(document, &range);
        Self { text: Cow::Borrowed(text), range, chars: text.chars().count() }
    }
}

/// The pieces of the next chunk.
struct Pack<'a> {
    separator: &'static str,
    pieces: Vec<Piece<'a>>,
    /// The length of the next chunk.
    chars: usize,
}

impl<'a> Pack<'a> {
    fn new(separator: &'static str) -> Self {
        Self { separator, pieces: Vec::new(), chars: 0 }
    }

    /// Whether one more piece fits. The first always does.
    fn has_room_for(&self, piece: &Piece<'_>, size: usize) -> bool {
        self.pieces.is_empty() || self.chars + self.separator.len() + piece.chars <= size
    }

    fn extend(&mut self, pieces: impl IntoIterator<Item = Piece<'a>>) {
        for piece in pieces {
            self.chars += piece.chars + if self.pieces.is_empty() { 0 } else { self.separator.len() };
            self.pieces.push(piece);
        }
    }

    fn bytes(&self) -> usize {
        self.pieces.iter().map(|piece| piece.text.len() + self.separator.len()).sum()
    }

    /// Makes a chunk of the pieces.
    fn flush(&mut self, chunks: &mut Chunks<'a>) -> Result<(), ChunkError> {
        self.chars = 0;
        match join(chunks.document, &std::mem::take(&mut self.pieces), self.separator) {
            Some(piece) => chunks.push_text(piece.text, piece.range),
            None => Ok(()),
        }
    }
}

/// The pieces as one, borrowed if the document has the same between them; `None` if there are none.
fn join<'a>(document: &'a str, pieces: &[Piece<'a>], separator: &str) -> Option<Piece<'a>> {
    let (first, last) = (pieces.first()?, pieces.last()?);
    let range = first.range.start..last.range.end;
    let text = pieces.iter().map(|piece| &*piece.text).collect::<Vec<_>>().join(separator);
    let chars = pieces.iter().map(|piece| piece.chars).sum::<usize>() + (pieces.len() - 1) * separator.len();
    let original = slice(document, &range);
    let text = if text == original { Cow::Borrowed(original) } else { Cow::Owned(text) };
    Some(Piece { text, range, chars })
}

/// The last sentences of a paragraph, which the next chunk repeats.
fn last_sentences<'a>(document: &'a str, paragraph: &Piece<'a>, count: usize) -> Piece<'a> {
    let sentences: Vec<_> = sentences(document, paragraph.range.clone()).collect();
    let skipped = sentences.len().saturating_sub(count);
    let pieces: Vec<_> = sentences.into_iter().skip(skipped).map(|range| Piece::new(document, range)).collect();
    join(document, &pieces, " ").unwrap_or_else(|| paragraph.clone())
}

/// The parts of a document between runs of blank space that hold a blank line.
fn paragraphs(document: &str) -> impl Iterator<Item = Range<usize>> {
    let holds_blank_line = |blank: &str| blank.bytes().filter(|byte| *byte == b'\n').nth(1).is_some();
    split_at_blank(document, 0..document.len(), move |_, blank| holds_blank_line(blank))
}

/// The parts of a paragraph between runs of blank space that follow a full stop, an exclamation or a question mark.
fn sentences(document: &str, paragraph: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    split_at_blank(document, paragraph, |before, _| before.ends_with(['.', '!', '?']))
}

/// The parts of a text between those runs of blank space that `is_cut` takes, given the text before a run and the run.
/// The text's own ends are cuts.
fn split_at_blank(
    document: &str,
    text: Range<usize>,
    is_cut: impl Fn(&str, &str) -> bool,
) -> impl Iterator<Item = Range<usize>> {
    let whole = slice(document, &text);
    let trimmed = whole.trim_start_matches(is_blank);
    let mut start = text.end - trimmed.len();
    let end = text.start + whole.trim_end_matches(is_blank).len();
    std::iter::from_fn(move || {
        let mut from = start;
        while from < end {
            let rest = slice(document, &(from..end));
            // What is cut off at the ends is blank, so each run of blank space here stands between two words.
            let Some(blank) = rest.find(is_blank) else { break };
            let length = rest.get(blank..)?.find(|c| !is_blank(c))?;
            let (before, after) = (from + blank, from + blank + length);
            if is_cut(slice(document, &(start..before)), slice(document, &(before..after))) {
                return Some(std::mem::replace(&mut start, after)..before);
            }
            from = after;
        }
        (start < end).then(|| std::mem::replace(&mut start, end)..end)
    })
}
