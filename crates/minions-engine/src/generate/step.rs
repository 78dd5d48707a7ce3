//! One step of the model: rows of several sequences, flattened into one small tensor that is uploaded once.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use minions_shaders::{PAGE_SIZE, RowHeader, TILE_ROWS, Tile};

use super::{Sampling, Sequence};

/// Collects the rows of a step. All sequences of a step read the same weights once.
#[derive(Debug, Default)]
pub struct StepBuilder {
    rows: Vec<RowHeader>,
    tables: Vec<Vec<u32>>,
    tiles: Vec<Tile>,
    sampled: Vec<u32>,
    samples: Vec<minions_shaders::Sampling>,
    longest_run: usize,
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
    is_prefill: bool,
}

impl StepBuilder {
    /// Adds the next `rows` unread tokens of a sequence. With `sampling`, the last of them chooses a next token.
    ///
    /// The sequence must have room reserved for them.
    pub fn push(&mut self, sequence: &Sequence, rows: usize, sampling: Option<&Sampling>) {
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
        if let Some(sampling) = sampling {
            self.sampled.push((first_row + rows - 1) as u32);
            self.samples.push(sampling.at(start + rows));
        }
    }

    /// Rows so far.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The words that [`upload`](Self::upload) uploads. Steps of the same shape have as many.
    pub fn words(&self, context_length: usize) -> Vec<u32> {
        self.lay_out(context_length).0
    }

    /// Uploads the step. `context_length` sizes the block tables, so that their shape does not change between steps.
    pub fn upload(self, context_length: usize, device: &Device) -> Step {
        let (words, [table_offset, tiles_offset, samples_offset]) = self.lay_out(context_length);
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
        words.extend_from_slice(bytemuck::cast_slice(&self.samples));
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

    /// Whether any sequence has more than one row, so that tiled attention pays.
    pub fn is_prefill(&self) -> bool {
        self.is_prefill
    }
}
