//! Windows of a fixed size. Each begins `overlap` code points before the end of the last.

use std::ops::Range;

use super::{ChunkError, Chunks, slice};

/// Cuts a part of the document. The last windows may hold nothing but what the one before them holds.
pub(super) fn cut(chunks: &mut Chunks<'_>, part: Range<usize>, size: usize, overlap: usize) -> Result<(), ChunkError> {
    let text = slice(chunks.document, &part);
    let step = size.saturating_sub(overlap).max(1);
    // Two walks over the text, one to the windows' starts and one to their ends, so that an overlap costs nothing.
    let mut starts = text.char_indices().map(|(at, _)| at);
    let mut ends = text.char_indices().map(|(at, _)| at);
    let mut start = starts.next();
    let mut end = ends.nth(size);
    while let Some(at) = start {
        let until = end.unwrap_or(text.len());
        chunks.push(part.start + at..part.start + until)?;
        start = starts.nth(step - 1);
        end = end.and_then(|_| ends.nth(step - 1));
    }
    Ok(())
}
