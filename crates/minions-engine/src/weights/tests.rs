//! Files written here, byte by byte, and what the readers make of them; then broken in every way.

use std::cell::Cell;
use std::ops::Range;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use minions_shaders::WeightFormat;
use serde_json::{Value, json};

use super::*;
use crate::error::{Error, Result};
use crate::model::{GgufTensors, ModelConfig, RopeScaling};

/// Runs a future that never waits for anything.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing here waits"),
    }
}

/// A metadata value to write.
#[derive(Clone)]
enum Meta {
    Short(u16),
    Uint(u32),
    Float(f32),
    Text(&'static str),
    Texts(Vec<String>),
    Ints(Vec<i32>),
}

/// A GGUF file to write.
#[derive(Clone)]
struct Gguf {
    version: u32,
    metadata: Vec<(&'static str, Meta)>,
    /// Name, shape as in Hugging Face, ggml's type, bytes.
    tensors: Vec<(String, Vec<u64>, u32, Vec<u8>)>,
}

const F32: u32 = 0;
const Q8_0: u32 = 8;

impl Gguf {
    /// A llama model of one layer: hidden 32, two heads of 16 and one for keys, feed-forward 64, four tokens.
    fn tiny() -> Self {
        let metadata = vec![
            ("general.architecture", Meta::Text("llama")),
            ("general.name", Meta::Text("Tiny")),
            ("llama.embedding_length", Meta::Uint(32)),
            ("llama.block_count", Meta::Uint(1)),
            ("llama.attention.head_count", Meta::Uint(2)),
            ("llama.attention.head_count_kv", Meta::Uint(1)),
            ("llama.feed_forward_length", Meta::Uint(64)),
            ("llama.context_length", Meta::Uint(128)),
            ("llama.attention.layer_norm_rms_epsilon", Meta::Float(1e-5)),
            ("tokenizer.ggml.model", Meta::Text("gpt2")),
            ("tokenizer.ggml.pre", Meta::Text("llama-bpe")),
            ("tokenizer.ggml.tokens", Meta::Texts(["a", "b", "ab", "<|end|>"].map(str::to_owned).to_vec())),
            ("tokenizer.ggml.token_type", Meta::Ints(vec![1, 1, 1, 3])),
            ("tokenizer.ggml.merges", Meta::Texts(vec!["a b".to_owned()])),
            ("tokenizer.ggml.eos_token_id", Meta::Uint(3)),
            ("tokenizer.ggml.eot_token_id", Meta::Uint(2)),
            ("tokenizer.chat_template", Meta::Text("{{ messages }}")),
        ];
        let shapes: [(&str, &[u64]); 11] = [
            ("token_embd", &[4, 32]),
            ("blk.0.attn_norm", &[32]),
            ("blk.0.attn_q", &[32, 32]),
            ("blk.0.attn_k", &[16, 32]),
            ("blk.0.attn_v", &[16, 32]),
            ("blk.0.attn_output", &[32, 32]),
            ("blk.0.ffn_norm", &[32]),
            ("blk.0.ffn_gate", &[64, 32]),
            ("blk.0.ffn_up", &[64, 32]),
            ("blk.0.ffn_down", &[32, 64]),
            ("output_norm", &[32]),
        ];
        let tensors = shapes.map(|(name, shape)| {
            let rows = if let [rows, _] = *shape { Some(rows) } else { None };
            let columns = shape[shape.len() - 1];
            let (type_id, bytes) = match rows {
                None => (F32, f32_bytes(&vec![1.0; columns as usize])),
                // Every row is filled with its own number, so that a row is known again.
                Some(rows) => (Q8_0, (0..rows).flat_map(|row| q8_row(row as i8, columns)).collect()),
            };
            (format!("{name}.weight"), shape.to_vec(), type_id, bytes)
        });
        Self { version: 3, metadata, tensors: tensors.into() }
    }

    fn set(mut self, key: &'static str, value: Option<Meta>) -> Self {
        self.metadata.retain(|(known, _)| *known != key);
        self.metadata.extend(value.map(|value| (key, value)));
        self
    }

    fn tensor(mut self, name: &str, change: impl FnOnce(&mut (String, Vec<u64>, u32, Vec<u8>))) -> Self {
        change(self.tensors.iter_mut().find(|tensor| tensor.0 == name).expect("the tensor is there"));
        self
    }

    fn add(mut self, name: &str, shape: &[u64], type_id: u32, bytes: Vec<u8>) -> Self {
        self.tensors.push((name.to_owned(), shape.to_vec(), type_id, bytes));
        self
    }

    fn write(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(self.version.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, value) in &self.metadata {
            text(&mut out, key);
            match value {
                Meta::Short(value) => {
                    out.extend(2u32.to_le_bytes());
                    out.extend(value.to_le_bytes());
                }
                Meta::Uint(value) => out.extend([4u32.to_le_bytes(), value.to_le_bytes()].concat()),
                Meta::Float(value) => out.extend([6u32.to_le_bytes(), value.to_le_bytes()].concat()),
                Meta::Text(value) => {
                    out.extend(8u32.to_le_bytes());
                    text(&mut out, value);
                }
                Meta::Texts(values) => {
                    out.extend([9u32.to_le_bytes(), 8u32.to_le_bytes()].concat());
                    out.extend((values.len() as u64).to_le_bytes());
                    values.iter().for_each(|value| text(&mut out, value));
                }
                Meta::Ints(values) => {
                    out.extend([9u32.to_le_bytes(), 5u32.to_le_bytes()].concat());
                    out.extend((values.len() as u64).to_le_bytes());
                    values.iter().for_each(|value| out.extend(value.to_le_bytes()));
                }
            }
        }
        let mut data = Vec::new();
        for (name, shape, type_id, bytes) in &self.tensors {
            text(&mut out, name);
            out.extend((shape.len() as u32).to_le_bytes());
            shape.iter().rev().for_each(|len| out.extend(len.to_le_bytes()));
            out.extend(type_id.to_le_bytes());
            out.extend((data.len() as u64).to_le_bytes());
            data.extend_from_slice(bytes);
            data.resize(data.len().next_multiple_of(32), 0);
        }
        out.resize(out.len().next_multiple_of(32), 0);
        out.extend(data);
        out
    }

    fn open(&self) -> Result<ModelFile<MemorySource>> {
        open(self.write())
    }
}

fn open(bytes: Vec<u8>) -> Result<ModelFile<MemorySource>> {
    block_on(ModelFile::open(MemorySource::new().with("tiny.gguf", bytes), "tiny.gguf"))
}

/// The vocabulary in a GGUF file, whatever else the file holds.
pub fn gguf_vocabulary(bytes: &[u8], vocab_size: usize) -> Result<TokenizerSource> {
    match gguf::parse_header(bytes, bytes.len() as u64, "vocabulary.gguf") {
        Ok(mut header) => model_file::vocabulary(&mut header.metadata, vocab_size),
        Err(stop) => Err(Error::invalid_file("vocabulary.gguf", format!("{stop:?}"))),
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn q8_row(value: i8, columns: u64) -> Vec<u8> {
    let block = [[0x00, 0x3c].as_slice(), &[value.cast_unsigned(); 32]].concat();
    block.repeat(columns as usize / 32)
}

fn message<T>(result: Result<T>) -> String {
    result.err().expect("it must fail").to_string()
}

#[test]
fn opens_a_gguf_file() {
    let mut file = Gguf::tiny().open().expect("it is right");
    let config = file.config();
    assert_eq!((file.name(), file.architecture()), ("Tiny", "llama"));
    assert_eq!((config.hidden_size, config.n_heads, config.n_kv_heads, config.head_dim), (32, 2, 1, 16));
    let theta = config.layers[0].rope.as_ref().map(|rope| rope.theta);
    assert_eq!((config.vocab_size, config.context_length, theta), (4, 128, Some(10_000.0)));
    assert_eq!((config.tie_word_embeddings, &*config.eos_token_ids), (Some(true), [3, 2].as_slice()));
    assert_eq!(file.chat_template(), Some("{{ messages }}"));
    let tokenizer = file.take_tokenizer();
    assert_eq!(tokenizer.special_tokens.get("eos_token").map(String::as_str), Some("<|end|>"));
    assert_eq!(file.tensors().count(), 11);
    let down = file.tensor("model.layers.0.mlp.down_proj.weight").expect("it is there");
    assert_eq!((down.rows(), down.columns(), down.dtype), (32, 64, WeightFormat::Q8_0));
    assert_eq!((down.name_in_file.as_str(), down.size_bytes), ("blk.0.ffn_down.weight", 32 * 2 * 34));
    assert!(file.tensor("lm_head.weight").is_err());
    let Vocabulary::Gguf(vocabulary) = &tokenizer.vocabulary else { panic!("it is a GGUF vocabulary") };
    assert_eq!((vocabulary.tokens.len(), vocabulary.kinds[3]), (4, TokenKind::Control));
}

#[test]
fn reads_version_2_an_own_head_and_frequency_factors() {
    let mut gguf = Gguf::tiny().add("output.weight", &[4, 32], Q8_0, q8_row(5, 128));
    gguf = gguf.add("rope_freqs.weight", &[8], F32, f32_bytes(&[1.0, 1.0, 1.0, 1.0, 2.0, 4.0, 8.0, 8.0]));
    gguf.version = 2;
    let file = gguf.open().expect("it is right");
    assert_eq!(file.config().tie_word_embeddings, Some(false));
    assert!(file.tensor("lm_head.weight").is_ok());
    let factors = vec![1.0, 1.0, 1.0, 1.0, 2.0, 4.0, 8.0, 8.0];
    let rope = file.config().layers[0].rope.as_ref().expect("it turns");
    assert_eq!(rope.scaling, RopeScaling::Factors(factors));
}

/// Rows of queries and keys are put as llama.cpp's converter puts them (reshape, swap axes, reshape: here as loops),
/// and must come back in order, whichever range is asked for.
#[test]
fn reads_any_rows_of_permuted_tensors_in_order() {
    let permuted = |heads: usize| -> Vec<u8> {
        let mut rows = Vec::new();
        for head in 0..heads {
            for within_half in 0..8 {
                for half in 0..2 {
                    rows.extend(q8_row((head * 16 + half * 8 + within_half) as i8, 32));
                }
            }
        }
        rows
    };
    let gguf = Gguf::tiny()
        .tensor("blk.0.attn_q.weight", |tensor| tensor.3 = permuted(2))
        .tensor("blk.0.attn_k.weight", |tensor| tensor.3 = permuted(1));
    let file = gguf.open().expect("it is right");
    for (part, count) in
        [("self_attn.q_proj", 32), ("self_attn.k_proj", 16), ("self_attn.v_proj", 16), ("mlp.up_proj", 64)]
    {
        let name = format!("model.layers.0.{part}.weight");
        for start in 0..=count {
            for end in start..=count {
                let read = block_on(file.read_rows(&name, start..end)).expect("the rows are there");
                let expected: Vec<u8> = (start..end).flat_map(|row| q8_row(row as i8, 32)).collect();
                assert!(read == expected, "{name} {start}..{end}");
            }
        }
        assert!(message(block_on(file.read_rows(&name, 0..count + 1))).contains("rows"));
    }
    let norm = block_on(file.read_rows("model.norm.weight", 0..1)).expect("a vector is one row");
    assert_eq!(WeightFormat::F32.to_f32(&norm), [1.0; 32]);
}

/// Each broken file, and what its error must say.
#[test]
fn names_what_is_wrong_with_a_gguf_file() {
    let tiny = Gguf::tiny;
    let norm = "output_norm.weight";
    let with_version = |version| Gguf { version, ..tiny() };
    let twice = |gguf: Gguf| {
        let first = gguf.tensors[0].clone();
        gguf.add(&first.0, &first.1, first.2, first.3)
    };
    let mut key_twice = tiny();
    key_twice.metadata.push(("general.name", Meta::Uint(1)));
    let cases: Vec<(Gguf, &str)> = vec![
        (with_version(1), "version is 1"),
        (with_version(4), "version is 4"),
        (with_version(0x0300_0000), "big-endian"),
        (key_twice, "metadata general.name appears twice"),
        (twice(tiny()), "tensor token_embd.weight appears twice"),
        (tiny().set("general.architecture", Some(Meta::Text("gpt2"))), "architecture \"gpt2\" is not supported"),
        (tiny().set("general.architecture", None), "architecture \"(none)\""),
        (tiny().set("general.architecture", Some(Meta::Uint(1))), "general.architecture is not a string"),
        (tiny().set("general.alignment", Some(Meta::Uint(24))), "general.alignment is 24"),
        (tiny().set("general.alignment", Some(Meta::Uint(0))), "general.alignment is 0"),
        (tiny().set("general.alignment", Some(Meta::Uint(64))), "not a multiple of 64"),
        (tiny().set("llama.block_count", None), "llama.block_count is missing"),
        (tiny().set("llama.block_count", Some(Meta::Uint(2))), "tensor blk.1.attn_norm.weight: it is missing"),
        (tiny().set("llama.embedding_length", Some(Meta::Uint(64))), "tensor token_embd.weight: its shape"),
        (tiny().set("llama.embedding_length", Some(Meta::Uint(33))), "llama.attention.key_length is missing"),
        (tiny().set("llama.embedding_length", Some(Meta::Uint(48))), "llama.embedding_length of 48"),
        (tiny().set("llama.rope.dimension_count", Some(Meta::Uint(8))), "llama.rope.dimension_count"),
        (tiny().set("llama.rope.scaling.type", Some(Meta::Text("yarn"))), "llama.rope.scaling.factor is missing"),
        (tiny().set("llama.rope.scaling.type", Some(Meta::Text("longrope"))), "tensor rope_factors_long.weight"),
        (tiny().set("llama.rope.scaling.type", Some(Meta::Text("dynamic"))), "rope scaling \"dynamic\""),
        (
            tiny().add("rope_factors_short.weight", &[8], F32, f32_bytes(&[1.0; 8])),
            "tensor rope_factors_long.weight: it is missing",
        ),
        (tiny().set("llama.expert_count", Some(Meta::Uint(8))), "expert_count \"8\""),
        (tiny().set("tokenizer.ggml.eos_token_id", Some(Meta::Uint(4))), "the end token 4"),
        (tiny().set("tokenizer.ggml.bos_token_id", Some(Meta::Uint(9))), "the begin token 9"),
        (tiny().set("tokenizer.ggml.scores", Some(Meta::Ints(vec![1; 4]))), "scores is not an array of 32-bit floats"),
        (tiny().set("tokenizer.ggml.precompiled_charsmap", Some(Meta::Text(""))), "charsmap is not an array of bytes"),
        (tiny().set("tokenizer.ggml.add_space_prefix", Some(Meta::Uint(1))), "add_space_prefix is not a bool"),
        (tiny().set("tokenizer.ggml.tokens", None), "has no tokenizer.ggml.tokens"),
        (tiny().set("tokenizer.ggml.tokens", Some(Meta::Texts(vec![String::new(); 5]))), "5 tokens"),
        (tiny().set("tokenizer.ggml.token_type", Some(Meta::Ints(vec![1]))), "tokenizer.ggml.token_type has 1"),
        (tiny().tensor(norm, |tensor| tensor.2 = 17), "tensor type \"IQ2_XS of output_norm.weight\""),
        (tiny().tensor(norm, |tensor| tensor.2 = 12), "its rows of 32 weights are not whole blocks of Q4_K"),
        (tiny().tensor(norm, |tensor| tensor.2 = 777), "\"number 777 of"),
        (tiny().tensor(norm, |tensor| tensor.1 = vec![31]), "its shape in tiny.gguf is [31]"),
        (tiny().tensor(norm, |tensor| tensor.1 = vec![32, 1]), "its shape in tiny.gguf is [32, 1]"),
        (tiny().tensor(norm, |tensor| tensor.1 = vec![0]), "impossible shape"),
        (tiny().tensor(norm, |tensor| tensor.1 = vec![1 << 40; 2]), "impossible shape"),
        (tiny().tensor(norm, |tensor| tensor.1 = vec![1; 5]), "5 dimensions"),
        (tiny().tensor(norm, |tensor| tensor.3.clear()), "tensor output_norm.weight: its 128 bytes"),
        (tiny().add("blk.0.attn_q.bias", &[32], F32, f32_bytes(&[0.0; 32])), "tensor blk.0.attn_k.bias: it is missing"),
        (
            tiny().add("blk.0.attn_q_norm.weight", &[16], F32, f32_bytes(&[0.0; 16])),
            "tensor blk.0.attn_q_norm.weight: it is not part of a llama model",
        ),
        (tiny().add("rope_freqs.weight", &[8], F32, f32_bytes(&[0.0; 8])), "positive numbers"),
        (tiny().add("rope_freqs.weight", &[4], F32, f32_bytes(&[1.0; 4])), "8 positive numbers"),
    ];
    for (gguf, named) in cases {
        let message = message(gguf.open());
        assert!(message.contains(named), "{named:?} is not in: {message}");
    }
    assert!(message(open(b"PK\x03\x04 and so on".to_vec())).contains("does not begin with GGUF"));
    assert!(message(open(Vec::new())).contains("cut off"));
    let unknown = block_on(ModelFile::open(MemorySource::new(), "weights.bin"));
    assert!(matches!(unknown, Err(Error::Unsupported { what: "model file", .. })));
    let absent = block_on(ModelFile::open(MemorySource::new(), "no.gguf"));
    assert!(message(absent).contains("no.gguf"));
}

/// A matrix in every format, whole and then with rows that are no whole blocks, or with its last byte missing.
#[test]
fn reads_and_refuses_every_format() {
    let name = "blk.0.ffn_down.weight";
    for (type_id, format) in (0..64).filter_map(|id| Some((id, gguf::tensor_format(id, name).ok()?))) {
        let columns = format.block_len().max(64) as u64;
        let bytes = vec![0; 32 * format.row_bytes(columns as usize).expect("whole blocks") as usize];
        let wide = Gguf::tiny()
            .set("llama.feed_forward_length", Some(Meta::Uint(columns as u32)))
            .tensor("blk.0.ffn_gate.weight", |tensor| {
                (tensor.1, tensor.3) = (vec![columns, 32], q8_row(0, 32).repeat(columns as usize));
            })
            .tensor("blk.0.ffn_up.weight", |tensor| {
                (tensor.1, tensor.3) = (vec![columns, 32], q8_row(0, 32).repeat(columns as usize));
            });
        let whole = wide.clone().tensor(name, |tensor| *tensor = (name.to_owned(), vec![32, columns], type_id, bytes));
        let file = whole.open().expect("it is right");
        let down = "model.layers.0.mlp.down_proj.weight";
        assert_eq!(file.tensor(down).expect("it is there").dtype, format);
        let rows = block_on(file.read_rows(down, 1..3)).expect("the rows are there");
        assert_eq!(format.to_f32(&rows).len() as u64, 2 * columns, "{format}");

        // The tensor is put last, and the file ends within it.
        let mut last = whole.clone();
        let at = last.tensors.iter().position(|tensor| tensor.0 == name).expect("it is there");
        let tensor = last.tensors.remove(at);
        let padding = tensor.3.len().next_multiple_of(32) - tensor.3.len();
        last.tensors.push(tensor);
        let mut cut = last.write();
        cut.truncate(cut.len() - padding - 1);
        assert!(message(open(cut)).contains("is it cut off?"), "{format}");

        if format.block_len() > 32 {
            let narrow = Gguf::tiny().tensor(name, |tensor| tensor.2 = type_id);
            let message = message(narrow.open());
            assert!(message.contains(&format!("rows of 64 weights are not whole blocks of {format}")), "{message}");
        }
    }
}

/// The files of [`Gguf::tiny`] split in three: the metadata, and the tensors in two files.
fn split() -> [(String, Gguf); 3] {
    let whole = Gguf::tiny();
    let (head, tail) = whole.tensors.split_at(4);
    let parts = [Vec::new(), head.to_vec(), tail.to_vec()];
    let mut number = 0;
    parts.map(|tensors| {
        let metadata = if number == 0 { whole.metadata.clone() } else { Vec::new() };
        let part = Gguf { version: 3, metadata, tensors };
        let part = part.set("split.no", Some(Meta::Short(number))).set("split.count", Some(Meta::Short(3)));
        number += 1;
        (format!("some/tiny-{number:05}-of-00003.gguf"), part.set("split.tensors.count", Some(Meta::Uint(11))))
    })
}

fn open_split(files: &[(String, Gguf)], main: &str) -> Result<ModelFile<MemorySource>> {
    let source = files.iter().fold(MemorySource::new(), |source, (name, file)| source.with(name, file.write()));
    block_on(ModelFile::open(source, main))
}

#[test]
fn opens_a_gguf_model_in_several_files() {
    let files = split();
    let several = open_split(&files, &files[0].0).expect("it is right");
    let one = Gguf::tiny().open().expect("it is right");
    assert_eq!(several.tensors().count(), 11);
    for (name, info) in one.tensors() {
        let rows =
            |file: &ModelFile<MemorySource>| block_on(file.read_rows(name, 0..info.rows())).expect("it is there");
        assert_eq!(rows(&several), rows(&one), "{name}");
    }
    assert_eq!(several.tensor("model.norm.weight").expect("it is there").file, "some/tiny-00003-of-00003.gguf");
}

#[test]
fn names_the_file_that_is_wrong_in_a_split_model() {
    let [first, second, third] = split().map(|(name, file)| (name, file.set("split.tensors.count", None)));
    let with = |index: usize, change: &dyn Fn(Gguf) -> Gguf| {
        let mut files = [first.clone(), second.clone(), third.clone()];
        files[index].1 = change(files[index].1.clone());
        message(open_split(&files, &first.0))
    };
    let short = |key, value| move |file: Gguf| file.set(key, Some(Meta::Short(value)));
    let twice = |file: Gguf| file.add("output_norm.weight", &[32], F32, f32_bytes(&[1.0; 32]));
    for (message, named) in [
        (message(open_split(&[first.clone(), third.clone()], &first.0)), "tiny-00002-of-00003.gguf is not"),
        (message(open_split(&[first.clone(), third.clone()], &first.0)), "there is no such file"),
        (
            message(open_split(std::slice::from_ref(&second), &second.0)),
            "load the first, whose name ends with -00001-of-00003.gguf",
        ),
        (with(0, &short("split.no", 1)), "tiny-00001-of-00003.gguf is not a valid model file: its split.no is 1"),
        (with(2, &short("split.no", 1)), "tiny-00003-of-00003.gguf is not a valid model file: its split.no is 1"),
        (
            with(1, &|file| file.set("split.no", None)),
            "tiny-00002-of-00003.gguf is not a valid model file: split.no is",
        ),
        (with(1, &short("split.count", 4)), "tiny-00002-of-00003.gguf is not a valid model file: its split.count"),
        (with(0, &short("split.count", 2000)), "split.count is 2000"),
        (with(0, &short("split.tensors.count", 12)), "12 and its 3 files hold 11"),
        (with(1, &twice), "tensor output_norm.weight appears in some/tiny-00002-of-00003.gguf as well"),
        (with(1, &|file| Gguf { version: 1, ..file }), "tiny-00002-of-00003.gguf is not a valid model file: its GGUF"),
        (
            with(1, &|mut file| {
                file.tensors.pop();
                file
            }),
            "it is missing in some/tiny-00001-of-00003.gguf",
        ),
    ] {
        assert!(message.contains(named), "{named:?} is not in: {message}");
    }
}

/// The configuration of a file of this family: two layers, two heads of 16, and what is special.
fn gguf_config(architecture: &str, special: &[(&str, Meta)], tensors: GgufTensors) -> Result<ModelConfig> {
    let mut gguf = Gguf { version: 3, metadata: Vec::new(), tensors: Vec::new() };
    let common = [
        ("embedding_length", Meta::Uint(32)),
        ("block_count", Meta::Uint(2)),
        ("attention.head_count", Meta::Uint(2)),
        ("feed_forward_length", Meta::Uint(64)),
        ("context_length", Meta::Uint(128)),
        ("attention.layer_norm_rms_epsilon", Meta::Float(1e-5)),
    ];
    for (key, value) in common.iter().chain(special) {
        let key: &'static str = format!("{architecture}.{key}").leak();
        gguf = gguf.set(key, Some(value.clone()));
    }
    gguf = gguf.set("general.architecture", Some(Meta::Text(architecture.to_owned().leak())));
    let bytes = gguf.write();
    let Ok(header) = gguf::parse_header(&bytes, bytes.len() as u64, "family.gguf") else { panic!("it is whole") };
    ModelConfig::from_gguf(&header.metadata, GgufTensors { vocab_size: 4, ..tensors })
}

#[test]
fn reads_what_gguf_files_of_each_family_say() {
    let read = |architecture: &str, special: &[(&str, Meta)]| {
        gguf_config(architecture, special, GgufTensors::default()).expect("it is right")
    };
    let windows = |config: &ModelConfig| config.layers.iter().map(|layer| layer.window).collect::<Vec<_>>();
    let ropes = |config: &ModelConfig| {
        config.layers.iter().map(|layer| layer.rope.as_ref().map(|rope| rope.theta)).collect::<Vec<_>>()
    };

    let qwen2 = read("qwen2", &[]);
    assert_eq!((qwen2.family.name, qwen2.has_qkv_bias, qwen2.norm_offset), ("qwen2", true, 0.0));

    let smollm3 = read("smollm3", &[("block_count", Meta::Uint(4))]);
    assert_eq!(ropes(&smollm3), [Some(1e4), Some(1e4), Some(1e4), None]);

    let gemma2 = read("gemma2", &[("attention.sliding_window", Meta::Uint(8))]);
    assert_eq!((windows(&gemma2), gemma2.norm_offset), (vec![Some(8), None], 0.0));
    assert_eq!((gemma2.attention_softcap, gemma2.logit_softcap), (Some(50.0), Some(30.0)));
    assert_eq!((gemma2.embedding_scale, gemma2.attention_scale), (32.0_f32.sqrt(), 0.25));
    // The size of 46 layers scales by the heads' share of the hidden size, which no key says.
    let largest = read("gemma2", &[("block_count", Meta::Uint(46)), ("attention.key_length", Meta::Uint(64))]);
    assert_eq!(largest.attention_scale, 0.25);

    let gemma3 = [
        ("block_count", Meta::Uint(7)),
        ("attention.sliding_window", Meta::Uint(8)),
        ("rope.freq_base", Meta::Float(1e6)),
        ("rope.scaling.type", Meta::Text("linear")),
        ("rope.scaling.factor", Meta::Float(8.0)),
    ];
    let gemma3 = read("gemma3", &gemma3);
    assert_eq!(windows(&gemma3), [Some(8), Some(8), Some(8), Some(8), Some(8), None, Some(8)]);
    assert_eq!(ropes(&gemma3)[4..6], [Some(1e4), Some(1e6)]);
    let scaling = |index: usize| gemma3.layers[index].rope.as_ref().map(|rope| rope.scaling.clone());
    assert_eq!((scaling(4), scaling(5)), (Some(RopeScaling::None), Some(RopeScaling::Linear { factor: 8.0 })));

    let granite = [
        ("attention.scale", Meta::Float(0.5)),
        ("embedding_scale", Meta::Float(12.0)),
        ("residual_scale", Meta::Float(0.25)),
        ("logit_scale", Meta::Float(8.0)),
    ];
    let granite = read("granite", &granite);
    assert_eq!((granite.attention_scale, granite.embedding_scale), (0.5, 12.0));
    assert_eq!((granite.residual_scale, granite.logit_scale), (0.25, 0.125));

    let phi3 = [("attention.sliding_window", Meta::Uint(0)), ("rope.dimension_count", Meta::Uint(12))];
    let told = || GgufTensors { rope_factors: Some((vec![1.0; 6], vec![2.0; 6])), ..GgufTensors::default() };
    let with_factors = gguf_config("phi3", &phi3, told()).expect("it is right");
    let rope = with_factors.layers[0].rope.as_ref().expect("it turns");
    assert_eq!((windows(&with_factors), rope.dim), (vec![None; 2], 12));
    let RopeScaling::LongRope { original_context_length: 128, attention_factor: 1.0, .. } = &rope.scaling else {
        panic!("{:?}", rope.scaling)
    };

    let yarn = [
        ("rope.scaling.type", Meta::Text("yarn")),
        ("rope.scaling.factor", Meta::Float(4.0)),
        ("rope.scaling.original_context_length", Meta::Uint(32)),
    ];
    let expected = RopeScaling::Yarn {
        factor: 4.0,
        beta_fast: 32.0,
        beta_slow: 1.0,
        is_truncated: true,
        original_context_length: 32,
        attention_factor: 1.138_629_4,
    };
    assert_eq!(read("qwen2", &yarn).layers[0].rope.as_ref().map(|rope| rope.scaling.clone()), Some(expected));

    let partial = [("rope.dimension_count", Meta::Uint(8))];
    for (architecture, special, told, named) in [
        ("qwen2", &[("attention.sliding_window", Meta::Uint(8))], GgufTensors::default(), "attention.sliding_window"),
        ("granite", &partial, GgufTensors::default(), "granite.rope.dimension_count"),
        ("phi3", &partial, told(), "short factors must be 4 positive numbers"),
        ("gemma", &partial, GgufTensors::default(), "architecture \"gemma\""),
        ("llama", &[("rope.scaling.type", Meta::Text("linear"))], GgufTensors::default(), "llama.rope.scaling.factor"),
        (
            "llama",
            &[("rope.scaling.type", Meta::Text("yarn"))],
            GgufTensors { rope_freqs: Some(vec![1.0; 8]), ..GgufTensors::default() },
            "rope scaling \"yarn with rope_freqs.weight\"",
        ),
    ] {
        let message = message(gguf_config(architecture, special, told));
        assert!(message.contains(named), "{named:?} is not in: {message}");
    }
}

/// A length that the file cannot hold is refused before anything of that length is made: these would take exabytes.
#[test]
fn refuses_impossible_lengths_at_once() {
    for at in [8, 16, 24] {
        for length in [u64::MAX, u64::MAX / 8, 1 << 40] {
            let mut bytes = Gguf::tiny().write();
            bytes[at..at + 8].copy_from_slice(&length.to_le_bytes());
            assert!(matches!(open(bytes), Err(Error::InvalidFile { .. })), "{length} at {at}");
        }
    }
    let bytes = Gguf::tiny().write();
    let key = b"tokenizer.ggml.tokens";
    let at = bytes.windows(key.len()).position(|window| window == key).expect("it is there") + key.len() + 8;
    let mut broken = bytes;
    broken[at..at + 8].copy_from_slice(&(1u64 << 60).to_le_bytes());
    assert!(message(open(broken)).contains("array elements"));
}

/// Cut at every byte: always an error, and of the right kind.
#[test]
fn refuses_a_file_cut_off_anywhere() {
    let bytes = Gguf::tiny().write();
    for len in 0..bytes.len() {
        let error = open(bytes[..len].to_vec()).err();
        let is_expected = matches!(error, Some(Error::InvalidFile { .. } | Error::InvalidTensor { .. }));
        assert!(is_expected, "{len} of {} bytes: {error:?}", bytes.len());
    }
}

/// Numbers below the given ones, the same every time.
fn random() -> impl FnMut(usize) -> usize {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    }
}

/// Random bytes in the header: whatever opens can also be read; nothing panics.
#[test]
fn survives_random_damage() {
    let bytes = Gguf::tiny().write();
    let header_len = bytes.len() - 11_000;
    let mut random = random();
    let mut opened = 0;
    for _ in 0..20_000 {
        let mut damaged = bytes.clone();
        for _ in 0..=random(3) {
            damaged[random(header_len)] = match random(3) {
                0 => 0xff,
                1 => 0,
                _ => random(256) as u8,
            };
        }
        let Ok(file) = open(damaged) else { continue };
        opened += 1;
        for (name, info) in file.tensors() {
            let rows = block_on(file.read_rows(name, 0..info.rows())).expect("what is listed can be read");
            assert_eq!(rows.len() as u64, info.size_bytes);
        }
    }
    assert!(opened > 1000, "only {opened} damaged files opened: the damage is not varied enough to prove anything");
}

/// Counts what is read.
struct Counting {
    inner: MemorySource,
    read_bytes: Cell<u64>,
    largest_end: Cell<u64>,
}

impl ModelSource for Counting {
    async fn size(&self, file: &str) -> Result<Option<u64>> {
        self.inner.size(file).await
    }

    async fn read(&self, file: &str, range: Range<u64>) -> Result<Vec<u8>> {
        self.read_bytes.set(self.read_bytes.get() + range.end - range.start);
        self.largest_end.set(self.largest_end.get().max(range.end));
        self.inner.read(file, range).await
    }
}

#[test]
fn reads_a_long_header_in_windows_and_never_the_whole_file() {
    let long = Meta::Texts(vec!["x".repeat(1000); 3000]);
    let mut bytes = Gguf::tiny().set("general.tags", Some(long)).write();
    bytes.resize(32 << 20, 0);
    let inner = MemorySource::new().with("long.gguf", bytes);
    let source = Counting { inner, read_bytes: Cell::new(0), largest_end: Cell::new(0) };
    let file = block_on(ModelFile::open(&source, "long.gguf")).expect("it is right");
    assert_eq!(file.tensors().count(), 11);
    assert_eq!((source.read_bytes.get(), source.largest_end.get()), (4 << 20, 4 << 20));
}

impl ModelSource for &Counting {
    async fn size(&self, file: &str) -> Result<Option<u64>> {
        (**self).size(file).await
    }

    async fn read(&self, file: &str, range: Range<u64>) -> Result<Vec<u8>> {
        (**self).read(file, range).await
    }
}

/// A source that returns less than it was asked for.
struct Short;

impl ModelSource for Short {
    async fn size(&self, _file: &str) -> Result<Option<u64>> {
        Ok(Some(1000))
    }

    async fn read(&self, _file: &str, _range: Range<u64>) -> Result<Vec<u8>> {
        Ok(vec![0; 3])
    }
}

#[test]
fn notices_a_source_that_returns_too_little() {
    assert!(matches!(block_on(ModelFile::open(Short, "short.gguf")), Err(Error::Read { .. })));
}

/// A Hugging Face folder with the same model as [`Gguf::tiny`].
#[derive(Clone)]
struct Folder {
    config: Value,
    tensors: Vec<(String, Vec<u64>, &'static str)>,
    tokenizer_config: Value,
}

impl Folder {
    fn tiny() -> Self {
        let config = json!({
            "model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
            "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 4, "max_position_embeddings": 128,
            "rms_norm_eps": 1e-5, "eos_token_id": 3
        });
        let layer = |part: &str| format!("model.layers.0.{part}");
        let tensors = vec![
            ("model.embed_tokens".to_owned(), vec![4, 32], "BF16"),
            (layer("input_layernorm"), vec![32], "F32"),
            (layer("self_attn.q_proj"), vec![32, 32], "F16"),
            (layer("self_attn.k_proj"), vec![16, 32], "F16"),
            (layer("self_attn.v_proj"), vec![16, 32], "F16"),
            (layer("self_attn.o_proj"), vec![32, 32], "F16"),
            (layer("post_attention_layernorm"), vec![32], "F32"),
            (layer("mlp.gate_proj"), vec![64, 32], "F16"),
            (layer("mlp.up_proj"), vec![64, 32], "F16"),
            (layer("mlp.down_proj"), vec![32, 64], "F16"),
            ("model.norm".to_owned(), vec![32], "F32"),
        ];
        let tokenizer_config = json!({
            "bos_token": null, "eos_token": {"content": "<|end|>"},
            "chat_template": [{"name": "tools", "template": "no"}, {"name": "default", "template": "yes"}]
        });
        Self { config, tensors, tokenizer_config }
    }

    fn safetensors(&self) -> Vec<u8> {
        self.shard(0..self.tensors.len())
    }

    /// A file of some of the tensors.
    fn shard(&self, tensors: Range<usize>) -> Vec<u8> {
        let mut header = serde_json::Map::new();
        let mut end = 0;
        for (name, shape, dtype) in &self.tensors[tensors] {
            let bytes = shape.iter().product::<u64>() * if *dtype == "F32" { 4 } else { 2 };
            let entry = json!({"dtype": dtype, "shape": shape, "data_offsets": [end, end + bytes]});
            header.insert(format!("{name}.weight"), entry);
            end += bytes;
        }
        let header = Value::Object(header).to_string();
        let mut out = (header.len() as u64).to_le_bytes().to_vec();
        out.extend(header.as_bytes());
        out.extend((0..end).map(|byte| byte as u8));
        out
    }

    fn source(&self, folder: &str) -> MemorySource {
        self.settings(folder).with(format!("{folder}model.safetensors"), self.safetensors())
    }

    /// All but the weights.
    fn settings(&self, folder: &str) -> MemorySource {
        MemorySource::new()
            .with(format!("{folder}config.json"), self.config.to_string())
            .with(format!("{folder}tokenizer.json"), "{}")
            .with(format!("{folder}tokenizer_config.json"), self.tokenizer_config.to_string())
    }

    /// The weights in two files, and the index that names them, in the folder `some/`.
    fn sharded(&self, index: &str) -> MemorySource {
        self.settings("some/")
            .with("some/model-00001-of-00002.safetensors", self.shard(0..5))
            .with("some/model-00002-of-00002.safetensors", self.shard(5..self.tensors.len()))
            .with("some/model.safetensors.index.json", index)
    }

    fn index(&self) -> Value {
        let shard = |at: usize| format!("model-0000{}-of-00002.safetensors", 1 + usize::from(at >= 5));
        let places =
            self.tensors.iter().enumerate().map(|(at, tensor)| (format!("{}.weight", tensor.0), shard(at).into()));
        json!({"metadata": {"total_size": 0}, "weight_map": Value::Object(places.collect())})
    }

    fn open(&self) -> Result<ModelFile<MemorySource>> {
        block_on(ModelFile::open(self.source(""), "config.json"))
    }
}

#[test]
fn opens_a_hugging_face_folder() {
    for (folder, main) in [("", ""), ("", "config.json"), ("some/tiny/", "some/tiny/"), ("tiny/", "tiny/config.json")] {
        let source = Folder::tiny().source(folder);
        let mut file = block_on(ModelFile::open(source, main)).expect("it is right");
        assert_eq!(file.name(), if folder.is_empty() { "model" } else { "tiny" });
        assert_eq!(file.config().tie_word_embeddings, Some(true), "there is no head");
        assert_eq!(file.chat_template(), Some("yes"));
        let special_tokens = &file.take_tokenizer().special_tokens;
        assert_eq!((special_tokens.len(), special_tokens["eos_token"].as_str()), (1, "<|end|>"));
        let embedding = file.tensor("model.embed_tokens.weight").expect("it is there");
        assert_eq!((embedding.dtype, embedding.row_bytes(), embedding.row_permutation), (WeightFormat::Bf16, 64, None));
        let rows = block_on(file.read_rows("model.embed_tokens.weight", 1..2)).expect("the row is there");
        assert_eq!(rows, (64..128).collect::<Vec<u8>>());
    }
}

#[test]
fn takes_the_template_file_first() {
    let source = Folder::tiny().source("").with("chat_template.jinja", "from the file");
    let file = block_on(ModelFile::open(source, "config.json")).expect("it is right");
    assert_eq!(file.chat_template(), Some("from the file"));
    let source = Folder::tiny().source("").with("chat_template.json", r#"{"chat_template": "from JSON"}"#);
    let file = block_on(ModelFile::open(source, "config.json")).expect("it is right");
    assert_eq!(file.chat_template(), Some("from JSON"));
    let named = Gguf::tiny().set("tokenizer.chat_template", None);
    let named = named.set("tokenizer.chat_template.default", Some(Meta::Text("the default one")));
    assert_eq!(named.open().expect("it is right").chat_template(), Some("the default one"));
}

#[test]
fn names_what_is_wrong_with_a_folder() {
    let mut missing = Folder::tiny();
    missing.tensors.remove(4);
    let mut biased = Folder::tiny();
    biased.tensors.push(("model.layers.0.self_attn.q_proj.bias".to_owned(), vec![32], "F32"));
    let mut headless = Folder::tiny();
    headless.config["tie_word_embeddings"] = json!(false);
    let mut unbiased = Folder::tiny();
    unbiased.config["attention_bias"] = json!(true);
    let mut unfused = Folder::tiny();
    unfused.config["model_type"] = json!("phi3");
    let mut shape = Folder::tiny();
    shape.tensors[7].1 = vec![63, 32];
    let mut kind = Folder::tiny();
    kind.tensors[7].2 = "I16";
    for (folder, named) in [
        (missing, "tensor model.layers.0.self_attn.v_proj.weight: it is missing"),
        (biased, "q_proj.bias.weight: it is not part of a llama model"),
        (headless, "tensor lm_head.weight: it is missing"),
        (unbiased, "tensor model.layers.0.self_attn.q_proj.bias: it is missing"),
        (unfused, "tensor model.layers.0.self_attn.qkv_proj.weight: it is missing"),
        (shape, "tensor model.layers.0.mlp.gate_proj.weight: its shape"),
        (kind, "\"I16 of model.layers.0.mlp.gate_proj.weight\""),
    ] {
        let message = message(folder.open());
        assert!(message.contains(named), "{named:?} is not in: {message}");
    }

    let all = Folder::tiny().source("");
    let without = |name: &str| {
        let names = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];
        let kept = names.into_iter().filter(|kept| *kept != name).fold(MemorySource::new(), |source, kept| {
            let size = block_on(all.size(kept)).expect("it is there").expect("it is there");
            source.with(kept, block_on(all.read(kept, 0..size)).expect("it is there"))
        });
        block_on(ModelFile::open(kept, ""))
    };
    assert!(message(without("config.json")).contains("config.json"));
    assert!(matches!(without("tokenizer.json"), Err(Error::Tokenizer(_))));
    assert!(message(without("model.safetensors")).contains("model.safetensors"));
    assert_eq!(without("tokenizer_config.json").expect("it is optional").chat_template(), None);
    let indexed = all.clone().with("model.safetensors.index.json", "{}");
    assert!(block_on(ModelFile::open(indexed, "")).is_ok(), "the one file counts");
}

#[test]
fn opens_sharded_safetensors() {
    let folder = Folder::tiny();
    let sharded = block_on(ModelFile::open(folder.sharded(&folder.index().to_string()), "some/")).expect("it is right");
    let whole = folder.open().expect("it is right");
    assert_eq!(sharded.tensors().count(), whole.tensors().count());
    for (at, tensor) in folder.tensors.iter().enumerate() {
        let name = format!("{}.weight", tensor.0);
        let info = sharded.tensor(&name).expect("it is there");
        assert_eq!(info.file, format!("some/model-0000{}-of-00002.safetensors", 1 + usize::from(at >= 5)));
        let rows = block_on(sharded.read_rows(&name, 0..info.rows())).expect("it is there");
        assert_eq!(rows.len() as u64, info.size_bytes, "{name}");
    }
}

#[test]
fn names_what_is_wrong_with_shards() {
    let folder = Folder::tiny();
    let index = folder.index();
    let norm = "model.norm.weight";
    let with = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
        let mut index = index.clone();
        change(index["weight_map"].as_object_mut().expect("it is an object"));
        message(block_on(ModelFile::open(folder.sharded(&index.to_string()), "some/")))
    };
    let put = |name: &'static str, shard: &'static str| {
        move |map: &mut serde_json::Map<String, Value>| {
            map.insert(name.to_owned(), shard.into());
        }
    };
    let text = index.to_string();
    let twice =
        text.replacen("\"model.norm.weight\"", "\"model.norm.weight\":\"a.safetensors\",\"model.norm.weight\"", 1);
    let opened = |index: &str| message(block_on(ModelFile::open(folder.sharded(index), "some/")));
    for (message, named) in [
        (
            with(&put(norm, "model-00001-of-00002.safetensors")),
            "tensor model.norm.weight: it stands in some/model-00002",
        ),
        (
            with(&|map| drop(map.remove(norm))),
            "model.norm.weight: it stands in some/model-00002-of-00002.safetensors and not",
        ),
        (with(&put("extra", "model-00001-of-00002.safetensors")), "tensor extra: it is missing in some/model-00001"),
        (
            with(&put("extra", "model-00003.safetensors")),
            "some/model-00003.safetensors is not a valid model file: there is no",
        ),
        (with(&put("extra", "../other.safetensors")), "\"../other.safetensors\" is not the name of a safetensors file"),
        (with(&put("extra", "config.json")), "\"config.json\" is not the name"),
        (with(&|map| map.clear()), "is missing"),
        (opened(&twice), "tensor model.norm.weight appears twice"),
        (opened("{}"), "some/model.safetensors.index.json is not a valid model file: it does not parse"),
        (opened("{\"weight_map\": {\"a\": 1}}"), "it does not parse"),
        (message(block_on(ModelFile::open(folder.settings("some/"), "some/"))), "nor an index"),
    ] {
        assert!(message.contains(named), "{named:?} is not in: {message}");
    }
}

/// Random bytes in the headers of shards and in their index: whatever opens can also be read; nothing panics.
#[test]
fn survives_random_damage_to_shards() {
    let folder = Folder::tiny();
    let index = folder.index().to_string().into_bytes();
    let shard = folder.shard(5..folder.tensors.len());
    let header_len = 8 + u64::from_le_bytes(*shard.first_chunk().expect("it has a length")) as usize;
    let whole = folder.sharded("");
    let mut random = random();
    let (mut opened, mut refused) = (0, 0);
    for _ in 0..5_000 {
        let (mut index, mut shard) = (index.clone(), shard.clone());
        for _ in 0..=random(3) {
            // Printable for the most part: anything else is no JSON, and says little about what comes after.
            let byte = if random(4) == 0 { random(256) } else { 32 + random(95) } as u8;
            if random(2) == 0 {
                let at = random(index.len());
                index[at] = byte;
            } else {
                shard[random(header_len)] = byte;
            }
        }
        let source = whole.clone();
        let source = source.with("some/model.safetensors.index.json", index);
        let source = source.with("some/model-00002-of-00002.safetensors", shard);
        let Ok(file) = block_on(ModelFile::open(source, "some/")) else {
            refused += 1;
            continue;
        };
        opened += 1;
        for (name, info) in file.tensors() {
            let rows = block_on(file.read_rows(name, 0..info.rows())).expect("what is listed can be read");
            assert_eq!(rows.len() as u64, info.size_bytes);
        }
    }
    assert!(opened > 20 && refused > 1000, "{opened} opened, {refused} were refused: the damage proves nothing");
}

#[test]
fn refuses_safetensors_cut_off_anywhere() {
    let whole = Folder::tiny();
    let bytes = whole.safetensors();
    for len in (0..bytes.len()).filter(|len| *len < 2000 || len % 97 == 0) {
        let source = whole.source("").with("model.safetensors", &bytes[..len]);
        let error = block_on(ModelFile::open(source, "")).err();
        assert!(matches!(error, Some(Error::InvalidFile { .. })), "{len} bytes: {error:?}");
    }
    let mut lying = bytes;
    lying[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(
        message(block_on(ModelFile::open(whole.source("").with("model.safetensors", lying), ""))).contains("claims")
    );
}

/// The trained demo model in both forms, as exported side by side.
pub fn demo() -> [ModelFile<MemorySource>; 2] {
    let gguf = include_bytes!("../../../../www/public/models/demo-worker.gguf");
    let gguf = MemorySource::new().with("demo-worker.gguf", gguf);
    let folder = MemorySource::new()
        .with("config.json", include_bytes!("../../../../tests/fixtures/demo-worker/config.json"))
        .with("generation_config.json", include_bytes!("../../../../tests/fixtures/demo-worker/generation_config.json"))
        .with("tokenizer.json", include_bytes!("../../../../tests/fixtures/demo-worker/tokenizer.json"))
        .with("tokenizer_config.json", include_bytes!("../../../../tests/fixtures/demo-worker/tokenizer_config.json"))
        .with("model.safetensors", include_bytes!("../../../../tests/fixtures/demo-worker/model.safetensors"));
    [(gguf, "demo-worker.gguf"), (folder, "config.json")]
        .map(|(source, main)| block_on(ModelFile::open(source, main)).expect("the demo model is right"))
}

/// Q8_0 rounds to a 127th of a block's largest weight, so half of that is the most a weight may differ, and a little
/// for the scale's own rounding to f16: 2^-11 of up to 127 steps, and for tiny scales 2^-25.
const Q8_0_STEPS: f32 = 0.5 + 127.0 / 2048.0 + 0.001;
const Q8_0_LEAST: f32 = 127.0 / (1 << 25) as f32;

#[test]
fn reads_the_demo_model_alike_from_both_forms() {
    let [gguf, folder] = demo();
    assert_eq!(gguf.config(), folder.config());
    assert_eq!(gguf.chat_template(), folder.chat_template());
    let names = |file: &ModelFile<MemorySource>| file.tensors().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&gguf), names(&folder));
    for (name, info) in gguf.tensors() {
        let weights = |file: &ModelFile<MemorySource>| {
            let dtype = file.tensor(name).expect("both have it").dtype;
            dtype.to_f32(&block_on(file.read_rows(name, 0..info.rows())).expect("it can be read"))
        };
        let (quantized, exact) = (weights(&gguf), weights(&folder));
        assert_eq!(quantized.len(), exact.len(), "{name}");
        for (block, (quantized, exact)) in quantized.chunks(32).zip(exact.chunks(32)).enumerate() {
            let largest = exact.iter().fold(0f32, |largest, weight| largest.max(weight.abs()));
            let most = if info.dtype == WeightFormat::F32 { 0.0 } else { largest / 127.0 * Q8_0_STEPS + Q8_0_LEAST };
            for (quantized, exact) in quantized.iter().zip(exact) {
                assert!((quantized - exact).abs() <= most, "{name}, block {block}: {quantized} for {exact}, {most}");
            }
        }
    }
}
