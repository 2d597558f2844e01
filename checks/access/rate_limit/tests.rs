use super::*;
use crate::check::Status;
use crate::evidence::http::BodySeen;
use crate::evidence::limit::{Kind, Tally};
use crate::probe::http_rig::target;

fn check() -> RateLimit {
    RateLimit::default()
}

fn refusal(status: u16) -> Exchange {
    Exchange {
        status,
        headers: vec![("retry-after".into(), "57".into())],
        body: BodySeen::default(),
        address: String::new(),
        at: 0,
        took: 1,
    }
}

fn bucket() -> Bucket {
    Bucket {
        subject: Subject { method: "GET".into(), path: "/a".into(), named: true, costly: false },
        credential: Credential::Valid,
        request: "GET /a".into(),
        status: 200,
        sent: 31,
        served: 30,
        uncounted: 0,
        took: 80,
        refusal: Some(refusal(429)),
        after: 0,
        steady: false,
        watched: 58_000,
        recovered: Some(63_000),
        refused: 12,
        rested: None,
    }
}

fn judged(bucket: Bucket, asides: Vec<Aside>) -> Verdict {
    let target = target("http://127.0.0.1:1", &["GET /a"]);
    let burst = check().burst(&target, &Evidence::at(chrono::DateTime::UNIX_EPOCH)).unwrap();
    let tallies = vec![Tally { kind: Kind::Plain, counted: Ok(()) }];
    let measured = Measured { buckets: vec![bucket], asides, tallies, ..Measured::default() };
    let evidence = Evidence::at(chrono::DateTime::UNIX_EPOCH).with(burst, measured);
    check().judge(&target, &evidence)
}

#[test]
fn a_pass_says_how_many_were_served() {
    let verdict = judged(bucket(), Vec::new());
    assert_eq!(verdict.status(), Status::Pass);
    assert_eq!(
        verdict.grounds(),
        ["GET /a: 30 served, the next refused with 429, Retry-After 57 s; 0 at most within any window after a \
              refusal, of 30 in 60s"]
    );
}

#[test]
fn what_was_served_after_the_first_refusal_counts() {
    let verdict = judged(Bucket { served: 6, after: 300, steady: true, ..bucket() }, Vec::new());
    assert_eq!(verdict.findings()[0].aspect, "limit");
}

#[test]
fn a_steady_refill_at_the_limit_is_no_fault_and_a_larger_one_is() {
    assert_eq!(judged(Bucket { after: 32, steady: true, ..bucket() }, Vec::new()).status(), Status::Pass);
    assert_eq!(judged(Bucket { after: 33, steady: true, ..bucket() }, Vec::new()).status(), Status::Fail);
}

#[test]
fn a_burst_on_the_boundary_of_a_window_is_no_fault() {
    let straddling = Bucket { served: 45, after: 30, rested: Some(30), ..bucket() };
    assert_eq!(judged(straddling.clone(), Vec::new()).status(), Status::Pass);
    assert_eq!(judged(Bucket { after: 31, ..straddling.clone() }, Vec::new()).status(), Status::Fail);
    assert_eq!(judged(Bucket { recovered: None, ..straddling }, Vec::new()).status(), Status::Inconclusive);
}

#[test]
fn what_is_served_again_after_a_rest_is_the_limit_and_unrepeated_it_is_not_seen() {
    let first = Bucket { served: 45, after: 30, ..bucket() };
    assert_eq!(judged(first.clone(), Vec::new()).status(), Status::Inconclusive);
    assert_eq!(judged(Bucket { rested: Some(45), ..first }, Vec::new()).findings()[0].aspect, "limit");
}

#[test]
fn what_is_refused_and_was_not_shown_to_be_counted_passes_nothing() {
    let refused = Aside { varied: Varied::MadeUp, outcome: Outcome::Refused };
    assert_eq!(judged(bucket(), vec![refused]).status(), Status::Inconclusive);
}

#[test]
fn a_window_that_was_not_watched_to_its_end_is_inconclusive() {
    assert_eq!(judged(Bucket { watched: 30_000, ..bucket() }, Vec::new()).status(), Status::Inconclusive);
}

#[test]
fn a_missing_endpoint_or_an_overload_shows_no_limit() {
    let missing = Bucket { status: 404, refusal: None, served: 61, ..bucket() };
    assert_eq!(judged(missing, Vec::new()).status(), Status::Inconclusive);
    let overload = Bucket { refusal: Some(refusal(503)), recovered: None, ..bucket() };
    assert_eq!(judged(overload, Vec::new()).status(), Status::Inconclusive);
}

#[test]
fn an_address_that_counts_apart_is_a_fault_only_within_one_family() {
    let aside = |same_family| Aside {
        varied: Varied::Address { address: "127.0.0.5:1".into(), same_family },
        outcome: Outcome::Served { status: 200, count: 2 },
    };
    assert_eq!(judged(bucket(), vec![aside(true)]).findings()[0].aspect, "address");
    assert_eq!(judged(bucket(), vec![aside(false)]).status(), Status::Pass);
}

#[test]
fn no_answer_and_no_endpoint_pass_nothing() {
    let nothing = Evidence::at(chrono::DateTime::UNIX_EPOCH);
    for endpoints in [&["GET /a"][..], &[]] {
        let target = target("http://127.0.0.1:1", endpoints);
        assert_eq!(check().judge(&target, &nothing).status(), Status::Inconclusive);
    }
}

#[test]
fn a_description_is_read_before_anything_is_measured() {
    let mut target = target("http://127.0.0.1:1", &["GET /a"]);
    target.deployment.as_mut().unwrap().openapi = Some(crate::target::OpenApi::Path("/openapi.json".into()));
    let description = Description::of(&target).unwrap();
    let nothing = Evidence::at(chrono::DateTime::UNIX_EPOCH);
    assert_eq!(check().asks(&target, &nothing), [Ask::from(description.clone())]);
    let seen = nothing.without(description, Unseen::TimedOut("10 s".into()));
    assert!(matches!(check().asks(&target, &seen)[..], [Ask::Burst(_)]));
}
