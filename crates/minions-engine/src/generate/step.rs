//! One step of the model: rows of several sequences, flattened into one small tensor that is uploaded once.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use minions_shaders::{Adjustment, Group, PAGE_SIZE, RowHeader, TILE_ROWS, Tile, groups};

use super::sampling::MAX_BIASES;
use super::{Sampling, Sequence};

/// Which kernels read a step's rows. [`Sequence`] says which rows are which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Many rows at a time, in tiles. None of them samples.
    Prefill,
    /// Some rows at a time, each by itself: the weights are read once for eight of them. All of them sample.
    Decode,
}

/// Collects the rows of a step. All sequences of a step read the same weights once.
#[derive(Clone, Debug)]
pub struct StepBuilder {
    phase: Phase,
    rows: Vec<RowHeader>,
    tables: Vec<Vec<u32>>,
    tiles: Vec<Tile>,
    samples: Vec<minions_shaders::Sampling>,
    /// Masks and adjustments of each sample.
    extras: Vec<(Vec<u32>, Vec<Adjustment>)>,
}

/// How a row's next token is drawn.
#[derive(Clone, Debug)]
pub struct Draw<'a> {
    /// The request's settings.
    pub sampling: &'a Sampling,
    /// The allowed tokens, a bit a token; `None` allows all.
    pub mask: Option<Vec<u32>>,
    /// What changes among the scores.
    pub adjustments: Vec<Adjustment>,
}

impl Draw<'static> {
    /// The most probable token.
    pub const GREEDY: Self = Self { sampling: &Sampling::GREEDY, mask: None, adjustments: Vec::new() };
}

/// What all steps of an engine have in common.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Sizes the block tables, so that their shape does not change between steps.
    pub context_length: usize,
    /// How many rows of a decode step may be a group.
    pub group_rows: usize,
}

/// A step as the kernels read it. Offsets are in words of `words`; `shaders/src/step.rs` tells the layout.
#[derive(Clone, Debug)]
pub struct Step {
    phase: Phase,
    words: Tensor<1, Int>,
    rows: usize,
    table_offset: usize,
    pages_per_sequence: usize,
    group_rows: usize,
    /// Of tiles in a prefill step, of groups in a decode step.
    tiles_offset: usize,
    tiles: usize,
    samples_offset: usize,
    samples: usize,
    asked: Vec<u32>,
}

impl StepBuilder {
    /// A step without rows.
    pub fn new(phase: Phase) -> Self {
        let (rows, tables, tiles, samples, extras) = (vec![], vec![], vec![], vec![], vec![]);
        Self { phase, rows, tables, tiles, samples, extras }
    }

    /// Adds the next `rows` unread tokens of a sequence, whose keys and values must have room.
    ///
    /// Where rows of the prefill are cut, they are cut at a multiple of [`TILE_ROWS`]: what stands in a tile is then the
    /// same however a prompt is cut.
    pub fn prefill(&mut self, sequence: &Sequence, rows: usize) {
        assert_eq!(self.phase, Phase::Prefill, "the step's phase");
        let first_row = self.push_rows(sequence, &[], rows);
        for tile in (0..rows).step_by(TILE_ROWS) {
            let row_count = TILE_ROWS.min(rows - tile) as u32;
            self.tiles.push(Tile { first_row: (first_row + tile) as u32, row_count });
        }
    }

    /// Adds the next unread tokens of a sequence and those drafted to follow it, one for each of `draws`: how the token after
    /// each is drawn.
    pub fn decode(&mut self, sequence: &Sequence, drafts: &[u32], draws: Vec<Draw>) {
        assert_eq!(self.phase, Phase::Decode, "the step's phase");
        self.push_rows(sequence, drafts, draws.len());
        for (position, Draw { sampling, mask, adjustments }) in (sequence.cached() + 1..).zip(draws) {
            self.samples.push(sampling.at(position));
            self.extras.push((mask.unwrap_or_default(), adjustments));
        }
    }

    /// Fills a decode step up to `rows` rows with ones that read and write the page `scratch` and nothing else.
    pub fn pad(&mut self, rows: usize, scratch: u32) {
        let sequence = self.tables.len() as u32;
        self.tables.push(vec![scratch]);
        let slot = scratch * PAGE_SIZE as u32;
        self.rows.resize(rows, RowHeader { token: 0, position: 0, slot, sequence });
        self.samples.resize(rows, Draw::GREEDY.sampling.at(1));
        self.extras.resize(rows, (Vec::new(), Vec::new()));
        // A table for each row: steps of as many rows are laid out alike.
        self.tables.resize(rows, Vec::new());
    }

    fn push_rows(&mut self, sequence: &Sequence, drafts: &[u32], rows: usize) -> usize {
        let (first_row, sequence_index) = (self.rows.len(), self.tables.len() as u32);
        let tokens = sequence.tokens().iter().chain(drafts).enumerate().skip(sequence.cached());
        for (position, &token) in tokens.take(rows) {
            self.rows.push(RowHeader {
                token,
                position: position as u32,
                slot: sequence.pages().slot(position),
                sequence: sequence_index,
            });
        }
        self.tables.push(sequence.pages().as_slice().to_vec());
        first_row
    }

    /// Rows so far.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// What each row that samples tells: 0 is its token alone, else one more than the alternatives.
    pub fn asked(&self) -> Vec<u32> {
        self.samples.iter().map(|sample| sample.logprobs).collect()
    }

    /// The words that [`upload`](Self::upload) uploads. Steps of the same shape begin with as many, which masks and
    /// adjustments follow.
    pub fn words(&self, layout: Layout) -> Vec<u32> {
        self.lay_out(layout).0
    }

    /// Uploads the step.
    pub fn upload(self, layout: Layout, device: &Device) -> Step {
        self.upload_with_room(0, layout, device)
    }

    /// The same, with room for any masks and adjustments that steps of this shape can have for `vocab_size` tokens.
    pub fn upload_for_replay(self, vocab_size: usize, layout: Layout, device: &Device) -> Step {
        let adjustments = vocab_size.min(layout.context_length + MAX_BIASES);
        let room = vocab_size.div_ceil(32) + adjustments * size_of::<Adjustment>() / size_of::<u32>();
        let room = room * self.samples.len();
        self.upload_with_room(room, layout, device)
    }

    fn upload_with_room(self, room: usize, layout: Layout, device: &Device) -> Step {
        let (mut words, [table_offset, tiles_offset, samples_offset]) = self.lay_out(layout);
        words.resize(words.len() + room, 0);
        let asked = self.asked();
        let len = words.len();
        Step {
            phase: self.phase,
            words: Tensor::from_data(TensorData::new(words, [len]), (device, DType::U32)),
            rows: self.rows.len(),
            table_offset,
            pages_per_sequence: layout.context_length.div_ceil(PAGE_SIZE),
            group_rows: if self.rows.len() == 1 { 1 } else { layout.group_rows },
            tiles_offset,
            tiles: match self.phase {
                Phase::Prefill => self.tiles.len(),
                Phase::Decode => self.rows.len(),
            },
            samples_offset,
            samples: self.samples.len(),
            asked,
        }
    }

    /// All words, and where among them tables, tiles and samples begin.
    fn lay_out(&self, layout: Layout) -> (Vec<u32>, [usize; 3]) {
        let mut words: Vec<u32> = bytemuck::pod_collect_to_vec(&self.rows);
        let table_offset = words.len();
        for table in &self.tables {
            let mut table = table.clone();
            table.resize(layout.context_length.div_ceil(PAGE_SIZE), 0);
            words.append(&mut table);
        }
        let tiles_offset = words.len();
        match self.phase {
            Phase::Prefill => words.extend_from_slice(bytemuck::cast_slice(&self.tiles)),
            Phase::Decode => {
                let (table, pages) = (&words[table_offset..], layout.context_length.div_ceil(PAGE_SIZE));
                let mut groups = groups(&self.rows, table, pages, layout.group_rows);
                // As many as there can be: steps of as many rows are laid out alike.
                groups.resize(self.rows.len(), Group::default());
                words.extend_from_slice(bytemuck::cast_slice(&groups));
            }
        }
        let samples_offset = words.len();
        let mut samples = self.samples.clone();
        words.resize(samples_offset + size_of_val(&samples[..]) / size_of::<u32>(), 0);
        for (sample, (mask, adjustments)) in samples.iter_mut().zip(&self.extras) {
            sample.mask_offset = if mask.is_empty() { 0 } else { words.len() as u32 };
            words.extend_from_slice(mask);
            (sample.adjustments_offset, sample.adjustments) = (words.len() as u32, adjustments.len() as u32);
            words.extend_from_slice(bytemuck::cast_slice(adjustments));
        }
        let samples: &[u32] = bytemuck::cast_slice(&samples);
        words[samples_offset..samples_offset + samples.len()].copy_from_slice(samples);
        (words, [table_offset, tiles_offset, samples_offset])
    }
}

impl Step {
    /// The uploaded words.
    pub fn words(&self) -> Tensor<1, Int> {
        self.words.clone()
    }

    /// Which kernels read the rows.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Rows in the step.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Where the block tables begin, and the pages in each.
    pub fn tables(&self) -> (usize, usize) {
        (self.table_offset, self.pages_per_sequence)
    }

    /// Where the attention tiles of a prefill step begin, and how many there are.
    pub fn tiles(&self) -> (usize, usize) {
        assert_eq!(self.phase, Phase::Prefill, "the step's phase");
        (self.tiles_offset, self.tiles)
    }

    /// Where the attention groups of a decode step begin, and how many there are; none in a prefill step.
    pub fn groups(&self) -> (usize, usize) {
        match self.phase {
            Phase::Prefill => (0, 0),
            Phase::Decode => (self.tiles_offset, self.tiles),
        }
    }

    /// How many rows a group may have.
    pub fn group_rows(&self) -> usize {
        self.group_rows
    }

    /// Where the sampling words begin, and how many rows sample.
    pub fn samples(&self) -> (usize, usize) {
        (self.samples_offset, self.samples)
    }

    /// What each row that samples tells: 0 is its token alone, else one more than the alternatives.
    pub fn asked(&self) -> &[u32] {
        &self.asked
    }
}
