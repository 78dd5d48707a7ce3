//! A rule of thumb for tokens where a provider does not tell.

use minions_chat::{Message, Usage};

/// What a call cost, by rule: a token for every four bytes of UTF-8, begun ones included, and four more for each message
/// sent. Used when a provider's reply holds no usage (many local servers), so that a run's sum is never silently short.
pub fn estimate_usage(messages: &[Message], reply: &str) -> Usage {
    let prompt: usize = messages.iter().map(|message| tokens(&message.content) + 4).sum();
    Usage { prompt_tokens: prompt as u64, completion_tokens: tokens(reply) as u64, ..Usage::default() }
}

fn tokens(text: &str) -> usize {
    text.len().div_ceil(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_four_bytes_as_a_token_and_four_more_per_message() {
        let usage = estimate_usage(&[Message::system("12345"), Message::user("")], "é1234");
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (2 + 4 + 4, 2));
    }
}
