//! Token ids to text, as they come: only whole characters, and no control tokens.

use std::ops::Deref;

use super::tokenizer::Tokenizer;

/// Text of a growing sequence of tokens. What it has returned, joined, is the text of the tokens so far except an
/// unfinished character at the end.
#[derive(Debug)]
pub struct Detokenizer<T> {
    tokenizer: T,
    /// The beginning of a character whose end has not come.
    pending: Vec<u8>,
    /// Nothing has come yet: a space would be the vocabulary's, if it puts one before every text.
    is_at_start: bool,
}

impl<T: Deref<Target = Tokenizer>> Detokenizer<T> {
    /// Begins a text.
    pub fn new(tokenizer: T) -> Self {
        let is_at_start = tokenizer.has_prefix_space();
        Self { tokenizer, pending: Vec::new(), is_at_start }
    }

    /// Takes in a token and returns the text that it completes, if any.
    pub fn push(&mut self, id: u32) -> Option<String> {
        if self.tokenizer.is_control(id) {
            return None;
        }
        let piece = self.tokenizer.piece(id)?;
        let is_at_start = std::mem::take(&mut self.is_at_start);
        self.pending.extend_from_slice(piece.strip_prefix(b" ").filter(|_| is_at_start).unwrap_or(piece));
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.pending) {
                Ok(valid) => {
                    text.push_str(valid);
                    self.pending.clear();
                    break;
                }
                Err(error) => {
                    let (valid, rest) = self.pending.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    // Bytes that no continuation can make a character are replaced, as `String::from_utf8_lossy` does.
                    let Some(invalid) = error.error_len() else {
                        self.pending = rest.to_vec();
                        break;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    self.pending = rest.get(invalid..).unwrap_or_default().to_vec();
                }
            }
        }
        (!text.is_empty()).then_some(text)
    }

    /// Ends the text: an unfinished character becomes U+FFFD.
    pub fn finish(&mut self) -> String {
        let rest = std::mem::take(&mut self.pending);
        String::from_utf8_lossy(&rest).into_owned()
    }
}
