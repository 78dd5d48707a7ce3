//! Between text and token ids: tokenizer, chat template, detokenizer, stop texts. No tensors here.

mod detokenizer;
mod stop;
mod template;
#[cfg(test)]
mod tests;
mod tokenizer;
mod vocabulary;

pub use detokenizer::Detokenizer;
pub use stop::StopStrings;
pub use template::{ChatTemplate, Date};
pub use tokenizer::Tokenizer;
