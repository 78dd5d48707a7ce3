//! `minions_engine::weights`, as far as it reads headers.

#[path = "../../crates/minions-engine/src/weights/gguf.rs"]
mod gguf;
#[path = "../../crates/minions-engine/src/weights/safetensors.rs"]
pub mod safetensors;
#[path = "../../crates/minions-engine/src/weights/source.rs"]
pub mod source;
#[path = "../../crates/minions-engine/src/weights/split.rs"]
pub mod split;
