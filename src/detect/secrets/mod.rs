//! Finds secrets in the bytes of one file. Pure: no file, no clock, no key; what it returns holds no value, only spans.

mod assign;
mod calls;
mod ciphertext;
mod der;
mod encoding;
mod files;
mod formats;
pub mod gitleaks;
mod keys;
mod name;
mod place;
mod read;
mod shape;
mod tokens;
mod value;
mod web;
mod weigh;

use std::ops::Range;

use sha2::{Digest as _, Sha256};

pub(crate) use der::{is_container, keys as binary_keys};
pub(crate) use encoding::stretches;
#[cfg(test)]
pub(crate) use encoding::wide;
pub use encoding::{is_wide, widen};
use place::Form;
pub use place::is_env_name;
use tokens::Mark;
pub(crate) use tokens::{Kept, Spot, spots, spots_by};
use weigh::Scale;

use crate::evidence::repo::{Confidence, ValueKind};

/// Raised when the way of deciding changes: what an older version scanned is scanned again.
const VERSION: u32 = 3;

/// One secret in a text, by its place. It holds nothing of the value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hit {
    pub rule: &'static str,
    pub what: String,
    /// At the path it was found at.
    pub confidence: Confidence,
    /// At a path of tests and examples, and at any other: one text may have many paths. See [`at_path`].
    pub in_fixture: Confidence,
    pub anywhere: Confidence,
    /// Counted from 1.
    pub line: u32,
    /// The bytes of the secret itself.
    pub span: Range<usize>,
    /// What it is assigned to.
    pub name: Option<String>,
    /// Whether its line, or the one above, carries an inline allowance.
    pub allowed: bool,
    /// Whether an allowlist of the user's own `.gitleaks.toml` covers it: the policy named that file, so this counts.
    pub listed: bool,
    /// Whether the value looks generated rather than chosen.
    pub random: bool,
    /// What may be shown.
    pub hint: String,
}

impl Hit {
    fn new(rule: &'static str, what: String, confidence: Confidence, span: Range<usize>, hint: String) -> Self {
        Self {
            rule,
            what,
            confidence,
            in_fixture: confidence,
            anywhere: confidence,
            line: 0,
            span,
            name: None,
            allowed: false,
            listed: false,
            random: false,
            hint,
        }
    }
}

/// Every secret in `text`, in the order of their places. `path` says how it is to be read.
pub fn detect(path: &str, text: &[u8]) -> Vec<Hit> {
    detect_with(path, text, None)
}

/// The same with what the user's own rules find, at whatever path ([`gitleaks::Rules::at`] holds it against one). Spans of UTF-16 text count in its UTF-8 form ([`widen`]).
pub fn detect_with(path: &str, text: &[u8], rules: Option<&gitleaks::Rules>) -> Vec<Hit> {
    let wide = widen(text);
    let text = wide.as_deref().unwrap_or(text);
    detect_as(Reading::of(path, text), path, text, rules)
}

/// How a text is read: by its name, and by its first characters where the name leaves it open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Reading {
    form: Form,
    /// The secret stands by position, in a form that the name alone gives away.
    special: bool,
    /// `password` is a word to be shown there.
    translation: bool,
}

impl Reading {
    pub(crate) fn of(path: &str, text: &[u8]) -> Self {
        let named = Self::named(path);
        match named.form {
            Form::Text | Form::Conf | Form::Lines => Self { form: sniffed(named.form, text), ..named },
            Form::Env
            | Form::Toml
            | Form::Json
            | Form::Yaml
            | Form::Xml
            | Form::Hcl
            | Form::Sql
            | Form::Csv
            | Form::Shell
            | Form::Code => named,
        }
    }

    /// What the name alone says.
    pub(crate) fn named(path: &str) -> Self {
        Self { form: place::form(path), special: files::is_special(path), translation: place::is_translation(path) }
    }

    /// Whether nothing decides about a value but its own line and what stands near it.
    pub(crate) fn is_local(self) -> bool {
        !self.special && !self.form.is_structured()
    }

    /// How much the name says of how to read the file.
    pub(crate) fn weight(self) -> u8 {
        let form = match self.form {
            Form::Env => 4,
            Form::Lines
            | Form::Conf
            | Form::Toml
            | Form::Json
            | Form::Yaml
            | Form::Xml
            | Form::Hcl
            | Form::Sql
            | Form::Csv
            | Form::Shell => 2,
            Form::Code => 1,
            Form::Text => 0,
        };
        if self.special { 3.max(form) } else { form }
    }
}

/// The secrets of a text, or of some of its lines, that is read as `reading` says.
pub(crate) fn detect_as(reading: Reading, path: &str, text: &[u8], rules: Option<&gitleaks::Rules>) -> Vec<Hit> {
    detect_at(&spots(text), reading, path, text, rules)
}

/// The same, where the literals of the text are known ([`spots`], [`spots_by`]).
pub(crate) fn detect_at(
    spots: &[Spot],
    reading: Reading,
    path: &str,
    text: &[u8],
    rules: Option<&gitleaks::Rules>,
) -> Vec<Hit> {
    let (mut hits, mut marks) = (Vec::new(), Vec::new());
    tokens::weigh(text, spots, &mut hits, &mut marks);
    if !marks.is_empty() || reading.special {
        // A byte that is no UTF-8 must not hide the value, or the file, that it stands in.
        let text = read::valid(text);
        let keywords = keywords(&marks);
        let mut scale = Scale::new(reading, &keywords, &mut hits);
        look_further(&marks, &text, &mut scale);
        if !keywords.is_empty() {
            read::read(&text, &keywords, &mut scale);
        }
        if reading.special {
            files::find(path, &text, &mut scale);
        }
    }
    if let Some(rules) = rules {
        rules.find(text, &mut hits);
    }
    if hits.is_empty() {
        return hits;
    }
    let mut hits = settle(path, text, hits);
    if let Some(rules) = rules {
        for hit in &mut hits {
            rules.mark(text, hit);
        }
    }
    hits
}

fn keywords(marks: &[(usize, Mark)]) -> Vec<usize> {
    let mut keywords: Vec<usize> = marks.iter().filter(|(_, mark)| *mark == Mark::Keyword).map(|(at, _)| *at).collect();
    keywords.sort_unstable();
    keywords
}

fn look_further(marks: &[(usize, Mark)], text: &str, scale: &mut Scale<'_>) {
    let bytes = text.as_bytes();
    for (at, mark) in marks {
        match mark {
            Mark::Keyword => {}
            Mark::Call if scale.form == Form::Code => calls::call(bytes, *at, scale),
            Mark::Call => {}
            Mark::Command(number) => {
                if let Some(command) = calls::COMMANDS.get(*number) {
                    calls::given(bytes, *at, command, scale);
                }
            }
            Mark::Basic => calls::basic(bytes, *at, scale),
            Mark::Bearer => calls::bearer(bytes, *at, scale),
        }
    }
}

/// The form by the first characters, where the name leaves it open.
fn sniffed(form: Form, text: &[u8]) -> Form {
    let start = text.get(..text.len().min(4096)).unwrap_or_default();
    let start = String::from_utf8_lossy(start);
    if form == Form::Text {
        return place::sniff(&start);
    }
    let trimmed = start.trim_start_matches('\u{feff}').trim_start();
    let markup = trimmed
        .strip_prefix('<')
        .is_some_and(|rest| rest.starts_with(['?', '!']) || rest.starts_with(|c: char| c.is_ascii_alphabetic()));
    match trimmed.chars().next() {
        Some('<') if markup => Form::Xml,
        Some('{') => Form::Json,
        Some(_) if trimmed.starts_with("apiVersion:") => Form::Yaml,
        Some(_) | None => form,
    }
}

/// Service tokens alone, for binary files: their strings stand in the open, their assignments do not.
pub fn detect_tokens(text: &[u8]) -> Vec<Hit> {
    let mut hits = Vec::new();
    tokens::find(text, &mut hits, &mut Vec::new());
    settle("", text, hits)
}

/// One hit a value: the surest rule wins where several found the same bytes.
fn settle(path: &str, text: &[u8], mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by(|a, b| {
        a.span.start.cmp(&b.span.start).then(b.anywhere.cmp(&a.anywhere)).then(b.span.end.cmp(&a.span.end))
    });
    let mut settled: Vec<Hit> = Vec::new();
    for mut hit in hits {
        if hit.span.is_empty() {
            continue;
        }
        if let Some(last) = settled.last_mut()
            && hit.span.start < last.span.end
        {
            if hit.anywhere > last.anywhere || hit.anywhere == last.anywhere && hit.in_fixture > last.in_fixture {
                hit.name = hit.name.or_else(|| last.name.take());
                *last = hit;
            } else if last.name.is_none() {
                last.name = hit.name;
            }
            continue;
        }
        settled.push(hit);
    }
    tokens::number(text, &mut settled);
    for hit in &mut settled {
        hit.allowed = is_allowed(text, hit.span.start);
        let value = text.get(hit.span.clone()).unwrap_or_default();
        hit.random = std::str::from_utf8(value).is_ok_and(shape::is_random);
        hit.confidence = at_path(hit, path);
        if hit.name.is_none() {
            hit.name = name_before(text, hit.span.start);
        }
    }
    settled
}

/// The name that the line assigns to: `DATABASE_URL: postgres://…`, `"url" = …`.
fn name_before(text: &[u8], at: usize) -> Option<String> {
    let before = text.get(at.saturating_sub(200)..at)?;
    let line = before.rsplit(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?.trim_start_matches(|letter: char| " \t\"'-".contains(letter));
    let line = ["export ", "const ", "let ", "var ", "ENV ", "ARG "]
        .iter()
        .find_map(|word| line.strip_prefix(word))
        .unwrap_or(line);
    let end = line.find(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '_' | '-' | '.'))?;
    let (name, rest) = line.split_at_checked(end)?;
    let rest = rest.trim_start_matches(|letter: char| " \t\"'".contains(letter));
    (name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && rest.starts_with([':', '='])
        && !rest.starts_with("://"))
    .then(|| bounded(name, 80))
}

/// The confidence at a path. Tests and examples are full of made-up passwords; a provider's own format, a key and a
/// generated or strong value stay what they are.
pub fn at_path(hit: &Hit, path: &str) -> Confidence {
    if place::is_fixture(path) { hit.in_fixture } else { hit.anywhere }
}

/// The words of other tools for "this line is meant".
const ALLOWANCES: &[&str] = &[
    "gitleaks:allow",
    "trufflehog:ignore",
    "pragma: allowlist secret",
    "kingfisher:ignore",
    "betterleaks:allow",
    "watertight:allow",
    "nosecret",
];

fn is_allowed(text: &[u8], at: usize) -> bool {
    let start = text
        .get(..at)
        .unwrap_or_default()
        .iter()
        .rev()
        .take(400)
        .position(|byte| *byte == b'\n')
        .map_or(at.saturating_sub(400), |length| at - length);
    let rest = text.get(start..text.len().min(at + 800)).unwrap_or_default();
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    ALLOWANCES.iter().any(|word| line.contains(word))
}

/// What an assignment's value is, its name considered: for env files, where every assignment is looked at.
pub fn kind_of(name: &str, value: &str) -> ValueKind {
    match value::looks(value) {
        ValueKind::Secret => {}
        other => {
            let url = detect_tokens(value.as_bytes());
            return if url.is_empty() { other } else { ValueKind::Secret };
        }
    }
    if !detect_tokens(value.as_bytes()).is_empty() {
        return ValueKind::Secret;
    }
    let random = shape::is_random(value);
    let secret = match name::name_says(name, "") {
        name::NameSays::Password => true,
        name::NameSays::Secret => value.len() >= 8,
        name::NameSays::Maybe => random || shape::is_password_like(value) && value.len() >= 10,
        name::NameSays::No => random && value.len() >= 20 && shape::entropy(value) > 3.9,
    };
    if secret { ValueKind::Secret } else { ValueKind::Plain }
}

/// `text` with every secret in it replaced: for lines that are recorded as evidence.
pub fn masked(path: &str, text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for hit in detect(path, text.as_bytes()) {
        let (Some(before), true) = (text.get(at..hit.span.start), text.is_char_boundary(hit.span.end)) else {
            return "[masked]".into();
        };
        shown.push_str(before);
        shown.push_str("[masked]");
        at = hit.span.end;
    }
    shown.push_str(text.get(at..).unwrap_or_default());
    shown
}

/// Identifies the rules: 16 digits of the SHA-256 over their text and version.
pub fn rules() -> String {
    let mut hash = Sha256::new();
    hash.update(VERSION.to_le_bytes());
    for format in formats::all() {
        hash.update(format!("{format:?}").as_bytes());
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn line_at(text: &[u8]) -> u32 {
    u32::try_from(memchr::memchr_iter(b'\n', text).count()).unwrap_or(u32::MAX)
}

pub(crate) fn bounded(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

#[cfg(test)]
mod tests;
