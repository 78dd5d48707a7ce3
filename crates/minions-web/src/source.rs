//! A model's files as JavaScript has them: a user's file, a stored one or one that still arrives. Read in ranges, so that
//! the model never sits in wasm memory whole.

use std::collections::HashMap;
use std::ops::Range;

use js_sys::{Map, Uint8Array};
use minions_engine::{Error, ModelSource, Result};
use wasm_bindgen::prelude::*;

use crate::js::message;

#[wasm_bindgen]
extern "C" {
    /// `Readable` in `js/readable.ts`.
    type Readable;

    #[wasm_bindgen(method, structural, catch)]
    async fn size(this: &Readable) -> std::result::Result<JsValue, JsValue>;

    #[wasm_bindgen(method, structural, catch)]
    async fn read(this: &Readable, start: f64, end: f64) -> std::result::Result<JsValue, JsValue>;
}

/// Files by name.
pub(crate) struct JsSource(HashMap<String, Readable>);

impl JsSource {
    /// The files of a `Map<string, Readable>`.
    pub(crate) fn new(files: &Map) -> Self {
        let mut readables = HashMap::new();
        files.for_each(&mut |file, name| {
            if let Some(name) = name.as_string() {
                readables.insert(name, file.unchecked_into());
            }
        });
        Self(readables)
    }
}

impl ModelSource for JsSource {
    async fn size(&self, file: &str) -> Result<Option<u64>> {
        let Some(readable) = self.0.get(file) else { return Ok(None) };
        let size = readable.size().await.map_err(|exception| unreadable(file, &exception))?;
        Ok(size.as_f64().map(|size| size as u64))
    }

    async fn read(&self, file: &str, range: Range<u64>) -> Result<Vec<u8>> {
        let missing = || Error::Read { file: file.to_owned(), message: "there is no such file".to_owned() };
        let readable = self.0.get(file).ok_or_else(missing)?;
        let bytes = readable.read(range.start as f64, range.end as f64).await;
        let bytes: Uint8Array = bytes.map_err(|exception| unreadable(file, &exception))?.unchecked_into();
        let copy = bytes.to_vec();
        // Given back now: a garbage collector sees no hurry in buffers that are not its own. Older browsers cannot.
        let _ = bytes.buffer().transfer_with_length(0);
        Ok(copy)
    }
}

fn unreadable(file: &str, exception: &JsValue) -> Error {
    Error::Read { file: file.to_owned(), message: format!("the browser could not read it: {}", message(exception)) }
}
