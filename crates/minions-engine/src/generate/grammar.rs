//! Holds a reply to a form, token by token: which tokens may come next, which must, and how to end in time.
//!
//! llguidance says what the form allows. It does not know how long a reply may be; so while one grows, the way to its end
//! is looked up, and taken as soon as anything else would leave no room for it.

use std::rc::Rc;
use std::sync::Arc;

use llguidance::api::{GrammarWithLexer, TopLevelGrammar};
use llguidance::toktrie::{INVALID_TOKEN, InferenceCapabilities, TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv};
use llguidance::{JsonCompileOptions, Matcher, ParserFactory};
use minions_chat::{ChatRequest, FinishReason, ResponseFormat};
use serde_json::Value;

use super::{calls, quotation, schema};
use crate::error::{Error, Result};
use crate::text::Tokenizer;

/// Between the items of lists and objects, and between names and values: as Python writes JSON on one line, which is what
/// the included worker learned and what other models have seen most. White space of the model's choice would cost tokens,
/// and none of it could be forced.
pub(super) const ITEM_SEPARATOR: &str = ", ";
pub(super) const KEY_SEPARATOR: &str = ": ";

/// Without `u`: what such escapes stand for can be written as it is, and no name can then be spelled in two ways.
const ESCAPES: &str = "nrbtf\\\"";

/// The longest way to the end of a reply that is looked for.
const MAX_CLOSING: usize = 4096;

/// How much longer a token within a string can make the way to the end: the rest of a character, and some.
const MARGIN: usize = 8;

/// A reply is far from the end of its room if that is so many times the way to the end, and some tokens.
const FAR: usize = 4;
const FAR_TOKENS: usize = 256;

/// How often the way to the end is looked up there: after so many tokens that open or close something.
const FAR_INTERVAL: usize = 16;

/// What grammars need to know about a model's tokens.
pub struct Grammars {
    factory: ParserFactory,
    /// Tokens that bring JSON to its end, outside of its strings: those that are tried first, digits, and the rest.
    closers: [Vec<TokenId>; 3],
    /// The token that ends a string.
    quote: Option<TokenId>,
    /// Tokens of one byte, in the order in which they are tried where a text must go on: what separates leads to the end
    /// of most patterns, letters and digits only on.
    bytes: Vec<TokenId>,
}

/// The state of one reply that is held to a form.
pub struct Grammar {
    grammars: Rc<Grammars>,
    matcher: Matcher,
    place: Place,
    /// Tokens of the bytes in the form's patterns: what a pattern names leads on in it.
    hints: Vec<TokenId>,
    /// The tokens that may come next, once they are known.
    mask: Option<Vec<u32>>,
    /// Tokens that the reply may still have.
    room: usize,
    /// How many of them it took to end it when that was looked up last; `None` where no end is known.
    closing: Option<usize>,
    /// Tokens since then that open or close something.
    unchecked: usize,
}

/// How the reply goes on.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Advance {
    /// The tokens that follow; only the first can have been sampled.
    pub tokens: Vec<u32>,
    /// Why the reply ends after them, if it does.
    pub end: Option<FinishReason>,
}

impl Grammars {
    /// Sorts the tokens. The model gives `vocab_size` scores.
    pub fn new(tokenizer: Arc<Tokenizer>, end_tokens: &[u32], vocab_size: usize) -> Result<Self> {
        let words: Vec<Vec<u8>> = (0..vocab_size as u32).map(|id| word(&tokenizer, id)).collect();
        let end_tokens: Vec<u32> = end_tokens.iter().copied().filter(|id| (*id as usize) < vocab_size).collect();
        let first = end_tokens.first().copied().unwrap_or(INVALID_TOKEN);
        let mut trie = TokTrie::from(&TokRxInfo::new(vocab_size as u32, first), &words);
        if !end_tokens.is_empty() {
            trie = trie.with_eos_tokens(&end_tokens);
        }
        let tokens = |texts: &str| texts.split(' ').filter_map(|text| trie.token_id(text.as_bytes())).collect();
        let closers = ["} ] , :", "0 1 2 3 4 5 6 7 8 9", "null true false n t f \" [ { - . e"].map(tokens);
        let quote = trie.token_id(b"\"");
        let mut bytes: Vec<u8> = (0..=255).collect();
        bytes
            .sort_by_key(|byte| (!byte.is_ascii(), !byte.is_ascii_punctuation(), *byte == b'\\', *byte != b'@', *byte));
        let bytes = bytes.into_iter().filter_map(|byte| trie.token_id(&[byte])).collect();
        let vocabulary: TokEnv = Arc::new(Vocabulary { tokenizer, trie });
        let capabilities = InferenceCapabilities { ff_tokens: true, ..InferenceCapabilities::default() };
        let slices = llguidance::earley::SlicedBiasComputer::json_slices();
        let mut factory = ParserFactory::new(&vocabulary, capabilities, &slices).map_err(broken)?;
        factory.quiet();
        factory.limits_mut().verbose_errors = false;
        Ok(Self { factory, closers, quote, bytes })
    }

    /// The grammar of a reply of at most `room` tokens.
    pub fn grammar(self: &Rc<Self>, request: &ChatRequest, room: usize) -> Result<Grammar> {
        let format = &request.response_format;
        let form = match format {
            ResponseFormat::Text => calls::grammar(request, prepare)?,
            ResponseFormat::JsonObject => json(&schema::object())?,
            ResponseFormat::JsonSchema { json_schema } if json_schema.quote_of.is_empty() => json(&json_schema.schema)?,
            ResponseFormat::JsonSchema { json_schema } => quotation::grammar(json_schema, prepare)?,
            ResponseFormat::Regex { pattern } => GrammarWithLexer::from_regex(pattern),
            ResponseFormat::Choice { choices } => choice(choices)?,
        };
        let parser = self.factory.create_parser(TopLevelGrammar::from_grammar(form));
        let parser = parser.map_err(|error| {
            let blamed = if format.is_text() { self.wrong_tool(request) } else { None };
            blamed.unwrap_or_else(|| invalid(format, &format!("{error:#}")))
        })?;
        let matcher = Matcher::new(Ok(parser));
        let is_json = !matches!(format, ResponseFormat::Regex { .. } | ResponseFormat::Choice { .. });
        let place = Place { is_json, ..Place::default() };
        let trie = self.factory.tok_env().tok_trie();
        let hints = patterns(request).bytes().filter_map(|byte| trie.token_id(&[byte])).collect();
        let mut grammar =
            Grammar { grammars: Rc::clone(self), matcher, place, hints, mask: None, room, closing: None, unchecked: 0 };
        let way = grammar.way_out(room.min(MAX_CLOSING)).map_err(|error| invalid(format, &error.to_string()))?;
        grammar.closing = way.map(|way| way.len());
        // A regular expression may have an end that is hard to find.
        if grammar.closing.is_none() && !matches!(format, ResponseFormat::Regex { .. }) {
            return Err(invalid(format, &format!("no reply of this form was found that fits in {room} tokens")));
        }
        Ok(grammar)
    }

    /// The first function whose schema no reply can be held to, and why.
    fn wrong_tool(&self, request: &ChatRequest) -> Option<Error> {
        calls::offered(request).into_iter().find_map(|tool| {
            let alone = TopLevelGrammar::from_grammar(json(&calls::parameters(tool)).ok()?);
            let error = self.factory.create_parser(alone).err()?;
            Some(calls::of(tool, Error::InvalidRequest(plain(&format!("{error:#}")).to_owned())))
        })
    }
}

impl Grammar {
    /// The tokens that a reply of this form begins with.
    pub fn begin(&mut self) -> Result<Advance> {
        self.go_on(Vec::new())
    }

    /// Which tokens may come next, a bit a token.
    pub fn mask(&mut self) -> Result<Vec<u32>> {
        match self.mask.take() {
            Some(mask) => Ok(mask),
            None => Ok(self.matcher.compute_mask().map_err(broken)?.into()),
        }
    }

    /// Which tokens may come next, and which after each of `drafts`, as far as these may come themselves.
    pub fn masks(&mut self, drafts: &[u32]) -> Result<Vec<Vec<u32>>> {
        let mut masks = vec![self.mask()?];
        for &draft in drafts {
            let word = masks.last().and_then(|mask| mask.get(draft as usize / 32));
            if word.is_none_or(|word| word >> (draft % 32) & 1 == 0) {
                break;
            }
            self.matcher.consume_token(draft).map_err(broken)?;
            if self.matcher.is_stopped() {
                // Nothing follows it, so there is no mask to draw by.
                self.matcher.rollback(1).map_err(broken)?;
                break;
            }
            masks.push(self.matcher.compute_mask().map_err(broken)?.into());
        }
        self.matcher.rollback(masks.len() - 1).map_err(broken)?;
        Ok(masks)
    }

    /// Takes in a sampled token; or, where what it begins would not fit any more, ends the reply without it.
    pub fn advance(&mut self, token: u32) -> Result<Advance> {
        let bytes = self.bytes(token);
        if self.place.in_string && self.matcher.is_accepting().map_err(broken)? {
            // A quotation mark in text before a call: where a reply may end, no string is open.
            self.place.in_string = false;
        }
        self.consume(token)?;
        self.unchecked += usize::from(self.place.is_structure(&bytes));
        let (before, room) = (self.place, self.room.saturating_sub(1));
        self.place.push(&bytes);
        if self.closing.is_some_and(|closing| self.must_check(closing, room)) {
            self.closing = self.way_out(room)?.map(|way| way.len());
            self.unchecked = 0;
            if self.closing.is_none() {
                self.matcher.rollback(1).map_err(broken)?;
                let after = std::mem::replace(&mut self.place, before);
                if let Some(way) = self.way_out(self.room)? {
                    return Ok(Advance { tokens: way, end: Some(FinishReason::Length) });
                }
                self.place = after;
                self.consume(token)?;
            }
        }
        self.go_on(vec![token])
    }

    /// Whether it is time to look up the way to the end: always close to it, and elsewhere now and then.
    fn must_check(&self, closing: usize, room: usize) -> bool {
        let is_far = room > FAR * closing + FAR_TOKENS;
        room <= closing + MARGIN || self.unchecked >= if is_far { FAR_INTERVAL } else { 1 }
    }

    /// Appends the tokens that must follow, and sees whether the reply is complete.
    fn go_on(&mut self, mut tokens: Vec<u32>) -> Result<Advance> {
        let forced = self.matcher.compute_ff_tokens();
        for &token in &forced {
            self.consume(token)?;
            self.place.push(&self.bytes(token));
        }
        tokens.extend(forced);
        let is_cut = tokens.len() > self.room;
        tokens.truncate(self.room);
        self.room -= tokens.len();
        let end = if is_cut {
            Some(FinishReason::Length)
        } else if self.is_complete()? {
            Some(FinishReason::Stop)
        } else {
            (self.room == 0).then_some(FinishReason::Length)
        };
        Ok(Advance { tokens, end })
    }

    /// Whether nothing may follow.
    fn is_complete(&mut self) -> Result<bool> {
        if self.matcher.is_stopped() {
            return Ok(true);
        }
        let mask = self.matcher.compute_mask().map_err(broken)?;
        let vocabulary = self.grammars.factory.tok_env();
        let ends = vocabulary.tok_trie().eos_tokens().iter().filter(|end| mask.is_allowed(**end)).count();
        let is_complete = ends == mask.num_set();
        self.mask = Some(mask.into());
        Ok(is_complete)
    }

    /// The tokens with which a reply ends soon that is at this point now; `None` if no such way of at most `limit` tokens
    /// was found. It need not be the shortest.
    fn way_out(&mut self, limit: usize) -> Result<Option<Vec<u32>>> {
        let (mut way, mut place) = (Vec::new(), self.place);
        let mut is_out = self.matcher.is_stopped();
        while !is_out && way.len() <= limit && !self.matcher.is_accepting().map_err(broken)? {
            let mut next = self.matcher.compute_ff_tokens();
            if next.is_empty() {
                next.push(self.exit(place, &way)?);
            }
            for token in next {
                self.consume(token)?;
                place.push(&self.bytes(token));
                way.push(token);
            }
            is_out = self.matcher.is_stopped();
        }
        self.matcher.rollback(way.len()).map_err(broken)?;
        self.mask = None;
        Ok((way.len() <= limit).then_some(way))
    }

    /// A token that leads towards the end, after those of the way so far.
    fn exit(&mut self, place: Place, way: &[u32]) -> Result<u32> {
        let Grammars { closers: [first, digits, rest], quote, bytes, .. } = &*self.grammars;
        // What this string has not used yet comes first, or the way could go round in circles.
        let since = way.iter().rposition(|token| self.bytes(*token).contains(&b'"')).map_or(0, |at| at + 1);
        let way = way.get(since..).unwrap_or_default();
        let rare_first = |tokens: &[TokenId]| {
            let mut tokens = tokens.to_vec();
            let uses = |token: &TokenId| way.iter().filter(|used| *used == token).count();
            tokens.sort_by_cached_key(|token| (uses(token), !self.hints.contains(token)));
            tokens
        };
        let candidates = match place {
            Place { is_json: true, in_string: false, .. } => [first.clone(), rare_first(digits), rest.clone()].concat(),
            Place { is_json: true, .. } => quote.iter().copied().chain(rare_first(bytes)).collect(),
            _ => rare_first(bytes),
        };
        for token in candidates {
            if self.matcher.validate_tokens(&[token]).map_err(broken)? == 1 {
                return Ok(token);
            }
        }
        let mask = self.matcher.compute_mask().map_err(broken)?;
        mask.first_bit_set().map(|token| token as u32).ok_or_else(|| broken("no token may come next"))
    }

    fn consume(&mut self, token: u32) -> Result<()> {
        self.mask = None;
        self.matcher.consume_token(token).map_err(broken)
    }

    fn bytes(&self, token: u32) -> Vec<u8> {
        self.grammars.factory.tok_env().tok_trie().token(token).to_vec()
    }
}

/// Where in a reply its end is now.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    is_json: bool,
    in_string: bool,
    is_escaped: bool,
}

impl Place {
    fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = self.in_string,
                b'"' => self.in_string = !self.in_string,
                _ => {}
            }
        }
    }

    /// Whether a token does more than to go on with a string.
    fn is_structure(&self, bytes: &[u8]) -> bool {
        !self.is_json || !self.in_string || bytes.contains(&b'"')
    }
}

/// The tokens as llguidance sees them.
struct Vocabulary {
    tokenizer: Arc<Tokenizer>,
    trie: TokTrie,
}

impl TokenizerEnv for Vocabulary {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    /// The tokens that the model would have seen for a text; they must be its bytes exactly, because they are appended to
    /// what is there.
    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        self.trie.tokenize_with_greedy_fallback(bytes, |text| {
            let ids = self.tokenizer.tokenize(text, false).unwrap_or_default();
            let is_exact = self.trie.decode_raw(&ids) == text.as_bytes();
            if is_exact { ids } else { self.trie.greedy_tokenize(text.as_bytes()) }
        })
    }
}

/// The bytes of a token; those of a control token are marked, so that no text can be one.
fn word(tokenizer: &Tokenizer, id: u32) -> Vec<u8> {
    let piece = tokenizer.piece(id).unwrap_or_default();
    let mark = (tokenizer.is_control(id) && !piece.is_empty()).then_some(TokTrie::SPECIAL_TOKEN_MARKER);
    mark.into_iter().chain(piece.iter().copied()).collect()
}

fn json(schema: &Value) -> Result<GrammarWithLexer> {
    Ok(GrammarWithLexer::from_json_schema(prepare(schema)?))
}

/// A schema as llguidance takes it, with our way of writing JSON.
fn prepare(schema: &Value) -> Result<Value> {
    let mut schema = schema::prepare(schema)?;
    let options = JsonCompileOptions {
        item_separator: ITEM_SEPARATOR.to_owned(),
        key_separator: KEY_SEPARATOR.to_owned(),
        whitespace_flexible: false,
        json_allowed_escapes: Some(ESCAPES.to_owned()),
        ..JsonCompileOptions::default()
    };
    options.apply_to(&mut schema);
    Ok(schema)
}

fn choice(choices: &[String]) -> Result<GrammarWithLexer> {
    if choices.is_empty() || choices.iter().any(String::is_empty) {
        return Err(Error::InvalidRequest("choices are some texts, none of them empty".to_owned()));
    }
    let escape = |text: &String| text.chars().map(|char| format!("\\x{{{:x}}}", u32::from(char))).collect::<String>();
    let texts: Vec<String> = choices.iter().map(escape).collect();
    Ok(GrammarWithLexer::from_regex(&texts.join("|")))
}

/// The patterns of a reply's form, one after another.
fn patterns(request: &ChatRequest) -> String {
    fn collect(schema: &Value, patterns: &mut String) {
        match schema {
            Value::Object(node) => {
                let pattern = node.get("pattern").and_then(Value::as_str);
                let names = node.get("patternProperties").and_then(Value::as_object);
                patterns.extend(pattern);
                patterns.extend(names.into_iter().flatten().map(|(name, _)| name.as_str()));
                node.values().for_each(|value| collect(value, patterns));
            }
            Value::Array(values) => values.iter().for_each(|value| collect(value, patterns)),
            _ => {}
        }
    }
    let mut patterns = String::new();
    match &request.response_format {
        ResponseFormat::Text => {
            let schemas = request.tools.iter().filter_map(|tool| tool.function.parameters.as_ref());
            schemas.for_each(|schema| collect(schema, &mut patterns));
        }
        ResponseFormat::JsonSchema { json_schema } => collect(&json_schema.schema, &mut patterns),
        ResponseFormat::Regex { pattern } => patterns.push_str(pattern),
        _ => {}
    }
    patterns
}

fn invalid(format: &ResponseFormat, message: &str) -> Error {
    let what = match format {
        ResponseFormat::Text => "tools",
        ResponseFormat::Regex { .. } => "regular expression",
        ResponseFormat::Choice { .. } => "choices",
        _ => "schema",
    };
    Error::InvalidRequest(format!("{what}: {}", plain(message)))
}

/// A fault of the grammar, not of the request.
fn broken(error: impl std::fmt::Display) -> Error {
    Error::Grammar(plain(&error.to_string()).to_owned())
}

/// Without llguidance's mark of a shortened message.
fn plain(message: &str) -> &str {
    message.trim_end_matches("\n<non-verbose/>")
}
