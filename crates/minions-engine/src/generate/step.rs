//! One step of the model: rows of several sequences, flattened into one small tensor that is uploaded once.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use minions_shaders::{Adjustment, PAGE_SIZE, RowHeader, TILE_ROWS, Tile};

use super::sampling::MAX_BIASES;
use super::{Sampling, Sequence};

/// Collects the rows of a step. All sequences of a step read the same weights once.
#[derive(Debug, Default)]
pub struct StepBuilder {
    rows: Vec<RowHeader>,
    tables: Vec<Vec<u32>>,
    tiles: Vec<Tile>,
    sampled: Vec<u32>,
    samples: Vec<minions_shaders::Sampling>,
    /// Masks and adjustments of each sample.
    extras: Vec<(Vec<u32>, Vec<Adjustment>)>,
    longest_run: usize,
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

/// A step as the kernels read it. Offsets are in words of `words`; `shaders/src/step.rs` tells the layout.
#[derive(Clone, Debug)]
pub struct Step {
    words: Tensor<1, Int>,
    sampled: Option<Tensor<1, Int>>,
    rows: usize,
    table_offset: usize,
    pages_per_sequence: usize,
    tiles_offset: usize,
    tiles: usize,
    samples_offset: usize,
    samples: usize,
    asked: Vec<u32>,
    is_prefill: bool,
}

impl StepBuilder {
    /// Adds the next `rows` unread tokens of a sequence. With `draw`, the last of them chooses a next token.
    ///
    /// The sequence must have room reserved for them.
    pub fn push(&mut self, sequence: &Sequence, rows: usize, draw: Option<Draw>) {
        let sequence_index = self.tables.len() as u32;
        let first_row = self.rows.len();
        let start = sequence.cached();
        for position in start..start + rows {
            self.rows.push(RowHeader {
                token: sequence.tokens()[position],
                position: position as u32,
                slot: sequence.pages().slot(position),
                sequence: sequence_index,
            });
        }
        for tile in (0..rows).step_by(TILE_ROWS) {
            let row_count = TILE_ROWS.min(rows - tile) as u32;
            self.tiles.push(Tile { first_row: (first_row + tile) as u32, row_count });
        }
        self.tables.push(sequence.pages().as_slice().to_vec());
        self.longest_run = self.longest_run.max(rows);
        if let Some(Draw { sampling, mask, adjustments }) = draw {
            self.sampled.push((first_row + rows - 1) as u32);
            self.samples.push(sampling.at(start + rows));
            self.extras.push((mask.unwrap_or_default(), adjustments));
        }
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
    pub fn words(&self, context_length: usize) -> Vec<u32> {
        self.lay_out(context_length).0
    }

    /// Uploads the step. `context_length` sizes the block tables, so that their shape does not change between steps.
    pub fn upload(self, context_length: usize, device: &Device) -> Step {
        self.upload_with_room(0, context_length, device)
    }

    /// The same, with room for any masks and adjustments that steps of this shape can have for `vocab_size` tokens.
    pub fn upload_for_replay(self, vocab_size: usize, context_length: usize, device: &Device) -> Step {
        let adjustments = vocab_size.min(context_length + MAX_BIASES);
        let room = vocab_size.div_ceil(32) + adjustments * size_of::<Adjustment>() / size_of::<u32>();
        let room = room * self.samples.len();
        self.upload_with_room(room, context_length, device)
    }

    fn upload_with_room(self, room: usize, context_length: usize, device: &Device) -> Step {
        let (mut words, [table_offset, tiles_offset, samples_offset]) = self.lay_out(context_length);
        words.resize(words.len() + room, 0);
        let asked = self.asked();
        let upload = |words: Vec<u32>| {
            let len = words.len();
            Tensor::from_data(TensorData::new(words, [len]), (device, DType::U32))
        };
        let (rows, samples) = (self.rows.len(), self.samples.len());
        let all_rows_sample = samples == rows;
        Step {
            words: upload(words),
            sampled: (samples > 0 && !all_rows_sample).then(|| upload(self.sampled)),
            rows,
            table_offset,
            pages_per_sequence: context_length.div_ceil(PAGE_SIZE),
            tiles_offset,
            tiles: self.tiles.len(),
            samples_offset,
            samples,
            asked,
            is_prefill: self.longest_run > 1,
        }
    }

    /// All words, and where among them tables, tiles and samples begin.
    fn lay_out(&self, context_length: usize) -> (Vec<u32>, [usize; 3]) {
        let mut words: Vec<u32> = bytemuck::pod_collect_to_vec(&self.rows);
        let table_offset = words.len();
        for table in &self.tables {
            let mut table = table.clone();
            table.resize(context_length.div_ceil(PAGE_SIZE), 0);
            words.append(&mut table);
        }
        let tiles_offset = words.len();
        words.extend_from_slice(bytemuck::cast_slice(&self.tiles));
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

    /// Which rows sample, `[samples]`; `None` when all do, or none.
    pub fn sampled_rows(&self) -> Option<Tensor<1, Int>> {
        self.sampled.clone()
    }

    /// Rows in the step.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Where the block tables begin, and the pages in each.
    pub fn tables(&self) -> (usize, usize) {
        (self.table_offset, self.pages_per_sequence)
    }

    /// Where the attention tiles begin, and how many there are.
    pub fn tiles(&self) -> (usize, usize) {
        (self.tiles_offset, self.tiles)
    }

    /// Where the sampling words begin, and how many rows sample.
    pub fn samples(&self) -> (usize, usize) {
        (self.samples_offset, self.samples)
    }

    /// What each row that samples tells: 0 is its token alone, else one more than the alternatives.
    pub fn asked(&self) -> &[u32] {
        &self.asked
    }

    /// Whether any sequence has more than one row, so that tiled attention pays.
    pub fn is_prefill(&self) -> bool {
        self.is_prefill
    }
}
