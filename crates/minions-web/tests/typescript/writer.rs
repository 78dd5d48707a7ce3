//! TypeScript out of JSON Schema: the part of it that serde's types need.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;

use serde_json::{Map, Value};

/// Writes definitions as exported types.
pub(crate) struct Writer {
    definitions: Map<String, Value>,
    /// Types that have another name in TypeScript.
    names: BTreeMap<&'static str, &'static str>,
    /// What is added to the type of an optional property.
    optional: &'static str,
    /// Types that were named and are still to be written, in that order.
    waiting: VecDeque<String>,
    seen: BTreeSet<String>,
}

impl Writer {
    pub(crate) fn new(
        definitions: Map<String, Value>,
        names: BTreeMap<&'static str, &'static str>,
        optional: &'static str,
    ) -> Self {
        Self { definitions, names, optional, waiting: VecDeque::new(), seen: BTreeSet::new() }
    }

    /// These types and all that they name.
    pub(crate) fn write(mut self, roots: &[&str]) -> String {
        for root in roots {
            self.name(root);
        }
        let mut text = String::new();
        while let Some(name) = self.waiting.pop_front() {
            let schema = self.definitions[&name].clone();
            let ours = self.name(&name);
            text.push('\n');
            text.push_str(&comment(&schema, 0, true));
            if schema.get("properties").is_some() {
                writeln!(text, "export interface {ours} {}", self.object(&schema, 0)).expect("a string takes all");
            } else {
                writeln!(text, "export type {ours} ={};", self.start_of_union(&schema)).expect("a string takes all");
            }
        }
        text
    }

    /// The TypeScript name of a type, which is noted to be written.
    fn name(&mut self, name: &str) -> String {
        if self.definitions.contains_key(name) && self.seen.insert(name.to_owned()) {
            self.waiting.push_back(name.to_owned());
        }
        self.names.get(name).map_or_else(|| name.to_owned(), |ours| (*ours).to_owned())
    }

    fn start_of_union(&mut self, schema: &Value) -> String {
        let written = self.written(schema, 1);
        if written.starts_with('\n') { written } else { format!(" {written}") }
    }

    fn written(&mut self, schema: &Value, depth: usize) -> String {
        if let Some(path) = schema.get("$ref").and_then(Value::as_str) {
            let name = path.rsplit('/').next().expect("a path has an end");
            if name.starts_with("Range_of_") {
                return self.written(&self.definitions[name].clone(), depth);
            }
            return self.name(name);
        }
        if let Some(value) = schema.get("const") {
            return value.to_string();
        }
        if let Some(Value::Array(values)) = schema.get("enum") {
            return values.iter().map(Value::to_string).collect::<Vec<_>>().join(" | ");
        }
        if let Some(Value::Array(variants)) = schema.get("oneOf").or(schema.get("anyOf")) {
            return self.union(variants, depth);
        }
        match schema.get("type") {
            Some(Value::Array(kinds)) => {
                let one = |kind: &Value| {
                    let mut schema = schema.clone();
                    schema["type"] = kind.clone();
                    schema
                };
                kinds.iter().map(|kind| self.written(&one(kind), depth)).collect::<Vec<_>>().join(" | ")
            }
            Some(Value::String(kind)) => match kind.as_str() {
                "integer" | "number" => "number".to_owned(),
                "array" => {
                    let item = self.written(&schema["items"], depth);
                    if item.contains(['|', '{']) { format!("({item})[]") } else { format!("{item}[]") }
                }
                "object" => self.object(schema, depth),
                kind => kind.to_owned(),
            },
            _ => panic!("no TypeScript for {schema}"),
        }
    }

    /// One variant a line, if any of them has a comment.
    fn union(&mut self, variants: &[Value], depth: usize) -> String {
        if variants.iter().all(|variant| variant.get("description").is_none()) {
            return variants.iter().map(|variant| self.written(variant, depth)).collect::<Vec<_>>().join(" | ");
        }
        let mut text = String::new();
        for variant in variants {
            let indent = "  ".repeat(depth);
            let written = self.written(variant, depth + 1);
            write!(text, "\n{}{indent}| {written}", comment(variant, depth, true)).expect("a string takes all");
        }
        text
    }

    fn object(&mut self, schema: &Value, depth: usize) -> String {
        let Some(Value::Object(properties)) = schema.get("properties") else {
            return "Record<string, never>".to_owned();
        };
        let required: Vec<_> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let optional = properties.keys().map(String::as_str).filter(|key| !required.contains(key));
        let keys: Vec<_> = required.iter().copied().chain(optional).collect();
        let has_comments = properties.values().any(|property| property.get("description").is_some());
        let (open, indent, end, close) = if has_comments {
            ("{\n", "  ".repeat(depth + 1), ";\n", format!("{}}}", "  ".repeat(depth)))
        } else {
            ("{ ", String::new(), "; ", " }".to_owned())
        };
        let mut text = String::from(open);
        for key in keys {
            let is_required = required.contains(&key);
            let property = &properties[key];
            let written = self.written(property, depth + 1);
            let (mark, written) = match is_required {
                true => (":", written),
                // What is absent instead of null.
                false => ("?:", written.trim_end_matches(" | null").to_owned() + self.optional),
            };
            let comment = comment(property, depth + 1, is_required);
            write!(text, "{comment}{indent}{key}{mark} {written}{end}").expect("a string takes all");
        }
        // On one line the last semicolon is left out.
        let text = if has_comments { &text } else { text.trim_end_matches(end) };
        format!("{text}{close}")
    }
}

/// The Rust comment as TypeScript's, with links as plain names; empty if there is none.
fn comment(schema: &Value, depth: usize, is_required: bool) -> String {
    let Some(description) = schema.get("description").and_then(Value::as_str) else { return String::new() };
    let none = if is_required { "`null`" } else { "absent" };
    let text = description.replace("[`", "`").replace("`]", "`").replace("`None`", none);
    let indent = "  ".repeat(depth);
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    match lines.as_slice() {
        [line] => format!("{indent}/** {line} */\n"),
        lines => {
            let lines: String =
                lines.iter().map(|line| format!("{}\n", format!("{indent} * {line}").trim_end())).collect();
            format!("{indent}/**\n{lines}{indent} */\n")
        }
    }
}
