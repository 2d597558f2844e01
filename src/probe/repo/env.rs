//! Env files: their kind, their environment, and what their assignments hold.

use serde::{Deserialize, Serialize};

use super::content::Content;
use crate::detect::secrets;
use crate::evidence::repo::{EnvEntry, EnvKind, ValueKind};
use crate::probe::fingerprint::Key;
use crate::target::Environment;

/// What the content of an env file shows.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Assignments {
    pub(super) entries: Vec<EnvEntry>,
    /// git-crypt, sops or dotenvx have encrypted it, wholly or in part.
    pub(super) encrypted: bool,
}

const MOST_ENTRIES: usize = 1000;

pub(super) fn assignments(content: Content, text: &[u8], key: &Key) -> Assignments {
    match content {
        Content::Encrypted => return Assignments { entries: Vec::new(), encrypted: true },
        Content::Text => {}
        Content::Binary
        | Content::Media
        | Content::Tar
        | Content::Archive
        | Content::KeyContainer
        | Content::LfsPointer => return Assignments::default(),
    }
    let text = String::from_utf8_lossy(text);
    let entries: Vec<EnvEntry> = parse(&text)
        .into_iter()
        .take(MOST_ENTRIES)
        .map(|(name, line, text)| {
            let value = secrets::kind_of(name, &text);
            let fingerprint = (value == ValueKind::Secret).then(|| key.fingerprint(&text));
            EnvEntry { name: secrets::bounded(name, 100), line, value, fingerprint }
        })
        .collect();
    let encrypted = entries.iter().any(|entry| {
        entry.value == ValueKind::Ciphertext
            || entry.name.starts_with("sops_")
            || entry.name.starts_with("DOTENV_PUBLIC_KEY")
    });
    Assignments { entries, encrypted }
}

/// Name, line and value of each assignment, as the dotenv dialects agree on them.
fn parse(text: &str) -> Vec<(&str, u32, String)> {
    let mut found = Vec::new();
    let mut lines = text.trim_start_matches('\u{feff}').split('\n').enumerate();
    while let Some((index, line)) = lines.next() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        let Some((name, value)) = line.split_once('=') else { continue };
        let name = name.trim_end();
        if name.is_empty()
            || name.starts_with('#')
            || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
        {
            continue;
        }
        let value = value.trim_start();
        let value = match value.chars().next() {
            Some(quote @ ('"' | '\'' | '`')) => {
                let rest = value.get(1..).unwrap_or_default();
                match rest.find(quote) {
                    Some(end) => rest.get(..end).unwrap_or_default().to_owned(),
                    None => {
                        // A quoted value runs on over lines: a private key, mostly.
                        let mut whole = rest.to_owned();
                        for (_, next) in lines.by_ref().take(200) {
                            whole.push('\n');
                            if let Some(end) = next.find(quote) {
                                whole.push_str(next.get(..end).unwrap_or_default());
                                break;
                            }
                            whole.push_str(next);
                        }
                        whole
                    }
                }
            }
            Some('#') | None => String::new(),
            Some(_) => value.split(" #").next().unwrap_or_default().trim_end().to_owned(),
        };
        found.push((name, u32::try_from(index + 1).unwrap_or(u32::MAX), value));
    }
    found
}

/// By name first; a file whose secrets are all ciphertext is an encrypted one.
pub(super) fn kind(path: &str, content: &Assignments) -> EnvKind {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    const EXAMPLES: &[&str] =
        &["example", "sample", "template", "dist", "tpl", "tmpl", "defaults", "default", "schema"];
    if name == ".env.keys" {
        return EnvKind::Keys;
    }
    if name.split(['.', '-', '_']).any(|part| EXAMPLES.contains(&part)) {
        return EnvKind::Example;
    }
    let plaintext = content.entries.iter().any(|entry| entry.value == ValueKind::Secret);
    if name == ".env.vault" || content.encrypted && !plaintext { EnvKind::Encrypted } else { EnvKind::Real }
}

/// What a file's name says of where its values are used.
pub(super) fn environment(path: &str) -> Option<Environment> {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let says = |words: &[&str]| name.split(['.', '-', '_']).any(|part| words.contains(&part));
    if says(&["production", "prod", "live"]) {
        Some(Environment::Production)
    } else if says(&["staging", "stage", "stg", "preprod", "uat", "preview"]) {
        Some(Environment::Staging)
    } else if says(&["development", "dev", "local"]) {
        Some(Environment::Development)
    } else {
        None
    }
}

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz_assignments(bytes: &[u8]) {
    let content = assignments(Content::Text, bytes, &Key::default());
    assert!(content.entries.len() <= MOST_ENTRIES);
    kind(".env", &content);
}
