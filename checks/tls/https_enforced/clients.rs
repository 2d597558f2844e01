//! Clients in the repository that send a credential over plain HTTP: only what is clearly one.

use std::sync::LazyLock;

use regex::Regex;
use url::Url;

use crate::check::{Finding, Place, Verdict};
use crate::evidence::repo::{Lines, Matches};
use crate::evidence::{Evidence, Question as _, Unseen};

/// A credential and a plain address in one line of code.
pub(super) fn in_code() -> Lines {
    let globs =
        ["js", "mjs", "cjs", "ts", "tsx", "py", "rb", "php", "go", "rs", "java", "kt", "cs", "sh", "bash", "ps1"];
    Lines {
        globs: globs.iter().map(|extension| format!("*.{extension}")).chain(["Makefile".into()]).collect(),
        pattern: format!("(?i)(?:{CREDENTIAL}).*http://|http://.*(?:{CREDENTIAL})|http://[^/ ]+:[^/ ]+@"),
    }
}

/// Addresses and credentials of client configurations, which stand in lines of their own.
pub(super) fn in_configuration() -> Lines {
    Lines {
        globs: ["*.json", "*.yaml", "*.yml", "*.toml", ".env*"].map(str::to_owned).to_vec(),
        pattern: format!("(?i)http://|{CREDENTIAL}"),
    }
}

const CREDENTIAL: &str = r#"\bauthorization["']?\s*[:=]|\bbearer\s+\S|\bx-api-key["']?\s*[:=]"#;

/// How many lines apart an address and its header may stand in a configuration.
const APART: u32 = 4;

pub(super) fn judge(evidence: &Evidence, verdict: &mut Verdict) {
    let mut looked = 0;
    for (ask, apart) in [(in_code(), 0), (in_configuration(), APART)] {
        match evidence.of(&ask) {
            Err(unseen) => verdict.not_seen(unseen),
            Ok(matches) => {
                looked += matches.files;
                if !matches.unread.is_empty() {
                    verdict.not_seen(Unseen::Partial(format!("not read: {}", matches.unread.join(", "))));
                }
                if matches.truncated {
                    verdict.not_seen(Unseen::Partial(format!("{}: too many lines", ask.describe())));
                }
                for (path, line, host) in in_clear(matches, apart) {
                    verdict.finds(
                        Finding::new(
                            format!("a client sends a credential to http://{host}"),
                            Place::file(path, Some(line)),
                        )
                        .aspect(format!("client {host}")),
                    );
                }
            }
        }
    }
    if looked > 0 {
        verdict.holds(format!(
            "no client in the repository's {looked} code and configuration files sends a credential over plain HTTP"
        ));
    } else {
        verdict.notes("the repository holds no code or configuration of a client");
    }
}

/// Where a credential goes to a plain address that is no loopback: only what is clearly one.
fn in_clear(matches: &Matches, apart: u32) -> Vec<(String, u32, String)> {
    static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"http://[^\s"'`<>)\]}\\,;]+"#).ok());
    static HELD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&format!("(?i){CREDENTIAL}")).ok());
    let (Some(address), Some(held)) = (ADDRESS.as_ref(), HELD.as_ref()) else { return Vec::new() };
    let mut found = Vec::new();
    for line in matches.lines.iter().filter(|line| !is_made_up(&line.path) && !is_comment(&line.text)) {
        for url in address.find_iter(&line.text).filter_map(|hit| Url::parse(hit.as_str()).ok()) {
            let Some(host) = url.host_str().filter(|host| is_remote(host)) else { continue };
            let beside = matches.lines.iter().any(|other| {
                other.path == line.path && other.line.abs_diff(line.line) <= apart && held.is_match(&other.text)
            });
            if beside || url.password().is_some() {
                found.push((line.path.clone(), line.line, host.to_owned()));
            }
        }
    }
    found
}

/// Tests, examples and foreign code send nothing.
fn is_made_up(path: &str) -> bool {
    const FOLDERS: [&str; 12] = [
        "test",
        "tests",
        "spec",
        "__tests__",
        "fixtures",
        "examples",
        "example",
        "docs",
        "node_modules",
        "vendor",
        "testdata",
        "mocks",
    ];
    let name = path.rsplit('/').next().unwrap_or_default();
    path.split('/').any(|part| FOLDERS.contains(&part.to_ascii_lowercase().as_str()))
        || [".test.", ".spec.", "_test.", "lock.json", ".example", ".sample"].iter().any(|part| name.contains(part))
}

fn is_comment(text: &str) -> bool {
    let text = text.trim_start();
    ["//", "#", "*", "/*", "--"].iter().any(|mark| text.starts_with(mark))
}

/// Not this machine, not a name within a container network, not a reserved example (RFC 2606), not a namespace.
fn is_remote(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    if let Ok(address) = host.parse::<std::net::IpAddr>() {
        return !address.is_loopback() && !address.is_unspecified();
    }
    let reserved = [".example", ".invalid", ".test", ".localhost", "example.com", "example.org", "example.net"];
    host.contains('.')
        && !host.contains(['$', '%', '{'])
        && !reserved.iter().any(|name| host.ends_with(name))
        && !["www.w3.org", "json-schema.org", "host.docker.internal"].contains(&host)
}
