//! What changes from step to step: one small tensor of u32, uploaded once per step.
//!
//! First the row headers, 4 words per row, from word 0. Then, at offsets that the params name, in any order: the block table
//! (`pages_per_seq` page numbers per sequence), the prefill tiles and the sampling settings, and what those point to, masks
//! and adjustments. The structs here are those records; cast them with `bytemuck`.

use bytemuck::{Pod, Zeroable};

/// Positions per KV page.
pub const PAGE_SIZE: usize = 16;
/// Rows a prefill tile may have at most.
pub const TILE_ROWS: usize = 16;
/// Rows a decode group may have at most.
pub const GROUP_ROWS: usize = 4;
/// What the rows of a group share is counted in so many positions.
pub const GROUP_POSITIONS: usize = 64;
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

/// Decode group: 8 words at `step[groups_offset + 8 * group]`. Rows whose pages begin alike.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Group {
    /// How many rows; none in a group that only fills up.
    pub row_count: u32,
    /// Positions, a multiple of [`GROUP_POSITIONS`], that all of them see on the same pages.
    pub shared: u32,
    /// Zero.
    pub pad: [u32; 2],
    /// The rows.
    pub rows: [u32; GROUP_ROWS],
}

/// Puts rows whose pages begin alike into groups of at most `most`. `table` is the block table, `pages_per_seq` pages a
/// sequence.
pub fn groups(rows: &[RowHeader], table: &[u32], pages_per_seq: usize, most: usize) -> Vec<Group> {
    let pages = |row: &RowHeader| {
        let pages = &table[row.sequence as usize * pages_per_seq..][..pages_per_seq];
        &pages[..(row.position as usize + 1).div_ceil(PAGE_SIZE).min(pages_per_seq)]
    };
    let shared = |a: &RowHeader, b: &RowHeader| {
        let alike = pages(a).iter().zip(pages(b)).take_while(|(a, b)| a == b).count() * PAGE_SIZE;
        alike.min(a.position.min(b.position) as usize + 1) / GROUP_POSITIONS * GROUP_POSITIONS
    };
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|row| (pages(&rows[*row]), *row));
    let mut groups: Vec<Group> = Vec::new();
    for row in order {
        let joined = groups.last_mut().filter(|group| (group.row_count as usize) < most).and_then(|group| {
            let shared = shared(&rows[group.rows[0] as usize], &rows[row]) as u32;
            // A row that shares much less than the others would keep them from sharing the rest.
            (shared > 0 && 2 * shared >= group.shared).then_some((group, shared))
        });
        match joined {
            Some((group, shared)) => {
                group.shared = if group.row_count == 1 { shared } else { group.shared.min(shared) };
                group.rows[group.row_count as usize] = row as u32;
                group.row_count += 1;
            }
            None => groups.push(Group { row_count: 1, rows: [row as u32, 0, 0, 0], ..Group::default() }),
        }
    }
    groups
}

/// Alternatives that `sample` tells at most.
pub const MAX_ALTERNATIVES: usize = 20;

/// Sampling settings of one row of logits: 16 words at `step[samples_offset + 16 * row]`.
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
    /// Word of the step at which the mask begins, a bit a token, set where it is allowed; 0 allows all.
    pub mask_offset: u32,
    /// Divides the positive logits of seen tokens and multiplies the negative ones; 1 changes nothing.
    pub repetition_penalty: f32,
    /// Taken from the logits of generated tokens, once each; 0 changes nothing.
    pub presence_penalty: f32,
    /// Taken from the logits of generated tokens, once for each time; 0 changes nothing.
    pub frequency_penalty: f32,
    /// Word of the step at which the adjustments begin.
    pub adjustments_offset: u32,
    /// How many there are.
    pub adjustments: u32,
    /// 0 tells ids only; else the chosen token's log probability, and this many less one alternatives.
    pub logprobs: u32,
    /// Zero.
    pub reserved: [u32; 2],
}

/// A logit that changes before the draw: 3 words at `step[adjustments_offset + 3 * i]`. Each token once.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct Adjustment {
    /// The token.
    pub token: u32,
    /// 0 if it is neither in the prompt nor in the reply; else one more than how often it is in the reply.
    pub seen: u32,
    /// Added to its logit.
    pub bias: f32,
}

impl Default for Sampling {
    /// Greedy.
    fn default() -> Self {
        Self { top_p: 1.0, repetition_penalty: 1.0, ..Zeroable::zeroed() }
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
    record(step, samples_offset as usize + row * 16)
}

/// Adjustments of a row of logits.
pub fn adjustments<'a>(step: &'a [u32], settings: &Sampling) -> impl Iterator<Item = Adjustment> + 'a {
    let (offset, count) = (settings.adjustments_offset as usize, settings.adjustments as usize);
    (0..count).map(move |i| record(step, offset + i * 3))
}

/// Whether the mask of a row of logits allows a token.
pub fn is_allowed(step: &[u32], settings: &Sampling, token: usize) -> bool {
    settings.mask_offset == 0 || step[settings.mask_offset as usize + token / 32] >> (token % 32) & 1 == 1
}

fn record<T: Pod>(step: &[u32], offset: usize) -> T {
    bytemuck::pod_read_unaligned(bytemuck::cast_slice(&step[offset..offset + size_of::<T>() / 4]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(sequence: u32, position: u32) -> RowHeader {
        RowHeader { token: 0, position, slot: 0, sequence }
    }

    #[test]
    fn groups_hold_rows_whose_pages_begin_alike() {
        // Sequences 0, 2 and 3 share 5 pages, 1 none; 4 shares 20 pages with 5.
        let long: Vec<u32> = (100..124).collect();
        let table: Vec<u32> = [
            [&[1, 2, 3, 4, 5, 10][..], &[0; 18]].concat(),
            [&[20, 21, 22, 23, 24, 25][..], &[0; 18]].concat(),
            [&[1, 2, 3, 4, 5, 11][..], &[0; 18]].concat(),
            [&[1, 2, 3, 4, 5, 12][..], &[0; 18]].concat(),
            long.clone(),
            [&long[..20], &[200; 4]].concat(),
        ]
        .concat();
        let rows = [row(0, 85), row(1, 85), row(2, 90), row(5, 340), row(3, 81), row(4, 330), row(2, 91)];
        let groups = groups(&rows, &table, 24, GROUP_ROWS);
        let members: Vec<_> =
            groups.iter().map(|group| (group.shared, &group.rows[..group.row_count as usize])).collect();
        assert_eq!(members, [(64, &[0, 2, 6, 4][..]), (0, &[1]), (320, &[5, 3])]);
    }

    #[test]
    fn a_row_is_alone_where_it_shares_too_little() {
        let table: Vec<u32> = (0..8).chain([0, 1, 2, 30, 31, 32, 33, 34]).collect();
        // Three pages are less than 64 positions; and no group has more rows than it may have.
        let rows = [row(0, 120), row(1, 120)];
        assert!(groups(&rows, &table, 8, GROUP_ROWS).iter().all(|group| group.row_count == 1 && group.shared == 0));
        let rows = [row(0, 100), row(0, 101), row(0, 102)];
        let sizes = |most| groups(&rows, &table, 8, most).iter().map(|group| group.row_count).collect::<Vec<_>>();
        assert_eq!((sizes(1), sizes(2), sizes(4)), (vec![1, 1, 1], vec![2, 1], vec![3]));
    }
}
