//! A JSON Schema as the grammar takes it: everything that the grammar could not hold a reply to is refused by its place,
//! and numbers are bounded, so that what is written can be read back by any JSON parser.

use std::collections::BTreeSet;

use llguidance::derivre::RegexBuilder;
use llguidance::regex_to_lark;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

/// Schemas within schemas, at most.
const MAX_DEPTH: usize = 64;

/// The largest integer that every JSON parser reads exactly (RFC 8259, section 6).
const MAX_NUMBER: i64 = (1 << 53) - 1;

/// What llguidance does not implement; without it a reply could break the schema.
const UNSUPPORTED: &[&str] = &[
    "not",
    "if",
    "then",
    "else",
    "contains",
    "minContains",
    "maxContains",
    "uniqueItems",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "unevaluatedItems",
    "unevaluatedProperties",
    "$dynamicRef",
    "$recursiveRef",
];

/// The formats that llguidance knows. JSON Schema lets readers ignore the others.
const FORMATS: &[&str] = &["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"];

/// Keywords that demand something by themselves, and those that point to other schemas.
const ASSERTIONS: &[&str] = &[
    "type",
    "properties",
    "patternProperties",
    "additionalProperties",
    "required",
    "minProperties",
    "maxProperties",
    "items",
    "prefixItems",
    "additionalItems",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
];
const APPLICATORS: &[&str] = &["const", "enum", "anyOf", "oneOf", "allOf", "$ref"];

/// The name under which "any JSON" is defined in a schema.
const ANY: &str = "minions-web: any JSON";

/// A schema for any JSON object.
pub(super) fn object() -> Value {
    json!({"type": "object"})
}

/// Checks a schema and makes it ready for the grammar.
pub(super) fn prepare(schema: &Value) -> Result<Value> {
    if schema == &Value::Bool(false) {
        return Err(invalid("#", "no reply fits the schema `false`"));
    }
    check_recursion(schema)?;
    let mut prepared = Preparation { merges: merges(schema) }.schema(schema, "#", 0)?;
    define_any(&mut prepared)?;
    Ok(prepared)
}

struct Preparation {
    /// Whether schemas are laid over one another anywhere. Then none may be widened to a definition, because those cannot
    /// be laid over one another without end.
    merges: bool,
}

impl Preparation {
    fn schema(&self, schema: &Value, place: &str, depth: usize) -> Result<Value> {
        if depth > MAX_DEPTH {
            return Err(invalid(place, "the schema is nested too deeply"));
        }
        let node = match schema {
            Value::Bool(false) => return Ok(Value::Bool(false)),
            Value::Bool(true) => &Map::new(),
            Value::Object(node) => node,
            _ => return Err(invalid(place, "a schema is an object or a boolean")),
        };
        self.check(node, place)?;
        let mut node = self.descend(node, place, depth)?;
        let says = |keywords: &[&str]| keywords.iter().any(|keyword| node.contains_key(*keyword));
        let (asserts, applies) = (says(ASSERTIONS), says(APPLICATORS));
        if self.merges || applies {
            return Ok(Value::Object(node));
        }
        if !asserts {
            node.insert("$ref".to_owned(), any());
            return Ok(Value::Object(node));
        }
        if may_be(&node, "number") || may_be(&node, "integer") {
            bound_number(&mut node);
        }
        if may_be(&node, "object") {
            node.entry("additionalProperties").or_insert_with(|| json!({"$ref": any()}));
        }
        if may_be(&node, "array") {
            let rest = if node.get("items").is_some_and(Value::is_array) { "additionalItems" } else { "items" };
            node.entry(rest).or_insert_with(|| json!({"$ref": any()}));
        }
        Ok(Value::Object(node))
    }

    /// Refuses what a reply could not be held to.
    fn check(&self, node: &Map<String, Value>, place: &str) -> Result<()> {
        for keyword in UNSUPPORTED {
            let demands_nothing =
                |value: &Value| value == &Value::Bool(false) || (value == &json!({}) && *keyword != "not");
            if node.get(*keyword).is_some_and(|value| !demands_nothing(value)) {
                return Err(invalid(&inside(place, keyword), "replies cannot be held to this keyword"));
            }
        }
        if let Some(pattern) = node.get("pattern").and_then(Value::as_str) {
            check_pattern(pattern, &inside(place, "pattern"))?;
        }
        for pattern in node.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
            check_pattern(pattern, &inside(&inside(place, "patternProperties"), pattern))?;
        }
        let required = node.get("required").and_then(Value::as_array).map_or(0, Vec::len) as u64;
        let wanted = node.get("minProperties").and_then(Value::as_u64).unwrap_or(0);
        let has_free_names =
            node.contains_key("patternProperties") || node.get("additionalProperties") != Some(&json!(false));
        if has_free_names && wanted > required + 1 {
            // A grammar cannot tell that a name is new, and of equal names only the last counts.
            return Err(invalid(
                &inside(place, "minProperties"),
                "at most one property may be of a free name: require the others by name",
            ));
        }
        Ok(())
    }

    /// The node with all schemas in it prepared.
    fn descend(&self, node: &Map<String, Value>, place: &str, depth: usize) -> Result<Map<String, Value>> {
        let mut prepared = Map::new();
        for (keyword, value) in node {
            let place = inside(place, keyword);
            let one = |value: &Value, place: &str| self.schema(value, place, depth + 1);
            let value = match (keyword.as_str(), value) {
                ("properties" | "patternProperties" | "$defs" | "definitions", Value::Object(schemas)) => {
                    let schemas =
                        schemas.iter().map(|(name, value)| Ok((name.clone(), one(value, &inside(&place, name))?)));
                    Value::Object(schemas.collect::<Result<_>>()?)
                }
                ("anyOf" | "oneOf" | "allOf" | "prefixItems" | "items", Value::Array(schemas)) => {
                    let schemas = schemas.iter().enumerate().map(|(i, value)| one(value, &format!("{place}/{i}")));
                    Value::Array(schemas.collect::<Result<_>>()?)
                }
                ("items" | "additionalItems" | "additionalProperties", _) => one(value, &place)?,
                ("format", Value::String(format)) if !FORMATS.contains(&format.as_str()) => continue,
                (keyword, _) if UNSUPPORTED.contains(&keyword) => continue,
                _ => value.clone(),
            };
            prepared.insert(keyword.clone(), value);
        }
        Ok(prepared)
    }
}

/// Refuses a schema that every reply to it contains again, whatever else it has.
fn check_recursion(schema: &Value) -> Result<()> {
    let mut references = BTreeSet::new();
    collect_references(schema, &mut references);
    let target = |reference: &str| reference.strip_prefix('#').and_then(|pointer| schema.pointer(pointer));
    let mut finite = BTreeSet::new();
    loop {
        // A reference that leads nowhere is refused elsewhere.
        let is_new = |reference: &&str| !finite.contains(*reference);
        let found = references
            .iter()
            .copied()
            .filter(is_new)
            .find(|reference| target(reference).is_none_or(|schema| is_finite(schema, &finite)));
        match found {
            Some(reference) => finite.insert(reference),
            None => break,
        };
    }
    match references.difference(&finite).next() {
        Some(endless) => Err(invalid(endless, "what fits always contains itself again, so it has no end")),
        None => Ok(()),
    }
}

fn collect_references<'a>(schema: &'a Value, references: &mut BTreeSet<&'a str>) {
    match schema {
        Value::Object(node) => {
            references.extend(node.get("$ref").and_then(Value::as_str));
            node.values().for_each(|value| collect_references(value, references));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_references(value, references)),
        _ => {}
    }
}

/// Whether something fits that ends, if what the references in `finite` lead to does.
fn is_finite(schema: &Value, finite: &BTreeSet<&str>) -> bool {
    let Some(node) = schema.as_object() else { return true };
    let list = |keyword: &str| node.get(keyword).and_then(Value::as_array).into_iter().flatten();
    let is_finite = |schema: &Value| is_finite(schema, finite);
    let refers_well = node.get("$ref").and_then(Value::as_str).is_none_or(|reference| finite.contains(reference));
    let has_choice =
        ["anyOf", "oneOf"].iter().all(|keyword| !node.contains_key(*keyword) || list(keyword).any(is_finite));
    let has_scalar = ["null", "boolean", "number", "integer", "string"].iter().any(|name| may_be(node, name));
    let property = |name: &Value| node.get("properties")?.get(name.as_str()?);
    let has_object = may_be(node, "object") && list("required").filter_map(property).all(is_finite);
    let least = node.get("minItems").and_then(Value::as_u64).unwrap_or(0);
    let has_array = may_be(node, "array") && (least == 0 || node.get("items").is_none_or(is_finite));
    refers_well && has_choice && list("allOf").all(is_finite) && (has_scalar || has_object || has_array)
}

/// Whether schemas are laid over one another: by `allOf`, or by demands beside a choice or a reference.
fn merges(schema: &Value) -> bool {
    match schema {
        Value::Object(node) => {
            let applicators = APPLICATORS.iter().filter(|keyword| node.contains_key(**keyword)).count();
            let asserts = ASSERTIONS.iter().any(|keyword| *keyword != "type" && node.contains_key(*keyword));
            let is_schema = applicators > 0;
            node.contains_key("allOf") || (is_schema && (applicators > 1 || asserts)) || node.values().any(merges)
        }
        Value::Array(values) => values.iter().any(merges),
        _ => false,
    }
}

/// Whether values of this type fit.
fn may_be(node: &Map<String, Value>, name: &str) -> bool {
    match node.get("type") {
        None => true,
        Some(Value::Array(types)) => types.iter().any(|one| one == name),
        Some(one) => one == name,
    }
}

/// Bounds a number on the sides where it is not: some parsers refuse 1e999, or a thousand digits.
fn bound_number(node: &mut Map<String, Value>) {
    let bound = |node: &Map<String, Value>, names: [&str; 2]| names.iter().find_map(|name| node.get(*name)?.as_f64());
    let (least, most) = (bound(node, ["minimum", "exclusiveMinimum"]), bound(node, ["maximum", "exclusiveMaximum"]));
    if least.is_none() && most.is_none_or(|most| most > -MAX_NUMBER as f64) {
        node.insert("minimum".to_owned(), Value::from(-MAX_NUMBER));
    }
    if most.is_none() && least.is_none_or(|least| least < MAX_NUMBER as f64) {
        node.insert("maximum".to_owned(), Value::from(MAX_NUMBER));
    }
}

fn any() -> Value {
    Value::from(format!("#/$defs/{ANY}"))
}

/// Adds the definition of "any JSON" where the schema refers to it.
fn define_any(schema: &mut Value) -> Result<()> {
    if !refers_to_any(schema) {
        return Ok(());
    }
    let number = json!({"type": "number", "minimum": -MAX_NUMBER, "maximum": MAX_NUMBER});
    let definition = json!({"anyOf": [
        {"type": ["null", "boolean", "string"]},
        number,
        {"type": "array", "items": {"$ref": any()}},
        {"type": "object", "additionalProperties": {"$ref": any()}},
    ]});
    let definitions = schema.as_object_mut().map(|node| node.entry("$defs").or_insert_with(|| json!({})));
    match definitions.and_then(Value::as_object_mut) {
        Some(definitions) => {
            definitions.insert(ANY.to_owned(), definition);
            Ok(())
        }
        None => Err(invalid("#/$defs", "definitions are an object")),
    }
}

fn refers_to_any(schema: &Value) -> bool {
    match schema {
        Value::Object(node) => node.get("$ref") == Some(&any()) || node.values().any(refers_to_any),
        Value::Array(values) => values.iter().any(refers_to_any),
        _ => false,
    }
}

fn check_pattern(pattern: &str, place: &str) -> Result<()> {
    let parsed = RegexBuilder::new().mk_regex_for_serach(&regex_to_lark(pattern, "dw"));
    parsed.map(|_| ()).map_err(|error| invalid(place, &format!("the pattern cannot be used: {error}")))
}

/// A JSON pointer into the schema.
fn inside(place: &str, key: &str) -> String {
    format!("{place}/{}", key.replace('~', "~0").replace('/', "~1"))
}

fn invalid(place: &str, message: &str) -> Error {
    Error::InvalidRequest(format!("the schema at {place}: {message}"))
}
