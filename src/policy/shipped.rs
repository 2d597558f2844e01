//! The shipped policy, embedded in the binary, and the block of it that is a fold over the registry.

use std::fmt::Write as _;

use serde_json::Value;

use crate::check::Module;
use crate::checks::ALL;

/// `policy.yaml` at the root of the project.
pub const TEXT: &str = include_str!("../../policy.yaml");
/// How the report names it.
pub const NAME: &str = "(embedded)";

/// The `checks:` block with every knob at its default; a test compares it with the committed one.
pub fn checks() -> String {
    let mut text = String::from("checks:\n");
    for module in ALL {
        text.push_str(&block(module));
    }
    text
}

/// One item's block, as `explain` prints it, too.
pub fn block(module: &Module) -> String {
    let about = module.about;
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "  # {} ({})", about.title, about.statements.join(", "));
    let knobs = (module.knobs)();
    let descriptions = descriptions(module);
    match knobs.as_object().filter(|knobs| !knobs.is_empty()) {
        None => {
            let _ = writeln!(text, "  {}: {{}}", about.id);
        }
        Some(knobs) => {
            let _ = writeln!(text, "  {}:", about.id);
            for (knob, value) in knobs {
                if let Some(description) = descriptions.get(knob).and_then(Value::as_str) {
                    for line in description.lines() {
                        let _ = writeln!(text, "    # {}", line.trim());
                    }
                }
                let _ = writeln!(text, "    {knob}: {}", scalar(value));
            }
        }
    }
    text
}

/// What the knobs' own documentation says, by knob.
fn descriptions(module: &Module) -> serde_json::Map<String, Value> {
    let mut generator = schemars::SchemaGenerator::default();
    let reference = (module.schema)(&mut generator).to_value();
    let definitions = Value::Object(generator.take_definitions(true));
    let name = reference.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
    let schema = name.and_then(|name| definitions.get(name)).unwrap_or(&reference);
    schema
        .get("properties")
        .and_then(Value::as_object)
        .map(|properties| {
            properties
                .iter()
                .filter_map(|(knob, schema)| Some((knob.clone(), schema.get("description")?.clone())))
                .collect()
        })
        .unwrap_or_default()
}

/// A value in YAML's flow style: plain where that reads back as the same text, else as JSON, which YAML contains.
pub fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if reads_back(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(scalar).collect::<Vec<_>>().join(", ")),
        value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            value.to_string()
        }
    }
}

fn reads_back(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '/')
        && text.chars().all(|character| character.is_ascii_alphanumeric() || "-_./".contains(character))
        && text.parse::<f64>().is_err()
        && !matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "null" | "yes" | "no" | "on" | "off")
}
