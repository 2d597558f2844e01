//! Files with a form of their own, in which the secret stands by position and not behind its name.

use super::Hit;
use super::value::{is_password_hash, looks};
use crate::evidence::repo::{Confidence, ValueKind};

pub(super) fn find(path: &str, text: &[u8], hits: &mut Vec<Hit>) {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    match name.as_str() {
        ".netrc" | "_netrc" | "netrc" => words_after(text, "password", hits),
        ".pgpass" | "pgpass.conf" => columns(text, 4, "password of a .pgpass line", hits),
        ".htpasswd" | "htpasswd" => columns(text, 1, "password hash of an htpasswd line", hits),
        _ => {}
    }
}

/// `machine HOST login USER password VALUE`, over any white space.
fn words_after(text: &[u8], keyword: &str, hits: &mut Vec<Hit>) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let mut wanted = false;
    for word in text.split_ascii_whitespace() {
        let at = word.as_ptr() as usize - text.as_ptr() as usize;
        if wanted {
            push(word, at, "password of a .netrc entry", hits);
        }
        wanted = word == keyword;
    }
}

/// The column of colon-separated lines; the last one takes the rest of the line.
fn columns(text: &[u8], column: usize, what: &str, hits: &mut Vec<Hit>) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end();
        if !content.starts_with('#')
            && let Some(field) = content.splitn(column + 1, ':').nth(column)
        {
            push(field, at + content.len() - field.len(), what, hits);
        }
        at += line.len();
    }
}

fn push(value: &str, at: usize, what: &str, hits: &mut Vec<Hit>) {
    match looks(value) {
        ValueKind::Secret | ValueKind::Plain => {}
        ValueKind::Empty | ValueKind::Placeholder | ValueKind::Reference | ValueKind::Ciphertext => return,
    }
    hits.push(Hit {
        rule: "password-file",
        what: what.into(),
        confidence: if is_password_hash(value) || value.len() >= 4 { Confidence::Medium } else { Confidence::Low },
        line: 0,
        span: at..at + value.len(),
        name: None,
        allowed: false,
        random: false,
        hint: format!("{} characters", value.chars().count()),
    });
}
