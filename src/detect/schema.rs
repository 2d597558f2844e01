//! From a JSON Schema: one valid instance, and instances that break exactly one constraint, each proven by a validator
//! after serialisation.

use jsonschema::{PatternOptions, Validator};
use serde_json::{Map, Value, json};

/// One deliberately invalid instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub breaks: Constraint,
    /// The property that is broken; empty for the instance itself.
    pub subject: String,
    pub instance: Value,
}

/// Which kind of constraint is broken.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Constraint {
    Type,
    Required,
    Range,
    Length,
    Pattern,
    Choice,
    /// Below the lower bound, where there is an upper one, too.
    Under,
    /// Shorter than allowed, where there is a greatest length, too.
    Short,
    /// A fraction where an integer is asked for.
    Fraction,
    /// An item of a list.
    Item,
    /// The number of items of a list.
    Count,
    /// A property that is not declared, where none may be added.
    Extra,
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.breaks {
            Constraint::Type => "of the wrong type",
            Constraint::Required => "missing",
            Constraint::Range => "out of range",
            Constraint::Length => "of the wrong length",
            Constraint::Pattern => "against its pattern",
            Constraint::Choice => "not among the allowed values",
            Constraint::Under => "below its least value",
            Constraint::Short => "too short",
            Constraint::Fraction => "with a fraction",
            Constraint::Item => "with an item of the wrong type",
            Constraint::Count => "of the wrong number of items",
            Constraint::Extra => "added, which is not declared",
        };
        match self.subject.as_str() {
            "" => write!(f, "the whole body {what}"),
            subject => write!(f, "`{subject}` {what}"),
        }
    }
}

/// How deep references and schemas are followed, and how many nodes a resolved schema may have: a description is
/// untrusted, and nested references grow exponentially.
const DEPTH: usize = 24;
const NODES: usize = 5_000;
/// The longest text that is made up to break or keep a length.
const LONGEST: u64 = 4_096;

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

/// The validator that proves; patterns run in linear time, formats count only where asked.
fn validator(schema: &Value, formats: bool) -> Option<Validator> {
    jsonschema::options()
        .with_pattern_options(PatternOptions::regex())
        .should_validate_formats(formats)
        .build(schema)
        .ok()
}

/// Whether the (resolved) schema allows the instance; false too where the schema itself is wrong.
pub fn allows(schema: &Value, instance: &Value) -> bool {
    validator(schema, false).is_some_and(|validator| validator.is_valid(instance))
}

/// An instance that the (resolved) schema allows, proven so; `None` where none could be made.
pub fn sample(schema: &Value) -> Option<Value> {
    let strict = validator(schema, true)?;
    let made = candidates(schema, 0);
    made.into_iter().find(|instance| strict.is_valid(&reread(instance)))
}

/// Instances that each break one constraint of the (resolved) schema, proven invalid after serialisation; the most
/// telling first, on as many different properties as there are.
pub fn broken(schema: &Value, valid: Option<&Value>) -> Vec<Case> {
    let Some(proof) = validator(schema, false) else { return Vec::new() };
    let mut cases = inside(schema, valid, 0);
    for (breaks, instance) in values(schema) {
        cases.push(Case { breaks, subject: String::new(), instance });
    }
    cases.retain(|case| !proof.is_valid(&reread(&case.instance)));
    let mut alike = std::collections::BTreeSet::new();
    cases.retain(|case| alike.insert((case.subject.clone(), case.breaks)));
    spread(cases)
}

/// How deep objects within objects are broken.
const INNER: usize = 3;

/// Cases that break one property of a valid object, objects within it included; their subjects are joined by dots.
fn inside(schema: &Value, valid: Option<&Value>, depth: usize) -> Vec<Case> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let (Some(Value::Object(valid)), Some(properties)) = (valid, properties) else { return Vec::new() };
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
    for (name, property) in properties {
        for (breaks, value) in values(property) {
            case(breaks, name, Some(value), name);
        }
        if required.contains(&name.as_str()) {
            case(Constraint::Required, name, None, name);
        }
        if depth < INNER && property.get("properties").is_some() {
            let made = valid.get(name).cloned().or_else(|| best(property, 0));
            for inner in inside(property, made.as_ref(), depth + 1) {
                case(inner.breaks, &format!("{name}.{}", inner.subject), Some(inner.instance), name);
            }
        }
    }
    if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
        case(Constraint::Extra, EXTRA, Some(json!(true)), EXTRA);
    }
    cases
}

/// A property that nobody declares.
const EXTRA: &str = "watertight";

/// What is sent is what was serialised.
fn reread(instance: &Value) -> Value {
    serde_json::from_str(&instance.to_string()).unwrap_or(Value::Null)
}

/// One case of each property in turn, a different constraint first each time; the instance itself last.
fn spread(cases: Vec<Case>) -> Vec<Case> {
    const ORDER: [Constraint; 12] = [
        Constraint::Type,
        Constraint::Required,
        Constraint::Choice,
        Constraint::Range,
        Constraint::Pattern,
        Constraint::Length,
        Constraint::Extra,
        Constraint::Item,
        Constraint::Count,
        Constraint::Under,
        Constraint::Short,
        Constraint::Fraction,
    ];
    let mut left = cases;
    let mut ordered: Vec<Case> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let rank = |case: &Case| {
            let seen = ordered.iter().filter(|other| other.subject == case.subject).count();
            let alike = ordered.iter().filter(|other| other.breaks == case.breaks).count();
            let kind = ORDER.iter().position(|kind| *kind == case.breaks);
            (case.subject.is_empty(), seen, alike, kind)
        };
        let Some((best, _)) = left.iter().enumerate().min_by_key(|(_, case)| rank(case)) else { break };
        let case = left.remove(best);
        ordered.push(case);
    }
    ordered
}

fn kinds(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        Some(_) | None if schema.get("properties").is_some() => vec!["object"],
        Some(_) | None => Vec::new(),
    }
}

/// Values that break one constraint of this schema.
fn values(schema: &Value) -> Vec<(Constraint, Value)> {
    let mut values = Vec::new();
    let kinds = kinds(schema);
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
        values.push((Constraint::Choice, json!("watertight-no-such-choice")));
    }
    if kinds.contains(&"integer") || kinds.contains(&"number") {
        let (first, second) = beyond(schema);
        values.extend(first.map(|value| (Constraint::Range, value)));
        values.extend(second.map(|value| (Constraint::Under, value)));
        if !kinds.contains(&"number") {
            let whole = schema.get("minimum").and_then(Value::as_f64).unwrap_or(1.0);
            values.push((Constraint::Fraction, json!(whole + 0.5)));
        }
    }
    if kinds.contains(&"array") {
        values.extend(mislisted(schema));
    }
    if kinds.contains(&"string") {
        if schema.get("pattern").is_some() {
            // One of these breaks almost any pattern; the others drop out when they are not proven invalid.
            values.extend(["watertight not this pattern", "0", "_"].map(|text| (Constraint::Pattern, json!(text))));
        }
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

/// A text that is too long, and one that is too short; the one there is first.
fn mislong(schema: &Value) -> (Option<String>, Option<String>) {
    let length = |name: &str| schema.get(name).and_then(Value::as_u64);
    let text = |length: u64| "a".repeat(usize::try_from(length).unwrap_or(0));
    let long = length("maxLength").filter(|most| *most < LONGEST).map(|most| text(most + 1));
    let short = length("minLength").filter(|least| (1..=LONGEST).contains(least)).map(|least| text(least - 1));
    if long.is_some() { (long, short) } else { (short, None) }
}

/// Lists with an item of the wrong type, and with too many or too few items.
fn mislisted(schema: &Value) -> Vec<(Constraint, Value)> {
    const MOST: u64 = 64;
    let count = |name: &str| schema.get(name).and_then(Value::as_u64);
    let Some(items) = schema.get("items") else { return Vec::new() };
    let mut lists = Vec::new();
    let least = usize::try_from(count("minItems").unwrap_or(0).clamp(1, MOST)).unwrap_or(1);
    let good = best(items, 0);
    let wrong = values(items).into_iter().find(|(breaks, _)| *breaks == Constraint::Type).map(|(_, value)| value);
    if let Some(wrong) = wrong
        && let Some(good) = good.clone().or((least == 1).then_some(Value::Null))
    {
        let mut list = vec![good; least];
        list.splice(..1, [wrong]);
        lists.push((Constraint::Item, Value::Array(list)));
    }
    let Some(good) = good else { return lists };
    let wrong = count("maxItems").filter(|most| *most < MOST).map(|most| most + 1);
    let wrong = wrong.or_else(|| count("minItems").filter(|least| (1..=MOST).contains(least)).map(|least| least - 1));
    if let Some(length) = wrong.and_then(|length| usize::try_from(length).ok()) {
        lists.push((Constraint::Count, Value::Array(vec![good; length])));
    }
    lists
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
fn merged(schema: &Value, parts: &[Value]) -> Value {
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
fn best(schema: &Value, depth: usize) -> Option<Value> {
    let strict = validator(schema, true)?;
    candidates(schema, depth + 1).into_iter().find(|instance| strict.is_valid(instance))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn item() -> Value {
        json!({
            "type": "object",
            "required": ["title", "quantity"],
            "additionalProperties": false,
            "properties": {
                "title": { "type": "string", "minLength": 1, "maxLength": 40 },
                "quantity": { "type": "integer", "minimum": 1, "maximum": 100 },
                "colour": { "type": "string", "enum": ["red", "green"] }
            }
        })
    }

    #[test]
    fn a_sample_holds_what_is_required_and_nothing_more() {
        assert_eq!(sample(&item()), Some(json!({"title": "watertight", "quantity": 1})));
    }

    #[test]
    fn every_constraint_has_a_case_and_the_first_ones_touch_different_properties() {
        let schema = item();
        let cases = broken(&schema, sample(&schema).as_ref());
        for kind in [Constraint::Type, Constraint::Required, Constraint::Range, Constraint::Length, Constraint::Choice]
        {
            assert!(cases.iter().any(|case| case.breaks == kind), "{kind:?}");
        }
        assert_ne!(cases[0].subject, cases[1].subject);
        assert_ne!(cases[0].breaks, cases[1].breaks);
    }

    #[test]
    fn a_schema_that_allows_everything_has_no_invalid_instance() {
        assert_eq!(broken(&json!({}), Some(&json!({}))), []);
        assert_eq!(broken(&json!({"type": "object"}), Some(&json!({}))).len(), 1);
    }

    #[test]
    fn inner_objects_lists_both_bounds_and_undeclared_properties_are_broken_too() {
        let schema = json!({"type": "object", "additionalProperties": false, "required": ["address"], "properties": {
            "address": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
            "count": {"type": "integer", "minimum": 1, "maximum": 9}}});
        let cases = broken(&schema, sample(&schema).as_ref());
        let has = |subject: &str, breaks: Constraint| {
            cases.iter().any(|case| case.subject == subject && case.breaks == breaks)
        };
        assert!(has("address.city", Constraint::Type) && has("address.city", Constraint::Required));
        assert!(has("tags", Constraint::Item) && has("tags", Constraint::Count));
        assert!(
            has("count", Constraint::Range) && has("count", Constraint::Under) && has("count", Constraint::Fraction)
        );
        assert!(has("watertight", Constraint::Extra));
    }

    #[test]
    fn openapi_3_0_words_are_understood() {
        let root =
            json!({"components": {"n": {"type": "integer", "nullable": true, "minimum": 3, "exclusiveMinimum": true}}});
        let schema = resolved(&root, &json!({"$ref": "#/components/n"})).unwrap();
        assert_eq!(schema["type"], json!(["integer", "null"]));
        assert_eq!(schema["exclusiveMinimum"], json!(3));
        let made = sample(&schema).unwrap();
        assert!(made.is_null() || made.as_i64().is_some_and(|made| made > 3));
    }

    #[test]
    fn references_that_never_end_are_cut_or_refused() {
        let tree = json!({"d": {"node": {"type": "object", "required": ["name"], "properties": {
            "name": {"type": "string"}, "next": {"$ref": "#/d/node"}}}}});
        let schema = resolved(&tree, &json!({"$ref": "#/d/node"})).unwrap();
        assert!(!broken(&schema, sample(&schema).as_ref()).is_empty());

        let mut levels = Map::new();
        for level in 0..30 {
            let next = json!({"$ref": format!("#/d/l{}", level + 1)});
            levels.insert(format!("l{level}"), json!({"allOf": [next, next]}));
        }
        levels.insert("l30".into(), json!({"type": "string"}));
        assert_eq!(resolved(&json!({"d": levels}), &json!({"$ref": "#/d/l0"})), None);
        assert_eq!(resolved(&json!({}), &json!({"$ref": "https://example.com/schema.json"})), None);
    }

    #[test]
    fn a_recursive_schema_under_not_is_refused() {
        let root = json!({"d": {"x": {"not": {"$ref": "#/d/x"}}}});
        assert_eq!(resolved(&root, &json!({"$ref": "#/d/x"})), None);
    }

    /// A property with bounds, and a rule of our own that says whether a value keeps them.
    fn property() -> impl Strategy<Value = Value> {
        prop_oneof![
            (0_i64..50, 50_i64..1000)
                .prop_map(|(least, most)| json!({"type": "integer", "minimum": least, "maximum": most})),
            (0_u64..10, 10_u64..60)
                .prop_map(|(least, most)| json!({"type": "string", "minLength": least, "maxLength": most})),
            prop::collection::vec("[a-z]{1,8}", 1..4).prop_map(|choices| json!({"type": "string", "enum": choices})),
            Just(json!({"type": "boolean"})),
            (0_u64..3).prop_map(|least| json!({"type": "array", "items": {"type": "number"}, "minItems": least})),
        ]
    }

    fn keeps(property: &Value, value: &Value) -> bool {
        match property["type"].as_str().unwrap() {
            "integer" => value.as_i64().is_some_and(|n| {
                n >= property["minimum"].as_i64().unwrap() && n <= property["maximum"].as_i64().unwrap()
            }),
            "string" if property.get("enum").is_some() => property["enum"].as_array().unwrap().contains(value),
            "string" => value.as_str().is_some_and(|text| {
                let length = text.chars().count() as u64;
                length >= property["minLength"].as_u64().unwrap() && length <= property["maxLength"].as_u64().unwrap()
            }),
            "boolean" => value.is_boolean(),
            "array" => value.as_array().is_some_and(|items| {
                items.len() as u64 >= property["minItems"].as_u64().unwrap() && items.iter().all(Value::is_number)
            }),
            other => panic!("{other}"),
        }
    }

    proptest! {
        #[test]
        fn a_sample_is_valid_and_a_case_breaks_exactly_one_property(
            properties in prop::collection::btree_map("[a-z]{1,6}", (property(), any::<bool>()), 1..6)
        ) {
            let required: Vec<&String> =
                properties.iter().filter(|(_, (_, required))| *required).map(|(name, _)| name).collect();
            let schema = json!({
                "type": "object",
                "required": required,
                "properties": properties.iter().map(|(name, (schema, _))| (name.clone(), schema.clone())).collect::<Map<_, _>>(),
            });
            let faults = |instance: &Value| -> Vec<String> {
                let Some(object) = instance.as_object() else { return vec![String::new()] };
                properties
                    .iter()
                    .filter(|(name, (schema, required))| match object.get(*name) {
                        Some(value) => !keeps(schema, value),
                        None => *required,
                    })
                    .map(|(name, _)| name.clone())
                    .collect()
            };
            let valid = sample(&schema).expect("every such schema has a valid instance");
            prop_assert_eq!(faults(&valid), Vec::<String>::new());
            let cases = broken(&schema, Some(&valid));
            prop_assert!(!cases.is_empty());
            for case in cases {
                let sent: Value = serde_json::from_str(&case.instance.to_string()).unwrap();
                prop_assert_eq!(faults(&sent), vec![case.subject.clone()], "{}", case);
            }
        }

        #[test]
        fn no_schema_at_all_panics(text in r#"[\[\]{}":,a-z0-9]{0,60}"#) {
            if let Ok(schema) = serde_json::from_str::<Value>(&text)
                && let Some(schema) = resolved(&schema, &schema)
            {
                let _ = broken(&schema, sample(&schema).as_ref());
            }
        }
    }
}
