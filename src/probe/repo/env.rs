//! Env files: their kind, their environment, and what their assignments hold.

use serde::{Deserialize, Serialize};

use super::content::Content;
use super::{dotenv, forms};
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
    /// There are more assignments than are recorded.
    #[serde(default)]
    pub(super) cut: bool,
}

/// Assignments that are recorded at most; a file with more is told to be cut.
pub(super) const MOST_ENTRIES: usize = 10_000;

pub(super) fn assignments(content: Content, text: &[u8], key: &Key) -> Assignments {
    match content {
        Content::Encrypted => return Assignments { encrypted: true, ..Assignments::default() },
        Content::Text => {}
        Content::Binary
        | Content::Media
        | Content::Tar
        | Content::Archive
        | Content::KeyContainer
        | Content::LfsPointer => return Assignments::default(),
    }
    let text = String::from_utf8_lossy(text);
    let found = dotenv::parse(&text);
    let cut = found.len() > MOST_ENTRIES;
    let entries: Vec<EnvEntry> = found
        .into_iter()
        .take(MOST_ENTRIES)
        .map(|(name, line, text)| {
            let value = secrets::kind_of(name, &text);
            let secret = value == ValueKind::Secret;
            let inner = if secret { forms::inner(&text) } else { Vec::new() };
            EnvEntry {
                name: super::sum::shown(name, 100),
                line,
                value,
                fingerprint: secret.then(|| key.fingerprint(&text)),
                inner: inner.iter().map(|value| key.fingerprint(value)).collect(),
            }
        })
        .collect();
    let encrypted = entries.iter().any(|entry| {
        entry.value == ValueKind::Ciphertext
            || entry.name.starts_with("sops_")
            || entry.name.starts_with("DOTENV_PUBLIC_KEY")
    });
    Assignments { entries, encrypted, cut }
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

const WORDS: &[(Environment, &[&str])] = &[
    (Environment::Production, &["production", "prod", "live"]),
    (Environment::Staging, &["staging", "stage", "stg", "preprod", "uat", "preview"]),
    (Environment::Development, &["development", "dev", "local"]),
];

/// What a file's name says of where its values are used; else the nearest folder that says it.
pub(super) fn environment(path: &str) -> Option<Environment> {
    let path = path.to_ascii_lowercase();
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default();
    let of = |is: &dyn Fn(&str) -> bool| {
        WORDS.iter().find(|(_, words)| words.iter().any(|word| is(word))).map(|(environment, _)| *environment)
    };
    of(&|word| name.split(['.', '-', '_']).any(|part| part == word))
        // `deploy/staging/.env`; a folder `live-view` says nothing.
        .or_else(|| parts.find_map(|folder| of(&|word| folder == word)))
}

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz_assignments(bytes: &[u8]) {
    let content = assignments(Content::Text, bytes, &Key::default());
    assert!(content.entries.len() <= MOST_ENTRIES);
    kind(".env", &content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_said_by_the_name_or_else_by_the_nearest_folder() {
        assert_eq!(environment("deploy/production/.env"), Some(Environment::Production));
        assert_eq!(environment("production/staging/app/.env"), Some(Environment::Staging));
        assert_eq!(environment("dev/.env.production"), Some(Environment::Production));
        assert_eq!(environment("apps/live-view/.env"), None);
    }

    #[test]
    fn no_number_of_entries_hides_the_next_and_a_cut_is_told() {
        let many = |count: usize| {
            let lines: String = (0..count).map(|at| format!("V{at}={at}\n")).collect();
            assignments(
                Content::Text,
                format!("{lines}A_TOKEN={}\n", ["Kq7vT2x", "Lm9Zr4WpB8"].concat()).as_bytes(),
                &Key::default(),
            )
        };
        let found = many(1500);
        assert!(found.entries.last().is_some_and(|entry| entry.fingerprint.is_some()) && !found.cut);
        assert!(many(MOST_ENTRIES).cut);
    }
}
