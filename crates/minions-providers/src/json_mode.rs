//! How far a model can be held to JSON.

use minions_chat::{JsonSchema, ResponseFormat};
use serde::{Deserialize, Serialize};

/// How far a model can be held to JSON. Whoever needs JSON says so in words as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JsonMode {
    /// Not at all.
    None,
    /// To one JSON object (`json_object`).
    Object,
    /// To an object, and to a schema (`json_schema`).
    Schema,
    /// To a schema, but not to an object of any kind.
    SchemaOnly,
}

/// What a provider is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form<'a> {
    /// Nothing in particular.
    Text,
    /// One JSON object.
    Object,
    /// JSON of this schema.
    Schema(&'a JsonSchema),
}

impl JsonMode {
    /// The strongest form that both sides know. No provider is asked for a pattern or a choice.
    pub(crate) fn form(self, wanted: &ResponseFormat) -> Form<'_> {
        match (wanted, self) {
            (ResponseFormat::JsonSchema { json_schema }, Self::Schema | Self::SchemaOnly) => Form::Schema(json_schema),
            (ResponseFormat::JsonSchema { .. } | ResponseFormat::JsonObject, Self::Object)
            | (ResponseFormat::JsonObject, Self::Schema) => Form::Object,
            _ => Form::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_for_the_strongest_form_that_both_know() {
        let json_schema = JsonSchema::strict("plan", serde_json::json!({}));
        let schema = ResponseFormat::JsonSchema { json_schema: json_schema.clone() };
        let by_schema = Form::Schema(&json_schema);
        for (mode, of_object, of_schema) in [
            (JsonMode::None, Form::Text, Form::Text),
            (JsonMode::Object, Form::Object, Form::Object),
            (JsonMode::Schema, Form::Object, by_schema),
            (JsonMode::SchemaOnly, Form::Text, by_schema),
        ] {
            assert_eq!(
                (mode.form(&ResponseFormat::JsonObject), mode.form(&schema)),
                (of_object, of_schema),
                "{mode:?}"
            );
            for unknown in [
                ResponseFormat::Text,
                ResponseFormat::Regex { pattern: "a+".into() },
                ResponseFormat::Choice { choices: vec!["a".into()] },
            ] {
                assert_eq!(mode.form(&unknown), Form::Text);
            }
        }
    }
}
