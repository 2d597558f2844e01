//! What each answer to a hello means for the verdict, on evidence built in code.

use super::*;
use crate::certificate::made::now;
use crate::check::Status;
use crate::checks::tls::testing::target;
use crate::evidence::repo::{Line, Matches};
use crate::evidence::tls::{Chosen, Greeting};
use crate::target::{Environment, Repository, Scope};

const ACCEPTED: Outcome = Outcome::Accepted { suite: 0xc02b };
const REFUSED: Outcome = Outcome::Alert(70);

/// What a sound server answers, oldest version first.
fn sound() -> [Outcome; 5] {
    [REFUSED, REFUSED, REFUSED, ACCEPTED, ACCEPTED]
}

fn greeted(address: &str, outcomes: [Outcome; 5], control: Option<Outcome>) -> Greeted {
    Greeted { address: address.into(), hellos: Version::ALL.into_iter().zip(outcomes).collect(), control }
}

fn no_weak_suite() -> ChosenAt {
    ChosenAt {
        address: "192.0.2.7:443".into(),
        suites: Vec::new(),
        last: Outcome::Alert(40),
        group_bits: None,
        group: Some(Outcome::Alert(40)),
    }
}

fn evidence(addresses: Vec<Greeted>, chosen: ChosenAt) -> Evidence {
    Evidence::at(now())
        .with(Hello {}, Greeting { addresses, left_out: Vec::new() })
        .with(TlsVersion::default().weak_suites(), Chosen { addresses: vec![chosen] })
}

fn judge(evidence: &Evidence) -> Verdict {
    TlsVersion::default().judge(&target("https://mcp.example.com"), evidence)
}

fn judge_one(outcomes: [Outcome; 5], control: Option<Outcome>) -> Verdict {
    judge(&evidence(vec![greeted("192.0.2.7:443", outcomes, control)], no_weak_suite()))
}

#[test]
fn old_versions_refused_and_a_new_one_accepted_before_and_after_hold() {
    let verdict = judge_one(sound(), Some(ACCEPTED));
    assert_eq!(verdict.status(), Status::Pass, "{verdict:?}");
    assert!(verdict.grounds()[0].contains("TLS 1.1 refused with alert 70, protocol version"), "{verdict:?}");
    let only_newest = [REFUSED, Outcome::Closed, Outcome::Alert(40), REFUSED, ACCEPTED];
    assert_eq!(judge_one(only_newest, Some(ACCEPTED)).status(), Status::Pass);
    let downgraded = [REFUSED, REFUSED, REFUSED, ACCEPTED, Outcome::Downgraded { to: Version::Tls12, suite: 0xc02b }];
    assert_eq!(judge_one(downgraded, Some(ACCEPTED)).status(), Status::Pass);
}

#[test]
fn every_old_version_fails_under_its_own_name() {
    for (index, aspect) in ["ssl3", "tls1.0", "tls1.1"].into_iter().enumerate() {
        let mut outcomes = sound();
        outcomes[index] = Outcome::Accepted { suite: 0x002f };
        let verdict = judge_one(outcomes, Some(ACCEPTED));
        assert_eq!(verdict.findings().len(), 1, "{verdict:?}");
        assert_eq!(verdict.findings()[0].aspect, aspect);
        assert_eq!(verdict.findings()[0].place, Place::host("mcp.example.com:443"));
    }
}

#[test]
fn what_is_no_refusal_is_no_pass() {
    for blind in [
        Outcome::Silent(12_000),
        Outcome::PlainHttp,
        Outcome::NotTls("00".into()),
        Outcome::Unreachable("no route".into()),
        Outcome::NotListening,
        Outcome::Reset,
        // unexpected_message, decode_error, unrecognized_name
        Outcome::Alert(10),
        Outcome::Alert(50),
        Outcome::Alert(112),
        // newer than was offered
        Outcome::Downgraded { to: Version::Tls12, suite: 0xc02b },
    ] {
        let mut outcomes = sound();
        outcomes[1] = blind.clone();
        assert_eq!(judge_one(outcomes, Some(ACCEPTED)).status(), Status::Inconclusive, "{blind}");
    }
}

#[test]
fn an_old_version_in_answer_to_a_newer_hello_is_spoken() {
    let mut outcomes = sound();
    outcomes[2] = Outcome::Downgraded { to: Version::Tls10, suite: 0x002f };
    let verdict = judge_one(outcomes, Some(ACCEPTED));
    assert_eq!(verdict.findings().len(), 1, "{verdict:?}");
    assert_eq!(verdict.findings()[0].aspect, "tls1.0");
}

#[test]
fn refusals_without_a_good_hello_afterwards_prove_nothing() {
    for control in [None, Some(Outcome::Reset), Some(Outcome::Silent(12_000)), Some(Outcome::NotListening)] {
        let verdict = judge_one(sound(), control.clone());
        assert_eq!(verdict.status(), Status::Inconclusive, "{control:?}");
    }
}

#[test]
fn a_server_that_refuses_every_version_is_no_pass() {
    for outcome in [REFUSED, Outcome::Closed, Outcome::Reset, Outcome::Silent(12_000), Outcome::NotListening] {
        let all = [(); 5].map(|()| outcome.clone());
        assert_eq!(judge_one(all, None).status(), Status::Inconclusive, "{outcome}");
    }
}

#[test]
fn every_address_is_judged_and_an_old_one_behind_a_good_one_fails() {
    let mut old = sound();
    old[1] = Outcome::Accepted { suite: 0x002f };
    let addresses =
        vec![greeted("192.0.2.7:443", sound(), Some(ACCEPTED)), greeted("192.0.2.8:443", old, Some(ACCEPTED))];
    let verdict = judge(&evidence(addresses, no_weak_suite()));
    assert_eq!(verdict.findings()[0].place, Place::host("mcp.example.com [192.0.2.8]:443"));
    let closed = [(); 5].map(|()| Outcome::NotListening);
    let addresses = vec![greeted("[2001:db8::1]:443", closed, None), greeted("192.0.2.7:443", sound(), Some(ACCEPTED))];
    let verdict = judge(&evidence(addresses, no_weak_suite()));
    assert_eq!(verdict.status(), Status::Pass, "{verdict:?}");
    assert!(verdict.all_notes()[0].contains("nothing listens"), "{verdict:?}");
}

#[test]
fn addresses_that_were_left_out_are_no_pass() {
    let greeting = Greeting {
        addresses: vec![greeted("192.0.2.7:443", sound(), Some(ACCEPTED))],
        left_out: vec!["192.0.2.99:443".into()],
    };
    let evidence = evidence(Vec::new(), no_weak_suite()).with(Hello {}, greeting);
    assert_eq!(judge(&evidence).status(), Status::Inconclusive);
}

#[test]
fn weak_suites_and_small_groups_fail_and_silence_about_them_is_no_pass() {
    let judged = |chosen| judge(&evidence(vec![greeted("192.0.2.7:443", sound(), Some(ACCEPTED))], chosen));
    let weak = judged(ChosenAt { suites: vec![0x0005, 0x003b], ..no_weak_suite() });
    let aspects: Vec<&str> = weak.findings().iter().map(|finding| finding.aspect.as_str()).collect();
    assert_eq!(aspects, ["suite-RC4", "suite-no encryption"]);
    assert_eq!(weak.findings()[1].severity, Some(Severity::Critical));
    let group = |bits| judged(ChosenAt { group_bits: bits, group: Some(ACCEPTED), ..no_weak_suite() }).status();
    assert_eq!(group(Some(1024)), Status::Fail);
    assert_eq!(group(Some(2048)), Status::Pass);
    assert_eq!(group(None), Status::Inconclusive);
    for last in [Outcome::Silent(12_000), Outcome::Reset, Outcome::NotTls("00".into()), Outcome::Alert(112)] {
        let blind = judged(ChosenAt { last: last.clone(), ..no_weak_suite() });
        assert_eq!(blind.status(), Status::Inconclusive, "{last}");
    }
}

#[test]
fn the_repository_s_configuration_explains_and_never_decides_alone() {
    let judged = |text: &str, outcomes| {
        let mut target = target("https://mcp.example.com");
        target.repository = Some(Repository::at("."));
        let line = Line { path: "deploy/nginx.conf".into(), line: 12, text: text.into() };
        let evidence = evidence(vec![greeted("192.0.2.7:443", outcomes, Some(ACCEPTED))], no_weak_suite())
            .with(configured(), Matches { lines: vec![line], files: 1, ..Matches::default() });
        TlsVersion::default().judge(&target, &evidence)
    };
    let mut old = sound();
    old[1] = ACCEPTED;
    let both = judged("ssl_protocols TLSv1 TLSv1.2;", old.clone());
    assert_eq!(both.findings()[1].place, Place::file("deploy/nginx.conf", Some(12)), "{both:?}");
    let stale = judged("ssl_protocols TLSv1 TLSv1.2;", sound());
    assert_eq!(stale.status(), Status::Pass);
    assert!(stale.all_notes()[0].contains("deploy/nginx.conf:12 allows TLS 1.0"), "{stale:?}");
    let undeployed = judged("ssl_protocols TLSv1.2;", old);
    assert_eq!(undeployed.findings().len(), 1);
    assert!(undeployed.all_notes()[0].contains("another configuration is deployed"), "{undeployed:?}");
}

#[test]
fn plain_http_applies_only_to_local_development() {
    let nothing = Evidence::at(now());
    let judged = |url: &str, environment| {
        let mut target = target(url);
        target.environment = environment;
        TlsVersion::default().judge(&target, &nothing).status()
    };
    assert_eq!(judged("http://127.0.0.1:3000", Environment::Development), Status::NotApplicable);
    assert_eq!(judged("http://localhost:3000", Environment::Development), Status::NotApplicable);
    assert_eq!(judged("http://dev.example.com", Environment::Development), Status::Inconclusive);
    assert_eq!(judged("http://127.0.0.1:3000", Environment::Production), Status::Inconclusive);
}

#[test]
fn without_a_deployment_it_is_not_seen_and_out_of_scope_it_does_not_apply() {
    let mut target = target("https://mcp.example.com");
    target.deployment = None;
    let nothing = Evidence::at(now());
    assert_eq!(TlsVersion::default().judge(&target, &nothing).status(), Status::Inconclusive);
    assert!(TlsVersion::default().asks(&target, &nothing).is_empty());
    target.scope = Scope::Repository;
    assert_eq!(TlsVersion::default().judge(&target, &nothing).status(), Status::NotApplicable);
}

#[test]
fn nothing_at_all_is_no_pass() {
    assert_eq!(judge(&Evidence::at(now())).status(), Status::Inconclusive);
}
