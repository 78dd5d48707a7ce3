//! Pages that the cache on the device had to give up, kept elsewhere until a prompt begins like them again: to bring keys
//! and values back costs a copy, to compute them anew a prefill.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use minions_shaders::PAGE_SIZE;
use sha2::{Digest, Sha256};

/// What a page holds: its tokens after all tokens before them, as a SHA-256 digest, so that two pages of the same key hold
/// the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageKey([u8; 32]);

impl PageKey {
    /// The key of a page of `tokens` that follows the page of key `before`.
    pub(super) fn new(before: Option<Self>, tokens: &[u32; PAGE_SIZE]) -> Self {
        let mut digest = Sha256::new();
        if let Some(Self(before)) = before {
            digest.update(before);
        }
        for token in tokens {
            digest.update(token.to_le_bytes());
        }
        Self(digest.finalize().into())
    }
}

/// In hexadecimal digits.
impl fmt::Display for PageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PageKey({self})")
    }
}

/// A place for pages of one model: ordinary memory, a file. It may forget any of them at any time, never change one.
pub trait PageStore: fmt::Debug {
    /// Keeps a page, if there is room.
    fn put(&mut self, key: PageKey, page: &[u8]);

    /// The page of this key.
    fn get(&mut self, key: PageKey) -> Option<Vec<u8>>;

    /// Whether it is here.
    fn has(&self, key: PageKey) -> bool;
}

/// Pages in memory. Where there is no room for another, the longest unused goes.
#[derive(Debug)]
pub struct MemoryPages {
    limit: usize,
    bytes: usize,
    clock: u64,
    pages: HashMap<PageKey, (u64, Box<[u8]>)>,
    by_use: BTreeMap<u64, PageKey>,
}

impl MemoryPages {
    /// Of at most so many bytes in all.
    pub fn new(limit: usize) -> Self {
        Self { limit, bytes: 0, clock: 0, pages: HashMap::new(), by_use: BTreeMap::new() }
    }
}

impl PageStore for MemoryPages {
    fn put(&mut self, key: PageKey, page: &[u8]) {
        if page.len() > self.limit || self.has(key) {
            return;
        }
        while self.bytes + page.len() > self.limit {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            self.bytes -= self.pages.remove(&oldest).map_or(0, |(_, page)| page.len());
        }
        self.clock += 1;
        self.bytes += page.len();
        self.by_use.insert(self.clock, key);
        self.pages.insert(key, (self.clock, page.into()));
    }

    fn get(&mut self, key: PageKey) -> Option<Vec<u8>> {
        let (used, page) = self.pages.get_mut(&key)?;
        self.clock += 1;
        self.by_use.remove(used);
        *used = self.clock;
        self.by_use.insert(self.clock, key);
        Some(page.to_vec())
    }

    fn has(&self, key: PageKey) -> bool {
        self.pages.contains_key(&key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(token: u32) -> PageKey {
        PageKey::new(None, &[token; PAGE_SIZE])
    }

    #[test]
    fn a_key_tells_what_came_before() {
        assert_eq!(key(1), key(1));
        assert_ne!(key(1), key(2));
        assert_ne!(key(1), PageKey::new(Some(key(1)), &[1; PAGE_SIZE]));
        assert_eq!(key(1).to_string().len(), 64);
    }

    #[test]
    fn the_longest_unused_page_makes_room() {
        let mut store = MemoryPages::new(100);
        store.put(key(1), &[1; 40]);
        store.put(key(2), &[2; 40]);
        assert_eq!(store.get(key(1)), Some(vec![1; 40]));
        store.put(key(3), &[3; 40]);
        assert_eq!([1, 2, 3].map(|token| store.has(key(token))), [true, false, true]);
        store.put(key(4), &[4; 101]);
        assert!(!store.has(key(4)) && store.has(key(1)), "what never fits drives nothing out");
        assert_eq!((store.bytes, store.by_use.len(), store.pages.len()), (80, 2, 2));
    }
}
