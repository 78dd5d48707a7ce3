//! The model's own chat template, in Jinja as Hugging Face runs it: a conversation becomes one text, then token ids.
//!
//! A message may contain the text of a control token, such as `<|end|>`, and must not be able to end its own turn. So
//! before rendering a mark is put into each such text, and the rendered text is tokenized with its marks in place and as
//! if they were not there: control tokens are found around marks only, all other tokens without them.
//!
//! Some templates know no system message: they refuse it or leave it out. Whether one does is tried when it is compiled,
//! and then a system message is put before the next user message, with an empty line between. What else a template
//! refuses (roles that do not alternate, as a rule) is an error in its own words; nothing is rearranged.
//!
//! Others know no tools, or write calls in a way of their own. That is tried too, and then tools are described in a system
//! message, and calls and their results are texts (`tools.rs`).
//!
//! `enable_thinking` is false: models that can answer without a thought before it are asked to.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, ErrorKind, Value};
use minions_chat::{Message, Role, Tool};
use serde::Serialize;
use serde_json::Value as Json;

use super::date::Date;
use super::to_json::to_json;
use super::tokenizer::Tokenizer;
use super::tools;
use crate::error::{Error, Result};

/// The name that error messages of the template engine would use.
const NAME: &str = "chat_template";

/// Macros that call themselves end here; the stack of a page is small.
const MAX_RECURSION: usize = 100;

/// Instructions that rendering may take: thousands of messages need fewer, and loops without end stop here.
const MAX_INSTRUCTIONS: u64 = 20_000_000;

/// For models that come without a template and have its tokens.
const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// The tokens of [`CHATML`].
const CHATML_TOKENS: [&str; 2] = ["<|im_start|>", "<|im_end|>"];

/// The method that stands for `[::-1]`: the template engine's own way panics on empty texts.
const REVERSED: &str = "__reversed__";

/// The system message that templates are tried with.
const PROBE: &str = "Answer in one word.";

/// A compiled chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    special_tokens: BTreeMap<String, String>,
    /// Whether the template knows no system message.
    folds_system: bool,
    /// Whether it tells of tools, calls and results, and writes calls as they are read here.
    knows_tools: bool,
}

/// What a template sees.
#[derive(Serialize)]
struct Context<'a> {
    #[serde(flatten)]
    prompt: &'a Prompt,
    add_generation_prompt: bool,
    enable_thinking: bool,
    documents: Option<()>,
    #[serde(flatten)]
    special_tokens: &'a BTreeMap<String, String>,
}

/// The part of it that comes from the request, as JSON: arguments of calls are objects, not texts.
#[derive(Clone, Serialize)]
struct Prompt {
    messages: Json,
    /// None, or at least one.
    tools: Option<Json>,
}

impl Prompt {
    fn new(messages: &[Message], tools: &[Tool]) -> Result<Self> {
        let messages = messages.iter().map(tools::message).collect::<Result<_>>()?;
        let tools = (!tools.is_empty()).then(|| tools.iter().map(tools::tool).collect());
        Ok(Self { messages, tools })
    }

    /// Whether every text in it passes.
    fn all(&self, is_right: &dyn Fn(&str) -> bool) -> bool {
        all_texts(&self.messages, is_right) && self.tools.as_ref().is_none_or(|tools| all_texts(tools, is_right))
    }

    /// The same with every text changed.
    fn map(self, change: &dyn Fn(&str) -> String) -> Self {
        Self { messages: map_texts(self.messages, change), tools: self.tools.map(|tools| map_texts(tools, change)) }
    }
}

impl ChatTemplate {
    /// Compiles a model's template. `tokenizer` tells what `bos_token` and the like are.
    pub fn new(template: Option<&str>, tokenizer: &Tokenizer) -> Result<Self> {
        let has_chatml = || CHATML_TOKENS.iter().all(|text| tokenizer.token_id(text).is_some());
        let source = template.or_else(|| has_chatml().then_some(CHATML)).ok_or_else(|| {
            Error::Template(
                "the model has none (chat_template), so it is not made for conversations: choose an instruct model"
                    .into(),
            )
        })?;
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(wrong)?;
        environment.set_syntax(syntax);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_recursion_limit(MAX_RECURSION);
        environment.set_fuel(Some(MAX_INSTRUCTIONS));
        environment.set_unknown_method_callback(|state, value, method, args| match method {
            REVERSED => Ok(reversed(value)),
            _ => minijinja_contrib::pycompat::unknown_method_callback(state, value, method, args),
        });
        environment.add_function("raise_exception", raise_exception);
        environment.add_filter("tojson", to_json);
        environment.add_test("sequence", is_sequence);
        let prepared = without_generation_tags(source).replace("[::-1]", &format!(".{REVERSED}()"));
        environment.add_template_owned(NAME, prepared).map_err(wrong)?;
        let special_tokens = tokenizer.special_tokens().clone();
        let source = source.to_owned();
        let mut template = Self { environment, source, special_tokens, folds_system: false, knows_tools: false };
        template.try_out();
        Ok(template)
    }

    /// Sets today's date for templates that write it. Without one, templates use their own default or fail.
    #[must_use]
    pub fn with_date(mut self, date: Date) -> Self {
        self.environment.add_function("strftime_now", move |format: &str| date.format(format));
        self.try_out();
        self
    }

    fn try_out(&mut self) {
        self.folds_system = self.lacks_system();
        self.knows_tools = self.has_tools();
    }

    /// Whether a conversation works without a system message only.
    fn lacks_system(&self) -> bool {
        let [system, user] = [Message::system(PROBE), Message::user("Is it so?")];
        let with = self.render_as_it_is(&[system, user.clone()], &[]);
        let is_known = with.is_ok_and(|text| text.contains(PROBE));
        !is_known && self.render_as_it_is(&[user], &[]).is_ok()
    }

    /// Whether a tool, a call of it and what it gave are all told, the call as it is read here.
    fn has_tools(&self) -> bool {
        let (messages, tools, words) = tools::probe();
        let text = self.render_as_it_is(&messages, &tools);
        text.is_ok_and(|text| words.iter().all(|word| text.contains(word)))
    }

    fn render_as_it_is(&self, messages: &[Message], tools: &[Tool]) -> Result<String> {
        self.render_prompt(&Prompt::new(messages, tools)?)
    }

    /// The conversation as one text that ends where the reply begins.
    #[cfg(test)]
    pub fn render(&self, messages: &[Message], tools: &[Tool]) -> Result<String> {
        self.render_prompt(&self.prompt(messages, tools)?)
    }

    /// The conversation as the template can take it.
    fn prompt(&self, messages: &[Message], tools: &[Tool]) -> Result<Prompt> {
        // Most conversations have no tools, and documents in them are long: those are not copied for it.
        let has_tools = !tools.is_empty() || messages.iter().any(Message::is_about_tools);
        let described = (has_tools && !self.knows_tools).then(|| tools::described(messages, tools));
        let tools = if self.knows_tools { tools } else { &[] };
        let messages = described.as_deref().unwrap_or(messages);
        if self.folds_system && messages.iter().any(|message| message.role == Role::System) {
            return Prompt::new(&folded(messages), tools);
        }
        Prompt::new(messages, tools)
    }

    fn render_prompt(&self, prompt: &Prompt) -> Result<String> {
        let context = Context {
            prompt,
            add_generation_prompt: true,
            enable_thinking: false,
            documents: None,
            special_tokens: &self.special_tokens,
        };
        let template = self.environment.get_template(NAME).map_err(wrong)?;
        template.render(Serde(context)).map_err(wrong)
    }

    /// The conversation as token ids. Only the template itself writes control tokens; their texts in messages stay
    /// texts. (Control tokens of one character cannot be told from text and stay control tokens.)
    pub fn tokenize(&self, messages: &[Message], tools: &[Tool], tokenizer: &Tokenizer) -> Result<Vec<u32>> {
        let prompt = self.prompt(messages, tools)?;
        if prompt.all(&|text| tokenizer.control_texts(text).next().is_none()) {
            return tokenizer.tokenize(&self.render_prompt(&prompt)?, true);
        }
        let mark = self.unused_char(&prompt)?;
        let marked = prompt.map(&|text| mark_controls(text, mark, tokenizer));
        tokenizer.tokenize_marked(&self.render_prompt(&marked)?, mark)
    }

    /// A character for private use that nobody uses here.
    fn unused_char(&self, prompt: &Prompt) -> Result<char> {
        let is_used = |char: char| self.source.contains(char) || !prompt.all(&|text| !text.contains(char));
        let unused = ('\u{e000}'..='\u{f8ff}').find(|char| !is_used(*char));
        unused.ok_or_else(|| Error::InvalidRequest("the messages use every private-use character".to_owned()))
    }
}

/// The conversation with each system message put before the user message that follows; as one itself if none does.
fn folded(messages: &[Message]) -> Vec<Message> {
    let mut folded: Vec<Message> = Vec::with_capacity(messages.len());
    let mut system: Vec<&str> = Vec::new();
    for message in messages {
        match message.role {
            Role::System => system.push(&message.content),
            Role::User => {
                system.push(&message.content);
                folded.push(Message::user(std::mem::take(&mut system).join("\n\n")));
            }
            Role::Assistant | Role::Tool => folded.push(message.clone()),
        }
    }
    if !system.is_empty() {
        folded.push(Message::user(system.join("\n\n")));
    }
    folded
}

/// Whether every text in `json` passes, names included.
fn all_texts(json: &Json, is_right: &dyn Fn(&str) -> bool) -> bool {
    match json {
        Json::String(text) => is_right(text),
        Json::Array(items) => items.iter().all(|item| all_texts(item, is_right)),
        Json::Object(members) => members.iter().all(|(name, value)| is_right(name) && all_texts(value, is_right)),
        Json::Null | Json::Bool(_) | Json::Number(_) => true,
    }
}

/// `json` with every text in it changed, names included.
fn map_texts(json: Json, change: &dyn Fn(&str) -> String) -> Json {
    match json {
        Json::String(text) => Json::String(change(&text)),
        Json::Array(items) => items.into_iter().map(|item| map_texts(item, change)).collect(),
        Json::Object(members) => {
            members.into_iter().map(|(name, value)| (change(&name), map_texts(value, change))).collect()
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => json,
    }
}

/// `text` with `mark` after the first character of every control token's text, overlapping ones too.
fn mark_controls(text: &str, mark: char, tokenizer: &Tokenizer) -> String {
    let mut marked = String::with_capacity(text.len());
    let mut copied = 0;
    for begin in tokenizer.control_texts(text) {
        let end = text.ceil_char_boundary(begin + 1);
        marked.push_str(&text[copied..end]);
        marked.push(mark);
        copied = end;
    }
    marked.push_str(&text[copied..]);
    marked
}

/// The characters or items from the last to the first.
fn reversed(value: &Value) -> Value {
    match value.as_str() {
        Some(text) => Value::from(text.chars().rev().collect::<String>()),
        None => Value::from(
            value.try_iter().into_iter().flatten().collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>(),
        ),
    }
}

/// What Python can index and measure.
fn is_sequence(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::String)
}

fn raise_exception(message: &str) -> std::result::Result<Value, minijinja::Error> {
    Err(minijinja::Error::new(ErrorKind::InvalidOperation, message.to_owned()))
}

/// The template's own words where it raised, the template engine's otherwise.
fn wrong(error: minijinja::Error) -> Error {
    let detail = error.detail().unwrap_or_default();
    Error::Template(match error.kind() {
        ErrorKind::UnknownFunction if detail.contains("strftime_now") => {
            "it writes today's date, which was not given".to_owned()
        }
        ErrorKind::InvalidOperation if !detail.is_empty() => detail.to_owned(),
        _ => error.to_string(),
    })
}

/// Hugging Face marks the assistant's words with `{% generation %}` for training; here those tags mean nothing.
fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some((before, after)) = rest.split_once("{%") {
        let Some((tag, after_tag)) = after.split_once("%}") else { break };
        let word = tag.trim_matches(['-', '+']).trim();
        let plain = match word {
            "generation" => tag.replace("generation", "if true"),
            "endgeneration" => tag.replace("endgeneration", "endif"),
            _ => tag.to_owned(),
        };
        out.extend([before, "{%", &plain, "%}"]);
        rest = after_tag;
    }
    out.push_str(rest);
    out
}
