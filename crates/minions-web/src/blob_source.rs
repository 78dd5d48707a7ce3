//! A model's files as blobs of the browser: a download or a user's file, read in ranges, so that the model never sits
//! in wasm memory whole.

use std::collections::HashMap;
use std::ops::Range;

use js_sys::{ArrayBuffer, Map, Uint8Array};
use minions_engine::{Error, ModelSource, Result};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::Blob;

use crate::js::message;

/// Blobs by name.
pub(crate) struct BlobSource(HashMap<String, Blob>);

impl BlobSource {
    /// The files of a `Map<string, Blob>`; whatever else is in it is left out, and missed when it is asked for.
    pub(crate) fn new(files: &Map) -> Self {
        let mut blobs = HashMap::new();
        files.for_each(&mut |value, name| {
            if let (Some(name), Ok(blob)) = (name.as_string(), value.dyn_into::<Blob>()) {
                blobs.insert(name, blob);
            }
        });
        Self(blobs)
    }
}

impl ModelSource for BlobSource {
    async fn size(&self, file: &str) -> Result<Option<u64>> {
        Ok(self.0.get(file).map(|blob| blob.size() as u64))
    }

    async fn read(&self, file: &str, range: Range<u64>) -> Result<Vec<u8>> {
        let failed = |message: String| Error::Read { file: file.to_owned(), message };
        let blob = self.0.get(file).ok_or_else(|| failed("there is no such file".to_owned()))?;
        let exception = |exception: JsValue| failed(format!("the browser could not read it: {}", message(&exception)));
        let slice = blob.slice_with_f64_and_f64(range.start as f64, range.end as f64).map_err(exception)?;
        let buffer: ArrayBuffer = JsFuture::from(slice.array_buffer()).await.map_err(exception)?.unchecked_into();
        Ok(Uint8Array::new(&buffer).to_vec())
    }
}
