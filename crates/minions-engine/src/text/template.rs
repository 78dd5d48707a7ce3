//! The model's own chat template, in Jinja as Hugging Face runs it: a conversation becomes one text, then token ids.
//!
//! A message may contain the text of a control token, such as `<|end|>`, and must not be able to end its own turn. So
//! before rendering a mark is put into each such text, and after rendering the text is cut at the marks and tokenized
//! part by part: no token spans a mark. A conversation without such texts is tokenized as one.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, ErrorKind, Value};
use minions_chat::Message;
use serde::Serialize;

use super::tokenizer::Tokenizer;
use crate::error::{Error, Result};

/// The name that error messages of the template engine would use.
const NAME: &str = "chat_template";

/// Macros that call themselves end here; the stack of a page is small.
const MAX_RECURSION: usize = 100;

/// A compiled chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    special_tokens: BTreeMap<String, String>,
}

/// What a template sees.
#[derive(Serialize)]
struct Context<'a> {
    messages: &'a [Message],
    add_generation_prompt: bool,
    tools: Option<()>,
    documents: Option<()>,
    #[serde(flatten)]
    special_tokens: &'a BTreeMap<String, String>,
}

impl ChatTemplate {
    /// Compiles a model's template. `tokenizer` tells what `bos_token` and the like are.
    pub fn new(template: Option<&str>, tokenizer: &Tokenizer) -> Result<Self> {
        let source = template.ok_or_else(|| {
            Error::Template("the model has none, so it is not made for conversations: choose an instruct model".into())
        })?;
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(wrong)?;
        environment.set_syntax(syntax);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_recursion_limit(MAX_RECURSION);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", raise_exception);
        environment.add_filter("tojson", to_json);
        environment.add_template_owned(NAME, without_generation_tags(source)).map_err(wrong)?;
        Ok(Self { environment, source: source.to_owned(), special_tokens: tokenizer.special_tokens().clone() })
    }

    /// Sets today's date for templates that write it. Without one, templates use their own default or fail.
    #[must_use]
    pub fn with_date(mut self, date: Date) -> Self {
        self.environment.add_function("strftime_now", move |format: &str| date.format(format));
        self
    }

    /// The conversation as one text that ends where the reply begins.
    pub fn render(&self, messages: &[Message]) -> Result<String> {
        let context = Context {
            messages,
            add_generation_prompt: true,
            tools: None,
            documents: None,
            special_tokens: &self.special_tokens,
        };
        let template = self.environment.get_template(NAME).map_err(wrong)?;
        template.render(Serde(context)).map_err(wrong)
    }

    /// The conversation as token ids. Only the template itself writes control tokens; their texts in messages stay
    /// texts. (Control tokens of one character cannot be told from text and stay control tokens.)
    pub fn tokenize(&self, messages: &[Message], tokenizer: &Tokenizer) -> Result<Vec<u32>> {
        if messages.iter().all(|message| tokenizer.control_texts(&message.content).next().is_none()) {
            return tokenizer.tokenize(&self.render(messages)?, true);
        }
        let mark = self.unused_char(messages)?;
        let marked: Vec<Message> = messages
            .iter()
            .map(|message| Message { role: message.role, content: mark_controls(&message.content, mark, tokenizer) })
            .collect();
        let mut ids = Vec::new();
        for part in self.render(&marked)?.split(mark) {
            ids.extend(tokenizer.tokenize(part, true)?);
        }
        Ok(ids)
    }

    /// A character for private use that nobody uses here.
    fn unused_char(&self, messages: &[Message]) -> Result<char> {
        let is_used = |char: char| self.source.contains(char) || messages.iter().any(|one| one.content.contains(char));
        let unused = ('\u{e000}'..='\u{f8ff}').find(|char| !is_used(*char));
        unused.ok_or_else(|| Error::InvalidRequest("the messages use every private-use character".to_owned()))
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

fn raise_exception(message: &str) -> std::result::Result<Value, minijinja::Error> {
    Err(failed(message.to_owned()))
}

fn failed(message: String) -> minijinja::Error {
    minijinja::Error::new(ErrorKind::InvalidOperation, message)
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

/// `json.dumps(value, ensure_ascii=False, indent=indent)`, as transformers has it: no HTML escapes.
fn to_json(value: Value, indent: Option<usize>, options: Kwargs) -> std::result::Result<String, minijinja::Error> {
    let indent = options.get::<Option<usize>>("indent")?.or(indent);
    for ignored in ["ensure_ascii", "separators", "sort_keys"] {
        options.get::<Option<Value>>(ignored)?;
    }
    options.assert_all_used()?;
    let mut bytes = Vec::new();
    let written = match indent {
        Some(width) => {
            let indent = " ".repeat(width.min(16));
            let formatter = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter))
        }
        None => value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, SpacedFormatter)),
    };
    written.map_err(|error| failed(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| failed(error.to_string()))
}

/// Python's separators: `", "` and `": "`.
struct SpacedFormatter;

impl serde_json::ser::Formatter for SpacedFormatter {
    fn begin_array_value<W: ?Sized + std::io::Write>(&mut self, out: &mut W, is_first: bool) -> std::io::Result<()> {
        if is_first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(&mut self, out: &mut W, is_first: bool) -> std::io::Result<()> {
        if is_first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        out.write_all(b": ")
    }
}

/// A day in the Gregorian calendar. There is no clock here: shells know the date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// The year.
    pub year: i32,
    /// The month, 1 to 12.
    pub month: u8,
    /// The day of the month, from 1.
    pub day: u8,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl Date {
    /// `strftime`, as far as it concerns days.
    fn format(self, format: &str) -> std::result::Result<String, minijinja::Error> {
        let month = MONTHS.get(usize::from(self.month).wrapping_sub(1)).copied();
        let month = month.ok_or_else(|| failed(format!("there is no month {}", self.month)))?;
        let weekday = WEEKDAYS[self.weekday()];
        let mut out = String::new();
        let mut chars = format.chars();
        while let Some(char) = chars.next() {
            if char != '%' {
                out.push(char);
                continue;
            }
            let mut directive = chars.next();
            let is_padded = directive != Some('-');
            if !is_padded {
                directive = chars.next();
            }
            let two_digits = |number: i32| if is_padded { format!("{number:02}") } else { number.to_string() };
            out.push_str(&match directive {
                Some('Y') => self.year.to_string(),
                Some('y') => two_digits(self.year.rem_euclid(100)),
                Some('m') => two_digits(self.month.into()),
                Some('d') => two_digits(self.day.into()),
                Some('B') => month.to_owned(),
                Some('b') => month.chars().take(3).collect(),
                Some('A') => weekday.to_owned(),
                Some('a') => weekday.chars().take(3).collect(),
                Some('%') => "%".to_owned(),
                _ => return Err(failed(format!("strftime_now({format:?}) asks for more than the date"))),
            });
        }
        Ok(out)
    }

    /// Sakamoto's method; Sunday is 0.
    fn weekday(self) -> usize {
        let month_codes = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
        let year = if self.month < 3 { self.year - 1 } else { self.year };
        let code: i32 = month_codes.get(usize::from(self.month).wrapping_sub(1)).copied().unwrap_or(0);
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        (year + leap_days + code + i32::from(self.day)).rem_euclid(7) as usize
    }
}
