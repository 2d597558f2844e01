//! Readers that know a file's form: they find which name each value belongs to. Tolerant of broken input, one pass each.

mod csv;
mod hcl;
mod json;
mod lines;
mod sql;
mod xml;
mod yaml;

use std::borrow::Cow;
use std::ops::Range;

use super::assign;
use super::place::{Form, Syntax};
use super::weigh::{Pair, Scale};

/// Texts over this size are searched by keyword alone: no configuration file is so large.
const LARGEST: usize = 24 * 1024 * 1024;
/// Nesting that is followed; deeper values keep the name of the last level.
const DEEPEST: usize = 200;
/// A value at most; a longer one is no password, and keys have their own rule.
const LONGEST: usize = 64 * 1024;

/// Reads `text` by its form.
pub(super) fn read(text: &str, keywords: &[usize], scale: &mut Scale<'_>) {
    if !scale.form.is_structured() || text.len() > LARGEST {
        assign::at(scale.form.syntax(), text.as_bytes(), keywords, scale);
        return;
    }
    match scale.form {
        Form::Env => lines::read(text, lines::ENV, scale),
        Form::Lines => lines::read(text, lines::INI, scale),
        Form::Conf => lines::read(text, lines::CONF, scale),
        Form::Toml => lines::read(text, lines::TOML, scale),
        Form::Json => json::read(text, 0..text.len(), "", scale),
        Form::Yaml => yaml::read(text, scale),
        Form::Xml => xml::read(text, scale),
        Form::Hcl => hcl::read(text, scale),
        Form::Sql => sql::read(text, scale),
        Form::Csv => csv::read(text, scale),
        Form::Code | Form::Shell | Form::Make | Form::Text => {}
    }
}

/// The text with a question mark for each byte that is no UTF-8: places stay what they are.
pub(super) fn valid(text: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(text) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            let mut whole = String::with_capacity(text.len());
            for chunk in text.utf8_chunks() {
                whole.push_str(chunk.valid());
                whole.extend(chunk.invalid().iter().map(|_| '?'));
            }
            Cow::Owned(whole)
        }
    }
}

/// Assignments inside a value: connection strings, command lines.
fn inner(text: &str, span: Range<usize>, scale: &mut Scale<'_>) {
    let Some(value) = text.get(span.clone()) else { return };
    if value.len() > 10 && scale.mentions(&span) && value.bytes().any(|byte| matches!(byte, b'=' | b':' | b'-')) {
        assign::inside(text.as_bytes(), span, scale);
    }
}

/// Assignments in a comment or in lines of an unknown form.
fn loose(syntax: Syntax, text: &str, span: Range<usize>, scale: &mut Scale<'_>) {
    if scale.mentions(&span) {
        assign::within(syntax, text.as_bytes(), span, scale);
    }
}

/// A string with its usual escapes undone, where it has any.
fn unescaped(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut letters = raw.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            text.push(letter);
            continue;
        }
        match letters.next() {
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some('t') => text.push('\t'),
            Some('u') => {
                let digits: String = letters.by_ref().take(4).collect();
                let letter = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                text.push(letter.unwrap_or('?'));
            }
            Some(other) => text.push(other),
            None => {}
        }
    }
    Cow::Owned(text)
}

/// Names of members that name their sibling: `{ name: DB_PASSWORD, value: … }`.
const NAMES: &[&str] = &[
    "name",
    "key",
    "variable",
    "parameterkey",
    "option_name",
    "id",
    "setting",
    "parametername",
    "field",
    "property",
    "k",
    "envvar",
    "variablename",
];
/// Names of members that hold the named value.
const VALUES: &[&str] = &[
    "value",
    "val",
    "parametervalue",
    "option_value",
    "default",
    "defaultvalue",
    "stringvalue",
    "plaintext",
    "v",
    "content",
    "currentvalue",
    "initialvalue",
];

fn is_one_of(words: &[&str], key: &str) -> bool {
    words.iter().any(|word| word.len() == key.len() && word.eq_ignore_ascii_case(key))
}

/// Members of one object that belong together.
#[derive(Debug, Default)]
struct Members {
    name: Option<String>,
    value: Option<(Range<usize>, bool)>,
    /// The pair was said already.
    done: bool,
}

impl Members {
    /// Takes a member; says the pair of name and value once both are there.
    fn take(
        &mut self,
        key: &str,
        value: &str,
        span: &Range<usize>,
        quoted: bool,
    ) -> Option<(String, Range<usize>, bool)> {
        if is_one_of(NAMES, key) && !self.done {
            self.name = Some(value.to_owned());
        } else if is_one_of(VALUES, key) {
            self.value = Some((span.clone(), quoted));
            self.done = false;
        }
        if let (Some(name), Some((span, quoted)), false) = (&self.name, &self.value, self.done) {
            self.done = true;
            return Some((name.clone(), span.clone(), *quoted));
        }
        None
    }
}

/// A whole member: weighed under its own name, as half of a name and value, and for what stands inside it.
fn member(
    text: &str,
    key: &str,
    around: &str,
    span: &Range<usize>,
    quoted: bool,
    members: &mut Members,
    scale: &mut Scale<'_>,
) {
    let Some(raw) = text.get(span.clone()) else { return };
    if raw.len() > LONGEST {
        return;
    }
    // JSON as one value: `token = {"access_token":"…"}`.
    if raw.starts_with("{\"") && raw.ends_with('}') && !raw.contains("\\\"") && scale.mentions(span) {
        json::read(text, span.clone(), "", scale);
        return;
    }
    let value = unescaped(raw);
    let before = scale.hits.len();
    // `db_password: { value: … }`
    let own = if members.name.is_none() && is_one_of(VALUES, key) { around } else { key };
    scale.pair(&Pair::new(own, around, &value, span.clone(), quoted));
    if let Some((name, span, quoted)) = members.take(key, &value, span, quoted)
        && let Some(raw) = text.get(span.clone())
    {
        scale.pair(&Pair::new(&name, around, &unescaped(raw), span, quoted));
    }
    if scale.hits.len() == before {
        inner(text, span.clone(), scale);
    }
}

/// `--password`, then the value as the next element of a list.
fn flagged(text: &str, flag: Option<&Range<usize>>, span: &Range<usize>, scale: &mut Scale<'_>) {
    let Some(flag) = flag.and_then(|flag| text.get(flag.clone())) else { return };
    let Some(value) = text.get(span.clone()) else { return };
    if let ("-u" | "--user", Some((_, password))) = (flag, value.split_once(':')) {
        let span = span.end - password.len()..span.end;
        scale.pair_as(Syntax::Shell, &Pair::new("password", "", password, span, true));
        return;
    }
    let Some(name) = flag.strip_prefix("--") else { return };
    if !value.starts_with('-') && !name.contains('=') {
        scale.pair(&Pair::new(name, "", value, span.clone(), true));
    }
}
