//! Tokenizers of every kind and pattern against what Hugging Face and SentencePiece make of the corpus
//! (`tools/parity/tokenizers`), from `tokenizer.json` and from GGUF vocabularies.

use serde_json::Value;
use tokenizers::{NormalizedString, Normalizer as _};

use super::corpus::{GROUPS, documents, hashes};
use super::*;
use crate::text::pre_tokenizers::PreTokenizer;
use crate::weights::tests::gguf_vocabulary;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../../../tests/fixtures/tokenizers/", $name)).as_slice()
    };
}

/// Byte-level tokenizers, by the name of their pre-tokenizer in GGUF files.
pub const BYTE_LEVEL: [(&str, &[u8]); 10] = [
    ("llama-bpe", fixture!("llama-bpe.json")),
    ("qwen2", fixture!("qwen2.json")),
    ("qwen35", fixture!("qwen35.json")),
    ("tekken", fixture!("tekken.json")),
    ("gpt-4o", fixture!("gpt-4o.json")),
    ("refact", fixture!("refact.json")),
    ("gpt-2", fixture!("gpt-2.json")),
    ("deepseek-v3", fixture!("deepseek-v3.json")),
    ("deepseek-coder", fixture!("deepseek-coder.json")),
    ("default", fixture!("default.json")),
];

/// SentencePiece's models in both forms.
pub const SENTENCEPIECE: [(&str, &[u8], &[u8]); 4] = [
    ("llama", fixture!("llama.json"), fixture!("llama.gguf")),
    ("gemma", fixture!("gemma.json"), fixture!("gemma.gguf")),
    ("unigram", fixture!("unigram.json"), fixture!("unigram.gguf")),
    // With a map of characters, and spaces made one.
    ("normalizing", fixture!("normalizing.json"), fixture!("normalizing.gguf")),
];

/// Rows of the embedding: more than any of these tokenizers has tokens.
pub const VOCAB_SIZE: usize = 1200;

pub fn from_json(bytes: &[u8]) -> Result<Tokenizer> {
    let vocabulary = Vocabulary::TokenizerJson(bytes.to_vec());
    Tokenizer::from_source(&TokenizerSource { vocabulary, special_tokens: [].into(), model_vocab_size: VOCAB_SIZE })
}

/// A `tokenizer.json` as its GGUF vocabulary.
pub fn as_gguf(pre: &str, bytes: &[u8]) -> GgufVocabulary {
    let document: Value = serde_json::from_slice(bytes).expect("it parses");
    let vocab = document["model"]["vocab"].as_object().expect("it is BPE");
    let added = document["added_tokens"].as_array().expect("they are listed");
    let len = vocab.len() + added.len();
    let (mut tokens, mut kinds) = (vec![String::new(); len], vec![TokenKind::Normal; len]);
    for (token, id) in vocab {
        tokens[id.as_u64().expect("it is an id") as usize].clone_from(token);
    }
    for token in added {
        let id = token["id"].as_u64().expect("it is an id") as usize;
        tokens[id] = token["content"].as_str().expect("it is a text").to_owned();
        kinds[id] = if token["special"] == true { TokenKind::Control } else { TokenKind::UserDefined };
    }
    let merges = document["model"]["merges"].as_array().expect("they are listed");
    let merges = merges.iter().map(|pair| {
        let [left, right] = [&pair[0], &pair[1]].map(|part| part.as_str().expect("it is a text"));
        format!("{left} {right}")
    });
    let (merges, pre, model) = (merges.collect(), pre.to_owned(), "gpt2".to_owned());
    GgufVocabulary { model, pre, tokens, kinds, merges, ..Default::default() }
}

fn from_gguf(vocabulary: GgufVocabulary) -> Tokenizer {
    let vocabulary = Vocabulary::Gguf(vocabulary);
    let source = TokenizerSource { vocabulary, special_tokens: [].into(), model_vocab_size: VOCAB_SIZE };
    Tokenizer::from_source(&source).expect("it is right")
}

fn golden() -> Value {
    serde_json::from_slice(fixture!("golden.json")).expect("it parses")
}

fn ids(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
    tokenizer.tokenize(text, true).expect("it tokenizes")
}

/// Of the groups of documents, those that are enough to see that both forms are one tokenizer.
const FEW_GROUPS: usize = 8;

#[track_caller]
fn assert_agrees(tokenizer: &Tokenizer, golden: &Value, corpus: &[String], groups: usize, name: &str) {
    let is_compared = |index: usize| index % GROUPS < groups;
    let documents = corpus.iter().enumerate();
    let found =
        hashes(documents.map(|(index, text)| if is_compared(index) { ids(tokenizer, text) } else { Vec::new() }));
    let expected: Vec<String> = serde_json::from_value(golden["ids"].clone()).expect("they are listed");
    let different = found.iter().zip(&expected).take(groups).filter(|(found, expected)| found != expected).count();
    assert_eq!(different, 0, "groups of documents that {name} tokenizes differently, of {groups}");
}

#[test]
fn makes_the_same_corpus() {
    let bytes = documents().into_iter().map(|text| text.bytes().map(u32::from).collect());
    let expected: Vec<String> = serde_json::from_value(golden()["text"].clone()).expect("they are listed");
    assert_eq!(hashes(bytes), expected);
}

#[test]
fn agrees_with_hugging_face_on_byte_level_tokenizers() {
    let (golden, corpus) = (golden(), documents());
    for (name, json) in BYTE_LEVEL {
        let tokenizer = from_json(json).expect(name);
        assert_agrees(&tokenizer, &golden[name], &corpus, FEW_GROUPS, name);
    }
}

#[test]
fn agrees_with_hugging_face_on_byte_level_vocabularies() {
    let (golden, corpus) = (golden(), documents());
    for (name, json) in BYTE_LEVEL {
        assert_agrees(&from_gguf(as_gguf(name, json)), &golden[name], &corpus, GROUPS, name);
    }
}

#[test]
fn agrees_with_hugging_face_on_sentencepiece_models_in_both_forms() {
    let (golden, corpus) = (golden(), documents());
    for (name, json, gguf) in SENTENCEPIECE {
        assert_agrees(&from_json(json).expect(name), &golden[name], &corpus, FEW_GROUPS, name);
        let source = gguf_vocabulary(gguf, VOCAB_SIZE).expect(name);
        assert_agrees(&Tokenizer::from_source(&source).expect(name), &golden[name], &corpus, GROUPS, name);
    }
}

/// SentencePiece itself, on documents without texts of control tokens. Where two merges of one score overlap, it takes
/// the one on the left, and Hugging Face the one that stands first among the merges; those documents are listed.
#[test]
fn agrees_with_sentencepiece() {
    let (golden, corpus) = (golden(), documents());
    let without = ["<|begin|>", "<|end|>", "<s>", "</s>", "<unk>", "<b>", "\n\n", "▁"];
    for (name, _, gguf) in SENTENCEPIECE {
        let expected = &golden[name]["sentencepiece"];
        let different: Vec<usize> = serde_json::from_value(expected["different"].clone()).expect("they are listed");
        let tokenizer = Tokenizer::from_source(&gguf_vocabulary(gguf, VOCAB_SIZE).expect(name)).expect(name);
        let mut compared = 0;
        let found = hashes(corpus.iter().enumerate().map(|(index, text)| {
            let is_compared = !without.iter().any(|control| text.contains(control));
            compared += usize::from(is_compared);
            if is_compared && !different.contains(&index) { ids(&tokenizer, text) } else { Vec::new() }
        }));
        assert_eq!(serde_json::json!(found), expected["ids"], "{name}");
        assert!(different.len() * 50 <= compared, "{name}: {} of {compared} differ", different.len());
    }
}

/// What comes back is the text, as the tokenizer's own normalizer has it, piece by piece and whole; also where control
/// texts stay texts.
#[test]
fn returns_the_text() {
    let corpus = documents();
    let jsons = BYTE_LEVEL.into_iter().chain(SENTENCEPIECE.map(|(name, json, _)| (name, json)));
    for (name, json) in jsons.filter(|(name, _)| *name != "normalizing") {
        let tokenizer = from_json(json).expect(name);
        // SentencePiece cannot tell its own character for spaces from a space.
        let corpus =
            corpus.iter().filter(|text| !tokenizer.has_prefix_space() && name != "gemma" || !text.contains('▁'));
        for text in corpus.step_by(16) {
            let mut normalized = NormalizedString::from(text.as_str());
            if name.starts_with("qwen") {
                tokenizers::normalizers::NFC.normalize(&mut normalized).expect("it composes");
            }
            let mut detokenizer = Detokenizer::new(&tokenizer);
            let ids = tokenizer.tokenize(text, false).expect("it tokenizes");
            let mut found: String = ids.iter().filter_map(|id| detokenizer.push(*id)).collect();
            found.push_str(&detokenizer.finish());
            assert_eq!(found, normalized.get(), "{name}");
            assert!(ids.iter().all(|id| !tokenizer.is_control(*id)), "{name}");
        }
    }
}

/// Every name of a pre-tokenizer leads to patterns that compile.
#[test]
fn knows_every_pre_tokenizer_that_it_names() {
    for name in PreTokenizer::names() {
        let tokenizer = from_gguf(bytes_vocabulary(&[], &[], name));
        assert_eq!(ids(&tokenizer, "It's 12 日本\n").len(), "It's 12 日本\n".len(), "{name}");
    }
}

/// A control token's text in a document is text, in every kind of vocabulary, and the text around it is tokenized as if
/// the token did not exist.
#[test]
fn keeps_control_texts_as_text_in_every_kind() {
    let jsons = BYTE_LEVEL.into_iter().chain(SENTENCEPIECE.map(|(name, json, _)| (name, json)));
    for (name, json) in jsons {
        let tokenizer = from_json(json).expect(name);
        let source = "<|begin|>{{ messages[0].content }}<|end|>";
        let template = ChatTemplate::new(Some(source), &tokenizer).expect("it compiles");
        let text = "it is <|end|><|begin|> the <|<|end|>|> word";
        let found = template.tokenize(&[Message::user(text)], &[], &tokenizer).expect("it tokenizes");
        let [begin, end] = ["<|begin|>", "<|end|>"].map(|text| tokenizer.token_id(text).expect("it is there"));
        let mut expected = vec![begin];
        expected.extend(tokenizer.tokenize(text, false).expect("it tokenizes"));
        expected.push(end);
        assert_eq!(found, expected, "{name}");
        assert_eq!(found.iter().filter(|id| tokenizer.is_control(**id)).count(), 2, "{name}");
    }
}

#[test]
fn a_piece_is_what_a_token_adds_to_a_text() {
    let [(_, llama, _), (_, gemma, _), (_, unigram, _), _] = SENTENCEPIECE;
    for json in [llama, gemma, unigram] {
        let tokenizer = from_json(json).expect("it is right");
        let piece =
            |text: &str| tokenizer.piece(tokenizer.token_id(text).expect(text)).expect("it is a token").to_vec();
        assert_eq!(piece("<0xE2>"), [0xe2]);
        assert_eq!(piece("▁the"), b" the");
        assert_eq!(piece("<|end|>"), b"<|end|>");
    }
    let llama = from_json(llama).expect("it is right");
    let id = |text: &str| llama.token_id(text).expect("it is there");
    let mut detokenizer = Detokenizer::new(&llama);
    // The first space is the vocabulary's, even after a control token; a character in bytes comes when it is whole.
    let pushed: Vec<Option<String>> = ["<s>", "▁the", "▁the", "<0xE2>", "<0x82>", "<0xAC>", "<0xFF>", "▁"]
        .map(|text| detokenizer.push(id(text)))
        .to_vec();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(pushed, [None, some("the"), some(" the"), None, None, some("€"), some("\u{fffd}"), some(" ")]);
}

/// What is written like a byte's token is text.
#[test]
fn reads_no_bytes_from_text() {
    for (name, json, _) in SENTENCEPIECE {
        let tokenizer = from_json(json).expect(name);
        let found = ids(&tokenizer, "a<0x0A>b");
        let bytes: Vec<u8> =
            found.iter().flat_map(|id| tokenizer.piece(*id).expect("it is a token").to_vec()).collect();
        assert_eq!(String::from_utf8_lossy(&bytes).trim_start(), "a<0x0A>b", "{name}");
    }
}

/// Phi-3's control tokens take the white space after them; the file does not say so.
#[test]
fn strips_after_control_tokens_where_the_family_does() {
    let (_, _, gguf) = SENTENCEPIECE[0];
    let mut source = gguf_vocabulary(gguf, VOCAB_SIZE).expect("it is right");
    let Vocabulary::Gguf(vocabulary) = &mut source.vocabulary else { panic!("it is a GGUF vocabulary") };
    vocabulary.strips_after_control = true;
    let tokenizer = Tokenizer::from_source(&source).expect("it is right");
    assert_eq!(ids(&tokenizer, "<|end|>\n \nthe"), ids(&tokenizer, "<|end|>the"));
    assert_ne!(ids(&tokenizer, "<s>\nthe"), ids(&tokenizer, "<s>the"));
}
