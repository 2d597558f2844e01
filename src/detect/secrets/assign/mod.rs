//! Secrets that are known by the name they are assigned to, in source text, shells, prose and inside other values. Only where
//! a keyword stands is looked at further, and only as far as an assignment goes on.

mod beside;
mod block;
mod gate;
mod literal;
mod operator;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use literal::Close;
pub(super) use literal::{Literal, inside as literal_length, literal};
use operator::{Operator, Site, is_built, operator};

use super::calls;
use super::name::{NameSays, name_says, words};
use super::place::{Form, Syntax};
use super::shape::is_random;
use super::weigh::{Pair, Scale};
use super::{Hit, tokens};
use crate::evidence::repo::Confidence;

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
    "clave",
    "jeton",
    "heslo",
];

static FINDER: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(KEYWORDS).ok());

/// Characters of a line that are looked at, from the keyword on: minified text has lines of megabytes.
const REACH: usize = 512;

/// Weighs what is assigned at each of these keywords, which come in the order of their places.
pub(super) fn at(syntax: Syntax, text: &[u8], keywords: &[usize], scale: &mut Scale<'_>) {
    let mut done = 0;
    let mut gate = (syntax == Syntax::Code).then(|| gate::Gate::new(text));
    for at in keywords {
        if gate.as_mut().is_some_and(|gate| !gate.lets_through(*at)) {
            continue;
        }
        let before = scale.hits.len();
        if *at >= done
            && let Some(end) = assignment(syntax, text, 0..text.len(), *at, false, scale)
        {
            done = end;
        }
        if scale.hits.len() > before
            && syntax == Syntax::Code
            && (is_asserted(text, *at) || is_documentation(text, *at))
        {
            // What an assertion holds is made up as the values of tests are, wherever the test stands.
            for hit in scale.hits.iter_mut().skip(before) {
                hit.anywhere = hit.in_fixture;
            }
        }
    }
}

/// A comment that documentation is made of, with examples in it: `/// let client = login("…")`, `>>> login("…")`.
fn is_documentation(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(160)..at).unwrap_or_default();
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_start();
    [&b"///"[..], b"//!", b">>>"].iter().any(|mark| line.starts_with(mark))
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
    if !rest.iter().take(60).any(|byte| b"=:,( |?\"'{)<".contains(byte)) {
        return None;
    }
    let written = std::str::from_utf8(text.get(start..name_end)?).ok()?;
    let flagged = written.starts_with("--")
        || syntax == Syntax::Shell && written.len() > 3 && written.starts_with('-')
        || previous == Some(b'-')
        || syntax == Syntax::Shell && (after_env(text, start) || after_login(text, start))
        || written == "_authToken";
    if let Some(end) = identified(text, at, bounds.end, scale) {
        return Some(end);
    }
    let name = written.trim_matches(['.', '-']);
    let says = name_says(name, "");
    if says == NameSays::No || text.get(..start)?.ends_with(b"::") {
        return None;
    }
    if let Some(end) = template_default(text, start, name_end, name, bounds.end, scale) {
        return Some(end);
    }
    let code = syntax == Syntax::Code;
    let around = || if previous == Some(b'.') || !code { "" } else { enclosing(text, start) };
    let user = || code && says == NameSays::Password && beside::has_user(text, start);
    let literal_pair = |span: Range<usize>, scale: &mut Scale<'_>| {
        let Some(value) = text.get(span.clone()).and_then(|value| std::str::from_utf8(value).ok()) else { return };
        scale.pair_as(syntax, &Pair { user: user(), ..Pair::new(name, around(), value, span, true) });
    };
    let quoted = matches!(previous, Some(b'"' | b'\''));
    if code && let Some(span) = beside(text, start, name_end, bounds.end, quoted) {
        let end = span.end.max(name_end);
        literal_pair(span, scale);
        return Some(end);
    }
    let setter = name.rsplit('.').next().is_some_and(|method| method.starts_with("set") || method.starts_with("with"));
    let called = (setter || previous == Some(b'.') || name.contains('.')) && (!code || is_built(name));
    let constant = name.len() > 6 && !name.bytes().any(|byte| byte.is_ascii_lowercase());
    let site = Site {
        previous,
        called,
        flag: flagged && !code,
        constant,
        first: code && !quoted && is_defined(text, start),
        built: code && !quoted && is_built(name) && !in_comment(text, start),
        code,
    };
    let operator = operator(rest, site);
    if code
        && !quoted
        && says > NameSays::Maybe
        && operator.as_ref().is_none_or(|found| found.close.is_none())
        && let Some(span) = beside::returned(text, name_end, bounds.end)
    {
        let end = span.end;
        literal_pair(span, scale);
        return Some(end);
    }
    let Operator { offset, close, joined, call } = operator?;
    let value_at = name_end + offset;
    if code && says == NameSays::Maybe && is_credential(name) {
        // `auth = ("user", "…")`, `auth: 'user:…'`
        let open = text.get(name_end..value_at).and_then(|between| between.iter().position(|byte| *byte == b'('));
        let open =
            open.map(|open| name_end + open).or_else(|| matches!(text.get(value_at), Some(b'[')).then_some(value_at));
        let before = scale.hits.len();
        match (open, close) {
            (Some(open), _) => calls::bracketed(text, open + 1, scale),
            (None, Some(close)) => {
                let raw = line_from(text, value_at, bounds.end)?;
                let value =
                    raw.get(..literal::inside(raw, close)?).and_then(|value| std::str::from_utf8(value).ok())?;
                if let Some(length) = calls::account_of(value) {
                    let span = value_at + length..value_at + value.len();
                    let password = value.get(length..)?;
                    scale.pair_as(syntax, &Pair::new("password", "", password, span, true));
                }
            }
            (None, None) => {}
        }
        if scale.hits.len() > before {
            return Some(value_at);
        }
    }
    if code && close.is_none() && !joined && !inside {
        if let Some(span) = beside::below(text, value_at, bounds.end) {
            let end = span.end;
            let (value, end) = literal::joined(text, span.start, span.len(), closer(text, end))?;
            scale.pair_as(syntax, &Pair::new(name, around(), &value, span.start..end, true));
            return Some(end);
        }
        let listed = beside::listed(text, value_at, bounds.end);
        if let Some(last) = listed.last().map(|span| span.end) {
            for span in listed {
                // Small words are the names of things.
                if text.get(span.clone()).is_some_and(|value| value.iter().any(u8::is_ascii_digit)) {
                    literal_pair(span, scale);
                }
            }
            return Some(last);
        }
        let stand_ins = beside::stand_ins(text, value_at, bounds.end);
        if let Some(last) = stand_ins.last().map(|span| span.end) {
            for span in stand_ins {
                literal_pair(span, scale);
            }
            return Some(last);
        }
    }
    let raw = line_from(text, value_at, bounds.end)?;
    let comment = code && close.is_none() && !inside && in_comment(text, start);
    let in_block =
        code && close.is_none() && !inside && !comment && begins_line(text, start) && block::is_inside(text, start);
    let header = code && quoted && is_header(rest, previous, text.get(value_at));
    if code && close.is_none() && !joined && !inside && !comment && !in_block && !header {
        return None;
    }
    let syntax = match (comment, in_block || header) {
        (true, _) => Syntax::Text,
        (false, true) => Syntax::Config,
        (false, false) => syntax,
    };
    let (value, length) = match close {
        Some(close) => {
            let length = literal::inside(raw, close)?;
            // `set_password("service", "user", "…")`, `set_token("name", token)`: the first of several is a name.
            if call
                && !equated(name)
                && raw.get(length + 1..).is_some_and(|tail| tail.trim_ascii_start().starts_with(b","))
            {
                return None;
            }
            // `<password>…` that nothing closes is a placeholder.
            if close == Close::Byte(b'<') && raw.get(length + 1) != Some(&b'/') {
                return None;
            }
            // A string behind a name in prose: `Pass 'parameters' and …`.
            if site.first && is_prose(rest, offset, raw.get(length + 1..).unwrap_or_default()) {
                return None;
            }
            let (value, end) = literal::joined(text, value_at, length, close)?;
            (value, end.min(bounds.end) - value_at)
        }
        None => {
            let in_string = inside
                || joined && matches!(previous, Some(b';' | b'&' | b'?' | b'"' | b'\'' | b' ' | b',' | b'n' | b'/'));
            if inside && !joined && !flagged {
                return None;
            }
            if syntax == Syntax::Code && !(in_string && rest.iter().any(|byte| matches!(byte, b'"' | b'\'' | b'`'))) {
                return None;
            }
            // `$token = Get-Content …`: with blanks, a word without quotes is a command.
            let spaced = !joined && rest.trim_ascii_start().starts_with(b"=");
            // `echo 'password = …' >> file` writes it.
            let written = matches!(previous, Some(b'"' | b'\'' | b'n'));
            if scale.form == Form::Shell && spaced && !written
                || scale.form == Form::Make && spaced && !is_variable(text, start)
            {
                return None;
            }
            let length = bare(syntax, raw, in_string || header || syntax == Syntax::Code);
            (Cow::Borrowed(std::str::from_utf8(raw.get(..length)?).ok()?), length)
        }
    };
    // `--secret id=npm,src=…`, `$password := include …`, `set /p PASSWORD=Enter it: `
    let options = flagged
        && value.split_once('=').is_some_and(|(name, rest)| {
            !rest.is_empty() && name.len() < 12 && name.bytes().all(|byte| byte.is_ascii_lowercase())
        });
    let included = scale.form != Form::Make && rest.trim_ascii_start().starts_with(b":=");
    if close.is_none() && (options || included || is_prompt(text, start)) {
        return Some(value_at + length);
    }
    // Prose: what follows the value goes on with the sentence.
    if syntax == Syntax::Text && close.is_none() && !joined && !ends_line(raw, length) {
        return Some(value_at + length);
    }
    // `crypt(…`: the first half of a call.
    if close.is_none() && value.contains('(') && !value.contains(')') {
        return Some(value_at + length);
    }
    // One string of a list beside another: two names of functions.
    if code
        && quoted
        && rest.get(1) == Some(&b',')
        && is_listed(text, start)
        && value.bytes().all(|byte| byte.is_ascii_lowercase())
    {
        return None;
    }
    let before = scale.hits.len();
    let pair = Pair::new(name, around(), &value, value_at..value_at + length, close.is_some());
    scale.pair_as(syntax, &Pair { user: user(), ..pair });
    // `key: 'password'` only names what follows, and `s/password=.*/password=…/` goes on inside.
    // A file within a string of a test is made up as the test is; and no generator makes bytes that must be escaped.
    if code && close == Some(Close::Escaped) && (!is_random(&value) || value.contains("\\x")) {
        for hit in scale.hits.iter_mut().skip(before) {
            hit.in_fixture = Confidence::Low;
        }
    }
    let goes_on = says == NameSays::Maybe || close.is_none() && value.contains('=');
    if goes_on && scale.hits.len() == before { None } else { Some(value_at + length) }
}

/// `IDENTIFIED BY '…'` and `USER … PASSWORD '…'` of SQL inside other text.
fn identified(text: &[u8], at: usize, end: usize, scale: &mut Scale<'_>) -> Option<usize> {
    let line = line_from(text, at, end)?;
    let lead = if line.starts_with(b"IDENTIFIED BY") || line.starts_with(b"identified by '") {
        13
    } else if line.get(..8).is_some_and(|word| word.eq_ignore_ascii_case(b"password")) {
        let before = text.get(at.saturating_sub(120)..at)?.to_ascii_uppercase();
        let line = before.rsplit(|byte| *byte == b'\n').next()?;
        [&b"USER "[..], b"ROLE ", b"LOGIN "].iter().any(|word| find(line, word)).then_some(8)?
    } else {
        return None;
    };
    let rest = line.get(lead..)?;
    let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'=' | b'\\')).count();
    let quote = rest.get(blank).filter(|byte| matches!(byte, b'\'' | b'"'))?;
    let inside = rest.get(blank + 1..)?;
    let length = inside.iter().position(|byte| byte == quote)?;
    let value = std::str::from_utf8(inside.get(..length)?).ok()?.trim_end_matches('\\');
    let start = at + lead + blank + 1;
    scale.pair_as(Syntax::Config, &Pair::new("password", "", value, start..start + value.len(), true));
    Some(start + length)
}

/// A value that is not assigned on the spot, but stands under a label, before its name, in a tuple, or in a comparison.
fn beside(text: &[u8], start: usize, name_end: usize, end: usize, quoted: bool) -> Option<Range<usize>> {
    if quoted {
        return beside::labelled(text, name_end, end).or_else(|| beside::before(text, start));
    }
    if let Some(span) = beside::turned(text, start) {
        return Some(span);
    }
    match text.get(name_end..end)?.iter().find(|byte| !matches!(byte, b' ' | b')' | b']' | b'}'))? {
        b',' => beside::compared(text, start, name_end, end).or_else(|| beside::in_tuple(text, start, name_end)),
        b'=' | b':' => beside::in_tuple(text, start, name_end),
        _ => None,
    }
}

/// Whether a literal's opening quote follows a comma or begins its line.
fn is_listed(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(60)..at.saturating_sub(1)).unwrap_or_default();
    before.iter().rev().find(|byte| !matches!(byte, b' ' | b'\t')).is_none_or(|byte| matches!(byte, b',' | b'\n'))
}

/// `auth`, `basic_auth`, `credentials`, `creds`: who it is, and by which password.
fn is_credential(name: &str) -> bool {
    words(name)
        .last()
        .is_some_and(|last| matches!(last.as_str(), "auth" | "credential" | "credentials" | "creds" | "cred"))
}

fn equated(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|method| method.to_ascii_lowercase().contains("eq"))
}

/// Only a blank stands between name and literal, and the line goes on with words.
fn is_prose(rest: &[u8], offset: usize, tail: &[u8]) -> bool {
    let between = rest.get(..offset.saturating_sub(1)).unwrap_or_default();
    between.iter().all(|byte| matches!(byte, b' ' | b'\t'))
        && tail.first().is_some_and(|byte| *byte == b' ')
        && tail.trim_ascii_start().first().is_some_and(u8::is_ascii_alphabetic)
}

/// The quote at a literal's end, for what is joined to it.
fn closer(text: &[u8], end: usize) -> Close {
    Close::Byte(text.get(end).copied().unwrap_or(b'"'))
}

/// `'X-Api-Key: …'`: a header as one string.
fn is_header(rest: &[u8], quote: Option<u8>, first: Option<&u8>) -> bool {
    let Some(value) = rest.strip_prefix(b": ") else { return false };
    let word = value.iter().take_while(|byte| byte.is_ascii_graphic() && Some(**byte) != quote).count();
    value.get(word).copied() == quote && word >= 16 && first.is_some_and(u8::is_ascii_alphanumeric)
}

/// A variable of a makefile, not a command of one of its recipes, which a tab begins.
fn is_variable(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(100)..at).unwrap_or_default();
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    !line.starts_with(b"\t")
        && matches!(
            line.trim_ascii(),
            b"" | b"export" | b"override" | b"override export" | b"define" | b"private" | b"#"
        )
        || line.ends_with(b": ") && !line.starts_with(b"\t")
}

/// `set /p NAME=` asks.
fn is_prompt(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(8)..at).unwrap_or_default().to_ascii_lowercase();
    before.trim_ascii_end().ends_with(b"/p") || before.trim_ascii_end().ends_with(b"/p \"")
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

/// `ENV NAME value` of a Dockerfile, `setx NAME value` of Windows, `aws configure set NAME value`.
fn after_env(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(16)..at).unwrap_or_default();
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    [&b"ENV "[..], b"env ", b"setx ", b"SETX "].contains(&line.trim_ascii_start())
        || [&b"configure set "[..], b"config set ", b"secrets set ", b"config:set "]
            .iter()
            .any(|words| line.ends_with(words))
}

/// `machine HOST login USER password VALUE`, as it is written into a .netrc.
fn after_login(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(160)..at).unwrap_or_default();
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    find(line, b"machine ") && find(line, b"login ")
}

fn begins_line(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(100)..at).unwrap_or_default();
    before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii().is_empty()
}

/// Whether a literal that follows the name is its value: `#define NAME "…"`, `storePassword '…'`, `@password "…"`,
/// `(def password "…")`, `{:password "…"}`, `set :password, '…'`.
fn is_defined(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(100)..at).unwrap_or_default();
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let head = line.trim_ascii();
    if matches!(head, b"" | b"#define" | b"# define" | b"@") {
        return true;
    }
    match line.last() {
        Some(b':') => !head.ends_with(b"::") && !head.ends_with(b"?:"),
        Some(b'[') => head.ends_with(b"(let [") || head.ends_with(b"(binding ["),
        Some(b' ') => {
            let word = head.rsplit(|byte| matches!(byte, b' ' | b'(' | b'\t')).next().unwrap_or_default();
            matches!(
                word,
                b"def"
                    | b"defonce"
                    | b"def-"
                    | b"defparameter"
                    | b"defvar"
                    | b"defconst"
                    | b"setq"
                    | b"^:private"
                    | b"define"
            )
        }
        _ => false,
    }
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
    let value = raw.get(..length).unwrap_or_default().trim_ascii_end();
    // A comma behind a value that nothing quotes belongs to the list.
    value.strip_suffix(b",").unwrap_or(value).len()
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
