//! A schedule that is there and kept holds, tried on evidence built in code.

use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::check::Status;
use crate::evidence::history::Runs;
use crate::evidence::repo::Matches;
use crate::target::{Environment, Repository, Scope};

fn target() -> Target {
    Target {
        name: "t".into(),
        environment: Environment::Production,
        scope: Scope::Both,
        deployment: None,
        repository: Some(Repository::at(".")),
        checks: BTreeMap::new(),
    }
}

fn at() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-11-20T12:00:00Z").unwrap().to_utc()
}

fn past(days: i64, scheduled: bool) -> Past {
    Past {
        id: format!("{days}"),
        finished: at() - TimeDelta::days(days),
        complete: true,
        scheduled,
        facts: BTreeMap::new(),
        statuses: BTreeMap::new(),
    }
}

fn lines(files: &[(&str, &str)]) -> Matches {
    let mut lines = Vec::new();
    for (path, text) in files {
        lines.extend((1..).zip(text.lines()).map(|(line, text)| Line {
            path: (*path).into(),
            line,
            text: text.into(),
        }));
    }
    Matches { lines, files: 1, ..Matches::default() }
}

const WORKFLOW: (&str, &str) = (
    ".github/workflows/audit.yml",
    "on:\n  schedule:\n    - cron: '17 3 * * 1'\n    - run: watertight audit --scheduled",
);

fn judged(files: &[(&str, &str)], runs: Vec<Past>) -> Verdict {
    let check = AuditSchedule::default();
    let evidence = Evidence::at(at()).with(Earlier {}, Runs { runs }).with(check.schedules(), lines(files));
    Check::judge(&check, &target(), &evidence)
}

#[test]
fn a_schedule_with_two_fresh_earlier_runs_passes() {
    let verdict = judged(&[WORKFLOW], vec![past(14, true), past(7, true)]);
    assert_eq!(verdict.status(), Status::Pass);
    assert_eq!(
        verdict.grounds(),
        [
            ".github/workflows/audit.yml:3 schedules an audit",
            "scheduled runs on 2 earlier days, the last on 2026-11-13"
        ]
    );
}

#[test]
fn the_first_run_and_the_second_are_inconclusive() {
    assert_eq!(judged(&[WORKFLOW], vec![]).status(), Status::Inconclusive);
    assert_eq!(judged(&[WORKFLOW], vec![past(7, true)]).status(), Status::Inconclusive);
    assert_eq!(judged(&[WORKFLOW], vec![past(7, true), past(7, true)]).status(), Status::Inconclusive);
    assert_eq!(judged(&[WORKFLOW], vec![past(7, false), past(3, false)]).status(), Status::Inconclusive);
}

#[test]
fn a_schedule_that_is_no_longer_kept_fails() {
    let verdict = judged(&[WORKFLOW], vec![past(90, true), past(60, true)]);
    assert_eq!(verdict.status(), Status::Fail);
    assert_eq!(verdict.findings()[0].what, "the last scheduled run was on 2026-09-21, 60 days ago, and 35d is allowed");
}

#[test]
fn every_kind_of_schedule_is_recognised() {
    let runs = || vec![past(14, true), past(7, true)];
    for files in [
        &[("deploy/a.timer", "OnCalendar=weekly"), ("deploy/a.service", "ExecStart=/usr/bin/watertight audit")][..],
        &[("k8s/audit.yaml", "kind: CronJob\n  schedule: \"0 3 * * 1\"\n  command: [watertight, audit]")],
        &[("etc/cron.d/audit", "0 3 * * 1 root /usr/bin/watertight audit --scheduled")],
        &[(".gitlab-ci.yml", "- if: $CI_PIPELINE_SOURCE == \"schedule\"\n- watertight audit")],
    ] {
        assert_eq!(judged(files, runs()).status(), Status::Pass, "{files:?}");
    }
}

#[test]
fn a_schedule_of_something_else_or_in_a_comment_is_none() {
    let runs = || vec![past(14, true), past(7, true)];
    for files in [
        &[("a.yml", "schedule:\n  - cron: '0 3 * * 1'\n    - run: npm test")][..],
        &[("a.yml", "#   - cron: '0 3 * * 1'\n    - run: watertight audit")],
        &[(
            ".github/workflows/a.yml",
            "    - cron: '0 3 * * 1'\n    - name: watertight\n    - run: cargo install watertight",
        )],
        &[("examples/workflows/a.yml", "    - cron: '0 3 * * 1'\n    - run: watertight audit")],
        &[("a.timer", "OnCalendar=weekly"), ("b.service", "ExecStart=/usr/bin/watertight audit")],
    ] {
        assert_eq!(judged(files, runs()).status(), Status::Inconclusive, "{files:?}");
    }
}

#[test]
fn what_only_names_the_tool_or_never_comes_is_no_scheduled_audit() {
    let on = "on:\n  schedule:\n    - cron: '0 3 * * 1'\n";
    for text in [
        format!("{on}    - run: watertight --version"),
        format!("{on}    - run: rm -rf ./watertight"),
        format!("{on}      with: {{ path: ~/.cache/watertight }}"),
        format!("{on}      working-directory: watertight"),
        format!("{on}      env: {{ PROJECT: watertight }}"),
        format!("{on}    branches: [watertight]"),
        format!("{on}          printf \"todo: run watertight audit\""),
        "x-old:\n  - cron: '0 3 * * 1'\n    - run: watertight audit".to_owned(),
        "on:\n  schedule:\n    - cron: '0 0 30 2 *'\n    - run: watertight audit".to_owned(),
    ] {
        let files = [(".github/workflows/a.yml", text.as_str())];
        let verdict = judged(&files, vec![past(14, true), past(7, true)]);
        assert_eq!(verdict.status(), Status::Inconclusive, "{text}");
    }
}
