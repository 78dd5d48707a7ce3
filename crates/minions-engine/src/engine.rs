//! The engine: a loaded model that answers conversations.

mod device_model;
mod embedding;
mod executor;
mod plan;
mod recovery;
mod speed;

use std::cell::{Cell, OnceCell};
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use device_model::DeviceModel;
use executor::Executor;
use futures_util::FutureExt;
use futures_util::lock::Mutex;
use minions_chat::{
    Alternative, ChatError, ChatModel, ChatRequest, ChatResponse, TokenCounter, Usage, estimate_tokens,
};
use minions_shaders::KvFormat;
use plan::Plan;
use recovery::{Build, Recovery};
use serde::Serialize;

use crate::device::{Adapter, Compute};
use crate::error::{Error, Result};
use crate::generate::{
    Finished, Grammar, Grammars, Job, PREFILL_ROWS, PageStore, Phase, Reply, Sampling, Scheduler, Sequence,
    StepBuilder, Tally, Ticket, check_tools,
};
use crate::kernels::{self, Counters};
use crate::model::{Quantization, load};
use crate::text::{ChatTemplate, Date, Thinking, Tokenizer};
use crate::weights::{ModelFile, ModelSource};

pub use embedding::Pooling;
pub use speed::Speed;

/// The most replies to one request.
const MAX_SAMPLES: u32 = 128;

/// What to load and how.
#[derive(Default)]
pub struct LoadOptions {
    /// The most tokens that prompt and reply may have together; at most the model's own limit. By default at most 4096, and
    /// where the device has no room for so many, a half, a quarter or an eighth.
    pub context_length: Option<usize>,
    /// How many tokens the cache has room for, of all replies that are worked on at a time and of prompts that may come
    /// again; at least the context. By default as many as fit in 512 MB, on the CPU in 64 MB, and on the device, but not more
    /// than eight contexts.
    pub cache_tokens: Option<usize>,
    /// Where pages of the cache go that other jobs need the room of, to be brought back when a prompt begins like them again;
    /// without it they are computed anew. [`MemoryPages`](crate::MemoryPages) is one.
    pub page_store: Option<Box<dyn PageStore>>,
    /// How the cache holds keys and values: as 32-bit floats unless said otherwise. [`KvFormat::Q8_0`] takes 8 bits a number
    /// and 32 more for every 32 of them: about 3.5 times as many tokens fit, and replies are a little less exact.
    pub kv_cache: KvFormat,
    /// What weights in floats become while they are loaded, to take less memory; norms stay as they are.
    pub quantize: Option<Quantization>,
    /// Today, for chat templates that write it. Without it such a template says that it has none.
    pub date: Option<Date>,
    /// Awaited between steps, so that a single-threaded shell can handle messages (an abort) while the CPU computes.
    pub between_steps: Option<Wait>,
    /// A wait as long as a GPU may take for a step: one that takes longer hangs, and is replaced as one that was lost.
    /// Without it, that is left to the driver.
    pub gpu_timeout: Option<Wait>,
}

/// Makes something to be awaited.
pub type Wait = Box<dyn Fn() -> Pin<Box<dyn Future<Output = ()>>>>;

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
    /// How many tokens the cache has room for.
    pub cache_tokens: usize,
    /// The cache in bytes.
    pub cache_bytes: u64,
    /// What steps compute at their largest in bytes, an estimate.
    pub activation_bytes: u64,
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
/// It answers many conversations at a time: whoever calls while others wait joins their steps, and what their prompts begin
/// with is read once. There is no task in the background: the calls that wait for their replies drive everyone's steps, and
/// dropping a call cancels it.
pub struct Engine {
    executor: Rc<Executor>,
    info: ModelInfo,
    adapter: Adapter,
    tokenizer: Arc<Tokenizer>,
    template: ChatTemplate,
    end_tokens: Rc<[u32]>,
    vocab_size: usize,
    /// Made for the first reply that is held to a form.
    grammars: OnceCell<Rc<Grammars>>,
    /// Who reads without replying does so one at a time: two who wait for room could wait for each other.
    reader: Mutex<()>,
    between_steps: Option<Wait>,
    callers: Cell<u64>,
    counters_at_load: Counters,
}

/// One of those who share an engine: jobs are let in by turns among callers, so that many of one do not keep few of another
/// waiting. Requests that are put to the engine itself are each a caller's of their own.
#[derive(Debug)]
pub struct Caller<'a> {
    engine: &'a Engine,
    id: u64,
}

impl Engine {
    /// Loads the model `main` (a `.gguf` file, or `config.json` of a Hugging Face folder) from `source`.
    ///
    /// Everything about the files is checked, and that the device has room, before the first byte goes there.
    pub async fn load<S: ModelSource + 'static>(
        compute: Compute,
        source: S,
        main: &str,
        options: LoadOptions,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<Self> {
        if options.context_length == Some(0) {
            return Err(Error::InvalidRequest("context_length is 0: there is no room for a prompt".to_owned()));
        }
        let mut file = ModelFile::open(source, main).await?;
        let tokenizer = Tokenizer::from_source(&file.take_tokenizer())?;
        let mut template = ChatTemplate::new(file.chat_template(), &tokenizer)?;
        if let Some(date) = options.date {
            template = template.with_date(date);
        }
        let config = file.config();
        let plan = Plan::find(&file, &options, &compute).await?;
        // Each once: a grammar counts them to see whether anything else may follow.
        let end_tokens: BTreeSet<u32> = config.eos_token_ids.iter().copied().chain(tokenizer.turn_ends()).collect();
        let vocab_size = config.vocab_size;
        let is_gpu = compute.adapter().is_gpu();
        let blueprint = Blueprint {
            main: main.to_owned(),
            file,
            plan: plan.clone(),
            kv_cache: options.kv_cache,
            quantize: options.quantize,
        };
        let device = compute.clone();
        let built = blueprint.build(compute, on_progress).await;
        // Why the device is gone says more than what could not be done with it.
        let built = built.map_err(|error| device.cause(error));
        let Built { model, token, quantization, size_bytes, parameters } = built?;
        Ok(Self {
            info: ModelInfo {
                name: blueprint.file.name().to_owned(),
                architecture: blueprint.file.architecture().to_owned(),
                context_length: plan.context_length,
                quantization,
                size_bytes,
                parameters,
                cache_tokens: plan.cache_tokens(),
                cache_bytes: plan.cache_bytes,
                activation_bytes: plan.activation_bytes,
            },
            adapter: model.compute.adapter().clone(),
            executor: Rc::new(Executor::new(
                model,
                plan.pages,
                options.page_store,
                is_gpu.then(|| Recovery::new(blueprint.again(), token)),
                options.gpu_timeout,
            )),
            tokenizer: Arc::new(tokenizer),
            template,
            end_tokens: end_tokens.into_iter().collect(),
            vocab_size,
            grammars: OnceCell::new(),
            reader: Mutex::default(),
            between_steps: options.between_steps,
            callers: Cell::default(),
            counters_at_load: kernels::counters(),
        })
    }

    /// What is loaded.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// What it runs on, or ran on first.
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// Ends the device under the model, as a driver does that is reset: for tests.
    #[doc(hidden)]
    pub fn lose_device(&self) {
        self.executor.model().compute.lose();
    }

    /// Work given to the device since the model was loaded.
    pub fn counters(&self) -> Counters {
        kernels::counters() - self.counters_at_load
    }

    /// The token ids of a conversation, as the model's own template renders it, ready to be answered.
    pub fn tokenize(&self, request: &ChatRequest) -> Result<Vec<u32>> {
        self.template.tokenize(&request.messages, &request.tools, &self.tokenizer)
    }

    /// Counts tokens as this model does; what its tokenizer cannot take, by rule of thumb.
    pub fn token_counter(&self) -> TokenCounter {
        let tokenizer = Arc::clone(&self.tokenizer);
        TokenCounter::new(move |text| {
            tokenizer.tokenize(text, false).map_or_else(|_| estimate_tokens(text), |ids| ids.len() as u64)
        })
    }

    /// What all replies took since the model was loaded.
    pub fn tally(&self) -> Tally {
        self.executor.scheduler.borrow().tally()
    }

    /// Scores of the next token after each of `ids`: `[ids, vocab_size]`, row-major. For comparing with other
    /// implementations.
    pub async fn logits(&self, ids: &[u32]) -> Result<Vec<f32>> {
        let _reader = self.reader.lock().await;
        self.executor
            .read(async |model| {
                let mut sequence = self.read(ids.to_vec(), model).await?;
                let mut logits = Vec::new();
                while sequence.unread_prefill() > 0 {
                    let rows = PREFILL_ROWS.min(sequence.unread_prefill());
                    let mut step = StepBuilder::new(Phase::Prefill);
                    step.prefill(&sequence, rows);
                    let scores = model.transformer.logits(model.forward(&model.upload(step)), Phase::Prefill);
                    logits.extend(self.executor.in_time(kernels::read_f32(scores)).await?);
                    sequence.advance(rows);
                }
                Ok(logits)
            })
            .await
    }

    /// Someone whose requests belong together.
    pub fn caller(&self) -> Caller<'_> {
        let id = self.callers.get();
        self.callers.set(id + 1);
        Caller { engine: self, id }
    }

    async fn generate(
        &self,
        caller: u64,
        request: &ChatRequest,
        on_delta: &mut dyn FnMut(&str),
    ) -> Result<ChatResponse> {
        if request.messages.is_empty() {
            return Err(Error::InvalidRequest("messages is empty: there is nothing to answer".to_owned()));
        }
        let samples = request.n.unwrap_or(1);
        if !(1..=MAX_SAMPLES).contains(&samples) {
            return Err(Error::InvalidRequest(format!("n is {samples}; it must be between 1 and {MAX_SAMPLES}")));
        }
        check_tools(request)?;
        let mut sampling = Sampling::from_request(request, self.vocab_size)?;
        let prompt = self.tokenize(request)?;
        if prompt.is_empty() {
            return Err(Error::Template("it makes nothing of this conversation".to_owned()));
        }
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
        // A reply of a given form has no room for thoughts.
        let is_free = request.response_format.is_text() && !request.tool_choice.is_forced();
        let thinking = is_free.then(|| Thinking::after(&prompt, &self.tokenizer));

        let mut tickets = Vec::new();
        for _ in 0..samples {
            let sequence = Sequence::new(prompt.clone(), &self.executor.pool);
            let grammar = self.grammar(request, max_tokens)?;
            let reply = Reply::new(&self.tokenizer, thinking.clone(), request);
            let end_tokens = Rc::clone(&self.end_tokens);
            let job = Job::new(sequence, max_tokens, sampling.clone(), grammar, reply, end_tokens)?;
            tickets.push(Scheduler::enqueue(&self.executor.scheduler, caller, request.priority, job));
            sampling.seed = sampling.seed.wrapping_add(1);
        }

        let mut usage = Usage::default();
        let mut replies = Vec::new();
        for ticket in tickets {
            let mut ignore = |_: &str| {};
            let on_delta: &mut dyn FnMut(&str) = if replies.is_empty() { &mut *on_delta } else { &mut ignore };
            let finished = self.wait(&ticket, on_delta).await?;
            if replies.is_empty() {
                usage.prompt_tokens = finished.prompt_tokens as u64;
                usage.cached_tokens = finished.cached_tokens as u64;
            }
            usage.completion_tokens += finished.tokens as u64;
            usage.reasoning_tokens += finished.reasoning_tokens;
            replies.push(finished.reply);
        }
        let Alternative { content, finish_reason, tool_calls, logprobs } = replies.remove(0);
        Ok(ChatResponse { content, finish_reason, usage, tool_calls, logprobs, alternatives: replies })
    }

    /// Waits for the end of a job, and drives everyone's steps while nobody else does.
    async fn wait(&self, ticket: &Ticket<'_>, on_delta: &mut dyn FnMut(&str)) -> Result<Finished> {
        loop {
            let (text, end) = ticket.take();
            if !text.is_empty() {
                on_delta(&text);
            }
            if let Some(end) = end {
                return end;
            }
            // Others may join, or hear what there is of theirs, before the next turn.
            yield_now().await;
            if !ticket.has_news() {
                self.executor.turn().await;
                self.pause().await;
            }
        }
    }

    /// The grammar of a reply of at most `max_tokens` tokens, unless any text will do.
    fn grammar(&self, request: &ChatRequest, max_tokens: usize) -> Result<Option<Grammar>> {
        if request.response_format.is_text() && request.tools.is_empty() {
            return Ok(None);
        }
        let grammars = match self.grammars.get() {
            Some(grammars) => grammars,
            None => {
                let made = Grammars::new(Arc::clone(&self.tokenizer), &self.end_tokens, self.vocab_size)?;
                self.grammars.get_or_init(|| Rc::new(made))
            }
        };
        grammars.grammar(request, max_tokens).map(Some)
    }

    /// A sequence that is only read, with room for all of it.
    async fn read(&self, tokens: Vec<u32>, model: &DeviceModel) -> Result<Sequence> {
        let (prompt_tokens, context_length) = (tokens.len(), self.info.context_length);
        if prompt_tokens > context_length {
            return Err(Error::ContextOverflow { prompt_tokens, max_tokens: 0, context_length });
        }
        let mut sequence = Sequence::unshared(tokens, &self.executor.pool);
        self.executor.make_room(&mut sequence, model).await?;
        Ok(sequence)
    }

    async fn pause(&self) {
        if let Some(between_steps) = &self.between_steps {
            between_steps().await;
        }
    }
}

/// How a model is put on a device.
struct Blueprint<S> {
    main: String,
    file: ModelFile<S>,
    plan: Plan,
    kv_cache: KvFormat,
    quantize: Option<Quantization>,
}

/// A model that was put on a device, and what was found on the way.
struct Built {
    model: DeviceModel,
    /// What it drew when it was tried.
    token: u32,
    quantization: String,
    size_bytes: u64,
    parameters: u64,
}

impl<S: ModelSource + 'static> Blueprint<S> {
    /// Puts the model on a device and tries it, so that the kernels are compiled before the first question and a broken model,
    /// or GPU, is noticed here rather than as gibberish later.
    async fn build(&self, mut compute: Compute, on_progress: &mut dyn FnMut(Progress)) -> Result<Built> {
        let Self { file, plan, kv_cache, quantize, .. } = self;
        let loaded = load(file, plan.context_length, *quantize, &compute, on_progress).await?;
        compute.choose_overlays(&loaded.formats).await?;
        let model = DeviceModel::new(compute, loaded.transformer, file.config(), plan, *kv_cache);
        on_progress(Progress::Compile { loaded: 0, total: 1 });
        let trial = model.try_out().await?;
        trial.check(&self.main)?;
        on_progress(Progress::Compile { loaded: 1, total: 1 });
        let (quantization, size_bytes, parameters) = (loaded.quantization, loaded.size_bytes, loaded.parameters);
        Ok(Built { model, token: trial.token, quantization, size_bytes, parameters })
    }

    /// The way to do it again.
    fn again(self) -> Build {
        let this = Rc::new(self);
        Box::new(move |compute| {
            let this = Rc::clone(&this);
            async move {
                let built = this.build(compute, &mut |_| {}).await?;
                Ok((built.model, built.token))
            }
            .boxed_local()
        })
    }
}

/// Lets every other task of this thread go on.
async fn yield_now() {
    let mut is_later = false;
    let later = poll_fn(|context| {
        if std::mem::replace(&mut is_later, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    });
    later.await;
}

impl ChatModel for Engine {
    async fn chat(
        &self,
        request: &ChatRequest,
        on_delta: &mut dyn FnMut(&str),
    ) -> std::result::Result<ChatResponse, ChatError> {
        self.caller().chat(request, on_delta).await
    }
}

impl ChatModel for Caller<'_> {
    async fn chat(
        &self,
        request: &ChatRequest,
        on_delta: &mut dyn FnMut(&str),
    ) -> std::result::Result<ChatResponse, ChatError> {
        Ok(self.engine.generate(self.id, request, on_delta).await?)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("info", &self.info).field("adapter", self.adapter()).finish_non_exhaustive()
    }
}
