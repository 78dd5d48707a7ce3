//! The GGUF container, versions 2 and 3: metadata and the list of tensors. What they mean is decided elsewhere.
//!
//! Format: ggml, `docs/gguf.md`. A file is somebody else's: every length is compared with the bytes that are left
//! before anything is allocated, and nothing is indexed unchecked.

use std::collections::{BTreeMap, BTreeSet};

use minions_shaders::WeightFormat;

use super::source::{ModelSource, read_exact};
use crate::error::{Error, Result};

/// The header is read in windows of this size, then twice that, and so on.
const FIRST_WINDOW_BYTES: u64 = 1 << 20;

/// No header is longer: the largest vocabularies take about 20 MiB.
const MAX_HEADER_BYTES: u64 = 256 << 20;

/// Arrays that are kept. Others (types of languages…) are checked and passed over.
const KEPT_ARRAYS: [&str; 5] = [
    "tokenizer.ggml.tokens",
    "tokenizer.ggml.token_type",
    "tokenizer.ggml.merges",
    "tokenizer.ggml.scores",
    "tokenizer.ggml.precompiled_charsmap",
];

/// No model has more tensors, or more metadata: the largest have some thousands.
const MAX_ENTRIES: u64 = 1 << 16;

/// No vocabulary has more tokens, or more merges: the largest have half a million.
const MAX_KEPT_ELEMENTS: u64 = 1 << 22;

/// Nesting of arrays in arrays that is followed.
const MAX_ARRAY_DEPTH: usize = 4;

const DEFAULT_ALIGNMENT: u64 = 32;

/// A GGUF file without its weights.
#[derive(Debug)]
pub struct Header {
    /// The metadata.
    pub metadata: Metadata,
    /// The tensors, in the file's order.
    pub tensors: Vec<GgufTensor>,
}

/// A tensor as the file lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GgufTensor {
    /// Its name.
    pub name: String,
    /// Its shape, slowest dimension first: the reverse of the file's order.
    pub shape: Vec<u64>,
    /// ggml's number of its type.
    pub type_id: u32,
    /// Where it begins, in bytes from the file's start.
    pub offset: u64,
    /// The file that lists and holds it.
    pub file: String,
    /// The size of that file in bytes.
    pub file_size: u64,
}

/// Reads as much of `file` as its header takes.
pub async fn read_header(source: &impl ModelSource, file: &str, file_size: u64) -> Result<Header> {
    let mut window = Vec::new();
    loop {
        let have = window.len() as u64;
        let want = (have * 2).max(FIRST_WINDOW_BYTES).min(file_size);
        if have > 0 && (want == have || want > MAX_HEADER_BYTES) {
            return Err(Error::invalid_file(file, "its header does not end"));
        }
        window.extend(read_exact(source, file, have..want).await?);
        match parse_header(&window, file_size, file) {
            Ok(header) => return Ok(header),
            Err(Stop::NeedMore) => {}
            Err(Stop::Invalid(message)) => return Err(Error::invalid_file(file, message)),
        }
    }
}

/// Why parsing ended early.
#[derive(Debug, PartialEq)]
pub enum Stop {
    /// The bytes at hand end before the header does, and the file goes on.
    NeedMore,
    /// The file is wrong.
    Invalid(String),
}

fn invalid<T>(message: impl Into<String>) -> std::result::Result<T, Stop> {
    Err(Stop::Invalid(message.into()))
}

/// Parses the header from `bytes`, the first bytes of a file of `file_size` bytes.
pub fn parse_header(bytes: &[u8], file_size: u64, file: &str) -> std::result::Result<Header, Stop> {
    let mut cursor = Cursor { bytes, position: 0, file_size, file };
    if cursor.take(4)? != b"GGUF" {
        return invalid("it does not begin with GGUF");
    }
    match cursor.u32()? {
        2 | 3 => {}
        version if matches!(version.swap_bytes(), 1..=3) => return invalid("it is big-endian: convert it again"),
        version => return invalid(format!("its GGUF version is {version}; versions 2 and 3 are supported")),
    }
    let tensor_count = cursor.count("tensors", 24, MAX_ENTRIES)?;
    let entry_count = cursor.count("metadata entries", 13, MAX_ENTRIES)?;

    let mut values = BTreeMap::new();
    for _ in 0..entry_count {
        let key = cursor.string("a metadata key")?;
        let kind = cursor.u32()?;
        let value = cursor.value(kind, &key, 0)?;
        if values.insert(key.clone(), value).is_some() {
            return invalid(format!("metadata {key} appears twice"));
        }
    }
    let metadata = Metadata { file: file.to_owned(), values };
    let alignment = metadata.uint("general.alignment").map_err(|error| Stop::Invalid(error.to_string()))?;
    let alignment = alignment.unwrap_or(DEFAULT_ALIGNMENT);
    if !alignment.is_power_of_two() || alignment > 1 << 20 {
        return invalid(format!("general.alignment is {alignment}, which is not a power of two up to 1 MiB"));
    }

    let mut tensors = Vec::new();
    let mut seen = BTreeSet::new();
    for _ in 0..tensor_count {
        let tensor = cursor.tensor()?;
        if !seen.insert(tensor.name.clone()) {
            return invalid(format!("tensor {} appears twice", tensor.name));
        }
        if !tensor.offset.is_multiple_of(alignment) {
            return invalid(format!(
                "tensor {} begins at {}, not a multiple of {alignment}",
                tensor.name, tensor.offset
            ));
        }
        tensors.push(tensor);
    }
    let data_start = (cursor.position as u64).next_multiple_of(alignment);
    for tensor in &mut tensors {
        match tensor.offset.checked_add(data_start) {
            Some(offset) => tensor.offset = offset,
            None => return invalid(format!("tensor {} begins after the end of the file", tensor.name)),
        }
    }
    Ok(Header { metadata, tensors })
}

/// Reads the first bytes of a file without trusting them.
struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
    file_size: u64,
    file: &'a str,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, len: u64) -> std::result::Result<&'a [u8], Stop> {
        let end = (self.position as u64).checked_add(len).filter(|end| *end <= self.file_size);
        let Some(end) = end else {
            return invalid(format!("it is cut off: its header goes on after its last byte, {}", self.file_size));
        };
        let taken = usize::try_from(end).ok().and_then(|end| self.bytes.get(self.position..end));
        let taken = taken.ok_or(Stop::NeedMore)?;
        self.position += taken.len();
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> std::result::Result<[u8; N], Stop> {
        self.take(N as u64)?.try_into().map_err(|_| Stop::NeedMore)
    }

    fn u32(&mut self) -> std::result::Result<u32, Stop> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> std::result::Result<u64, Stop> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number of things of at least `min_bytes` each that are still to come, at most `max`.
    fn count(&mut self, what: &str, min_bytes: u64, max: u64) -> std::result::Result<u64, Stop> {
        let count = self.u64()?;
        let left = self.file_size.saturating_sub(self.position as u64);
        if count.checked_mul(min_bytes).is_none_or(|bytes| bytes > left) {
            return invalid(format!("it claims {count} {what}, more than its {left} remaining bytes can hold"));
        }
        if count > max {
            return invalid(format!("it has {count} {what}; at most {max} are expected"));
        }
        Ok(count)
    }

    fn string(&mut self, what: &str) -> std::result::Result<String, Stop> {
        let len = self.u64()?;
        let bytes = self.take(len)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => invalid(format!("{what} is not UTF-8")),
        }
    }

    fn value(&mut self, kind: u32, key: &str, depth: usize) -> std::result::Result<Value, Stop> {
        Ok(match kind {
            0 => Value::Uint(self.array::<1>()?[0].into()),
            1 => Value::Int(i8::from_le_bytes(self.array()?).into()),
            2 => Value::Uint(u16::from_le_bytes(self.array()?).into()),
            3 => Value::Int(i16::from_le_bytes(self.array()?).into()),
            4 => Value::Uint(self.u32()?.into()),
            5 => Value::Int(i32::from_le_bytes(self.array()?).into()),
            6 => Value::Float(f32::from_le_bytes(self.array()?).into()),
            7 => Value::Bool(self.array::<1>()? != [0]),
            8 => Value::String(self.string(key)?),
            9 => self.array_value(key, depth)?,
            10 => Value::Uint(self.u64()?),
            11 => Value::Int(i64::from_le_bytes(self.array()?)),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            other => return invalid(format!("metadata {key} has the unknown type {other}")),
        })
    }

    fn array_value(&mut self, key: &str, depth: usize) -> std::result::Result<Value, Stop> {
        let kind = self.u32()?;
        let is_kept = depth == 0 && KEPT_ARRAYS.contains(&key);
        let element_bytes = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            8 => 8,
            9 => 12,
            10..=12 => 8,
            other => return invalid(format!("metadata {key} is an array of the unknown type {other}")),
        };
        let count = self.count("array elements", element_bytes, if is_kept { MAX_KEPT_ELEMENTS } else { u64::MAX })?;
        if kind == 9 {
            if depth >= MAX_ARRAY_DEPTH {
                return invalid(format!("metadata {key} nests arrays too deep"));
            }
            for _ in 0..count {
                self.array_value(key, depth + 1)?;
            }
        } else if kind == 8 {
            let mut strings = Vec::new();
            for _ in 0..count {
                if is_kept {
                    strings.push(self.string(key)?);
                } else {
                    let len = self.u64()?;
                    self.take(len)?;
                }
            }
            if is_kept {
                return Ok(Value::Strings(strings));
            }
        } else if is_kept && element_bytes == 1 {
            return Ok(Value::Bytes(self.take(count)?.to_vec()));
        } else if is_kept && kind == 6 {
            let bytes = self.take(count * element_bytes)?;
            let (floats, _) = bytes.as_chunks();
            return Ok(Value::Floats(floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()));
        } else if is_kept {
            let mut integers = Vec::new();
            for _ in 0..count {
                match self.value(kind, key, depth)? {
                    Value::Uint(value) => integers.push(i64::try_from(value).unwrap_or(i64::MAX)),
                    Value::Int(value) => integers.push(value),
                    _ => return invalid(format!("metadata {key} is not an array of integers")),
                }
            }
            return Ok(Value::Integers(integers));
        } else {
            // `count` has checked that this does not overflow.
            self.take(count * element_bytes)?;
        }
        Ok(Value::Array)
    }

    fn tensor(&mut self) -> std::result::Result<GgufTensor, Stop> {
        let name = self.string("a tensor's name")?;
        let dimensions = self.u32()?;
        if !(1..=4).contains(&dimensions) {
            return invalid(format!("tensor {name} has {dimensions} dimensions; 1 to 4 are possible"));
        }
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            shape.push(self.u64()?);
        }
        shape.reverse();
        if shape.contains(&0) || shape.iter().try_fold(1u64, |product, len| product.checked_mul(*len)).is_none() {
            return invalid(format!("tensor {name} has the impossible shape {shape:?}"));
        }
        let (type_id, offset) = (self.u32()?, self.u64()?);
        Ok(GgufTensor { name, shape, type_id, offset, file: self.file.to_owned(), file_size: self.file_size })
    }
}

/// A metadata value; arrays that nothing needs are not kept.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Uint(u64),
    Int(i64),
    Float(f64),
    Bool(bool),
    String(String),
    Strings(Vec<String>),
    Integers(Vec<i64>),
    Floats(Vec<f32>),
    Bytes(Vec<u8>),
    Array,
}

/// The key-value pairs of a GGUF file, by type: asking for the wrong type is an error that names the key.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    file: String,
    values: BTreeMap<String, Value>,
}

impl Metadata {
    /// The file they stand in.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// An integer that is not negative.
    pub fn uint(&self, key: &str) -> Result<Option<u64>> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Uint(value)) => Ok(Some(*value)),
            Some(Value::Int(value)) if *value >= 0 => Ok(Some(value.unsigned_abs())),
            Some(_) => self.wrong(key, "an integer that is not negative"),
        }
    }

    /// A number.
    pub fn float(&self, key: &str) -> Result<Option<f64>> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Float(value)) => Ok(Some(*value)),
            Some(_) => self.wrong(key, "a floating-point number"),
        }
    }

    /// Whether something is so.
    pub fn bool(&self, key: &str) -> Result<Option<bool>> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => self.wrong(key, "a bool"),
        }
    }

    /// A text.
    pub fn str(&self, key: &str) -> Result<Option<&str>> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value)),
            Some(_) => self.wrong(key, "a string"),
        }
    }

    /// A list of texts, taken out.
    pub fn take_strings(&mut self, key: &str) -> Result<Option<Vec<String>>> {
        match self.values.remove(key) {
            None => Ok(None),
            Some(Value::Strings(values)) => Ok(Some(values)),
            Some(_) => self.wrong(key, "an array of strings"),
        }
    }

    /// A list of integers, taken out.
    pub fn take_integers(&mut self, key: &str) -> Result<Option<Vec<i64>>> {
        match self.values.remove(key) {
            None => Ok(None),
            Some(Value::Integers(values)) => Ok(Some(values)),
            Some(_) => self.wrong(key, "an array of integers"),
        }
    }

    /// A list of numbers, taken out.
    pub fn take_floats(&mut self, key: &str) -> Result<Option<Vec<f32>>> {
        match self.values.remove(key) {
            None => Ok(None),
            Some(Value::Floats(values)) => Ok(Some(values)),
            Some(_) => self.wrong(key, "an array of 32-bit floats"),
        }
    }

    /// Bytes, taken out.
    pub fn take_bytes(&mut self, key: &str) -> Result<Option<Vec<u8>>> {
        match self.values.remove(key) {
            None => Ok(None),
            Some(Value::Bytes(values)) => Ok(Some(values)),
            Some(_) => self.wrong(key, "an array of bytes"),
        }
    }

    fn wrong<T>(&self, key: &str, expected: &str) -> Result<T> {
        Err(Error::invalid_file(&self.file, format!("{key} is not {expected}")))
    }
}

/// The format with ggml's number `id`: `ggml.h`, `enum ggml_type`.
pub fn tensor_format(id: u32, tensor: &str) -> Result<WeightFormat> {
    Ok(match id {
        0 => WeightFormat::F32,
        1 => WeightFormat::F16,
        2 => WeightFormat::Q4_0,
        3 => WeightFormat::Q4_1,
        6 => WeightFormat::Q5_0,
        7 => WeightFormat::Q5_1,
        8 => WeightFormat::Q8_0,
        10 => WeightFormat::Q2_K,
        11 => WeightFormat::Q3_K,
        12 => WeightFormat::Q4_K,
        13 => WeightFormat::Q5_K,
        14 => WeightFormat::Q6_K,
        20 => WeightFormat::Iq4_Nl,
        30 => WeightFormat::Bf16,
        _ => {
            let name = OTHER_TYPES.iter().find(|(other, _)| *other == id).map(|(_, name)| *name);
            let name = name.map_or_else(|| format!("number {id}"), str::to_owned);
            return Err(Error::unsupported_type(&name, tensor));
        }
    })
}

/// ggml's other types, to name them.
const OTHER_TYPES: [(u32, &str); 19] = [
    (9, "Q8_1"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (39, "MXFP4"),
    (40, "NVFP4"),
];
