//! What changes from step to step: one small tensor of u32, uploaded once per step.
//!
//! First the row headers, 4 words per row, from word 0. Then, at offsets that the params name, in any order: the block table
//! (`pages_per_seq` page numbers per sequence), the prefill tiles and the sampling settings. The structs here are those
//! records; cast them with `bytemuck`.

use bytemuck::{Pod, Zeroable};

/// Positions per KV page.
pub const PAGE_SIZE: usize = 16;
/// Rows a prefill tile may have at most.
pub const TILE_ROWS: usize = 16;
/// Largest head dimension the attention kernels take; it must also be a multiple of 8.
pub const MAX_HEAD_DIM: usize = 256;

/// Header of one row: 4 words at `step[4 * row]`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct RowHeader {
    /// Input token.
    pub token: u32,
    /// Position of the token in its sequence.
    pub position: u32,
    /// KV slot, `page * PAGE_SIZE + offset`, that receives the row's k and v.
    pub slot: u32,
    /// Index of the sequence in the block table.
    pub sequence: u32,
}

/// Prefill tile: 2 words at `step[tiles_offset + 2 * tile]`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Tile {
    /// First row.
    pub first_row: u32,
    /// Rows, at most [`TILE_ROWS`], all of one sequence and at consecutive positions.
    pub row_count: u32,
}

/// Sampling settings of one row of logits: 8 words at `step[samples_offset + 8 * row]`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Sampling {
    /// Divides the logits; 0 takes the largest logit instead of drawing.
    pub temperature: f32,
    /// Keep the `top_k` largest logits; 0 keeps all.
    pub top_k: u32,
    /// Keep the largest logits whose probabilities reach this sum; 1 keeps all.
    pub top_p: f32,
    /// Keep tokens at least this probable relative to the most probable one; 0 keeps all.
    pub min_p: f32,
    /// Seed, low word.
    pub seed_low: u32,
    /// Seed, high word.
    pub seed_high: u32,
    /// Position of the token being drawn: same seed and counter, same draw.
    pub counter: u32,
    /// Zero.
    pub reserved: u32,
}

impl Default for Sampling {
    /// Greedy.
    fn default() -> Self {
        Self { temperature: 0.0, top_k: 0, top_p: 1.0, min_p: 0.0, seed_low: 0, seed_high: 0, counter: 0, reserved: 0 }
    }
}

/// Header of a row.
pub fn row_header(step: &[u32], row: usize) -> RowHeader {
    record(step, row * 4)
}

/// Prefill tile `tile`.
pub fn tile(step: &[u32], tiles_offset: u32, tile: usize) -> Tile {
    record(step, tiles_offset as usize + tile * 2)
}

/// Sampling settings of a row of logits.
pub fn sampling(step: &[u32], samples_offset: u32, row: usize) -> Sampling {
    record(step, samples_offset as usize + row * 8)
}

fn record<T: Pod>(step: &[u32], offset: usize) -> T {
    bytemuck::pod_read_unaligned(bytemuck::cast_slice(&step[offset..offset + size_of::<T>() / 4]))
}
