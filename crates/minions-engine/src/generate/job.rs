//! One reply in the making: what it is drawn with, what was drawn, and when it ends.

use std::rc::Rc;

use minions_chat::{Alternative, FinishReason};

use super::{Advance, Draw, Grammar, History, Reply, Sampling, Sequence, StepBuilder};
use crate::error::{Error, Result};
use crate::kernels::Sample;

/// So many of the reply's last tokens must stand in the prompt for a draft, and more are not compared.
const MIN_MATCH: usize = 3;
const MAX_MATCH: usize = 16;

/// Tokens of the first draft, and of one after several that were right to the end.
const MIN_DRAFT: usize = 3;
const MAX_DRAFT: usize = 15;

/// A reply to one prompt. The scheduler takes it from step to step.
pub struct Job {
    sequence: Sequence,
    prompt_tokens: usize,
    max_tokens: usize,
    /// Of the prompt, when the job was let in first.
    cached_tokens: Option<usize>,
    sampling: Sampling,
    history: History,
    grammar: Option<Grammar>,
    reply: Reply,
    end_tokens: Rc<[u32]>,
    /// Whether one of those ended the reply.
    is_ended_by_model: bool,
    /// How many tokens the next draft has.
    draft_tokens: usize,
    end: Option<FinishReason>,
}

/// A reply that has ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The reply.
    pub reply: Alternative,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// How many of them were in the cache when the job began.
    pub cached_tokens: usize,
    /// Tokens generated, the one that ended the reply included.
    pub tokens: usize,
    /// How many of them were thoughts.
    pub reasoning_tokens: u64,
}

impl Job {
    /// A reply of at most `max_tokens` tokens to the prompt in `sequence`, held to the form of `grammar`.
    pub fn new(
        sequence: Sequence,
        max_tokens: usize,
        sampling: Sampling,
        grammar: Option<Grammar>,
        reply: Reply,
        end_tokens: Rc<[u32]>,
    ) -> Result<Self> {
        let mut job = Self {
            prompt_tokens: sequence.tokens().len(),
            max_tokens,
            cached_tokens: None,
            history: History::new(&sampling, sequence.tokens()),
            sequence,
            sampling,
            grammar,
            reply,
            end_tokens,
            is_ended_by_model: false,
            draft_tokens: MIN_DRAFT,
            end: None,
        };
        if let Some(grammar) = &mut job.grammar {
            let first = grammar.begin()?;
            job.push(first, None);
        }
        Ok(job)
    }

    /// Takes hold of room in the cache for prompt and reply; `false` when there is too little now.
    #[must_use]
    pub fn enter(&mut self) -> bool {
        let is_in = self.sequence.enter(self.prompt_tokens + self.max_tokens);
        if is_in {
            self.cached_tokens.get_or_insert(self.sequence.cached());
        }
        is_in
    }

    /// Lets go of the room; once let in again, the job is read from its first token to its last and goes on from there.
    pub fn leave(&mut self) {
        self.sequence.leave();
    }

    /// The tokens, and where their keys and values lie.
    pub fn sequence(&self) -> &Sequence {
        &self.sequence
    }

    /// Notes that a prefill step has read `rows` more tokens.
    pub fn advance(&mut self, rows: usize) {
        self.sequence.advance(rows);
    }

    /// How many tokens have not been read.
    pub fn unread(&self) -> usize {
        self.sequence.tokens().len() - self.sequence.cached()
    }

    /// Puts the next `rows` unread tokens into a decode step, and after the last of them up to `most` that are drafted to
    /// follow: → those. What follows the last token, and drafts, is drawn as the request says; what follows others is known.
    pub fn decode(&mut self, rows: usize, most: usize, step: &mut StepBuilder) -> Result<Vec<u32>> {
        if rows < self.unread() {
            step.decode(&self.sequence, &[], vec![Draw::GREEDY; rows]);
            return Ok(Vec::new());
        }
        let mut drafts = self.draft(most);
        let masks = match &mut self.grammar {
            Some(grammar) => grammar.masks(&drafts)?.into_iter().map(Some).collect(),
            None => vec![None; 1 + drafts.len()],
        };
        drafts.truncate(masks.len() - 1);
        let (sampling, adjustments) = (&self.sampling, self.history.adjustments());
        let mut draws = vec![Draw::GREEDY; rows - 1];
        draws.extend(masks.into_iter().map(|mask| Draw { sampling, mask, adjustments: adjustments.clone() }));
        step.decode(&self.sequence, &drafts, draws);
        Ok(drafts)
    }

    /// What may well come next (prompt lookup decoding, Saxena 2023): where the reply's last tokens stand in the prompt, it
    /// goes on as the prompt does there. Replies about a document quote it.
    fn draft(&self, most: usize) -> Vec<u32> {
        let (prompt, reply) = self.sequence.tokens().split_at(self.prompt_tokens);
        let room = self.max_tokens.saturating_sub(reply.len() + 1);
        if self.history.is_penalized() || reply.len() < MIN_MATCH {
            return Vec::new();
        }
        let matching = |end: &usize| {
            let pairs = prompt[..*end].iter().rev().zip(reply.iter().rev());
            pairs.take(MAX_MATCH).take_while(|(a, b)| a == b).count()
        };
        // Of equally long matches the last.
        let best = (MIN_MATCH..prompt.len()).max_by_key(matching).filter(|end| matching(end) >= MIN_MATCH);
        let Some(end) = best else { return Vec::new() };
        let tokens = self.draft_tokens.min(most).min(room).min(prompt.len() - end);
        // What ends the reply is for the model to say.
        prompt[end..end + tokens].iter().copied().take_while(|token| !self.end_tokens.contains(token)).collect()
    }

    /// Takes in what was drawn after each row of a step: after `rows` unread tokens, and after `drafts` as long as they are
    /// what the reply goes on with: → how many of them are.
    pub fn apply(&mut self, rows: usize, drafts: &[u32], samples: Vec<Sample>) -> Result<usize> {
        let mut samples = samples.into_iter().skip(rows - 1);
        self.sequence.advance(rows);
        let mut accepted = 0;
        loop {
            let drawn = samples.next().ok_or_else(|| Error::Gpu("a row has drawn no token".to_owned()))?;
            if self.unread() == 0 {
                self.take(drawn)?;
            }
            let next = self.sequence.tokens().get(self.sequence.cached());
            if self.end.is_some() || next.is_none() || next != drafts.get(accepted) {
                break;
            }
            self.sequence.advance(1);
            accepted += 1;
        }
        if !drafts.is_empty() {
            let is_all = accepted == drafts.len();
            self.draft_tokens = if is_all { (2 * accepted + 1).min(MAX_DRAFT) } else { accepted }.max(MIN_DRAFT);
        }
        Ok(accepted)
    }

    /// Takes in what was drawn after the last token.
    fn take(&mut self, drawn: Sample) -> Result<()> {
        if self.end_tokens.contains(&drawn.token) {
            self.is_ended_by_model = true;
            self.end = Some(FinishReason::Stop);
            return Ok(());
        }
        let next = match &mut self.grammar {
            Some(grammar) => grammar.advance(drawn.token)?,
            None => Advance { tokens: vec![drawn.token], end: None },
        };
        // A grammar that had to end the reply did not take the token, and what it says instead is not the model's.
        let drawn = Some(drawn).filter(|drawn| next.tokens.first() == Some(&drawn.token));
        if drawn.is_none() {
            self.reply.cut();
        }
        self.push(next, drawn);
        Ok(())
    }

    fn push(&mut self, next: Advance, mut drawn: Option<Sample>) {
        for token in next.tokens {
            self.sequence.push(token);
            self.history.push(token);
            if self.reply.push(token, drawn.take().as_ref()) {
                self.end = Some(FinishReason::Stop);
                return;
            }
        }
        let is_full = self.sequence.tokens().len() - self.prompt_tokens >= self.max_tokens;
        self.end = next.end.or(is_full.then_some(FinishReason::Length));
    }

    /// Why the reply is complete, if it is.
    pub fn end(&self) -> Option<FinishReason> {
        self.end
    }

    /// The text that has come since this was asked last.
    pub fn news(&mut self) -> &str {
        self.reply.news()
    }

    /// Ends the reply: → the text that was not told yet, and the reply.
    pub fn finish(self, reason: FinishReason) -> (String, Finished) {
        let tokens = self.sequence.tokens().len() - self.prompt_tokens + usize::from(self.is_ended_by_model);
        let reasoning_tokens = self.reply.reasoning_tokens();
        let (news, reply) = self.reply.finish(reason);
        let (prompt_tokens, cached_tokens) = (self.prompt_tokens, self.cached_tokens.unwrap_or_default());
        (news, Finished { reply, prompt_tokens, cached_tokens, tokens, reasoning_tokens })
    }
}
