use super::*;
use crate::report::sample;

/// The sample's first result alone, changed by `with`.
fn run(day: u32, with: impl FnOnce(&mut ResultLine)) -> Report {
    let mut report = sample::report();
    report.run.started = format!("2026-11-{day:02}T12:00:00Z").parse().unwrap();
    report.results.truncate(1);
    with(&mut report.results[0]);
    report
}

fn fails(_: &mut ResultLine) {}

fn holds(result: &mut ResultLine) {
    result.status = Status::Pass;
    result.findings.clear();
}

fn blind(result: &mut ResultLine) {
    holds(result);
    result.status = Status::Inconclusive;
    result.unseen = vec!["timed out".into()];
}

fn waived(result: &mut ResultLine) {
    result.status = Status::Waived;
    result.findings[0].waived = true;
}

/// The states that each run after the first one reports.
fn states(runs: &[Report]) -> Vec<Vec<State>> {
    let mut ledger = Ledger::default();
    let mut all = Vec::new();
    for run in runs {
        let (next, changes) = ledger.after(run, "production");
        ledger = next;
        all.push(changes.into_iter().map(|change| change.state).collect());
    }
    all
}

#[test]
fn a_fault_appears_persists_is_unseen_and_disappears() {
    let runs = [run(1, holds), run(2, fails), run(3, fails), run(4, blind), run(5, holds), run(6, fails)];
    assert_eq!(
        states(&runs),
        [
            vec![],
            vec![State::New],
            vec![State::Still],
            vec![State::NotEvaluated],
            vec![State::Fixed],
            vec![State::Reopened],
        ]
    );
}

#[test]
fn a_check_that_did_not_run_fixes_nothing() {
    let mut without = run(3, fails);
    without.results.clear();
    assert_eq!(states(&[run(2, fails), without])[1], [State::NotEvaluated]);
}

#[test]
fn waivers_come_and_end() {
    let runs = [run(1, fails), run(2, waived), run(3, waived), run(4, fails)];
    assert_eq!(states(&runs)[1..], [vec![State::NewlyWaived], vec![State::Still], vec![State::WaiverExpired]]);
}

#[test]
fn a_stricter_rule_is_told_from_a_worse_system() {
    let runs = [
        run(1, holds),
        run(2, |result| {
            fails(result);
            result.rule = "another".into();
        }),
    ];
    assert_eq!(states(&runs)[1], [State::RuleChanged]);
}

#[test]
fn what_goes_with_the_rule_or_the_scope_is_not_called_fixed() {
    let laxer: fn(&mut ResultLine) = |result| result.rule = "laxer".to_owned();
    let narrower: fn(&mut ResultLine) = |result| result.scope = "narrower".to_owned();
    for change in [laxer, narrower] {
        let gone = run(3, |result| {
            holds(result);
            change(result);
        });
        assert_eq!(states(&[run(2, fails), gone])[1], [State::RuleChanged]);
    }
}

#[test]
fn what_an_allowlist_takes_away_is_not_called_fixed() {
    let listed = run(2, |result| {
        let id = result.findings[0].id.clone();
        holds(result);
        result.set_aside = vec![id];
    });
    assert_eq!(states(&[run(1, fails), listed, run(3, fails)])[1..], [vec![State::RuleChanged], vec![State::Reopened]]);
}

#[test]
fn a_fault_that_gets_worse_is_news_once() {
    let mild = run(1, |result| result.findings[0].severity = Severity::Medium);
    let runs = [mild.clone(), run(2, fails), run(3, fails), mild];
    assert_eq!(states(&runs)[1..], [[State::Graver], [State::Still], [State::Still]]);
    assert!(State::Graver.is_news());
}

#[test]
fn what_was_unseen_when_the_rule_changed_is_not_fixed_by_the_new_rule() {
    let other = run(2, |result| {
        result.rule = "another".into();
        result.findings[0].id = "another".into();
        result.unseen = vec!["timed out".into()];
    });
    let gone = run(3, |result| {
        holds(result);
        result.rule = "another".into();
    });
    let states = states(&[run(1, fails), other, gone]);
    assert_eq!(states[1], [State::RuleChanged, State::NotEvaluated]);
    assert!(!states[2].contains(&State::Fixed), "{states:?}");
}

#[test]
fn the_text_and_the_line_of_a_finding_are_not_its_identity() {
    let changed = run(2, |result| result.findings[0].what = "35 requests accepted in 60 s".into());
    assert_eq!(states(&[run(1, fails), changed])[1], [State::Still]);
}

#[test]
fn a_finding_stands_since_it_was_first_seen_in_this_spell() {
    let first = run(1, fails);
    let (ledger, _) = Ledger::default().after(&first, "production");
    let mut second = run(9, fails);
    let (_, changes) = ledger.after(&second, "production");
    second.compared(None, changes, Vec::new());
    let standing = second.results[0].findings[0].standing.clone().unwrap();
    assert_eq!((standing.state, standing.since), (State::Still, first.run.started));
}
