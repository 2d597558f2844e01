use super::super::stage::{day, env_file, now, target, whole};
use super::*;
use crate::check::Status;
use crate::evidence::repo::{CommitMark, Covered, Gap, IgnoreRule, Ignored, Shipping};

fn rule(shared: bool) -> IgnoreRule {
    IgnoreRule { file: ".gitignore".into(), line: 1, pattern: ".env".into(), shared }
}

fn judged(files_seen: EnvFiles) -> Verdict {
    let covered = Covered { name: ".env".into(), by: Some(rule(true)), negated: None, tracked: false };
    let evidence = now()
        .with(files(), files_seen)
        .with(scope(), whole())
        .with(plain_name(), Ignored { names: vec![covered], files: Vec::new() });
    EnvFilesCheck::default().judge(&target(), &evidence)
}

fn of(file: EnvFile) -> Verdict {
    judged(EnvFiles { git: true, key: "k1".into(), files: vec![file], directories: 1, ..EnvFiles::default() })
}

fn secret() -> EnvFile {
    env_file(".env", None, &[("DB_PASSWORD", "k1:aa")])
}

#[test]
fn no_answer_is_never_a_pass() {
    assert_eq!(EnvFilesCheck::default().judge(&target(), &now()).status(), Status::Inconclusive);
}

#[test]
fn an_ignored_file_that_never_was_in_git_passes() {
    assert_eq!(of(secret()).status(), Status::Pass);
}

#[test]
fn a_tracked_file_fails_even_where_a_rule_names_it() {
    let verdict = of(EnvFile { tracked: true, ..secret() });
    assert_eq!(verdict.status(), Status::Fail);
    assert!(verdict.findings()[0].what.contains("has no effect"));
}

#[test]
fn a_file_in_history_only_fails() {
    let first = Some(CommitMark { id: "c0ffee".into(), when: day("2031-01-01") });
    assert_eq!(of(EnvFile { exists: false, first, ..secret() }).status(), Status::Fail);
}

#[test]
fn a_rule_that_teammates_lack_and_no_rule_fail() {
    assert_eq!(of(EnvFile { ignored: Some(rule(false)), ..secret() }).findings()[0].aspect, "ignored-here-only");
    assert_eq!(of(EnvFile { ignored: None, ..secret() }).findings()[0].aspect, "not-ignored");
}

#[test]
fn an_example_may_be_tracked_if_it_holds_placeholders_alone() {
    let example = EnvFile { kind: EnvKind::Example, tracked: true, in_head: true, ignored: None, ..secret() };
    assert_eq!(of(example.clone()).status(), Status::Fail);
    let mut clean = example;
    clean.entries[0].value = ValueKind::Placeholder;
    assert_eq!(of(clean).status(), Status::Pass);
}

#[test]
fn an_encrypted_file_may_be_tracked_and_its_keys_may_not() {
    let mut file = EnvFile { kind: EnvKind::Encrypted, tracked: true, ignored: None, ..secret() };
    file.entries[0].value = ValueKind::Ciphertext;
    assert_eq!(of(file).status(), Status::Pass);
    assert_eq!(of(EnvFile { kind: EnvKind::Keys, tracked: true, ..secret() }).status(), Status::Fail);
}

#[test]
fn an_unread_submodule_is_inconclusive_until_the_policy_accepts_it() {
    let covered = Covered { name: ".env".into(), by: Some(rule(true)), negated: None, tracked: false };
    let gap = Gap {
        kind: GapKind::Submodules,
        what: "submodules were not read".into(),
        mend: "audit each by itself".into(),
        paths: vec!["vendor/inner".into()],
    };
    let evidence = now()
        .with(files(), EnvFiles { git: true, key: "k1".into(), directories: 1, ..EnvFiles::default() })
        .with(scope(), Coverage { gaps: vec![gap], ..whole() })
        .with(plain_name(), Ignored { names: vec![covered], files: Vec::new() });
    assert_eq!(EnvFilesCheck::default().judge(&target(), &evidence).status(), Status::Inconclusive);
    let check = EnvFilesCheck { accept_unread: vec!["vendor/*".into()], ..EnvFilesCheck::default() };
    assert_eq!(check.judge(&target(), &evidence).status(), Status::Pass);
}

#[test]
fn a_file_that_an_image_takes_along_fails() {
    let shipped = vec![Shipping { file: "Dockerfile".into(), line: 2, env_file: ".env".into(), how: "COPY .".into() }];
    let verdict = judged(EnvFiles { git: true, files: vec![secret()], shipped, directories: 1, ..EnvFiles::default() });
    assert_eq!(verdict.status(), Status::Fail);
}

#[test]
fn a_file_that_could_not_be_read_and_a_folder_without_git_are_inconclusive() {
    let unread = EnvFile { unread: Some("a symlink".into()), ..secret() };
    assert_eq!(of(unread).status(), Status::Inconclusive);
    assert_eq!(judged(EnvFiles { git: false, ..EnvFiles::default() }).status(), Status::Inconclusive);
}
