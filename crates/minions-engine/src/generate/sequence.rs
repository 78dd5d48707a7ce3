//! One conversation's tokens and where its keys and values lie.

use super::{PagePool, Pages};

/// The tokens of one sequence, prompt and reply. Those before `cached` have their keys and values in the cache.
///
/// Its tokens are read in two phases, by other kernels, whose sums differ in the last bits: all of the prompt but its last
/// token is *prefill*, what comes after is *decode*. So what a token's keys and values are depends on nothing but the tokens
/// before it, not on what else is in a step, how a prompt is cut into steps, or what of it was in the cache. Pages of the
/// prefill are shared; pages with tokens of the decode phase, which another prompt would have read as its prefill, are not.
#[derive(Debug)]
pub struct Sequence {
    tokens: Vec<u32>,
    /// How many tokens are read in the prefill phase.
    prefill: usize,
    is_shared: bool,
    cached: usize,
    pages: Pages,
}

impl Sequence {
    /// A sequence of this prompt, to be answered.
    pub fn new(prompt: Vec<u32>, pool: &PagePool) -> Self {
        let prefill = prompt.len().saturating_sub(1);
        Self { tokens: prompt, prefill, is_shared: true, cached: 0, pages: pool.open(&[]) }
    }

    /// A sequence of tokens that are only read, all of them and in the prefill phase; it shares nothing.
    pub fn unshared(tokens: Vec<u32>, pool: &PagePool) -> Self {
        Self { prefill: tokens.len(), is_shared: false, tokens, cached: 0, pages: pool.open(&[]) }
    }

    /// Takes hold of what the cache and its store know of the prompt, and of room for keys and values of `len` tokens in all. `false`,
    /// and nothing is held, when too few pages can be had.
    #[must_use]
    pub fn enter(&mut self, len: usize) -> bool {
        let known = if self.is_shared { &self.tokens[..self.prefill] } else { &[] };
        let mut pages = self.pages.pool().open(known);
        let fits = pages.reserve(len);
        if fits {
            pages.restore(known);
            (self.cached, self.pages) = (pages.published(), pages);
        }
        fits
    }

    /// Lets go of all room, and of what was read with it.
    pub fn leave(&mut self) {
        (self.cached, self.pages) = (0, self.pages.pool().open(&[]));
    }

    /// All tokens, prompt and reply.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Those that are read in the prefill phase.
    pub fn prefill(&self) -> &[u32] {
        &self.tokens[..self.prefill]
    }

    /// How many tokens have their keys and values in the cache.
    pub fn cached(&self) -> usize {
        self.cached
    }

    /// How many tokens of the prefill have not been read.
    pub fn unread_prefill(&self) -> usize {
        self.prefill.saturating_sub(self.cached)
    }

    /// Notes that a step has read `rows` more tokens; pages that they filled can be shared from now on.
    pub fn advance(&mut self, rows: usize) {
        self.cached += rows;
        debug_assert!(self.cached <= self.tokens.len(), "a step reads only tokens that there are");
        if self.is_shared {
            self.pages.publish(&self.tokens[..self.cached.min(self.prefill)]);
        }
    }

    /// Appends a token of the reply.
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
    fn shares_what_was_prefill_and_nothing_else() {
        let pool = PagePool::new(16);
        let prompt: Vec<u32> = (0..40).collect();
        let mut first = Sequence::new(prompt.clone(), &pool);
        assert!(first.enter(80));
        assert_eq!((first.cached(), first.unread_prefill()), (0, 39));
        first.advance(39);
        for token in 100..140 {
            first.push(token);
        }
        first.advance(41);
        let known = |tokens: &[u32]| {
            let mut sequence = Sequence::new(tokens.to_vec(), &pool);
            assert!(sequence.enter(tokens.len()));
            (sequence.cached(), sequence.unread_prefill())
        };
        assert_eq!(known(&prompt), (32, 7));
        assert_eq!(known(first.tokens()).0, 32, "the reply's tokens were read by other kernels");
    }

    #[test]
    fn holds_nothing_where_there_is_too_little() {
        let pool = PagePool::new(4);
        let mut first = Sequence::new((0..40).collect(), &pool);
        assert!(first.enter(40));
        let mut second = Sequence::new((0..40).collect(), &pool);
        assert!(!second.enter(40));
        assert_eq!(pool.held(), 3);
        drop(first);
        assert!(second.enter(40));
    }

    #[test]
    fn what_is_only_read_is_not_shared() {
        let pool = PagePool::new(4);
        let mut sequence = Sequence::unshared((0..33).collect(), &pool);
        assert!(sequence.enter(33));
        assert_eq!(sequence.unread_prefill(), 33);
        sequence.advance(33);
        assert_eq!(pool.known(sequence.tokens()), 0);
    }
}
