use std::collections::BTreeSet;

use chrono::DateTime;

use super::*;
use crate::check::Status;
use crate::evidence::repo::{Confidence, Leak, Sight, State};
use crate::target::Repository;

fn target() -> Target {
    crate::checks::access::stage::deployed("https://mcp.example.com", &[])
}

fn strong() -> TokenFacts {
    TokenFacts {
        length: 43,
        alphabet: 62,
        distinct: 30,
        bits: 255,
        fingerprint: Some("k1:aa".into()),
        ..TokenFacts::default()
    }
}

fn judged(facts: TokenFacts) -> Verdict {
    TokenStrength::default().judge(&target(), &guarded().with(token(), facts))
}

/// A deployment that is closed without the token and open with it.
fn guarded() -> Evidence {
    let request = Request::get("/api");
    Evidence::at(DateTime::UNIX_EPOCH)
        .with(request.clone(), crate::checks::access::stage::answer(401))
        .with(request.with(Credential::Valid), crate::checks::access::stage::answer(200))
}

#[test]
fn a_token_that_nothing_asks_for_is_no_pass() {
    let evidence = Evidence::at(DateTime::UNIX_EPOCH).with(token(), strong());
    assert_eq!(TokenStrength::default().judge(&target(), &evidence).status(), Status::Inconclusive);
    let request = Request::get("/api");
    let answer = |status| crate::checks::access::stage::answer(status);
    for (without, with) in [(401, 401), (200, 200)] {
        let evidence = Evidence::at(DateTime::UNIX_EPOCH)
            .with(token(), strong())
            .with(request.clone(), answer(without))
            .with(request.clone().with(Credential::Valid), answer(with));
        assert_eq!(TokenStrength::default().judge(&target(), &evidence).status(), Status::Inconclusive);
    }
}

#[test]
fn a_server_that_answers_by_turns_is_no_control() {
    let request = Request::get("/api");
    let answer = |status| crate::checks::access::stage::answer(status);
    let closed = Evidence::at(DateTime::UNIX_EPOCH)
        .with(token(), strong())
        .with(request.clone(), answer(401))
        .with(request.clone().with(Credential::Valid), answer(200));
    let judge = |evidence: &Evidence| TokenStrength::default().judge(&target(), evidence).status();
    assert_eq!(judge(&closed), Status::Pass);
    for (again, status) in [
        (request.clone().again(1), 200),
        (request.clone().from_origin("https://other.example"), 200),
        (request.clone().with(Credential::Valid).again(1), 401),
    ] {
        assert_eq!(judge(&closed.clone().with(again, answer(status))), Status::Inconclusive);
    }
    let gate = request.with(Credential::Valid).from_origin("https://other.example");
    assert_eq!(judge(&closed.with(gate, answer(403))), Status::Pass);
}

#[test]
fn the_control_is_asked_once_more_where_another_token_is_let_in() {
    let target = Target { deployment: target().deployment.map(with_a_readable_endpoint), ..target() };
    let control = Request::get("/api/items");
    let answer = |status| crate::checks::access::stage::answer(status);
    let sure = Evidence::at(DateTime::UNIX_EPOCH).with(control.clone().with(Credential::Wrong), answer(401));
    let doubtful = Evidence::at(DateTime::UNIX_EPOCH).with(control.clone().with(Credential::Wrong), answer(200));
    let asks = |seen: &Evidence| TokenStrength::default().asks(&target, seen);
    let again = Ask::from(control.again(2));
    assert!(!asks(&sure).contains(&again) && asks(&doubtful).contains(&again));
}

fn with_a_readable_endpoint(mut deployment: Deployment) -> Deployment {
    deployment.endpoints =
        vec![Endpoint { method: "GET".into(), path: "/api/items".into(), public: None, method_named: true }];
    deployment
}

fn aspects(verdict: &Verdict) -> Vec<&str> {
    verdict.findings().iter().map(|finding| finding.aspect.as_str()).collect()
}

#[test]
fn no_sign_of_weakness_passes_and_says_what_that_is_worth() {
    let verdict = judged(strong());
    assert_eq!(verdict.status(), Status::Pass);
    assert!(verdict.grounds().iter().any(|grounds| grounds.contains("one sample cannot prove randomness")));
}

#[test]
fn each_sign_of_weakness_fails() {
    assert_eq!(aspects(&judged(TokenFacts { length: 31, ..strong() })), ["length"]);
    assert_eq!(aspects(&judged(TokenFacts { bits: 63, ..strong() })), ["bits"]);
    for (sign, aspect) in [
        (Sign::Repetition, "repetition"),
        (Sign::Sequence, "sequence"),
        (Sign::Placeholder, "placeholder"),
        (Sign::Words, "words"),
        (Sign::FewCharacters, "few-characters"),
    ] {
        assert_eq!(aspects(&judged(TokenFacts { signs: BTreeSet::from([sign]), ..strong() })), [aspect]);
    }
}

#[test]
fn a_jwt_is_judged_by_its_signature_and_dates() {
    let sound = JwtFacts {
        algorithm: "RS256".into(),
        signed: true,
        expires: Some(3600),
        has_audience: true,
        ..JwtFacts::default()
    };
    let of = |jwt: JwtFacts| judged(TokenFacts { jwt: Some(jwt), ..strong() });
    assert_eq!(of(sound.clone()).status(), Status::Pass);
    assert_eq!(aspects(&of(JwtFacts { weak_key: true, ..sound.clone() })), ["jwt-weak-key"]);
    assert_eq!(aspects(&of(JwtFacts { signed: false, ..sound.clone() })), ["jwt-unsigned"]);
    assert_eq!(aspects(&of(JwtFacts { expires: None, ..sound })), ["jwt-no-expiry"]);
}

#[test]
fn no_token_is_inconclusive() {
    let evidence = Evidence::at(DateTime::UNIX_EPOCH).without(token(), Unseen::NotConfigured("no token named".into()));
    assert_eq!(TokenStrength::default().judge(&target(), &evidence).status(), Status::Inconclusive);
    let nothing = Evidence::at(DateTime::UNIX_EPOCH);
    assert_eq!(TokenStrength::default().judge(&target(), &nothing).status(), Status::Inconclusive);
}

#[test]
fn the_same_value_in_the_repository_fails() {
    let target = Target { repository: Some(Repository::at(".")), ..target() };
    let sight = |state| Sight {
        state,
        path: ".env".into(),
        line: Some(3),
        first: None,
        removed: None,
        allowed: false,
        listed: false,
    };
    let leaks = |key: &str, state| Leaks {
        key: key.into(),
        found: vec![Leak {
            rule: "token".into(),
            what: "token".into(),
            confidence: Confidence::High,
            name: None,
            fingerprint: "k1:aa".into(),
            hint: String::new(),
            sights: vec![sight(state)],
        }],
        ..Leaks::default()
    };
    let with = |leaks: Leaks| {
        let evidence = guarded().with(token(), strong()).with(secrets(), leaks).with(env_files(), EnvFiles::default());
        TokenStrength::default().judge(&target, &evidence)
    };
    assert_eq!(aspects(&with(leaks("k1", State::History))), ["in-repository"]);
    assert_eq!(with(leaks("k1", State::Ignored)).status(), Status::Pass);
    assert_eq!(with(leaks("k2", State::History)).status(), Status::Inconclusive);
}
