//! How the next token is chosen among the logits.

use std::collections::BTreeMap;

use minions_chat::ChatRequest;
use minions_shaders::{Adjustment, MAX_ALTERNATIVES};

use crate::error::{Error, Result};

/// The most tokens whose scores a request may bias.
pub const MAX_BIASES: usize = 1024;

/// Filters and draw of one sequence. The `sample` kernel's header says what comes after what.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// 0 is greedy.
    pub temperature: f32,
    /// Keep this many; 0 keeps all.
    pub top_k: u32,
    /// Keep the most probable that hold this share; 1 keeps all.
    pub top_p: f32,
    /// Drop what is less probable than this share of the most probable.
    pub min_p: f32,
    /// Divides the positive scores of tokens in prompt and reply, multiplies the negative ones.
    pub repetition_penalty: f32,
    /// Taken from the scores of tokens in the reply.
    pub presence_penalty: f32,
    /// The same, for each time.
    pub frequency_penalty: f32,
    /// Added to the scores of tokens.
    pub biases: BTreeMap<u32, f32>,
    /// Makes the draw repeatable.
    pub seed: u64,
    /// How many alternatives to tell; `None` tells no log probabilities at all.
    pub alternatives: Option<u32>,
}

impl Sampling {
    /// The most probable token, always.
    pub const GREEDY: Self = Self {
        temperature: 0.0,
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        repetition_penalty: 1.0,
        presence_penalty: 0.0,
        frequency_penalty: 0.0,
        biases: BTreeMap::new(),
        seed: 0,
        alternatives: None,
    };

    /// Reads a request: greedy unless it names a temperature. The model has `vocab_size` tokens.
    pub fn from_request(request: &ChatRequest, vocab_size: usize) -> Result<Self> {
        let within = |name: &str, value: Option<f32>, default: f32, min: f32, max: f32| match value {
            None => Ok(default),
            Some(value) if (min..=max).contains(&value) => Ok(value),
            Some(value) => Err(Error::InvalidRequest(format!("{name} is {value}; it must be between {min} and {max}"))),
        };
        if request.logit_bias.len() > MAX_BIASES {
            let message = format!("logit_bias names {} tokens; it may name {MAX_BIASES}", request.logit_bias.len());
            return Err(Error::InvalidRequest(message));
        }
        for (&token, &bias) in &request.logit_bias {
            within("a logit_bias", Some(bias), 0.0, -100.0, 100.0)?;
            if token as usize >= vocab_size {
                let message = format!("logit_bias names token {token}; the model has {vocab_size}");
                return Err(Error::InvalidRequest(message));
            }
        }
        let alternatives = request.top_logprobs.unwrap_or(0);
        if alternatives as usize > MAX_ALTERNATIVES || (alternatives > 0 && !request.logprobs) {
            let message =
                format!("top_logprobs is {alternatives}; it can be at most {MAX_ALTERNATIVES}, with logprobs");
            return Err(Error::InvalidRequest(message));
        }
        Ok(Self {
            temperature: within("temperature", request.temperature, 0.0, 0.0, 100.0)?,
            top_k: request.top_k.unwrap_or(0),
            top_p: within("top_p", request.top_p, 1.0, 0.0, 1.0)?,
            min_p: within("min_p", request.min_p, 0.0, 0.0, 1.0)?,
            repetition_penalty: within("repetition_penalty", request.repetition_penalty, 1.0, 0.01, 100.0)?,
            presence_penalty: within("presence_penalty", request.presence_penalty, 0.0, -2.0, 2.0)?,
            frequency_penalty: within("frequency_penalty", request.frequency_penalty, 0.0, -2.0, 2.0)?,
            biases: request.logit_bias.clone(),
            seed: request.seed.unwrap_or(0),
            alternatives: request.logprobs.then_some(alternatives),
        })
    }

    /// The settings as the `sample` kernel reads them for the token at `position`.
    pub(crate) fn at(&self, position: usize) -> minions_shaders::Sampling {
        minions_shaders::Sampling {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            seed_low: self.seed as u32,
            seed_high: (self.seed >> 32) as u32,
            counter: position as u32,
            repetition_penalty: self.repetition_penalty,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            logprobs: self.alternatives.map_or(0, |alternatives| alternatives + 1),
            ..minions_shaders::Sampling::default()
        }
    }
}

/// The tokens whose scores change before a draw: the biased ones, and those that penalties are for.
#[derive(Debug)]
pub struct History {
    /// In order of token, each once.
    adjustments: BTreeMap<u32, Adjustment>,
    is_penalized: bool,
}

impl History {
    /// Begins after the prompt.
    pub fn new(sampling: &Sampling, prompt: &[u32]) -> Self {
        let is_penalized = sampling.presence_penalty != 0.0 || sampling.frequency_penalty != 0.0;
        let is_repetition_penalized = sampling.repetition_penalty != 1.0;
        let biased = sampling.biases.iter().map(|(&token, &bias)| (token, Adjustment { token, seen: 0, bias }));
        let mut history = Self { adjustments: biased.collect(), is_penalized: is_penalized || is_repetition_penalized };
        for &token in prompt.iter().filter(|_| is_repetition_penalized) {
            history.entry(token).seen = 1;
        }
        history
    }

    /// Takes in a token of the reply.
    pub fn push(&mut self, token: u32) {
        if self.is_penalized {
            let entry = self.entry(token);
            entry.seen = entry.seen.max(1) + 1;
        }
    }

    /// Whether what comes changes what comes after it.
    pub fn is_penalized(&self) -> bool {
        self.is_penalized
    }

    /// What changes before the next draw.
    pub fn adjustments(&self) -> Vec<Adjustment> {
        self.adjustments.values().copied().collect()
    }

    fn entry(&mut self, token: u32) -> &mut Adjustment {
        self.adjustments.entry(token).or_insert(Adjustment { token, seen: 0, bias: 0.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(request: ChatRequest) -> Result<Sampling> {
        Sampling::from_request(&request, 10)
    }

    #[test]
    fn refuses_impossible_values_by_name() {
        let refused = |request: ChatRequest, words: &str| {
            let error = read(request).expect_err(words);
            assert!(error.to_string().contains(words), "{error}");
        };
        refused(ChatRequest { top_p: Some(1.5), ..ChatRequest::default() }, "top_p is 1.5");
        refused(ChatRequest { temperature: Some(f32::NAN), ..ChatRequest::default() }, "temperature is NaN");
        refused(ChatRequest { repetition_penalty: Some(0.0), ..ChatRequest::default() }, "repetition_penalty is 0");
        refused(ChatRequest { presence_penalty: Some(-3.0), ..ChatRequest::default() }, "presence_penalty is -3");
        refused(ChatRequest { logit_bias: [(10, 1.0)].into(), ..ChatRequest::default() }, "token 10");
        refused(ChatRequest { logit_bias: [(1, 101.0)].into(), ..ChatRequest::default() }, "logit_bias is 101");
        let biases = (0..=MAX_BIASES as u32).map(|token| (token, 1.0)).collect();
        refused(ChatRequest { logit_bias: biases, ..ChatRequest::default() }, "logit_bias names 1025");
        refused(ChatRequest { top_logprobs: Some(1), ..ChatRequest::default() }, "with logprobs");
        refused(ChatRequest { logprobs: true, top_logprobs: Some(21), ..ChatRequest::default() }, "at most 20");
    }

    #[test]
    fn is_greedy_unless_asked() {
        assert_eq!(read(ChatRequest::default()).expect("defaults are valid"), Sampling::GREEDY);
    }

    #[test]
    fn counts_what_penalties_are_for() {
        let request = ChatRequest { logit_bias: [(7, 2.0)].into(), ..ChatRequest::default() };
        let seen = |sampling: Sampling| {
            let mut history = History::new(&sampling, &[1, 1, 7]);
            [2, 1, 2].into_iter().for_each(|token| history.push(token));
            history.adjustments().iter().map(|one| (one.token, one.seen, one.bias)).collect::<Vec<_>>()
        };
        assert_eq!(seen(read(request.clone()).expect("valid")), [(7, 0, 2.0)]);
        let presence = ChatRequest { presence_penalty: Some(1.0), ..request.clone() };
        assert_eq!(seen(read(presence).expect("valid")), [(1, 2, 0.0), (2, 3, 0.0), (7, 0, 2.0)]);
        let repetition = ChatRequest { repetition_penalty: Some(1.1), ..request };
        assert_eq!(seen(read(repetition).expect("valid")), [(1, 2, 0.0), (2, 3, 0.0), (7, 1, 2.0)]);
    }
}
