//! String literals of all languages: where the text inside begins, what closes it, and the pieces it is put together from.

use std::borrow::Cow;

/// What ends a literal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) enum Close {
    /// A quote, or the bracket of `q{…}`, `%q(…)`, `[[…]]`, `R"(…)"`.
    Byte(u8),
    /// A quote that is escaped itself: a literal in a literal.
    Escaped,
    /// Three quotes.
    Triple(u8),
}

/// A literal that begins somewhere in a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) struct Literal {
    /// Bytes up to its inside.
    pub(in super::super) open: usize,
    pub(in super::super) close: Close,
}

/// Wrappings that are followed: `Some(String::from("…"))`.
const DEEPEST: u32 = 4;

/// The literal that `rest` begins with, blanks aside, bare or wrapped in calls: `"…"`, `b'…'`, `@"…"`, `r#"…"#`, `qq{…}`, `Some("…")`.
pub(in super::super) fn literal(rest: &[u8]) -> Option<Literal> {
    nested(rest, 0)
}

fn nested(rest: &[u8], depth: u32) -> Option<Literal> {
    let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let inside = rest.get(blank..)?;
    if let Some(found) = bare(inside) {
        return Some(Literal { open: blank + found.open, ..found });
    }
    let open = wrapping(inside).filter(|_| depth < DEEPEST)?;
    let found = nested(inside.get(open..)?, depth + 1)?;
    Some(Literal { open: blank + open + found.open, ..found })
}

fn bare(rest: &[u8]) -> Option<Literal> {
    if rest.starts_with(b"\\\"") {
        return Some(Literal { open: 2, close: Close::Escaped });
    }
    // `b"…"`, `r"…"`, `u'…'`, `@"…"`, `*b"…"`, `f"…"`; a raw string of Rust has `#` before its quote.
    let letters = rest.iter().take(3).take_while(|byte| b"bBrRuUfFN@$L&*c".contains(byte)).count();
    let marks = rest.get(letters..)?.iter().take(4).take_while(|byte| **byte == b'#').count();
    let at = letters + if letters > 0 { marks } else { 0 };
    if let Some(quote @ (b'"' | b'\'' | b'`')) = rest.get(at).copied() {
        // `R"(…)"` of C++.
        if quote == b'"' && rest.get(..at) == Some(b"R") && rest.get(at + 1) == Some(&b'(') {
            return Some(Literal { open: at + 2, close: Close::Byte(b')') });
        }
        if quote != b'`' && rest.get(at..at + 3) == Some(&[quote; 3]) {
            return Some(Literal { open: at + 3, close: Close::Triple(quote) });
        }
        return Some(Literal { open: at + 1, close: Close::Byte(quote) });
    }
    // `q{…}`, `qq(…)`, `%q(…)`, `%w[…]`, `~s(…)`, `[[…]]`
    for start in [&b"qq"[..], b"q", b"%q", b"%Q", b"%w", b"%", b"~s", b"~S", b"["] {
        let Some(behind) = rest.strip_prefix(start) else { continue };
        let close = match behind.first() {
            Some(b'[') => b']',
            Some(_) if start == b"[" => continue,
            Some(b'{') => b'}',
            Some(b'(') => b')',
            Some(b'|') => b'|',
            Some(b'/') if start.len() == 2 && start != b"%w" => b'/',
            _ => continue,
        };
        // `%{` and `%(` open maps and references in other languages.
        if start == b"%" && close != b')' {
            continue;
        }
        return Some(Literal { open: start.len() + 1, close: Close::Byte(close) });
    }
    None
}

/// Bytes of the call, the cast or the bracket that wraps what follows: `String::from(`, `new SecretKey(`, `[]byte(`.
fn wrapping(rest: &[u8]) -> Option<usize> {
    let open = rest.iter().take(48).position(|byte| *byte == b'(')?;
    let head = rest.get(..open)?;
    let plain = head.iter().all(|byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b' ' | b'.' | b'<' | b'>' | b'[' | b']' | b'!')
    });
    (plain && !is_lookup(head)).then_some(open + 1)
}

/// Lookups name the secret and do not hold it.
pub(in super::super) fn is_lookup(head: &[u8]) -> bool {
    const LOOKUPS: &[&[u8]] = &[
        b"env",
        b"get",
        b"fetch",
        b"lookup",
        b"read",
        b"find",
        b"prompt",
        b"input",
        b"require",
        b"config",
        b"load",
        b"ask",
        b"translate",
        b"param",
        b"select",
        b"query",
        b"file",
        b"path",
        b"open",
        b"regex",
        b"compile",
        b"match",
        b"hash",
        b"sha",
        b"md5",
        b"digest",
        b"exception",
        b"error",
        b"id(",
        b"ref",
    ];
    let lower = head.to_ascii_lowercase();
    let lower = lower.strip_suffix(b"getbytes").unwrap_or(&lower);
    let lower = lower.strip_prefix(b"encoding.utf8.").unwrap_or(lower);
    LOOKUPS.iter().any(|word| lower.windows(word.len()).any(|window| window == *word))
        || matches!(lower, b"t" | b"_" | b"__" | b"l" | b"tr" | b"i18n")
}

/// Whether a literal, bare or wrapped, begins here.
pub(super) fn follows(rest: &[u8]) -> bool {
    literal(rest).is_some()
}

/// Length of the inside; an escaped quote is part of it.
pub(in super::super) fn inside(raw: &[u8], close: Close) -> Option<usize> {
    let mut escaped = false;
    for (index, byte) in raw.iter().enumerate() {
        match close {
            Close::Escaped if raw.get(index..index + 2) == Some(b"\\\"") => return Some(index),
            Close::Triple(quote) if raw.get(index..index + 3) == Some(&[quote; 3]) => return Some(index),
            Close::Byte(end) if *byte == end && !escaped => return Some(index),
            Close::Escaped | Close::Triple(_) | Close::Byte(_) => {}
        }
        escaped = *byte == b'\\' && !escaped;
    }
    None
}

/// Pieces of one value that are put together, and how far the next one may be away.
const MOST_PIECES: usize = 12;
const FARTHEST: usize = 400;

/// A literal's value, with the literals that are joined to it: `"ab" + "cd"`, `'ab' . 'cd'`, `"ab" "cd"`, over lines, too.
/// `start` and `length` are those of its inside; the second result is where the last inside ends.
pub(in super::super) fn joined(
    text: &[u8],
    start: usize,
    length: usize,
    close: Close,
) -> Option<(Cow<'_, str>, usize)> {
    let first = std::str::from_utf8(text.get(start..start + length)?).ok()?;
    let Close::Byte(b'"' | b'\'') = close else { return Some((Cow::Borrowed(first), start + length)) };
    let mut value = Cow::Borrowed(first);
    let mut end = start + length;
    for _ in 1..MOST_PIECES {
        let rest = text.get(end + 1..text.len().min(start + FARTHEST)).unwrap_or_default();
        let Some(at) = joint(rest) else { break };
        let Some(Literal { open, close: next @ Close::Byte(b'"' | b'\'') }) = rest.get(at..).and_then(bare) else {
            break;
        };
        let begin = at + open;
        let Some(length) = rest.get(begin..).and_then(|raw| inside(raw, next)) else { break };
        let Some(piece) = rest.get(begin..begin + length).and_then(|piece| std::str::from_utf8(piece).ok()) else {
            break;
        };
        if piece.contains('\n') {
            break;
        }
        value.to_mut().push_str(piece);
        end += 1 + begin + length;
    }
    Some((value, end))
}

/// Bytes of what joins two literals.
fn joint(rest: &[u8]) -> Option<usize> {
    let blank =
        |at: usize| rest.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let mut at = blank(0);
    let signs = rest.get(at..)?;
    let sign = [&b"++"[..], b"<>", b"..", b"+", b".", b"&", b"\\"].into_iter().find(|sign| signs.starts_with(sign));
    match sign {
        Some(sign) => at += sign.len(),
        // Side by side, as C, Python and Ruby take it: on one line, or in a column.
        None if at > 0 => {}
        None => return None,
    }
    at += blank(at);
    matches!(rest.get(at), Some(b'"' | b'\'')).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<String> {
        let Literal { open, close } = literal(text.as_bytes())?;
        let length = inside(text.as_bytes().get(open..)?, close)?;
        joined(text.as_bytes(), open, length, close).map(|(value, _)| value.into_owned())
    }

    #[test]
    fn literals_of_every_language_are_read() {
        for text in [
            "\"abc\"",
            " 'abc'",
            "`abc`",
            "b\"abc\"",
            "*b\"abc\";",
            "r#\"abc\"#",
            "R\"(abc)\"",
            "@\"abc\"",
            "qq{abc}",
            "%q(abc)",
            "%w[abc].first",
            "~s(abc)",
            "[[abc]]",
            "\"\"\"abc\"\"\"",
            "Some(\"abc\")",
            "[]byte(\"abc\")",
            "new SecretKey(Encoding.UTF8.GetBytes(\"abc\"))",
            "(\"abc\")",
            "\\\"abc\\\"",
            "\"a\" + \"bc\"",
            "'a' . 'b' .\n  'c'",
            "\"a\" \"bc\"",
            "(\"abc\"",
        ] {
            assert_eq!(value(text).as_deref(), Some("abc"), "{text}");
        }
    }

    #[test]
    fn lookups_and_names_are_no_literals() {
        for text in ["os.getenv(\"abc\")", "abc", "fetch('abc')", "sha256(\"abc\")", "%{abc}", "[abc]", "t('abc')"] {
            assert_eq!(value(text), None, "{text}");
        }
    }

    #[test]
    fn members_of_a_list_are_not_joined() {
        assert_eq!(value("\"a\", \"b\"").as_deref(), Some("a"));
        assert_eq!(value("\"a\"\n").as_deref(), Some("a"));
    }
}
