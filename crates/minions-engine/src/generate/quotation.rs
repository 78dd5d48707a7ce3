//! Objects of which some strings must be quotations: the grammar knows the text that they are taken from and lets nothing
//! else be written there.
//!
//! A quotation is any run of the text's words and what stands between them, none (an empty string) included. llguidance
//! makes a suffix automaton of the text; its language for that is Lark's.

use llguidance::api::GrammarWithLexer;
use llguidance::substring::chunk_into_words;
use minions_chat::JsonSchema;
use serde_json::{Map, Value, json};

use super::grammar::{ITEM_SEPARATOR, KEY_SEPARATOR};
use crate::error::{Error, Result};

/// The grammar of an object that `format` describes. `prepare` makes the schema of another property ready for llguidance.
pub(super) fn grammar(format: &JsonSchema, prepare: impl Fn(&Value) -> Result<Value>) -> Result<GrammarWithLexer> {
    let properties = fixed_properties(&format.schema)?;
    if let Some(name) = format.quote_of.keys().find(|name| !properties.contains_key(*name)) {
        return Err(invalid(&format!("it has no property {name:?}, which is to be a quotation")));
    }
    let (mut start, mut rules) = (String::from("start: "), String::new());
    for (index, (name, schema)) in properties.iter().enumerate() {
        let separator = if index == 0 { "{" } else { ITEM_SEPARATOR };
        let key = literal(&format!("{separator}{}{KEY_SEPARATOR}", literal(name)));
        start.push_str(&format!("{key} value{index} "));
        rules.push_str(&match format.quote_of.get(name) {
            Some(text) => {
                let null = if may_be_null(name, schema)? { " | \"null\"" } else { "" };
                let words = json!({ "substring_chunks": chunk_into_words(text).into_iter().map(inner).collect::<Vec<_>>() });
                format!("value{index}: QUOTE{index}{null}\nQUOTE{index}: \"\\\"\" TEXT{index} \"\\\"\"\nTEXT{index}: %regex {words}\n")
            }
            None => format!("value{index}: %json {}\n", prepare(schema)?),
        });
    }
    Ok(GrammarWithLexer::from_lark(format!("{start}\"}}\"\n{rules}")))
}

/// The properties of an object that has all of these and no others.
fn fixed_properties(schema: &Value) -> Result<&Map<String, Value>> {
    let properties = schema.get("properties").and_then(Value::as_object).filter(|properties| !properties.is_empty());
    let required = schema.get("required").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    match properties {
        Some(properties)
            if schema.get("type") == Some(&json!("object"))
                && schema.get("additionalProperties") == Some(&json!(false))
                && properties.keys().all(|name| required.iter().any(|required| required == name)) =>
        {
            Ok(properties)
        }
        _ => Err(invalid(
            "with quotations it must be an object whose properties are all required, and no others allowed",
        )),
    }
}

/// Whether null may stand in place of a quotation. Other demands than its type cannot be held to.
fn may_be_null(name: &str, schema: &Value) -> Result<bool> {
    let demands = schema.as_object().map_or(0, |node| node.keys().filter(|key| *key != "description").count());
    match schema.get("type") {
        Some(of) if demands == 1 && of == "string" => Ok(false),
        Some(Value::Array(of))
            if demands == 1 && of.len() == 2 && of.contains(&json!("string")) && of.contains(&json!("null")) =>
        {
            Ok(true)
        }
        _ => Err(invalid(&format!(
            "property {name:?} is to be a quotation: its type is string, or string and null, and nothing else"
        ))),
    }
}

/// A text within quotation marks, in JSON as in Lark.
pub(super) fn literal(text: &str) -> String {
    Value::from(text).to_string()
}

/// How a text stands in a string of JSON.
fn inner(text: &str) -> String {
    let literal = literal(text);
    literal[1..literal.len() - 1].to_owned()
}

fn invalid(message: &str) -> Error {
    Error::InvalidRequest(format!("the schema: {message}"))
}
