//! Instances that a schema allows, proven so by a validator.

use serde_json::{Map, Value, json};

use super::pattern::matching;
use super::wrong::kinds;
use super::{DEPTH, LONGEST, reread, validator};

/// An instance that the (resolved) schema allows, proven so; `None` where none could be made.
pub fn sample(schema: &Value) -> Option<Value> {
    let strict = validator(schema, true)?;
    let made = candidates(schema, 0);
    made.into_iter().find(|instance| strict.is_valid(&reread(instance)))
}

/// Instances that may be valid, the likeliest first.
fn candidates(schema: &Value, depth: usize) -> Vec<Value> {
    if depth > DEPTH {
        return Vec::new();
    }
    let mut made = Vec::new();
    made.extend(schema.get("example").cloned());
    made.extend(schema.get("examples").and_then(Value::as_array).into_iter().flatten().take(3).cloned());
    made.extend(schema.get("const").cloned());
    made.extend(schema.get("default").cloned());
    made.extend(schema.get("enum").and_then(Value::as_array).into_iter().flatten().take(1).cloned());
    for keyword in ["anyOf", "oneOf"] {
        for branch in schema.get(keyword).and_then(Value::as_array).into_iter().flatten().take(4) {
            made.extend(candidates(branch, depth + 1).into_iter().take(2));
        }
    }
    if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
        made.extend(candidates(&merged(schema, parts), depth + 1).into_iter().take(2));
    }
    for kind in kinds(schema) {
        match kind {
            "string" => made.extend(texts(schema).into_iter().map(Value::String)),
            "integer" | "number" => made.extend(number(schema)),
            "boolean" => made.push(json!(true)),
            "null" => made.push(Value::Null),
            "array" => made.extend(list(schema, depth)),
            "object" => made.extend(object(schema, depth)),
            _ => {}
        }
    }
    if kinds(schema).is_empty() && made.is_empty() {
        made.push(json!("watertight"));
    }
    made
}

/// The parts of an `allOf` laid over one another: properties and required names of all.
pub(super) fn merged(schema: &Value, parts: &[Value]) -> Value {
    let mut whole = schema.as_object().cloned().unwrap_or_default();
    whole.remove("allOf");
    for part in parts.iter().filter_map(Value::as_object) {
        for (key, value) in part {
            match (whole.get_mut(key), value) {
                (Some(Value::Object(known)), Value::Object(more)) => known.extend(more.clone()),
                (Some(Value::Array(known)), Value::Array(more)) => known.extend(more.iter().cloned()),
                (Some(_), _) => {}
                (None, value) => drop(whole.insert(key.clone(), value.clone())),
            }
        }
    }
    Value::Object(whole)
}

fn texts(schema: &Value) -> Vec<String> {
    let formatted = match schema.get("format").and_then(Value::as_str) {
        Some("date") => Some("2026-01-15"),
        Some("date-time") => Some("2026-01-15T12:00:00Z"),
        Some("time") => Some("12:00:00Z"),
        Some("email") => Some("audit@example.com"),
        Some("uri" | "url" | "uri-reference") => Some("https://example.com/"),
        Some("uuid") => Some("00000000-0000-4000-8000-000000000000"),
        Some("ipv4") => Some("192.0.2.1"),
        Some("ipv6") => Some("2001:db8::1"),
        Some("hostname") => Some("example.com"),
        Some(_) | None => None,
    };
    let plain = ["watertight", "1", "a", "A1", "WATERTIGHT", "abc-123", "2026-01-15", "#a1b2c3", "+15550100"];
    let mut texts: Vec<String> = formatted.into_iter().chain(plain).map(str::to_owned).collect();
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
        let least = schema.get("minLength").and_then(Value::as_u64).and_then(|least| usize::try_from(least).ok());
        texts.extend(matching(pattern, least.unwrap_or_default()));
        texts.extend(matching(pattern, 0));
    }
    if let Some(least) = schema.get("minLength").and_then(Value::as_u64)
        && least <= LONGEST
    {
        let least = usize::try_from(least).unwrap_or(0);
        texts.extend(["a", "1", "A"].map(|letter| letter.repeat(least)));
    }
    texts
}

fn number(schema: &Value) -> Vec<Value> {
    let bound = |name: &str| schema.get(name).and_then(Value::as_i64);
    let step = bound("multipleOf").filter(|step| *step > 0).unwrap_or(1);
    let least = bound("minimum").or(bound("exclusiveMinimum").and_then(|least| least.checked_add(1)));
    let most = bound("maximum").or(bound("exclusiveMaximum").and_then(|most| most.checked_sub(1)));
    let on_step = |value: i64| value.div_euclid(step).checked_mul(step);
    [Some(1), least, least.and_then(|least| on_step(least.checked_add(step - 1)?)), most.and_then(on_step), Some(0)]
        .into_iter()
        .flatten()
        .map(Value::from)
        .collect()
}

fn list(schema: &Value, depth: usize) -> Option<Value> {
    let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0).min(16);
    let item = schema.get("items").map_or(Some(json!("watertight")), |items| best(items, depth));
    match least {
        0 => Some(json!([])),
        least => item.map(|item| Value::Array((0..least).map(|_| item.clone()).collect())),
    }
}

/// Required properties only: what is optional may do more than is asked.
fn object(schema: &Value, depth: usize) -> Option<Value> {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut made = Map::new();
    for name in required {
        let value = match schema.get("properties").and_then(|properties| properties.get(name)) {
            Some(property) => best(property, depth)?,
            None => json!("watertight"),
        };
        made.insert(name.to_owned(), value);
    }
    Some(Value::Object(made))
}

/// The first candidate that the part of the schema allows.
pub(super) fn best(schema: &Value, depth: usize) -> Option<Value> {
    let strict = validator(schema, true)?;
    candidates(schema, depth + 1).into_iter().find(|instance| strict.is_valid(instance))
}
