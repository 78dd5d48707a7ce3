//! Schemas: written by hand for what is easily forgotten, and made up by a generator.

use serde_json::{Map, Value, json};

/// Schemas that a reply cannot be held to, and words that the error must have.
pub const INVALID: &[(&str, &str)] = &[
    (r#"5"#, "#"),
    (r#"false"#, "false"),
    (r#"{"type": "objekt"}"#, "objekt"),
    (r#"{"type": "object", "properties": {"a": {"type": 3}}, "required": ["a"]}"#, "type"),
    (r#"{"properties": {"a/b": {"not": {"type": "string"}}}}"#, "#/properties/a~1b/not"),
    (r#"{"type": "array", "items": {"type": "array", "uniqueItems": true}}"#, "#/items/uniqueItems"),
    (r#"{"anyOf": [{"type": "null"}, {"if": {"type": "string"}, "then": {"minLength": 2}}]}"#, "#/anyOf/1/if"),
    (r##"{"$defs": {"d": {"contains": {}, "minContains": 1}}, "$ref": "#/$defs/d"}"##, "#/$defs/d/minContains"),
    (r#"{"type": "string", "pattern": "(a"}"#, "#/pattern"),
    (r#"{"type": "string", "pattern": "a(?!b)"}"#, "#/pattern"),
    (r#"{"type": "object", "patternProperties": {"[": {}}}"#, "#/patternProperties/["),
    (r##"{"$ref": "#/$defs/missing"}"##, "missing"),
    (r##"{"$ref": "https://example.org/schema"}"##, "example.org"),
    (r#"{"type": "string", "minLength": 5, "maxLength": 4}"#, "minLength"),
    (r#"{"type": "integer", "minimum": 5, "maximum": 4}"#, "schema"),
    (r#"{"type": "array", "items": {"type": "null"}, "minItems": 3, "maxItems": 2}"#, "minItems"),
    (r#"{"type": "object", "properties": {"a": false}, "required": ["a"]}"#, "a"),
    (r#"{"type": "object", "minProperties": 3}"#, "#/minProperties"),
    (r#"{"oneOf": [{"type": "string"}, {"type": "string", "maxLength": 3}]}"#, "oneOf"),
    (r##"{"type": "object", "properties": {"n": {"$ref": "#"}}, "required": ["n"]}"##, "at #: what fits"),
    (
        r##"{"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}},
            "$defs": {"n": {"type": "array", "items": {"$ref": "#/$defs/n"}, "minItems": 1}}}"##,
        "#/$defs/n",
    ),
    (r#"{"type": "array", "items": {"type": "string", "minLength": 9}, "minItems": 99}"#, "160 tokens"),
];

/// What is easily forgotten.
pub fn hand_written() -> Vec<Value> {
    let object = |properties: Value| {
        let required: Vec<&String> = properties.as_object().into_iter().flat_map(Map::keys).collect();
        json!({"type": "object", "required": required, "additionalProperties": false, "properties": properties})
    };
    vec![
        json!(true),
        json!({}),
        json!({"description": "anything"}),
        json!({"type": "object"}),
        json!({"type": "array"}),
        json!({"type": "string"}),
        json!({"type": "number"}),
        json!({"type": "integer"}),
        json!({"type": "boolean"}),
        json!({"type": "null"}),
        json!({"type": ["string", "null"], "maxLength": 3}),
        json!({"const": {"a": [1, "é", null, true]}}),
        json!({"const": "quote \" backslash \\ newline \n tab \t"}),
        json!({"enum": ["red", "green", 3, null, [1, 2], {"k": "v"}]}),
        json!({"enum": ["", "a", "ab", "abc"]}),
        json!({"enum": ["日本", "日本語", "Ελλάδα", "🦀", "e\u{301}"]}),
        // The worker's own form.
        object(json!({
            "explanation": {"type": ["string", "null"]},
            "citation": {"type": ["string", "null"]},
            "answer": {"type": ["string", "null"]},
        })),
        // Unions.
        json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "integer"}}, {"type": "null"}]}),
        json!({"oneOf": [{"type": "integer"}, {"type": "string"}]}),
        json!({"oneOf": [
            object(json!({"kind": {"const": "circle"}, "radius": {"type": "number", "exclusiveMinimum": 0}})),
            object(json!({"kind": {"const": "square"}, "side": {"type": "number", "minimum": 1, "maximum": 9}})),
        ]}),
        json!({"allOf": [
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
            {"properties": {"a": {"maxLength": 4}, "b": {"type": "boolean"}}, "required": ["b"]},
        ]}),
        // Nesting.
        json!({"type": "array", "minItems": 2, "maxItems": 3, "items": {"type": "array", "maxItems": 2,
            "items": {"type": "array", "minItems": 1, "items": {"type": ["boolean", "null"]}}}}),
        json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": false, "minItems": 2}),
        json!({"type": "array", "prefixItems": [{"const": "a"}], "items": {"type": "null"}, "maxItems": 4}),
        object(json!({"a": object(json!({"b": object(json!({"c": {"type": "boolean"}}))}))})),
        // Optional and free names.
        json!({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}, "c": {"type": "null"}},
            "required": ["b"], "additionalProperties": false}),
        json!({"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": {"type": "boolean"}}),
        json!({"type": "object", "patternProperties": {"^x-[a-z]+$": {"type": "string"}}, "additionalProperties": false}),
        json!({"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1, "maxProperties": 2}),
        json!({"properties": {"a": {"type": "string"}}, "required": ["a"]}),
        // Names that need care.
        object(
            json!({"with \"quotes\"": {"type": "null"}, "日本": {"type": "null"}, "": {"type": "null"}, "a\\b": {"type": "null"}}),
        ),
        // Strings.
        json!({"type": "string", "minLength": 30, "maxLength": 40}),
        json!({"type": "string", "pattern": "^[A-Z]{2}[0-9]{3,5}$"}),
        json!({"type": "string", "pattern": "ab+c"}),
        json!({"type": "string", "pattern": "^\\w+@\\w+\\.(com|org)$"}),
        json!({"type": "string", "pattern": "^[α-ω]{2,6}$"}),
        json!({"type": "string", "pattern": "^a*$", "minLength": 5, "maxLength": 9}),
        json!({"type": "string", "pattern": "^\"[^\"]*$"}),
        json!({"type": "string", "format": "date"}),
        json!({"type": "string", "format": "date-time"}),
        json!({"type": "string", "format": "time"}),
        json!({"type": "string", "format": "ipv4"}),
        json!({"type": "string", "format": "uuid"}),
        json!({"type": "string", "format": "a format of our own"}),
        // Numbers.
        json!({"type": "integer", "minimum": -7, "maximum": 1200}),
        json!({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 3}),
        json!({"type": "integer", "minimum": 1_000_000}),
        json!({"type": "integer", "maximum": -5}),
        json!({"type": "integer", "multipleOf": 7}),
        json!({"type": "number", "minimum": 0.25, "maximum": 0.5}),
        json!({"type": "number", "exclusiveMinimum": -1.5, "maximum": 0}),
        json!({"type": "number", "multipleOf": 0.5}),
        json!({"type": "number", "minimum": 3}),
        // References.
        json!({"$ref": "#/$defs/list", "$defs": {"list": {"type": "array", "items": {"$ref": "#/$defs/item"}},
            "item": {"type": "string", "maxLength": 5}}}),
        json!({"$defs": {"tree": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 4},
            "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}, "required": ["name", "children"],
            "additionalProperties": false}}, "$ref": "#/$defs/tree"}),
        json!({"definitions": {"n": {"anyOf": [{"type": "null"}, {"$ref": "#/definitions/cons"}]},
            "cons": {"type": "object", "properties": {"head": {"type": "integer"}, "tail": {"$ref": "#/definitions/n"}},
            "required": ["head", "tail"], "additionalProperties": false}}, "$ref": "#/definitions/n"}),
        json!({"type": "array", "items": {"$ref": "#"}}),
        // Older drafts.
        json!({"$schema": "http://json-schema.org/draft-07/schema#", "type": "array",
            "items": [{"type": "string"}, {"type": "integer"}], "additionalItems": false}),
    ]
}

/// A schema made of random parts, three deep.
pub fn generated(seed: u64) -> Value {
    Generator(seed).schema(3)
}

struct Generator(u64);

impl Generator {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) % limit as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn schema(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 6 } else { 11 }) {
            0 => self.string(),
            1 => self.number(),
            2 => {
                let types = &["boolean", "null", "string"][..1 + self.below(3)];
                json!({"type": types})
            }
            3 => self.choice(),
            4 => self.constant(),
            5 => json!({"type": "boolean"}),
            6 | 7 => self.object(depth),
            8 | 9 => self.array(depth),
            _ => {
                let key = if self.chance(70) { "anyOf" } else { "oneOf" };
                let mut kinds = vec![self.object(depth), json!({"type": "null"}), json!({"type": "boolean"})];
                kinds.insert(0, if self.chance(50) { self.string() } else { self.array(depth) });
                kinds.truncate(2 + self.below(3));
                json!({key: kinds})
            }
        }
    }

    fn string(&mut self) -> Value {
        let mut schema = json!({"type": "string"});
        match self.below(5) {
            0 => schema["maxLength"] = json!(self.below(20)),
            1 => {
                schema["minLength"] = json!(self.below(5));
                schema["maxLength"] = json!(5 + self.below(9));
            }
            2 => {
                let patterns = ["^[a-z]{1,8}$", "^\\d{2}-\\d{2}$", "[0-9]", "^(foo|bar)+$", "^é.*z$", "^\\S+$"];
                schema["pattern"] = json!(patterns[self.below(patterns.len())]);
            }
            3 => {
                let formats = ["date", "time", "ipv4", "uuid"];
                schema["format"] = json!(formats[self.below(formats.len())]);
            }
            _ => {}
        }
        schema
    }

    fn number(&mut self) -> Value {
        let mut schema = json!({"type": if self.chance(60) { "integer" } else { "number" }});
        let low = self.below(2000) as i64 - 1000;
        if self.chance(40) {
            schema["minimum"] = json!(low);
        }
        if self.chance(40) {
            schema["maximum"] = json!(low + 1 + self.below(500) as i64);
        }
        if self.chance(15) {
            schema["multipleOf"] = json!([2, 5, 10][self.below(3)]);
        }
        schema
    }

    fn choice(&mut self) -> Value {
        let words = ["alpha", "beta", "gamma ray", "δέλτα", "e\"f", "", "東京"];
        let mut options: Vec<Value> =
            (0..2 + self.below(4)).map(|i| json!(words[(self.below(3) + 2 * i) % 7])).collect();
        options.dedup();
        if self.chance(30) {
            options.push(json!(self.below(50)));
            options.push(Value::Null);
        }
        let mut distinct: Vec<Value> = Vec::new();
        for option in options {
            if !distinct.contains(&option) {
                distinct.push(option);
            }
        }
        json!({"enum": distinct})
    }

    fn constant(&mut self) -> Value {
        [json!({"const": "fixed"}), json!({"const": 7}), json!({"const": [true, null]}), json!({"const": {"k": 1.5}})]
            [self.below(4)]
        .clone()
    }

    fn object(&mut self, depth: usize) -> Value {
        let names = ["name", "items", "größe", "is_ok", "a b", "n"];
        let first = self.below(3);
        let names = &names[first..first + 1 + self.below(3)];
        let mut properties = Map::new();
        for name in names {
            properties.insert((*name).to_owned(), self.schema(depth - 1));
        }
        let required: Vec<&str> = names.iter().copied().filter(|_| self.chance(70)).collect();
        let mut schema = json!({"type": "object", "properties": properties, "required": required});
        if self.chance(70) {
            schema["additionalProperties"] = json!(false);
        } else if self.chance(50) {
            schema["additionalProperties"] = self.schema(0);
        }
        schema
    }

    fn array(&mut self, depth: usize) -> Value {
        let mut schema = json!({"type": "array", "items": self.schema(depth - 1)});
        if self.chance(30) {
            schema["minItems"] = json!(self.below(3));
        }
        if self.chance(60) {
            schema["maxItems"] = json!(2 + self.below(4));
        }
        schema
    }
}
