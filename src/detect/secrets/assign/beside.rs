//! Values that stand beside their name and are not assigned to it on the spot: under a label, in a tuple, on the other side of an
//! expression, on the next line.

use std::ops::Range;

use super::super::calls::is_user;
use super::literal::{Literal, follows, inside, is_lookup, literal};

/// How far a value may be from its name.
const FARTHEST: usize = 300;

/// The span of a literal that begins at `at`, blanks aside.
fn span_at(text: &[u8], at: usize, end: usize) -> Option<Range<usize>> {
    let rest = text.get(at..end)?;
    let Literal { open, close } = literal(rest)?;
    let length = inside(rest.get(open..)?, close)?;
    Some(at + open..at + open + length)
}

fn line_end(text: &[u8], at: usize, end: usize) -> usize {
    let end = end.min(at + FARTHEST).min(text.len());
    text.get(at..end).and_then(|rest| rest.iter().position(|byte| *byte == b'\n')).map_or(end, |length| at + length)
}

fn line_start(text: &[u8], at: usize) -> usize {
    let from = at.saturating_sub(FARTHEST);
    let before = text.get(from..at).unwrap_or_default();
    before.iter().rposition(|byte| *byte == b'\n').map_or(from, |index| from + index + 1)
}

/// Labels behind a name that is a string itself: `("--token", default="…")`, `(key: 'password', value: '…')`.
const LABELS: &[&str] =
    &["default", "default_value", "defaultvalue", "value", "val", "with", "fallback", "secret", "text", "initial"];

/// The value of a quoted name, behind a label of its own.
pub(super) fn labelled(text: &[u8], name_end: usize, end: usize) -> Option<Range<usize>> {
    let end = line_end(text, name_end, end);
    let rest = text.get(name_end..end)?;
    let quote = rest.iter().take(2).position(|byte| matches!(byte, b'"' | b'\''))?;
    let mut at = quote + 1;
    // Only what lies in the same brackets.
    if !rest.get(at..)?.trim_ascii_start().starts_with(b",") {
        return None;
    }
    while let Some(found) = rest.get(at..)?.iter().position(|byte| matches!(byte, b'=' | b':')).map(|found| at + found)
    {
        let before = rest.get(at..found)?;
        if before.iter().any(|byte| matches!(byte, b')' | b'}' | b';')) {
            return None;
        }
        let word = before.trim_ascii_end().rsplit(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_').next()?;
        let label = std::str::from_utf8(word).ok()?.to_ascii_lowercase();
        if LABELS.contains(&label.as_str()) && follows(rest.get(found + 1..)?) {
            return span_at(text, name_end + found + 1, end);
        }
        at = found + 1;
    }
    None
}

/// The value before its name: `set("…", forKey: "password")`, `setValue:@"…" forHTTPHeaderField:@"X-Api-Key"`.
pub(super) fn before(text: &[u8], name_start: usize) -> Option<Range<usize>> {
    let from = line_start(text, name_start);
    let line = text.get(from..name_start)?;
    let line = line.strip_suffix(b"\"").or_else(|| line.strip_suffix(b"'"))?;
    let line = line.strip_suffix(b"@").unwrap_or(line).trim_ascii_end();
    let line = line.strip_suffix(b":")?.trim_ascii_end();
    let word = line.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let (head, label) = line.split_at_checked(line.len() - word)?;
    if ![&b"forKey"[..], b"forHTTPHeaderField", b"forAccount", b"forService", b"withKey"].contains(&label) {
        return None;
    }
    let head = head.trim_ascii_end();
    let head = head.strip_suffix(b",").unwrap_or(head).trim_ascii_end();
    let close = head.len().checked_sub(1)?;
    let quote = head.get(close).copied().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let open = head.get(..close)?.iter().rposition(|byte| *byte == quote)? + 1;
    Some(from + open..from + close)
}

/// The value on the left: `"…".equals(password)`, `'…' == password`, `"…" -> password`.
pub(super) fn turned(text: &[u8], name_start: usize) -> Option<Range<usize>> {
    // Cheap first: few names have a literal before them.
    if !text.get(name_start.saturating_sub(40)..name_start)?.iter().any(|byte| matches!(byte, b'"' | b'\'')) {
        return None;
    }
    let from = line_start(text, name_start);
    let head = text.get(from..name_start)?;
    let path = head.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || b"_.>$&*".contains(byte)).count();
    let head = head.get(..head.len() - path)?;
    let head = [&b".equals("[..], b"=== ", b"== ", b" eq ", b"-> ", b"!= "]
        .iter()
        .find_map(|mark| head.strip_suffix(*mark))?;
    let head = head.trim_ascii_end();
    let close = head.len().checked_sub(1)?;
    let quote = head.get(close).copied().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let open = head.get(..close)?.iter().rposition(|byte| *byte == quote)? + 1;
    Some(from + open..from + close)
}

/// Whether the name of a user is given right before, in the same brackets: `user: 'editor', password: '…'`.
pub(super) fn has_user(text: &[u8], name_start: usize) -> bool {
    const NEAR: usize = 200;
    const NAMES: &[&[u8]] = &[b"user", b"login", b"mail", b"usuario", b"benutzer", b"utilisateur", b"account", b"uid"];
    let before = text.get(name_start.saturating_sub(NEAR)..name_start).unwrap_or_default();
    let open = before.iter().rposition(|byte| matches!(byte, b'}' | b';')).map_or(0, |at| at + 1);
    let before = before.get(open..).unwrap_or_default();
    let lower = before.to_ascii_lowercase();
    NAMES.iter().any(|name| {
        memchr::memmem::find_iter(&lower, name).any(|at| {
            let rest = before.get(at + name.len()..).unwrap_or_default();
            given(rest).is_some_and(is_user)
        })
    })
}

/// The literal that is assigned behind the rest of a name.
fn given(rest: &[u8]) -> Option<&[u8]> {
    let name = rest.iter().take(12).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let rest = rest.get(name..)?;
    let signs = rest.iter().take(12).take_while(|byte| b"\"'])} \t:=>-".contains(byte)).count();
    let between = rest.get(..signs)?;
    // ` to "…"` of Kotlin.
    let word = rest.get(signs..)?.strip_prefix(b"to \"");
    if word.is_none() && !between.iter().any(|byte| matches!(byte, b':' | b'=' | b'>')) {
        return None;
    }
    let (quote, inside) = match word {
        Some(inside) => (b'"', inside),
        None => (*between.last().filter(|byte| matches!(byte, b'"' | b'\''))?, rest.get(signs..)?),
    };
    let length = inside.iter().position(|byte| *byte == quote)?;
    inside.get(..length)
}

/// One of several names and of several values: `my ($user, $password) = ('…', '…')`, `USER, PASSWORD = "…", "…"`.
pub(super) fn in_tuple(text: &[u8], name_start: usize, name_end: usize) -> Option<Range<usize>> {
    let (from, end) = (line_start(text, name_start), line_end(text, name_end, text.len()));
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_$@%, \t([{&".contains(byte);
    let head = text.get(from..name_start)?;
    let tail = text.get(name_end..end)?;
    let equals = tail.iter().position(|byte| *byte == b'=')?;
    let rest_of_names = tail.get(..equals)?;
    if !head.iter().all(part)
        || !rest_of_names.iter().all(|byte| part(byte) || matches!(byte, b')' | b']' | b'}' | b':'))
    {
        return None;
    }
    let commas = |text: &[u8]| text.iter().filter(|byte| **byte == b',').count();
    let (index, more) = (commas(head), commas(rest_of_names));
    if index + more == 0 {
        return None;
    }
    let (mut at, stop) = (name_end + equals + 1, end);
    let opened =
        text.get(at..stop)?.iter().take_while(|byte| byte.is_ascii_whitespace() || matches!(byte, b'(' | b'[')).count();
    at += opened;
    let mut found = None;
    for number in 0..=index + more {
        let blank = text.get(at..stop)?.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        at += blank;
        match span_at(text, at, stop).filter(|span| span.start <= at + 3) {
            Some(span) => {
                at = span.end + 1;
                if number == index {
                    found = Some(span);
                }
            }
            None if number == index => return None,
            None => {}
        }
        let length = text.get(at..stop)?.iter().position(|byte| *byte == b',');
        match length {
            Some(length) => at += length + 1,
            None if number == index + more => {}
            None => return None,
        }
    }
    found
}

/// Literals that stand in for something else in an expression: `x || "…"`, `x ?? "…"`, `x ? "…" : "…"`, `x or '…'`,
/// and the default of a lookup, `config("name", "…")`.
pub(super) fn stand_ins(text: &[u8], at: usize, end: usize) -> Vec<Range<usize>> {
    let end = line_end(text, at, end);
    let rest = text.get(at..end).unwrap_or_default();
    let (mut found, mut index, mut ternary) = (Vec::new(), 0, false);
    let mut call = None;
    while let Some(byte) = rest.get(index) {
        let tail = rest.get(index..).unwrap_or_default();
        let mark: &[u8] = match byte {
            b'|' if tail.starts_with(b"|| ") => b"||",
            b'?' if tail.starts_with(b"?? ") => b"??",
            b'?' if tail.starts_with(b"?: ") => b"?:",
            b'/' if tail.starts_with(b"// ") => b"//",
            b'?' if tail.starts_with(b"? ") => {
                ternary = true;
                b"?"
            }
            b':' if ternary && tail.starts_with(b": ") => b":",
            b'o' if tail.starts_with(b"or ") && index > 0 && rest.get(index - 1) == Some(&b' ') => b"or",
            b'(' => {
                let head = rest.get(..index).unwrap_or_default();
                let word = head.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
                call = Some(is_lookup(head.get(head.len() - word..).unwrap_or_default()));
                b""
            }
            // `get("name", "…")`: the first argument is a name.
            b',' if call == Some(true)
                && rest.get(..index).is_some_and(|head| head.ends_with(b"\"") || head.ends_with(b"'")) =>
            {
                b","
            }
            // `field(default="…")`, `x if x else "…"`
            b'=' if rest.get(..index).is_some_and(|head| head.ends_with(b"default")) => b"=",
            b'e' if tail.starts_with(b"else ") && index > 0 && rest.get(index - 1) == Some(&b' ') => b"else",
            b'"' | b'\'' | b'`' => {
                // A literal that nothing stands in for is passed over.
                index += 1 + rest
                    .get(index + 1..)
                    .and_then(|rest| rest.iter().position(|next| next == byte))
                    .unwrap_or(rest.len());
                b""
            }
            b';' | b'{' | b'}' => break,
            _ => b"",
        };
        index += mark.len().max(1);
        if !mark.is_empty()
            && let Some(span) = span_at(text, at + index, end).filter(|span| span.start <= at + index + 3)
        {
            index = span.end + 1 - at;
            found.push(span);
        }
    }
    found
}

/// What a function or a property of this name gives back: `fn password() -> &str { "…" }`, `fun password() = "…"`,
/// `def password; '…'; end`, `var secretKey: String { return "…" }`.
pub(super) fn returned(text: &[u8], name_end: usize, end: usize) -> Option<Range<usize>> {
    let end = line_end(text, name_end, end);
    let rest = text.get(name_end..end)?;
    let mut at = 0;
    let blank = |at: usize| rest.get(at..).unwrap_or_default().iter().take_while(|byte| **byte == b' ').count();
    at += blank(at);
    if rest.get(at..).is_some_and(|rest| rest.starts_with(b"get()")) {
        at += 3;
    }
    if rest.get(at) == Some(&b'(') {
        at += rest.get(at..)?.iter().position(|byte| *byte == b')')? + 1;
        at += blank(at);
    }
    // The type of what is given back.
    if rest.get(at..).is_some_and(|rest| rest.starts_with(b"->") || rest.starts_with(b": ")) {
        at += 2;
        let named = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_ &'<>:?".contains(byte);
        at += rest.get(at..)?.iter().take(40).take_while(named).count();
    }
    // `Token::new("…")` is a path.
    if rest.get(at..)?.starts_with(b"::") || !matches!(rest.get(at)?, b'{' | b'=' | b':' | b';') {
        return None;
    }
    at += 1 + blank(at + 1);
    if rest.get(at..).is_some_and(|rest| rest.starts_with(b"return ")) {
        at += 7;
    }
    span_at(text, name_end + at, end)
}

/// The literals of a list: `passwords = ["…", "…"]`.
pub(super) fn listed(text: &[u8], at: usize, end: usize) -> Vec<Range<usize>> {
    let end = line_end(text, at, end);
    let mut found = Vec::new();
    let rest = text.get(at..end).unwrap_or_default();
    if !matches!(rest.first(), Some(b'[' | b'{')) {
        return found;
    }
    let mut next = at + 1;
    while let Some(span) = span_at(text, next, end).filter(|_| found.len() < 16) {
        let behind = span.end + 1;
        found.push(span);
        let tail = text.get(behind..end).unwrap_or_default();
        let blank = tail.iter().take_while(|byte| **byte == b' ').count();
        match tail.get(blank) {
            Some(b',') => next = behind + blank + 1,
            // Another bracket is that of a map or of a list of lists.
            // Pieces of something that only a run puts together are no values.
            Some(b']' | b'}') => {
                let behind = tail.get(blank + 1..).unwrap_or_default();
                let pieces = [&b".concat"[..], b".join"].iter().any(|method| behind.starts_with(method));
                return if pieces { Vec::new() } else { found };
            }
            _ => return Vec::new(),
        }
    }
    found
}

/// The literal on the next line, where the operator ends its own: `TOKEN = (\n    "…"`.
pub(super) fn below(text: &[u8], at: usize, end: usize) -> Option<Range<usize>> {
    let stop = line_end(text, at, end);
    let left = text.get(at..stop)?.trim_ascii();
    if !matches!(left, b"" | b"(" | b"\\" | b"[" | b"_") || text.get(stop) != Some(&b'\n') {
        return None;
    }
    let next = line_end(text, stop + 1, end);
    let blank = text.get(stop + 1..next)?.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    // Only a literal that is all of its line, but for what closes it.
    let span = span_at(text, stop + 1 + blank, next).filter(|span| span.start <= stop + blank + 5)?;
    let tail = text.get(span.end + 1..next)?.trim_ascii();
    tail.iter().all(|byte| b"),;]\"'#.+\\ ".contains(byte)).then_some(span)
}

/// The function that compares or copies: `strcmp(password, "…")`, `hash_equals($token, '…')`.
pub(super) fn compared(text: &[u8], name_start: usize, name_end: usize, end: usize) -> Option<Range<usize>> {
    const CALLS: &[&[u8]] = &[
        b"strcmp(",
        b"strncmp(",
        b"strcasecmp(",
        b"strcpy(",
        b"strncpy(",
        b"strlcpy(",
        b"strcpy_s(",
        b"equals(",
        b"equal(",
        b"compare_digest(",
        b"timingSafeEqual(",
        b"ConstantTimeCompare(",
        b"compare(",
        b"Compare(",
        b"isEqual(",
        b"memcmp(",
    ];
    let from = line_start(text, name_start);
    let head = text.get(from..name_start)?;
    let path = head.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || b"_.->$&*".contains(byte)).count();
    let head = head.get(..head.len() - path)?;
    if !CALLS.iter().any(|call| head.ends_with(call)) {
        return None;
    }
    let stop = line_end(text, name_end, end);
    let rest = text.get(name_end..stop)?;
    let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b')')).count();
    (rest.get(blank) == Some(&b',')).then(|| span_at(text, name_end + blank + 1, stop))?
}
