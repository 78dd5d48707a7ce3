//! Tools, calls and their results as templates see them, and as texts for models whose template knows none.
//!
//! A call is written as the Hermes and Qwen families do (Teknium et al. 2024, "Hermes 3 Technical Report"): JSON between
//! tags. Other families are told so; that their replies have the form is the grammar's doing (`generate/calls.rs`).

use minions_chat::{FunctionCall, Message, Role, Tool, ToolCall, ToolKind};
use serde_json::{Value, json};

use crate::error::{Error, Result};

/// What begins and what ends a call.
pub const CALL_TAGS: [&str; 2] = ["<tool_call>", "</tool_call>"];

/// What begins and what ends a result.
const RESPONSE_TAGS: [&str; 2] = ["<tool_response>", "</tool_response>"];

/// A message as templates expect it: arguments of calls are objects.
pub(super) fn message(message: &Message) -> Result<Value> {
    let mut value = json!(message);
    for (index, ToolCall { id, function: FunctionCall { name, arguments }, .. }) in
        message.tool_calls.iter().enumerate()
    {
        let arguments: Value = serde_json::from_str(arguments).map_err(|error| {
            Error::InvalidRequest(format!("the arguments of the call {id:?} of {name} are not JSON: {error}"))
        })?;
        value["tool_calls"][index]["function"]["arguments"] = arguments;
    }
    Ok(value)
}

/// A tool as templates expect it: whatever may be left out is there.
pub(super) fn tool(tool: &Tool) -> Value {
    let description = tool.function.description.as_deref().unwrap_or_default();
    let parameters = tool.function.parameters.clone().unwrap_or_else(|| json!({"type": "object", "properties": {}}));
    let function = json!({"name": tool.function.name, "description": description, "parameters": parameters});
    json!({"type": tool.kind, "function": function})
}

/// The conversation with its tools described in the first system message, and calls and results as texts.
pub(super) fn described(messages: &[Message], tools: &[Tool]) -> Vec<Message> {
    let mut described: Vec<Message> = Vec::with_capacity(messages.len() + 1);
    let mut follows_result = false;
    for message in messages {
        let is_result = message.role == Role::Tool;
        let calls: String = message.tool_calls.iter().map(written).collect();
        match described.last_mut().filter(|_| follows_result && is_result) {
            Some(results) => results.content.push_str(&format!("\n{}", result(message))),
            None if is_result => described.push(Message::user(result(message))),
            None => {
                let parts = [message.content.trim_end_matches('\n'), calls.trim_end()];
                let content = match parts {
                    [_, ""] => message.content.clone(),
                    ["", calls] => calls.to_owned(),
                    both => both.join("\n"),
                };
                described.push(Message { content, tool_calls: Vec::new(), ..message.clone() });
            }
        }
        follows_result = is_result;
    }
    if !tools.is_empty() {
        let words = description(tools);
        match described.first_mut().filter(|first| first.role == Role::System) {
            Some(system) => system.content = format!("{}\n\n{words}", system.content),
            None => described.insert(0, Message::system(words)),
        }
    }
    described
}

fn description(tools: &[Tool]) -> String {
    let [begin, end] = CALL_TAGS;
    let [result_begin, result_end] = RESPONSE_TAGS;
    let list: String = tools.iter().map(|one| format!("{}\n", tool(one))).collect();
    format!(
        "These functions can be called for you, one on each line:\n{list}\n\
         To have one called, end your reply with its name and arguments in this form, once for each call:\n\
         {begin}\n{{\"name\": \"...\", \"arguments\": {{...}}}}\n{end}\n\
         What it gives comes between {result_begin} and {result_end}. Call none where you can answer without."
    )
}

/// A call as the model would have written it.
fn written(call: &ToolCall) -> String {
    let [begin, end] = CALL_TAGS;
    let FunctionCall { name, arguments } = &call.function;
    format!("{begin}\n{{\"name\": {}, \"arguments\": {arguments}}}\n{end}\n", json!(name))
}

fn result(message: &Message) -> String {
    let [begin, end] = RESPONSE_TAGS;
    format!("{begin}\n{}\n{end}", message.content)
}

/// A conversation with a tool, to try a template with, and what its rendering must hold.
pub(super) fn probe() -> (Vec<Message>, [Tool; 1], [&'static str; 3]) {
    let function = FunctionCall { name: "look_up".to_owned(), arguments: r#"{"word": "kea"}"#.to_owned() };
    let calls = vec![ToolCall { id: "call_0".to_owned(), kind: ToolKind::Function, function }];
    let messages = vec![
        Message::user("What is a kea?"),
        Message { tool_calls: calls, ..Message::assistant("") },
        Message::tool("call_0", "An alpine parrot."),
    ];
    let parameters = json!({"type": "object", "properties": {"word": {"type": "string"}}});
    let written = "<tool_call>\n{\"name\": \"look_up\", \"arguments\": {\"word\": \"kea\"}}\n</tool_call>";
    (
        messages,
        [Tool::function("look_up", "Looks a word up.", parameters)],
        ["Looks a word up.", written, "An alpine parrot."],
    )
}
