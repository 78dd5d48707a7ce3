//! Documents cut into chunks that a small model can read.
//!
//! Sizes are Unicode code points. Every chunk stands for a range of its document, in the document's order. Apart from
//! blank space, and from the marks that `page` cuts at, no text is lost. The work is linear in the document's length.

mod code;
mod page;
mod paragraph;
mod section;
mod sentence;

use std::borrow::Cow;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most chunks of one document: each becomes a job for a worker, and each costs memory.
const MAX_CHUNKS: usize = 1_000_000;

/// Where a document is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChunkBy {
    /// Anywhere: windows of a fixed size.
    #[default]
    Section,
    /// At form feeds, and at lines that hold nothing but a page's number. These marks belong to no chunk. A line with
    /// a bare number is such a mark: a table with one number a line falls apart, and loses its numbers.
    Page,
    /// At blank lines. A paragraph that is too long is cut between its sentences.
    Paragraph,
    /// Between sentences, as Unicode defines them.
    Sentence,
    /// Before the definitions of a program. A text without any is cut like a section.
    Code,
    /// Nowhere.
    None,
}

impl ChunkBy {
    /// The size unless another is asked for, in code points. Pages and whole documents have no upper size.
    pub fn default_size(self) -> usize {
        match self {
            Self::Section | Self::Code => 3000,
            Self::Paragraph | Self::Sentence => 1500,
            Self::Page | Self::None => usize::MAX,
        }
    }

    /// The overlap unless another is asked for, in the unit of [`Chunking::overlap`].
    pub fn default_overlap(self) -> usize {
        match self {
            Self::Section => 20,
            _ => 0,
        }
    }
}

/// How a document is cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunking {
    /// Where.
    pub by: ChunkBy,
    /// The most code points of a chunk. `paragraph` alone exceeds it: for a sentence that is longer, and for the
    /// sentences that overlap. `none` does not look at it.
    pub size: usize,
    /// How much of a chunk is repeated at the start of the next: sentences for `paragraph` and `sentence`, otherwise
    /// code points. `page` and `code` repeat only where a page or a line is longer than `size`.
    pub overlap: usize,
}

impl From<ChunkBy> for Chunking {
    fn from(by: ChunkBy) -> Self {
        Self { by, size: by.default_size(), overlap: by.default_overlap() }
    }
}

impl Default for Chunking {
    fn default() -> Self {
        ChunkBy::default().into()
    }
}

/// A piece of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// The text. It differs from the document's where `paragraph` replaced the blank space between two paragraphs by
    /// one blank line, or between two sentences by one space.
    pub text: Cow<'a, str>,
    /// The bytes of the document that the chunk stands for.
    pub range: Range<usize>,
}

/// Why a document cannot be cut as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// Nothing fits into a chunk.
    #[error("the chunk size is 0: ask for at least one character, better for {}", ChunkBy::Section.default_size())]
    ZeroSize,
    /// A chunk would be little or nothing but a repetition of the last.
    #[error("an overlap of {overlap} is too large for chunks of {size} characters: ask for a smaller overlap")]
    OverlapTooLarge {
        /// The size asked for.
        size: usize,
        /// The overlap asked for.
        overlap: usize,
    },
    /// The document is too long for so small chunks.
    #[error(
        "a document of {bytes} bytes makes more than {MAX_CHUNKS} chunks: ask for larger ones, or a smaller overlap"
    )]
    TooManyChunks {
        /// The document's length.
        bytes: usize,
    },
}

/// Cuts a document into chunks. An empty document has none.
///
/// # Errors
/// If the size is 0, if the overlap leaves no room for anything new, or if there are more than a million chunks.
pub fn chunk<'a>(document: &'a str, chunking: &Chunking) -> Result<Vec<Chunk<'a>>, ChunkError> {
    let Chunking { by, size, overlap } = *chunking;
    if by != ChunkBy::None && size == 0 {
        return Err(ChunkError::ZeroSize);
    }
    // An overlap in sentences fits into no chunk either if it has as many sentences as a chunk has characters.
    if by != ChunkBy::None && overlap >= size {
        return Err(ChunkError::OverlapTooLarge { size, overlap });
    }
    let mut chunks = Chunks { document, list: Vec::new() };
    match by {
        ChunkBy::Section => section::cut(&mut chunks, 0..document.len(), size, overlap)?,
        ChunkBy::Page => page::cut(&mut chunks, size, overlap)?,
        ChunkBy::Paragraph => paragraph::cut(&mut chunks, size, overlap)?,
        ChunkBy::Sentence => sentence::cut(&mut chunks, size, overlap)?,
        ChunkBy::Code => code::cut(&mut chunks, size, overlap)?,
        ChunkBy::None if document.is_empty() => {}
        ChunkBy::None => chunks.push(0..document.len())?,
    }
    Ok(chunks.list)
}

/// The chunks of a document so far.
struct Chunks<'a> {
    document: &'a str,
    list: Vec<Chunk<'a>>,
}

impl<'a> Chunks<'a> {
    /// Adds a part of the document as it stands.
    fn push(&mut self, range: Range<usize>) -> Result<(), ChunkError> {
        self.push_text(Cow::Borrowed(slice(self.document, &range)), range)
    }

    /// Adds a part of the document in other words than its own.
    fn push_text(&mut self, text: Cow<'a, str>, range: Range<usize>) -> Result<(), ChunkError> {
        if self.list.len() == MAX_CHUNKS {
            return Err(ChunkError::TooManyChunks { bytes: self.document.len() });
        }
        self.list.push(Chunk { text, range });
        Ok(())
    }
}

/// A part of a text. Ranges here are made from the text's own character boundaries, so they are always in it.
fn slice<'a>(text: &'a str, range: &Range<usize>) -> &'a str {
    text.get(range.clone()).unwrap_or_default()
}

/// Whether a text has at most so many code points; looks no further than necessary.
fn fits(text: &str, size: usize) -> bool {
    text.len() <= size || text.chars().nth(size).is_none()
}

/// Whether a character is blank. The four separators of ASCII are not among Unicode's blanks, but the reference, written
/// in Python, takes them for such.
fn is_blank(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(document: &str, by: ChunkBy, size: usize, overlap: usize) -> Result<usize, ChunkError> {
        chunk(document, &Chunking { by, size, overlap }).map(|chunks| chunks.len())
    }

    #[test]
    fn refuses_what_would_never_end() {
        assert_eq!(cut("abc", ChunkBy::Section, 0, 0), Err(ChunkError::ZeroSize));
        assert_eq!(cut("abc", ChunkBy::Section, 5, 5), Err(ChunkError::OverlapTooLarge { size: 5, overlap: 5 }));
        assert_eq!(cut("abc", ChunkBy::None, 0, 0), Ok(1));
    }

    #[test]
    fn refuses_more_chunks_than_anyone_can_read() {
        let document = "a".repeat(MAX_CHUNKS);
        assert_eq!(cut(&document, ChunkBy::Section, 1, 0), Ok(MAX_CHUNKS));
        let document = document + "a";
        let error = ChunkError::TooManyChunks { bytes: MAX_CHUNKS + 1 };
        assert_eq!(cut(&document, ChunkBy::Section, 1, 0), Err(error));
    }

    #[test]
    fn an_error_says_what_to_do() {
        let error = ChunkError::OverlapTooLarge { size: 10, overlap: 10 };
        assert!(error.to_string().ends_with("ask for a smaller overlap"));
    }
}
