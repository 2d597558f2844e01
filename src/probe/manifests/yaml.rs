//! YAML with the lines that a reader needs to find what is meant.

use serde::Deserialize as _;
use serde_yaml::Value;

use super::base;

pub(super) fn is(name: &str) -> bool {
    let base = base(name).to_lowercase();
    [".yml", ".yaml"].iter().any(|end| base.ends_with(end))
}

/// Every document of the file. An alias bomb is refused by the parser's own limit.
pub(super) fn documents(text: &str) -> Result<Vec<Value>, String> {
    serde_yaml::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).map_err(|error| error.to_string()))
        .collect()
}

/// A scalar as text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bool) => Some(bool.to_string()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => None,
    }
}

pub(super) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(*key))
}

pub(super) fn text_at(value: &Value, path: &[&str]) -> Option<String> {
    at(value, path).and_then(text)
}

/// Every scalar below a value, keys included: what a setting may hide in.
pub(super) fn scalars(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Sequence(items) => items.iter().for_each(|item| scalars(item, into)),
        Value::Mapping(mapping) => {
            for (key, value) in mapping {
                match (text(key), text(value)) {
                    (Some(key), Some(value)) => into.push(format!("{key}={value}")),
                    (key, _) => {
                        into.extend(key);
                        scalars(value, into);
                    }
                }
            }
        }
        Value::Tagged(tagged) => scalars(&tagged.value, into),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => into.extend(text(value)),
    }
}

pub(super) fn port(text: &str) -> Option<u16> {
    text.trim().parse().ok()
}
