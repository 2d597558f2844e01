//! Secrets that are known by the name they are assigned to, in configuration and in source text.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::value::{
    NameSays, is_ciphertext, is_password_hash, is_password_like, is_random, is_wordy, looks, name_says,
};
use super::{Hit, Syntax};
use crate::evidence::repo::{Confidence, ValueKind};

/// Common words that stand in a secret's name. Frequent, so only a line with an assignment is looked at further.
static KEYWORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(["pass", "pwd", "secret", "token", "key", "auth", "cred", "bearer", "salt", "dsn", "cookie"])
        .ok()
});

/// Characters of a line that are looked at, from the keyword on: minified text has lines of megabytes.
const REACH: usize = 512;

pub(super) fn find(syntax: Syntax, text: &[u8], hits: &mut Vec<Hit>) {
    let Some(keywords) = &*KEYWORDS else { return };
    let mut done = 0;
    for keyword in keywords.find_iter(text) {
        if keyword.start() < done {
            continue;
        }
        if let Some((end, hit)) = assignment(syntax, text, keyword.start()) {
            done = end;
            hits.extend(hit);
        }
    }
}

fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// The assignment around the keyword at `at`: where it ends, and what it gives away.
fn assignment(syntax: Syntax, text: &[u8], at: usize) -> Option<(usize, Option<Hit>)> {
    let before = text.get(..at)?.iter().rev().take(80).take_while(|byte| in_name(**byte)).count();
    let start = at - before;
    let after = text.get(at..)?.iter().take(80).take_while(|byte| in_name(**byte)).count();
    let name_end = at + after;
    let name = std::str::from_utf8(text.get(start..name_end)?).ok()?.trim_matches(['.', '-']);
    let line_end = text
        .get(name_end..text.len().min(name_end + REACH))?
        .iter()
        .position(|byte| *byte == b'\n' || *byte == b'\r')
        .map_or(text.len().min(name_end + REACH), |length| name_end + length);
    let rest = text.get(name_end..line_end)?;
    let says = name_says(name);
    if says == NameSays::No {
        return None;
    }
    // `Status::Pass`: a path, no name.
    if text.get(..start)?.ends_with(b"::") {
        return None;
    }
    let setter = name.rsplit('.').next().is_some_and(|method| method.starts_with("set") || method.starts_with("with"));
    let previous = start.checked_sub(1).and_then(|index| text.get(index)).copied();
    let (offset, quoted, joined) = operator(rest, previous, setter)?;
    let value_at = name_end + offset;
    let raw = text.get(value_at..line_end)?;
    let (value, length) = match quoted {
        Some(quote) => {
            let length = closing(raw, quote)?;
            (raw.get(..length)?, length)
        }
        None => {
            let inside_string = joined && matches!(previous, Some(b';' | b'&' | b'?' | b'"' | b'\'' | b' ' | b','));
            if syntax == Syntax::Code && !(inside_string && rest.contains(&b'"')) {
                return None;
            }
            let length = bare(syntax, raw, inside_string || syntax == Syntax::Code);
            (raw.get(..length)?, length)
        }
    };
    let value = std::str::from_utf8(value).ok()?;
    let (value_start, value) = strip_scheme(value_at, value);
    let end = value_at + length;
    let Some(confidence) = decide(syntax, says, name, value, quoted.is_some()) else {
        return Some((end, None));
    };
    let hit = Hit {
        rule: match says {
            NameSays::Password => "password",
            NameSays::Secret | NameSays::Maybe | NameSays::No => "secret-assignment",
        },
        what: match says {
            NameSays::Password => "password".into(),
            NameSays::Secret | NameSays::Maybe | NameSays::No => "secret value".into(),
        },
        confidence,
        line: 0,
        span: value_start..value_start + value.len(),
        name: Some(super::bounded(name, 80)),
        allowed: false,
        random: false,
        hint: format!("{} characters", value.chars().count()),
    };
    Some((end, Some(hit)))
}

/// Bytes from the name's end to the value, the quote that opens it, and whether the operator is a bare `=`.
fn operator(rest: &[u8], previous: Option<u8>, setter: bool) -> Option<(usize, Option<u8>, bool)> {
    let mut at = 0;
    let skip = |at: &mut usize, set: &[u8]| {
        let length = rest.get(*at..).unwrap_or_default().iter().take_while(|byte| set.contains(byte)).count();
        *at += length;
        length
    };
    // The end of a quoted or bracketed name: `"name":`, `['name'] =`, `:name =>`, `name\":`.
    if matches!(previous, Some(b'"' | b'\'' | b'`' | b'<' | b'[' | b'\\' | b':')) {
        skip(&mut at, b"\"'`]\\");
    }
    if previous == Some(b'<') && rest.get(at) == Some(&b'>') {
        return Some((at + 1, Some(b'<'), false));
    }
    skip(&mut at, b" \t");
    // A type between name and value: `key: &str = "…"`, `const key string = "…"`, `String key = "…"`.
    if let Some(equals) = rest.iter().position(|byte| *byte == b'=')
        && rest.get(at..equals).is_some_and(|between| {
            between.len() < 40
                && between.first().is_some_and(|byte| *byte == b':' || byte.is_ascii_alphabetic())
                && between.iter().all(|byte| byte.is_ascii_alphanumeric() || b" \t:&'<>?_[]|".contains(byte))
        })
        && rest
            .get(equals + 1..)
            .is_some_and(|tail| tail.trim_ascii_start().first().is_some_and(|byte| b"\"'`".contains(byte)))
    {
        at = equals;
    }
    let operator_at = at;
    match rest.get(at)? {
        b':' => {
            at += 1;
            if matches!(rest.get(at), Some(b'=' | b':')) {
                at += 1;
            }
        }
        b'=' => {
            at += 1;
            match rest.get(at) {
                Some(b'>') => at += 1,
                // A comparison is no assignment, but `== "…"` with a literal gives it away all the same.
                Some(b'=') => {
                    at += 1;
                    if rest.get(at) == Some(&b'=') {
                        at += 1;
                    }
                }
                _ => {}
            }
        }
        b'?' if rest.get(at + 1) == Some(&b'=') => at += 2,
        // `("password", "…")` and `setPassword("…")`; other calls and lists only mention the name.
        b',' if matches!(previous, Some(b'"' | b'\'')) && literal_follows(rest, at) => at += 1,
        b'(' if setter && literal_follows(rest, at) => at += 1,
        _ => return None,
    }
    // `Password=abc;` of a connection string: no blank on either side.
    let joined =
        operator_at == 0 && rest.first() == Some(&b'=') && at == 1 && !matches!(rest.get(1), Some(b' ' | b'\t'));
    skip(&mut at, b" \t");
    // Prefixes of string literals: `b"…"`, `r"…"`, `u'…'`, `@"…"`, `\"…`.
    if matches!(rest.get(at), Some(b'b' | b'r' | b'u' | b'f' | b'@')) && matches!(rest.get(at + 1), Some(b'"' | b'\''))
    {
        at += 1;
    }
    if rest.get(at) == Some(&b'\\') && matches!(rest.get(at + 1), Some(b'"')) {
        return Some((at + 2, Some(b'\\'), false));
    }
    match rest.get(at) {
        Some(quote @ (b'"' | b'\'' | b'`')) => Some((at + 1, Some(*quote), false)),
        Some(_) => Some((at, None, joined)),
        None => None,
    }
}

fn literal_follows(rest: &[u8], at: usize) -> bool {
    rest.get(at + 1..).is_some_and(|tail| matches!(tail.trim_ascii_start().first(), Some(b'"' | b'\'')))
}

/// Length up to the closing quote; an escaped quote is part of the value.
fn closing(raw: &[u8], quote: u8) -> Option<usize> {
    let mut escaped = false;
    for (index, byte) in raw.iter().enumerate() {
        if quote == b'\\' && *byte == b'\\' && raw.get(index + 1) == Some(&b'"') {
            return Some(index);
        }
        if *byte == quote && !escaped {
            return Some(index);
        }
        escaped = *byte == b'\\' && !escaped;
    }
    None
}

/// Length of a value without quotes.
fn bare(syntax: Syntax, raw: &[u8], inside_string: bool) -> usize {
    let stop = raw.iter().enumerate().position(|(index, byte)| match byte {
        b' ' | b'\t' => {
            // In .env and YAML a comment ends the value; elsewhere any blank does.
            inside_string
                || syntax == Syntax::Text
                || matches!(raw.get(index + 1), Some(b'#' | b';' | b' '))
                || syntax == Syntax::Shell
        }
        b'"' | b'\'' | b'`' | b'<' | b'>' => true,
        b';' | b'&' => inside_string || matches!(syntax, Syntax::Shell | Syntax::Text),
        b',' | b')' | b'}' => inside_string || syntax == Syntax::Text,
        _ => false,
    });
    let length = stop.unwrap_or(raw.len());
    raw.get(..length).map_or(0, |value| value.trim_ascii_end().len())
}

/// `Bearer abc` and `Basic abc` are `abc`.
fn strip_scheme(at: usize, value: &str) -> (usize, &str) {
    for scheme in ["Bearer ", "bearer ", "Basic ", "token ", "Token "] {
        if let Some(rest) = value.strip_prefix(scheme) {
            return (at + scheme.len(), rest);
        }
    }
    (at, value)
}

fn decide(syntax: Syntax, says: NameSays, name: &str, value: &str, quoted: bool) -> Option<Confidence> {
    if looks(value) != ValueKind::Secret || is_ciphertext(value) || value.len() > 400 {
        return None;
    }
    // `password: password`, `API_KEY=api_key`.
    let plain = |text: &str| {
        text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>()
    };
    if plain(name).contains(&plain(value)) {
        return None;
    }
    if is_password_hash(value) {
        return Some(Confidence::Low);
    }
    let wordy = is_wordy(value);
    let random = is_random(value) && !wordy;
    let chosen = is_password_like(value);
    let confidence = match (says, syntax) {
        (NameSays::Password, Syntax::Config | Syntax::Shell) => {
            if chosen || random || value.len() >= 8 && !value.contains(' ') {
                Confidence::Medium
            } else {
                Confidence::Low
            }
        }
        (NameSays::Password, Syntax::Code | Syntax::Text) => {
            if random || chosen && value.len() >= 8 {
                Confidence::Medium
            } else {
                Confidence::Low
            }
        }
        (NameSays::Secret, Syntax::Config | Syntax::Shell) => {
            if random || chosen && value.len() >= 12 {
                Confidence::Medium
            } else {
                Confidence::Low
            }
        }
        (NameSays::Secret, Syntax::Code | Syntax::Text) => {
            if random {
                Confidence::Medium
            } else {
                Confidence::Low
            }
        }
        (NameSays::Maybe, Syntax::Config | Syntax::Shell | Syntax::Code | Syntax::Text) => {
            if random && value.len() >= 20 && super::value::entropy(value) > 3.7 {
                Confidence::Medium
            } else {
                Confidence::Low
            }
        }
        (NameSays::No, Syntax::Config | Syntax::Shell | Syntax::Code | Syntax::Text) => return None,
    };
    // Text without quotes is mostly prose.
    match (syntax, quoted) {
        (Syntax::Text, false) if !random => None,
        (Syntax::Text | Syntax::Config | Syntax::Shell | Syntax::Code, _) => Some(confidence),
    }
}
