//! A model on this machine's disk.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::Context;
use minions_engine::{Error, ModelSource};

/// Files of one folder.
pub struct FileSource {
    folder: PathBuf,
}

impl FileSource {
    /// The source and the name of its main file: `path` itself, or `config.json` of a folder.
    pub fn open(path: &Path) -> anyhow::Result<(Self, String)> {
        if path.is_dir() {
            return Ok((Self { folder: path.to_owned() }, "config.json".to_owned()));
        }
        let name = path.file_name().with_context(|| format!("{} names no file", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok((Self { folder }, name.to_string_lossy().into_owned()))
    }
}

impl ModelSource for FileSource {
    async fn size(&self, file: &str) -> Result<Option<u64>, Error> {
        match std::fs::metadata(self.folder.join(file)) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::Read { file: file.to_owned(), message: error.to_string() }),
        }
    }

    async fn read(&self, file: &str, range: Range<u64>) -> Result<Vec<u8>, Error> {
        let read = || {
            let mut handle = File::open(self.folder.join(file))?;
            handle.seek(SeekFrom::Start(range.start))?;
            let mut bytes = vec![0; (range.end - range.start) as usize];
            handle.read_exact(&mut bytes)?;
            Ok(bytes)
        };
        read().map_err(|error: std::io::Error| Error::Read { file: file.to_owned(), message: error.to_string() })
    }
}
