//! What goes up: the answers that count, put together and bounded.

use std::fmt::Write as _;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::job::{JobManifest, JobResult, JobStatus};
use super::plan::{Aggregate, AggregateMode, Filter};

/// An answer that went up, with its ground.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The number by which the supervisor refers to it: that of the (first) job that gave it.
    pub id: usize,
    /// The task that it answers.
    pub task_id: usize,
    /// The chunk where it stands.
    pub chunk_id: usize,
    /// The document where it stands, from 1; `None` if it was drawn from earlier answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<usize>,
    /// Where the chunk stands in the document, in bytes of its UTF-8.
    pub range: Range<usize>,
    /// The answer.
    pub answer: String,
    /// The words of the document that bear it out; `None` if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// How many jobs gave this answer.
    pub votes: usize,
    /// Whether the supervisor named it as a ground of its answer.
    pub is_cited: bool,
}

/// What became of the jobs of a round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobCounts {
    /// Answers that count.
    pub kept: usize,
    /// Answers that the plan's filter left out.
    pub filtered: usize,
    /// Answers whose citation does not stand in the chunk.
    pub unsupported: usize,
    /// Chunks that do not say.
    pub absent: usize,
    /// Replies that were cut off.
    pub truncated: usize,
    /// Replies that are not the JSON asked for.
    pub unreadable: usize,
    /// Jobs that the worker could not be asked.
    pub failed: usize,
}

/// What a round found.
pub(crate) struct Findings {
    pub(crate) evidence: Vec<Evidence>,
    /// The evidence as the supervisor is told it.
    pub(crate) block: String,
    /// The chunks that answered.
    pub(crate) hits: Vec<usize>,
    pub(crate) counts: JobCounts,
}

/// The most characters of one answer or quote.
const MAX_ITEM_CHARS: usize = 500;

/// Chooses, puts together and bounds.
pub(crate) fn gather(
    jobs: &[JobManifest],
    results: &[JobResult],
    filter: &Filter,
    aggregate: &Aggregate,
    keep_unsupported: bool,
    max_chars: usize,
) -> Findings {
    let mut counts = JobCounts::default();
    // The plan was checked: a pattern that does not compile never comes here.
    let must_match = filter.compile().ok().flatten();
    let mut kept = Vec::new();
    for (job, result) in jobs.iter().zip(results) {
        let counter = match (result.status, &result.output.answer) {
            (JobStatus::Unsupported, _) if !keep_unsupported => &mut counts.unsupported,
            (JobStatus::Supported | JobStatus::Unsupported, Some(answer)) => {
                if must_match.as_ref().is_some_and(|regex| !regex.is_match(answer)) {
                    &mut counts.filtered
                } else {
                    kept.push(evidence(job, result, answer));
                    &mut counts.kept
                }
            }
            (JobStatus::Truncated, _) => &mut counts.truncated,
            (JobStatus::Unreadable, _) => &mut counts.unreadable,
            (JobStatus::Failed, _) => &mut counts.failed,
            _ => &mut counts.absent,
        };
        *counter += 1;
    }
    let mut hits: Vec<_> = kept.iter().map(|evidence| evidence.chunk_id).collect();
    hits.dedup();
    let mut evidence = merge(kept, aggregate.mode);
    evidence.sort_by_key(|evidence| (evidence.task_id, evidence.id));
    let (block, told) = block(&evidence, aggregate, max_chars);
    evidence.truncate(told);
    Findings { evidence, block, hits, counts }
}

fn evidence(job: &JobManifest, result: &JobResult, answer: &str) -> Evidence {
    Evidence {
        id: job.job_id,
        task_id: job.task_id,
        chunk_id: job.chunk_id,
        document: job.document,
        range: job.range.clone(),
        answer: crate::prompt::shorten(answer, MAX_ITEM_CHARS).into_owned(),
        quote: result.quote.as_deref().map(|quote| crate::prompt::shorten(quote, MAX_ITEM_CHARS).into_owned()),
        votes: 1,
        is_cited: false,
    }
}

/// Makes one of equal answers, the first, and of rivals the most frequent where a majority is wanted.
fn merge(kept: Vec<Evidence>, mode: AggregateMode) -> Vec<Evidence> {
    // Which answers are rivals: to the same question, about the same chunk unless all chunks count as one.
    let scope = |evidence: &Evidence| match mode {
        AggregateMode::ByTaskAndChunk => (evidence.task_id, Some(evidence.chunk_id)),
        AggregateMode::Dedupe | AggregateMode::Majority => (evidence.task_id, None),
        AggregateMode::Concat => (evidence.id, None),
    };
    let mut index = std::collections::HashMap::new();
    let mut merged: Vec<Evidence> = Vec::new();
    for evidence in kept {
        let key = (scope(&evidence), normalized(&evidence.answer));
        let position = *index.entry(key).or_insert(merged.len());
        match merged.get_mut(position) {
            Some(first) => {
                first.votes += 1;
                first.quote = first.quote.take().or(evidence.quote);
            }
            None => merged.push(evidence),
        }
    }
    if mode == AggregateMode::Majority {
        let mut best = std::collections::HashMap::<usize, Evidence>::new();
        for evidence in merged {
            match best.get(&evidence.task_id) {
                Some(leader) if leader.votes >= evidence.votes => {}
                _ => _ = best.insert(evidence.task_id, evidence),
            }
        }
        return best.into_values().collect();
    }
    merged
}

/// Answers that differ in case, spacing or final punctuation only are equal.
fn normalized(answer: &str) -> String {
    let words: Vec<_> = answer.split_whitespace().collect();
    words.join(" ").trim_matches(|c: char| c.is_ascii_punctuation()).to_lowercase()
}

/// The evidence as text, and how many pieces found room.
fn block(evidence: &[Evidence], aggregate: &Aggregate, max_chars: usize) -> (String, usize) {
    let limit = aggregate.max_chars.map_or(max_chars, |wanted| wanted.min(max_chars));
    let mut block = String::new();
    let mut chars = 0;
    for (told, piece) in evidence.iter().enumerate() {
        let line = line(piece, aggregate.mode);
        chars += line.chars().count() + 1;
        // At least one piece goes up: an answer is bounded by itself.
        if chars > limit && told > 0 {
            _ = write!(block, "\n({} more answers had no room)", evidence.len() - told);
            return (block, told);
        }
        if told > 0 {
            block.push('\n');
        }
        block.push_str(&line);
    }
    (block, evidence.len())
}

fn line(evidence: &Evidence, mode: AggregateMode) -> String {
    let Evidence { id, task_id, chunk_id, document, answer, quote, votes, .. } = evidence;
    let answer = answer.replace('\n', " ");
    if mode == AggregateMode::Concat {
        return format!("[{id}] {answer}");
    }
    let origin = document.map_or_else(String::new, |document| format!("document {document}, chunk {chunk_id}"));
    let mut line =
        format!("[{id}] task {task_id}, {}: {answer}", if origin.is_empty() { "earlier answers" } else { &origin });
    // A quote that only repeats the answer says nothing more.
    if let Some(quote) = quote.as_deref().map(|quote| quote.split_whitespace().collect::<Vec<_>>().join(" "))
        && normalized(&quote) != normalized(&answer)
    {
        _ = write!(line, " | \"{quote}\"");
    }
    if *votes > 1 {
        _ = write!(line, " (×{votes})");
    }
    line
}

impl JobCounts {
    /// One line for the supervisor.
    pub(crate) fn sentence(&self) -> String {
        let jobs =
            self.kept + self.filtered + self.unsupported + self.absent + self.truncated + self.unreadable + self.failed;
        let mut sentence = format!("{} of {jobs} jobs found something", self.kept);
        for (count, what) in [
            (self.filtered, "did not match the filter"),
            (self.unsupported, "had no valid quote and were left out"),
            (self.truncated, "were cut off"),
            (self.unreadable, "were unreadable"),
            (self.failed, "could not be run"),
        ] {
            if count > 0 {
                _ = write!(sentence, "; {count} {what}");
            }
        }
        sentence + "."
    }
}
