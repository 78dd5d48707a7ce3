//! Text to token ids and token ids to bytes: byte-level BPE, as GPT-2, Llama 3, Qwen and SmolLM use it.

use std::collections::BTreeMap;

use tokenizers::tokenizer::{Model as _, OffsetType, PreTokenizer as _};
use tokenizers::{AddedVocabulary, Tokenizer as Bpe};

use super::vocabulary;
use crate::error::{Error, Result};
use crate::weights::{TokenizerSource, Vocabulary};

/// A byte-level BPE tokenizer with its control tokens.
#[derive(Debug)]
pub struct Tokenizer {
    bpe: Bpe,
    /// The added tokens without those that are control tokens.
    plain: AddedVocabulary,
    pieces: Vec<Piece>,
    /// Texts of control tokens, in groups by first byte.
    control: BTreeMap<u8, Vec<String>>,
    special_tokens: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default)]
struct Piece {
    bytes: Box<[u8]>,
    is_control: bool,
}

impl Tokenizer {
    /// From the vocabulary of a model file.
    pub fn from_source(source: &TokenizerSource) -> Result<Self> {
        match &source.vocabulary {
            Vocabulary::TokenizerJson(bytes) => Self::new(bytes, source),
            Vocabulary::Gguf(vocabulary) => Self::new(&vocabulary::tokenizer_json(vocabulary)?, source),
        }
    }

    fn new(tokenizer_json: &[u8], source: &TokenizerSource) -> Result<Self> {
        vocabulary::check(tokenizer_json, source.model_vocab_size)?;
        let bpe = Bpe::from_bytes(tokenizer_json).map_err(wrong)?;
        let mut plain = bpe.get_added_vocabulary().clone();
        plain.set_encode_special_tokens(true);

        let bytes_by_char = bytes_by_char();
        let mut pieces = vec![Piece::default(); source.model_vocab_size];
        let mut set = |id: u32, piece: Piece| match pieces.get_mut(id as usize) {
            Some(place) => {
                *place = piece;
                Ok(())
            }
            None => Err(Error::Tokenizer(format!("token {id} is not one of the model's"))),
        };
        for (text, id) in bpe.get_vocab(false) {
            let bytes: Option<Box<[u8]>> = text.chars().map(|char| bytes_by_char.get(&char).copied()).collect();
            set(id, Piece { bytes: bytes.unwrap_or_else(|| text.as_bytes().into()), is_control: false })?;
        }
        let mut control: BTreeMap<u8, Vec<String>> = BTreeMap::new();
        for (id, token) in bpe.get_added_tokens_decoder() {
            set(id, Piece { bytes: token.content.as_bytes().into(), is_control: token.special })?;
            if let Some(first) = token.content.as_bytes().first().filter(|_| token.special) {
                control.entry(*first).or_default().push(token.content);
            }
        }
        for (char, byte) in &bytes_by_char {
            if bpe.get_model().token_to_id(&char.to_string()).is_none() {
                return Err(Error::Tokenizer(format!("there is no token for the byte {byte}")));
            }
        }
        Ok(Self { bpe, plain, pieces, control, special_tokens: source.special_tokens.clone() })
    }

    /// The token ids of `text`. Texts of control tokens become those tokens only if `parse_special`.
    ///
    /// Nothing is added before or after: the chat template writes everything that belongs there.
    pub fn tokenize(&self, text: &str, parse_special: bool) -> Result<Vec<u32>> {
        let added = if parse_special { self.bpe.get_added_vocabulary() } else { &self.plain };
        let mut pieces = added.extract_and_normalize(self.bpe.get_normalizer(), text);
        if let Some(pre_tokenizer) = self.bpe.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut pieces).map_err(wrong)?;
        }
        let model = self.bpe.get_model();
        pieces.tokenize(|piece| model.tokenize(piece.get())).map_err(wrong)?;
        let encoding = pieces.into_encoding(None, 0, OffsetType::None).map_err(wrong)?;
        let ids = encoding.get_ids();
        if parse_special || !ids.iter().any(|id| self.is_control(*id)) {
            return Ok(ids.to_vec());
        }
        // A control token that is also a word: spelled out, byte by byte.
        Ok(ids.iter().flat_map(|id| if self.is_control(*id) { self.spell(*id) } else { vec![*id] }).collect())
    }

    #[cfg(test)]
    /// How many ids the model knows, used or not; every id here is below it.
    pub fn vocab_size(&self) -> usize {
        self.pieces.len()
    }

    #[cfg(test)]
    /// The id of the token that is written `text` in the vocabulary: control tokens by their own text.
    pub fn token_id(&self, text: &str) -> Option<u32> {
        self.bpe.token_to_id(text)
    }

    /// The bytes that `id` stands for, which need not be whole characters; `None` if there is no such token.
    pub fn piece(&self, id: u32) -> Option<&[u8]> {
        self.pieces.get(id as usize).map(|piece| &*piece.bytes).filter(|bytes| !bytes.is_empty())
    }

    /// Whether `id` is structure, not text.
    pub fn is_control(&self, id: u32) -> bool {
        self.pieces.get(id as usize).is_some_and(|piece| piece.is_control)
    }

    /// The texts of the tokens that chat templates know by name: `bos_token`, `eos_token`…
    pub fn special_tokens(&self) -> &BTreeMap<String, String> {
        &self.special_tokens
    }

    /// Where the text of a control token begins in `text`, from left to right, overlapping ones too.
    pub fn control_texts<'a>(&'a self, text: &'a str) -> impl Iterator<Item = usize> + 'a {
        let bytes = text.as_bytes();
        bytes.iter().enumerate().filter_map(move |(at, byte)| {
            let candidates = self.control.get(byte)?;
            let rest = bytes.get(at..)?;
            candidates.iter().any(|control| rest.starts_with(control.as_bytes())).then_some(at)
        })
    }

    fn spell(&self, id: u32) -> Vec<u32> {
        let chars = chars_by_byte();
        let bytes = self.piece(id).unwrap_or_default().iter();
        bytes.filter_map(|byte| self.bpe.get_model().token_to_id(&chars[usize::from(*byte)].to_string())).collect()
    }
}

fn wrong(error: tokenizers::Error) -> Error {
    Error::Tokenizer(error.to_string())
}

/// The character that stands for each byte in byte-level vocabularies (GPT-2, `encoder.py`: `bytes_to_unicode`):
/// itself if it is visible, otherwise the next one from U+0100.
fn chars_by_byte() -> [char; 256] {
    let mut next_invisible = '\u{100}'..;
    std::array::from_fn(|byte| match byte {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => char::from(byte as u8),
        _ => next_invisible.next().unwrap_or_default(),
    })
}

fn bytes_by_char() -> BTreeMap<char, u8> {
    chars_by_byte().into_iter().zip(0..=255).collect()
}
