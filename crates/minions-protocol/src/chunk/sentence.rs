//! Sentences as Unicode defines them, packed up to the size.

use std::collections::VecDeque;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::{ChunkError, Chunks, is_blank, slice};

/// How many bytes are searched for the ends of sentences at once. Unicode's rules look ahead without limit, and
/// `unicode-segmentation` does so at every step. A sentence that is longer counts as several.
const WINDOW: usize = 2048;

/// Packs the sentences of the document. The overlap is as many sentences as asked for, or as fit.
pub(super) fn cut(chunks: &mut Chunks<'_>, size: usize, overlap: usize) -> Result<(), ChunkError> {
    let document = chunks.document;
    let mut pack: VecDeque<Piece> = VecDeque::new();
    let mut packed = 0;
    for piece in sentences(document).flat_map(|sentence| pieces(document, sentence, size)) {
        if packed + piece.chars > size {
            push(chunks, &pack)?;
            // The overlap gives way to what is new; before blank space that fills a chunk there is nothing to repeat.
            let is_kept = |pack: &VecDeque<Piece>, packed: usize| {
                pack.len() <= overlap
                    && packed + piece.chars <= size
                    && pack.front().is_none_or(|first| !first.is_blank)
            };
            while piece.is_blank && !pack.is_empty() || !is_kept(&pack, packed) {
                packed -= pack.pop_front().map_or(0, |first| first.chars);
            }
        }
        // No chunk begins with blank space, so that a run of it is not read again for each of its lines.
        if !(piece.is_blank && pack.is_empty()) {
            packed += piece.chars;
            pack.push_back(piece);
        }
    }
    push(chunks, &pack)
}

/// Makes a chunk of neighbors, without the blank space around them.
fn push(chunks: &mut Chunks<'_>, pack: &VecDeque<Piece>) -> Result<(), ChunkError> {
    let (Some(first), Some(last)) = (pack.front(), pack.back()) else { return Ok(()) };
    let (start, end) = (first.range.start, last.range.end);
    let text = slice(chunks.document, &(start..end));
    let (from, until) = (end - text.trim_start_matches(is_blank).len(), start + text.trim_end_matches(is_blank).len());
    if from < until { chunks.push(from..until) } else { Ok(()) }
}

/// A sentence, or as much of it as fits into a chunk.
struct Piece {
    range: Range<usize>,
    chars: usize,
    is_blank: bool,
}

/// A sentence in pieces of at most `size`.
fn pieces(document: &str, sentence: Range<usize>, size: usize) -> impl Iterator<Item = Piece> {
    let mut start = sentence.start;
    std::iter::from_fn(move || {
        let rest = slice(document, &(start..sentence.end));
        let length = rest.char_indices().nth(size).map_or(rest.len(), |(at, _)| at);
        let text = slice(rest, &(0..length));
        let range = start..start + length;
        start = range.end;
        (length > 0).then(|| Piece { range, chars: text.chars().count(), is_blank: text.chars().all(is_blank) })
    })
}

/// The sentences of a document, with the blank space that follows each. Together they are the document.
fn sentences(document: &str) -> impl Iterator<Item = Range<usize>> {
    let mut found: VecDeque<Range<usize>> = VecDeque::new();
    let mut start = 0;
    std::iter::from_fn(move || {
        if found.is_empty() {
            let end = window_end(document, start);
            let window = slice(document, &(start..end));
            found.extend(window.split_sentence_bound_indices().map(|(at, text)| start + at..start + at + text.len()));
            // The last may go on behind the window.
            if end < document.len() && found.len() > 1 {
                found.pop_back();
            }
            start = found.back().map_or(end, |last| last.end);
        }
        found.pop_front()
    })
}

/// The end of the window that begins at `start`.
fn window_end(document: &str, start: usize) -> usize {
    document.ceil_char_boundary(start.saturating_add(WINDOW))
}
