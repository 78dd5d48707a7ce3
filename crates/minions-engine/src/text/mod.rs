//! Between text and token ids: tokenizer, chat template, detokenizer, stop texts, thoughts. No tensors here.

mod charsmap;
mod date;
mod detokenizer;
mod gguf_vocabulary;
mod pre_tokenizers;
mod recipe;
mod spelling;
mod stop;
mod template;
#[cfg(test)]
mod tests;
mod thinking;
mod to_json;
mod tokenizer;
mod tokenizer_json;
mod tool_calls;
mod tools;

pub use date::Date;
pub use detokenizer::Detokenizer;
pub use stop::StopStrings;
pub use template::ChatTemplate;
pub use thinking::Thinking;
pub use tokenizer::Tokenizer;
pub use tool_calls::ToolCalls;
pub use tools::CALL_TAGS;
