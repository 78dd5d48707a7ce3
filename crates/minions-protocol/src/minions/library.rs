//! The pieces of text that jobs are about, and the jobs that a plan makes of them.

use std::ops::Range;

use super::job::JobManifest;
use super::plan::{Plan, PlanError, PlanTask, Source};
use crate::chunk::chunk;
use crate::select::{Keyword, Select, select};

/// Everything that jobs were made of so far. Chunks and tasks keep their numbers from round to round.
pub(crate) struct Library<'a> {
    documents: &'a [String],
    passages: Vec<Passage>,
    tasks: Vec<String>,
    jobs: usize,
    /// What the last round came to.
    pub(crate) previous: Previous,
}

/// What a round came to.
#[derive(Default)]
pub(crate) struct Previous {
    /// The numbers of the chunks that answered.
    pub(crate) hits: Vec<usize>,
    /// The answers as a text.
    pub(crate) answers: String,
}

/// A chunk with its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Passage {
    document: Option<usize>,
    range: Range<usize>,
    text: String,
}

/// What a plan would do.
pub(crate) struct Draft {
    passages: Vec<Passage>,
    tasks: Vec<PlanTask>,
    samples: u32,
}

impl<'a> Library<'a> {
    pub(crate) fn new(documents: &'a [String]) -> Self {
        Self { documents, passages: Vec::new(), tasks: Vec::new(), jobs: 0, previous: Previous::default() }
    }

    pub(crate) fn documents(&self) -> usize {
        self.documents.len()
    }

    /// The tasks so far.
    pub(crate) fn tasks(&self) -> &[String] {
        &self.tasks
    }

    /// The text of a numbered chunk.
    pub(crate) fn text(&self, chunk_id: usize) -> &str {
        chunk_id.checked_sub(1).and_then(|index| self.passages.get(index)).map_or("", |passage| &passage.text)
    }

    /// Cuts and chooses as the plan says.
    pub(crate) fn draft(&self, plan: &Plan, max_chunk_size: usize, samples: u32) -> Result<Draft, PlanError> {
        let passages = self.cut(plan, max_chunk_size)?;
        let texts: Vec<_> = passages.iter().map(|passage| passage.text.as_str()).collect();
        let chosen = select(&texts, &plan.select)?;
        let passages: Vec<_> = chosen.into_iter().filter_map(|index| passages.get(index).cloned()).collect();
        if passages.is_empty() {
            return Err(PlanError::NoJobs);
        }
        let samples = if plan.samples == 0 { samples } else { plan.samples };
        Ok(Draft { passages, tasks: plan.tasks.clone(), samples: samples.max(1) })
    }

    /// Numbers the jobs of a draft: all tasks of a chunk after one another, since they share its prefix.
    pub(crate) fn adopt(&mut self, draft: Draft) -> Vec<JobManifest> {
        let Draft { passages, tasks, samples } = draft;
        let numbers: Vec<_> = tasks.iter().map(|task| number(&mut self.tasks, &task.task)).collect();
        let mut jobs = Vec::with_capacity(passages.len() * tasks.len() * samples as usize);
        let known = self.passages.len();
        for passage in passages {
            let Passage { document, range, .. } = passage.clone();
            // Only earlier rounds can hold the same passage.
            let before = self.passages.iter().take(known).position(|other| *other == passage);
            let chunk_id = before.map_or_else(
                || {
                    self.passages.push(passage);
                    self.passages.len()
                },
                |index| index + 1,
            );
            for (task, task_id) in tasks.iter().zip(&numbers) {
                for sample in 0..samples {
                    self.jobs += 1;
                    jobs.push(JobManifest {
                        job_id: self.jobs,
                        task_id: *task_id,
                        chunk_id,
                        document,
                        range: range.clone(),
                        sample,
                        task: task.task.clone(),
                        advice: task.advice.clone(),
                        answer_type: task.answer_type,
                    });
                }
            }
        }
        jobs
    }

    fn cut(&self, plan: &Plan, max_chunk_size: usize) -> Result<Vec<Passage>, PlanError> {
        let chunking = plan.chunking(max_chunk_size)?;
        let cut = |document: Option<usize>, offset: usize, text: &str| -> Result<Vec<Passage>, PlanError> {
            let passages = chunk(text, &chunking)?.into_iter().filter(|chunk| !chunk.text.trim().is_empty());
            Ok(passages
                .map(|chunk| Passage {
                    document,
                    range: offset + chunk.range.start..offset + chunk.range.end,
                    text: chunk.text.into_owned(),
                })
                .collect())
        };
        if plan.source != Source::Context && self.previous.hits.is_empty() {
            return Err(PlanError::NoHits);
        }
        let mut passages = Vec::new();
        match plan.source {
            Source::Context => {
                for (text, number) in self.documents.iter().zip(1..) {
                    if plan.documents.is_empty() || plan.documents.contains(&number) {
                        passages.extend(cut(Some(number), 0, text)?);
                    }
                }
            }
            Source::PreviousAnswers => passages.extend(cut(None, 0, &self.previous.answers)?),
            Source::PreviousHits => {
                let hits = self.previous.hits.iter().filter_map(|id| self.passages.get(id.checked_sub(1)?));
                for hit in hits {
                    // A chunk that answered is asked again whole, unless the plan wants to look closer.
                    match (plan.chunking.size, hit.document.and_then(|number| self.documents.get(number - 1))) {
                        (Some(_), Some(document)) => {
                            let text = document.get(hit.range.clone()).unwrap_or(&hit.text);
                            passages.extend(cut(hit.document, hit.range.start, text)?);
                        }
                        _ => passages.push(hit.clone()),
                    }
                }
            }
        }
        Ok(passages)
    }
}

impl Draft {
    /// Holds the draft to the limit.
    pub(crate) fn check(self, max_jobs: usize) -> Result<Self, PlanError> {
        let jobs = self.passages.len().saturating_mul(self.tasks.len()).saturating_mul(self.samples as usize);
        if jobs > max_jobs { Err(PlanError::TooManyJobs { jobs, max: max_jobs }) } else { Ok(self) }
    }

    /// Keeps as many passages as the limit allows, those first that share words with the tasks.
    pub(crate) fn shrink(mut self, max_jobs: usize) -> Self {
        let room = (max_jobs / (self.tasks.len() * self.samples as usize).max(1)).max(1);
        if self.passages.len() > room {
            let texts: Vec<_> = self.passages.iter().map(|passage| passage.text.as_str()).collect();
            let keywords = self.tasks.iter().map(|task| Keyword::from(task.task.as_str())).collect();
            let best = select(&texts, &Select { keywords, top_k: Some(room), ..Select::default() }).unwrap_or_default();
            if !best.is_empty() {
                self.passages = best.into_iter().filter_map(|index| self.passages.get(index).cloned()).collect();
            }
            self.passages.truncate(room);
        }
        self
    }
}

/// The number of a task's words, from 1.
fn number(tasks: &mut Vec<String>, task: &str) -> usize {
    let index = tasks.iter().position(|known| known == task).unwrap_or_else(|| {
        tasks.push(task.to_owned());
        tasks.len() - 1
    });
    index + 1
}
