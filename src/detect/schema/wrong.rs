//! Values that each break one constraint of a schema, as far as one value can.

use serde_json::{Value, json};

use super::made::{best, merged};
use super::{Constraint, LONGEST, allows};

/// Branches of a union that are looked into.
const BRANCHES: usize = 4;
/// Items of a list that is made up at most.
const ITEMS: u64 = 64;

/// The types that the schema names.
pub(super) fn kinds(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        Some(_) | None if schema.get("properties").is_some() => vec!["object"],
        Some(_) | None => Vec::new(),
    }
}

/// The parts of a union.
pub(super) fn branches(schema: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf"]
        .into_iter()
        .flat_map(|keyword| schema.get(keyword).and_then(Value::as_array).into_iter().flatten())
        .take(BRANCHES)
}

/// Values that break one constraint of this schema; of a union, what breaks one of its parts, which the proof sorts.
pub(super) fn values(schema: &Value) -> Vec<(Constraint, Value)> {
    let whole = match schema.get("allOf").and_then(Value::as_array) {
        Some(parts) => &merged(schema, parts),
        None => schema,
    };
    let mut values = own(whole);
    values.extend(branches(whole).flat_map(own));
    values
}

fn own(schema: &Value) -> Vec<(Constraint, Value)> {
    let mut values = Vec::new();
    let kinds = kinds(schema);
    let numeric = kinds.iter().any(|kind| matches!(*kind, "integer" | "number"));
    // No form that lenient validators coerce into another type: a number is a fine string to some of them.
    let wrong = if kinds.contains(&"object") {
        json!("watertight-not-an-object")
    } else if kinds.contains(&"string") || kinds.contains(&"array") {
        json!({"watertight": {"not": "this type"}})
    } else {
        json!("watertight-not-this-type")
    };
    if !kinds.is_empty() {
        values.push((Constraint::Type, wrong));
    }
    if schema.get("enum").is_some() || schema.get("const").is_some() {
        let other = if numeric { json!(987_654_321) } else { json!("watertight-no-such-choice") };
        values.push((Constraint::Choice, other));
    }
    if numeric {
        let (first, second) = beyond(schema);
        values.extend(first.map(|value| (Constraint::Range, value)));
        values.extend(second.map(|value| (Constraint::Under, value)));
        values.extend(off_step(schema).map(|value| (Constraint::Step, value)));
        if !kinds.contains(&"number") {
            let whole = schema.get("minimum").and_then(Value::as_f64).unwrap_or(1.0);
            values.push((Constraint::Fraction, json!(whole + 0.5)));
        }
    }
    if kinds.contains(&"array") {
        values.extend(mislisted(schema));
    }
    if kinds.contains(&"string") {
        values.extend(misspelt(schema).into_iter().map(|text| (Constraint::Pattern, Value::String(text))));
        let (first, second) = mislong(schema);
        values.extend(first.map(|text| (Constraint::Length, Value::String(text))));
        values.extend(second.map(|text| (Constraint::Short, Value::String(text))));
    }
    values
}

/// A number one past the upper bound, and one below the lower; the one there is first.
fn beyond(schema: &Value) -> (Option<Value>, Option<Value>) {
    let bound = |name: &str| schema.get(name).and_then(Value::as_i64);
    let above = bound("maximum").or(bound("exclusiveMaximum").and_then(|most| most.checked_sub(1)));
    let below = bound("minimum").or(bound("exclusiveMinimum").and_then(|least| least.checked_add(1)));
    let above = above.and_then(|most| most.checked_add(1)).map(Value::from);
    let below = below.and_then(|least| least.checked_sub(1)).map(Value::from);
    if above.is_some() { (above, below) } else { (below, None) }
}

/// A whole number between the steps.
fn off_step(schema: &Value) -> Option<Value> {
    let step = schema.get("multipleOf").and_then(Value::as_i64).filter(|step| *step > 1)?;
    let least = schema.get("minimum").and_then(Value::as_i64).unwrap_or(0);
    least.div_euclid(step).checked_add(1)?.checked_mul(step)?.checked_add(1).map(Value::from)
}

/// Texts against the pattern, of an allowed length where there is one: a longer one would be refused for its length. The
/// first that is proven invalid counts.
fn misspelt(schema: &Value) -> Vec<String> {
    if schema.get("pattern").is_none() {
        return Vec::new();
    }
    let length = |name: &str| schema.get(name).and_then(Value::as_u64).filter(|length| *length <= LONGEST);
    let least = length("minLength").unwrap_or(0).max(1);
    let fitting = usize::try_from(least.max(3).min(length("maxLength").unwrap_or(LONGEST))).unwrap_or(1);
    let made = ["~", "0", "_", "a", "A", " "].into_iter().map(|letter| letter.repeat(fitting));
    made.chain(["watertight not this pattern", "0", "_"].map(str::to_owned)).collect()
}

/// A text that is too long, and one that is too short; the one there is first. Of letters that keep its pattern, where any do.
fn mislong(schema: &Value) -> (Option<String>, Option<String>) {
    let length = |name: &str| schema.get(name).and_then(Value::as_u64);
    let mut loose = schema.clone();
    if let Some(loose) = loose.as_object_mut() {
        loose.retain(|keyword, _| !matches!(keyword.as_str(), "minLength" | "maxLength"));
    }
    let patterned = schema.get("pattern").is_some();
    let text = |length: u64| {
        let times = usize::try_from(length).unwrap_or(0);
        let keeps = |text: &String| !patterned || allows(&loose, &Value::String(text.clone()));
        let fitting = ["a", "1", "A", "-"].into_iter().map(|letter| letter.repeat(times)).find(keeps);
        fitting.unwrap_or_else(|| "a".repeat(times))
    };
    let long = length("maxLength").filter(|most| *most < LONGEST).map(|most| text(most + 1));
    let short = length("minLength").filter(|least| (1..=LONGEST).contains(least)).map(|least| text(least - 1));
    if long.is_some() { (long, short) } else { (short, None) }
}

/// Lists with an item of the wrong type, with too many or too few items, and with one twice.
fn mislisted(schema: &Value) -> Vec<(Constraint, Value)> {
    let count = |name: &str| schema.get(name).and_then(Value::as_u64);
    let Some(items) = schema.get("items") else { return Vec::new() };
    let mut lists = Vec::new();
    let least = usize::try_from(count("minItems").unwrap_or(0).clamp(1, ITEMS)).unwrap_or(1);
    let good = best(items, 0);
    let wrong = values(items).into_iter().find(|(_, value)| !allows(items, value)).map(|(_, value)| value);
    if let Some(wrong) = wrong
        && let Some(good) = good.clone().or((least == 1).then_some(Value::Null))
    {
        let mut list = vec![good; least];
        list.splice(..1, [wrong]);
        lists.push((Constraint::Item, Value::Array(list)));
    }
    let Some(good) = good else { return lists };
    if schema.get("uniqueItems") == Some(&Value::Bool(true)) && count("maxItems").is_none_or(|most| most >= 2) {
        lists.push((Constraint::Unique, Value::Array(vec![good.clone(); least.max(2)])));
    }
    let wrong = count("maxItems").filter(|most| *most < ITEMS).map(|most| most + 1);
    let wrong = wrong.or_else(|| count("minItems").filter(|least| (1..=ITEMS).contains(least)).map(|least| least - 1));
    if let Some(length) = wrong.and_then(|length| usize::try_from(length).ok()) {
        lists.push((Constraint::Count, Value::Array(vec![good; length])));
    }
    lists
}
