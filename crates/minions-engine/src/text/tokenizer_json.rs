//! Hugging Face's `tokenizer.json`.
//!
//! The `tokenizers` crate can read it too, but buffers the whole model in between: four times the memory for the largest
//! vocabularies. Of the parts that are left to the crate, normalizers and pre-tokenizers, only kinds that are known to be
//! safe with any settings get there.

use serde::de::{DeserializeOwned, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tokenizers::models::bpe::Vocab;
use tokenizers::normalizers::Sequence;
use tokenizers::{AddedToken, NormalizerWrapper};

use super::charsmap::{base64, charsmap};
use super::recipe::{Model, Recipe};
use super::spelling::Spelling;
use crate::error::{Error, Result};

const NORMALIZERS: &str =
    "NFC, NFD, NFKC, NFKD, Nmt, Precompiled, Lowercase, Strip, StripAccents, Replace, Prepend, and sequences of them";

const PRE_TOKENIZERS: &str = "ByteLevel, Metaspace, Split, Digits, Punctuation, Whitespace, WhitespaceSplit, UnicodeScripts, and sequences of them";

/// No step puts in more at once: texts would grow without bound.
const MAX_INSERTED_BYTES: usize = 64;

/// What the file says.
pub fn recipe(bytes: &[u8]) -> Result<Recipe> {
    let document: Document = serde_json::from_slice(bytes).map_err(|error| parse_error(&error))?;
    let normalizer = document.normalizer.filter(|step| !step.is_null());
    let pre_tokenizer = document.pre_tokenizer.filter(|step| !step.is_null());
    if let Some(step) = &pre_tokenizer {
        check_pre_tokenizer(step)?;
    }
    Ok(Recipe {
        normalizer: normalizer.map(build_normalizer).transpose()?,
        pre_tokenizer: pre_tokenizer.map(parse).transpose()?,
        model: document.model.recipe()?,
        added: document.added_tokens.into_iter().map(|added| (added.id, added.token)).collect(),
        spelling: spelling(document.decoder.filter(|step| !step.is_null()).as_ref())?,
    })
}

fn parse_error(error: &serde_json::Error) -> Error {
    Error::Tokenizer(format!("tokenizer.json does not parse: {error}"))
}

fn parse<T: DeserializeOwned>(step: Value) -> Result<T> {
    serde_json::from_value(step).map_err(|error| parse_error(&error))
}

fn unsupported<T>(what: &'static str, name: &str, supported: &'static str) -> Result<T> {
    Err(Error::Unsupported { what, name: name.to_owned(), supported })
}

#[derive(Deserialize)]
struct Document {
    model: ModelJson,
    normalizer: Option<Value>,
    pre_tokenizer: Option<Value>,
    decoder: Option<Value>,
    #[serde(default)]
    added_tokens: Vec<Added>,
}

#[derive(Deserialize)]
struct Added {
    id: usize,
    #[serde(flatten)]
    token: AddedToken,
}

#[derive(Deserialize)]
struct ModelJson {
    #[serde(rename = "type")]
    kind: Option<String>,
    vocab: VocabJson,
    merges: Option<Vec<Merge>>,
    dropout: Option<f32>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    unk_token: Option<String>,
    unk_id: Option<usize>,
    fuse_unk: Option<bool>,
    byte_fallback: Option<bool>,
    ignore_merges: Option<bool>,
}

impl ModelJson {
    fn recipe(self) -> Result<Model> {
        let supported = "BPE, Unigram";
        let byte_fallback = self.byte_fallback.unwrap_or(false);
        match (self.kind.as_deref(), self.vocab) {
            (Some("BPE") | None, VocabJson::Ids(vocab)) => {
                if self.dropout.is_some_and(|dropout| dropout > 0.0) {
                    return unsupported("tokenizer", "BPE with dropout", supported);
                }
                let affixes = [self.continuing_subword_prefix, self.end_of_word_suffix];
                if affixes.into_iter().flatten().any(|affix| !affix.is_empty()) {
                    return unsupported("tokenizer", "BPE with a subword prefix or suffix", supported);
                }
                let merges = self.merges.unwrap_or_default().into_iter().map(|merge| (merge.0, merge.1)).collect();
                Ok(Model::Bpe {
                    vocab,
                    merges,
                    unknown: self.unk_token,
                    fuses_unknown: self.fuse_unk.unwrap_or(false),
                    byte_fallback,
                    ignores_merges: self.ignore_merges.unwrap_or(false),
                })
            }
            (Some("Unigram") | None, VocabJson::Scores(vocab)) => {
                let unknown = self.unk_id.ok_or_else(|| {
                    Error::Tokenizer("tokenizer.json: unk_id is missing: some texts would have no tokens".to_owned())
                })?;
                Ok(Model::Unigram { vocab, unknown, byte_fallback })
            }
            (Some("BPE" | "Unigram"), _) => Err(Error::Tokenizer(
                "tokenizer.json: the vocabulary of BPE is an object, that of Unigram an array".to_owned(),
            )),
            (Some(kind), _) => unsupported("tokenizer", kind, supported),
        }
    }
}

/// A vocabulary: ids by token (BPE), or tokens with scores by id (Unigram).
enum VocabJson {
    Ids(Vocab),
    Scores(Vec<(String, f64)>),
}

impl<'de> Deserialize<'de> for VocabJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = VocabJson;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of token ids or an array of tokens and scores")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> std::result::Result<VocabJson, A::Error> {
                let mut vocab = Vocab::default();
                while let Some((token, id)) = map.next_entry::<String, u32>()? {
                    if vocab.insert(token, id).is_some() {
                        return Err(A::Error::custom(format!("token {id} appears twice")));
                    }
                }
                Ok(VocabJson::Ids(vocab))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<VocabJson, A::Error> {
                let mut vocab = Vec::new();
                while let Some(entry) = seq.next_element()? {
                    vocab.push(entry);
                }
                Ok(VocabJson::Scores(vocab))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// A pair of tokens: `["a", "b"]`, or `"a b"` in older files.
struct Merge(String, String);

impl<'de> Deserialize<'de> for Merge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Merge;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a pair of tokens")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Merge, E> {
                let pair = text.split_once(' ').filter(|(_, right)| !right.contains(' '));
                let (left, right) = pair.ok_or_else(|| E::custom(format!("merge {text:?} is not a pair of tokens")))?;
                Ok(Merge(left.to_owned(), right.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Merge, A::Error> {
                match (seq.next_element()?, seq.next_element()?, seq.next_element::<String>()?) {
                    (Some(left), Some(right), None) => Ok(Merge(left, right)),
                    _ => Err(A::Error::custom("a merge is not a pair of tokens")),
                }
            }
        }

        deserializer.deserialize_any(Either)
    }
}

fn kind(step: &Value) -> &str {
    step.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// The steps of a `Sequence`.
fn steps<'a>(sequence: &'a Value, key: &str) -> Result<&'a [Value]> {
    let steps = sequence.get(key).and_then(Value::as_array);
    steps.map(Vec::as_slice).ok_or_else(|| Error::Tokenizer(format!("tokenizer.json: a Sequence has no {key}")))
}

fn build_normalizer(step: Value) -> Result<NormalizerWrapper> {
    let is_small =
        |key: &str| step.get(key).and_then(Value::as_str).is_none_or(|inserted| inserted.len() <= MAX_INSERTED_BYTES);
    match kind(&step) {
        "Sequence" => {
            let steps = steps(&step, "normalizers")?.iter().cloned();
            Ok(Sequence::new(steps.map(build_normalizer).collect::<Result<_>>()?).into())
        }
        "Precompiled" => {
            let map = step.get("precompiled_charsmap").and_then(Value::as_str).unwrap_or_default();
            Ok(charsmap(&base64(map)?)?.into())
        }
        "NFC" | "NFD" | "NFKC" | "NFKD" | "Nmt" | "Lowercase" | "Strip" | "StripAccents" => parse(step),
        "Replace" if is_small("content") => parse(step),
        "Prepend" if is_small("prepend") => parse(step),
        other => unsupported("normalizer", other, NORMALIZERS),
    }
}

fn check_pre_tokenizer(step: &Value) -> Result<()> {
    match kind(step) {
        "Sequence" => steps(step, "pretokenizers")?.iter().try_for_each(check_pre_tokenizer),
        "ByteLevel" | "Metaspace" | "Split" | "Digits" | "Punctuation" | "Whitespace" | "WhitespaceSplit"
        | "UnicodeScripts" => Ok(()),
        other => unsupported("pre-tokenizer", other, PRE_TOKENIZERS),
    }
}

/// How tokens are written, as the decoder's steps tell.
fn spelling(decoder: Option<&Value>) -> Result<Spelling> {
    let mut flat = Vec::new();
    flatten(decoder, &mut flat)?;
    if flat.iter().any(|step| kind(step) == "ByteLevel") {
        return Ok(Spelling::ByteLevel);
    }
    let (mut replacements, mut byte_fallback, mut has_prefix_space) = (Vec::new(), false, false);
    let text = |step: &Value, key: &str| step.get(key).and_then(Value::as_str).map(str::to_owned);
    for step in flat {
        let is_known = match kind(step) {
            "ByteFallback" => {
                byte_fallback = true;
                true
            }
            "Fuse" => true,
            "Replace" => {
                let from = step.get("pattern").and_then(|pattern| text(pattern, "String"));
                let pair = from.filter(|from| !from.is_empty()).zip(text(step, "content"));
                let is_known = pair.is_some();
                replacements.extend(pair);
                is_known
            }
            "Strip" => {
                let is_count = |key: &str, count: u64| step.get(key).and_then(Value::as_u64) == Some(count);
                has_prefix_space = is_count("start", 1);
                text(step, "content").as_deref() == Some(" ")
                    && is_count("stop", 0)
                    && (has_prefix_space || is_count("start", 0))
            }
            "Metaspace" => {
                let is_never = text(step, "prepend_scheme").as_deref() == Some("never")
                    || step.get("add_prefix_space").and_then(Value::as_bool) == Some(false);
                has_prefix_space = !is_never;
                let replacement = text(step, "replacement").filter(|replacement| !replacement.is_empty());
                let is_known = replacement.is_some();
                replacements.extend(replacement.map(|replacement| (replacement, " ".to_owned())));
                is_known
            }
            _ => false,
        };
        if !is_known {
            return unsupported_decoder(&step.to_string());
        }
    }
    if replacements.is_empty() {
        return unsupported_decoder("no decoder that writes spaces");
    }
    Ok(Spelling::Text { replacements, byte_fallback, has_prefix_space })
}

fn unsupported_decoder<T>(name: &str) -> Result<T> {
    let supported = "ByteLevel, Metaspace, or a sequence of Replace, ByteFallback, Fuse and Strip of one space";
    unsupported("decoder", name, supported)
}

fn flatten<'a>(decoder: Option<&'a Value>, flat: &mut Vec<&'a Value>) -> Result<()> {
    match decoder {
        Some(step) if kind(step) == "Sequence" => {
            steps(step, "decoders")?.iter().try_for_each(|step| flatten(Some(step), flat))
        }
        step => {
            flat.extend(step);
            Ok(())
        }
    }
}
