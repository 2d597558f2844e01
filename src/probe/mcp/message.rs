//! JSON-RPC messages as a body carries them: one JSON document, or the events of a stream.

use std::sync::Mutex;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::evidence::http::Exchange;

/// The newest protocol version: stateless, told by `server/discover`.
pub(super) const MODERN: &str = "2026-07-28";
/// The newest version that is opened by `initialize`; a server that speaks an older one says so in its answer.
pub(super) const LEGACY: &str = "2025-11-25";

/// Errors that only a server of the modern era gives (2026-07-28: header mismatch, missing capability, unsupported
/// version).
const MODERN_ERRORS: std::ops::RangeInclusive<i64> = -32022..=-32020;

/// A request; without an id, a notification.
pub(super) fn request(id: Option<u64>, method: &str, params: &Value) -> String {
    let mut message = Map::from_iter([("jsonrpc".to_owned(), json!("2.0"))]);
    if let Some(id) = id {
        message.insert("id".into(), json!(id));
    }
    message.insert("method".into(), json!(method));
    message.insert("params".into(), params.clone());
    Value::Object(message).to_string()
}

/// The answer to the request `id` in a whole body of either form.
pub(super) fn answer_in(body: &[u8], id: u64) -> Option<Value> {
    if is_json(body) {
        return match serde_json::from_slice(body).ok()? {
            // A batch (2025-03-26).
            Value::Array(messages) => messages.into_iter().find(|message| answers(message, id)),
            message => Some(message).filter(|message| answers(message, id)),
        };
    }
    let text = String::from_utf8_lossy(body);
    events(&text).into_iter().find_map(|event| answer_of(&event, id))
}

/// The answer to the request `id` in one event.
pub(super) fn answer_of(event: &Event, id: u64) -> Option<Value> {
    serde_json::from_str(&event.data).ok().filter(|message| answers(message, id))
}

/// Whether the message answers the request `id`. An error may have no id where the server could not read the request.
fn answers(message: &Value, id: u64) -> bool {
    match message.get("id") {
        Some(Value::Number(number)) => number.as_u64() == Some(id) && message.get("method").is_none(),
        Some(Value::String(text)) => *text == id.to_string() && message.get("method").is_none(),
        Some(Value::Null) | None => message.get("error").is_some_and(Value::is_object),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => false,
    }
}

/// Whether an error belongs to the modern era alone.
pub(super) fn is_modern_error(message: &Value) -> bool {
    message.pointer("/error/code").and_then(Value::as_i64).is_some_and(|code| MODERN_ERRORS.contains(&code))
}

/// Whether the body was served as what a message comes in (2025-03-26, transports: JSON or an event stream), looks like
/// one, or is no text of any kind that was named, and cannot be read as a message.
pub(super) fn is_garbled(exchange: &Exchange, body: &[u8]) -> bool {
    let kind = exchange.header("content-type").and_then(|value| value.split(';').next()).map(str::trim);
    let another = match kind.filter(|kind| kind.is_ascii() && kind.contains('/')).map(str::to_ascii_lowercase) {
        Some(kind) => !kind.ends_with("json") && kind != "text/event-stream",
        None => std::str::from_utf8(body).is_ok(),
    };
    if body.trim_ascii().is_empty() || (another && !is_json(body)) {
        return false;
    }
    let is_value = |text: &str| serde_json::from_str::<Value>(text).is_ok();
    let text = String::from_utf8_lossy(body);
    !is_value(&text) && !events(&text).iter().any(|event| is_value(&event.data))
}

fn is_json(body: &[u8]) -> bool {
    matches!(body.iter().find(|byte| !byte.is_ascii_whitespace()), Some(b'{' | b'['))
}

/// One event of a stream (HTML standard, server-sent events).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Event {
    /// `message` where the stream names none.
    pub(super) name: String,
    pub(super) data: String,
}

/// The events of `text`; one that the end of the text cut short counts, too.
pub(super) fn events(text: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let mut name = String::new();
    let mut data: Vec<&str> = Vec::new();
    let normal = text.replace("\r\n", "\n").replace('\r', "\n");
    for line in normal.split('\n').chain([""]) {
        if line.is_empty() {
            if !data.is_empty() {
                let name = if name.is_empty() { "message".to_owned() } else { std::mem::take(&mut name) };
                events.push(Event { name, data: data.join("\n") });
            }
            name.clear();
            data.clear();
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut name),
            "data" => data.push(value),
            // Comments, `id` and `retry` carry no message.
            _ => {}
        }
    }
    events
}

/// Watches a body that is still being read, and says when the answer to one request is in it. Every byte is looked at
/// once, so that a server that drips cannot make it slow.
pub(super) struct Watch {
    id: u64,
    position: Mutex<Position>,
}

#[derive(Default)]
struct Position {
    /// Up to here the events are complete and were looked through.
    read: usize,
    /// Up to here no further end of an event was found.
    scanned: usize,
    /// Bytes there were the last time; fewer mean that the request was sent again.
    length: usize,
}

impl Watch {
    pub(super) fn for_answer_to(id: u64) -> Self {
        Self { id, position: Mutex::default() }
    }

    pub(super) fn is_in(&self, body: &[u8]) -> bool {
        if is_json(body) {
            // One document: it ends where the body ends.
            return false;
        }
        let Ok(mut position) = self.position.lock() else { return true };
        if body.len() < position.length {
            *position = Position::default();
        }
        position.length = body.len();
        let Some(end) = last_blank_line(body, position.scanned.saturating_sub(3).max(position.read)) else {
            position.scanned = body.len();
            return false;
        };
        let complete = body.get(position.read..end).unwrap_or_default();
        position.read = end;
        position.scanned = end;
        let text = String::from_utf8_lossy(complete);
        events(&text).iter().any(|event| answer_of(event, self.id).is_some())
    }
}

/// Where the last complete event ends, at or after `from`.
pub(super) fn last_blank_line(body: &[u8], from: usize) -> Option<usize> {
    let rest = body.get(from..)?;
    let ends =
        |needle: &[u8]| rest.windows(needle.len()).rposition(|window| window == needle).map(|at| at + needle.len());
    [ends(b"\n\n"), ends(b"\r\r"), ends(b"\n\r\n")].into_iter().flatten().max().map(|end| from + end)
}

/// SHA-256 (hex) of a tool's description and input schema in canonical JSON: keys sorted, no white space (as RFC 8785
/// sorts them, by UTF-16 units).
pub(crate) fn tool_hash(description: &str, schema: &Value) -> String {
    let mut text = String::new();
    canonical(&json!({ "description": description, "inputSchema": schema }), &mut text);
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        use std::fmt::Write as _;
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => text.push_str(&value.to_string()),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                canonical(item, text);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_by(|(left, _), (right, _)| left.encode_utf16().cmp(right.encode_utf16()));
            text.push('{');
            for (index, (key, value)) in fields.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&Value::String(key.clone()).to_string());
                text.push(':');
                canonical(value, text);
            }
            text.push('}');
        }
    }
}

#[cfg(any(test, feature = "fuzzing"))]
/// A body in pieces and the same body at once have the same answer in them.
pub(crate) fn fuzz_message(bytes: &[u8]) {
    let whole = answer_in(bytes, 1);
    let watch = Watch::for_answer_to(1);
    let seen = (0..=bytes.len()).step_by(7).any(|end| watch.is_in(bytes.get(..end).unwrap_or_default()));
    if seen {
        assert!(whole.is_some(), "an answer was seen in a part that the whole does not have");
    }
    if let Some(message) = whole {
        is_modern_error(&message);
        tool_hash("", &message);
    }
}

#[cfg(test)]
mod tests;
