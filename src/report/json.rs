//! The report as JSON, and its schema.

use super::Report;

/// The JSON document.
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    pretty(report)
}

/// Any JSON that is printed: indented, with a newline at its end. JSON's own escaping keeps control characters below a
/// blank out; what would be obeyed beyond these, or reorder text in a viewer, is escaped here.
pub fn pretty(value: &impl serde::Serialize) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(value)?.chars().fold(String::new(), |mut text, character| {
        if super::escape::is_unsafe(character) && character != '\n' {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                use std::fmt::Write as _;
                // Writing to a String cannot fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(character);
        }
        text
    });
    text.push('\n');
    Ok(text)
}

/// The JSON Schema of the report.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Report).to_value()
}
