//! Pages of the cache in JavaScript's memory: wasm's own never shrinks, and ends at 4 GB.
//!
//! Memory and not storage: keys and values can be turned back into the text that they were computed from, and documents are
//! never stored.

use js_sys::{JsString, Map, Uint8Array};
use minions_engine::{PageKey, PageStore};
use wasm_bindgen::JsCast;

/// Where there is no room for another page, the longest unused goes: a `Map` keeps the order in which keys were put in.
#[derive(Debug)]
pub(crate) struct JsPages {
    limit: usize,
    bytes: usize,
    pages: Map,
}

impl JsPages {
    /// Of at most so many bytes in all.
    pub fn new(limit: usize) -> Self {
        Self { limit, bytes: 0, pages: Map::new() }
    }
}

impl PageStore for JsPages {
    fn put(&mut self, key: PageKey, page: &[u8]) {
        if page.len() > self.limit || self.has(key) {
            return;
        }
        while self.bytes + page.len() > self.limit {
            let Some(Ok(oldest)) = self.pages.keys().into_iter().next() else { break };
            self.bytes -= self.pages.get(&oldest).dyn_into().map_or(0, |page: Uint8Array| page.length() as usize);
            self.pages.delete(&oldest);
        }
        self.bytes += page.len();
        self.pages.set(&name(key), &Uint8Array::from(page));
    }

    fn get(&mut self, key: PageKey) -> Option<Vec<u8>> {
        let name = name(key);
        let page = self.pages.get(&name).dyn_into::<Uint8Array>().ok()?;
        self.pages.delete(&name);
        self.pages.set(&name, &page);
        Some(page.to_vec())
    }

    fn has(&self, key: PageKey) -> bool {
        self.pages.has(&name(key))
    }
}

fn name(key: PageKey) -> JsString {
    JsString::from(key.to_string())
}
