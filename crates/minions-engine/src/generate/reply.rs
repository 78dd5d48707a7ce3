//! A reply as it grows: its text after thoughts and up to a stop text, and how probable its tokens were.

use minions_chat::{Alternative, ChatRequest, FinishReason, TokenLogprob, TopLogprob};

use crate::kernels::Sample;
use crate::text::{Detokenizer, StopStrings, Thinking, Tokenizer};

/// The reply of one sample.
pub struct Reply<'a> {
    tokenizer: &'a Tokenizer,
    detokenizer: Detokenizer<'a>,
    /// `None` where all text is the answer.
    thinking: Option<Thinking>,
    reasoning_tokens: u64,
    stop: StopStrings,
    text: String,
    logprobs: Option<Vec<TokenLogprob>>,
    on_delta: &'a mut dyn FnMut(&str),
}

impl<'a> Reply<'a> {
    /// An empty reply. With `thinking`, thoughts are parted from it.
    pub fn new(
        tokenizer: &'a Tokenizer,
        thinking: Option<Thinking>,
        request: &ChatRequest,
        on_delta: &'a mut dyn FnMut(&str),
    ) -> Self {
        Self {
            tokenizer,
            detokenizer: Detokenizer::new(tokenizer),
            thinking,
            reasoning_tokens: 0,
            stop: StopStrings::new(&request.stop),
            text: String::new(),
            logprobs: request.logprobs.then(Vec::new),
            on_delta,
        }
    }

    /// Takes in a token; `true` when a stop text is complete. `sample` is what it was drawn from; without one nothing else
    /// could have come.
    pub fn push(&mut self, token: u32, sample: Option<&Sample>) -> bool {
        if let Some(logprobs) = &mut self.logprobs {
            let (text, bytes) = spelling(self.tokenizer, token);
            let alternative = |&(token, logprob): &(u32, f32)| {
                let (text, bytes) = spelling(self.tokenizer, token);
                TopLogprob { token: text, logprob, bytes: Some(bytes) }
            };
            logprobs.push(TokenLogprob {
                token: text,
                logprob: sample.map_or(0.0, |sample| sample.logprob),
                bytes: Some(bytes),
                top_logprobs: sample.map_or(Vec::new(), |sample| sample.alternatives.iter().map(alternative).collect()),
            });
        }
        let mut piece = self.detokenizer.push(token).unwrap_or_default();
        if let Some(thinking) = &mut self.thinking {
            let was_in_thought = thinking.is_in_thought();
            piece = thinking.push(&piece).answer;
            self.reasoning_tokens += u64::from(was_in_thought || thinking.is_in_thought());
        }
        let (text, is_stopped) = self.stop.push(&piece);
        self.emit(&text);
        is_stopped
    }

    /// How many of the tokens were thoughts.
    pub fn reasoning_tokens(&self) -> u64 {
        self.reasoning_tokens
    }

    /// What was held back belongs to the reply after all.
    pub fn finish(mut self, finish_reason: FinishReason) -> Alternative {
        if !self.stop.is_stopped() {
            let mut rest = self.detokenizer.finish();
            if let Some(mut thinking) = self.thinking.take() {
                rest = thinking.push(&rest).answer + &thinking.finish().answer;
            }
            let (text, is_stopped) = self.stop.push(&rest);
            self.emit(&text);
            if !is_stopped {
                let rest = self.stop.finish();
                self.emit(&rest);
            }
        }
        Alternative { content: self.text, finish_reason, logprobs: self.logprobs }
    }

    fn emit(&mut self, text: &str) {
        if !text.is_empty() {
            self.text.push_str(text);
            (self.on_delta)(text);
        }
    }
}

/// A token's text and bytes.
fn spelling(tokenizer: &Tokenizer, token: u32) -> (String, Vec<u8>) {
    let bytes = tokenizer.piece(token).unwrap_or_default();
    (String::from_utf8_lossy(bytes).into_owned(), bytes.to_vec())
}
