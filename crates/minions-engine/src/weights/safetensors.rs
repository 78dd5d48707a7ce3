//! The header of a safetensors file, through the `safetensors` crate, and the index of a model in several such files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use minions_shaders::WeightFormat;
use safetensors::tensor::{Dtype, Metadata};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::source::{ModelSource, read_exact, read_whole};
use crate::error::{Error, Result};

/// The crate's own limit.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// No index is longer: one of a thousand tensors takes 100 KiB.
const MAX_INDEX_BYTES: u64 = 16 << 20;

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
    /// The file that holds it.
    pub file: String,
    /// The size of that file in bytes.
    pub file_size: u64,
}

/// The tensors of the model whose weights are in `file`, or in the shards that `file`'s index names.
pub async fn read_headers(source: &impl ModelSource, file: &str) -> Result<Vec<SafeTensor>> {
    if let Some(file_size) = source.size(file).await? {
        return read_header(source, file, file_size).await;
    }
    let index_file = format!("{file}.index.json");
    let invalid = |message: String| Error::invalid_file(&index_file, message);
    let Some(index) = read_whole(source, &index_file, MAX_INDEX_BYTES).await? else {
        return Err(Error::invalid_file(file, "there is no such file, nor an index of several"));
    };
    let Index { weight_map } =
        serde_json::from_slice(&index).map_err(|error| invalid(format!("it does not parse: {error}")))?;
    let folder = &file[..file.rfind('/').map_or(0, |slash| slash + 1)];
    let mut tensors = Vec::new();
    for shard in weight_map.0.values().collect::<BTreeSet<_>>() {
        // A shard stands beside its index: a name that leads elsewhere would read files that are none of the model's.
        if shard.contains(['/', '\\']) || !shard.ends_with(".safetensors") {
            return Err(invalid(format!("{shard:?} is not the name of a safetensors file")));
        }
        let path = format!("{folder}{shard}");
        let Some(file_size) = source.size(&path).await? else {
            return Err(Error::invalid_file(path, format!("there is no such file, and {index_file} names it")));
        };
        for tensor in read_header(source, &path, file_size).await? {
            match weight_map.0.get(&tensor.name) {
                Some(place) if place == shard => tensors.push(tensor),
                Some(place) => {
                    return Err(Error::invalid_tensor(
                        tensor.name,
                        format!("it stands in {path}; {index_file} says {place}"),
                    ));
                }
                None => {
                    return Err(Error::invalid_tensor(
                        tensor.name,
                        format!("it stands in {path} and not in {index_file}"),
                    ));
                }
            }
        }
    }
    let found: BTreeSet<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    match weight_map.0.iter().find(|(name, _)| !found.contains(name.as_str())) {
        Some((name, shard)) => {
            Err(Error::invalid_tensor(name, format!("it is missing in {folder}{shard}, where {index_file} puts it")))
        }
        None => Ok(tensors),
    }
}

/// `model.safetensors.index.json`
#[derive(Deserialize)]
struct Index {
    weight_map: WeightMap,
}

/// The shard of each tensor. A name that appears twice is an error; a plain map would take the last.
struct WeightMap(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for WeightMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = WeightMap;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors and the files that hold them")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<WeightMap, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some((tensor, shard)) = map.next_entry::<String, String>()? {
                    if entries.contains_key(&tensor) {
                        return Err(A::Error::custom(format!("tensor {tensor} appears twice")));
                    }
                    entries.insert(tensor, shard);
                }
                Ok(WeightMap(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// Reads the header of one file.
async fn read_header(source: &impl ModelSource, file: &str, file_size: u64) -> Result<Vec<SafeTensor>> {
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
            file: file.to_owned(),
            file_size,
            name,
        });
    }
    Ok(tensors)
}

/// The format that `dtype` is to this engine.
pub fn tensor_format(dtype: Dtype, tensor: &str) -> Result<WeightFormat> {
    match dtype {
        Dtype::F32 => Ok(WeightFormat::F32),
        Dtype::F16 => Ok(WeightFormat::F16),
        Dtype::BF16 => Ok(WeightFormat::Bf16),
        other => Err(Error::unsupported_type(&format!("{other:?}"), tensor)),
    }
}
