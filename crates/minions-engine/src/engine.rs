//! The engine: a loaded model that answers conversations.

mod embedding;

use std::cell::{OnceCell, RefCell};
use std::pin::Pin;
use std::sync::Arc;

use burn::tensor::Tensor;
use futures_util::lock::Mutex;
use minions_chat::{Alternative, ChatError, ChatModel, ChatRequest, ChatResponse, FinishReason, ResponseFormat, Usage};
use serde::Serialize;

use crate::device::{Adapter, Compute};
use crate::error::{Error, Result};
use crate::generate::{Advance, Draw, Grammar, Grammars, History, Reply, Sampling, Sequence, Step, StepBuilder};
use crate::kernels::{self, CapturedStep, Counters, Sample};
use crate::model::{KvCache, PagePool, Quantization, Transformer, load};
use crate::text::{ChatTemplate, Date, Thinking, Tokenizer};
use crate::weights::{ModelFile, ModelSource};

pub use embedding::Pooling;

/// Prompt tokens read in one step. A step is one submit: small enough to abort soon and to leave the GPU to others,
/// large enough to read the weights rarely.
const PREFILL_ROWS: usize = 256;

/// Tokens of context when neither the model nor the caller asks for less: the cache of a long context would take more
/// memory than most pages may have.
const DEFAULT_CONTEXT_LENGTH: usize = 4096;

/// The most replies to one request.
const MAX_SAMPLES: u32 = 128;

/// Rows of the steps that a model is tried with: one as in decoding, and enough for the tiled kernels.
const WARM_UP_ROWS: [usize; 2] = [1, 32];

/// What to load and how.
#[derive(Default)]
pub struct LoadOptions {
    /// The most tokens that prompt and reply may have together; at most the model's own limit.
    pub context_length: Option<usize>,
    /// What weights in floats become while they are loaded, to take less memory; norms stay as they are.
    pub quantize: Option<Quantization>,
    /// Today, for chat templates that write it. Without it such a template says that it has none.
    pub date: Option<Date>,
    /// Awaited between steps, so that a single-threaded shell can handle messages (an abort) while the CPU computes.
    pub between_steps: Option<BetweenSteps>,
}

/// See [`LoadOptions::between_steps`].
pub type BetweenSteps = Box<dyn Fn() -> Pin<Box<dyn Future<Output = ()>>>>;

/// What a loaded model is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelInfo {
    /// The model's own name, or its file's.
    pub name: String,
    /// The family.
    pub architecture: String,
    /// The most tokens that prompt and reply may have together.
    pub context_length: usize,
    /// How the weights are encoded, the most used format first.
    pub quantization: String,
    /// Weights on the device in bytes.
    pub size_bytes: u64,
    /// How many weights there are.
    pub parameters: u64,
}

/// How far loading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "phase", rename_all = "lowercase")]
pub enum Progress {
    /// Weights go to the device; bytes.
    Upload {
        /// Bytes there.
        loaded: u64,
        /// Bytes in all.
        total: u64,
    },
    /// Kernels are compiled and tried; steps.
    Compile {
        /// Steps tried.
        loaded: u64,
        /// Steps in all.
        total: u64,
    },
}

/// A loaded model.
///
/// One conversation is answered at a time; further calls wait in order. The last conversation's keys and values stay
/// in the cache, so that the next call reads only what is new.
pub struct Engine {
    compute: Compute,
    info: ModelInfo,
    transformer: Transformer,
    /// The step of one row; `None` on the CPU.
    decode: Option<CapturedStep>,
    tokenizer: Arc<Tokenizer>,
    template: ChatTemplate,
    end_tokens: Vec<u32>,
    vocab_size: usize,
    /// Made for the first reply that is held to a form.
    grammars: OnceCell<Grammars>,
    pool: PagePool,
    state: Mutex<State>,
    between_steps: Option<BetweenSteps>,
    counters_at_load: Counters,
}

struct State {
    cache: RefCell<KvCache>,
    sequence: Option<Sequence>,
}

/// A reply, and how many tokens were generated for it, the one that ended it included.
struct Finished {
    reply: Alternative,
    tokens: usize,
    reasoning_tokens: u64,
}

impl Engine {
    /// Loads the model `main` (a `.gguf` file, or `config.json` of a Hugging Face folder) from `source`.
    ///
    /// Everything about the files is checked before the first byte goes to the device.
    pub async fn load<S: ModelSource>(
        mut compute: Compute,
        source: S,
        main: &str,
        options: LoadOptions,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<Self> {
        if options.context_length == Some(0) {
            return Err(Error::InvalidRequest("context_length is 0: there is no room for a prompt".to_owned()));
        }
        let file = ModelFile::open(source, main).await?;
        let tokenizer = Tokenizer::from_source(file.tokenizer())?;
        let mut template = ChatTemplate::new(file.chat_template(), &tokenizer)?;
        if let Some(date) = options.date {
            template = template.with_date(date);
        }
        let config = file.config();
        let limit = config.context_length;
        let context_length = options.context_length.unwrap_or(DEFAULT_CONTEXT_LENGTH).min(limit);
        let end_tokens = [config.eos_token_ids.clone(), tokenizer.turn_ends()].concat();
        let vocab_size = config.vocab_size;
        let loaded = load(&file, context_length, options.quantize, &compute, on_progress).await?;
        compute.choose_overlays(&loaded.formats).await?;
        let pool = PagePool::new(context_length.div_ceil(minions_shaders::PAGE_SIZE));
        let cache = KvCache::new(config, pool.total(), &compute.device);
        let mut engine = Self {
            info: ModelInfo {
                name: file.name().to_owned(),
                architecture: file.architecture().to_owned(),
                context_length,
                quantization: loaded.quantization,
                size_bytes: loaded.size_bytes,
                parameters: loaded.parameters,
            },
            compute,
            transformer: loaded.transformer,
            decode: None,
            tokenizer: Arc::new(tokenizer),
            template,
            end_tokens,
            vocab_size,
            grammars: OnceCell::new(),
            pool,
            state: Mutex::new(State { cache: RefCell::new(cache), sequence: None }),
            between_steps: options.between_steps,
            counters_at_load: Counters::default(),
        };
        engine.decode = engine.warm_up(main, on_progress).await?;
        engine.counters_at_load = kernels::counters();
        Ok(engine)
    }

    /// Runs a decode step and a prefill step, so that the kernels are compiled before the first question and a broken
    /// model is noticed here rather than as gibberish later: → the decode step, captured where there is a GPU.
    async fn warm_up(&self, main: &str, on_progress: &mut dyn FnMut(Progress)) -> Result<Option<CapturedStep>> {
        let state = self.state.lock().await;
        let mut decode = None;
        for (done, rows) in WARM_UP_ROWS.into_iter().enumerate() {
            let rows = rows.min(self.info.context_length);
            let mut sequence = Sequence::new(vec![0; rows], &self.pool);
            self.make_room(&mut sequence, rows, 0)?;
            let mut step = StepBuilder::default();
            step.push(&sequence, rows, Some(Draw::GREEDY));
            let (context_length, device) = (self.info.context_length, &self.compute.device);
            let logits = match &self.compute.wgpu {
                Some(wgpu) if rows == 1 => {
                    let words = step.words(context_length);
                    let step = step.upload_for_replay(self.vocab_size, context_length, device);
                    let run = || self.transformer.sample(self.forward(&state, &step), &step);
                    let (logits, captured) = CapturedStep::capture(wgpu, &step, run)?;
                    decode.insert(captured).replay(&words, step.asked()).await?;
                    logits
                }
                _ => {
                    let step = self.upload(step);
                    let (logits, samples) = self.transformer.sample(self.forward(&state, &step), &step);
                    samples.read(step.asked()).await?;
                    logits
                }
            };
            let logits = kernels::read_f32(logits).await?;
            if !logits.iter().all(|logit| logit.is_finite()) {
                return Err(Error::InvalidFile {
                    file: main.to_owned(),
                    message: "the model computes values that are not numbers: its weights are damaged".to_owned(),
                });
            }
            let total = WARM_UP_ROWS.len() as u64;
            on_progress(Progress::Compile { loaded: done as u64 + 1, total });
        }
        Ok(decode)
    }

    /// What is loaded.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// What it runs on.
    pub fn adapter(&self) -> &Adapter {
        self.compute.adapter()
    }

    /// Work given to the device since the model was loaded.
    pub fn counters(&self) -> Counters {
        kernels::counters() - self.counters_at_load
    }

    /// The token ids of a conversation, as the model's own template renders it, ready to be answered.
    pub fn tokenize(&self, request: &ChatRequest) -> Result<Vec<u32>> {
        self.template.tokenize(&request.messages, &self.tokenizer)
    }

    /// Scores of the next token after each of `ids`: `[ids, vocab_size]`, row-major. For comparing with other
    /// implementations.
    pub async fn logits(&self, ids: &[u32]) -> Result<Vec<f32>> {
        let mut state = self.state.lock().await;
        state.sequence = None;
        let mut sequence = Sequence::new(ids.to_vec(), &self.pool);
        self.make_room(&mut sequence, ids.len(), 0)?;
        let mut logits = Vec::new();
        while sequence.cached() < ids.len() {
            let rows = PREFILL_ROWS.min(ids.len() - sequence.cached());
            let mut step = StepBuilder::default();
            step.push(&sequence, rows, None);
            let hidden = self.forward(&state, &self.upload(step));
            logits.extend(kernels::read_f32(self.transformer.logits(hidden)).await?);
            sequence.advance(rows);
        }
        Ok(logits)
    }

    async fn generate(&self, request: &ChatRequest, on_delta: &mut dyn FnMut(&str)) -> Result<ChatResponse> {
        if request.messages.is_empty() {
            return Err(Error::InvalidRequest("messages is empty: there is nothing to answer".to_owned()));
        }
        let samples = request.n.unwrap_or(1);
        if !(1..=MAX_SAMPLES).contains(&samples) {
            return Err(Error::InvalidRequest(format!("n is {samples}; it must be between 1 and {MAX_SAMPLES}")));
        }
        let mut sampling = Sampling::from_request(request, self.vocab_size)?;
        let prompt = self.tokenize(request)?;
        let context_length = self.info.context_length;
        if request.max_tokens == Some(0) {
            return Err(Error::InvalidRequest("max_tokens is 0: nothing can be said".to_owned()));
        }
        // Without a limit, all that is left, and at least a token.
        let room = context_length.saturating_sub(prompt.len());
        let max_tokens = request.max_tokens.map_or(room.max(1), |most| most as usize);
        if max_tokens > room {
            return Err(Error::ContextOverflow { prompt_tokens: prompt.len(), max_tokens, context_length });
        }
        let mut grammar = self.grammar(&request.response_format, max_tokens)?;

        let mut state = self.state.lock().await;
        // A reply of a given form has no room for thoughts.
        let thinking = request.response_format.is_text().then(|| Thinking::after(&prompt, &self.tokenizer));
        // Taken, and only put back when all went well: a call that is dropped or fails leaves nothing half-written.
        let mut sequence = state.sequence.take().unwrap_or_else(|| Sequence::new(Vec::new(), &self.pool));
        sequence.rebase(prompt.clone());
        let mut usage =
            Usage { prompt_tokens: prompt.len() as u64, cached_tokens: sequence.cached() as u64, ..Usage::default() };
        self.make_room(&mut sequence, prompt.len(), max_tokens)?;

        let mut replies = Vec::new();
        for _ in 0..samples {
            if !replies.is_empty() {
                // The prompt is read already, all but its last token; only the draws differ.
                sequence.rebase(prompt.clone());
                sampling.seed = sampling.seed.wrapping_add(1);
                grammar = self.grammar(&request.response_format, max_tokens)?;
            }
            let mut ignore = |_: &str| {};
            let on_delta: &mut dyn FnMut(&str) = if replies.is_empty() { &mut *on_delta } else { &mut ignore };
            let reply = Reply::new(&self.tokenizer, thinking.clone(), request, on_delta);
            let reply = self.reply(&state, &mut sequence, &sampling, grammar.take(), reply, max_tokens).await?;
            usage.completion_tokens += reply.tokens as u64;
            usage.reasoning_tokens += reply.reasoning_tokens;
            replies.push(reply.reply);
        }
        state.sequence = Some(sequence);
        let Alternative { content, finish_reason, logprobs } = replies.remove(0);
        Ok(ChatResponse { content, finish_reason, usage, logprobs, alternatives: replies })
    }

    /// The grammar of a reply of at most `max_tokens` tokens, unless any text will do.
    fn grammar(&self, format: &ResponseFormat, max_tokens: usize) -> Result<Option<Grammar<'_>>> {
        if format.is_text() {
            return Ok(None);
        }
        let grammars = match self.grammars.get() {
            Some(grammars) => grammars,
            None => {
                let made = Grammars::new(Arc::clone(&self.tokenizer), &self.end_tokens, self.vocab_size)?;
                self.grammars.get_or_init(|| made)
            }
        };
        grammars.grammar(format, max_tokens).map(Some)
    }

    /// Goes on with the sequence until the reply ends: → the reply, and how many tokens it took.
    async fn reply(
        &self,
        state: &State,
        sequence: &mut Sequence,
        sampling: &Sampling,
        mut grammar: Option<Grammar<'_>>,
        mut reply: Reply<'_>,
        max_tokens: usize,
    ) -> Result<Finished> {
        let mut history = History::new(sampling, sequence.tokens());
        let prompt_tokens = sequence.tokens().len();
        let mut next = match &mut grammar {
            Some(grammar) => grammar.begin()?,
            None => Advance::default(),
        };
        let mut sample = None;
        let mut ended_by_model = 0;
        let finish_reason = loop {
            let mut stopped = false;
            for &token in &next.tokens {
                sequence.push(token);
                history.push(token);
                stopped = reply.push(token, sample.take().as_ref());
                if stopped {
                    break;
                }
            }
            if stopped {
                break FinishReason::Stop;
            }
            if let Some(end) = next.end {
                break end;
            }
            if sequence.tokens().len() - prompt_tokens >= max_tokens {
                break FinishReason::Length;
            }
            let mask = grammar.as_mut().map(Grammar::mask).transpose()?;
            let draw = Draw { sampling, mask, adjustments: history.adjustments() };
            let drawn = self.next_token(state, sequence, draw).await?;
            if self.end_tokens.contains(&drawn.token) {
                ended_by_model = 1;
                break FinishReason::Stop;
            }
            next = match &mut grammar {
                Some(grammar) => grammar.advance(drawn.token)?,
                None => Advance { tokens: vec![drawn.token], end: None },
            };
            // A grammar that had to end the reply did not take the token.
            sample = Some(drawn).filter(|drawn| next.tokens.first() == Some(&drawn.token));
        };
        let tokens = sequence.tokens().len() - prompt_tokens + ended_by_model;
        let reasoning_tokens = reply.reasoning_tokens();
        Ok(Finished { reply: reply.finish(finish_reason), tokens, reasoning_tokens })
    }

    /// Reads what the sequence has unread, in steps, and samples the token after it.
    async fn next_token(&self, state: &State, sequence: &mut Sequence, draw: Draw<'_>) -> Result<Sample> {
        loop {
            let unread = sequence.tokens().len() - sequence.cached();
            let rows = unread.min(PREFILL_ROWS);
            let mut step = StepBuilder::default();
            if rows == unread {
                step.push(sequence, rows, Some(draw));
                sequence.advance(rows);
                let samples = self.sample(state, step).await?;
                self.pause().await;
                return Sample::only(samples);
            }
            step.push(sequence, rows, None);
            sequence.advance(rows);
            let hidden = self.forward(state, &self.upload(step));
            // One number is read back from every step of a long prompt, so that no more than a step is ever queued
            // and an abort takes effect after the step in flight.
            kernels::read_f32(hidden.slice([0..1, 0..1])).await?;
            self.pause().await;
        }
    }

    /// Runs a step: → the next token of each row that samples.
    async fn sample(&self, state: &State, step: StepBuilder) -> Result<Vec<Sample>> {
        if let Some(decode) = &self.decode
            && step.rows() == 1
        {
            return decode.replay(&step.words(self.info.context_length), &step.asked()).await;
        }
        let step = self.upload(step);
        let hidden = self.forward(state, &step);
        let (_, samples) = self.transformer.sample(hidden, &step);
        samples.read(step.asked()).await
    }

    fn forward(&self, state: &State, step: &Step) -> Tensor<2> {
        self.transformer.forward(step, &mut state.cache.borrow_mut())
    }

    fn upload(&self, step: StepBuilder) -> Step {
        step.upload(self.info.context_length, &self.compute.device)
    }

    fn make_room(&self, sequence: &mut Sequence, prompt_tokens: usize, max_tokens: usize) -> Result<()> {
        let context_length = self.info.context_length;
        let tokens = prompt_tokens.saturating_add(max_tokens);
        if tokens <= context_length && sequence.reserve(tokens) {
            return Ok(());
        }
        Err(Error::ContextOverflow { prompt_tokens, max_tokens, context_length })
    }

    async fn pause(&self) {
        if let Some(between_steps) = &self.between_steps {
            between_steps().await;
        }
    }
}

impl ChatModel for Engine {
    async fn chat(
        &self,
        request: &ChatRequest,
        on_delta: &mut dyn FnMut(&str),
    ) -> std::result::Result<ChatResponse, ChatError> {
        Ok(self.generate(request, on_delta).await?)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("info", &self.info).field("adapter", self.adapter()).finish_non_exhaustive()
    }
}
