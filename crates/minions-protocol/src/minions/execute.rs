//! Puts the jobs to the worker, several at a time, and judges what comes back.

use futures_util::{StreamExt, stream};
use minions_chat::{ChatError, ChatModel, ChatRequest, ChatResponse, FinishReason, Message, ResponseFormat, Usage};

use super::job::{self, JobManifest, JobOutput, JobResult, JobStatus};
use super::library::Library;
use crate::Speaker;
use crate::record::{Call, Failure, Record};

/// How jobs are put.
pub(crate) struct Terms {
    pub(crate) max_tokens: u32,
    pub(crate) concurrency: usize,
    /// Whether citations must be words of the chunk.
    pub(crate) verbatim_citations: bool,
    /// Whether several samples of one job shall differ.
    pub(crate) is_sampled: bool,
    pub(crate) seed: u64,
}

/// High enough for samples to differ, low enough to make sense (the paper's appendix samples at 0.7 as well).
const SAMPLING_TEMPERATURE: f32 = 0.7;

/// Carries out every job. One that fails on its own account is told as failed and the others go on; when the worker
/// itself fails, or no job at all could be run, so does the run.
pub(crate) async fn execute<W: ChatModel>(
    jobs: &[JobManifest],
    library: &Library<'_>,
    worker: &W,
    terms: &Terms,
    record: &mut Record<'_>,
) -> Result<Vec<JobResult>, Failure> {
    let format = job::format();
    let known: Vec<_> = jobs.iter().map(|job| (job, record.recall_job(job))).collect();
    let put = |(job, known)| {
        let request = request(job, library, terms, &format);
        async move { (job, attempt(worker, request, known).await) }
    };
    let mut running = stream::iter(known).map(put).buffer_unordered(terms.concurrency.max(1));

    let mut results = Vec::with_capacity(jobs.len());
    let mut failure = None;
    while let Some((job, Attempt { replies, error })) = running.next().await {
        for reply in &replies {
            record.book(Call::Job(job.job_id), Vec::new(), reply);
        }
        let result = conclude(job, library.text(job.chunk_id), &replies, error.as_ref());
        record.book_result(result.clone());
        results.push(result);
        if let Some(error) = error {
            let is_fatal = !concerns_one_job(&error);
            failure = Some(error);
            if is_fatal {
                break;
            }
        }
    }
    drop(running);
    record.sort_jobs();
    results.sort_by_key(|result| result.job_id);
    match failure {
        Some(source) if !concerns_one_job(&source) || results.iter().all(|result| result.error.is_some()) => {
            Err(Failure { speaker: Speaker::Worker, source })
        }
        _ => Ok(results),
    }
}

fn request(job: &JobManifest, library: &Library<'_>, terms: &Terms, format: &ResponseFormat) -> ChatRequest {
    let chunk = library.text(job.chunk_id);
    let message = job::job_prompt(chunk, &job.task, job.hint().as_deref());
    ChatRequest {
        temperature: Some(if terms.is_sampled { SAMPLING_TEMPERATURE } else { 0.0 }),
        seed: terms.is_sampled.then(|| terms.seed.wrapping_add(u64::from(job.sample))),
        max_tokens: Some(terms.max_tokens),
        response_format: match terms.verbatim_citations {
            true => job::format_citing(chunk, format),
            false => format.clone(),
        },
        ..ChatRequest::new(vec![Message::user(message)])
    }
}

/// The replies to one job, and the error that ended it.
struct Attempt {
    replies: Vec<ChatResponse>,
    error: Option<ChatError>,
}

/// Asks, and asks once more with twice the room if the reply was cut off; replies that are known already are not asked for.
async fn attempt<W: ChatModel>(worker: &W, mut request: ChatRequest, known: Vec<ChatResponse>) -> Attempt {
    let mut replies = Vec::new();
    let mut known = known.into_iter();
    loop {
        let reply = match known.next() {
            Some(reply) => Ok(reply),
            None => worker.chat(&request, &mut |_| {}).await,
        };
        match reply {
            Ok(reply) => {
                let is_cut_off = reply.finish_reason == FinishReason::Length;
                replies.push(reply);
                if !is_cut_off || replies.len() == 2 {
                    return Attempt { replies, error: None };
                }
                request.max_tokens = request.max_tokens.map(|limit| limit.saturating_mul(2));
            }
            // A reply that was cut off is better than none: there is no room for a longer one.
            Err(ChatError::ContextOverflow { .. }) if !replies.is_empty() => return Attempt { replies, error: None },
            Err(error) => return Attempt { replies, error: Some(error) },
        }
    }
}

fn conclude(job: &JobManifest, chunk: &str, replies: &[ChatResponse], error: Option<&ChatError>) -> JobResult {
    let usage = replies.iter().fold(Usage::default(), |sum, reply| sum + reply.usage);
    let (status, output, quote) = match (error, replies.last()) {
        (None, Some(reply)) => job::judge(&reply.content, reply.finish_reason, chunk),
        _ => (JobStatus::Failed, JobOutput::default(), None),
    };
    let (attempts, error) = (replies.len() as u32, error.map(ToString::to_string));
    JobResult { job_id: job.job_id, status, output, quote, attempts, usage, error }
}

/// Whether other jobs may fare better.
fn concerns_one_job(error: &ChatError) -> bool {
    matches!(error, ChatError::ContextOverflow { .. } | ChatError::InvalidRequest(_) | ChatError::BadReply(_))
}
