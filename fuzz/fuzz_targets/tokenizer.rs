//! Reading a `tokenizer.json`, and tokenizing with what was read.
//!
//! The engine's modules are compiled in by their paths: the crate itself would bring burn and a GPU runtime.

#![no_main]
#![allow(dead_code, unused_imports, reason = "only the tokenizer of these modules is used")]

#[path = "../../crates/minions-engine/src/model/config/mod.rs"]
mod config;
#[path = "../../crates/minions-engine/src/error.rs"]
mod error;
#[path = "../../crates/minions-engine/src/text/mod.rs"]
mod text;
#[path = "../../crates/minions-engine/src/weights/mod.rs"]
mod weights;

mod model {
    pub use crate::config::*;
}

use libfuzzer_sys::fuzz_target;

const TEXT: &str = "It's <x> 12 ünï\u{301} 日本\n\n  👍🏽 </s><unk>▁a\0";

fuzz_target!(|file: &[u8]| {
    let source = weights::TokenizerSource {
        vocabulary: weights::Vocabulary::TokenizerJson(file.to_vec()),
        special_tokens: [].into(),
        model_vocab_size: 300,
    };
    let Ok(tokenizer) = text::Tokenizer::from_source(&source) else { return };
    for parse_special in [true, false] {
        let Ok(ids) = tokenizer.tokenize(TEXT, parse_special) else { return };
        let mut detokenizer = text::Detokenizer::new(&tokenizer);
        for id in ids {
            assert!((id as usize) < 300);
            let _ = detokenizer.push(id);
        }
    }
});
