use std::fmt;
use std::ops::{Add, AddAssign};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::Message;

/// Tokens of one call, or of several added up. Names are OpenAI's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Usage {
    /// Tokens of the conversation sent.
    pub prompt_tokens: u64,
    /// Tokens of the reply, reasoning included.
    pub completion_tokens: u64,
    /// The part of `prompt_tokens` that the model had already read.
    pub cached_tokens: u64,
    /// The part of `completion_tokens` spent on hidden reasoning.
    pub reasoning_tokens: u64,
    /// Whether any of this is estimated, because a provider did not tell it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
}

impl Usage {
    /// Prompt and completion together.
    pub fn total_tokens(&self) -> u64 {
        self.prompt_tokens + self.completion_tokens
    }

    /// What a call probably costs: the texts' tokens, and four more for each message sent. Stands in where a provider's
    /// reply holds no usage (many local servers), so that a run's sum is never silently short.
    pub fn estimate(messages: &[Message], reply: &str, counter: &TokenCounter) -> Self {
        let prompt_tokens = messages.iter().map(|message| counter.count(&message.content) + 4).sum();
        Self { prompt_tokens, completion_tokens: counter.count(reply), estimated: true, ..Self::default() }
    }
}

/// Counts the tokens of texts whose model's tokenizer is not known: by [`estimate_tokens`], or with another model's.
#[derive(Clone)]
pub struct TokenCounter(Rc<dyn Fn(&str) -> u64>);

impl TokenCounter {
    /// Counts with `count`.
    pub fn new(count: impl Fn(&str) -> u64 + 'static) -> Self {
        Self(Rc::new(count))
    }

    /// The tokens of a text.
    pub fn count(&self, text: &str) -> u64 {
        (self.0)(text)
    }
}

impl Default for TokenCounter {
    fn default() -> Self {
        Self::new(estimate_tokens)
    }
}

impl fmt::Debug for TokenCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenCounter")
    }
}

/// The tokens of a text by rule of thumb: one for every four bytes of UTF-8, begun ones included.
pub fn estimate_tokens(text: &str) -> u64 {
    text.len().div_ceil(4) as u64
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            prompt_tokens: self.prompt_tokens + other.prompt_tokens,
            completion_tokens: self.completion_tokens + other.completion_tokens,
            cached_tokens: self.cached_tokens + other.cached_tokens,
            reasoning_tokens: self.reasoning_tokens + other.reasoning_tokens,
            estimated: self.estimated || other.estimated,
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_counts_four_bytes_as_a_token_and_four_more_per_message() {
        let usage = Usage::estimate(&[Message::system("12345"), Message::user("")], "é1234", &TokenCounter::default());
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (2 + 4 + 4, 2));
        assert!(usage.estimated);
    }

    #[test]
    fn an_estimate_counts_with_whatever_can_count() {
        let words = TokenCounter::new(|text| text.split_whitespace().count() as u64);
        let usage = Usage::estimate(&[Message::user("two words")], "and three more", &words);
        assert_eq!((usage.prompt_tokens, usage.completion_tokens, usage.estimated), (2 + 4, 3, true));
    }

    #[test]
    fn a_sum_with_an_estimate_in_it_is_an_estimate() {
        let told = Usage { prompt_tokens: 1, ..Usage::default() };
        assert!((told + Usage::estimate(&[], "", &TokenCounter::default())).estimated && !(told + told).estimated);
    }

    #[test]
    fn what_was_told_says_nothing_of_estimates() {
        let json = |usage: &Usage| serde_json::to_string(usage).unwrap_or_default();
        assert!(!json(&Usage::default()).contains("estimated"));
        assert!(json(&Usage::estimate(&[], "", &TokenCounter::default())).contains("\"estimated\":true"));
    }
}
