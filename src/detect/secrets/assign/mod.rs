//! Secrets that are known by the name they are assigned to, in source text, shells, prose and inside other values. Only where
//! a keyword stands is looked at further, and only as far as an assignment goes on.

mod operator;

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use operator::{Operator, Site, operator};

use super::name::{NameSays, name_says};
use super::place::{Form, Syntax};
use super::weigh::{Pair, Scale};
use super::{Hit, tokens};

/// Common words that stand in a secret's name. Frequent, so only a place with an assignment is looked at further.
pub(super) const KEYWORDS: &[&str] = &[
    "pass",
    "secret",
    "token",
    "key",
    "auth",
    "cred",
    "bearer",
    "salt",
    "cookie",
    "psk",
    "pw",
    "mnemonic",
    "pepper",
    "senha",
    "kennwort",
    "mdp",
    "contrase",
    "wachtwoord",
];

static FINDER: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(KEYWORDS).ok());

/// Characters of a line that are looked at, from the keyword on: minified text has lines of megabytes.
const REACH: usize = 512;

/// Weighs what is assigned at each of these keywords, which come in the order of their places.
pub(super) fn at(syntax: Syntax, text: &[u8], keywords: &[usize], scale: &mut Scale<'_>) {
    let mut done = 0;
    for at in keywords {
        let before = scale.hits.len();
        if *at >= done
            && let Some(end) = assignment(syntax, text, 0..text.len(), *at, false, scale)
        {
            done = end;
        }
        if scale.hits.len() > before && syntax == Syntax::Code && is_asserted(text, *at) {
            // What an assertion holds is made up as the values of tests are, wherever the test stands.
            for hit in scale.hits.iter_mut().skip(before) {
                hit.anywhere = hit.in_fixture;
            }
        }
    }
}

fn is_asserted(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(160)..at).unwrap_or_default();
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    [&b"assert"[..], b"expect("].iter().any(|word| find(line, word))
}

/// The same for a part of the text.
pub(super) fn within(syntax: Syntax, text: &[u8], span: Range<usize>, scale: &mut Scale<'_>) {
    search(syntax, text, span, false, scale);
}

/// Assignments inside a value: `Server=db;Password=…;`, `--token=…`.
pub(super) fn inside(text: &[u8], span: Range<usize>, scale: &mut Scale<'_>) {
    search(Syntax::Config, text, span, true, scale);
}

fn search(syntax: Syntax, text: &[u8], span: Range<usize>, inside: bool, scale: &mut Scale<'_>) {
    let (Some(finder), Some(part)) = (&*FINDER, text.get(span.clone())) else { return };
    let mut done = span.start;
    for keyword in finder.find_iter(part) {
        let at = span.start + keyword.start();
        if at >= done
            && let Some(end) = assignment(syntax, text, span.clone(), at, inside, scale)
        {
            done = end;
        }
    }
}

/// A value that was decoded, read as a file of its own: what is found in it is found at `span`.
pub(super) fn decoded(name: &str, value: &str, span: Range<usize>, scale: &mut Scale<'_>) {
    let mut hits = Vec::new();
    tokens::find(value.as_bytes(), &mut hits, &mut Vec::new());
    if hits.is_empty() {
        let mut inner = Scale::inner(&mut hits);
        within(Syntax::Config, value.as_bytes(), 0..value.len(), &mut inner);
    }
    if let Some(hit) = hits.into_iter().max_by_key(|hit| hit.confidence) {
        scale.hits.push(Hit { span, name: Some(super::bounded(name, 80)), ..hit });
    }
}

fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// The assignment around the keyword at `at`: where it ends, if there is one.
fn assignment(
    syntax: Syntax,
    text: &[u8],
    bounds: Range<usize>,
    at: usize,
    inside: bool,
    scale: &mut Scale<'_>,
) -> Option<usize> {
    let before = text.get(bounds.start..at)?.iter().rev().take(80).take_while(|byte| in_name(**byte)).count();
    let after = text.get(at..bounds.end)?.iter().take(80).take_while(|byte| in_name(**byte)).count();
    let (mut start, name_end) = (at - before, at + after);
    // `\nPASSWORD=`: the letter belongs to the escape.
    if start > 0 && text.get(start - 1) == Some(&b'\\') && matches!(text.get(start), Some(b'n' | b'r' | b't')) {
        start += 1;
    }
    // Names and operators are short; values are looked at as far as REACH.
    let rest = line_from(text, name_end, bounds.end.min(name_end + 200))?;
    let previous =
        start.checked_sub(1).filter(|index| *index >= bounds.start).and_then(|index| text.get(index)).copied();
    // Cheap first: most keywords are followed by nothing of the kind.
    if !rest.iter().take(60).any(|byte| matches!(byte, b'=' | b':' | b',' | b'(' | b' ' | b'|' | b'?')) {
        return None;
    }
    let name = std::str::from_utf8(text.get(start..name_end)?).ok()?;
    let flag = name.starts_with("--") || previous == Some(b'-') || syntax == Syntax::Shell && after_env(text, start);
    let name = name.trim_matches(['.', '-']);
    let says = name_says(name, "");
    if says == NameSays::No || text.get(..start)?.ends_with(b"::") {
        return None;
    }
    if let Some(end) = template_default(text, start, name_end, name, bounds.end, scale) {
        return Some(end);
    }
    let setter = name.rsplit('.').next().is_some_and(|method| method.starts_with("set") || method.starts_with("with"));
    let called = setter || previous == Some(b'.') || name.contains('.');
    let constant = name.len() > 6 && !name.bytes().any(|byte| byte.is_ascii_lowercase());
    let first =
        syntax == Syntax::Code && (previous != Some(b'"') && previous != Some(b'\'')) && begins_line(text, start);
    let site = Site { previous, called, flag: flag && syntax != Syntax::Code, constant, first };
    let Operator { offset, quote, joined } = operator(rest, site)?;
    let value_at = name_end + offset;
    if syntax == Syntax::Code && quote.is_none() && !joined && !inside && !in_comment(text, start) {
        return None;
    }
    let raw = line_from(text, value_at, bounds.end)?;
    let comment = syntax == Syntax::Code && quote.is_none() && !inside && in_comment(text, start);
    let syntax = if comment { Syntax::Text } else { syntax };
    let (value, length) = match quote {
        Some(quote) => {
            let length = closing(raw, quote)?;
            (raw.get(..length)?, length)
        }
        None => {
            let in_string =
                inside || joined && matches!(previous, Some(b';' | b'&' | b'?' | b'"' | b'\'' | b' ' | b',' | b'n'));
            if inside && !joined && !flag {
                return None;
            }
            if syntax == Syntax::Code && !(in_string && rest.contains(&b'"')) {
                return None;
            }
            // `$token = Get-Content …`: with blanks, a word without quotes is a command.
            if scale.form == Form::Shell && !joined && rest.trim_ascii_start().starts_with(b"=") {
                return None;
            }
            let length = bare(syntax, raw, in_string || syntax == Syntax::Code);
            (raw.get(..length)?, length)
        }
    };
    let value = std::str::from_utf8(value).ok()?;
    // `--secret id=npm,src=…`, `$password := include …`
    let options = flag
        && value.split_once('=').is_some_and(|(name, rest)| {
            !rest.is_empty() && name.len() < 12 && name.bytes().all(|byte| byte.is_ascii_lowercase())
        });
    if quote.is_none() && (options || rest.trim_ascii_start().starts_with(b":=")) {
        return Some(value_at + length);
    }
    // Prose: what follows the value goes on with the sentence.
    if syntax == Syntax::Text && quote.is_none() && !joined && !ends_line(raw, length) {
        return Some(value_at + length);
    }
    // `crypt(…`: the first half of a call.
    if quote.is_none() && value.contains('(') && !value.contains(')') {
        return Some(value_at + length);
    }
    let around = if previous == Some(b'.') || syntax != Syntax::Code { "" } else { enclosing(text, start) };
    let pair = Pair::new(name, around, value, value_at..value_at + value.len(), quote.is_some());
    scale.pair_as(syntax, &pair);
    Some(value_at + length)
}

/// `${db.password:value}` inside a string: the value stands in where the variable is missing.
fn template_default(
    text: &[u8],
    start: usize,
    name_end: usize,
    name: &str,
    end: usize,
    scale: &mut Scale<'_>,
) -> Option<usize> {
    if !text.get(..start)?.ends_with(b"${") {
        return None;
    }
    let rest = line_from(text, name_end, end)?;
    let lead = [&b":-"[..], b":", b"-"].iter().find(|mark| rest.starts_with(mark))?.len();
    let length = rest.get(lead..)?.iter().position(|byte| *byte == b'}')?;
    let span = name_end + lead..name_end + lead + length;
    let value = std::str::from_utf8(text.get(span.clone())?).ok()?;
    if !value.starts_with(['?', '+', '=']) {
        scale.pair_as(Syntax::Config, &Pair::new(name, "", value, span.clone(), true));
    }
    Some(span.end)
}

/// `ENV NAME value` of a Dockerfile, `setx NAME value` of Windows.
fn after_env(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(6)..at).unwrap_or_default();
    let word = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_start();
    [&b"ENV "[..], b"env ", b"setx ", b"SETX "].contains(&word)
}

fn begins_line(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(100)..at).unwrap_or_default();
    let before = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    before.is_empty() || before == b"#define" || before == b"# define"
}

/// What is left of the line, as far as it is looked at.
fn line_from(text: &[u8], at: usize, end: usize) -> Option<&[u8]> {
    let rest = text.get(at..end.min(at + REACH).max(at))?;
    let length = rest.iter().position(|byte| *byte == b'\n' || *byte == b'\r').unwrap_or(rest.len());
    rest.get(..length)
}

/// Whether the line is a comment up to here.
fn in_comment(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(120)..at).unwrap_or_default();
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.trim_ascii_start();
    [&b"//"[..], b"#", b"*", b"/*", b"--", b"<!--"].iter().any(|mark| line.starts_with(mark))
        || line.len() < before.len() && find(line, b" // ")
}

fn find(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// The name of the object that a member stands in, if it opens on this line or the one above: `encryption: { key: "…" }`.
fn enclosing(text: &[u8], at: usize) -> &str {
    let before = text.get(at.saturating_sub(120)..at).unwrap_or_default();
    let Some(brace) = before.iter().rposition(|byte| matches!(byte, b'{' | b'(')) else { return "" };
    let head = before.get(..brace).unwrap_or_default().trim_ascii_end();
    let head = head
        .strip_suffix(b":")
        .or_else(|| head.strip_suffix(b"=>"))
        .or_else(|| head.strip_suffix(b"="))
        .unwrap_or(head);
    let head =
        head.trim_ascii_end().strip_suffix(b"\"").or_else(|| head.strip_suffix(b"'")).unwrap_or(head).trim_ascii_end();
    let length = head.iter().rev().take_while(|byte| in_name(**byte)).count();
    head.get(head.len() - length..).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
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
    let scheme = super::weigh::strip_scheme(std::str::from_utf8(raw).unwrap_or_default()).0;
    let stop = raw.iter().enumerate().skip(scheme).find(|(index, byte)| match **byte {
        b' ' | b'\t' => {
            // In .env and YAML a comment ends the value; elsewhere any blank does.
            inside_string
                || syntax == Syntax::Text
                || matches!(raw.get(*index + 1), Some(b'#' | b';' | b' '))
                || syntax == Syntax::Shell
        }
        b'"' | b'\'' | b'`' | b'<' | b'>' => true,
        b'\\' => inside_string,
        b';' | b'&' => inside_string || matches!(syntax, Syntax::Shell | Syntax::Text),
        b',' | b')' | b'}' => inside_string || syntax == Syntax::Text,
        b'|' => syntax == Syntax::Text,
        _ => false,
    });
    let length = stop.map_or(raw.len(), |(index, _)| index);
    raw.get(..length).map_or(0, |value| value.trim_ascii_end().len())
}

/// Whether nothing but punctuation, or another field, follows the value.
fn ends_line(raw: &[u8], length: usize) -> bool {
    let tail = raw.get(length..).unwrap_or_default().trim_ascii();
    tail.is_empty()
        || tail.iter().all(u8::is_ascii_punctuation)
        || tail.starts_with(b"(")
        || tail.starts_with(b"|")
        || tail.starts_with(b"<")
        || tail.starts_with(b"`")
        || tail.starts_with(b"/")
        || tail.starts_with(b",")
}
