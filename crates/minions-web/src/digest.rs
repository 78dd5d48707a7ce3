//! SHA-256 of what comes piece by piece, which the browser's own cannot do: it wants the whole in memory.

use sha2::{Digest, Sha256};
use wasm_bindgen::prelude::*;

/// A SHA-256 digest in the making.
#[wasm_bindgen(js_name = Sha256)]
#[derive(Default)]
pub struct Sha256Digest(Sha256);

#[wasm_bindgen(js_class = Sha256)]
impl Sha256Digest {
    /// Of nothing yet.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all of them, in hexadecimal digits. What comes after is of another.
    pub fn finish(&mut self) -> String {
        format!("{:x}", self.0.finalize_reset())
    }
}
