//! What is made from a schema, held against rules of our own.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

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
    for kind in [Constraint::Type, Constraint::Required, Constraint::Range, Constraint::Length, Constraint::Choice] {
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
    let has =
        |subject: &str, breaks: Constraint| cases.iter().any(|case| case.subject == subject && case.breaks == breaks);
    assert!(has("address.city", Constraint::Type) && has("address.city", Constraint::Required));
    assert!(has("tags", Constraint::Item) && has("tags", Constraint::Count));
    assert!(has("count", Constraint::Range) && has("count", Constraint::Under) && has("count", Constraint::Fraction));
    assert!(has("watertight", Constraint::Extra));
}

#[test]
fn unions_joined_parts_maps_and_objects_in_lists_are_broken_too() {
    let schema = json!({"allOf": [
        {"type": "object", "required": ["note"], "properties": {
            "note": {"anyOf": [{"type": "string", "maxLength": 9}, {"type": "null"}]}}},
        {"properties": {
            "lines": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["count"], "properties": {
                "count": {"type": "integer", "minimum": 1, "multipleOf": 5}}}},
            "tags": {"type": "array", "uniqueItems": true, "items": {"type": "string"}},
            "prices": {"type": "object", "additionalProperties": {"type": "number"}}}}]});
    let valid = sample(&schema).unwrap();
    let cases = broken(&schema, Some(&valid));
    for (subject, breaks) in [
        ("note", Constraint::Type),
        ("note", Constraint::Length),
        ("note", Constraint::Required),
        ("lines[].count", Constraint::Range),
        ("lines[].count", Constraint::Step),
        ("tags", Constraint::Unique),
        ("prices.watertight", Constraint::Type),
    ] {
        assert!(cases.iter().any(|case| case.subject == subject && case.breaks == breaks), "{subject}: {cases:#?}");
    }
}

#[test]
fn a_text_against_its_pattern_keeps_its_length_and_one_of_the_wrong_length_its_pattern() {
    let schema = json!({"type": "object", "properties": {
        "code": {"type": "string", "minLength": 3, "maxLength": 20, "pattern": "^[A-Za-z ]+$"}}});
    let cases = broken(&schema, Some(&json!({"code": "abc"})));
    let sent = |breaks: Constraint| {
        let case = cases.iter().find(|case| case.subject == "code" && case.breaks == breaks).unwrap();
        case.instance["code"].as_str().unwrap().to_owned()
    };
    assert!((3..=20).contains(&sent(Constraint::Pattern).len()));
    for breaks in [Constraint::Length, Constraint::Short] {
        assert!(sent(breaks).chars().all(|letter| letter.is_ascii_alphabetic()), "{breaks:?}");
    }
}

#[test]
fn what_an_optional_object_demands_is_broken_too_or_said_not_to_be() {
    let with = |zip: Value| {
        json!({"type": "object", "properties": {"title": {"type": "string"}, "address": {
            "type": "object", "required": ["zip"], "properties": {"zip": zip}}}})
    };
    let known = with(json!({"type": "string", "pattern": "^[0-9]{5}$"}));
    let valid = json!({"title": "x"});
    let cases = broken(&known, Some(&valid));
    assert!(cases.iter().any(|case| case.subject == "address.zip" && case.breaks == Constraint::Pattern), "{cases:#?}");
    assert_eq!(unmade(&known, &valid), Vec::<String>::new());
    let unknown = with(json!({"type": "string", "pattern": "^(?:a{9999})$"}));
    assert_eq!(unmade(&unknown, &valid), ["address"]);
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
        "integer" => value
            .as_i64()
            .is_some_and(|n| n >= property["minimum"].as_i64().unwrap() && n <= property["maximum"].as_i64().unwrap()),
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
