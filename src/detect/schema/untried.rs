//! Constraints that a schema makes and that no case breaks.

use std::collections::BTreeSet;

use serde_json::Value;

use super::DEPTH;

/// Keywords that bind an instance and are broken nowhere; `format` is told apart, since it binds only where a validator says so
/// (JSON Schema 2020-12, Validation, section 7.2).
const NEVER: [&str; 10] = [
    "not",
    "prefixItems",
    "patternProperties",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "maxProperties",
    "minProperties",
    "contains",
    "if",
];

/// The keywords of the (resolved) schema that no case breaks.
pub fn untried(schema: &Value) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    look(schema, &mut found, 0);
    found
}

fn look(schema: &Value, found: &mut BTreeSet<&'static str>, depth: usize) {
    let Some(schema) = schema.as_object().filter(|_| depth <= DEPTH) else { return };
    found.extend(NEVER.iter().copied().filter(|keyword| schema.contains_key(*keyword)));
    let named = schema.get("properties").and_then(Value::as_object).into_iter().flat_map(|named| named.values());
    let parts = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|keyword| schema.get(keyword)?.as_array()).flatten();
    let single = ["items", "additionalProperties"].into_iter().filter_map(|keyword| schema.get(keyword));
    for part in named.chain(parts).chain(single) {
        look(part, found, depth + 1);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn constraints_that_no_case_breaks_are_named_and_properties_of_their_names_are_not() {
        let schema = json!({"properties": {
            "contains": {"type": "string"},
            "list": {"items": {"allOf": [{"not": {"const": 1}}]}, "prefixItems": [{"type": "string"}]}
        }});
        assert_eq!(untried(&schema), BTreeSet::from(["not", "prefixItems"]));
    }
}
