//! Vocabularies as `tokenizer.json`: what a GGUF file says is written in that form, and what a file says in that form
//! is checked before the `tokenizers` crate, which panics on some inconsistencies, sees it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::weights::{GgufVocabulary, TokenKind};

/// How each `tokenizer.ggml.pre` splits text before merging, and whether a whole word that is a token is taken without
/// looking at the merges. llama.cpp, `llama-vocab.cpp`: `llm_tokenizer_bpe`.
struct PreTokenizer {
    names: &'static [&'static str],
    /// Applied one after the other; what a pattern does not match stays a piece too.
    patterns: &'static [&'static str],
    ignores_merges: bool,
    /// Canonical composition first.
    composes: bool,
}

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

const PRE_TOKENIZERS: [PreTokenizer; 5] = [
    PreTokenizer {
        names: &["llama-bpe", "llama3", "llama-v3"],
        patterns: &[
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ],
        ignores_merges: true,
        composes: false,
    },
    PreTokenizer {
        names: &["qwen2"],
        patterns: &[
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ],
        ignores_merges: false,
        composes: true,
    },
    PreTokenizer { names: &["smollm"], patterns: &[r"\p{N}", GPT2], ignores_merges: false, composes: false },
    PreTokenizer { names: &["gpt-2"], patterns: &[GPT2], ignores_merges: false, composes: false },
    PreTokenizer {
        names: &["default"],
        patterns: &[r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", r"[0-9][0-9][0-9]"],
        ignores_merges: false,
        composes: false,
    },
];

/// The `tokenizer.json` of a GGUF vocabulary.
pub fn tokenizer_json(source: &GgufVocabulary) -> Result<Vec<u8>> {
    if source.model != "gpt2" {
        let supported = "gpt2 (byte-level BPE)";
        return Err(Error::Unsupported { what: "tokenizer", name: source.model.clone(), supported });
    }
    let pre_tokenizer = PRE_TOKENIZERS.iter().find(|known| known.names.contains(&source.pre.as_str()));
    let Some(pre_tokenizer) = pre_tokenizer else {
        let supported = "llama-bpe, qwen2, smollm, gpt-2, default";
        return Err(Error::Unsupported { what: "pre-tokenizer", name: source.pre.clone(), supported });
    };

    let mut vocab = BTreeMap::new();
    let mut added_tokens = Vec::new();
    for (id, (text, kind)) in source.tokens.iter().zip(&source.kinds).enumerate() {
        if vocab.insert(text.as_str(), id).is_some() {
            return Err(Error::Tokenizer(format!("token {text:?} appears twice in tokenizer.ggml.tokens")));
        }
        if *kind != TokenKind::Normal {
            let special = *kind == TokenKind::Control;
            added_tokens.push(json!({
                "id": id, "content": text, "special": special,
                "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            }));
        }
    }
    let mut merges = Vec::with_capacity(source.merges.len());
    for merge in &source.merges {
        // A part may itself begin with a space.
        let space = merge.char_indices().skip(1).find(|(_, character)| *character == ' ');
        let parts = space.and_then(|(at, _)| Some((merge.get(..at)?, merge.get(at + 1..)?)));
        merges.push(parts.ok_or_else(|| Error::Tokenizer(format!("merge {merge:?} is not a pair of tokens")))?);
    }

    let mut splits: Vec<Value> = Vec::new();
    for pattern in pre_tokenizer.patterns {
        splits.push(json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false}));
    }
    splits.push(json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}));
    let document = TokenizerJson {
        version: "1.0",
        added_tokens,
        normalizer: if pre_tokenizer.composes { json!({"type": "NFC"}) } else { Value::Null },
        pre_tokenizer: json!({"type": "Sequence", "pretokenizers": splits}),
        decoder: json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}),
        model: BpeJson { kind: "BPE", vocab, merges, ignore_merges: pre_tokenizer.ignores_merges },
    };
    serde_json::to_vec(&document).map_err(|error| Error::Tokenizer(error.to_string()))
}

#[derive(Serialize)]
struct TokenizerJson<'a> {
    version: &'static str,
    added_tokens: Vec<Value>,
    normalizer: Value,
    pre_tokenizer: Value,
    decoder: Value,
    model: BpeJson<'a>,
}

#[derive(Serialize)]
struct BpeJson<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    vocab: BTreeMap<&'a str, usize>,
    merges: Vec<(&'a str, &'a str)>,
    ignore_merges: bool,
}

/// Checks that `bytes` are a byte-level BPE tokenizer whose parts fit together and whose ids are below `vocab_size`.
pub fn check(bytes: &[u8], vocab_size: usize) -> Result<()> {
    let wrong = |message: String| Err(Error::Tokenizer(format!("tokenizer.json: {message}")));
    let document: Document = match serde_json::from_slice(bytes) {
        Ok(document) => document,
        Err(error) => return wrong(format!("it does not parse as byte-level BPE: {error}")),
    };
    let model = document.model;
    let unsupported = |name: &str| {
        let supported = "BPE with a ByteLevel decoder";
        Err(Error::Unsupported { what: "tokenizer", name: name.to_owned(), supported })
    };
    if model.kind.as_deref().is_some_and(|kind| kind != "BPE") {
        return unsupported(&model.kind.unwrap_or_default());
    }
    if !document.decoder.is_some_and(|decoder| decoder.is_byte_level()) {
        return unsupported("BPE without a ByteLevel decoder");
    }
    if model.dropout.is_some_and(|dropout| dropout > 0.0) {
        return unsupported("BPE with dropout");
    }
    for affix in [model.continuing_subword_prefix, model.end_of_word_suffix].into_iter().flatten() {
        if !affix.is_empty() {
            return unsupported("BPE with a subword prefix or suffix");
        }
    }

    let mut ids = BTreeSet::new();
    for (text, id) in &model.vocab {
        if *id as usize >= vocab_size || !ids.insert(*id) {
            return wrong(format!("token {text:?} has the id {id}, which is taken, or not below {vocab_size}"));
        }
    }
    for merge in &model.merges {
        let pair = match merge {
            Merge::Pair(left, right) => Some((left.as_str(), right.as_str())),
            Merge::Text(text) => text.split_once(' '),
        };
        let Some((left, right)) = pair else { return wrong("a merge is not a pair of tokens".to_owned()) };
        for token in [left, right, &format!("{left}{right}")] {
            if !model.vocab.contains_key(token) {
                return wrong(format!("the merge of {left:?} and {right:?} needs {token:?}, which is not a token"));
            }
        }
    }
    let mut next_id = model.vocab.len();
    for added in &document.added_tokens {
        // The crate gives ids itself, in this order; a file that counts otherwise would be read wrongly.
        let expected = match model.vocab.get(&added.content) {
            Some(id) => *id as usize,
            None => {
                next_id += 1;
                next_id - 1
            }
        };
        if added.content.is_empty() || added.id != expected || expected >= vocab_size {
            return wrong(format!("the added token {:?} has the id {}, not {expected}", added.content, added.id));
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Document {
    model: Bpe,
    decoder: Option<Decoder>,
    #[serde(default)]
    added_tokens: Vec<Added>,
}

#[derive(Deserialize)]
struct Bpe {
    #[serde(rename = "type")]
    kind: Option<String>,
    vocab: HashMap<String, u32>,
    merges: Vec<Merge>,
    dropout: Option<f32>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Pair(String, String),
    Text(String),
}

#[derive(Deserialize)]
struct Decoder {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    decoders: Vec<Decoder>,
}

impl Decoder {
    fn is_byte_level(&self) -> bool {
        self.kind == "ByteLevel" || self.decoders.iter().any(Self::is_byte_level)
    }
}

#[derive(Deserialize)]
struct Added {
    id: usize,
    content: String,
}
