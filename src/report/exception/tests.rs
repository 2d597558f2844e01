use super::*;
use crate::check::{Place, Severity};
use crate::policy::{FingerprintKey, Source};
use crate::report::sample;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn today() -> NaiveDate {
    date("2026-11-20")
}

fn policy(waivers: Vec<Waiver>, attestations: Vec<Attestation>) -> Policy {
    Policy {
        name: "p".into(),
        sha256: String::new(),
        source: Source { file: "policy.yaml".into(), trusted: true, withheld: Vec::new(), registers: Vec::new() },
        targets: Vec::new(),
        rotations: Vec::new(),
        incidents: Vec::new(),
        waivers,
        attestations,
        max_waiver_days: 180,
        unwaivable: Vec::new(),
        fingerprint_key: FingerprintKey::Ephemeral,
        checks: std::collections::BTreeMap::new(),
        lines: std::collections::BTreeMap::new(),
        document: None,
        exec: Vec::new(),
    }
}

fn waiver(covers: Covers, place: Option<&str>) -> Waiver {
    Waiver {
        check: "rate-limit".into(),
        target: Some("production".into()),
        place: place.map(str::to_owned),
        reason: "ticket".into(),
        owner: "platform".into(),
        until: date("2026-12-31"),
        covers,
        line: Some(1),
    }
}

fn finding(path: &str) -> FindingLine {
    FindingLine {
        what: "open".into(),
        severity: Severity::High,
        place: Place::url(format!("https://a.test{path}")),
        id: format!("id{path}").into(),
        waived: false,
        waiver: None,
        standing: None,
    }
}

/// A result with these findings and reasons, and its own status.
fn result(findings: &[&str], unseen: &[&str]) -> ResultLine {
    let mut result = sample::report().results.swap_remove(0);
    result.findings = findings.iter().map(|path| finding(path)).collect();
    result.unseen = unseen.iter().copied().map(Untrusted::from).collect();
    result.status = match (findings, unseen) {
        ([], []) => Status::Pass,
        ([], _) => Status::Inconclusive,
        (_, _) => Status::Fail,
    };
    result
}

fn after(policy: &Policy, result: ResultLine) -> (Status, Vec<Untrusted>) {
    let mut results = vec![result];
    let notices = apply(policy, today(), &mut results);
    (results[0].status, notices)
}

#[test]
fn a_waiver_covers_faults_and_not_what_was_not_seen() {
    let policy = policy(vec![waiver(Covers::Fail, None)], vec![]);
    assert_eq!(after(&policy, result(&["/a"], &[])), (Status::Waived, vec![]));
    assert_eq!(after(&policy, result(&["/a"], &["timed out"])).0, Status::Inconclusive);
    assert_eq!(after(&policy, result(&[], &["timed out"])).0, Status::Inconclusive);
}

#[test]
fn a_waiver_of_the_unseen_covers_no_fault() {
    let unseen = policy(vec![waiver(Covers::Inconclusive, None)], vec![]);
    assert_eq!(after(&unseen, result(&[], &["timed out"])), (Status::Waived, vec![]));
    assert_eq!(after(&unseen, result(&["/a"], &[])).0, Status::Fail);
    let any = policy(vec![waiver(Covers::Any, None)], vec![]);
    assert_eq!(after(&any, result(&["/a"], &["timed out"])), (Status::Waived, vec![]));
}

#[test]
fn a_waiver_for_one_place_leaves_the_others_standing() {
    for place in ["https://a.test/a", "id/a"] {
        let policy = policy(vec![waiver(Covers::Any, Some(place))], vec![]);
        assert_eq!(after(&policy, result(&["/a"], &[])).0, Status::Waived);
        assert_eq!(after(&policy, result(&["/a", "/b"], &[])).0, Status::Fail);
        assert_eq!(after(&policy, result(&["/a"], &["timed out"])).0, Status::Inconclusive);
    }
}

#[test]
fn two_waivers_of_one_item_are_both_shown_and_what_covers_much_is_told() {
    let mut other = waiver(Covers::Fail, Some("id/b"));
    other.owner = "data".into();
    let two = policy(vec![waiver(Covers::Fail, Some("id/a")), other], vec![]);
    let mut results = vec![result(&["/a", "/b"], &[])];
    assert_eq!(apply(&two, today(), &mut results), Vec::<Untrusted>::new());
    let owners: Vec<_> = results[0].waivers().iter().map(|(waiver, count)| (waiver.owner.data(), *count)).collect();
    assert_eq!((results[0].status, owners), (Status::Waived, vec![("platform", 1), ("data", 1)]));

    let broad = policy(vec![waiver(Covers::Fail, None)], vec![]);
    let (_, notices) = after(&broad, result(&["/a", "/b"], &[]));
    assert!(notices[0].data().contains("over-broad: it covers 2 findings, and every new one"), "{notices:?}");
    let placed = policy(vec![waiver(Covers::Fail, Some("https://a.test/a"))], vec![]);
    let mut twice = result(&["/a", "/a"], &[]);
    twice.findings[1].id = "another".into();
    let (_, notices) = after(&placed, twice);
    assert!(notices[0].data().contains("over-broad: it covers 2 findings, all at one place"), "{notices:?}");
}

#[test]
fn expired_unused_and_untrusted_waivers_have_no_effect_and_are_told() {
    let mut expired = waiver(Covers::Fail, None);
    expired.until = date("2026-11-19");
    let (status, notices) = after(&policy(vec![expired], vec![]), result(&["/a"], &[]));
    assert_eq!(status, Status::Fail);
    assert_eq!(notices, ["the waiver for rate-limit on production (owner platform) expired on 2026-11-19"]);

    let (_, notices) = after(&policy(vec![waiver(Covers::Fail, None)], vec![]), result(&[], &[]));
    assert_eq!(notices, ["the waiver for rate-limit on production (owner platform) is unused: nothing there needs it"]);

    let mut found = policy(vec![waiver(Covers::Fail, None)], vec![]);
    found.source.trusted = false;
    let (status, notices) = after(&found, result(&["/a"], &[]));
    assert_eq!(status, Status::Fail);
    assert_eq!(
        notices,
        [
            "the waiver for rate-limit on production (owner platform) has no effect: the policy was found, not named by --policy"
        ]
    );

    let mut protected = policy(vec![waiver(Covers::Fail, None)], vec![]);
    protected.unwaivable.push("rate-limit".into());
    assert_eq!(after(&protected, result(&["/a"], &[])).0, Status::Fail);
}

fn attested(check: &str) -> Policy {
    let attestation = Attestation {
        check: check.into(),
        target: None,
        by: "lead".into(),
        on: date("2026-11-01"),
        until: date("2027-02-01"),
        statement: "held".into(),
        line: None,
    };
    policy(vec![], vec![attestation])
}

#[test]
fn an_attestation_decides_only_what_is_open_and_may_be_attested() {
    let mut open = result(&[], &["no history"]);
    open.check = "audit-schedule".into();
    assert_eq!(after(&attested("audit-schedule"), open.clone()), (Status::Pass, vec![]));
    let mut failed = result(&["/a"], &[]);
    failed.check = "audit-schedule".into();
    assert_eq!(after(&attested("audit-schedule"), failed).0, Status::Fail);
    open.check = "disclosure-channel".into();
    assert_eq!(after(&attested("disclosure-channel"), open.clone()).0, Status::Inconclusive);
    open.check = "audit-schedule".into();
    let mut ended = attested("audit-schedule");
    ended.attestations[0].until = date("2026-11-10");
    assert_eq!(after(&ended, open).0, Status::Inconclusive);
}
