//! Where a model's bytes come from. Shells implement [`ModelSource`] for a file picker, HTTP ranges or a folder.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::error::{Error, Result};

/// Named files that can be read in ranges.
#[expect(async_fn_in_trait, reason = "futures stay on one thread everywhere, so no Send bound is wanted")]
pub trait ModelSource {
    /// The size of `file` in bytes; `None` if there is no such file.
    async fn size(&self, file: &str) -> Result<Option<u64>>;

    /// The bytes of `file` in `range`, all of them: fewer is an error of the source.
    async fn read(&self, file: &str, range: Range<u64>) -> Result<Vec<u8>>;
}

/// Files held in memory, for tests and small models.
#[derive(Clone, Debug, Default)]
pub struct MemorySource {
    files: BTreeMap<String, Vec<u8>>,
}

impl MemorySource {
    /// A source without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same source with one file more, or with that file replaced.
    #[must_use]
    pub fn with(mut self, file: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(file.into(), bytes.into());
        self
    }
}

impl ModelSource for MemorySource {
    async fn size(&self, file: &str) -> Result<Option<u64>> {
        Ok(self.files.get(file).map(|bytes| bytes.len() as u64))
    }

    async fn read(&self, file: &str, range: Range<u64>) -> Result<Vec<u8>> {
        let read = |message: &str| Error::Read { file: file.to_owned(), message: message.to_owned() };
        let bytes = self.files.get(file).ok_or_else(|| read("there is no such file"))?;
        let start = usize::try_from(range.start).unwrap_or(usize::MAX);
        let end = usize::try_from(range.end).unwrap_or(usize::MAX);
        bytes.get(start..end).map(<[u8]>::to_vec).ok_or_else(|| read("the range ends after the file"))
    }
}

/// [`ModelSource::read`], with its promise checked.
pub async fn read_exact(source: &impl ModelSource, file: &str, range: Range<u64>) -> Result<Vec<u8>> {
    let wanted = range.end.saturating_sub(range.start);
    let bytes = source.read(file, range).await?;
    if bytes.len() as u64 == wanted {
        return Ok(bytes);
    }
    let message = format!("the source returned {} bytes where {wanted} were asked for", bytes.len());
    Err(Error::Read { file: file.to_owned(), message })
}

/// A whole file, if it exists and has at most `max_bytes`.
pub async fn read_whole(source: &impl ModelSource, file: &str, max_bytes: u64) -> Result<Option<Vec<u8>>> {
    let Some(size) = source.size(file).await? else { return Ok(None) };
    if size > max_bytes {
        let message = format!("it has {size} bytes; at most {max_bytes} are expected");
        return Err(Error::invalid_file(file, message));
    }
    read_exact(source, file, 0..size).await.map(Some)
}
