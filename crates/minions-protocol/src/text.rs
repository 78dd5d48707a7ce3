//! What a JSON value says, for people and models to read.

use serde_json::Value;

/// A JSON value as readable text; `None` if it says nothing.
pub(crate) fn of(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::Array(items) => items.iter().map(|item| format!("- {}", inline(item))).collect::<Vec<_>>().join("\n"),
        Value::Object(entries) => {
            entries.iter().map(|(key, item)| format!("{key}: {}", inline(item))).collect::<Vec<_>>().join("\n")
        }
        scalar => inline(scalar),
    };
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A JSON value on one line, strings without their quotes.
fn inline(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
