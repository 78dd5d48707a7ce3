//! MinionS: the supervisor plans, the worker reads in parallel, the supervisor concludes.
//!
//! Each round: decompose (a declarative plan) → chunk → one job for each task and chunk → execute → filter → aggregate →
//! synthesize. The supervisor sees the task and what jobs found, never a document. With all of N rounds used that is
//! 1 + 2 N supervisor calls, or 1 + 3 N in the two-step form.

mod evidence;
mod execute;
mod job;
mod library;
mod plan;
mod verdict;

use minions_chat::{ChatModel, ResponseFormat};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use evidence::{Evidence, JobCounts};
pub use job::{JobManifest, JobOutput, JobResult, JobStatus, job_prompt};
pub use plan::{
    Aggregate, AggregateMode, AnswerType, Filter, Plan, PlanChunking, PlanError, PlanLimits, PlanTask, Source,
};

pub(crate) use evidence::{Findings, gather};
pub(crate) use execute::{Terms, execute};
pub(crate) use job::judge;
pub(crate) use library::Library;

use crate::protocol::Steps;
use crate::record::{Ending, Failure, Record};
use crate::supervisor::{Inquiry, Supervisor, Unreadable};
use crate::{Decision, Error, Event, Fallback, History, NoAnswer, Question, Stage, prompt};
use verdict::{Notes, Verdict};

/// The MinionS protocol and its limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Minions {
    /// The most rounds. 3 unless set.
    pub max_rounds: u32,
    /// The most tasks that a plan may have. 3 unless set; the paper finds more than 16 harmful.
    pub tasks_per_round: usize,
    /// How often each task is put to each chunk where the plan does not say. 1 unless set.
    pub samples_per_task: u32,
    /// The most jobs of a round. 2,048 unless set.
    pub max_jobs_per_round: usize,
    /// The most characters of a chunk: what the worker can read at once. 32,000 unless set.
    pub max_chunk_size: usize,
    /// The most tokens of one worker reply; one that is cut off is asked for again with twice as many. 256 unless set.
    pub worker_max_tokens: u32,
    /// How many jobs are put to the worker at the same time. 32 unless set, which is what the included engine works on at a time.
    pub max_concurrency: usize,
    /// The most characters of evidence that go up in a round. 6,000 unless set.
    pub max_evidence_chars: usize,
    /// Whether answers go up whose citation does not stand in their chunk. Not unless set.
    pub keep_unsupported: bool,
    /// Whether the worker is held to citations that stand in their chunk word for word. The included engine can be; a server
    /// as worker is asked in words alone. Not unless set.
    pub verbatim_citations: bool,
    /// Whether the supervisor thinks in one call and decides in another, as the reference does. Not unless set.
    pub two_step_synthesis: bool,
}

impl Default for Minions {
    fn default() -> Self {
        Self {
            max_rounds: 3,
            tasks_per_round: 3,
            samples_per_task: 1,
            max_jobs_per_round: 2_048,
            max_chunk_size: 32_000,
            worker_max_tokens: 256,
            max_concurrency: 32,
            max_evidence_chars: 6_000,
            keep_unsupported: false,
            verbatim_citations: false,
            two_step_synthesis: false,
        }
    }
}

/// How often a plan is asked for.
const PLAN_ATTEMPTS: u32 = 2;
/// How often a decision is asked for: the evidence is paid for by then.
const VERDICT_ATTEMPTS: u32 = 3;

impl Steps for Minions {
    fn check(&self) -> Result<(), Error> {
        for (limit, name) in [
            (self.max_rounds as usize, "maxRounds"),
            (self.tasks_per_round, "tasksPerRound"),
            (self.max_jobs_per_round, "maxJobsPerRound"),
            (self.max_chunk_size, "maxChunkSize"),
            (self.worker_max_tokens as usize, "workerMaxTokens"),
        ] {
            if limit == 0 {
                return Err(Error::ZeroLimit(name));
            }
        }
        Ok(())
    }

    async fn converse<S: ChatModel, W: ChatModel>(
        &self,
        supervisor: &S,
        worker: &W,
        question: &Question,
        record: &mut Record<'_>,
    ) -> Result<Ending, Failure> {
        History::bound(supervisor, record).await?;
        let mut library = Library::new(&question.context);
        let mut planner = Supervisor::new(supervisor);
        let mut notes = Notes::default();
        record.start_round();
        planner.say(Stage::Advise, advise(question, &record.preamble()), &ResponseFormat::Text, record).await?;
        loop {
            let plan = self.plan(&mut planner, &notes, question, &mut library, record).await?;
            let Planned { plan, jobs } = plan;
            record.book_jobs(&jobs);
            let terms = Terms {
                max_tokens: self.worker_max_tokens,
                concurrency: self.max_concurrency,
                verbatim_citations: self.verbatim_citations,
                is_sampled: jobs.iter().any(|job| job.sample > 0),
                seed: question.seed,
            };
            let results = execute(&jobs, &library, worker, &terms, record).await?;
            let Findings { evidence, block, hits, counts } =
                gather(&jobs, &results, &plan.filter, &plan.aggregate, self.keep_unsupported, self.max_evidence_chars);
            record.emit(Event::JobsFiltered { round: record.round(), counts });
            record.keep_evidence(evidence);

            let verdict = self.synthesize(supervisor, &notes, question, &block, &counts, record).await?;
            library.previous = library::Previous { hits, answers: block };
            match self.conclude(verdict, record) {
                Next::Finish(ending) => return Ok(ending),
                Next::Plan(next) => notes = next,
            }
        }
    }
}

impl Minions {
    /// Asks for a plan, and makes its jobs.
    async fn plan<S: ChatModel>(
        &self,
        planner: &mut Supervisor<'_, S>,
        notes: &Notes,
        question: &Question,
        library: &mut Library<'_>,
        record: &mut Record<'_>,
    ) -> Result<Planned, Failure> {
        let round = record.round();
        let limits = PlanLimits {
            documents: library.documents(),
            has_previous: round > 1,
            tasks: self.tasks_per_round,
            samples: self.samples_per_task.max(MAX_SAMPLES),
            chunk_size: self.max_chunk_size,
        };
        // The first two messages are the task and the supervisor's own advice; earlier plans cost more than they tell.
        planner.rewind(2);
        let inquiry = Inquiry {
            stage: Stage::Decompose,
            message: self.decompose(round, notes, library.tasks()),
            format: plan::format(),
            keys: plan::PLAN_KEYS,
            attempts: PLAN_ATTEMPTS,
        };
        let read = |value| {
            let plan = Plan::read(value, &limits)?;
            let draft = library.draft(&plan, self.max_chunk_size, self.samples_per_task)?;
            Ok((plan, draft.check(self.max_jobs_per_round)?))
        };
        let reply =
            planner.ask(inquiry, |value| read(value).map_err(|error: PlanError| error.to_string()), record).await?;
        let (plan, draft, is_fallback) = match reply {
            Ok((plan, draft)) => (plan, draft, false),
            Err(Unreadable(_)) => {
                let fallback = Fallback::DefaultPlan;
                record.emit(Event::ReplyDegraded { round, stage: Stage::Decompose, fallback });
                let plan = Plan::fallback(&question.task);
                let draft = library.draft(&plan, self.max_chunk_size, self.samples_per_task);
                let draft = draft.expect("a question has text, and the default plan reads all of it");
                (plan, draft.shrink(self.max_jobs_per_round), true)
            }
        };
        record.emit(Event::PlanAdopted { round, plan: plan.clone(), is_fallback });
        Ok(Planned { plan, jobs: library.adopt(draft) })
    }

    fn decompose(&self, round: u32, notes: &Notes, asked: &[String]) -> String {
        let [size, tasks, jobs] =
            [self.max_chunk_size, self.tasks_per_round, self.max_jobs_per_round].map(|n| n.to_string());
        let form = prompt::fill(prompt::PLAN_FORM, &[("size", &size), ("tasks", &tasks), ("jobs", &jobs)]);
        if round == 1 {
            return prompt::fill(prompt::DECOMPOSE, &[("form", &form)]);
        }
        let asked = prompt::fence("asked", &asked.join("\n"));
        let slots = [("round", &*round.to_string()), ("asked", &asked), ("notes", &notes.prompt()), ("form", &form)];
        prompt::fill(prompt::DECOMPOSE_AGAIN, &slots)
    }

    /// Shows the evidence and asks for a decision: in one call with its reasoning first, or in two.
    async fn synthesize<S: ChatModel>(
        &self,
        supervisor: &S,
        notes: &Notes,
        question: &Question,
        block: &str,
        counts: &JobCounts,
        record: &mut Record<'_>,
    ) -> Result<Verdict, Failure> {
        let is_last = record.round() == self.max_rounds;
        let evidence = prompt::fill(
            prompt::EVIDENCE,
            &[
                ("preamble", &record.preamble()),
                ("task", &question.task),
                ("notes", &notes.prompt()),
                ("evidence", &prompt::fence("evidence", block)),
                ("count", &counts.sentence()),
            ],
        );
        let decide = if is_last { prompt::CONCLUDE } else { prompt::SYNTHESIZE };
        let mut supervisor = Supervisor::new(supervisor);
        let message = if self.two_step_synthesis {
            let think = format!("{evidence}\n{}", prompt::THINK);
            supervisor.say(Stage::Think, think, &ResponseFormat::Text, record).await?;
            decide.to_owned()
        } else {
            format!("{evidence}\n{decide}")
        };
        let (stage, format) = (Stage::Synthesize, verdict::format());
        let inquiry = Inquiry { stage, message, format, keys: verdict::KEYS, attempts: VERDICT_ATTEMPTS };
        let reply = supervisor.ask(inquiry, verdict::read, record).await?;
        Ok(reply.unwrap_or_else(|Unreadable(reply)| Verdict::Unreadable(verdict::salvage(&reply))))
    }

    /// Turns a decision into what happens next, and closes the round.
    fn conclude(&self, verdict: Verdict, record: &mut Record<'_>) -> Next {
        let (round, is_last) = (record.round(), record.round() == self.max_rounds);
        let finish = |result, is_raw_reply| Next::Finish(Ending { result, is_raw_reply });
        let (decision, message, next) = match verdict {
            Verdict::Final { answer, evidence } => {
                record.cite(&evidence);
                (Decision::ProvideFinalAnswer, None, finish(answer.ok_or(NoAnswer::Unknown), false))
            }
            Verdict::Continue(notes) => {
                let message = notes.feedback.clone();
                let next = if is_last { finish(Err(NoAnswer::OutOfRounds), false) } else { Next::Plan(notes) };
                (Decision::RequestAdditionalInfo, message, next)
            }
            Verdict::Unreadable(words) => {
                let fallback = if words.is_some() { Fallback::ReplyAsAnswer } else { Fallback::NoAnswer };
                record.emit(Event::ReplyDegraded { round, stage: Stage::Synthesize, fallback });
                let is_raw_reply = words.is_some();
                let next = finish(words.ok_or(NoAnswer::UnreadableReply), is_raw_reply);
                (Decision::ProvideFinalAnswer, None, next)
            }
        };
        record.emit(Event::RoundFinished { round, decision, message });
        if matches!(next, Next::Plan(_)) {
            record.start_round();
        }
        next
    }
}

/// The most samples that a plan may ask for: the paper finds more harmful.
const MAX_SAMPLES: u32 = 16;

/// A plan and its jobs.
struct Planned {
    plan: Plan,
    jobs: Vec<JobManifest>,
}

/// How the run goes on.
enum Next {
    Plan(Notes),
    Finish(Ending),
}

impl Notes {
    /// The notes as the supervisor is reminded of them; empty if there are none.
    fn prompt(&self) -> String {
        let line = |name: &str, text: &Option<String>| {
            text.as_ref()
                .map_or_else(String::new, |text| format!("{name}: {}\n", prompt::shorten(text, MAX_NOTE_CHARS)))
        };
        line("Missing", &self.feedback) + &line("Notes", &self.scratchpad)
    }
}

/// The most characters of feedback or scratchpad that are carried on.
const MAX_NOTE_CHARS: usize = 2_000;

fn advise(question: &Question, preamble: &str) -> String {
    let chars: usize = question.context.iter().map(|document| document.chars().count()).sum();
    let count = match question.context.len() {
        1 => "a document".to_owned(),
        count => format!("{count} documents"),
    };
    let kind = question.metadata.as_ref().map_or_else(String::new, |kind| format!(": {kind}"));
    let documents = format!("{count} ({chars} characters{kind})");
    prompt::fill(prompt::ADVISE, &[("documents", &documents), ("preamble", preamble), ("task", &question.task)])
}
