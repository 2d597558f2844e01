use super::*;

/// A report with one result of this status.
fn with(status: Status) -> Report {
    let mut report = sample::report();
    report.results.truncate(1);
    report.results[0].status = status;
    report
}

#[test]
fn exit_codes_follow_the_statuses() {
    assert_eq!(with(Status::Pass).outcome(Severity::Low), Outcome::Holds);
    assert_eq!(with(Status::Waived).outcome(Severity::Low), Outcome::Holds);
    assert_eq!(with(Status::Fail).outcome(Severity::Low), Outcome::Fails);
    assert_eq!(with(Status::Inconclusive).outcome(Severity::Low), Outcome::Inconclusive);
    // Nothing decided is nothing passed.
    assert_eq!(with(Status::NotApplicable).outcome(Severity::Low), Outcome::Inconclusive);
}

#[test]
fn a_run_that_was_cut_short_holds_nothing_whatever_it_saw() {
    let mut report = with(Status::Pass);
    report.run.complete = false;
    assert_eq!(report.outcome(Severity::Low), Outcome::Inconclusive);
}

#[test]
fn a_fault_below_the_bar_does_not_fail_and_hides_nothing_unseen() {
    let mut report = with(Status::Fail);
    report.results[0].findings[0].severity = Severity::Medium;
    assert_eq!(report.outcome(Severity::High), Outcome::Holds);
    report.results[0].unseen = vec!["timed out".into()];
    assert_eq!(report.outcome(Severity::High), Outcome::Inconclusive);
    assert_eq!(report.outcome(Severity::Medium), Outcome::Fails);
}
