//! What happens when a device fails (a driver that was reset, a laptop that changed its GPU, an error that nobody awaited, a
//! step without end): the model is put on another, from where its file is, and every job goes on from its tokens.

use std::cell::Cell;

use futures_util::future::LocalBoxFuture;
use futures_util::lock::Mutex;

use super::device_model::DeviceModel;
use crate::device::Compute;
use crate::error::{Error, Result};

/// So often a device may fail before anything was done with it.
const MAX_ATTEMPTS: u32 = 3;

/// Puts the model on a device: → the model there, and what it draws after the tokens that it is tried with.
pub type Build = Box<dyn Fn(Compute) -> LocalBoxFuture<'static, Result<(DeviceModel, u32)>>>;

/// How to have the model on a device again.
pub struct Recovery {
    build: Build,
    /// What the first device has drawn in the trial.
    token: u32,
    attempts: Cell<u32>,
    /// Held by whoever recovers: turns and readers may find out at the same time.
    pub is_recovering: Mutex<()>,
}

impl Recovery {
    /// By `build`, which was used once and came to `token`.
    pub fn new(build: Build, token: u32) -> Self {
        Self { build, token, attempts: Cell::new(0), is_recovering: Mutex::default() }
    }

    /// The model on a device in place of `failed`, which reported `error`. A model that says something else there than it did
    /// on the first is an error.
    pub async fn rebuild(&self, failed: &DeviceModel, error: Error) -> Result<DeviceModel> {
        let error = failed.compute.cause(error);
        if self.attempts.get() == MAX_ATTEMPTS {
            self.attempts.set(0);
            return Err(gone(error));
        }
        self.attempts.set(self.attempts.get() + 1);
        let compute = failed.compute.reopen().await.map_err(gone)?;
        let (model, token) = (self.build)(compute).await.map_err(gone)?;
        if token == self.token {
            return Ok(model);
        }
        let message = "it was lost, and the one that took its place computes something else".to_owned();
        Err(Error::DeviceLost(message))
    }

    /// Notes that the device has done something.
    pub fn note_success(&self) {
        self.attempts.set(0);
    }
}

/// What a caller is told: that the device is gone, whatever it said of itself when that was so.
fn gone(error: Error) -> Error {
    match error {
        Error::Gpu(_) | Error::WebgpuUnavailable(_) => Error::DeviceLost(error.to_string()),
        other => other,
    }
}
