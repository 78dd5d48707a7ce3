use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A function that the model may ask its caller to call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Functions are all there is.
    #[serde(rename = "type")]
    pub kind: ToolKind,
    /// The function.
    pub function: Function,
}

/// What a tool is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolKind {
    /// A function of the caller's.
    #[default]
    Function,
}

/// A function as the model is told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Letters, digits, `_` and `-`; at most 64 of them.
    pub name: String,
    /// What it does, and when to call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The schema of its arguments, which are an object; none unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Value>,
}

impl Tool {
    /// A function with arguments of this schema.
    pub fn function(name: impl Into<String>, description: impl Into<String>, parameters: Value) -> Self {
        let function =
            Function { name: name.into(), description: Some(description.into()), parameters: Some(parameters) };
        Self { kind: ToolKind::Function, function }
    }
}

/// Whether the model may, must or must not ask for a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum ToolChoice {
    /// It may, and decides itself.
    #[default]
    Auto,
    /// It must not.
    None,
    /// It must ask for one at least.
    Required,
    /// It must ask for this one.
    Function(String),
}

impl ToolChoice {
    /// Whether the choice is left to the model.
    pub fn is_auto(&self) -> bool {
        matches!(self, Self::Auto)
    }

    /// Whether the reply is a call in any case.
    pub fn is_forced(&self) -> bool {
        matches!(self, Self::Required | Self::Function(_))
    }
}

impl TryFrom<Value> for ToolChoice {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        let name = value.pointer("/function/name").and_then(Value::as_str);
        match (value.as_str(), name) {
            (Some("auto"), _) => Ok(Self::Auto),
            (Some("none"), _) => Ok(Self::None),
            (Some("required"), _) => Ok(Self::Required),
            (None, Some(name)) => Ok(Self::Function(name.to_owned())),
            _ => {
                Err(r#"tool_choice is "auto", "none", "required" or {"type": "function", "function": {"name": "..."}}"#)
            }
        }
    }
}

impl From<ToolChoice> for Value {
    fn from(choice: ToolChoice) -> Self {
        match choice {
            ToolChoice::Auto => json!("auto"),
            ToolChoice::None => json!("none"),
            ToolChoice::Required => json!("required"),
            ToolChoice::Function(name) => json!({"type": "function", "function": {"name": name}}),
        }
    }
}

/// A call that a model asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Which call of the conversation it is: what its result refers to.
    pub id: String,
    /// Functions are all there is.
    #[serde(rename = "type", default)]
    pub kind: ToolKind,
    /// The function and its arguments.
    pub function: FunctionCall,
}

/// A function and its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionCall {
    /// The function's name.
    pub name: String,
    /// The arguments: an object in JSON. The local engine holds it to the function's schema.
    pub arguments: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_read_and_written_as_openai_does() {
        for (choice, text) in [
            (ToolChoice::Auto, r#""auto""#),
            (ToolChoice::None, r#""none""#),
            (ToolChoice::Required, r#""required""#),
            (ToolChoice::Function("f".to_owned()), r#"{"type":"function","function":{"name":"f"}}"#),
        ] {
            assert_eq!(serde_json::to_string(&choice).expect("it serializes"), text);
            assert_eq!(serde_json::from_str::<ToolChoice>(text).expect("it parses"), choice);
        }
        for wrong in [r#""any""#, "1", "{}", r#"{"function": "f"}"#] {
            let error = serde_json::from_str::<ToolChoice>(wrong).expect_err(wrong).to_string();
            assert!(error.contains("\"required\""), "{error}");
        }
    }
}
