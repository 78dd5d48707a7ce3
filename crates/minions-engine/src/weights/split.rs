//! A GGUF model in one file, or split over several as llama.cpp's `gguf-split` does it: `name-00001-of-00003.gguf` holds
//! the metadata, the others their tensors.

use std::collections::BTreeMap;

use super::gguf::{self, Header, Metadata};
use super::source::ModelSource;
use crate::error::{Error, Result};

/// No model is in more files.
const MAX_FILES: u64 = 1024;

/// Reads the header of `file` and of every other file of the same model: → its metadata and everybody's tensors.
pub async fn read_headers(source: &impl ModelSource, file: &str) -> Result<Header> {
    let mut model = read_header(source, file).await?;
    let count = model.metadata.uint("split.count")?.unwrap_or(1);
    if count <= 1 {
        return Ok(model);
    }
    let invalid = |message: String| Error::invalid_file(file, message);
    if count > MAX_FILES {
        return Err(invalid(format!("split.count is {count}; at most {MAX_FILES} files are expected")));
    }
    let Some(stem) = file.strip_suffix(&suffix(0, count)) else {
        return Err(invalid(format!(
            "it is one of the {count} files of a model: load the first, whose name ends with {}",
            suffix(0, count)
        )));
    };
    check_number(&model.metadata, file, 0)?;
    for number in 1..count {
        let file = format!("{stem}{}", suffix(number, count));
        let Header { metadata, tensors } = read_header(source, &file).await?;
        check_number(&metadata, &file, number)?;
        if metadata.uint("split.count")? != Some(count) {
            return Err(Error::invalid_file(file, format!("its split.count is not {count}, as in the first file")));
        }
        model.tensors.extend(tensors);
    }
    let found = model.tensors.len() as u64;
    if let Some(all) = model.metadata.uint("split.tensors.count")?.filter(|all| *all != found) {
        return Err(invalid(format!("split.tensors.count is {all} and its {count} files hold {found} tensors")));
    }
    let mut seen = BTreeMap::new();
    for tensor in &model.tensors {
        if let Some(first) = seen.insert(&tensor.name, &tensor.file) {
            return Err(Error::invalid_file(
                &tensor.file,
                format!("tensor {} appears in {first} as well", tensor.name),
            ));
        }
    }
    Ok(model)
}

async fn read_header(source: &impl ModelSource, file: &str) -> Result<Header> {
    let file_size = source.size(file).await?.ok_or_else(|| Error::invalid_file(file, "there is no such file"))?;
    gguf::read_header(source, file, file_size).await
}

/// How the name of file `number` ends, counted from 0; names count from 1.
fn suffix(number: u64, count: u64) -> String {
    format!("-{:05}-of-{count:05}.gguf", number + 1)
}

fn check_number(metadata: &Metadata, file: &str, number: u64) -> Result<()> {
    match metadata.uint("split.no")? {
        Some(no) if no == number => Ok(()),
        Some(no) => Err(Error::invalid_file(file, format!("its split.no is {no}; by its name it is {number}"))),
        None => Err(Error::invalid_file(file, "split.no is missing: it is not part of a split model")),
    }
}
