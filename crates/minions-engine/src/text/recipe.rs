//! What a tokenizer is made from, whatever file it came from. All of it is checked here, before the `tokenizers` crate,
//! which panics on some inconsistencies, sees it.

use std::collections::{BTreeSet, HashMap};

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::models::unigram::Unigram;
use tokenizers::{AddedToken, ModelWrapper, NormalizerWrapper, PreTokenizerWrapper};

use super::spelling::{self, Spelling};
use super::thinking;
use super::tools::CALL_TAGS;
use crate::error::{Error, Result};

/// A tokenizer that has not been built.
pub struct Recipe {
    /// What text becomes before anything else.
    pub normalizer: Option<NormalizerWrapper>,
    /// How text is cut into pieces that no token spans.
    pub pre_tokenizer: Option<PreTokenizerWrapper>,
    /// How a piece becomes tokens.
    pub model: Model,
    /// Tokens that are found in text before it is normalized, with their ids.
    pub added: Vec<(usize, AddedToken)>,
    /// How a token is written in the vocabulary.
    pub spelling: Spelling,
}

/// How a piece of text becomes tokens.
pub enum Model {
    /// Pairs are merged, the first in the list first.
    Bpe {
        /// Token to id.
        vocab: Vocab,
        /// Pairs of tokens.
        merges: Vec<(String, String)>,
        /// What a character becomes that is no token.
        unknown: Option<String>,
        /// Whether unknown characters side by side are one token.
        fuses_unknown: bool,
        /// Whether unknown characters become `<0xXX>` instead, one a byte.
        byte_fallback: bool,
        /// Whether a piece that is a token is taken whole, wherever the merges lead.
        ignores_merges: bool,
    },
    /// The most probable tokens.
    Unigram {
        /// Tokens and the logarithms of their probabilities, by id.
        vocab: Vec<(String, f64)>,
        /// What a character becomes that is no token.
        unknown: usize,
        /// Whether unknown characters become `<0xXX>` instead, one a byte.
        byte_fallback: bool,
    },
}

/// A tokenizer of the `tokenizers` crate, and what that crate does not tell.
pub struct Built {
    /// The tokenizer.
    pub tokenizer: tokenizers::Tokenizer,
    /// How a token is written in the vocabulary.
    pub spelling: Spelling,
    /// The token of unknown characters.
    pub unknown: Option<u32>,
}

impl Recipe {
    /// Builds it, for a model that knows `vocab_size` ids.
    pub fn build(mut self, vocab_size: usize) -> Result<Built> {
        self.model.check(vocab_size)?;
        let ids = self.model.ids();
        self.check_added(&ids, vocab_size)?;
        self.check_unknown(&ids)?;
        drop(ids);
        for (_, token) in &mut self.added {
            token.special = is_control(token);
        }
        let unknown = self.model.unknown();
        let mut tokenizer = tokenizers::Tokenizer::new(self.model.build().map_err(wrong)?);
        tokenizer.with_normalizer(self.normalizer).map_err(wrong)?;
        tokenizer.with_pre_tokenizer(self.pre_tokenizer);
        tokenizer.add_tokens(self.added.into_iter().map(|(_, token)| token)).map_err(wrong)?;
        Ok(Built { tokenizer, spelling: self.spelling, unknown })
    }

    fn check_added(&self, ids: &Ids<'_>, vocab_size: usize) -> Result<()> {
        let mut next_id = self.model.len();
        let mut seen = HashMap::new();
        for (id, AddedToken { content, .. }) in &self.added {
            // The crate gives ids itself, in this order; a file that counts otherwise would be read wrongly.
            let known = ids.get(content).or_else(|| seen.get(content.as_str()).copied());
            let expected = known.unwrap_or(next_id);
            next_id += usize::from(known.is_none());
            seen.insert(content.as_str(), expected);
            if content.is_empty() || *id != expected || expected >= vocab_size {
                return failed(format!(
                    "the added token {content:?} has the id {id}, not {expected}, or that is not below {vocab_size}"
                ));
            }
        }
        Ok(())
    }

    /// Every text must have tokens: those of all bytes, or one for what is unknown.
    fn check_unknown(&self, ids: &Ids<'_>) -> Result<()> {
        let missing = match &self.spelling {
            Spelling::ByteLevel => spelling::chars_by_byte()
                .into_iter()
                .enumerate()
                // No text has these bytes; some vocabularies leave them out.
                .filter(|(byte, _)| !matches!(byte, 0xc0 | 0xc1 | 0xf5..))
                .find(|(_, char)| ids.get(&char.to_string()).is_none())
                .map(|(byte, _)| byte),
            Spelling::Text { byte_fallback, .. } => {
                let has_unknown = match &self.model {
                    Model::Bpe { unknown, .. } => unknown.is_some(),
                    Model::Unigram { .. } => true,
                };
                let is_byte_missing = |byte: &usize| !byte_fallback || ids.get(&format!("<0x{byte:02X}>")).is_none();
                (0..256).find(|byte| !has_unknown && is_byte_missing(byte))
            }
        };
        match missing {
            Some(byte) => failed(format!("there is no token for the byte {byte}, and none for unknown characters")),
            None => Ok(()),
        }
    }
}

impl Model {
    fn len(&self) -> usize {
        match self {
            Self::Bpe { vocab, .. } => vocab.len(),
            Self::Unigram { vocab, .. } => vocab.len(),
        }
    }

    fn ids(&self) -> Ids<'_> {
        match self {
            Self::Bpe { vocab, .. } => Ids::Bpe(vocab),
            Self::Unigram { vocab, .. } => {
                Ids::Unigram(vocab.iter().enumerate().map(|(id, (text, _))| (text.as_str(), id)).collect())
            }
        }
    }

    fn unknown(&self) -> Option<u32> {
        match self {
            Self::Bpe { vocab, unknown, .. } => vocab.get(unknown.as_ref()?).copied(),
            Self::Unigram { unknown, .. } => u32::try_from(*unknown).ok(),
        }
    }

    fn check(&self, vocab_size: usize) -> Result<()> {
        match self {
            Self::Bpe { vocab, merges, unknown, .. } => {
                let mut ids = BTreeSet::new();
                for (text, id) in vocab {
                    if *id as usize >= vocab_size || !ids.insert(*id) {
                        return failed(format!(
                            "token {text:?} has the id {id}, which is taken, or not below {vocab_size}"
                        ));
                    }
                }
                let mut merged = String::new();
                for (left, right) in merges {
                    merged.clear();
                    merged.extend([left.as_str(), right.as_str()]);
                    if let Some(absent) = [left, right, &merged].into_iter().find(|token| !vocab.contains_key(*token)) {
                        return failed(format!(
                            "the merge of {left:?} and {right:?} needs {absent:?}, which is not a token"
                        ));
                    }
                }
                match unknown.as_ref().filter(|unknown| !vocab.contains_key(*unknown)) {
                    Some(unknown) => failed(format!("the unknown token {unknown:?} is not in the vocabulary")),
                    None => Ok(()),
                }
            }
            Self::Unigram { vocab, unknown, .. } => {
                if vocab.len() > vocab_size {
                    return failed(format!("{} tokens for an embedding of {vocab_size} rows", vocab.len()));
                }
                if *unknown >= vocab.len() {
                    return failed(format!("the unknown token has the id {unknown} of {}", vocab.len()));
                }
                let mut seen = BTreeSet::new();
                for (id, (text, score)) in vocab.iter().enumerate() {
                    // An empty token would be found at one place for ever.
                    if text.is_empty() || !seen.insert(text) {
                        return failed(format!("token {id}, {text:?}, is empty or appears twice"));
                    }
                    if !score.is_finite() {
                        return failed(format!("token {id}, {text:?}, has the score {score}"));
                    }
                }
                Ok(())
            }
        }
    }

    fn build(self) -> tokenizers::Result<ModelWrapper> {
        Ok(match self {
            Self::Bpe { vocab, merges, unknown, fuses_unknown, byte_fallback, ignores_merges } => {
                let mut bpe = BPE::builder()
                    .vocab_and_merges(vocab, merges)
                    .fuse_unk(fuses_unknown)
                    .byte_fallback(byte_fallback)
                    .ignore_merges(ignores_merges);
                if let Some(unknown) = unknown {
                    bpe = bpe.unk_token(unknown);
                }
                bpe.build()?.into()
            }
            Self::Unigram { vocab, unknown, byte_fallback } => {
                Unigram::from(vocab, Some(unknown), byte_fallback)?.into()
            }
        })
    }
}

/// The ids of a vocabulary.
enum Ids<'a> {
    Bpe(&'a Vocab),
    Unigram(HashMap<&'a str, usize>),
}

impl Ids<'_> {
    fn get(&self, text: &str) -> Option<usize> {
        match self {
            Self::Bpe(vocab) => vocab.get(text).map(|id| *id as usize),
            Self::Unigram(ids) => ids.get(text).copied(),
        }
    }
}

/// Whether an added token is structure, not text. Converters do not always say so: what looks like structure is
/// (llama.cpp, `convert_hf_to_gguf.py`: `does_token_look_special`). The tags of thoughts and calls are text to be
/// parsed.
fn is_control(token: &AddedToken) -> bool {
    let content = token.content.as_str();
    let looks_so = [("<|", "|>"), ("<｜", "｜>")].iter().any(|(begin, end)| {
        content.len() > begin.len() + end.len() && content.starts_with(begin) && content.ends_with(end)
    });
    let is_turn = ["<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]"].contains(&content);
    (token.special || looks_so || is_turn) && !thinking::TAGS.contains(&content) && !CALL_TAGS.contains(&content)
}

fn failed<T>(message: String) -> Result<T> {
    Err(Error::Tokenizer(message))
}

fn wrong(error: tokenizers::Error) -> Error {
    Error::Tokenizer(error.to_string())
}
