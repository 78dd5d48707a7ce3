//! Which worker, and where it runs.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use minions_engine::{Engine, KvFormat, LoadOptions, MemoryPages, MemorySource, PageStore, Quantization};
use minions_providers::{ApiKey, CloudModel};

use crate::device::DeviceChoice;
use crate::exit::Failure;
use crate::files::FileSource;
use crate::input;
use crate::model::Model;
use crate::transport::{HttpTransport, is_this_machine};

/// The model that ships with this repository.
const DEMO: &[u8] = include_bytes!("../../../www/public/models/demo-worker.gguf");
const DEMO_NAME: &str = "demo-worker.gguf";
const KEY_VARIABLE: &str = "MINIONS_WORKER_API_KEY";

#[derive(clap::Args)]
pub struct WorkerArguments {
    /// What reads the documents: the included demonstration model, a GGUF file, a Hugging Face folder, or a server: the
    /// address of one that speaks OpenAI's chat completions, or of Ollama itself (its key, if any, from
    /// MINIONS_WORKER_API_KEY).
    #[arg(
        long,
        alias = "model",
        value_name = "demo|PATH.gguf|HF_DIR|http://HOST/v1",
        default_value = "demo",
        value_parser = OsStringValueParser::new().map(WorkerChoice::from)
    )]
    worker: WorkerChoice,
    /// The model's name, if the worker is a server.
    #[arg(long, value_name = "NAME")]
    worker_model: Option<String>,
    /// How many tokens the worker can take at once: prompt and reply together, at most what the model itself allows
    /// [default: 4096 in this process, unknown of a server].
    #[arg(long, value_name = "TOKENS")]
    worker_context: Option<usize>,
    /// How many tokens the cache of a worker in this process has room for, of all replies that it works on at a time
    /// [default: as many as fit in 512 MB].
    #[arg(long, value_name = "TOKENS")]
    cache_tokens: Option<usize>,
    /// How many megabytes of memory keep what that cache has to give up, to be brought back when it is wanted again.
    #[arg(long, value_name = "MB", default_value_t = 512)]
    spill_mb: usize,
    /// How that cache holds them: q8_0 takes less than a third of the memory, and replies are a little less exact
    /// [default: f32].
    #[arg(long, value_name = "f32|q8_0")]
    kv_cache: Option<KvFormat>,
    /// What the weights of a worker in this process become if its file holds them in 16 or 32 bits: less memory, less exact.
    #[arg(long, value_name = "q8_0|q4_0")]
    quantize: Option<Quantization>,
    /// Where a worker in this process runs.
    #[arg(long, value_enum, default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
}

#[derive(Clone)]
enum WorkerChoice {
    Demo,
    Disk(PathBuf),
    Server(String),
}

impl From<OsString> for WorkerChoice {
    fn from(argument: OsString) -> Self {
        match argument.to_str() {
            Some("demo") => Self::Demo,
            Some(url) if url.starts_with("http://") || url.starts_with("https://") => Self::Server(url.to_owned()),
            _ => Self::Disk(argument.into()),
        }
    }
}

/// A worker that is ready.
pub struct Worker {
    pub model: Model,
    /// How many tokens it can take at once, where that is known.
    pub context_length: Option<usize>,
    /// What it is and where it runs, for the user.
    pub description: String,
}

impl Worker {
    /// None, for protocols that do without.
    pub fn absent() -> Self {
        Self { model: Model::Absent, context_length: None, description: "no worker".to_owned() }
    }
}

impl WorkerArguments {
    /// Refuses what cannot work, before anything is loaded.
    pub fn check(&self) -> Result<(), Failure> {
        let is_server = matches!(self.worker, WorkerChoice::Server(_));
        if self.worker_context == Some(0) {
            return Err(Failure::input("--worker-context is 0: there is no room for a document"));
        }
        match &self.worker {
            WorkerChoice::Server(url) if self.worker_model.is_none() => {
                Err(Failure::input(format!("--worker-model is missing: which model of {url} shall read?")))
            }
            WorkerChoice::Disk(path) if !path.exists() => Err(Failure::input(format!(
                "there is no worker at {}: name a .gguf file, a Hugging Face folder, an http address, or demo",
                path.display()
            ))),
            WorkerChoice::Server(_) if self.quantize.is_some() => {
                Err(Failure::input("--quantize is for a worker in this process; a server's is as it is"))
            }
            WorkerChoice::Server(_) if self.cache_tokens.is_some() => {
                Err(Failure::input("--cache-tokens is for a worker in this process; a server's cache is its own"))
            }
            WorkerChoice::Server(_) if self.kv_cache.is_some() => {
                Err(Failure::input("--kv-cache is for a worker in this process; a server's cache is its own"))
            }
            _ if self.worker_model.is_some() && !is_server => {
                Err(Failure::input("--worker-model is for a worker behind an http address; this one is a file"))
            }
            _ => Ok(()),
        }
    }

    /// Loads the worker.
    pub async fn open(&self) -> Result<Worker, Failure> {
        self.check()?;
        match &self.worker {
            WorkerChoice::Server(url) => Ok(self.server(url)),
            WorkerChoice::Demo => self.local(MemorySource::new().with(DEMO_NAME, DEMO), DEMO_NAME).await,
            WorkerChoice::Disk(path) => {
                let (source, main) = FileSource::open(path).map_err(|error| Failure::input(format!("{error:#}")))?;
                self.local(source, &main).await
            }
        }
    }

    /// A place for what the cache has to give up, if it may take any memory.
    fn page_store(&self) -> Option<Box<dyn PageStore>> {
        let bytes = self.spill_mb.saturating_mul(1 << 20);
        (bytes > 0).then(|| Box::new(MemoryPages::new(bytes)) as Box<dyn PageStore>)
    }

    fn server(&self, url: &str) -> Worker {
        let name = self.worker_model.clone().unwrap_or_default();
        let key = input::key(&[KEY_VARIABLE]).unwrap_or_else(|| ApiKey::new(""));
        let model = CloudModel::at(HttpTransport::default(), url, &name, key);
        let warning = if is_this_machine(url) { "" } else { ": the documents are sent there" };
        let description = format!("worker {name} at {url}{warning}");
        Worker { model: Model::Server(Box::new(model)), context_length: self.worker_context, description }
    }

    async fn local(&self, source: impl minions_engine::ModelSource + 'static, main: &str) -> Result<Worker, Failure> {
        let compute = self.device.open().await.map_err(Failure::worker)?;
        let options = LoadOptions {
            context_length: self.worker_context,
            cache_tokens: self.cache_tokens,
            page_store: self.page_store(),
            kv_cache: self.kv_cache.unwrap_or_default(),
            quantize: self.quantize,
            // Without it the CPU would compute on until the end of a reply, and Ctrl-C wait for it.
            between_steps: Some(Box::new(|| Box::pin(tokio::task::yield_now()))),
            ..LoadOptions::default()
        };
        let engine = Engine::load(compute, source, main, options, &mut |_| {}).await.map_err(Failure::worker)?;
        let (info, adapter) = (engine.info(), engine.adapter());
        let mut description = format!("worker {} on {} ({})", info.name, adapter.name, adapter.backend);
        if let Some(reason) = adapter.reason.as_ref().filter(|_| self.device == DeviceChoice::Auto) {
            description.push_str(&format!("; no GPU: {reason}"));
        }
        let context_length = Some(info.context_length);
        Ok(Worker { model: Model::Local(Box::new(engine)), context_length, description })
    }
}
