//! No bytes that a stranger wrote can bring a reader down: every reader of such bytes, as the targets of `fuzz/` see it.
//!
//! A target says what must hold beside not panicking. The seeds of each run in an ordinary test as well.

use chrono::DateTime;

use crate::certificate::Certificate;
use crate::certificate::path::assess;
use crate::certificate::roots::Roots;
use crate::evidence::Recording;
use crate::{audit, detect, policy, probe, report};

/// One reader under attack.
pub struct Target {
    /// Also the name of its binary, its seeds and its dictionary in `fuzz/`.
    pub name: &'static str,
    run: fn(&[u8]),
}

/// Every target, in the pipeline's order: what is written by the user, what comes off the wire, what lies in a repository,
/// what is kept.
pub const ALL: &[Target] = &[
    Target { name: "policy", run: policy_file },
    Target { name: "import", run: written_policy },
    Target { name: "gitleaks", run: gitleaks },
    Target { name: "http-answer", run: probe::http::fuzz_answer },
    Target { name: "mcp-message", run: probe::mcp::fuzz_message },
    Target { name: "openapi", run: probe::fuzz_description },
    Target { name: "metrics", run: probe::fuzz_samples },
    Target { name: "tls-flight", run: crate::tls::reader::fuzz_flight },
    Target { name: "certificate", run: certificate },
    Target { name: "json-schema", run: json_schema },
    Target { name: "disclosure", run: disclosure },
    Target { name: "secrets", run: secrets },
    Target { name: "dotenv", run: probe::repo::fuzz_assignments },
    Target { name: "manifest", run: probe::manifests::fuzz_marks },
    Target { name: "token", run: probe::token::fuzz_facts },
    Target { name: "evidence", run: evidence },
    Target { name: "escape", run: escape },
];

/// Runs one target by its name.
///
/// # Panics
///
/// Where the target does not hold, which is what the fuzzer looks for, and where there is no such target.
pub fn run(name: &str, bytes: &[u8]) {
    let target = ALL.iter().find(|target| target.name == name);
    assert!(target.is_some(), "there is no fuzz target {name}");
    if let Some(target) = target {
        (target.run)(bytes);
    }
}

/// A policy is read or its faults are shown; what is shown obeys nobody.
fn policy_file(bytes: &[u8]) {
    let Ok(source) = std::str::from_utf8(bytes) else { return };
    let written = policy::file::Written {
        source,
        file: "policy.yaml",
        directory: std::path::Path::new("."),
        trust: policy::file::Trust::Found { root: ".".into() },
        today: chrono::NaiveDate::default(),
    };
    if let Err(faults) = policy::file::read(&written) {
        shows(&faults.to_string());
    }
}

/// Whatever a SECURITY.md says, its sentences stay whole and in their places, and what is written of it is a policy.
fn written_policy(bytes: &[u8]) {
    let Ok(source) = std::str::from_utf8(bytes) else { return };
    let imported = policy::import::import(source);
    let lines = source.lines().count().max(1);
    for item in &imported.items {
        assert!(!item.quote.trim().is_empty() && !item.quote.contains('\n'), "{:?}", item.quote);
        assert!(item.block.end <= source.len() && (1..=lines).contains(&(item.line as usize)), "line {}", item.line);
        assert!(item.bound.is_empty() != item.why_not.is_empty(), "{:?} is bound and not, or neither", item.quote);
    }
    let from = policy::import::write::From { imported: &imported, document: "SECURITY.md" };
    let proposal = policy::import::detect::Proposal { repository: ".".into(), ..Default::default() };
    let text = policy::import::write::policy(Some(&from), &proposal);
    shows(&text);
    let written = policy::file::Written {
        source: &text,
        file: "policy.yaml",
        directory: std::path::Path::new("."),
        trust: policy::file::Trust::Full,
        today: chrono::NaiveDate::default(),
    };
    let read = policy::file::read(&written);
    assert!(read.is_ok(), "{}\n{text}", read.err().map(|faults| faults.to_string()).unwrap_or_default());
}

/// Rules of the user's own find what stands in the text, or are refused with the line of the fault. The file is searched
/// by its own rules: where else would they fit so often?
fn gitleaks(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match detect::secrets::gitleaks::Rules::parse(text) {
        Ok(rules) => {
            for hit in detect::secrets::detect_with("config.toml", bytes, Some(&rules)) {
                assert!(hit.span.end <= bytes.len(), "a hit outside the text: {:?}", hit.span);
            }
        }
        // The end of the text lies on the line behind its last break.
        Err(fault) => assert!((1..=text.split('\n').count()).contains(&(fault.line as usize)), "{fault}"),
    }
}

fn certificate(bytes: &[u8]) {
    let Ok(one) = Certificate::of_der(bytes) else { return };
    let _ = (one.lifetime(), one.names_in_short(), one.signed_by(&one), one.is_self_issued(), one.is_authority());
    // Trusted or not, a chain that leads nowhere is never without a fault.
    for roots in [Roots::private(vec![one]), Roots::private(Vec::new())] {
        let assessment = assess(&[bytes.to_vec(), bytes.to_vec()], "mcp.example.com", &roots, DateTime::UNIX_EPOCH);
        let silent = assessment.faults.is_empty() && assessment.unknown.is_empty();
        assert!(assessment.path.is_some() || !silent, "no path, and nothing is said of it");
    }
}

/// No schema that a server sends makes a sample that the schema itself refuses, or a case without end.
fn json_schema(bytes: &[u8]) {
    let Ok(schema) = serde_json::from_slice(bytes) else { return };
    let Some(schema) = detect::schema::resolved(&schema, &schema) else { return };
    let valid = detect::schema::sample(&schema);
    assert!(detect::schema::broken(&schema, valid.as_ref()).len() < 10_000);
}

fn disclosure(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    detect::disclosure::leaks(&text, &["own"]);
    if let Some((name, value)) = text.split_once(':') {
        detect::disclosure::header_leaks(name, value);
    }
}

/// The first line is the path, the rest its content. What is found stands in the text.
fn secrets(bytes: &[u8]) {
    let (path, text) = split(bytes);
    let path = String::from_utf8_lossy(path);
    let hits = detect::secrets::detect(&path, text);
    let wide = detect::secrets::widen(text);
    let text = wide.as_deref().unwrap_or(text);
    for hit in hits {
        assert!(!hit.span.is_empty() && hit.span.end <= text.len(), "a hit outside the text: {:?}", hit.span);
    }
    detect::secrets::detect_tokens(text);
    detect::secrets::masked(&path, &String::from_utf8_lossy(text));
}

/// Evidence is judged and shown whatever it says, twice the same.
fn evidence(bytes: &[u8]) {
    let Ok(recording) = serde_json::from_slice::<Recording>(bytes) else { return };
    let shown = || {
        let judged = audit::judge(&recording.policy, &recording, &|_| true).ok()?;
        let report = report::Report::of(&recording.policy, &recording, &judged);
        report::json::render(&report).ok()
    };
    assert_eq!(shown(), shown(), "the same evidence gave two reports");
}

/// Whatever is shown on a terminal is one harmless line.
fn escape(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    shows(&report::escape::lines(&text));
    assert!(!report::escape::terminal(&text).contains('\n'));
}

fn shows(text: &str) {
    assert!(!text.chars().any(|character| character != '\n' && report::escape::is_unsafe(character)), "{text:?}");
}

/// The first line, and the rest.
pub(crate) fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (bytes.get(..end).unwrap_or_default(), bytes.get(end + 1..).unwrap_or_default()),
        None => (b"", bytes),
    }
}

#[cfg(test)]
mod tests;
