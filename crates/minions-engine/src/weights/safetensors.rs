//! The header of a safetensors file, through the `safetensors` crate.

use safetensors::tensor::{Dtype, Metadata};

use super::source::{ModelSource, read_exact};
use super::tensor::TensorType;
use crate::error::{Error, Result};

/// The crate's own limit.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// A file begins with the header's length.
const LENGTH_BYTES: u64 = 8;

/// A tensor as the file lists it.
#[derive(Clone, Debug)]
pub struct SafeTensor {
    /// Its name.
    pub name: String,
    /// Its shape, slowest dimension first.
    pub shape: Vec<u64>,
    /// Its type, as the file has it.
    pub dtype: Dtype,
    /// Where it begins, in bytes from the file's start.
    pub offset: u64,
}

/// Reads the header of `file`.
pub async fn read_header(source: &impl ModelSource, file: &str, file_size: u64) -> Result<Vec<SafeTensor>> {
    let invalid = |message: String| Error::invalid_file(file, message);
    if file_size < LENGTH_BYTES {
        return Err(invalid(format!("it is cut off: it has {file_size} bytes")));
    }
    let length = read_exact(source, file, 0..LENGTH_BYTES).await?;
    let length = length.as_array().map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes));
    if length > MAX_HEADER_BYTES || length > file_size - LENGTH_BYTES {
        return Err(invalid(format!("it claims a header of {length} bytes and has {file_size} in all")));
    }
    let data_start = LENGTH_BYTES + length;
    let header = read_exact(source, file, LENGTH_BYTES..data_start).await?;
    // `SafeTensors::read_metadata` wants the whole file; its parts, the same checks, do not.
    let metadata: Metadata =
        serde_json::from_slice(&header).map_err(|error| invalid(format!("its header does not parse: {error}")))?;
    if metadata.data_len() as u64 != file_size - data_start {
        return Err(invalid(format!(
            "its tensors take {} bytes and it has {} for them: it is cut off, or not one file",
            metadata.data_len(),
            file_size - data_start
        )));
    }
    let mut tensors = Vec::new();
    for name in metadata.offset_keys() {
        let Some(info) = metadata.info(&name) else { continue };
        tensors.push(SafeTensor {
            shape: info.shape.iter().map(|len| *len as u64).collect(),
            dtype: info.dtype,
            offset: data_start + info.data_offsets.0 as u64,
            name,
        });
    }
    Ok(tensors)
}

/// The type that `dtype` is to this engine.
pub fn tensor_type(dtype: Dtype, tensor: &str) -> Result<TensorType> {
    match dtype {
        Dtype::F32 => Ok(TensorType::F32),
        Dtype::F16 => Ok(TensorType::F16),
        Dtype::BF16 => Ok(TensorType::Bf16),
        other => Err(Error::unsupported_type(&format!("{other:?}"), tensor)),
    }
}
