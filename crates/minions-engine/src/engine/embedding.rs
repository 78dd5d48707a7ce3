//! Embeddings: one vector a text, pooled from the model's final hidden states, for finding texts that are alike.

use std::collections::VecDeque;

use burn::tensor::{DType, Int, Tensor, TensorData};

use super::Engine;
use super::device_model::DeviceModel;
use crate::error::{Error, Result};
use crate::generate::{PREFILL_ROWS, Phase, Sequence, StepBuilder};
use crate::kernels;

/// How the hidden states of a text's tokens become one vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pooling {
    /// Their mean.
    #[default]
    Mean,
    /// That of the last token, the only one that has seen the whole text.
    Last,
}

impl Engine {
    /// A vector of length 1 for each of `texts`; what two texts have in common is the product of theirs.
    ///
    /// A text is read as it stands, control tokens in it included: what a model was trained to see around a text (a prefix
    /// such as `query: `, a token at its end) is the caller's to write. Texts are read together, as many in a step as
    /// there is room for.
    pub async fn embed(&self, texts: &[String], pooling: Pooling) -> Result<Vec<Vec<f32>>> {
        let context_length = self.info.context_length;
        let mut tokenized = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            let tokens = self.tokenizer.tokenize(text, true)?;
            if tokens.is_empty() {
                return Err(Error::InvalidRequest(format!("text {index} is empty: there is nothing to embed")));
            }
            if tokens.len() > context_length {
                return Err(Error::ContextOverflow { prompt_tokens: tokens.len(), max_tokens: 0, context_length });
            }
            tokenized.push(tokens);
        }
        let _reader = self.reader.lock().await;
        self.executor.read(async |model| self.pool_all(&tokenized, pooling, model).await).await
    }

    async fn pool_all(&self, texts: &[Vec<u32>], pooling: Pooling, model: &DeviceModel) -> Result<Vec<Vec<f32>>> {
        let executor = &self.executor;
        let mut waiting: VecDeque<_> = texts.iter().enumerate().collect();
        let mut pools = vec![Vec::new(); texts.len()];
        // The text that the last step did not read to its end.
        let mut unfinished: Option<(usize, Sequence)> = None;
        loop {
            let mut step = StepBuilder::new(Phase::Prefill);
            let mut runs = Vec::new();
            // Their pages are needed until the step has run.
            let mut finished = Vec::new();
            while step.rows() < PREFILL_ROWS {
                let Some((index, mut sequence)) = unfinished.take().or_else(|| self.next_text(&mut waiting)) else {
                    break;
                };
                let unread = sequence.unread_prefill();
                let rows = unread.min(PREFILL_ROWS - step.rows());
                runs.push(Run { index, first_row: step.rows(), rows, is_last: rows == unread });
                step.prefill(&sequence, rows);
                sequence.advance(rows);
                if rows == unread {
                    finished.push(sequence);
                } else {
                    unfinished = Some((index, sequence));
                }
            }
            if runs.is_empty() {
                if waiting.is_empty() {
                    break;
                }
                // Replies have the room; they finish first.
                executor.turn().await;
                continue;
            }
            let hidden = model.forward(&model.upload(step));
            executor.in_time(pool(hidden, &runs, pooling, &mut pools)).await?;
            self.pause().await;
        }
        Ok(pools.into_iter().map(unit).collect())
    }

    /// The next text, if there is room in the cache for all of it. There is when nothing else is being worked on.
    fn next_text(&self, waiting: &mut VecDeque<(usize, &Vec<u32>)>) -> Option<(usize, Sequence)> {
        let (index, tokens) = *waiting.front()?;
        let mut sequence = Sequence::unshared(tokens.clone(), &self.executor.pool);
        let there_is_room = sequence.enter(tokens.len());
        there_is_room.then(|| {
            waiting.pop_front();
            (index, sequence)
        })
    }
}

/// Adds what a step says of its texts to their vectors.
async fn pool(hidden: Tensor<2>, runs: &[Run], pooling: Pooling, pools: &mut [Vec<f64>]) -> Result<()> {
    let width = hidden.dims()[1];
    let mut add = |index: usize, row: &[f32]| {
        let pool: &mut Vec<f64> = &mut pools[index];
        pool.resize(width, 0.0);
        for (sum, value) in pool.iter_mut().zip(row) {
            *sum += f64::from(*value);
        }
    };
    match pooling {
        Pooling::Mean => {
            let values = kernels::read_f32(hidden).await?;
            for run in runs {
                for row in values.chunks(width).skip(run.first_row).take(run.rows) {
                    add(run.index, row);
                }
            }
        }
        Pooling::Last => {
            let ends: Vec<&Run> = runs.iter().filter(|run| run.is_last).collect();
            // A step that ends no text is read back as well, so that no more than one is ever queued.
            let rows = match ends.len() {
                0 => vec![0],
                _ => ends.iter().map(|run| (run.first_row + run.rows - 1) as u32).collect(),
            };
            let data = TensorData::new(rows.clone(), [rows.len()]);
            let rows = Tensor::<1, Int>::from_data(data, (&hidden.device(), DType::U32));
            let values = kernels::read_f32(hidden.select(0, rows)).await?;
            for (run, row) in ends.into_iter().zip(values.chunks(width)) {
                add(run.index, row);
            }
        }
    }
    Ok(())
}

/// Rows of a step that belong to one text.
struct Run {
    index: usize,
    first_row: usize,
    rows: usize,
    /// Whether the text ends here.
    is_last: bool,
}

/// Scaled to length 1, which makes a sum and a mean the same. Nothing but zeros stays so.
fn unit(vector: Vec<f64>) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    let scale = if length > 0.0 { length.recip() } else { 0.0 };
    vector.into_iter().map(|value| (value * scale) as f32).collect()
}
