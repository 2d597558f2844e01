use super::*;

#[test]
fn nothing_at_all_is_inconclusive() {
    assert_eq!(Verdict::default().status(), Status::Inconclusive);
}

#[test]
fn a_proven_fault_outranks_a_missing_answer() {
    let mut verdict = Verdict::default();
    verdict.not_seen(Unseen::TimedOut("10 s".into()));
    verdict.fails("open", Place::host("a"));
    assert_eq!(verdict.status(), Status::Fail);
}

#[test]
fn grounds_beside_something_unseen_are_no_pass() {
    let mut verdict = Verdict::default();
    verdict.holds("30 served");
    verdict.not_seen(Unseen::NotAsked);
    assert_eq!(verdict.status(), Status::Inconclusive);
}

#[test]
fn statuses_add_up_as_the_design_says() {
    use Status::{Fail, Inconclusive, NotApplicable, Pass, Waived};
    assert_eq!(Status::sum([Pass, Fail, Inconclusive]), Fail);
    assert_eq!(Status::sum([Pass, Waived, Inconclusive]), Inconclusive);
    assert_eq!(Status::sum([Pass, Waived, NotApplicable]), Waived);
    assert_eq!(Status::sum([Pass, NotApplicable]), Pass);
    assert_eq!(Status::sum([NotApplicable]), NotApplicable);
    assert_eq!(Status::sum([]), NotApplicable);
}
