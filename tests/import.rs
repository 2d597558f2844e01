//! `init --from`: written policies of many shapes come in without a lost sentence, each bound to what judges it.
//!
//! Beside each document in `documents/` stands what was read out of it by hand: line, checks with their knobs (or `-`),
//! and how the sentence begins. For a document without such a file the test says what was read, and a person holds it against the
//! document.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use watertight::policy::import::{Imported, Item, import};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn documents() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(format!("{ROOT}/tests/documents"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    found.sort();
    assert!(found.len() >= 12, "{found:?}");
    found
}

fn shown(item: &Item) -> String {
    let bound: Vec<String> = item
        .bound
        .iter()
        .map(|bound| {
            let knobs: Vec<String> = bound.knobs.iter().map(|knob| format!("{}={}", knob.name, knob.value)).collect();
            if knobs.is_empty() { bound.check.to_owned() } else { format!("{}({})", bound.check, knobs.join(",")) }
        })
        .collect();
    if bound.is_empty() { "-".into() } else { bound.join(" ") }
}

/// The words of a text, counted by somebody who knows no Markdown.
fn words(text: &str) -> BTreeMap<String, usize> {
    let mut words = BTreeMap::new();
    // The names of tags are no words.
    let text = text.split('<').enumerate().map(|(at, part)| match part.split_once('>') {
        Some((tag, rest)) if at > 0 && tag.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') => rest,
        Some(_) | None => part,
    });
    for word in
        text.flat_map(|part| part.split(|character: char| !character.is_alphanumeric())).filter(|word| !word.is_empty())
    {
        *words.entry(word.to_owned()).or_default() += 1;
    }
    words
}

/// Words of the source that no quote has; the marks of ordered lists and checkboxes are no words.
fn lost(source: &str, imported: &Imported) -> BTreeSet<String> {
    let quotes: String = imported.items.iter().map(|item| format!("{}\n", item.quote)).collect();
    let quoted = words(&quotes);
    words(source)
        .into_iter()
        .filter(|(word, count)| quoted.get(word).copied().unwrap_or_default() < *count)
        .map(|(word, _)| word)
        .filter(|word| !word.chars().all(char::is_numeric) && !word.eq_ignore_ascii_case("x"))
        .collect()
}

#[test]
fn every_sentence_of_every_document_is_bound_as_a_reader_would_or_listed() {
    let mut unread = String::new();
    for path in documents() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let source = std::fs::read_to_string(&path).unwrap();
        let imported = import(&source);
        let Ok(expected) = std::fs::read_to_string(path.with_extension("expected")) else {
            let _ = writeln!(unread, "{name} has no .expected beside it; it reads");
            for item in &imported.items {
                let begins: String = item.quote.chars().take(60).collect();
                let _ = writeln!(unread, "{}\t{}\t{begins}", item.line, shown(item));
            }
            continue;
        };
        let mut faults = Vec::new();
        for (item, line) in imported.items.iter().zip(expected.lines()) {
            let mut fields = line.splitn(3, '\t');
            let (number, checks, begins) = (fields.next().unwrap(), fields.next().unwrap(), fields.next().unwrap());
            if item.line.to_string() != number || shown(item) != checks || !item.quote.starts_with(begins) {
                faults.push(format!("{name}:{} is {}: {}\n  expected {line}", item.line, shown(item), item.quote));
            }
        }
        assert_eq!(imported.items.len(), expected.lines().count(), "sentences of {name}");
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        assert_eq!(lost(&source, &imported), BTreeSet::new(), "{name}");
    }
    assert!(unread.is_empty(), "{unread}");
}

/// Sentences by their lines.
type Quotes = BTreeSet<(u32, String)>;

/// Every sentence must stand in the file by its line, beneath a check or among what is not covered.
fn quoted(policy: &str) -> (Quotes, Quotes) {
    let (bound, open) = policy.split_once("\n# Not covered").unwrap();
    let of = |text: &str| {
        text.lines()
            .filter_map(|line| line.trim_start().strip_prefix("# line "))
            .filter_map(|rest| rest.split_once(": "))
            .filter_map(|(head, quote)| Some((head.split(' ').next()?.parse().ok()?, quote.to_owned())))
            .collect()
    };
    (of(bound), of(open))
}

fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watertight"));
    let output = command.current_dir(folder).env_clear().env("HOME", folder).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn what_init_writes_adds_up_and_is_a_policy_that_plans() {
    // Each document goes through the library above; here the command itself, on a few of them.
    let shapes = ["control-table.md", "html-heavy.md", "zweisprachig.md"];
    for path in documents().into_iter().filter(|path| shapes.iter().any(|shape| path.ends_with(shape))) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(&path, folder.path().join("SECURITY.md")).unwrap();
        let (code, out, err) = run(folder.path(), &["init", "--from", "SECURITY.md"]);
        assert_eq!(code, 0, "{}: {err}", path.display());
        let policy = std::fs::read_to_string(folder.path().join("policy.yaml")).unwrap();
        let (bound, open) = quoted(&policy);
        let expected = std::fs::read_to_string(path.with_extension("expected")).unwrap();
        assert_eq!(bound.len() + open.len(), expected.lines().count(), "{}\n{policy}", path.display());
        assert!(
            out.contains(&format!(
                "{} sentences: {} bound to a check, {} not covered",
                expected.lines().count(),
                bound.len(),
                open.len()
            )),
            "{out}"
        );
        let (code, _, err) = run(folder.path(), &["plan", "--policy", "policy.yaml"]);
        assert_eq!(code, 0, "{}: {err}", path.display());
        // What is there is kept.
        let (code, _, err) = run(folder.path(), &["init", "--from", "SECURITY.md"]);
        assert_eq!(code, 2);
        assert!(err.contains("policy.yaml exists, and is kept"), "{err}");
    }
}

/// The statements of the customer's policy, by line, with the checks that answer for each (checklist.md).
const CUSTOMER: [(u32, &[&str]); 36] = [
    (6, &["secrets-committed"]),
    (7, &["env-files", "gitignore"]),
    (8, &["secret-rotation"]),
    (9, &["secret-reuse"]),
    (12, &["incident-record"]),
    (13, &["incident-record"]),
    (14, &["incident-record"]),
    (15, &["incident-record"]),
    (20, &["auth-enforced"]),
    (21, &["token-strength"]),
    (22, &["auth-enforced"]),
    (25, &["rate-limit"]),
    (26, &["rate-limit"]),
    (29, &["cors-origins"]),
    (30, &["cors-origins"]),
    (33, &["input-validation"]),
    (34, &["input-validation", "error-disclosure"]),
    (42, &["llm-ports"]),
    (43, &["llm-ports"]),
    (44, &["monitoring"]),
    (47, &["agent-capabilities"]),
    (48, &["agent-capabilities"]),
    (49, &["activity-log"]),
    (54, &["https-enforced"]),
    (55, &["https-enforced"]),
    (58, &["https-enforced"]),
    (59, &["tls-version"]),
    (60, &["certificate-trust"]),
    (61, &["certificate-pinning"]),
    (64, &["certificate-renewal"]),
    (65, &["monitoring", "certificate-expiry"]),
    (66, &["certificate-trust"]),
    (72, &["disclosure-channel"]),
    (73, &["disclosure-channel"]),
    (75, &["disclosure-channel"]),
    (88, &["audit-schedule"]),
];

#[test]
fn the_customers_policy_comes_in_whole() {
    let path = format!("{ROOT}/../shared/customer-policy/SECURITY.md");
    let Ok(source) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: the customer's policy is not beside this repository (../shared/customer-policy)");
        return;
    };
    let imported = import(&source);
    assert_eq!(lost(&source, &imported), BTreeSet::new());
    for (line, checks) in CUSTOMER {
        let bound: BTreeSet<&str> = imported
            .items
            .iter()
            .filter(|item| item.line == line)
            .flat_map(|item| item.bound.iter().map(|bound| bound.check))
            .collect();
        for check in checks {
            assert!(bound.contains(check), "line {line} is bound to {bound:?}, and {check} answers for it");
        }
        // SEC-3 answers for `or immediately if compromised`, too.
        let extra: Vec<&&str> =
            bound.iter().filter(|check| !checks.contains(check) && **check != "incident-record").collect();
        assert!(extra.is_empty(), "line {line} is bound to {extra:?}");
    }
    let open: Vec<u32> =
        imported.not_covered().filter(|item| item.why_not != "a heading").map(|item| item.line).collect();
    assert_eq!(open, [38, 41, 70, 74], "the warning, an explanation, and how to write to the maintainers");
    assert_eq!(imported.boxes().len(), 10);
    assert!(imported.boxes().iter().all(|(_, _, _, checks)| !checks.is_empty()));
}

#[test]
fn without_a_document_the_repository_proposes_its_target() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("package.json", "{ \"dependencies\": { \"@modelcontextprotocol/sdk\": \"1\" } }");
    write("openapi.yaml", "openapi: 3.1.0\n");
    let (code, out, err) = run(folder.path(), &["init", "--output", "-"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("    # endpoints: [/mcp]   # seen in package.json:1\n"), "{out}");
    assert!(out.contains("    # openapi: { file: openapi.yaml }   # seen in openapi.yaml:1\n"), "{out}");
    assert!(!folder.path().join("policy.yaml").exists());
}

#[test]
fn a_document_that_cannot_be_read_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("latin.md"), b"fine\nna\xefve\n").unwrap();
    std::fs::write(folder.path().join("empty.md"), "\n").unwrap();
    std::fs::write(folder.path().join("huge.md"), "Use HTTPS. ".repeat(120_000)).unwrap();
    for (file, said) in [
        ("latin.md", "latin.md:2: this is not UTF-8"),
        ("empty.md", "empty.md is empty"),
        ("huge.md", "huge.md has more than 1048576 bytes"),
        (".", ". is not a file"),
        ("none.md", "the document none.md cannot be read"),
    ] {
        let (code, _, err) = run(folder.path(), &["init", "--from", file]);
        assert_eq!(code, 2, "{file}");
        assert!(err.contains(said), "{file}: {err}");
        assert!(!folder.path().join("policy.yaml").exists(), "{file}");
    }
}
