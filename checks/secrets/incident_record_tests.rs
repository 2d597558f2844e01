//! Leaks and their records, tried on evidence built in code.

use super::super::stage::{day, env_file, leak, now, target, whole};
use super::*;
use crate::check::Status;
use crate::checks::access::stage::{answer, deployed};
use crate::evidence::repo::{Coverage, EnvFiles, Gap, GapKind, Line};
use crate::evidence::token::TokenFacts;

fn staged(found: Vec<Leak>, lines: &[&str]) -> Evidence {
    let lines = (1..)
        .zip(lines)
        .map(|(line, text)| Line { path: "SECURITY-INCIDENTS.md".into(), line, text: (*text).into() })
        .collect();
    now()
        .with(scope(), whole())
        .with(secrets(), Leaks { key: "k1".into(), found, ..Leaks::default() })
        .with(env_files(), EnvFiles { git: true, ..EnvFiles::default() })
        .with(records(), Matches { lines, files: 1, ..Matches::default() })
}

fn judged(evidence: &Evidence) -> Verdict {
    IncidentRecord::default().judge(&target(), evidence)
}

fn incident(secret: &str) -> Incident {
    Incident {
        secret: secret.into(),
        on: "2031-01-05".parse().unwrap(),
        rotated: "2031-01-05".parse().ok(),
        updated: vec!["production".into()],
        logs_audited: "2031-01-06".parse().ok(),
        record: None,
        line: None,
    }
}

#[test]
fn no_answer_is_never_a_pass() {
    assert_eq!(judged(&now()).status(), Status::Inconclusive);
}

#[test]
fn nothing_leaked_over_the_whole_history_passes_and_over_a_part_does_not() {
    assert_eq!(judged(&staged(Vec::new(), &[])).status(), Status::Pass);
    assert_eq!(judged(&staged(vec![leak(State::Index)], &[])).status(), Status::Pass);
    let gap = Gap { kind: GapKind::Shallow, what: "shallow".into(), mend: "unshallow".into(), paths: Vec::new() };
    let evidence = staged(Vec::new(), &[]).with(scope(), Coverage { gaps: vec![gap], ..whole() });
    assert_eq!(judged(&evidence).status(), Status::Inconclusive);
}

#[test]
fn a_leak_without_a_record_fails_and_with_a_whole_record_passes() {
    assert_eq!(judged(&staged(vec![leak(State::History)], &[])).status(), Status::Fail);
    for secret in ["DEPLOY_TOKEN", "k1:aa"] {
        let mut evidence = staged(vec![leak(State::History)], &[]);
        evidence.declared.incidents = vec![incident(secret)];
        assert_eq!(judged(&evidence).status(), Status::Pass, "{secret}");
    }
}

#[test]
fn a_record_that_leaves_something_out_fails() {
    for change in [
        (|record: &mut Incident| record.rotated = None) as fn(&mut Incident),
        |record| record.updated.clear(),
        |record| record.logs_audited = None,
        |record| record.rotated = "2030-12-31".parse().ok(),
    ] {
        let mut evidence = staged(vec![leak(State::Head)], &[]);
        let mut record = incident("DEPLOY_TOKEN");
        change(&mut record);
        evidence.declared.incidents = vec![record];
        assert!(judged(&evidence).findings()[0].what.contains("does not say"));
    }
}

#[test]
fn a_file_of_the_repository_is_a_record_too() {
    let whole = [
        "# Incidents",
        "## 2031-01-05: leak",
        "- Secret: DEPLOY_TOKEN",
        "- Rotated: 2031-01-05",
        "- Updated: all",
        "- Logs audited: no misuse found",
    ];
    assert_eq!(judged(&staged(vec![leak(State::History)], &whole)).status(), Status::Pass);
    assert_eq!(judged(&staged(vec![leak(State::History)], &whole[..4])).status(), Status::Inconclusive);
    // Another section's actions are not this leak's.
    let apart = ["## 2031-01-05: DEPLOY_TOKEN", "## other", "Rotated, updated, logs audited 2031-01-05"];
    assert_eq!(judged(&staged(vec![leak(State::History)], &apart)).status(), Status::Inconclusive);
}

#[test]
fn prose_that_denies_or_speaks_of_another_time_is_no_record() {
    for text in [
        "## 2019-01-01 DEPLOY_TOKEN was rotated, updated, and the logs audited",
        "## 2031-01-05 DEPLOY_TOKEN has not been rotated yet. Nothing was updated. Logs audited: no.",
        "## 9999-99-99 DEPLOY_TOKEN rotated updated logs audited",
    ] {
        let verdict = judged(&staged(vec![leak(State::History)], &[text]));
        assert_eq!(verdict.status(), Status::Inconclusive, "{text}");
    }
}

#[test]
fn a_recorded_secret_that_is_still_in_use_fails_and_one_that_still_stands_in_head_is_inconclusive() {
    let in_use = |value: &str, state: State| {
        let files = vec![env_file(".env.production", None, &[("DB_PASSWORD", value)])];
        let mut evidence =
            staged(vec![leak(state)], &[]).with(env_files(), EnvFiles { git: true, files, ..EnvFiles::default() });
        evidence.declared.incidents = vec![incident("DEPLOY_TOKEN")];
        judged(&evidence)
    };
    let verdict = in_use("k1:aa", State::History);
    assert!(verdict.findings()[0].what.contains("still stands in .env.production"));
    assert_eq!(in_use("k1:bb", State::History).status(), Status::Pass);
    assert_eq!(in_use("k1:bb", State::Head).status(), Status::Inconclusive);
}

#[test]
fn one_record_by_name_does_not_cover_two_values() {
    let other = || Leak { fingerprint: "k1:bb".into(), ..leak(State::History) };
    let with = |secrets: &[&str]| {
        let mut evidence = staged(vec![leak(State::History), other()], &[]);
        evidence.declared.incidents = secrets.iter().map(|secret| incident(secret)).collect();
        judged(&evidence).status()
    };
    assert_eq!(with(&["DEPLOY_TOKEN"]), Status::Inconclusive);
    assert_eq!(with(&["k1:aa", "k1:bb"]), Status::Pass);
    assert_eq!(with(&["DEPLOY_TOKEN", "DEPLOY_TOKEN"]), Status::Pass);
}

fn live(leaked: u16, none: u16, valid: u16) -> Verdict {
    let mut target = deployed("https://mcp.example.com", &["GET /api"]);
    target.repository = super::super::stage::target().repository;
    let check = IncidentRecord { verify_leaked: VerifyLeaked::OwnDeployment, ..IncidentRecord::default() };
    let mut evidence = staged(vec![leak(State::History)], &[])
        .with(token(), TokenFacts { fingerprint: Some("k1:zz".into()), ..TokenFacts::default() });
    evidence.declared.incidents = vec![incident("DEPLOY_TOKEN")];
    for (credential, status) in
        [(Credential::Leaked("k1:aa".into()), leaked), (Credential::None, none), (Credential::Valid, valid)]
    {
        let request = Request::get("/api").with(credential);
        assert!(check.asks(&target, &evidence).contains(&request.clone().into()));
        evidence = evidence.with(request, answer(status));
    }
    check.judge(&target, &evidence)
}

#[test]
fn a_leaked_token_that_is_still_accepted_is_critical() {
    let verdict = live(200, 401, 200);
    assert_eq!(verdict.findings()[0].severity, Some(Severity::Critical));
    assert_eq!(live(401, 401, 200).status(), Status::Pass);
}

#[test]
fn a_deployment_that_denies_or_admits_everything_proves_nothing() {
    assert_eq!(live(401, 401, 401).status(), Status::Inconclusive);
    assert_eq!(live(200, 200, 200).status(), Status::Inconclusive);
    assert_eq!(live(429, 401, 200).status(), Status::Inconclusive);
}

#[test]
fn the_token_in_use_is_told_without_a_request() {
    let mut target = deployed("https://mcp.example.com", &["GET /api"]);
    target.repository = super::super::stage::target().repository;
    let mut evidence = staged(vec![leak(State::Head)], &[])
        .with(token(), TokenFacts { fingerprint: Some("k1:aa".into()), ..TokenFacts::default() });
    evidence.declared.incidents = vec![incident("DEPLOY_TOKEN")];
    let verdict = IncidentRecord::default().judge(&target, &evidence);
    assert!(verdict.findings()[0].what.contains("is the token in use"));
}

#[test]
fn nothing_is_tried_unless_the_policy_says_so() {
    let mut target = deployed("https://mcp.example.com", &["GET /api"]);
    target.repository = super::super::stage::target().repository;
    let evidence = staged(vec![leak(State::History)], &[]);
    let asks = IncidentRecord::default().asks(&target, &evidence);
    assert!(!asks.iter().any(|ask| matches!(ask, Ask::Http(_))));
    assert!(IncidentRecord::default().reserves(&target).is_empty());
    assert_eq!(day("2031-01-01").date_naive().to_string(), "2031-01-01");
}
