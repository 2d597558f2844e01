//! What of a schema binds a request: properties that the service alone sets are neither required nor sent.

use std::collections::BTreeSet;

use serde_json::Value;

use super::DEPTH;

/// The (resolved) schema as it binds requests. OpenAPI 3.0, Schema Object: a `readOnly` property should not be sent, and where it
/// is required, that holds for the response alone; OpenAPI 3.1 leaves it to JSON Schema, whose section 9.4 lets the owner of the
/// data refuse or ignore it.
pub fn in_requests(mut schema: Value) -> Value {
    strip(&mut schema, &BTreeSet::new(), 0);
    schema
}

/// The example without what the (resolved) schema, as described, lets the service alone set.
pub fn sent(schema: &Value, mut example: Value) -> Value {
    prune(schema, &mut example, 0);
    example
}

fn strip(schema: &mut Value, outer: &BTreeSet<String>, depth: usize) {
    if depth > DEPTH {
        return;
    }
    let mut names = outer.clone();
    read_only(schema, &mut names, depth);
    let Some(schema) = schema.as_object_mut() else { return };
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| !name.as_str().is_some_and(|name| names.contains(name)));
    }
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|name, _| !names.contains(name));
        properties.values_mut().for_each(|property| strip(property, &BTreeSet::new(), depth + 1));
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let parts = schema.get_mut(keyword).and_then(Value::as_array_mut).into_iter().flatten();
        parts.for_each(|part| strip(part, &names, depth + 1));
    }
    for keyword in ["items", "additionalProperties"] {
        schema.get_mut(keyword).into_iter().for_each(|part| strip(part, &BTreeSet::new(), depth + 1));
    }
}

fn prune(schema: &Value, example: &mut Value, depth: usize) {
    if depth > DEPTH {
        return;
    }
    match example {
        Value::Object(fields) => {
            let mut names = BTreeSet::new();
            read_only(schema, &mut names, depth);
            fields.retain(|name, _| !names.contains(name));
            for (name, field) in fields.iter_mut() {
                let property = schema.get("properties").and_then(|properties| properties.get(name));
                if let Some(property) = property {
                    prune(property, field, depth + 1);
                }
            }
            let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
            parts.for_each(|part| prune(part, example, depth + 1));
        }
        Value::Array(items) => {
            let Some(item) = schema.get("items") else { return };
            for value in items {
                prune(item, value, depth + 1);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The names that are `readOnly` in this object, in whichever part of an `allOf` they are described.
fn read_only(schema: &Value, names: &mut BTreeSet<String>, depth: usize) {
    if depth > DEPTH {
        return;
    }
    let own = |property: &Value| property.get("readOnly") == Some(&Value::Bool(true));
    let marked = |property: &Value| {
        let parts = property.get("allOf").and_then(Value::as_array);
        own(property) || parts.into_iter().flatten().any(own)
    };
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    names.extend(properties.filter(|(_, property)| marked(property)).map(|(name, _)| name.clone()));
    let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    parts.for_each(|part| read_only(part, names, depth + 1));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::detect::schema::{broken, sample};

    #[test]
    fn what_the_service_alone_sets_is_neither_required_nor_sent_and_a_password_stays() {
        let described = json!({
            "allOf": [
                {"properties": {"id": {"type": "integer", "readOnly": true}}},
                {"required": ["id", "title", "secret"], "properties": {
                    "title": {"type": "string"},
                    "secret": {"type": "string", "writeOnly": true},
                    "owner": {"required": ["since"], "properties": {"since": {"type": "string", "readOnly": true}}}
                }}
            ]
        });
        let bound = in_requests(described.clone());
        let valid = sample(&bound).unwrap();
        assert_eq!(valid, json!({"title": "watertight", "secret": "watertight"}));
        let cases = broken(&bound, Some(&valid));
        assert!(cases.iter().any(|case| case.to_string() == "`secret` missing"), "{cases:?}");
        assert!(cases.iter().all(|case| !case.subject.contains("id") && !case.subject.contains("since")), "{cases:?}");
        let example = json!({"id": 7, "title": "a", "secret": "b", "owner": {"since": "today", "name": "c"}});
        assert_eq!(sent(&described, example), json!({"title": "a", "secret": "b", "owner": {"name": "c"}}));
    }
}
