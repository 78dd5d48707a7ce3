//! What runs on the device: the model, its cache, and the turns in which the scheduler's jobs go on.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use burn::tensor::Tensor;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared, WeakShared};
use minions_shaders::KvFormat;
use web_time::Instant;

use super::plan::Plan;
use crate::device::{Compute, Wgpu};
use crate::error::Result;
use crate::generate::{
    DeviceKind, Layout, PageKey, PagePool, PageStore, Phase, Scheduler, Sequence, Step, StepBuilder, step_rows,
};
use crate::kernels::{self, CapturedStep, Sample};
use crate::model::{KvCache, ModelConfig, Transformer};

/// Pages that leave the cache, and those that come back, are moved in pieces of so many bytes at most: as much as a page's
/// memory can spare.
const MOVE_BYTES: usize = 16 << 20;

/// The model on its device.
pub struct Executor {
    pub compute: Compute,
    pub transformer: Transformer,
    layout: Layout,
    vocab_size: usize,
    pub pool: PagePool,
    cache: RefCell<KvCache>,
    /// A page that no sequence has: rows that only fill up a step write there.
    scratch: u32,
    /// Decode steps by their rows, each captured when it is first needed; none on the CPU.
    captured: RefCell<HashMap<usize, Rc<CapturedStep>>>,
    pub scheduler: RefCell<Scheduler>,
    /// The turn that is under way, as long as anyone waits for it.
    turn: RefCell<Option<WeakShared<LocalBoxFuture<'static, ()>>>>,
}

/// Copies of pages that were given up.
struct Leaving {
    keys: Vec<PageKey>,
    /// As [`KvCache::pack`] has it.
    packed: Tensor<2>,
}

/// A turn under way. Whoever waits for it drives it; should one stop waiting, the others still do.
pub type Turn = Shared<LocalBoxFuture<'static, ()>>;

impl Executor {
    /// The model with an empty cache as planned, in `format`; what it has to give up goes into `page_store`.
    pub fn new(
        compute: Compute,
        transformer: Transformer,
        config: &ModelConfig,
        plan: &Plan,
        format: KvFormat,
        page_store: Option<Box<dyn PageStore>>,
    ) -> Self {
        let pages = plan.pages;
        let cache = KvCache::new(config, format, pages + 1, &compute.device);
        let pool = match page_store {
            Some(store) => PagePool::new(pages).with_store(store, cache.page_bytes()),
            None => PagePool::new(pages),
        };
        let device = match &compute.wgpu {
            Some(wgpu) if wgpu.is_software => DeviceKind::Software,
            Some(_) => DeviceKind::Gpu,
            None => DeviceKind::Cpu,
        };
        let scheduler = Scheduler::new(pool.clone(), device);
        let layout = Layout { context_length: plan.context_length, group_rows: compute.group_rows() };
        Self {
            cache: RefCell::new(cache),
            scratch: pages as u32,
            compute,
            transformer,
            layout,
            vocab_size: config.vocab_size,
            scheduler: RefCell::new(scheduler),
            pool,
            captured: RefCell::default(),
            turn: RefCell::default(),
        }
    }

    /// The turn that is under way, or a new one: some rows of prompts are read, and every reply goes on. What fails fails
    /// for every job.
    ///
    /// Nothing is lost when nobody waits any longer and the turn is dropped half-way: jobs go on from what was drawn and
    /// taken in, and the next turn draws the same again.
    pub fn turn(self: &Rc<Self>) -> Turn {
        let mut slot = self.turn.borrow_mut();
        if let Some(turn) = slot.as_ref().and_then(WeakShared::upgrade).filter(|turn| turn.peek().is_none()) {
            return turn;
        }
        let this = Rc::clone(self);
        let turn = async move {
            if let Err(error) = this.run_turn().await {
                this.scheduler.borrow_mut().fail(&error);
            }
        };
        let turn = turn.boxed_local().shared();
        *slot = turn.downgrade();
        turn
    }

    async fn run_turn(&self) -> Result<()> {
        let started = Instant::now();
        let prefill = self.scheduler.borrow_mut().prefill();
        let rows = prefill.as_ref().map_or(0, StepBuilder::rows);
        let leaving = self.move_pages();
        let hidden = prefill.map(|step| self.forward(&self.upload(step)));
        let decode = self.scheduler.borrow_mut().decode();
        if let Some((step, runs)) = decode {
            let samples = self.sample(step).await?;
            self.scheduler.borrow_mut().apply(runs, samples);
        } else if let Some(hidden) = hidden {
            // One number is read back, so that no more than a turn is ever queued and an abort takes effect after it.
            kernels::read_f32(hidden.slice([0..1, 0..1])).await?;
        } else {
            // What could go on waits for room that a reader has: until the device has done what is put to it.
            kernels::read_f32(Tensor::<1>::zeros([1], &self.compute.device)).await?;
        }
        if rows > 0 {
            self.scheduler.borrow_mut().note_pace(rows, started.elapsed().as_secs_f64());
        }
        self.keep(leaving).await
    }

    /// Puts to the device what has to be done before pages that were given up are written to: those that can be kept are
    /// copied, those that were kept come back. → the copies.
    fn move_pages(&self) -> Vec<Leaving> {
        let mut cache = self.cache.borrow_mut();
        let at_a_time = (MOVE_BYTES / (cache.page_bytes())).max(1);
        let leaving = self.pool.take_leaving();
        let leaving = leaving.chunks(at_a_time).map(|pages| {
            let (keys, pages): (Vec<_>, Vec<_>) = pages.iter().copied().unzip();
            Leaving { keys, packed: cache.pack(&pages) }
        });
        let leaving = leaving.collect();
        let returning = self.pool.take_returning();
        for pages in returning.chunks(at_a_time) {
            let packed = pages.iter().flat_map(|(_, bytes)| bytemuck::pod_collect_to_vec::<u8, f32>(bytes)).collect();
            cache.unpack(&pages.iter().map(|(page, _)| *page).collect::<Vec<_>>(), packed);
        }
        leaving
    }

    /// Reads back what leaves the cache. Should nobody wait for it any longer, it is lost, and computed again when it is wanted.
    async fn keep(&self, leaving: Vec<Leaving>) -> Result<()> {
        for Leaving { keys, packed } in leaving {
            let packed = kernels::read_f32(packed).await?;
            let pages = packed.chunks_exact(packed.len() / keys.len());
            for (key, page) in keys.into_iter().zip(pages) {
                self.pool.keep(key, bytemuck::cast_slice(page));
            }
        }
        Ok(())
    }

    /// Runs a step through the model: → hidden states `[rows, hidden]`.
    pub fn forward(&self, step: &Step) -> Tensor<2> {
        self.transformer.forward(step, &mut self.cache.borrow_mut())
    }

    /// Brings a step to the device.
    pub fn upload(&self, step: StepBuilder) -> Step {
        step.upload(self.layout, &self.compute.device)
    }

    /// Takes hold of room for all of a sequence that is only read; replies that have it finish first.
    pub async fn make_room(self: &Rc<Self>, sequence: &mut Sequence) -> Result<()> {
        while !sequence.enter(sequence.tokens().len()) {
            self.turn().await;
        }
        self.keep(self.move_pages()).await
    }

    /// Runs a prefill step of `rows` rows and a decode step, which compiles their kernels: → all numbers that come of them.
    pub async fn warm_up(&self, rows: usize) -> Result<Vec<f32>> {
        let mut sequence = Sequence::unshared(vec![0; rows], &self.pool);
        assert!(sequence.enter(rows), "the cache is empty, and has room for the context");
        let mut prefill = StepBuilder::new(Phase::Prefill);
        prefill.prefill(&sequence, rows);
        let mut numbers = kernels::read_f32(self.forward(&self.upload(prefill))).await?;
        let mut decode = StepBuilder::new(Phase::Decode);
        decode.pad(1, self.scratch);
        let logits = match &self.compute.wgpu {
            Some(wgpu) => {
                let (logits, captured) = self.capture(wgpu, &decode)?;
                captured.replay(&decode.words(self.layout), &decode.asked()).await?;
                logits
            }
            None => {
                let step = self.upload(decode);
                self.transformer.sample(self.forward(&step), &step).0
            }
        };
        numbers.extend(kernels::read_f32(logits).await?);
        Ok(numbers)
    }

    /// Runs a decode step: → what was drawn for its rows.
    async fn sample(&self, mut step: StepBuilder) -> Result<Vec<Sample>> {
        let Some(wgpu) = &self.compute.wgpu else {
            let step = self.upload(step);
            let (_, samples) = self.transformer.sample(self.forward(&step), &step);
            return samples.read(step.asked()).await;
        };
        let rows = step_rows(step.rows());
        step.pad(rows, self.scratch);
        let known = self.captured.borrow().get(&rows).cloned();
        let captured = match known {
            Some(captured) => captured,
            None => self.capture(wgpu, &step)?.1,
        };
        captured.replay(&step.words(self.layout), &step.asked()).await
    }

    /// Captures a decode step of as many rows as this one: → where its scores will be, and the captured step.
    fn capture(&self, wgpu: &Wgpu, step: &StepBuilder) -> Result<(Tensor<2>, Rc<CapturedStep>)> {
        let step = step.clone().upload_for_replay(self.vocab_size, self.layout, &self.compute.device);
        let run = || self.transformer.sample(self.forward(&step), &step);
        let (logits, captured) = CapturedStep::capture(wgpu, &step, run)?;
        let captured = Rc::new(captured);
        self.captured.borrow_mut().insert(step.rows(), Rc::clone(&captured));
        Ok((logits, captured))
    }
}
