//! The tokenizer of a GGUF file's vocabulary: byte-level BPE (`gpt2`), SentencePiece BPE (`llama`) and unigram (`t5`).

use std::cmp::Reverse;

use tokenizers::models::bpe::Vocab;
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{Prepend, Replace, Sequence};
use tokenizers::{AddedToken, NormalizerWrapper};

use super::charsmap::charsmap;
use super::pre_tokenizers::PreTokenizer;
use super::recipe::{Model, Recipe};
use super::spelling::Spelling;
use crate::error::{Error, Result};
use crate::weights::{GgufVocabulary, TokenKind};

/// What SentencePiece writes for a space.
const SPACE: &str = "▁";

/// What a GGUF vocabulary says.
pub fn recipe(source: GgufVocabulary) -> Result<Recipe> {
    match source.model.as_str() {
        "gpt2" => byte_level(source),
        "llama" => sentencepiece_bpe(source),
        "t5" => unigram(source),
        _ => {
            let supported = "gpt2 (byte-level BPE), llama (SentencePiece BPE), t5 (unigram)";
            Err(Error::Unsupported { what: "tokenizer", name: source.model, supported })
        }
    }
}

fn byte_level(source: GgufVocabulary) -> Result<Recipe> {
    let pre_tokenizer = PreTokenizer::find(&source.pre)?;
    let mut merges = Vec::with_capacity(source.merges.len());
    for merge in &source.merges {
        // A part may itself begin with a space.
        let space = merge.char_indices().skip(1).find(|(_, character)| *character == ' ');
        let parts = space.and_then(|(at, _)| Some((merge.get(..at)?, merge.get(at + 1..)?)));
        let Some((left, right)) = parts else { return failed(format!("merge {merge:?} is not a pair of tokens")) };
        merges.push((left.to_owned(), right.to_owned()));
    }
    let added = added(&source);
    Ok(Recipe {
        normalizer: pre_tokenizer.normalizer(),
        pre_tokenizer: Some(pre_tokenizer.build().map_err(|error| Error::Tokenizer(error.to_string()))?),
        model: Model::Bpe {
            vocab: vocab(source.tokens)?,
            merges,
            unknown: None,
            fuses_unknown: false,
            byte_fallback: false,
            ignores_merges: pre_tokenizer.ignores_merges,
        },
        added,
        spelling: Spelling::ByteLevel,
    })
}

/// SentencePiece keeps no merges: of two neighbours that together are a token, those of the highest score are merged
/// first. So every token gives the merges that lead to it, in the order of the scores, as Hugging Face converts them
/// (transformers, `generate_merges`).
fn sentencepiece_bpe(mut source: GgufVocabulary) -> Result<Recipe> {
    let scores = scores(&mut source)?;
    let unknown = unknown(&source).and_then(|id| source.tokens.get(id).cloned());
    let normalizer = normalizer(&source)?;
    let (added, spelling) = (added(&source), text_spelling(&source));
    // Neither structure nor bytes are ever merged from text.
    let is_text = |id: &usize| matches!(source.kinds.get(*id), Some(TokenKind::Normal | TokenKind::UserDefined));
    let texts: Vec<(usize, String)> =
        source.tokens.iter().enumerate().filter(|(id, _)| is_text(id)).map(|(id, text)| (id, text.clone())).collect();
    let vocab = vocab(source.tokens)?;
    let find = |text: &str| vocab.get(text).map(|id| *id as usize).filter(is_text);
    let mut merges = Vec::new();
    for (token, text) in &texts {
        for (at, _) in text.char_indices().skip(1) {
            let (left, right) = text.split_at(at);
            if let (Some(_), Some(_)) = (find(left), find(right)) {
                merges.push((scores.get(*token).copied().unwrap_or_default(), left, right));
            }
        }
    }
    let lengths = |text: &str| Reverse(text.chars().count());
    merges.sort_by(|(score, left, right), (other_score, other_left, other_right)| {
        let by_score = other_score.total_cmp(score);
        by_score.then_with(|| (lengths(left), lengths(right)).cmp(&(lengths(other_left), lengths(other_right))))
    });
    let merges = merges.into_iter().map(|(_, left, right)| (left.to_owned(), right.to_owned())).collect();
    let byte_fallback = true;
    Ok(Recipe {
        normalizer,
        pre_tokenizer: None,
        model: Model::Bpe { vocab, merges, unknown, fuses_unknown: true, byte_fallback, ignores_merges: false },
        added,
        spelling,
    })
}

fn unigram(mut source: GgufVocabulary) -> Result<Recipe> {
    let scores = scores(&mut source)?;
    let Some(unknown) = unknown(&source) else {
        return failed(
            "tokenizer.ggml.unknown_token_id is missing, and no token is of the type for unknown".to_owned(),
        );
    };
    let normalizer = normalizer(&source)?;
    let (added, spelling) = (added(&source), text_spelling(&source));
    let byte_fallback = source.kinds.contains(&TokenKind::Byte);
    let vocab = source.tokens.into_iter().zip(scores.into_iter().map(f64::from)).collect();
    Ok(Recipe {
        normalizer,
        pre_tokenizer: None,
        model: Model::Unigram { vocab, unknown, byte_fallback },
        added,
        spelling,
    })
}

fn vocab(tokens: Vec<String>) -> Result<Vocab> {
    let mut vocab = Vocab::default();
    for (id, text) in (0u32..).zip(tokens) {
        if let Some(first) = vocab.get(&text) {
            return failed(format!("token {text:?} appears twice in tokenizer.ggml.tokens, as {first} and {id}"));
        }
        vocab.insert(text, id);
    }
    Ok(vocab)
}

fn scores(source: &mut GgufVocabulary) -> Result<Vec<f32>> {
    let scores = std::mem::take(&mut source.scores);
    if scores.len() != source.tokens.len() {
        return failed(format!(
            "tokenizer.ggml.scores has {} entries for {} tokens",
            scores.len(),
            source.tokens.len()
        ));
    }
    match scores.iter().position(|score| !score.is_finite()) {
        Some(id) => failed(format!("token {id} has a score that is not a number (tokenizer.ggml.scores)")),
        None => Ok(scores),
    }
}

fn unknown(source: &GgufVocabulary) -> Option<usize> {
    source.unknown.or_else(|| source.kinds.iter().position(|kind| *kind == TokenKind::Unknown))
}

/// Characters as SentencePiece has them, then spaces as it writes them, one put before a text where the file wants it.
fn normalizer(source: &GgufVocabulary) -> Result<Option<NormalizerWrapper>> {
    let replace = |pattern: ReplacePattern, content: &str| {
        Replace::new(pattern, content).map_err(|error| Error::Tokenizer(error.to_string()))
    };
    let mut steps: Vec<NormalizerWrapper> = Vec::new();
    if !source.charsmap.is_empty() {
        steps.push(charsmap(&source.charsmap)?.into());
    }
    if source.removes_extra_spaces {
        steps.push(replace(ReplacePattern::Regex(r"\A +| +\z".to_owned()), "")?.into());
        steps.push(replace(ReplacePattern::Regex(" {2,}".to_owned()), " ")?.into());
    }
    if source.adds_prefix_space {
        steps.push(Prepend::new(SPACE.to_owned()).into());
    }
    steps.push(replace(ReplacePattern::String(" ".to_owned()), SPACE)?.into());
    Ok(Some(Sequence::new(steps).into()))
}

fn text_spelling(source: &GgufVocabulary) -> Spelling {
    Spelling::Text {
        replacements: vec![(SPACE.to_owned(), " ".to_owned())],
        byte_fallback: true,
        has_prefix_space: source.adds_prefix_space,
    }
}

/// The tokens that are found in text before anything else.
fn added(source: &GgufVocabulary) -> Vec<(usize, AddedToken)> {
    let tokens = source.tokens.iter().zip(&source.kinds).enumerate();
    let added = tokens.filter_map(|(id, (text, kind))| {
        let special = match kind {
            TokenKind::Normal | TokenKind::Byte => return None,
            TokenKind::Unknown | TokenKind::Control => true,
            TokenKind::UserDefined => false,
        };
        let token = AddedToken::from(text.as_str(), special).normalized(false);
        // `<unk>`, `<s>` and `<|endoftext|>` are not written by the template between lines.
        let strips =
            source.strips_after_control && special && !["<unk>", "<s>", "<|endoftext|>"].contains(&text.as_str());
        Some((id, token.rstrip(strips)))
    });
    added.collect()
}

fn failed<T>(message: String) -> Result<T> {
    Err(Error::Tokenizer(message))
}
