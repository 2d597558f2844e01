//! A valid instance with one property, or one item of a list, broken at a time, however deep it lies.

use serde_json::{Map, Value, json};

use super::made::{best, merged};
use super::wrong::{branches, kinds, values};
use super::{CASES, Case, Constraint, allows};

/// How deep objects within objects and lists are broken.
const INNER: usize = 3;
/// A property that nobody declares.
const EXTRA: &str = "watertight";

/// Cases that break one part of a valid instance; subjects are joined by dots, and `[]` stands for the items of a list.
pub(super) fn inside(schema: &Value, valid: &Value, depth: usize) -> Vec<Case> {
    if depth > INNER {
        return Vec::new();
    }
    let schema = &branch_of(schema, valid);
    match valid {
        Value::Object(valid) => in_object(schema, valid, depth),
        Value::Array(items) => in_list(schema, items, depth),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// Properties that describe parts of their own and of which no valid instance is known, so that no part can be broken.
pub fn unmade(schema: &Value, valid: &Value) -> Vec<String> {
    unmade_in(schema, valid, 0)
}

fn unmade_in(schema: &Value, valid: &Value, depth: usize) -> Vec<String> {
    let schema = branch_of(schema, valid);
    let (Some(properties), Some(valid)) = (schema.get("properties").and_then(Value::as_object), valid.as_object())
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (name, property) in properties.iter().filter(|(_, property)| holds_more(property)).take(CASES) {
        match valid.get(name).cloned().or_else(|| best(property, 0)) {
            None => found.push(name.clone()),
            Some(made) if depth < INNER => {
                found.extend(unmade_in(property, &made, depth + 1).iter().map(|inner| joined(name, inner)));
            }
            Some(_) => {}
        }
    }
    found
}

/// The schema as it binds this instance: all parts of an `allOf`, and of a union the part that allows it.
fn branch_of(schema: &Value, valid: &Value) -> Value {
    let whole = match schema.get("allOf").and_then(Value::as_array) {
        Some(parts) => merged(schema, parts),
        None => schema.clone(),
    };
    let branch = branches(&whole).find(|branch| allows(branch, valid)).cloned();
    match branch {
        Some(branch) => merged(&whole, &[branch]),
        None => whole,
    }
}

fn in_object(schema: &Value, valid: &Map<String, Value>, depth: usize) -> Vec<Case> {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let mut cases = Vec::new();
    let mut case = |breaks: Constraint, subject: &str, changed: Option<Value>, name: &str| {
        let mut instance = valid.clone();
        match changed {
            Some(value) => drop(instance.insert(name.to_owned(), value)),
            None => drop(instance.remove(name)),
        }
        cases.push(Case { breaks, subject: subject.to_owned(), instance: Value::Object(instance) });
    };
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in properties.iter().take(CASES) {
        for (breaks, value) in values(property) {
            case(breaks, name, Some(value), name);
        }
        if required.contains(&name.as_str()) {
            case(Constraint::Required, name, None, name);
        }
        if !holds_more(property) {
            continue;
        }
        let made = valid.get(name).cloned().or_else(|| best(property, 0));
        for inner in made.map(|made| inside(property, &made, depth + 1)).unwrap_or_default() {
            case(inner.breaks, &joined(name, &inner.subject), Some(inner.instance), name);
        }
    }
    match schema.get("additionalProperties") {
        Some(Value::Bool(false)) => case(Constraint::Extra, EXTRA, Some(json!(true)), EXTRA),
        // A map: whatever the name, the value is described.
        Some(more @ Value::Object(_)) => {
            for (breaks, value) in values(more) {
                case(breaks, EXTRA, Some(value), EXTRA);
            }
        }
        Some(_) | None => {}
    }
    cases
}

fn in_list(schema: &Value, valid: &[Value], depth: usize) -> Vec<Case> {
    let Some(items) = schema.get("items").filter(|items| holds_more(items)) else { return Vec::new() };
    let Some(first) = valid.first().cloned().or_else(|| best(items, 0)) else { return Vec::new() };
    let broken = inside(items, &first, depth + 1).into_iter();
    broken
        .map(|inner| {
            let mut list = valid.to_vec();
            let place = list.len().min(1);
            list.splice(..place, [inner.instance]);
            Case { subject: joined("[]", &inner.subject), instance: Value::Array(list), ..inner }
        })
        .collect()
}

/// Whether the schema describes parts of its own.
fn holds_more(schema: &Value) -> bool {
    let here = |schema: &Value| {
        ["properties", "items", "allOf"].iter().any(|keyword| schema.get(keyword).is_some())
            || kinds(schema).contains(&"object")
    };
    here(schema) || branches(schema).any(here)
}

fn joined(outer: &str, inner: &str) -> String {
    if inner.starts_with("[]") { format!("{outer}{inner}") } else { format!("{outer}.{inner}") }
}
