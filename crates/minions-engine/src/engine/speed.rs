//! How fast the model is on its device: what predictions of a run's time are made of.

use std::rc::Rc;

use futures_util::future::try_join_all;
use minions_chat::ChatRequest;
use minions_shaders::cases::Noise;
use serde::Serialize;
use web_time::Instant;

use super::Engine;
use crate::error::{Error, Result};
use crate::generate::{Job, Reply, Sampling, Scheduler, Sequence};

/// Tokens per second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Speed {
    /// Tokens of a prompt that are read.
    pub prefill: f64,
    /// Tokens of a reply that is written alone.
    pub decode: f64,
    /// Tokens of all replies together, where eight are written at a time.
    pub batch_decode: f64,
}

/// The longest prompt that is read for this, the tokens of a reply, and how many are written at a time.
const PROMPT: usize = 256;
const REPLY: usize = 24;
const BATCH: usize = 8;

/// Of these a context must have room.
const SMALLEST_CONTEXT: usize = 2 * REPLY;

impl Engine {
    /// Measures how fast the model is here, with tokens that mean nothing; takes about the time of a short reply. What else
    /// is going on makes it slower.
    ///
    /// # Errors
    /// If the context is shorter than 48 tokens, and what a reply can fail with.
    pub async fn measure(&self) -> Result<Speed> {
        let context_length = self.info.context_length;
        if context_length < SMALLEST_CONTEXT {
            return Err(Error::InvalidRequest(format!(
                "a context of {context_length} tokens is too short to measure in"
            )));
        }
        let prompt = PROMPT.min(context_length - 1);
        // What is compiled or captured on first use shall not count.
        self.rehearse(1, 1, 2).await?;
        self.rehearse(BATCH, 1, 2).await?;
        let token = self.rehearse(1, 1, 1).await?;
        let reading = self.rehearse(1, prompt, 1).await?;
        let writing = self.rehearse(1, 1, REPLY).await?;
        let batch = self.rehearse(BATCH, 1, REPLY).await?;
        // A prompt's last token is read by the step that draws the reply's first.
        let prefill = (prompt - 1) as f64 / (reading - token).max(f64::EPSILON);
        Ok(Speed { prefill, decode: REPLY as f64 / writing, batch_decode: (BATCH * REPLY) as f64 / batch })
    }

    /// The seconds that so many replies take, all at once, each to a prompt of its own.
    async fn rehearse(&self, replies: usize, prompt: usize, reply: usize) -> Result<f64> {
        let request = ChatRequest { temperature: Some(0.0), ..ChatRequest::default() };
        let started = Instant::now();
        let mut tickets = Vec::new();
        for _ in 0..replies {
            let job = Job::new(
                Sequence::new(self.noise(prompt), &self.executor.pool),
                reply,
                Sampling::from_request(&request, self.vocab_size)?,
                None,
                Reply::new(&self.tokenizer, None, &request),
                // None ends it: it has as many tokens as it may.
                Rc::new([]),
            )?;
            tickets.push(Scheduler::enqueue(&self.executor.scheduler, self.caller().id, 0, job));
        }
        try_join_all(tickets.iter().map(async |ticket| self.wait(ticket, &mut |_| {}).await)).await?;
        Ok(started.elapsed().as_secs_f64())
    }

    /// Tokens in no order, and never the same twice: a prompt that came before is not read.
    fn noise(&self, len: usize) -> Vec<u32> {
        let mut noise = Noise::new(self.caller().id as u32);
        (0..len).map(|_| noise.bits() % self.vocab_size as u32).collect()
    }
}
