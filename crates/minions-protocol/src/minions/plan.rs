//! What the supervisor may plan: a declaration, never code. Everything in it is bounded before anything is done.

use minions_chat::{JsonSchema as NamedSchema, ResponseFormat};
use regex::Regex;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::select::{Select, SelectError, compile};
use crate::{ChunkBy, ChunkError, Chunking, json};

/// The jobs of one round, as the supervisor declares them: every task is put to every chunk, `samples` times.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Plan {
    /// How the texts are cut.
    pub chunking: PlanChunking,
    /// Which texts are cut.
    pub source: Source,
    /// Which documents, counted from 1; all if empty.
    pub documents: Vec<usize>,
    /// Which of the chunks are read; all if it says nothing.
    pub select: Select,
    /// What is asked of each chunk.
    pub tasks: Vec<PlanTask>,
    /// How often each task is put to each chunk; 0 leaves it to the options.
    pub samples: u32,
    /// Which answers count.
    pub filter: Filter,
    /// How the answers are put together.
    pub aggregate: Aggregate,
}

/// How the texts are cut.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PlanChunking {
    /// Where the cuts are.
    pub by: ChunkBy,
    /// The most characters of a chunk.
    pub size: Option<usize>,
    /// What neighbours share: characters of sections, else sentences.
    pub overlap: Option<usize>,
}

/// Which texts are cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The documents.
    #[default]
    Context,
    /// The chunks of the last round that answered.
    #[serde(alias = "prev_hits")]
    PreviousHits,
    /// The answers of the last round, as a text.
    #[serde(alias = "prev_answers")]
    PreviousAnswers,
}

/// One question to every chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PlanTask {
    /// The question.
    pub task: String,
    /// What to look for, and where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// The form of the answer.
    pub answer_type: AnswerType,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerType {
    /// Words.
    #[default]
    Text,
    /// A number, with its unit if it has one.
    Number,
    /// A date.
    Date,
    /// Several answers.
    List,
}

/// Which answers count, beside having one and a citation that stands in the chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Filter {
    /// A regular expression that the answer must match.
    pub must_match: Option<String>,
}

/// How the answers are put together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Aggregate {
    /// What becomes of equal answers.
    pub mode: AggregateMode,
    /// The most characters of the evidence.
    pub max_chars: Option<usize>,
}

/// What becomes of equal answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AggregateMode {
    /// Samples that agree about a chunk are one.
    #[default]
    ByTaskAndChunk,
    /// Equal answers to a task are one, wherever they stand.
    Dedupe,
    /// Of the answers to a task, the most frequent.
    Majority,
    /// Every answer, without citations.
    Concat,
}

/// What a plan may ask for at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanLimits {
    /// How many documents there are.
    pub documents: usize,
    /// Whether there is an earlier round to build on.
    pub has_previous: bool,
    /// Tasks.
    pub tasks: usize,
    /// Samples of each task and chunk.
    pub samples: u32,
    /// Characters of a chunk.
    pub chunk_size: usize,
}

/// Why a plan cannot be carried out, in words that its author can act on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// It has not the form of a plan.
    #[error("it is not a plan: {0}")]
    Form(String),
    /// It asks nothing.
    #[error("it has no tasks")]
    NoTasks,
    /// A task has no words.
    #[error("a task is empty")]
    EmptyTask,
    /// It has too many tasks.
    #[error("it has {tasks} tasks; at most {max} are allowed")]
    TooManyTasks {
        /// How many it has.
        tasks: usize,
        /// How many it may have.
        max: usize,
    },
    /// A task or advice is as long as a document.
    #[error("a task has more than {0} characters")]
    TaskTooLong(usize),
    /// It asks for too many samples.
    #[error("it asks for {samples} samples; at most {max} are allowed")]
    TooManySamples {
        /// How many it asks for.
        samples: u32,
        /// How many it may ask for.
        max: u32,
    },
    /// It names a document that is not there.
    #[error("there is no document {0}")]
    NoSuchDocument(usize),
    /// It builds on an earlier round in the first.
    #[error("there is no earlier round to take chunks or answers from")]
    NothingBefore,
    /// It builds on what the last round did not find.
    #[error("no chunk answered in the last round: take \"context\"")]
    NoHits,
    /// The text cannot be cut that way.
    #[error("chunking: {0}")]
    Chunk(#[from] ChunkError),
    /// The chunks cannot be chosen that way.
    #[error("{0}")]
    Select(#[from] SelectError),
    /// The choice leaves no chunk.
    #[error("\"select\" matches no chunk")]
    NoJobs,
    /// There would be too many jobs.
    #[error("it makes {jobs} jobs; at most {max} are allowed: select fewer chunks or cut larger ones")]
    TooManyJobs {
        /// How many there would be.
        jobs: usize,
        /// How many there may be.
        max: usize,
    },
}

/// A chunk smaller than this has no context to answer from.
const MIN_CHUNK_SIZE: usize = 50;
const MAX_TASK_CHARS: usize = 4_000;
pub(crate) const PLAN_KEYS: &[&str] = &["tasks", "chunking", "source", "select", "aggregate"];

impl Plan {
    /// The plan that a reply holds, within its limits.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(reply: &str, limits: &PlanLimits) -> Result<Self, PlanError> {
        let value = json::extract(reply, PLAN_KEYS).map_err(|error| PlanError::Form(error.to_string()))?;
        Self::read(value, limits)
    }

    pub(crate) fn read(value: Value, limits: &PlanLimits) -> Result<Self, PlanError> {
        let plan: Self =
            serde_json::from_value(without_nulls(value)).map_err(|error| PlanError::Form(error.to_string()))?;
        plan.check(limits)?;
        Ok(plan)
    }

    /// The plan that stands in for one that could not be read: the user's own task to every section.
    pub(crate) fn fallback(task: &str) -> Self {
        let task = PlanTask { task: task.to_owned(), ..PlanTask::default() };
        Self { tasks: vec![task], ..Self::default() }
    }

    fn check(&self, limits: &PlanLimits) -> Result<(), PlanError> {
        if self.tasks.is_empty() {
            return Err(PlanError::NoTasks);
        }
        if self.tasks.len() > limits.tasks {
            return Err(PlanError::TooManyTasks { tasks: self.tasks.len(), max: limits.tasks });
        }
        for PlanTask { task, advice, .. } in &self.tasks {
            if task.trim().is_empty() {
                return Err(PlanError::EmptyTask);
            }
            if task.len() + advice.as_deref().map_or(0, str::len) > MAX_TASK_CHARS {
                return Err(PlanError::TaskTooLong(MAX_TASK_CHARS));
            }
        }
        if self.samples > limits.samples {
            return Err(PlanError::TooManySamples { samples: self.samples, max: limits.samples });
        }
        if let Some(missing) = self.documents.iter().find(|number| !(1..=limits.documents).contains(number)) {
            return Err(PlanError::NoSuchDocument(*missing));
        }
        if self.source != Source::Context && !limits.has_previous {
            return Err(PlanError::NothingBefore);
        }
        self.filter.compile()?;
        self.chunking(limits.chunk_size)?;
        Ok(())
    }

    /// The chunking with every choice made. A size beyond the worker's reach is brought within it; a size and an
    /// overlap that contradict each other are the plan's mistake.
    pub(crate) fn chunking(&self, max_size: usize) -> Result<Chunking, ChunkError> {
        let PlanChunking { by, size, overlap } = self.chunking;
        let wanted = size.unwrap_or(by.default_size());
        if let (Some(size), Some(overlap), ChunkBy::Section) = (size, overlap, by)
            && overlap >= size
        {
            return Err(ChunkError::OverlapTooLarge { size, overlap });
        }
        let size = wanted.max(MIN_CHUNK_SIZE).min(max_size);
        let overlap = overlap.unwrap_or(by.default_overlap()).min(size / 2);
        Ok(Chunking { by, size, overlap })
    }
}

impl Filter {
    pub(crate) fn compile(&self) -> Result<Option<Regex>, SelectError> {
        self.must_match.as_deref().filter(|pattern| !pattern.is_empty()).map(compile).transpose()
    }
}

/// Models write `null` where they have nothing to say; for us that is the default.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(entries) => {
            let entries = entries.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(entries.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

/// The form of a plan for models that can be held to one.
pub(crate) fn format() -> ResponseFormat {
    strict_format::<Plan>("plan")
}

/// A JSON Schema of the type in the dialect of OpenAI's strict mode: nothing is optional, nothing may be added.
pub(crate) fn strict_format<T: JsonSchema>(name: &str) -> ResponseFormat {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = Value::from(settings.into_generator().into_root_schema_for::<T>());
    make_strict(&mut schema);
    ResponseFormat::JsonSchema { json_schema: NamedSchema::strict(name, schema) }
}

fn make_strict(schema: &mut Value) {
    let Value::Object(node) = schema else { return };
    for key in ["$schema", "title", "description", "default", "format", "minimum", "maximum"] {
        node.remove(key);
    }
    one_enumeration(node);
    if let Some(Value::Object(properties)) = node.get_mut("properties") {
        properties.values_mut().for_each(make_strict);
        let required = properties.keys().cloned().map(Value::from).collect();
        node.insert("required".to_owned(), Value::Array(required));
        node.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    if let Some(items) = node.get_mut("items") {
        make_strict(items);
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(Value::Array(choices)) = node.get_mut(key) {
            choices.iter_mut().for_each(make_strict);
        }
    }
    if let Some(choices) = node.remove("oneOf") {
        node.insert("anyOf".to_owned(), choices);
    }
}

/// Documented variants come as a choice of constants, which strict mode does not know: one `enum` says the same.
fn one_enumeration(node: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = node.get("oneOf") else { return };
    let constants: Option<Vec<_>> = choices.iter().map(|choice| choice.get("const").cloned()).collect();
    if let Some(constants) = constants {
        node.remove("oneOf");
        node.insert("type".to_owned(), Value::from("string"));
        node.insert("enum".to_owned(), Value::Array(constants));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LIMITS: PlanLimits =
        PlanLimits { documents: 2, has_previous: false, tasks: 3, samples: 4, chunk_size: 12_000 };

    fn parse(plan: Value) -> Result<Plan, PlanError> {
        Plan::parse(&plan.to_string(), &LIMITS)
    }

    #[test]
    fn only_tasks_are_required() {
        let plan = parse(json!({"tasks": [{"task": "Who?"}], "select": null, "samples": null}));
        assert_eq!(plan, Ok(Plan::fallback("Who?")));
    }

    #[test]
    fn says_what_is_wrong() {
        let wrong = |plan| parse(plan).err().map(|error| error.to_string()).unwrap_or_default();
        let with = |key: &str, value: Value| {
            let mut plan = Map::from_iter([("tasks".to_owned(), json!([{"task": "Who?"}]))]);
            plan.insert(key.to_owned(), value);
            Value::Object(plan)
        };
        assert_eq!(wrong(json!({"tasks": []})), "it has no tasks");
        assert_eq!(wrong(json!({"tasks": [{"task": " "}]})), "a task is empty");
        assert_eq!(wrong(json!({"tasks": vec![json!({"task": "a"}); 9]})), "it has 9 tasks; at most 3 are allowed");
        assert_eq!(wrong(with("samples", json!(99))), "it asks for 99 samples; at most 4 are allowed");
        assert_eq!(wrong(with("documents", json!([3]))), "there is no document 3");
        assert!(wrong(with("source", json!("previous_hits"))).contains("no earlier round"));
        assert!(wrong(with("chunking", json!({"by": "chapter"}))).contains("unknown variant `chapter`"));
        assert!(wrong(with("chunking", json!({"size": 100, "overlap": 100}))).contains("overlap"));
        assert!(wrong(with("filter", json!({"must_match": "("}))).contains("regular expression"));
        assert!(wrong(with("samples", json!(-1))).contains("not a plan"));
        assert!(wrong(json!("prose")).contains("not a plan"));
    }

    #[test]
    fn sizes_are_brought_within_the_workers_reach() {
        let size = |size: usize| {
            let plan =
                Plan { chunking: PlanChunking { size: Some(size), ..PlanChunking::default() }, ..Plan::default() };
            plan.chunking(8_000).map(|chunking| chunking.size)
        };
        assert_eq!((size(0), size(3_000), size(usize::MAX)), (Ok(MIN_CHUNK_SIZE), Ok(3_000), Ok(8_000)));
    }

    /// <https://platform.openai.com/docs/guides/structured-outputs#supported-schemas>
    #[test]
    fn the_schema_is_strict() {
        fn check(node: &Value) {
            if let Some(properties) = node.get("properties").and_then(Value::as_object) {
                let required = node.get("required").and_then(Value::as_array).map(Vec::len);
                assert_eq!(required, Some(properties.len()), "{node}");
                assert_eq!(node.get("additionalProperties"), Some(&Value::Bool(false)), "{node}");
            }
            for key in ["oneOf", "$ref", "$defs", "default", "format"] {
                assert!(node.get(key).is_none(), "{key}: {node}");
            }
            match node {
                Value::Object(entries) => entries.values().for_each(check),
                Value::Array(items) => items.iter().for_each(check),
                _ => {}
            }
        }
        let ResponseFormat::JsonSchema { json_schema } = format() else { panic!("a plan has a schema") };
        check(&json_schema.schema);
        assert_eq!(
            json_schema.schema.pointer("/properties/source/enum").cloned().unwrap_or_default(),
            json!(["context", "previous_hits", "previous_answers"])
        );
    }
}
