//! Where the engine computes.

use clap::ValueEnum;
use minions_engine::{Compute, Error};

/// What the user asks for.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DeviceChoice {
    /// The GPU, or the CPU where there is none.
    Auto,
    /// The GPU, or an error.
    Gpu,
    /// The CPU.
    Cpu,
}

impl DeviceChoice {
    pub async fn open(self) -> Result<Compute, Error> {
        match self {
            Self::Cpu => Ok(Compute::cpu("asked for")),
            Self::Gpu => Compute::gpu().await,
            Self::Auto => Ok(Compute::gpu().await.unwrap_or_else(|error| Compute::cpu(error.to_string()))),
        }
    }
}
