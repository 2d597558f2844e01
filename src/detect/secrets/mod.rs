//! Finds secrets in the bytes of one file. Pure: no file, no clock, no key; what it returns holds no value, only spans.

mod assign;
mod calls;
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

use place::Form;
pub use place::is_env_name;
pub(crate) use place::{Syntax, syntax};
use tokens::Mark;
use weigh::Scale;

use crate::evidence::repo::{Confidence, ValueKind};

/// Raised when the way of deciding changes: what an older version scanned is scanned again.
const VERSION: u32 = 2;

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

/// The same with the user's own rules and allowlists beside ours.
pub fn detect_with(path: &str, text: &[u8], rules: Option<&gitleaks::Rules>) -> Vec<Hit> {
    let wide = widen(text);
    if let Some(narrow) = wide {
        // Spans of UTF-16 text would not fit its bytes; the text is read as UTF-8 and the caller takes values from there.
        return detect_bytes(path, &narrow, rules);
    }
    detect_bytes(path, text, rules)
}

/// UTF-16 text with a byte order mark, as UTF-8.
pub fn widen(text: &[u8]) -> Option<Vec<u8>> {
    let little = match text.get(..2)? {
        [0xff, 0xfe] => true,
        [0xfe, 0xff] => false,
        _ => return None,
    };
    let units: Vec<u16> = text
        .get(2..)?
        .chunks_exact(2)
        .map(|pair| match pair {
            [first, second] if little => u16::from_le_bytes([*first, *second]),
            [first, second] => u16::from_be_bytes([*first, *second]),
            _ => 0,
        })
        .collect();
    Some(String::from_utf16_lossy(&units).into_bytes())
}

fn detect_bytes(path: &str, text: &[u8], rules: Option<&gitleaks::Rules>) -> Vec<Hit> {
    let (mut hits, mut marks) = (Vec::new(), Vec::new());
    tokens::find(text, &mut hits, &mut marks);
    let mut form = place::form(path);
    if !marks.is_empty() && matches!(form, Form::Text | Form::Conf | Form::Lines) {
        form = sniffed(form, text);
    }
    let mut scale = Scale::new(path, form, &mut hits);
    for (at, mark) in &marks {
        match mark {
            Mark::Keyword => {}
            Mark::Call if form == Form::Code => calls::call(text, *at, &mut scale),
            Mark::Call => {}
            Mark::Command(number) => {
                if let Some(command) = calls::COMMANDS.get(*number) {
                    calls::given(text, *at, command, &mut scale);
                }
            }
            Mark::Basic => calls::basic(text, *at, &mut scale),
            Mark::Bearer => calls::bearer(text, *at, &mut scale),
        }
    }
    let keywords: Vec<usize> = marks.iter().filter(|(_, mark)| *mark == Mark::Keyword).map(|(at, _)| *at).collect();
    if !keywords.is_empty() {
        read::read(text, &keywords, &mut scale);
    }
    files::find(path, text, &mut scale);
    if let Some(rules) = rules {
        rules.find(path, text, &mut hits);
    }
    let mut hits = settle(path, text, hits);
    if let Some(rules) = rules {
        for hit in &mut hits {
            rules.mark(path, text, hit);
        }
    }
    hits
}

/// The form by the first characters, where the name leaves it open.
fn sniffed(form: Form, text: &[u8]) -> Form {
    let start = text.get(..text.len().min(4096)).unwrap_or_default();
    let start = String::from_utf8_lossy(start);
    let trimmed = start.trim_start_matches('\u{feff}').trim_start();
    if form == Form::Text {
        return place::sniff(&start);
    }
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

/// Lines with an inline allowance, whether or not a secret stands on them.
pub fn allowances(text: &[u8]) -> u32 {
    use std::sync::LazyLock;
    static FINDER: LazyLock<Option<aho_corasick::AhoCorasick>> =
        LazyLock::new(|| aho_corasick::AhoCorasick::new(ALLOWANCES).ok());
    FINDER.as_ref().map_or(0, |finder| u32::try_from(finder.find_iter(text).count()).unwrap_or(u32::MAX))
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
    for format in formats::FORMATS {
        hash.update(format!("{format:?}").as_bytes());
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn line_at(text: &[u8]) -> u32 {
    u32::try_from(text.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u32::MAX)
}

pub(crate) fn bounded(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

#[cfg(test)]
mod tests;
