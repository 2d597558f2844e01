//! A schema with every local reference replaced by what it points to, in one dialect, within bounds.

use serde_json::{Map, Value, json};

/// How deep references and schemas are followed, and how many nodes a resolved schema may have: a description is
/// untrusted, and nested references grow exponentially.
const DEPTH: usize = 24;
const NODES: usize = 5_000;

/// `schema` with every local reference replaced by what it points to, in the dialect of JSON Schema 2020-12 (OpenAPI
/// 3.0's `nullable` and boolean `exclusiveMinimum` are rewritten). `None` where it cannot be had within bounds, points
/// elsewhere, or is recursive in a way that would change what is invalid.
pub fn resolved(root: &Value, schema: &Value) -> Option<Value> {
    let mut resolver = Resolver { root, nodes: 0, cut: false };
    let found = resolver.walk(schema, 0, &mut Vec::new())?;
    // A recursive reference was replaced by "anything", which only loosens the schema, except under these.
    let not_monotone = |value: &Value| {
        let text = value.to_string();
        ["\"not\":", "\"oneOf\":", "\"if\":"].iter().any(|keyword| text.contains(keyword))
    };
    if resolver.cut && not_monotone(&found) { None } else { Some(found) }
}

struct Resolver<'a> {
    root: &'a Value,
    nodes: usize,
    cut: bool,
}

impl Resolver<'_> {
    fn walk(&mut self, value: &Value, depth: usize, open: &mut Vec<String>) -> Option<Value> {
        self.nodes += 1;
        if self.nodes > NODES || depth > DEPTH {
            return None;
        }
        match value {
            Value::Object(object) => {
                if let Some(Value::String(reference)) = object.get("$ref") {
                    if open.contains(reference) {
                        self.cut = true;
                        return Some(json!({}));
                    }
                    let found = self.root.pointer(&pointer(reference)?)?.clone();
                    open.push(reference.clone());
                    let walked = self.walk(&found, depth + 1, open);
                    open.pop();
                    return walked;
                }
                if object.contains_key("$dynamicRef") || object.contains_key("$recursiveRef") {
                    return None;
                }
                let mut walked = Map::new();
                for (key, value) in object {
                    // Examples are data, not schemas; definitions are inlined where they are used.
                    let kept = match key.as_str() {
                        "$defs" | "definitions" | "$id" | "$schema" => continue,
                        "example" | "examples" | "default" | "enum" | "const" => value.clone(),
                        // Its keys are names of properties, whatever they read like.
                        "properties" | "patternProperties" => self.named(value, depth + 1, open)?,
                        _ => self.walk(value, depth + 1, open)?,
                    };
                    walked.insert(key.clone(), kept);
                }
                modernise(&mut walked);
                Some(Value::Object(walked))
            }
            Value::Array(items) => {
                items.iter().map(|item| self.walk(item, depth + 1, open)).collect::<Option<_>>().map(Value::Array)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(value.clone()),
        }
    }

    fn named(&mut self, properties: &Value, depth: usize, open: &mut Vec<String>) -> Option<Value> {
        let properties = properties.as_object()?;
        let walked = properties.iter().map(|(name, schema)| Some((name.clone(), self.walk(schema, depth, open)?)));
        walked.collect::<Option<_>>().map(Value::Object)
    }
}

/// The JSON pointer of a local reference.
fn pointer(reference: &str) -> Option<String> {
    let fragment = reference.strip_prefix('#')?;
    if !(fragment.is_empty() || fragment.starts_with('/')) {
        return None;
    }
    // Percent-encoding in a reference's fragment (RFC 6901 section 6); plain ones are by far the most.
    if fragment.contains('%') { None } else { Some(fragment.to_owned()) }
}

/// OpenAPI 3.0 (Schema Object): `nullable`, and `exclusiveMinimum`/`exclusiveMaximum` as booleans.
fn modernise(schema: &mut Map<String, Value>) {
    if schema.get("nullable") == Some(&Value::Bool(true)) {
        if let Some(Value::String(kind)) = schema.get("type").cloned() {
            schema.insert("type".into(), json!([kind, "null"]));
        }
        if let Some(Value::Array(choices)) = schema.get_mut("enum")
            && !choices.contains(&Value::Null)
        {
            choices.push(Value::Null);
        }
    }
    for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        match schema.get(exclusive) {
            Some(Value::Bool(true)) => match schema.remove(bound) {
                Some(limit) => drop(schema.insert(exclusive.into(), limit)),
                None => drop(schema.remove(exclusive)),
            },
            Some(Value::Bool(false)) => drop(schema.remove(exclusive)),
            Some(_) | None => {}
        }
    }
}
