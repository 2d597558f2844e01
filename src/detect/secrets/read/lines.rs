//! Files of assignments line by line: .env, ini, properties, plain configuration, TOML.

use std::ops::Range;

use super::{Members, inner, json, loose, member, unescaped};
use crate::detect::secrets::name::{NameSays, name_says};
use crate::detect::secrets::place::Syntax;
use crate::detect::secrets::weigh::{Pair, Scale};

/// What a dialect allows.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each dialect answers each question for itself")]
pub(super) struct Dialect {
    /// What begins a comment.
    comments: &'static [&'static str],
    /// A colon separates, too.
    colon: bool,
    /// A blank separates: `requirepass secret`.
    blank: bool,
    /// Quotes and brackets are the syntax's own, and a value may run over lines within them.
    quotes: bool,
    /// `{…}` and `[…]` hold values.
    nested: bool,
    /// A blank and `#` end a bare value.
    trailing: bool,
}

pub(super) const ENV: Dialect =
    Dialect { comments: &["#"], colon: false, blank: false, quotes: true, nested: false, trailing: true };
pub(super) const INI: Dialect =
    Dialect { comments: &["#", ";", "!"], colon: true, blank: false, quotes: true, nested: false, trailing: false };
pub(super) const CONF: Dialect =
    Dialect { comments: &["#", ";", "//"], colon: true, blank: true, quotes: true, nested: false, trailing: true };
pub(super) const TOML: Dialect =
    Dialect { comments: &["#"], colon: false, blank: false, quotes: true, nested: true, trailing: true };

pub(super) fn read(text: &str, dialect: Dialect, scale: &mut Scale<'_>) {
    let mut section = String::new();
    let mut members = Members::default();
    let mut at = 0;
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        let length = rest.find('\n').unwrap_or(rest.len());
        let line = rest.get(..length).unwrap_or_default();
        let next = at + length + 1;
        let content = line.trim();
        let start = at + line.len() - line.trim_start().len();
        at = next;
        if content.is_empty() {
            continue;
        }
        if let Some(mark) = dialect.comments.iter().find(|mark| content.starts_with(**mark)) {
            comment(text, start + mark.len()..start + content.len(), dialect, &section, scale);
            continue;
        }
        if content.starts_with('[') && content.ends_with(']') && !content.contains('=') {
            content.trim_matches(['[', ']', ' ', '"']).clone_into(&mut section);
            members = Members::default();
            continue;
        }
        match assigned(text, start, start + content.len(), dialect) {
            Some(found) => {
                at = next.max(found.next);
                if found.name == "Environment" && found.quoted {
                    // Several settings of a systemd unit on one line.
                    loose(Syntax::Shell, text, start..start + content.len(), scale);
                } else if found.nested {
                    json::read(text, found.span, found.name, scale);
                } else {
                    let around = if section.is_empty() { "" } else { section.as_str() };
                    member(text, found.name, around, &found.span, found.quoted, &mut members, scale);
                    continued(text, &found, scale);
                }
            }
            None => loose(Syntax::Text, text, start..start + content.len(), scale),
        }
    }
}

struct Found<'a> {
    name: &'a str,
    span: Range<usize>,
    quoted: bool,
    nested: bool,
    /// Where reading goes on, if the value ran over its line.
    next: usize,
}

/// The assignment that begins at `start`, on the line that ends at `end`.
fn assigned(text: &str, start: usize, end: usize, dialect: Dialect) -> Option<Found<'_>> {
    let line = text.get(start..end)?;
    let line_start = line.trim_start_matches("export ").trim_start_matches("set ").trim_start_matches("setenv ");
    let start = end - line_start.len();
    let line = line_start;
    // `//registry.example.org/:_authToken=…`: the name ends at `=`, whatever colons stand in it.
    let equals = line.find('=');
    let separator = match (equals, dialect.colon.then(|| line.find(':')).flatten()) {
        (Some(equals), Some(colon)) if colon < equals && !line.starts_with("//") && plain_name(line.get(..colon)?) => {
            colon
        }
        (Some(equals), _) => equals,
        (None, Some(colon)) => colon,
        (None, None) => {
            let blank = dialect.blank.then(|| line.find([' ', '\t'])).flatten()?;
            // `directive NAME value`
            let second = line.get(blank..)?.trim_start();
            let second_at = line.len() - second.len();
            let deeper = second.find([' ', '\t']).filter(|end| {
                second.get(..*end).is_some_and(|name| plain_name(name) && name_says(name, "") > NameSays::Maybe)
            });
            let name = line.get(..blank)?;
            match deeper {
                Some(end) => second_at + end,
                None if name_says(name, "") == NameSays::No => return None,
                None => blank,
            }
        }
    };
    let name = line.get(..separator)?.trim().trim_matches(['"', '\'']);
    let name = if dialect.blank { name.rsplit([' ', '\t']).next().unwrap_or(name) } else { name };
    let short = if line.starts_with("//") { name.rsplit(':').next().unwrap_or(name) } else { name };
    if short.is_empty() || short.len() > 160 || short.contains(['(', '{', '<']) {
        return None;
    }
    let mut value_at = start + separator + 1;
    // `:=`, `=>`, `?=`
    if text.get(value_at..).is_some_and(|rest| rest.starts_with(['=', '>'])) {
        value_at += 1;
    }
    let rest = text.get(value_at..end)?;
    value_at += rest.len() - rest.trim_start().len();
    let value = text.get(value_at..end)?;
    if dialect.nested && value.starts_with(['{', '[']) {
        let close = balanced(text, value_at);
        return Some(Found { name: short, span: value_at..close, quoted: false, nested: true, next: close });
    }
    let first = value.chars().next();
    if dialect.quotes
        && let Some(quote @ ('"' | '\'' | '`')) = first
    {
        let triple = value.get(..3).is_some_and(|three| three.chars().all(|letter| letter == quote));
        let open = value_at + if triple { 3 } else { 1 };
        let close = closing(text, open, quote, triple);
        if let Some(close) = close {
            let next =
                text.get(close..).and_then(|rest| rest.find('\n')).map_or(text.len(), |length| close + length + 1);
            let next = if close > end { next } else { 0 };
            return Some(Found { name: short, span: open..close, quoted: true, nested: false, next });
        }
    }
    let length = if dialect.trailing {
        value.find(" #").or_else(|| value.find("\t#")).unwrap_or(value.len())
    } else {
        value.find(" ;").or_else(|| value.find(" #")).unwrap_or(value.len())
    };
    let value = value.get(..length)?.trim_end();
    let value = if dialect.blank { value.trim_end_matches([';', ',']) } else { value };
    let value = value.trim_end_matches('"');
    Some(Found { name: short, span: value_at..value_at + value.len(), quoted: false, nested: false, next: 0 })
}

fn plain_name(name: &str) -> bool {
    let name = name.trim();
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

/// The closing quote; a quoted value may run over a hundred lines (a private key), a single line otherwise.
fn closing(text: &str, open: usize, quote: char, triple: bool) -> Option<usize> {
    let rest = text.get(open..text.len().min(open + super::LONGEST)).or_else(|| text.get(open..))?;
    if triple {
        return rest.find([quote, quote, quote].iter().collect::<String>().as_str()).map(|length| open + length);
    }
    let mut escaped = false;
    let mut lines = 0;
    for (index, letter) in rest.char_indices() {
        if letter == '\n' {
            lines += 1;
            if lines > 100 {
                return None;
            }
        }
        if letter == quote && !escaped {
            return Some(open + index);
        }
        escaped = letter == '\\' && !escaped && quote != '\'';
    }
    None
}

/// The end of a bracketed value, quotes respected.
fn balanced(text: &str, open: usize) -> usize {
    let (mut depth, mut quote, mut escaped) = (0_u32, None, false);
    for (index, byte) in text.as_bytes().iter().enumerate().skip(open).take(super::LONGEST) {
        match (quote, byte) {
            (Some(_), b'\\') => escaped = !escaped,
            (Some(open), byte) if open == *byte && !escaped => quote = None,
            (Some(_), _) => escaped = false,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (None, b'{' | b'[') => depth += 1,
            (None, b'}' | b']') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index + 1;
                }
            }
            (None, _) => {}
        }
    }
    text.get(open..).and_then(|rest| rest.find('\n')).map_or(text.len(), |length| open + length)
}

/// An assignment that was commented out is still there to be read.
fn comment(text: &str, span: Range<usize>, dialect: Dialect, section: &str, scale: &mut Scale<'_>) {
    let Some(content) = text.get(span.clone()) else { return };
    let start = span.start + content.len() - content.trim_start().len();
    let found = assigned(text, start, span.end, Dialect { colon: false, blank: false, nested: false, ..dialect });
    match found.filter(|found| plain_name(found.name) && !found.span.is_empty()) {
        Some(found) if found.span.end <= span.end => {
            let value = text.get(found.span.clone()).unwrap_or_default();
            if found.quoted || !value.contains(' ') {
                let before = scale.hits.len();
                scale.pair(&Pair::new(found.name, section, &unescaped(value), found.span.clone(), found.quoted));
                if scale.hits.len() == before {
                    inner(text, found.span, scale);
                }
            }
        }
        Some(_) | None => loose(Syntax::Text, text, start..span.end, scale),
    }
}

/// Lines of a quoted value are assignments of their own where they look like it: a file within the file.
fn continued(text: &str, found: &Found<'_>, scale: &mut Scale<'_>) {
    if found.next > 0 && text.get(found.span.clone()).is_some_and(|value| value.contains('=')) {
        loose(Syntax::Config, text, found.span.clone(), scale);
    }
}
