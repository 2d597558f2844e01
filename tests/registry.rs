//! Everything that is said about the checks is a fold over the registry, and nothing passes on nothing.
//!
//! After a change of the registry, `UPDATE_COMMITTED=1 cargo test --test registry` rewrites the committed copies.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use watertight::check::Status;
use watertight::checks::ALL;
use watertight::evidence::{Evidence, Unseen};
use watertight::policy::shipped;
use watertight::report::checklist::{BOXES, STATEMENTS};
use watertight::target::{Environment, Repository, Scope, Target};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn committed(file: &str) -> String {
    std::fs::read_to_string(format!("{ROOT}/{file}")).unwrap()
}

/// Compares the committed copy with what it should be, or rewrites it on demand.
fn agrees(file: &str, expected: &str) {
    if std::env::var_os("UPDATE_COMMITTED").is_some() {
        std::fs::write(format!("{ROOT}/{file}"), expected).unwrap();
    }
    assert!(
        committed(file) == expected,
        "{file} is not what the registry says; `UPDATE_COMMITTED=1 cargo test --test registry` rewrites it"
    );
}

fn targets() -> Vec<Target> {
    let policy = watertight::policy::file::read(&watertight::policy::file::Written {
        source: "version: 1\ntargets: [{ name: a, url: 'http://127.0.0.1:9', endpoints: [/mcp], token: { env: T }, origins: [], repository: . }]",
        file: "policy.yaml",
        directory: std::path::Path::new(""),
        trust: watertight::policy::file::Trust::Full,
        today: chrono::Utc::now().date_naive(),
    })
    .unwrap();
    let full = policy.targets.into_iter().next().unwrap();
    let bare = Target {
        name: "bare".into(),
        environment: Environment::Production,
        scope: Scope::Both,
        deployment: None,
        repository: None,
        checks: BTreeMap::new(),
    };
    let repository = Target { repository: Some(Repository::at(".")), ..bare.clone() };
    let deployment = Target { repository: None, ..full.clone() };
    vec![full, deployment, repository, bare]
}

#[test]
fn nothing_passes_on_nothing() {
    for module in ALL {
        let check = (module.bind)(&serde_json::Value::Null).unwrap();
        for target in targets() {
            let verdict = check.judge(&target, &Evidence::at(chrono::Utc::now()));
            assert!(
                matches!(verdict.status(), Status::Inconclusive | Status::NotApplicable),
                "{} says {} of `{}` on no evidence",
                module.about.id,
                verdict.status(),
                target.name
            );
        }
    }
}

#[test]
fn nothing_passes_where_every_answer_is_missing() {
    for module in ALL {
        let check = (module.bind)(&serde_json::Value::Null).unwrap();
        for target in targets() {
            let mut evidence = Evidence::at(chrono::Utc::now());
            for _ in 0..3 {
                for ask in check.asks(&target, &evidence) {
                    evidence.record(ask, Err(Unseen::TimedOut("no answer in 10 s".into())));
                }
            }
            let status = check.judge(&target, &evidence).status();
            assert!(
                matches!(status, Status::Inconclusive | Status::NotApplicable),
                "{} says {status}",
                module.about.id
            );
        }
    }
}

#[test]
fn asking_is_repeatable_and_default_knobs_read_back() {
    for module in ALL {
        let knobs = (module.knobs)();
        let check = (module.bind)(&knobs).unwrap_or_else(|error| panic!("{}: {error}", module.about.id));
        for target in targets() {
            let nothing = Evidence::at(chrono::Utc::now());
            assert_eq!(check.asks(&target, &nothing), check.asks(&target, &nothing), "{}", module.about.id);
        }
        let unknown = serde_json::json!({ "no-such-knob": 1 });
        assert!((module.bind)(&unknown).is_err(), "{} takes unknown knobs", module.about.id);
    }
}

#[test]
fn ids_are_unique_and_texts_are_there() {
    let ids: BTreeSet<&str> = ALL.iter().map(|module| module.about.id).collect();
    assert_eq!(ids.len(), ALL.len());
    for module in ALL {
        let about = module.about;
        assert!(about.id.chars().all(|character| character.is_ascii_lowercase() || character == '-'), "{}", about.id);
        assert!(!about.title.is_empty() && !about.title.ends_with('.'), "{}", about.id);
        assert!(about.remediation.ends_with('.') && !about.remediation.contains("  "), "{}", about.id);
    }
}

#[test]
fn every_box_and_every_statement_has_its_checks() {
    let known = |id: &str| ALL.iter().any(|module| module.about.id == id);
    for tick in &BOXES {
        for check in tick.checks {
            assert!(known(check), "box {} names {check}, which is not in the registry", tick.number);
        }
    }
    for statement in &STATEMENTS {
        assert!(
            ALL.iter().any(|module| module.about.statements.contains(&statement.id)),
            "no check answers for {}",
            statement.id
        );
    }
}

#[test]
fn the_shipped_policy_has_every_knob_at_its_default() {
    let text = committed("policy.yaml");
    let (head, _) = text.split_once("\nchecks:\n").unwrap();
    agrees("policy.yaml", &format!("{head}\n{}", shipped::checks()));
}

#[test]
fn the_readme_lists_the_checks_of_the_registry() {
    const OPENING: &str = "<!-- checks: generated from the registry; a test compares -->\n";
    const CLOSING: &str = "<!-- /checks -->";
    let text = committed("README.md");
    let (head, rest) = text.split_once(OPENING).unwrap();
    let (_, tail) = rest.split_once(CLOSING).unwrap();
    let mut table = String::from("| check | holds when | statements | box | severity |\n|---|---|---|---|---|\n");
    for module in ALL {
        let about = module.about;
        let number = BOXES
            .iter()
            .find(|tick| tick.checks.contains(&about.id))
            .map_or(String::new(), |tick| tick.number.to_string());
        let statements = about.statements.join(", ");
        writeln!(table, "| `{}` | {} | {statements} | {number} | {} |", about.id, about.title, about.severity).unwrap();
    }
    agrees("README.md", &format!("{head}{OPENING}{table}{CLOSING}{tail}"));
}
