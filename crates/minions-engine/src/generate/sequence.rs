//! One conversation's tokens and where its keys and values lie.

use crate::model::{PagePool, Pages};

/// The tokens of one sequence. Those before `cached` have their keys and values in the cache.
#[derive(Debug)]
pub struct Sequence {
    tokens: Vec<u32>,
    cached: usize,
    pages: Pages,
}

impl Sequence {
    /// A sequence of these tokens, none of them read yet.
    pub fn new(tokens: Vec<u32>, pool: &PagePool) -> Self {
        Self { tokens, cached: 0, pages: pool.sequence() }
    }

    /// Takes on a new prompt, keeping what was read of the tokens both begin with. The last token is always read
    /// again: its hidden state is what the first new token is sampled from.
    pub fn rebase(&mut self, prompt: Vec<u32>) {
        let common = self.tokens.iter().zip(&prompt).take_while(|(a, b)| a == b).count();
        self.cached = self.cached.min(common).min(prompt.len().saturating_sub(1));
        self.tokens = prompt;
    }

    /// Makes room for keys and values of `len` tokens in all; `false` when the pool is exhausted.
    #[must_use]
    pub fn reserve(&mut self, len: usize) -> bool {
        self.pages.reserve(len)
    }

    /// All tokens, prompt and reply.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// How many tokens have their keys and values in the cache.
    pub fn cached(&self) -> usize {
        self.cached
    }

    /// Notes that a step has read `rows` more tokens.
    pub fn advance(&mut self, rows: usize) {
        self.cached += rows;
        debug_assert!(self.cached <= self.tokens.len(), "a step reads only tokens that there are");
    }

    /// Appends a sampled token.
    pub fn push(&mut self, token: u32) {
        self.tokens.push(token);
    }

    /// The pages that hold keys and values.
    pub fn pages(&self) -> &Pages {
        &self.pages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_common_prefix_but_rereads_the_last_token() {
        let pool = PagePool::new(4);
        let mut sequence = Sequence::new(vec![1, 2, 3, 4], &pool);
        assert!(sequence.reserve(4));
        sequence.advance(4);
        sequence.rebase(vec![1, 2, 9, 9, 9]);
        assert_eq!(sequence.cached(), 2);
        sequence.advance(3);
        sequence.rebase(vec![1, 2, 9]);
        assert_eq!(sequence.cached(), 2, "the third token must be read again to be answered");
    }
}
