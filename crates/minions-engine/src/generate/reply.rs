//! A reply as it grows: its text after thoughts and up to a stop text, the calls in it, and how probable its tokens were.

use std::sync::Arc;

use minions_chat::{Alternative, ChatRequest, FinishReason, TokenLogprob, TopLogprob};

use crate::kernels::Sample;
use crate::text::{Detokenizer, StopStrings, Thinking, Tokenizer, ToolCalls};

/// The reply of one sample.
pub struct Reply {
    tokenizer: Arc<Tokenizer>,
    detokenizer: Detokenizer<Arc<Tokenizer>>,
    /// `None` where all text is the answer.
    thinking: Option<Thinking>,
    reasoning_tokens: u64,
    /// `None` where no tools are offered.
    calls: Option<ToolCalls>,
    stop: StopStrings,
    text: String,
    /// How much of the text was told, in bytes.
    told: usize,
    logprobs: Option<Vec<TokenLogprob>>,
}

impl Reply {
    /// An empty reply. With `thinking`, thoughts are parted from it.
    pub fn new(tokenizer: &Arc<Tokenizer>, thinking: Option<Thinking>, request: &ChatRequest) -> Self {
        Self {
            tokenizer: Arc::clone(tokenizer),
            detokenizer: Detokenizer::new(Arc::clone(tokenizer)),
            thinking,
            reasoning_tokens: 0,
            calls: request.offers_tools().then(|| ToolCalls::new(&request.messages)),
            stop: StopStrings::new(&request.stop),
            text: String::new(),
            told: 0,
            logprobs: request.logprobs.then(Vec::new),
        }
    }

    /// Takes in a token; `true` when a stop text is complete. `sample` is what it was drawn from; without one nothing else
    /// could have come.
    pub fn push(&mut self, token: u32, sample: Option<&Sample>) -> bool {
        if let Some(logprobs) = &mut self.logprobs {
            let (text, bytes) = spelling(&self.tokenizer, token);
            let alternative = |&(token, logprob): &(u32, f32)| {
                let (text, bytes) = spelling(&self.tokenizer, token);
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
        // Before thoughts are parted from the answer: a thought that leads to a call has no other end.
        if let Some(calls) = &mut self.calls {
            piece = calls.push(&piece);
        }
        if let Some(thinking) = &mut self.thinking {
            let was_in_thought = thinking.is_in_thought();
            piece = thinking.push(&piece).answer;
            self.reasoning_tokens += u64::from(was_in_thought || thinking.is_in_thought());
        }
        let (text, is_stopped) = self.stop.push(&piece);
        self.text.push_str(&text);
        is_stopped
    }

    /// The text that has come since this was asked last.
    pub fn news(&mut self) -> &str {
        let told = std::mem::replace(&mut self.told, self.text.len());
        &self.text[told..]
    }

    /// The rest only brings the reply to its end: a call that it completes was not the model's.
    pub fn cut(&mut self) {
        if let Some(calls) = &mut self.calls {
            calls.cut();
        }
    }

    /// How many of the tokens were thoughts.
    pub fn reasoning_tokens(&self) -> u64 {
        self.reasoning_tokens
    }

    /// What was held back belongs to the reply after all: → the rest of the text, and the reply.
    pub fn finish(mut self, finish_reason: FinishReason) -> (String, Alternative) {
        let mut tool_calls = Vec::new();
        if !self.stop.is_stopped() {
            let mut rest = self.detokenizer.finish();
            if let Some(mut calls) = self.calls.take() {
                let text = calls.push(&rest);
                let (held, made) = calls.finish();
                (rest, tool_calls) = (text + &held, made);
            }
            if let Some(mut thinking) = self.thinking.take() {
                rest = thinking.push(&rest).answer + &thinking.finish().answer;
            }
            let (text, is_stopped) = self.stop.push(&rest);
            self.text.push_str(&text);
            if !is_stopped {
                self.text.push_str(&self.stop.finish());
            }
        }
        let news = self.news().to_owned();
        let is_waiting = finish_reason == FinishReason::Stop && !tool_calls.is_empty();
        let finish_reason = if is_waiting { FinishReason::ToolCalls } else { finish_reason };
        (news, Alternative { content: self.text, finish_reason, tool_calls, logprobs: self.logprobs })
    }
}

/// A token's text and bytes.
fn spelling(tokenizer: &Tokenizer, token: u32) -> (String, Vec<u8>) {
    let bytes = tokenizer.piece(token).unwrap_or_default();
    (String::from_utf8_lossy(bytes).into_owned(), bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use minions_chat::{Message, Tool};
    use serde_json::json;

    use super::*;
    use crate::weights::tests::demo;

    #[test]
    fn a_thought_may_lead_to_a_call() {
        let [mut file, _] = demo();
        let tokenizer = Arc::new(Tokenizer::from_source(&file.take_tokenizer()).expect("it is right"));
        let request = ChatRequest {
            tools: vec![Tool::function("time", "Tells the time.", json!({}))],
            ..ChatRequest::new(vec![Message::user("How late is it?")])
        };
        let mut reply = Reply::new(&tokenizer, Some(Thinking::new(true)), &request);
        let text = "I have no clock. <tool_call>\n{\"name\": \"time\", \"arguments\": {}}\n</tool_call>";
        for token in tokenizer.tokenize(text, false).expect("it tokenizes") {
            assert!(!reply.push(token, None));
        }
        assert!(reply.reasoning_tokens() > 0);
        let (news, reply) = reply.finish(FinishReason::Stop);
        assert_eq!((news.as_str(), reply.content.as_str(), reply.finish_reason), ("", "", FinishReason::ToolCalls));
        let [call] = reply.tool_calls.as_slice() else { panic!("{reply:?}") };
        assert_eq!((call.function.name.as_str(), call.function.arguments.as_str()), ("time", "{}"));
    }
}
