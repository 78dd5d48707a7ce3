//! Continuous batching (Orca, Yu et al. 2022; vLLM, Kwon et al. 2023): jobs join and leave the work on the device from
//! step to step, and what several of them begin with is read once.
//!
//! A job waits, then its prompt is read, then it is replied to. In every turn some rows of prompts are read and each reply
//! goes on by a token; the engine runs the two steps and hands back what was drawn.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use minions_shaders::PAGE_SIZE;
use serde::Serialize;

use super::job::{Finished, Job};
use super::{PagePool, Phase, StepBuilder};
use crate::error::{Error, Result};
use crate::kernels::Sample;

/// The most rows of a decode step, and so the most jobs that are past the waiting at a time.
pub const MAX_DECODE_ROWS: usize = 32;

/// Decode steps have one of these numbers of rows.
pub const STEP_ROWS: [usize; 5] = [1, 4, 8, 16, MAX_DECODE_ROWS];

/// A step may have so many rows on account of drafts alone: that many read the weights once.
const FREE_ROWS: usize = 8;

/// Rows of prompts in a turn, where no reply waits for its next token meanwhile: small enough to abort soon and to leave
/// the GPU to others, large enough to read the weights rarely.
pub const PREFILL_ROWS: usize = 256;

/// And where replies do wait, on a GPU: as many as can be read in so many seconds, but not fewer than fill a tile of the kernels.
const TURN_SECONDS: f64 = 0.05;
const MIN_PREFILL_ROWS: usize = 64;

/// What the steps run on, as far as it decides what they should be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A step of a few rows costs hardly more than one of a single row, and a turn is short enough for someone to look on.
    Gpu,
    /// A GPU's driver on a CPU: nobody looks on, so the fewest steps are the best.
    Software,
    /// Every row costs the same.
    Cpu,
}

/// All jobs of an engine.
pub struct Scheduler {
    pool: PagePool,
    device: DeviceKind,
    waiting: VecDeque<Entry>,
    reading: VecDeque<Entry>,
    replying: VecDeque<Entry>,
    next_id: u64,
    /// What a row of a prompt took of late.
    seconds_per_row: Option<f64>,
    tally: Tally,
}

/// What all jobs took, since the model was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Tokens of prompts that were read, rather than found in the cache.
    pub prefill_tokens: u64,
    /// Steps that read them.
    pub prefill_steps: u64,
    /// Steps that replies went on by.
    pub decode_steps: u64,
    /// Rows of those, drafts included.
    pub decode_rows: u64,
    /// Tokens that were drafted from the prompt, and how many of them were right: each spares its reply a step.
    pub drafted_tokens: u64,
    /// See [`drafted_tokens`](Self::drafted_tokens).
    pub accepted_tokens: u64,
    /// Pages of the cache that jobs hold now.
    pub held_pages: u64,
    /// The most pages that jobs have held at once, since none was held.
    pub peak_pages: u64,
    /// Pages that were given up because other jobs needed their room.
    pub evicted_pages: u64,
    /// Pages that were kept outside of the cache when they were given up.
    pub spilled_pages: u64,
    /// Pages that were brought back from there.
    pub restored_pages: u64,
    /// Jobs that wait for room now.
    pub waiting_jobs: u64,
    /// How often the device failed and the jobs went on on another.
    pub recoveries: u64,
}

/// What was done since `before`; pages held and jobs waiting are those of now.
impl std::ops::Sub for Tally {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            prefill_tokens: self.prefill_tokens - before.prefill_tokens,
            prefill_steps: self.prefill_steps - before.prefill_steps,
            decode_steps: self.decode_steps - before.decode_steps,
            decode_rows: self.decode_rows - before.decode_rows,
            drafted_tokens: self.drafted_tokens - before.drafted_tokens,
            accepted_tokens: self.accepted_tokens - before.accepted_tokens,
            held_pages: self.held_pages,
            peak_pages: self.peak_pages,
            evicted_pages: self.evicted_pages - before.evicted_pages,
            spilled_pages: self.spilled_pages - before.spilled_pages,
            restored_pages: self.restored_pages - before.restored_pages,
            waiting_jobs: self.waiting_jobs,
            recoveries: self.recoveries - before.recoveries,
        }
    }
}

struct Entry {
    id: u64,
    caller: u64,
    priority: i32,
    job: Job,
    outbox: Rc<RefCell<Outbox>>,
}

/// What became of a job since its caller looked last.
#[derive(Debug, Default)]
struct Outbox {
    text: String,
    end: Option<Result<Finished>>,
}

/// A caller's hold on its job. Dropping it cancels the job.
pub struct Ticket<'a> {
    scheduler: &'a RefCell<Scheduler>,
    id: u64,
    outbox: Rc<RefCell<Outbox>>,
}

/// The rows of a decode step.
#[derive(Debug, Default)]
pub struct Runs(Vec<Run>);

/// A job's rows in a decode step: unread tokens, then drafted ones.
#[derive(Debug)]
struct Run {
    id: u64,
    rows: usize,
    drafts: Vec<u32>,
}

/// How many rows a decode step has that needs so many.
pub fn step_rows(needed: usize) -> usize {
    STEP_ROWS.into_iter().find(|rows| needed <= *rows).unwrap_or(MAX_DECODE_ROWS)
}

impl Scheduler {
    /// Nothing to do yet, over the pages of `pool`.
    pub fn new(pool: PagePool, device: DeviceKind) -> Self {
        Self {
            pool,
            device,
            waiting: VecDeque::new(),
            reading: VecDeque::new(),
            replying: VecDeque::new(),
            next_id: 0,
            seconds_per_row: None,
            tally: Tally::default(),
        }
    }

    /// Puts a job of `caller` at the end of the queue.
    pub fn enqueue(scheduler: &RefCell<Self>, caller: u64, priority: i32, job: Job) -> Ticket<'_> {
        let outbox = Rc::<RefCell<Outbox>>::default();
        let mut this = scheduler.borrow_mut();
        let id = this.next_id;
        this.next_id += 1;
        let entry = Entry { id, caller, priority, job, outbox: Rc::clone(&outbox) };
        if let Some(entry) = entry.settle() {
            this.waiting.push_back(entry);
        }
        Ticket { scheduler, id, outbox }
    }

    /// What all jobs took.
    pub fn tally(&self) -> Tally {
        let pressure = self.pool.pressure();
        Tally {
            held_pages: self.pool.held() as u64,
            peak_pages: self.pool.peak() as u64,
            evicted_pages: pressure.evicted,
            spilled_pages: pressure.spilled,
            restored_pages: pressure.restored,
            waiting_jobs: self.waiting.len() as u64,
            ..self.tally
        }
    }

    /// The rows of prompts that this turn reads, if any. They count as read: whatever is put to the device later runs later.
    pub fn prefill(&mut self) -> Option<StepBuilder> {
        self.admit();
        let mut step = StepBuilder::new(Phase::Prefill);
        let budget = self.prefill_budget();
        while let Some(entry) = self.reading.front_mut() {
            let unread = entry.job.sequence().unread_prefill();
            // Cut at pages, as a step must be.
            let rows = unread.min((budget - step.rows()) / PAGE_SIZE * PAGE_SIZE);
            if rows == 0 {
                break;
            }
            step.prefill(entry.job.sequence(), rows);
            entry.job.advance(rows);
            if rows < unread {
                break;
            }
            self.replying.extend(self.reading.pop_front());
        }
        if step.rows() == 0 {
            return None;
        }
        self.tally.prefill_tokens += step.rows() as u64;
        self.tally.prefill_steps += 1;
        Some(step)
    }

    /// The rows by which replies go on in this turn, if any. Where not all find room, the next turn begins with the others;
    /// where room is left in the step that they take anyway, drafts fill it.
    pub fn decode(&mut self) -> Option<(StepBuilder, Runs)> {
        let mut step = StepBuilder::new(Phase::Decode);
        let mut runs = Runs::default();
        let needed: usize = self.replying.iter().map(|entry| entry.job.unread()).sum();
        let mut spare = match self.device {
            DeviceKind::Cpu => 0,
            _ => step_rows(needed.max(FREE_ROWS)).saturating_sub(needed),
        };
        for _ in 0..self.replying.len() {
            let Some(mut entry) = self.replying.pop_front() else { break };
            let rows = entry.job.unread().min(MAX_DECODE_ROWS - step.rows());
            if rows == 0 {
                self.replying.push_front(entry);
                break;
            }
            match entry.job.decode(rows, spare, &mut step) {
                Ok(drafts) => {
                    spare -= drafts.len();
                    self.tally.drafted_tokens += drafts.len() as u64;
                    runs.0.push(Run { id: entry.id, rows, drafts });
                    self.replying.push_back(entry);
                }
                Err(error) => entry.fail(error),
            }
        }
        (step.rows() > 0).then_some((step, runs))
    }

    /// Takes in what a decode step has drawn for its rows. Jobs that were cancelled meanwhile are not there any more.
    pub fn apply(&mut self, runs: Runs, samples: Vec<Sample>) {
        self.tally.decode_steps += 1;
        let mut samples = samples.into_iter();
        for Run { id, rows, drafts } in runs.0 {
            self.tally.decode_rows += (rows + drafts.len()) as u64;
            let drawn = samples.by_ref().take(rows + drafts.len()).collect();
            let Some(at) = self.replying.iter().position(|entry| entry.id == id) else { continue };
            let Some(mut entry) = self.replying.remove(at) else { continue };
            match entry.job.apply(rows, &drafts, drawn) {
                Ok(accepted) => {
                    self.tally.accepted_tokens += accepted as u64;
                    if let Some(entry) = entry.settle() {
                        self.replying.insert(at, entry);
                    }
                }
                Err(error) => entry.fail(error),
            }
        }
    }

    /// Notes how long a turn took that read rows of prompts.
    pub fn note_pace(&mut self, rows: usize, seconds: f64) {
        let now = seconds / rows as f64;
        self.seconds_per_row = Some(self.seconds_per_row.map_or(now, |before| 0.5 * (before + now)));
    }

    /// Has every job begin again at its tokens: the device failed, and what it had of them is gone. Those that were let in
    /// first wait first.
    pub fn restart(&mut self) {
        self.tally.recoveries += 1;
        self.seconds_per_row = None;
        let mut begun: Vec<Entry> = self.reading.drain(..).chain(self.replying.drain(..)).collect();
        begun.sort_by_key(|entry| entry.id);
        for mut entry in begun.into_iter().rev() {
            entry.job.leave();
            self.waiting.push_front(entry);
        }
        self.pool.clear();
    }

    /// Ends every job: the device failed for good.
    pub fn fail(&mut self, error: &Error) {
        let queues = [&mut self.waiting, &mut self.reading, &mut self.replying];
        for entry in queues.into_iter().flat_map(|queue| queue.drain(..)) {
            entry.fail(error.clone());
        }
        self.pool.clear();
    }

    /// Lets jobs in as long as there is room.
    fn admit(&mut self) {
        while !self.waiting.is_empty() && self.reading.len() + self.replying.len() < MAX_DECODE_ROWS {
            let Some(at) = self.next_in_line() else { break };
            if !self.waiting[at].job.enter() {
                break;
            }
            let Some(entry) = self.waiting.remove(at) else { break };
            let is_read = entry.job.sequence().unread_prefill() == 0;
            if is_read { self.replying.push_back(entry) } else { self.reading.push_back(entry) }
        }
    }

    /// The waiting job that is let in next: of those of the highest priority; of the caller who has the fewest jobs in the work,
    /// so that nobody's two thousand jobs keep another's question out; of those the longest waiting. A job whose prompt begins
    /// like one that is being read waits until that beginning can be shared, and lets others pass.
    fn next_in_line(&self) -> Option<usize> {
        let mut jobs_of = HashMap::<u64, usize>::new();
        for entry in self.reading.iter().chain(&self.replying) {
            *jobs_of.entry(entry.caller).or_default() += 1;
        }
        let mut line: Vec<usize> = (0..self.waiting.len()).collect();
        line.sort_by_key(|at| {
            let entry = &self.waiting[*at];
            (Reverse(entry.priority), jobs_of.get(&entry.caller).copied().unwrap_or_default())
        });
        line.into_iter().find(|at| !self.will_know_more(self.waiting[*at].job.sequence().prefill()))
    }

    /// Whether more of these tokens will be in the cache once the prompts that are being read have been.
    fn will_know_more(&self, tokens: &[u32]) -> bool {
        let known = self.pool.known(tokens);
        self.reading.iter().any(|entry| {
            let common = entry.job.sequence().prefill().iter().zip(tokens).take_while(|(a, b)| a == b).count();
            common / PAGE_SIZE * PAGE_SIZE > known
        })
    }

    fn prefill_budget(&self) -> usize {
        match self.seconds_per_row {
            Some(seconds) if self.device == DeviceKind::Gpu && !self.replying.is_empty() => {
                ((TURN_SECONDS / seconds) as usize).clamp(MIN_PREFILL_ROWS, PREFILL_ROWS)
            }
            _ => PREFILL_ROWS,
        }
    }

    fn cancel(&mut self, id: u64) {
        for queue in [&mut self.waiting, &mut self.reading, &mut self.replying] {
            queue.retain(|entry| entry.id != id);
        }
    }
}

impl Entry {
    /// Tells what is new; gives the entry back unless its job has ended.
    fn settle(mut self) -> Option<Self> {
        match self.job.end() {
            Some(reason) => {
                let (news, finished) = self.job.finish(reason);
                let mut outbox = self.outbox.borrow_mut();
                outbox.text.push_str(&news);
                outbox.end = Some(Ok(finished));
                None
            }
            None => {
                self.outbox.borrow_mut().text.push_str(self.job.news());
                Some(self)
            }
        }
    }

    fn fail(self, error: Error) {
        self.outbox.borrow_mut().end = Some(Err(error));
    }
}

impl Ticket<'_> {
    /// Whether something became of the job since it was [taken](Self::take) last.
    pub fn has_news(&self) -> bool {
        let outbox = self.outbox.borrow();
        !outbox.text.is_empty() || outbox.end.is_some()
    }

    /// The text that has come, and the end of the job.
    pub fn take(&self) -> (String, Option<Result<Finished>>) {
        let Outbox { text, end } = self.outbox.take();
        (text, end)
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.scheduler.borrow_mut().cancel(self.id);
    }
}
