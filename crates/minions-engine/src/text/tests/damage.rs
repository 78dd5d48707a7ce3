//! Vocabularies that are damaged in every way are refused or work; nothing panics.

use serde_json::Value;
use tokenizers::{NormalizedString, Normalizer as _};

use super::corpus::Random;
use super::parity::{BYTE_LEVEL, SENTENCEPIECE, VOCAB_SIZE, as_gguf};
use super::*;
use crate::text::charsmap::charsmap;
use crate::weights::tests::gguf_vocabulary;

/// Damaged copies of each vocabulary.
const COPIES: usize = 120;

const TEXT: &str = "It's <|end|> 12 ünï\u{301} 日本 <tool>\n\n  👍🏽 </s><unk>▁a\0";

fn try_all(source: &TokenizerSource) -> bool {
    let Ok(tokenizer) = Tokenizer::from_source(source) else { return false };
    for parse_special in [true, false] {
        if let Ok(ids) = tokenizer.tokenize(TEXT, parse_special) {
            let mut detokenizer = Detokenizer::new(&tokenizer);
            ids.iter().for_each(|id| drop(detokenizer.push(*id)));
        }
    }
    let _ = tokenizer.tokenize_marked(TEXT, '2');
    true
}

/// Small vocabularies: the damage is more likely to be where it matters.
fn small(json: &[u8]) -> Value {
    let mut document: Value = serde_json::from_slice(json).expect("it parses");
    let model = &mut document["model"];
    if let Some(merges) = model["merges"].as_array_mut() {
        merges.truncate(20);
    }
    document
}

/// Any value in a document, replaced, removed or doubled.
fn damage(value: &mut Value, random: &mut Random) {
    let values = [
        Value::Null,
        (-1).into(),
        0.into(),
        u64::MAX.into(),
        1e300.into(),
        "".into(),
        "a".into(),
        "(".into(),
        "<|end|>".into(),
        " ".into(),
        "x".repeat(100).into(),
        true.into(),
        serde_json::json!([]),
        serde_json::json!({}),
        serde_json::json!({"type": "Sequence", "normalizers": [], "pretokenizers": [], "decoders": []}),
    ];
    match value {
        Value::Object(entries) if !entries.is_empty() && random.below(8) > 0 => {
            let at = random.below(entries.len());
            let key = entries.keys().nth(at).cloned().unwrap_or_default();
            match random.below(8) {
                0 => drop(entries.remove(&key)),
                1 => {
                    let moved = entries.remove(&key).unwrap_or_default();
                    entries.insert(["", "a", "Ġ", "<0x41>", "<unk>"][random.below(5)].to_owned(), moved);
                }
                _ => damage(&mut entries[&key], random),
            }
        }
        Value::Array(items) if !items.is_empty() && random.below(8) > 0 => {
            let at = random.below(items.len());
            match random.below(6) {
                0 => drop(items.remove(at)),
                1 => items.insert(at, items[at].clone()),
                _ => damage(&mut items[at], random),
            }
        }
        other => *other = values[random.below(values.len())].clone(),
    }
}

#[test]
fn survives_damaged_values_in_tokenizer_json() {
    let mut random = Random(11);
    let mut accepted = 0;
    let jsons = BYTE_LEVEL.into_iter().take(4).chain(SENTENCEPIECE.map(|(name, json, _)| (name, json)));
    for (_, json) in jsons {
        let document = small(json);
        for _ in 0..COPIES {
            let mut damaged = document.clone();
            for _ in 0..1 + random.below(2) {
                damage(&mut damaged, &mut random);
            }
            let vocabulary = Vocabulary::TokenizerJson(damaged.to_string().into_bytes());
            let source = TokenizerSource { vocabulary, special_tokens: [].into(), model_vocab_size: VOCAB_SIZE };
            accepted += usize::from(try_all(&source));
        }
    }
    assert!(accepted > COPIES / 4, "some damage does not matter: {accepted}");
}

/// A small one, damaged at every byte.
#[test]
fn survives_damaged_bytes_in_tokenizer_json() {
    let decoder = r#"{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}"#;
    let normalizer = r#"{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}"#;
    let added = r#"[{"id":0,"content":"<unk>","special":true,"single_word":false,"lstrip":false,"rstrip":true,"normalized":false},{"id":4,"content":"<x>","special":false,"single_word":false,"lstrip":true,"rstrip":false,"normalized":true}]"#;
    let bpe = r#"{"type":"BPE","vocab":{"<unk>":0,"a":1,"▁":2,"▁a":3},"merges":[["▁","a"]],"unk_token":"<unk>","fuse_unk":true}"#;
    let unigram =
        r#"{"type":"Unigram","vocab":[["<unk>",0],["a",-1.5],["▁",-2],["▁a",-3e0]],"unk_id":0,"byte_fallback":false}"#;
    let pre_tokenizer = r#"{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"Split","pattern":{"Regex":"\\p{L}+|\\s{1,3}"},"behavior":"Isolated","invert":false},{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true}]}"#;
    for model in [bpe, unigram] {
        let json = format!(
            r#"{{"version":"1.0","added_tokens":{added},"normalizer":{normalizer},"pre_tokenizer":{pre_tokenizer},"decoder":{decoder},"model":{model}}}"#
        );
        let source = |bytes: Vec<u8>| TokenizerSource {
            vocabulary: Vocabulary::TokenizerJson(bytes),
            special_tokens: [].into(),
            model_vocab_size: 8,
        };
        assert!(try_all(&source(json.clone().into_bytes())), "it is right before the damage");
        for at in 0..json.len() {
            for byte in [b'"', b'0', b'9', b'}', b'\\', b'-', 0xff] {
                let mut damaged = json.clone().into_bytes();
                damaged[at] = byte;
                try_all(&source(damaged));
            }
            try_all(&source(json.as_bytes()[..at].to_vec()));
        }
    }
}

#[test]
fn survives_damaged_gguf_vocabularies() {
    let mut random = Random(12);
    let vocabularies = [("qwen2", 1), ("gpt-2", 6)].map(|(pre, at)| as_gguf(pre, BYTE_LEVEL[at].1));
    let sentencepiece =
        SENTENCEPIECE.map(|(name, _, gguf)| match gguf_vocabulary(gguf, VOCAB_SIZE).expect(name).vocabulary {
            Vocabulary::Gguf(vocabulary) => vocabulary,
            Vocabulary::TokenizerJson(_) => panic!("it is a GGUF vocabulary"),
        });
    for vocabulary in vocabularies.into_iter().chain(sentencepiece) {
        for _ in 0..COPIES {
            let mut damaged = vocabulary.clone();
            let at = random.below(damaged.tokens.len());
            let other = random.below(damaged.tokens.len());
            match random.below(14) {
                0 => damaged.tokens[at].clear(),
                1 => damaged.tokens[at] = damaged.tokens[other].clone(),
                2 => damaged.tokens[at] = "▁ \u{301}".to_owned(),
                3 => drop(damaged.tokens.pop()),
                4 => drop(damaged.kinds.pop()),
                5 => damaged.kinds[at] = TokenKind::UserDefined,
                6 => damaged.kinds.fill(TokenKind::Control),
                7 => damaged.kinds.fill(TokenKind::Byte),
                8 => damaged.scores.iter_mut().skip(at).for_each(|score| *score = f32::NAN),
                9 => damaged.scores.fill(0.0),
                10 => damaged.merges.insert(0, ["", " ", "a", "a ", " a", "a b c"][random.below(6)].to_owned()),
                11 => damaged.unknown = Some(usize::MAX),
                12 => damaged.model = ["gpt2", "llama", "t5", ""][random.below(4)].to_owned(),
                _ => damaged.removes_extra_spaces = true,
            }
            let vocabulary = Vocabulary::Gguf(damaged);
            try_all(&TokenizerSource { vocabulary, special_tokens: [].into(), model_vocab_size: VOCAB_SIZE });
        }
    }
}

#[test]
fn survives_damaged_bytes_in_gguf_vocabularies() {
    let mut random = Random(13);
    for (_, _, gguf) in SENTENCEPIECE {
        for _ in 0..COPIES {
            let mut damaged = gguf.to_vec();
            for _ in 0..1 + random.below(3) {
                let at = random.below(damaged.len());
                damaged[at] ^= 1 << random.below(8);
            }
            if let Ok(source) = gguf_vocabulary(&damaged, VOCAB_SIZE) {
                try_all(&source);
            }
        }
    }
}

/// A map of characters with bits turned over is refused, or leads somewhere with any text.
#[test]
fn survives_damaged_maps_of_characters() {
    let (name, _, gguf) = SENTENCEPIECE[3];
    let Vocabulary::Gguf(vocabulary) = gguf_vocabulary(gguf, VOCAB_SIZE).expect(name).vocabulary else {
        panic!("it is a GGUF vocabulary")
    };
    let map = vocabulary.charsmap;
    let every_char: String = ('\u{1}'..'\u{3100}').chain(['！', 'ﬁ', '👍']).collect();
    let mut random = Random(14);
    let mut accepted = 0;
    for _ in 0..COPIES * 4 {
        let mut damaged = map.clone();
        for _ in 0..1 + random.below(3) {
            // The first bytes are its length, the last its texts.
            let at = if random.below(4) == 0 { random.below(8) } else { random.below(damaged.len()) };
            damaged[at] ^= 1 << random.below(8);
        }
        if let Ok(map) = charsmap(&damaged) {
            let mut text = NormalizedString::from(every_char.as_str());
            map.normalize(&mut text).expect("it is a map");
            accepted += 1;
        }
        let _ = charsmap(&damaged[..random.below(damaged.len())]);
    }
    assert!(accepted > COPIES, "most bits of a trie do not matter: {accepted}");
}
