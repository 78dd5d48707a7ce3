//! The jobs of an engine: the turns in which they go on, on a model that may have to change its device meanwhile.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;

use burn::tensor::Tensor;
use futures_util::FutureExt;
use futures_util::future::{Either, LocalBoxFuture, Shared, WeakShared, select};
use web_time::Instant;

use super::Wait;
use super::device_model::DeviceModel;
use super::recovery::Recovery;
use crate::error::{Error, Result};
use crate::generate::{DeviceKind, PageKey, PagePool, PageStore, Scheduler, Sequence, StepBuilder};
use crate::kernels;

/// Pages that leave the cache, and those that come back, are moved in pieces of so many bytes at most: as much as a page's
/// memory can spare.
const MOVE_BYTES: usize = 16 << 20;

/// The jobs of an engine, and the model that they are of.
pub struct Executor {
    /// Another one after the device has failed.
    model: RefCell<Rc<DeviceModel>>,
    /// None on the CPU, which does not fail.
    recovery: Option<Recovery>,
    /// A wait as long as the device may take for a turn.
    gpu_timeout: Option<Wait>,
    pub pool: PagePool,
    pub scheduler: RefCell<Scheduler>,
    /// The turn that is under way, as long as anyone waits for it.
    turn: RefCell<Option<WeakShared<LocalBoxFuture<'static, ()>>>>,
}

/// Copies of pages that were given up.
struct Leaving {
    keys: Vec<PageKey>,
    /// As [`KvCache::pack`](crate::model::KvCache::pack) has it.
    packed: Tensor<2>,
}

/// A turn under way. Whoever waits for it drives it; should one stop waiting, the others still do.
pub type Turn = Shared<LocalBoxFuture<'static, ()>>;

impl Executor {
    /// The model, whose cache has `pages` pages; what it has to give up goes into `page_store`.
    pub fn new(
        model: DeviceModel,
        pages: usize,
        page_store: Option<Box<dyn PageStore>>,
        recovery: Option<Recovery>,
        gpu_timeout: Option<Wait>,
    ) -> Self {
        let pool = match page_store {
            Some(store) => PagePool::new(pages).with_store(store, model.cache.borrow().page_bytes()),
            None => PagePool::new(pages),
        };
        let device = match &model.compute.wgpu {
            Some(wgpu) if wgpu.is_software => DeviceKind::Software,
            Some(_) => DeviceKind::Gpu,
            None => DeviceKind::Cpu,
        };
        Self {
            model: RefCell::new(Rc::new(model)),
            recovery,
            gpu_timeout,
            scheduler: RefCell::new(Scheduler::new(pool.clone(), device)),
            pool,
            turn: RefCell::default(),
        }
    }

    /// The model where it is now.
    pub fn model(&self) -> Rc<DeviceModel> {
        Rc::clone(&self.model.borrow())
    }

    /// The turn that is under way, or a new one: some rows of prompts are read, and every reply goes on. Where the device
    /// fails, the jobs go on on another; if that fails too, it fails for every job.
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
            let model = this.model();
            let Err(error) = this.in_time(this.run_turn(&model)).await else { return };
            if let Err(error) = this.recover(&model, error).await {
                this.scheduler.borrow_mut().fail(&error);
            }
        };
        let turn = turn.boxed_local().shared();
        *slot = turn.downgrade();
        turn
    }

    /// Has the model on a device again after it has failed with `error` on that of `failed`, and every job begin again at its
    /// tokens.
    pub async fn recover(&self, failed: &Rc<DeviceModel>, error: Error) -> Result<()> {
        let Some(recovery) = &self.recovery else { return Err(error) };
        let _one_at_a_time = recovery.is_recovering.lock().await;
        if Rc::ptr_eq(failed, &self.model()) {
            let model = recovery.rebuild(failed, error).await?;
            *self.model.borrow_mut() = Rc::new(model);
            self.scheduler.borrow_mut().restart();
        }
        Ok(())
    }

    /// Does something that only reads, again if the device fails meanwhile.
    pub async fn read<T>(&self, work: impl AsyncFn(&DeviceModel) -> Result<T>) -> Result<T> {
        loop {
            let model = self.model();
            let result = work(&model).await;
            let failure = match &result {
                Err(error @ (Error::Gpu(_) | Error::DeviceLost(_))) => Err(error.clone()),
                _ => model.compute.check(),
            };
            match failure {
                Ok(()) => {
                    self.note_success();
                    return result;
                }
                Err(error) => self.recover(&model, error).await?,
            }
        }
    }

    /// Does a step's work, unless the device hangs.
    pub async fn in_time<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(timeout) = &self.gpu_timeout else { return work.await };
        if let Either::Left((result, _)) = select(pin!(work), timeout()).await {
            return result;
        }
        // What was asked of the device will never be answered.
        kernels::forget_abandoned();
        Err(Error::DeviceLost("it did not answer in time".to_owned()))
    }

    async fn run_turn(&self, model: &DeviceModel) -> Result<()> {
        let started = Instant::now();
        let prefill = self.scheduler.borrow_mut().prefill();
        let rows = prefill.as_ref().map_or(0, StepBuilder::rows);
        let leaving = self.move_pages(model);
        let hidden = prefill.map(|step| model.forward(&model.upload(step)));
        let decode = self.scheduler.borrow_mut().decode();
        let mut drawn = None;
        if let Some((step, runs)) = decode {
            drawn = Some((runs, model.sample(step).await?));
        } else if let Some(hidden) = hidden {
            // One number is read back, so that no more than a turn is ever queued and an abort takes effect after it.
            kernels::read_f32(hidden.slice([0..1, 0..1])).await?;
        } else {
            // What could go on waits for room that a reader has: until the device has done what is put to it.
            kernels::read_f32(Tensor::<1>::zeros([1], &model.compute.device)).await?;
        }
        model.compute.check()?;
        if let Some((runs, samples)) = drawn {
            self.scheduler.borrow_mut().apply(runs, samples);
        }
        if rows > 0 {
            self.scheduler.borrow_mut().note_pace(rows, started.elapsed().as_secs_f64());
        }
        self.note_success();
        self.keep(leaving).await
    }

    fn note_success(&self) {
        if let Some(recovery) = &self.recovery {
            recovery.note_success();
        }
    }

    /// Puts to the device what has to be done before pages that were given up are written to: those that can be kept are
    /// copied, those that were kept come back. → the copies.
    fn move_pages(&self, model: &DeviceModel) -> Vec<Leaving> {
        let mut cache = model.cache.borrow_mut();
        let at_a_time = (MOVE_BYTES / cache.page_bytes()).max(1);
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

    /// Takes hold of room for all of a sequence that is only read; replies that have it finish first.
    pub async fn make_room(self: &Rc<Self>, sequence: &mut Sequence, model: &DeviceModel) -> Result<()> {
        while !sequence.enter(sequence.tokens().len()) {
            self.turn().await;
        }
        self.keep(self.move_pages(model)).await
    }
}
