//! Text to token ids and token ids to bytes.

use std::collections::BTreeMap;

use tokenizers::tokenizer::{Model as _, OffsetReferential, OffsetType, PreTokenizer as _};
use tokenizers::{AddedVocabulary, NormalizedString, Token};

use super::recipe::Built;
use super::spelling::{self, Spelling};
use super::{gguf_vocabulary, tokenizer_json};
use crate::error::{Error, Result};
use crate::weights::{TokenizerSource, Vocabulary};

/// Tokens that end a turn in the families' templates. Files do not always list them among the ends of a reply.
const TURN_ENDS: [&str; 8] = [
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<end_of_turn>",
    "<|end|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<｜end▁of▁sentence｜>",
];

/// A tokenizer with its control tokens: byte-level BPE, SentencePiece BPE or unigram.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// The added tokens without those that are control tokens.
    plain: AddedVocabulary,
    pieces: Vec<Piece>,
    /// Texts of control tokens, in groups by first byte.
    control: BTreeMap<u8, Vec<String>>,
    unknown: Option<u32>,
    has_prefix_space: bool,
    has_byte_fallback: bool,
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
        let recipe = match &source.vocabulary {
            Vocabulary::TokenizerJson(bytes) => tokenizer_json::recipe(bytes)?,
            Vocabulary::Gguf(vocabulary) => gguf_vocabulary::recipe(vocabulary.clone())?,
        };
        let Built { tokenizer: inner, spelling, unknown } = recipe.build(source.model_vocab_size)?;
        let mut plain = inner.get_added_vocabulary().clone();
        plain.set_encode_special_tokens(true);
        let mut pieces = vec![Piece::default(); source.model_vocab_size];
        let mut control: BTreeMap<u8, Vec<String>> = BTreeMap::new();
        let read = spelling.reader();
        let mut set = |id: u32, piece: Piece| match pieces.get_mut(id as usize) {
            Some(place) => {
                *place = piece;
                Ok(())
            }
            None => Err(Error::Tokenizer(format!("token {id} is not one of the model's"))),
        };
        for (text, id) in inner.get_vocab(false) {
            set(id, Piece { bytes: read(&text), is_control: false })?;
        }
        for (id, token) in inner.get_added_tokens_decoder() {
            // Added tokens are written as they are, but SentencePiece's may hold its character for a space.
            let bytes = match spelling {
                Spelling::ByteLevel => token.content.as_bytes().into(),
                Spelling::Text { .. } if token.special => token.content.as_bytes().into(),
                Spelling::Text { .. } => read(&token.content),
            };
            set(id, Piece { bytes, is_control: token.special })?;
            if let Some(first) = token.content.as_bytes().first().filter(|_| token.special) {
                control.entry(*first).or_default().push(token.content);
            }
        }
        let has_prefix_space = spelling.has_prefix_space();
        let has_byte_fallback = matches!(spelling, Spelling::Text { byte_fallback: true, .. });
        Ok(Self {
            inner,
            plain,
            pieces,
            control,
            unknown,
            has_prefix_space,
            has_byte_fallback,
            special_tokens: source.special_tokens.clone(),
        })
    }

    /// The token ids of `text`. Texts of control tokens become those tokens only if `parse_special`.
    ///
    /// Nothing is added before or after: the chat template writes everything that belongs there.
    pub fn tokenize(&self, text: &str, parse_special: bool) -> Result<Vec<u32>> {
        let added = if parse_special { self.inner.get_added_vocabulary() } else { &self.plain };
        self.encode(added, text, None)
    }

    /// The token ids of `text`, in which `mark` stands inside the texts of control tokens that are to stay texts. The
    /// text is tokenized as if the marks were not there.
    pub fn tokenize_marked(&self, text: &str, mark: char) -> Result<Vec<u32>> {
        self.encode(self.inner.get_added_vocabulary(), text, Some(mark))
    }

    fn encode(&self, added: &AddedVocabulary, text: &str, mark: Option<char>) -> Result<Vec<u32>> {
        let mut pieces = added.extract_and_normalize(self.inner.get_normalizer(), text);
        if let Some(mark) = mark {
            let unmark = |piece: &mut NormalizedString| {
                piece.filter(|char| char != mark);
                Ok(())
            };
            pieces.normalize(unmark).map_err(wrong)?;
        }
        if let Some(pre_tokenizer) = self.inner.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut pieces).map_err(wrong)?;
        }
        pieces.tokenize(|piece| self.encode_piece(piece.get())).map_err(wrong)?;
        let splits = pieces.get_splits(OffsetReferential::Original, OffsetType::None);
        Ok(splits.into_iter().filter_map(|(_, _, tokens)| tokens.as_ref()).flatten().map(|token| token.id).collect())
    }

    /// The tokens of text in which no control tokens are looked for. One that the model finds nevertheless, because its
    /// text is also a word, is spelled out character by character; so is the text `<0x0A>` where that is a byte's token.
    fn encode_piece(&self, piece: &str) -> tokenizers::Result<Vec<Token>> {
        let model = self.inner.get_model();
        let tokens = model.tokenize(piece)?;
        let is_misread = |token: &Token| {
            let text = piece.get(token.offsets.0..token.offsets.1).unwrap_or_default();
            if self.is_control(token.id) {
                return self.unknown != Some(token.id) || self.piece(token.id) == Some(text.as_bytes());
            }
            self.has_byte_fallback && text == token.value && spelling::byte(text).is_some()
        };
        if !tokens.iter().any(is_misread) {
            return Ok(tokens);
        }
        let mut spelled = Vec::new();
        for token in tokens {
            if is_misread(&token) {
                for char in piece.get(token.offsets.0..token.offsets.1).unwrap_or_default().chars() {
                    spelled.extend(model.tokenize(char.encode_utf8(&mut [0; 4]))?);
                }
            } else {
                spelled.push(token);
            }
        }
        Ok(spelled)
    }

    #[cfg(test)]
    /// How many ids the model knows, used or not; every id here is below it.
    pub fn vocab_size(&self) -> usize {
        self.pieces.len()
    }

    /// The id of the token that is written `text` in the vocabulary: control tokens by their own text.
    pub fn token_id(&self, text: &str) -> Option<u32> {
        self.inner.token_to_id(text)
    }

    /// The bytes that `id` stands for where it continues a text; they need not be whole characters. `None` if there is
    /// no such token.
    pub fn piece(&self, id: u32) -> Option<&[u8]> {
        self.pieces.get(id as usize).map(|piece| &*piece.bytes).filter(|bytes| !bytes.is_empty())
    }

    /// Whether `id` is structure, not text.
    pub fn is_control(&self, id: u32) -> bool {
        self.pieces.get(id as usize).is_some_and(|piece| piece.is_control)
    }

    /// Whether the first space of a text is the vocabulary's, not the text's.
    pub fn has_prefix_space(&self) -> bool {
        self.has_prefix_space
    }

    /// The control tokens here that are known to end a turn.
    pub fn turn_ends(&self) -> Vec<u32> {
        TURN_ENDS.iter().filter_map(|text| self.token_id(text)).filter(|id| self.is_control(*id)).collect()
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
}

fn wrong(error: tokenizers::Error) -> Error {
    Error::Tokenizer(error.to_string())
}
