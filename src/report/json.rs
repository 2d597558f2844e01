//! The report as JSON, and its schema.

use super::Report;

/// The JSON document, indented, with a newline at its end. JSON's own escaping keeps control characters out; what
/// would reorder text in a viewer is escaped beyond that.
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(report)?.chars().fold(String::new(), |mut text, character| {
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
