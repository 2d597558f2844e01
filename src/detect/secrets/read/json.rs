//! JSON and its relatives (comments, single quotes, names without quotes, fragments), by the name of each value.

use std::ops::Range;

use super::{DEEPEST, Members, flagged, loose, member};
use crate::detect::secrets::place::Syntax;
use crate::detect::secrets::weigh::{Pair, Scale};

/// What is open around a value.
#[derive(Default)]
struct Open {
    array: bool,
    key: String,
    /// The key that this container is the value of.
    of: String,
    members: Members,
    last: Option<Range<usize>>,
    /// `"kty"` and `"d"` of a JSON Web Key.
    key_type: bool,
}

/// Reads a piece of text; `around` names what encloses it.
pub(super) fn read(text: &str, span: Range<usize>, around: &str, scale: &mut Scale<'_>) {
    let bytes = text.as_bytes();
    let mut stack = vec![Open { of: around.into(), key: around.into(), ..Open::default() }];
    let mut at = span.start;
    while at < span.end {
        let Some(byte) = bytes.get(at) else { break };
        match byte {
            b'{' | b'[' => {
                let of = stack.last().map(|open| open.key.clone()).unwrap_or_default();
                if stack.len() < DEEPEST {
                    let array = *byte == b'[';
                    let key = if array { of.clone() } else { String::new() };
                    stack.push(Open { array, key, of, ..Open::default() });
                }
                at += 1;
            }
            b'}' | b']' => {
                if stack.len() > 1 {
                    stack.pop();
                }
                at += 1;
            }
            b'"' | b'\'' | b'`' => {
                let (inside, end) = string(bytes, at, span.end);
                let quoted = inside;
                if let Some(value_at) = is_key(bytes, end, span.end) {
                    if let Some(open) = stack.last_mut() {
                        text.get(quoted).unwrap_or_default().clone_into(&mut open.key);
                    }
                    at = value_at;
                } else {
                    value(text, quoted, true, &mut stack, scale);
                    at = end;
                }
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                let end = line_end(bytes, at, span.end);
                loose(Syntax::Text, text, at..end, scale);
                at = end;
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                let end =
                    text.get(at..span.end).and_then(|rest| rest.find("*/")).map_or(span.end, |length| at + length + 2);
                loose(Syntax::Text, text, at..end, scale);
                at = end;
            }
            b'#' => at = line_end(bytes, at, span.end),
            b',' => {
                if let Some(open) = stack.last_mut()
                    && !open.array
                {
                    open.key.clear();
                }
                at += 1;
            }
            byte if byte.is_ascii_whitespace() || *byte == b':' || *byte == b'=' => at += 1,
            _ => {
                let end = bare_end(bytes, at, span.end);
                if let Some(value_at) = is_key(bytes, end, span.end) {
                    if let Some(open) = stack.last_mut() {
                        text.get(at..end).unwrap_or_default().clone_into(&mut open.key);
                    }
                    at = value_at;
                } else {
                    value(text, at..end, false, &mut stack, scale);
                    at = end.max(at + 1);
                }
            }
        }
    }
}

fn value(text: &str, span: Range<usize>, quoted: bool, stack: &mut [Open], scale: &mut Scale<'_>) {
    let Some(open) = stack.last_mut() else { return };
    let around = if open.array { "" } else { open.of.as_str() };
    if open.array {
        flagged(text, open.last.as_ref(), &span, scale);
        open.last = Some(span.clone());
    }
    if open.key == "kty" {
        open.key_type = true;
    }
    if open.key == "d" && open.key_type && span.len() >= 22 {
        let material = text.get(span.clone()).unwrap_or_default();
        scale.pair(&Pair::new("private_key", "", material, span, true));
        return;
    }
    let key = std::mem::take(&mut open.key);
    member(text, &key, around, &span, quoted, &mut open.members, scale);
    open.key = key;
}

/// The inside of a string, and the place behind its closing quote.
fn string(bytes: &[u8], at: usize, stop: usize) -> (Range<usize>, usize) {
    let quote = bytes.get(at).copied().unwrap_or(b'"');
    let mut index = at + 1;
    while index < stop {
        match bytes.get(index) {
            Some(b'\\') => index += 1,
            Some(byte) if *byte == quote => return (at + 1..index, index + 1),
            // A quote that was never closed ends with its line, except in a template string.
            Some(b'\n') if quote != b'`' => return (at + 1..index, index),
            Some(_) => {}
            None => break,
        }
        index += 1;
    }
    (at + 1..stop, stop)
}

/// Where the value begins, if what ends at `end` is a name.
fn is_key(bytes: &[u8], end: usize, stop: usize) -> Option<usize> {
    let blank = bytes.get(end..stop)?.iter().take(100).take_while(|byte| byte.is_ascii_whitespace()).count();
    match bytes.get(end + blank)? {
        b':' => Some(end + blank + 1),
        b'=' => Some(end + blank + 1 + usize::from(bytes.get(end + blank + 1) == Some(&b'>'))),
        _ => None,
    }
}

fn bare_end(bytes: &[u8], at: usize, stop: usize) -> usize {
    let length = bytes
        .get(at..stop)
        .unwrap_or_default()
        .iter()
        .take_while(|byte| {
            !matches!(
                byte,
                b',' | b':' | b'=' | b'{' | b'}' | b'[' | b']' | b'"' | b'\'' | b'\n' | b' ' | b'\t' | b'\r'
            )
        })
        .count();
    at + length
}

fn line_end(bytes: &[u8], at: usize, stop: usize) -> usize {
    bytes.get(at..stop).unwrap_or_default().iter().position(|byte| *byte == b'\n').map_or(stop, |length| at + length)
}
