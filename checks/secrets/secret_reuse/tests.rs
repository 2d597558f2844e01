use super::super::stage::{env_file, now, target};
use super::*;
use crate::check::Status;
use crate::evidence::repo::EnvFile;

const STAGING: Option<Environment> = Some(Environment::Staging);
const PRODUCTION: Option<Environment> = Some(Environment::Production);

fn judged(check: &SecretReuse, files: Vec<EnvFile>) -> Verdict {
    check.judge(&target(), &now().with(env_files(), EnvFiles { git: true, files, ..EnvFiles::default() }))
}

fn of(staging: &str, production: &str) -> Verdict {
    judged(
        &SecretReuse::default(),
        vec![
            env_file(".env.staging", STAGING, &[("DB_PASSWORD", staging), ("PORT", "")]),
            env_file(".env.production", PRODUCTION, &[("DB_PASSWORD", production), ("PORT", "")]),
        ],
    )
}

#[test]
fn no_answer_is_never_a_pass() {
    assert_eq!(SecretReuse::default().judge(&target(), &now()).status(), Status::Inconclusive);
}

#[test]
fn different_secrets_pass_and_a_shared_one_fails() {
    assert_eq!(of("k1:aa", "k1:bb").status(), Status::Pass);
    let verdict = of("k1:aa", "k1:aa");
    assert_eq!(verdict.findings()[0].place, Place::file(".env.production", Some(1)));
}

#[test]
fn equal_values_that_are_no_secrets_are_no_fault_and_nothing_to_compare() {
    assert_eq!(of("", "").status(), Status::Inconclusive);
}

#[test]
fn a_value_inside_another_form_is_the_same_value() {
    let wrapped = |inner: &str| {
        let mut staging = env_file(".env.staging", STAGING, &[("DATABASE_URL", "k1:s")]);
        let mut production = env_file(".env.production", PRODUCTION, &[("DATABASE_URL", "k1:p")]);
        staging.entries[0].inner = vec!["k1:aa".into(), "k1:hex".into()];
        production.entries[0].inner = vec![inner.into(), "k1:hex".into()];
        judged(&SecretReuse::default(), vec![staging, production])
    };
    assert_eq!(wrapped("k1:aa").findings().len(), 1);
    let mut staging = env_file(".env.staging", STAGING, &[("A_TOKEN", "k1:s")]);
    staging.entries[0].inner = vec!["k1:p".into()];
    let production = || env_file(".env.production", PRODUCTION, &[("A_TOKEN", "k1:p")]);
    assert_eq!(judged(&SecretReuse::default(), vec![staging, production()]).status(), Status::Fail);
    let other = env_file(".env.staging", STAGING, &[("A_TOKEN", "k1:s")]);
    assert_eq!(judged(&SecretReuse::default(), vec![other, production()]).status(), Status::Pass);
}

#[test]
fn one_environment_alone_is_inconclusive_unless_the_policy_says_it_is_the_only_one() {
    let files = || vec![env_file(".env.production", PRODUCTION, &[("DB_PASSWORD", "k1:aa")])];
    assert_eq!(judged(&SecretReuse::default(), files()).status(), Status::Inconclusive);
    let check = SecretReuse { environments: vec![Environment::Production], ..SecretReuse::default() };
    assert_eq!(judged(&check, files()).status(), Status::NotApplicable);
}

#[test]
fn a_real_value_that_the_example_shows_fails() {
    let example = EnvFile { kind: EnvKind::Example, ..env_file(".env.example", None, &[("DB_PASSWORD", "k1:aa")]) };
    let files = vec![example, env_file(".env.production", PRODUCTION, &[("DB_PASSWORD", "k1:aa")])];
    assert_eq!(judged(&SecretReuse::default(), files).status(), Status::Fail);
}

#[test]
fn fingerprints_of_two_keys_are_not_compared() {
    assert_eq!(of("k1:aa", "k2:bb").status(), Status::Inconclusive);
}

#[test]
fn the_policy_can_name_what_is_shared_on_purpose() {
    let check = SecretReuse { shared: vec!["MAPS_KEY".into()], ..SecretReuse::default() };
    let files = vec![
        env_file(".env.staging", STAGING, &[("MAPS_KEY", "k1:aa"), ("DB_PASSWORD", "k1:bb")]),
        env_file(".env.production", PRODUCTION, &[("MAPS_KEY", "k1:aa"), ("DB_PASSWORD", "k1:cc")]),
    ];
    assert_eq!(judged(&check, files).status(), Status::Pass);
}
