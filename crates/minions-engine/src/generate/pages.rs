//! The pages of the KV cache: who holds them, and what they hold.
//!
//! A page that is full of keys and values is *published* under its tokens and all tokens before it, in a tree (a radix
//! tree as in SGLang, Zheng et al. 2024, whose edges are whole pages). A sequence that begins with the same tokens
//! holds the same pages. Published pages that nobody holds stay until their room is needed; the longest unused go first, and
//! if there is a [`PageStore`], into it.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::rc::Rc;

use minions_shaders::PAGE_SIZE;

use super::page_store::{PageKey, PageStore};

/// The tokens of a page.
type Block = [u32; PAGE_SIZE];

/// All pages of a cache.
#[derive(Clone, Debug)]
pub struct PagePool(Rc<RefCell<Pool>>);

#[derive(Debug)]
struct Pool {
    /// Pages without content.
    free: Vec<u32>,
    /// The published pages, by page.
    nodes: HashMap<u32, Node>,
    /// Published pages by what they hold: the page before it, if any, and its tokens.
    children: HashMap<(Option<u32>, Block), u32>,
    /// Published pages that nobody holds and no page follows, longest unused first.
    idle: BTreeSet<(u64, u32)>,
    clock: u64,
    /// Pages in use now, and the most there ever were.
    held: usize,
    peak: usize,
    store: Option<Store>,
    pressure: Pressure,
}

/// Where pages go that are given up.
#[derive(Debug)]
struct Store {
    pages: Box<dyn PageStore>,
    page_bytes: usize,
    /// Given up, and still on the device as long as nothing is put to it.
    leaving: Vec<(PageKey, u32)>,
    /// Taken from the store, and to be brought to the device before anything else is put to it.
    returning: Vec<(u32, Vec<u8>)>,
}

/// How often room had to be made, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// Given up, because others needed their room.
    pub evicted: u64,
    /// Kept in the store thereafter.
    pub spilled: u64,
    /// Brought back from there.
    pub restored: u64,
}

/// A published page.
#[derive(Debug)]
struct Node {
    parent: Option<u32>,
    tokens: Block,
    key: PageKey,
    /// Sequences that hold it.
    holders: usize,
    /// Published pages that follow it.
    followers: usize,
    last_used: u64,
}

/// The pages of one sequence, in order of position. Dropping them lets them go.
#[derive(Debug)]
pub struct Pages {
    pool: PagePool,
    /// The first `published` are in the tree, the others are this sequence's own.
    held: Vec<u32>,
    published: usize,
}

impl PagePool {
    /// A pool of `total` pages, all free.
    pub fn new(total: usize) -> Self {
        Self::of(0..total as u32)
    }

    /// A pool of these pages, all free.
    pub fn of(pages: Range<u32>) -> Self {
        Self(Rc::new(RefCell::new(Pool {
            free: pages.rev().collect(),
            nodes: HashMap::new(),
            children: HashMap::new(),
            idle: BTreeSet::new(),
            clock: 0,
            held: 0,
            peak: 0,
            store: None,
            pressure: Pressure::default(),
        })))
    }

    /// With a place for the pages that are given up; each takes `page_bytes` bytes there.
    #[must_use]
    pub fn with_store(self, pages: Box<dyn PageStore>, page_bytes: usize) -> Self {
        let store = Store { pages, page_bytes, leaving: Vec::new(), returning: Vec::new() };
        self.0.borrow_mut().store = Some(store);
        self
    }

    /// How often room had to be made so far.
    pub fn pressure(&self) -> Pressure {
        self.0.borrow().pressure
    }

    /// The pages that were given up since this was asked last. Whoever wants to [keep](Self::keep) them copies them before
    /// anything else is put to the device.
    pub fn take_leaving(&self) -> Vec<(PageKey, u32)> {
        self.0.borrow_mut().store.as_mut().map(|store| std::mem::take(&mut store.leaving)).unwrap_or_default()
    }

    /// The pages that sequences take for read since this was asked last, and what must be written there after those that are
    /// leaving were copied and before anything else is put to the device.
    pub fn take_returning(&self) -> Vec<(u32, Vec<u8>)> {
        self.0.borrow_mut().store.as_mut().map(|store| std::mem::take(&mut store.returning)).unwrap_or_default()
    }

    /// Puts a page that was given up into the store.
    pub fn keep(&self, key: PageKey, page: &[u8]) {
        let mut pool = self.0.borrow_mut();
        let Some(store) = &mut pool.store else { return };
        store.pages.put(key, page);
        let is_kept = store.pages.has(key);
        pool.pressure.spilled += u64::from(is_kept);
    }

    /// How many pages sequences hold.
    pub fn held(&self) -> usize {
        self.0.borrow().held
    }

    /// The most pages that sequences have held at once, since none was held.
    pub fn peak(&self) -> usize {
        self.0.borrow().peak
    }

    /// How many of these tokens, from the first, are in the cache or the store, in whole pages.
    pub fn known(&self, tokens: &[u32]) -> usize {
        let pool = self.0.borrow();
        let path = pool.path(tokens);
        let mut key = path.last().map(|page| pool.nodes[page].key);
        let kept = tokens.as_chunks::<PAGE_SIZE>().0[path.len()..].iter().take_while(|tokens| {
            let Some(store) = &pool.store else { return false };
            let next = PageKey::new(key, tokens);
            key = Some(next);
            store.pages.has(next)
        });
        (path.len() + kept.count()) * PAGE_SIZE
    }

    /// The pages of a sequence that begins with `tokens`, as far as they are known.
    pub fn open(&self, tokens: &[u32]) -> Pages {
        let mut pool = self.0.borrow_mut();
        let held = pool.path(tokens);
        for page in &held {
            pool.hold(*page);
        }
        Pages { pool: self.clone(), published: held.len(), held }
    }

    /// Forgets every published page that nobody holds: what the device has of it is not to be relied on.
    pub fn clear(&self) {
        let mut pool = self.0.borrow_mut();
        while pool.forget().is_some() {}
        if let Some(store) = &mut pool.store {
            store.leaving.clear();
            store.returning.clear();
        }
    }
}

impl Pages {
    /// The pool that they are of.
    pub fn pool(&self) -> &PagePool {
        &self.pool
    }

    /// Makes room for `len` positions in all. `false`, and nothing is taken, when too few pages can be had.
    #[must_use]
    pub fn reserve(&mut self, len: usize) -> bool {
        let missing = len.div_ceil(PAGE_SIZE).saturating_sub(self.held.len());
        let mut pool = self.pool.0.borrow_mut();
        while pool.free.len() < missing {
            if !pool.evict() {
                return false;
            }
        }
        let rest = pool.free.len() - missing;
        self.held.extend(pool.free.drain(rest..).rev());
        pool.note_held(missing);
        true
    }

    /// Takes from the store what it has of the pages that `tokens` fill, from the first that is not published.
    pub fn restore(&mut self, tokens: &[u32]) {
        let mut pool = self.pool.0.borrow_mut();
        for (index, tokens) in tokens.as_chunks::<PAGE_SIZE>().0.iter().enumerate().skip(self.published) {
            let parent = index.checked_sub(1).map(|before| self.held[before]);
            let key = pool.key(parent, tokens);
            let Some(store) = &mut pool.store else { return };
            let Some(page) = store.pages.get(key).filter(|page| page.len() == store.page_bytes) else { return };
            store.returning.push((self.held[index], page));
            pool.publish(self.held[index], parent, *tokens, key);
            pool.pressure.restored += 1;
            self.published += 1;
        }
    }

    /// Publishes the pages that the keys and values of `tokens`, all of them read, have filled.
    ///
    /// Where another sequence has published the same in the meantime, its page takes this one's place: nobody needs both.
    pub fn publish(&mut self, tokens: &[u32]) {
        let mut pool = self.pool.0.borrow_mut();
        for (index, tokens) in tokens.as_chunks::<PAGE_SIZE>().0.iter().enumerate().skip(self.published) {
            let parent = index.checked_sub(1).map(|before| self.held[before]);
            let page = self.held[index];
            if let Some(known) = pool.children.get(&(parent, *tokens)).copied() {
                pool.hold(known);
                pool.release_own(page);
                self.held[index] = known;
            } else {
                let key = pool.key(parent, tokens);
                pool.publish(page, parent, *tokens, key);
            }
            self.published += 1;
        }
    }

    /// How many tokens were known when the pages were opened, or have been published since.
    pub fn published(&self) -> usize {
        self.published * PAGE_SIZE
    }

    /// The slot of a position that room was made for.
    pub fn slot(&self, position: usize) -> u32 {
        self.held[position / PAGE_SIZE] * PAGE_SIZE as u32 + (position % PAGE_SIZE) as u32
    }

    /// The pages in order of position.
    pub fn as_slice(&self) -> &[u32] {
        &self.held
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let mut pool = self.pool.0.borrow_mut();
        // From the end, so that a page goes out of use after those that follow it.
        for (index, page) in self.held.drain(..).enumerate().rev() {
            if index < self.published { pool.release(page) } else { pool.release_own(page) }
        }
    }
}

impl Pool {
    /// The published pages that hold the first whole pages of `tokens`.
    fn path(&self, tokens: &[u32]) -> Vec<u32> {
        let mut parent = None;
        let mut path = Vec::new();
        for block in tokens.as_chunks::<PAGE_SIZE>().0 {
            let Some(page) = self.children.get(&(parent, *block)).copied() else { break };
            path.push(page);
            parent = Some(page);
        }
        path
    }

    fn publish(&mut self, page: u32, parent: Option<u32>, tokens: Block, key: PageKey) {
        if let Some(parent) = parent {
            self.node(parent).followers += 1;
        }
        self.children.insert((parent, tokens), page);
        self.nodes.insert(page, Node { parent, tokens, key, holders: 1, followers: 0, last_used: 0 });
    }

    /// The key of a page of `tokens` that follows the published page `parent`.
    fn key(&self, parent: Option<u32>, tokens: &Block) -> PageKey {
        PageKey::new(parent.map(|page| self.nodes[&page].key), tokens)
    }

    fn hold(&mut self, page: u32) {
        let node = self.node(page);
        node.holders += 1;
        if node.holders == 1 {
            let key = (node.last_used, page);
            self.idle.remove(&key);
            self.note_held(1);
        }
    }

    fn release(&mut self, page: u32) {
        self.clock += 1;
        let clock = self.clock;
        let node = self.node(page);
        node.holders -= 1;
        if node.holders == 0 {
            node.last_used = clock;
            if node.followers == 0 {
                self.idle.insert((clock, page));
            }
            self.held -= 1;
        }
    }

    fn release_own(&mut self, page: u32) {
        self.free.push(page);
        self.held -= 1;
    }

    /// Gives up the published page that was unused longest; `false` when all are held.
    fn evict(&mut self) -> bool {
        let Some((page, key)) = self.forget() else { return false };
        self.pressure.evicted += 1;
        if let Some(store) = self.store.as_mut().filter(|store| !store.pages.has(key)) {
            store.leaving.push((key, page));
        }
        true
    }

    /// Makes the published page that was unused longest one without content; `None` when all are held.
    fn forget(&mut self) -> Option<(u32, PageKey)> {
        let (_, page) = self.idle.pop_first()?;
        let Node { parent, tokens, key, .. } = self.nodes.remove(&page)?;
        self.children.remove(&(parent, tokens));
        self.free.push(page);
        if let Some(parent) = parent {
            let node = self.node(parent);
            node.followers -= 1;
            if node.followers == 0 && node.holders == 0 {
                let key = (node.last_used, parent);
                self.idle.insert(key);
            }
        }
        Some((page, key))
    }

    fn note_held(&mut self, more: usize) {
        if self.held == 0 {
            self.peak = 0;
        }
        self.held += more;
        self.peak = self.peak.max(self.held);
    }

    fn node(&mut self, page: u32) -> &mut Node {
        self.nodes.get_mut(&page).expect("a published page")
    }
}

#[cfg(test)]
mod tests {
    use super::super::page_store::MemoryPages;
    use super::*;
    use proptest::prelude::*;

    fn tokens(len: usize, seed: u32) -> Vec<u32> {
        (0..len as u32).map(|token| token * 7 + seed).collect()
    }

    /// Opens, reads and publishes a sequence.
    fn read(pool: &PagePool, tokens: &[u32]) -> Option<Pages> {
        let mut pages = pool.open(tokens);
        let fits = pages.reserve(tokens.len());
        fits.then(|| pages.publish(tokens)).map(|()| pages)
    }

    #[test]
    fn a_common_prefix_is_held_once() {
        let pool = PagePool::new(8);
        let (mut a, mut b) = (tokens(40, 0), tokens(40, 0));
        a.push(1);
        b.push(2);
        let first = read(&pool, &a).expect("room");
        assert_eq!(pool.held(), 3);
        let second = read(&pool, &b).expect("room");
        assert_eq!(second.as_slice()[..2], first.as_slice()[..2]);
        assert_eq!(pool.held(), 4, "two shared pages, and one of its own each");
        drop(first);
        assert_eq!(pool.held(), 3);
        drop(second);
        assert_eq!(pool.held(), 0);
        assert_eq!(pool.known(&a), 32);
        assert_eq!(pool.peak(), 4);
    }

    #[test]
    fn the_longest_unused_page_goes_first_and_never_before_one_that_follows_it() {
        let pool = PagePool::new(4);
        let (old, new) = (tokens(32, 0), tokens(32, 100));
        drop(read(&pool, &old));
        drop(read(&pool, &new));
        let third = read(&pool, &tokens(16, 200)).expect("a page is given up");
        assert_eq!((pool.known(&old), pool.known(&new)), (16, 32));
        let mut fourth = pool.open(&[]);
        assert!(!fourth.reserve(64), "one page is held");
        assert!(fourth.reserve(48));
        assert_eq!((pool.known(&old), pool.known(&new)), (0, 0));
        drop((third, fourth));
        pool.clear();
        assert_eq!(pool.0.borrow().free.len(), 4);
    }

    #[test]
    fn two_that_read_the_same_at_once_end_with_the_same_pages() {
        let pool = PagePool::new(8);
        let prompt = tokens(33, 0);
        let (mut a, mut b) = (pool.open(&prompt), pool.open(&prompt));
        assert!(a.reserve(33) && b.reserve(33));
        a.publish(&prompt);
        b.publish(&prompt);
        assert_eq!(a.as_slice()[..2], b.as_slice()[..2]);
        assert_ne!(a.slot(32), b.slot(32));
        assert_eq!(pool.held(), 4);
    }

    #[test]
    fn what_is_given_up_can_be_taken_back() {
        let pool = PagePool::new(3).with_store(Box::new(MemoryPages::new(1000)), 4);
        let (first, second) = (tokens(33, 0), tokens(48, 100));
        drop(read(&pool, &first));
        drop(read(&pool, &second));
        let leaving = pool.take_leaving();
        assert_eq!((leaving.len(), pool.known(&first)), (2, 0));
        for (index, (key, _)) in leaving.into_iter().enumerate() {
            pool.keep(key, &[index as u8; 4]);
        }
        // The end of a prompt goes before its beginning.
        assert_eq!(pool.known(&first), 32);
        let mut pages = pool.open(&first);
        assert!(pages.reserve(33));
        pages.restore(&first);
        assert_eq!(pages.published(), 32);
        let returning: Vec<_> = pool.take_returning();
        assert_eq!(returning, [(pages.as_slice()[0], vec![1; 4]), (pages.as_slice()[1], vec![0; 4])]);
        assert_eq!(pool.pressure(), Pressure { evicted: 5, spilled: 2, restored: 2 });
        pool.clear();
        drop(pages);
        pool.clear();
        assert_eq!(pool.take_leaving().len(), 0, "what a failed device had is not kept");
    }

    #[test]
    fn a_page_of_the_wrong_size_is_not_taken_back() {
        let pool = PagePool::new(3).with_store(Box::new(MemoryPages::new(1000)), 4);
        drop(read(&pool, &tokens(16, 0)));
        drop(read(&pool, &tokens(48, 100)));
        for (key, _) in pool.take_leaving() {
            pool.keep(key, &[0; 5]);
        }
        let mut pages = pool.open(&tokens(16, 0));
        assert!(pages.reserve(16));
        pages.restore(&tokens(16, 0));
        assert_eq!((pages.published(), pool.take_returning().len()), (0, 0));
    }

    proptest! {
        /// Whatever comes and goes: no page is in two places, held pages are never given away, and in the end all are free.
        #[test]
        fn accounts_for_every_page(steps in prop::collection::vec((0_u32..6, 1_usize..70, any::<bool>()), 1..60)) {
            let pool = PagePool::new(12);
            let mut open: Vec<(Vec<u32>, Pages)> = Vec::new();
            for (seed, len, drops) in steps {
                if drops && !open.is_empty() {
                    drop(open.remove(len % open.len()));
                } else {
                    let prompt = tokens(len, seed % 3);
                    if let Some(pages) = read(&pool, &prompt) {
                        open.push((prompt, pages));
                    }
                }
                let mut owners: HashMap<u32, &[u32]> = HashMap::new();
                for (tokens, pages) in &open {
                    prop_assert!(pages.as_slice().len() * PAGE_SIZE >= tokens.len());
                    for (index, page) in pages.as_slice().iter().enumerate() {
                        let upto = &tokens[..tokens.len().min((index + 1) * PAGE_SIZE)];
                        // A page in two sequences is there because both hold the same tokens up to its end.
                        prop_assert_eq!(*owners.entry(*page).or_insert(upto), upto);
                    }
                }
                prop_assert_eq!(owners.len(), pool.held());
                let inner = pool.0.borrow();
                prop_assert!(inner.free.iter().all(|page| !owners.contains_key(page) && !inner.nodes.contains_key(page)));
            }
            drop(open);
            prop_assert_eq!(pool.held(), 0);
            pool.clear();
            prop_assert_eq!(pool.0.borrow().free.len(), 12);
            prop_assert!(pool.0.borrow().nodes.is_empty() && pool.0.borrow().children.is_empty());
        }
    }
}
