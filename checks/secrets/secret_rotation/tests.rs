use std::collections::BTreeMap;

use super::super::stage::{day, env_file, leak, now, target};
use super::*;
use crate::check::Status;
use crate::evidence::history::Past;
use crate::evidence::repo::State;

fn rotation(on: &str, fingerprint: &str) -> Rotation {
    Rotation {
        name: "DB_PASSWORD".into(),
        environment: Environment::Production,
        on: on.parse().unwrap(),
        fingerprint: Some(fingerprint.into()),
        line: Some(7),
    }
}

fn staged(rotations: Vec<Rotation>, current: &str) -> Evidence {
    let files = vec![env_file(".env.production", Some(Environment::Production), &[("DB_PASSWORD", current)])];
    let mut evidence = now()
        .with(earlier(), Runs::default())
        .with(secrets(), Leaks::default())
        .with(env_files(), EnvFiles { git: true, files, ..EnvFiles::default() });
    evidence.declared.rotations = rotations;
    evidence
}

fn judged(evidence: &Evidence) -> Verdict {
    SecretRotation::default().judge(&target(), evidence)
}

#[test]
fn no_answer_and_no_register_are_never_a_pass() {
    assert_eq!(judged(&now()).status(), Status::Inconclusive);
    assert_eq!(judged(&staged(Vec::new(), "k1:aa")).status(), Status::Inconclusive);
}

#[test]
fn a_young_secret_with_its_registered_value_passes() {
    assert_eq!(judged(&staged(vec![rotation("2031-05-01", "k1:aa")], "k1:aa")).status(), Status::Pass);
}

#[test]
fn an_old_one_and_one_of_the_future_fail() {
    assert_eq!(
        judged(&staged(vec![rotation("2031-03-02", "k1:aa")], "k1:aa")).findings()[0].aspect,
        "old DB_PASSWORD production"
    );
    assert_eq!(judged(&staged(vec![rotation("2031-03-03", "k1:aa")], "k1:aa")).status(), Status::Pass);
    assert_eq!(judged(&staged(vec![rotation("2031-06-03", "k1:aa")], "k1:aa")).status(), Status::Fail);
}

#[test]
fn another_key_another_value_and_no_value_are_inconclusive() {
    assert_eq!(judged(&staged(vec![rotation("2031-05-01", "k2:aa")], "k1:aa")).status(), Status::Inconclusive);
    assert_eq!(judged(&staged(vec![rotation("2031-05-01", "k1:bb")], "k1:aa")).status(), Status::Inconclusive);
    assert_eq!(judged(&staged(vec![rotation("2031-05-01", "k1:aa")], "")).status(), Status::Inconclusive);
}

#[test]
fn a_claimed_rotation_whose_value_is_older_fails() {
    let mut evidence = staged(vec![rotation("2031-05-01", "k1:aa")], "k1:aa");
    evidence.record(secrets().into(), Ok(Leaks { found: vec![leak(State::History)], ..Leaks::default() }.into()));
    let verdict = judged(&evidence);
    assert_eq!(verdict.status(), Status::Fail);
    assert!(verdict.findings()[0].what.contains("2031-01-02"));
}

fn past(on: &str, name: &str, fact: &str) -> Past {
    Past {
        id: on.into(),
        finished: day(on),
        complete: true,
        scheduled: false,
        facts: BTreeMap::from([(name.into(), fact.into())]),
        statuses: BTreeMap::new(),
    }
}

#[test]
fn a_register_that_moves_the_day_of_the_same_value_does_not_pass() {
    let told = |run: &str, fact: &str| {
        let runs = vec![past(run, "rotation production DB_PASSWORD", fact)];
        let evidence = staged(vec![rotation("2031-05-20", "k1:aa")], "k1:aa").with(earlier(), Runs { runs });
        judged(&evidence).status()
    };
    assert_eq!(told("2031-05-30", "2031-03-12 k1:aa"), Status::Inconclusive);
    assert_eq!(told("2031-04-30", "2031-03-12 k1:aa"), Status::Fail);
    assert_eq!(told("2031-04-30", "2031-03-12 k1:old"), Status::Pass);
    assert_eq!(told("2031-05-30", "2031-05-20 k1:aa"), Status::Pass);
}

#[test]
fn a_register_may_keep_the_earlier_rotations_and_the_last_one_counts() {
    let register = || vec![rotation("2031-01-05", "k1:old"), rotation("2031-05-01", "k1:aa")];
    assert_eq!(judged(&staged(register(), "k1:aa")).status(), Status::Pass);
    let verdict = judged(&staged(register(), "k1:old"));
    assert!(verdict.findings()[0].what.contains("since the rotation of 2031-01-05"));
}

#[test]
fn a_day_that_has_come_somewhere_is_not_in_the_future() {
    let judged_at = |hour: &str, on: &str| {
        let mut evidence = staged(vec![rotation(on, "k1:aa")], "k1:aa");
        evidence.taken_at = format!("2031-06-01T{hour}:00:00Z").parse().unwrap();
        judged(&evidence).status()
    };
    assert_eq!(judged_at("11", "2031-06-02"), Status::Pass);
    assert_eq!(judged_at("09", "2031-06-02"), Status::Fail);
    assert_eq!(judged_at("11", "2031-06-03"), Status::Fail);
}

fn live(fingerprint: &str, runs: &[(&str, &str)]) -> Verdict {
    let target = Target { repository: None, ..crate::checks::access::stage::deployed("https://mcp.example.com", &[]) };
    let runs = runs.iter().map(|(on, known)| past(on, TOKEN_FACT, known)).collect();
    let facts = TokenFacts { fingerprint: Some(fingerprint.into()), ..TokenFacts::default() };
    SecretRotation::default().judge(&target, &now().with(earlier(), Runs { runs }).with(token(), facts))
}

#[test]
fn a_token_unchanged_over_ninety_days_of_runs_is_a_measured_failure() {
    assert_eq!(live("k1:aa", &[("2031-01-01", "k1:aa"), ("2031-05-01", "k1:aa")]).status(), Status::Fail);
    assert_eq!(live("k1:aa", &[("2031-05-01", "k1:aa")]).status(), Status::Inconclusive);
}

#[test]
fn a_token_seen_to_change_in_time_passes() {
    assert_eq!(live("k1:aa", &[("2031-04-01", "k1:bb"), ("2031-05-01", "k1:aa")]).status(), Status::Pass);
    assert_eq!(live("k1:aa", &[("2030-04-01", "k1:bb"), ("2031-05-01", "k1:aa")]).status(), Status::Inconclusive);
    // Runs under another key say nothing.
    assert_eq!(live("k1:aa", &[("2031-04-01", "k2:bb")]).status(), Status::Inconclusive);
}
