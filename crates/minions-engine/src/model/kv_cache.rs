//! The paged KV cache (Kwon et al. 2023): one pool of pages per layer, and the pages each sequence holds.

use std::cell::RefCell;
use std::rc::Rc;

use burn::tensor::{Device, Tensor};
use minions_shaders::PAGE_SIZE;

use super::ModelConfig;

/// Keys and values of all sequences, every layer.
#[derive(Debug)]
pub struct KvCache {
    layers: Vec<LayerCache>,
}

/// Keys and values of one layer: `[slots, kv_heads · head_dim]` each.
#[derive(Debug)]
pub struct LayerCache {
    /// `None` only while a kernel writes: on the CPU the buffer must be the kernel's alone to be changed in place.
    pages: Option<(Tensor<2>, Tensor<2>)>,
}

impl KvCache {
    /// A cache of `pages` pages.
    pub fn new(config: &ModelConfig, pages: usize, device: &Device) -> Self {
        let shape = [pages * PAGE_SIZE, config.n_kv_heads * config.head_dim];
        let layer = || LayerCache { pages: Some((Tensor::zeros(shape, device), Tensor::zeros(shape, device))) };
        Self { layers: (0..config.layers.len()).map(|_| layer()).collect() }
    }

    /// The layers, first to last.
    pub fn layers(&mut self) -> impl Iterator<Item = &mut LayerCache> {
        self.layers.iter_mut()
    }
}

impl LayerCache {
    /// Hands keys and values to `kernel`, which returns them changed beside its own result.
    pub fn write<T>(&mut self, kernel: impl FnOnce(Tensor<2>, Tensor<2>) -> (T, Tensor<2>, Tensor<2>)) -> T {
        let (k, v) = self.pages.take().expect("no kernel is writing");
        let (result, k, v) = kernel(k, v);
        self.pages = Some((k, v));
        result
    }

    /// Keys and values.
    pub fn read(&self) -> (Tensor<2>, Tensor<2>) {
        self.pages.clone().expect("no kernel is writing")
    }
}

/// The pages that no sequence holds.
#[derive(Clone, Debug)]
pub struct PagePool {
    free: Rc<RefCell<Vec<u32>>>,
    total: usize,
}

/// The pages of one sequence, in order of position. Dropping them gives them back.
#[derive(Debug)]
pub struct Pages {
    pool: PagePool,
    held: Vec<u32>,
}

impl PagePool {
    /// A pool of `total` pages, all free.
    pub fn new(total: usize) -> Self {
        Self { free: Rc::new(RefCell::new((0..total as u32).rev().collect())), total }
    }

    /// An empty set of pages of this pool.
    pub fn sequence(&self) -> Pages {
        Pages { pool: self.clone(), held: Vec::new() }
    }

    /// How many pages are free.
    #[cfg(test)]
    pub fn free(&self) -> usize {
        self.free.borrow().len()
    }

    /// How many pages there are.
    pub fn total(&self) -> usize {
        self.total
    }
}

impl Pages {
    /// Makes room for `len` positions. `false`, and nothing is taken, when the pool has too few pages left.
    #[must_use]
    pub fn reserve(&mut self, len: usize) -> bool {
        let missing = len.div_ceil(PAGE_SIZE).saturating_sub(self.held.len());
        let mut free = self.pool.free.borrow_mut();
        let Some(rest) = free.len().checked_sub(missing) else { return false };
        self.held.extend(free.drain(rest..).rev());
        true
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
        self.pool.free.borrow_mut().append(&mut self.held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_come_back_when_dropped() {
        let pool = PagePool::new(3);
        let mut a = pool.sequence();
        assert!(a.reserve(17), "two pages");
        let mut b = pool.sequence();
        assert!(!b.reserve(17), "one page is left");
        assert_eq!(pool.free(), 1);
        assert!(b.reserve(16));
        assert_eq!(pool.free(), 0);
        drop(a);
        assert!(b.reserve(48));
        drop(b);
        assert_eq!(pool.free(), pool.total());
    }

    #[test]
    fn slots_follow_the_pages() {
        let pool = PagePool::new(2);
        let mut pages = pool.sequence();
        assert!(pages.reserve(PAGE_SIZE + 1));
        let held = pages.as_slice().to_vec();
        assert_eq!(pages.slot(PAGE_SIZE - 1), held[0] * PAGE_SIZE as u32 + PAGE_SIZE as u32 - 1);
        assert_eq!(pages.slot(PAGE_SIZE), held[1] * PAGE_SIZE as u32);
    }
}
