//! Text in which calls of tools may stand, or must: JSON between tags, held to the function's schema (`text/tools.rs`).
//!
//! llguidance's language for that is Lark's. Text is any that has no tag in it; the tag that begins a call ends it, also in
//! the middle of a sentence.

use llguidance::api::GrammarWithLexer;
use minions_chat::{ChatRequest, Role, Tool, ToolCall, ToolChoice};
use serde_json::{Map, Value, json};

use super::grammar::{ITEM_SEPARATOR, KEY_SEPARATOR};
use super::quotation::literal;
use crate::error::{Error, Result};
use crate::text::CALL_TAGS;

/// The longest name of a function, as OpenAI has it.
const MAX_NAME: usize = 64;

/// Keywords that say something of members which `properties` does not list.
const OTHERS: [&str; 6] = ["additionalProperties", "patternProperties", "$ref", "allOf", "anyOf", "oneOf"];

/// The grammar of a reply to a request with tools. `prepare` makes a function's schema ready for llguidance.
pub(super) fn grammar(request: &ChatRequest, prepare: impl Fn(&Value) -> Result<Value>) -> Result<GrammarWithLexer> {
    let [begin, end] = CALL_TAGS;
    let text = format!("TEXT: /(?s:.+)/ & ~/(?s:.*){begin}(?s:.*)/\n");
    if !request.offers_tools() {
        return Ok(GrammarWithLexer::from_lark(format!("start: TEXT?\n{text}")));
    }
    // Whoever names a function wants a call of it, and no more unless that is said.
    let is_one = matches!(request.tool_choice, ToolChoice::Function(_));
    let more = if request.parallel_tool_calls.unwrap_or(!is_one) { " (NEXT call)*" } else { "" };
    let start = if request.tool_choice.is_forced() {
        format!("BEGIN call{more}")
    } else {
        format!("TEXT? | before call{more}")
    };
    let mut rules = format!(
        "start: {start}\n{text}before[lazy]: /(?s:.*){begin}/\nBEGIN: {}\nNEXT: {}\n",
        literal(begin),
        literal(&format!("\n{begin}")),
    );
    let offered = offered(request);
    let calls: Vec<String> = (0..offered.len()).map(|index| format!("call{index}")).collect();
    rules.push_str(&format!("call: {}\n", calls.join(" | ")));
    for (index, tool) in offered.iter().enumerate() {
        let [name, arguments] = ["name", "arguments"].map(|key| format!("{}{KEY_SEPARATOR}", literal(key)));
        let head = format!("\n{{{name}{}{ITEM_SEPARATOR}{arguments}", literal(&tool.function.name));
        rules.push_str(&format!(
            "call{index}: {} arguments{index} {}\narguments{index}: %json {}\n",
            literal(&head),
            literal(&format!("}}\n{end}")),
            prepare(&parameters(tool)).map_err(|error| of(tool, error))?
        ));
    }
    Ok(GrammarWithLexer::from_lark(rules))
}

/// The tools that may be called.
pub(super) fn offered(request: &ChatRequest) -> Vec<&Tool> {
    let is_offered = |tool: &&Tool| match &request.tool_choice {
        ToolChoice::Function(name) => tool.function.name == *name,
        ToolChoice::Auto | ToolChoice::None | ToolChoice::Required => true,
    };
    request.tools.iter().filter(is_offered).collect()
}

/// The schema of a function's arguments: an object, and where it lists its members and says nothing of others, those alone.
/// Free names would have a small model invent arguments.
pub(super) fn parameters(tool: &Tool) -> Value {
    let Some(mut schema) = tool.function.parameters.clone() else {
        return json!({"type": "object", "additionalProperties": false});
    };
    if let Some(node) = schema.as_object_mut() {
        if lists_all(node) {
            node.insert("additionalProperties".to_owned(), json!(false));
        }
        if !node.contains_key("$ref") {
            node.entry("type").or_insert_with(|| json!("object"));
        }
    }
    schema
}

/// Whether a schema's `properties` are all there is to say of an object's members.
fn lists_all(node: &Map<String, Value>) -> bool {
    let Some(listed) = node.get("properties").and_then(Value::as_object) else { return false };
    let required = node.get("required").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let is_listed = |name: &Value| name.as_str().is_some_and(|name| listed.contains_key(name));
    required.iter().all(is_listed) && !OTHERS.iter().any(|key| node.contains_key(*key))
}

/// An error of a function's schema, with the function's name.
pub(super) fn of(tool: &Tool, error: Error) -> Error {
    match error {
        Error::InvalidRequest(message) => invalid(format!("the parameters of {}: {message}", tool.function.name)),
        other => other,
    }
}

/// Refuses what a request says of tools and calls that cannot be.
pub fn check(request: &ChatRequest) -> Result<()> {
    let mut names: Vec<&str> = Vec::new();
    for Tool { function, .. } in &request.tools {
        let name = function.name.as_str();
        let is_right = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-');
        if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(is_right) {
            return Err(invalid(format!(
                "a function is named {name:?}; names are letters, digits, _ and -, at most {MAX_NAME} of them"
            )));
        }
        if names.contains(&name) {
            return Err(invalid(format!("two functions are named {name}")));
        }
        let is_objects =
            |schema: &Value| schema.as_object().is_some_and(|node| node.get("type").is_none_or(|of| of == "object"));
        if function.parameters.as_ref().is_some_and(|schema| !is_objects(schema)) {
            return Err(invalid(format!("the parameters of {name} are not the schema of an object")));
        }
        names.push(name);
    }
    match &request.tool_choice {
        ToolChoice::Required if names.is_empty() => {
            return Err(invalid("tool_choice asks for a call, and there are no tools".to_owned()));
        }
        ToolChoice::Function(name) if !names.contains(&name.as_str()) => {
            return Err(invalid(format!("tool_choice asks for {name:?}, which is not among the tools")));
        }
        _ => {}
    }
    if request.offers_tools() && !request.response_format.is_text() {
        return Err(invalid(
            "a reply can be held to a response_format or ask for calls, not both: set tool_choice to none".to_owned(),
        ));
    }
    let mut calls: Vec<&str> = Vec::new();
    for (index, message) in request.messages.iter().enumerate() {
        if message.role == Role::Tool && message.tool_call_id.is_none() {
            return Err(invalid(format!("messages[{index}] is a result without tool_call_id: of which call?")));
        }
        if let Some(id) = message.tool_call_id.as_deref().filter(|id| !calls.contains(id)) {
            return Err(invalid(format!(
                "messages[{index}] is the result of {id:?}, which no message before it calls"
            )));
        }
        for ToolCall { id, function, .. } in &message.tool_calls {
            if !serde_json::from_str(&function.arguments).is_ok_and(|arguments: Value| arguments.is_object()) {
                return Err(invalid(format!(
                    "the arguments of the call {id:?} in messages[{index}] are no JSON object"
                )));
            }
            calls.push(id);
        }
    }
    Ok(())
}

fn invalid(message: String) -> Error {
    Error::InvalidRequest(message)
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::sync::Arc;

    use minions_chat::{FinishReason, Message};

    use super::super::{Grammar, Grammars};
    use super::*;
    use crate::text::Tokenizer;
    use crate::weights::tests::demo;

    const ROOM: usize = 400;

    struct Writer {
        tokenizer: Arc<Tokenizer>,
        grammar: Grammar,
        end: Option<FinishReason>,
        said: String,
    }

    fn request(tool_choice: ToolChoice) -> ChatRequest {
        let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
        let mut time = Tool::function("time", "Tells the time.", json!({}));
        time.function.parameters = None;
        let tools = vec![Tool::function("weather", "Tells the weather.", parameters), time];
        ChatRequest { tools, tool_choice, ..ChatRequest::new(vec![Message::user("Hello")]) }
    }

    fn writer(request: &ChatRequest, room: usize) -> Writer {
        let [mut file, _] = demo();
        let tokenizer = Arc::new(Tokenizer::from_source(&file.take_tokenizer()).expect("it is right"));
        let config = file.config();
        let made = Grammars::new(Arc::clone(&tokenizer), &config.eos_token_ids, config.vocab_size);
        let grammar = Rc::new(made.expect("it is right")).grammar(request, room).expect("it compiles");
        Writer { tokenizer, grammar, end: None, said: String::new() }
    }

    impl Writer {
        /// Writes the text a token at a time, and what must follow: → whether it can be written.
        fn write(&mut self, text: &str) -> bool {
            if self.said.is_empty() {
                let first = self.grammar.begin().expect("it begins");
                self.take(&first.tokens);
            }
            while self.end.is_none() && self.said.len() < text.len() {
                let Some(rest) = text.strip_prefix(self.said.as_str()) else { return false };
                let token = self.tokenizer.tokenize(rest, false).expect("it tokenizes")[0];
                let mask = self.grammar.mask().expect("it has one");
                if mask[token as usize / 32] >> (token % 32) & 1 == 0 {
                    return false;
                }
                let next = self.grammar.advance(token).expect("it may");
                self.take(&next.tokens);
                self.end = next.end;
            }
            self.said.starts_with(text)
        }

        fn take(&mut self, tokens: &[u32]) {
            let bytes: Vec<u8> =
                tokens.iter().flat_map(|id| self.tokenizer.piece(*id).unwrap_or_default().to_vec()).collect();
            self.said.push_str(std::str::from_utf8(&bytes).expect("whole characters"));
        }
    }

    const CALL: &str = "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Ulm\"}}\n</tool_call>";
    const OTHER: &str = "<tool_call>\n{\"name\": \"time\", \"arguments\": {}}\n</tool_call>";

    #[test]
    fn calls_may_follow_text_and_each_other() {
        let texts = ["", "He said \"wait. ", "a < b <tool "].map(|text| (ToolChoice::Auto, text));
        for (choice, text) in texts.into_iter().chain([(ToolChoice::Required, "")]) {
            let whole = format!("{text}{CALL}\n{OTHER}\n{CALL}");
            let mut writer = writer(&request(choice), ROOM);
            assert!(writer.write(&whole), "{:?}", writer.said);
            assert_eq!((writer.said.as_str(), writer.end), (whole.as_str(), None));
        }
    }

    #[test]
    fn what_no_call_may_be_cannot_be_written() {
        let refused = |choice: ToolChoice, text: &str| {
            let mut writer = writer(&request(choice), ROOM);
            assert!(!writer.write(text), "{text}");
        };
        let named = ToolChoice::Function("time".to_owned());
        refused(ToolChoice::Auto, "<tool_call>\n{\"name\": \"launch\"");
        refused(ToolChoice::Auto, "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"town\"");
        refused(ToolChoice::Auto, &format!("{CALL} and"));
        refused(ToolChoice::None, "Well, <tool_call>");
        refused(ToolChoice::Required, "Well");
        let mut named = writer(&request(named), ROOM);
        assert!(named.write(OTHER));
        let single = ChatRequest { parallel_tool_calls: Some(false), ..request(ToolChoice::Required) };
        let mut single = writer(&single, ROOM);
        assert!(single.write(CALL) && single.end == Some(FinishReason::Stop));
    }

    /// Where a reply may end, a draft of its end leaves the grammar as it was.
    #[test]
    fn a_draft_may_hold_the_end_of_a_turn() {
        let mut writer = writer(&request(ToolChoice::Auto), ROOM);
        assert!(writer.write("Well, "));
        let end = demo()[0].config().eos_token_ids[0];
        assert_eq!(writer.grammar.masks(&[end, 0]).expect("it has one").len(), 1);
        assert!(writer.write(&format!("Well, {CALL}")));
    }

    #[test]
    fn a_call_that_has_no_room_is_not_begun() {
        let mut writer = writer(&request(ToolChoice::Auto), 24);
        writer.write(&format!("One two three four five six. {CALL}"));
        assert_eq!(writer.end, Some(FinishReason::Length));
        assert!(!writer.said.contains("<tool_call>"), "{}", writer.said);
    }
}
