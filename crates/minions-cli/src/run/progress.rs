//! What happens, on stderr: rounds, plans, jobs, and the ledger of what leaves.

use std::io::{IsTerminal, Write};

use minions_chat::{Message, estimate_tokens};
use minions_protocol::{Cost, Event, Fallback, Hidden, JobCounts, JobStatus, Plan, Question, RunUsage};
use serde::Serialize;

use crate::output::{harmless, note};

/// The most characters of a model's words in one line.
const MAX_WORDS: usize = 600;
/// Where a line cannot be written again, how many lines tell of the jobs of a round.
const COUNTER_LINES: usize = 10;

pub struct Progress {
    is_quiet: bool,
    /// Whether a line can be written again.
    is_terminal: bool,
    /// Tokens of the documents, were they sent.
    remote_only: u64,
    currency: String,
    usage: RunUsage,
    cost: Option<Cost>,
    jobs: Jobs,
}

/// The jobs of a round.
#[derive(Default)]
struct Jobs {
    all: usize,
    done: usize,
    hits: usize,
    /// The counter's line is not ended.
    is_open: bool,
}

impl Progress {
    pub fn new(is_quiet: bool, question: &Question, currency: Option<String>) -> Self {
        Self {
            is_quiet,
            is_terminal: std::io::stderr().is_terminal(),
            remote_only: question.context.iter().chain([&question.task]).map(|text| estimate_tokens(text)).sum(),
            currency: currency.unwrap_or_default(),
            usage: RunUsage::default(),
            cost: None,
            jobs: Jobs::default(),
        }
    }

    /// Says a line.
    pub fn say(&mut self, line: &str) {
        if !self.is_quiet {
            self.end_counter();
            note(line);
        }
    }

    /// Tells of an event.
    pub fn tell(&mut self, event: &Event) {
        match event {
            Event::RunStarted { chars, .. } => self.say(&format!("{chars} characters to read")),
            Event::ProtocolChosen { protocol, reason, .. } => self.say(&format!("{protocol}: {reason}")),
            Event::PrivacyApplied { hidden } => self.say(&hidden_line(hidden)),
            Event::RoundStarted { round } => self.say(&format!("— round {round}")),
            Event::SupervisorRequest { stage, messages, .. } => {
                self.say(&format!("→ supervisor ({}): {} characters", word(stage), chars(messages)));
            }
            Event::SupervisorResponse { usage, .. } => {
                let (sent, received) = (usage.prompt_tokens, usage.completion_tokens);
                let line = format!("← {sent} tokens sent, {received} received; so far {}", self.so_far());
                self.say(&line);
            }
            Event::ReplyRejected { attempt, reason, .. } => {
                self.say(&format!("reply {attempt} cannot be used: {}", shorten(reason)));
            }
            Event::ReplyDegraded { fallback, .. } => self.say(fallback_line(*fallback)),
            Event::WorkerRequest { message, .. } => self.say(&format!("asked:    {}", shorten(message))),
            Event::WorkerResponse { content, .. } => self.say(&format!("answered: {}", shorten(content))),
            Event::PlanAdopted { plan, is_fallback, .. } => {
                let whose = if *is_fallback { "plan (ours)" } else { "plan" };
                self.say(&format!("{whose}: {}", plan_line(plan)));
            }
            Event::JobsCreated { jobs, .. } => self.jobs = Jobs { all: jobs.len(), ..Jobs::default() },
            Event::JobFinished { result, .. } => self.count(result.status),
            Event::JobsFiltered { counts, .. } => self.say(&counts_line(counts)),
            Event::UsageUpdated { usage, cost } => (self.usage, self.cost) = (*usage, *cost),
            // In a conversation the worker is asked these very words next.
            Event::RoundFinished { message: Some(message), .. } if self.jobs.all > 0 => {
                self.say(&format!("still missing: {}", shorten(message)));
            }
            _ => {}
        }
    }

    /// Says what the whole run cost.
    pub fn end(&mut self) {
        let line = self.spent();
        self.say(&line);
    }

    /// What was spent, of both.
    pub fn spent(&self) -> String {
        let local = self.usage.local;
        format!("worker {} + {} tokens, supervisor {}", local.prompt_tokens, local.completion_tokens, self.so_far())
    }

    /// What the supervisor cost, beside what it would have cost to send it the documents.
    fn so_far(&self) -> String {
        let (spent, remote_only) = (self.usage.remote.total_tokens(), self.remote_only);
        let currency = &self.currency;
        match self.cost {
            Some(Cost { spent: cost, remote_only: alone }) => format!(
                "{spent} tokens, {cost:.4} {currency} (sending the documents: about {remote_only}, {alone:.4} {currency})"
            ),
            None => format!("{spent} tokens (sending the documents: about {remote_only})"),
        }
    }

    fn count(&mut self, status: JobStatus) {
        self.jobs.done += 1;
        self.jobs.hits += usize::from(status == JobStatus::Supported);
        let Jobs { all, done, hits, .. } = self.jobs;
        if self.is_quiet {
            return;
        }
        let line = format!("jobs {done}/{all}, {hits} hits");
        if self.is_terminal {
            // Back to the line's beginning, and erase what stands there.
            let _ = write!(std::io::stderr(), "\r\u{1b}[K{line}");
            self.jobs.is_open = true;
        } else if done == all || done % all.div_ceil(COUNTER_LINES).max(1) == 0 {
            note(&line);
        }
    }

    fn end_counter(&mut self) {
        if std::mem::take(&mut self.jobs.is_open) {
            note("");
        }
    }
}

/// A text of several lines as one, and not too long.
fn shorten(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(MAX_WORDS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => harmless(&text).into_owned(),
    }
}

/// The name that a value has in JSON, in words.
fn word(value: &impl Serialize) -> String {
    let name = serde_json::to_value(value).unwrap_or_default();
    name.as_str().unwrap_or_default().replace('_', " ")
}

fn chars(messages: &[Message]) -> usize {
    messages.iter().map(|message| message.content.chars().count()).sum()
}

fn plan_line(plan: &Plan) -> String {
    let mut parts: Vec<_> = plan.tasks.iter().map(|task| format!("\u{201c}{}\u{201d}", shorten(&task.task))).collect();
    let size = plan.chunking.size.map(|size| format!(" of up to {size} characters")).unwrap_or_default();
    parts.push(format!("of {} by {}{size}", word(&plan.source), word(&plan.chunking.by)));
    if !plan.select.keywords.is_empty() {
        let words: Vec<_> = plan.select.keywords.iter().map(|keyword| keyword.word()).collect();
        parts.push(format!("with {}", shorten(&words.join(", "))));
    }
    parts.extend(plan.select.regex.as_ref().map(|pattern| format!("matching {}", shorten(pattern))));
    parts.extend(plan.select.top_k.map(|count| format!("the best {count}")));
    if plan.samples > 1 {
        parts.push(format!("{} samples", plan.samples));
    }
    parts.join(" | ")
}

fn counts_line(counts: &JobCounts) -> String {
    let others = [
        (counts.absent, "say nothing"),
        (counts.unsupported, "without ground"),
        (counts.filtered, "left out by the plan"),
        (counts.truncated, "cut off"),
        (counts.unreadable, "unreadable"),
        (counts.failed, "failed"),
    ];
    let others = others.iter().filter(|(count, _)| *count > 0);
    let others: String = others.map(|(count, what)| format!(", {count} {what}")).collect();
    format!("answers that count: {}{others}", counts.kept)
}

fn hidden_line(hidden: &[Hidden]) -> String {
    if hidden.is_empty() {
        return "privacy: nothing was found to hide".to_owned();
    }
    let mut kinds: Vec<_> = hidden.iter().map(|hidden| hidden.kind).collect();
    kinds.sort_unstable();
    let counts = kinds.chunk_by(|a, b| a == b).filter_map(|same| Some((same.len(), same.first()?)));
    let counts: Vec<_> = counts.map(|(count, kind)| format!("{count} {}", word(kind))).collect();
    format!("privacy: hidden from the supervisor: {}", counts.join(", "))
}

fn fallback_line(fallback: Fallback) -> &'static str {
    match fallback {
        Fallback::ReplyAsMessage => "the supervisor's words are put to the worker as they stand",
        Fallback::TaskAsMessage => "the worker is asked the task itself",
        Fallback::ReplyAsAnswer => "the supervisor's words as they stand are the answer",
        Fallback::NoAnswer => "there is no answer in the supervisor's words",
        Fallback::DefaultPlan => "no plan can be used: every section is asked the task itself",
        _ => "the run goes on with less",
    }
}
