//! What the endpoints show decides auth-enforced, tried on deployments built in code.

use std::collections::BTreeSet;

use chrono::DateTime;

use super::*;
use crate::check::Status;
use crate::checks::access::stage;
use crate::evidence::Seen;
use crate::evidence::address::{Door, Doors};
use crate::evidence::http::{BodySeen, Credential, Mutation};
use crate::evidence::mcp::{Conversation, EraAsked, Outcome, Reply, Session, Step, Transcript};
use crate::evidence::repo::{Line, Lines, Matches};
use crate::evidence::service::PortState;
use crate::evidence::token::TokenFacts;
use crate::target::{ClientCert, Environment, Writes};

type Given<T> = Result<T, Unseen>;

type Answering<Q, A> = Box<dyn Fn(&Q) -> Given<A>>;

/// What a deployment answers, as pure functions of what is asked.
struct Deployed {
    http: Answering<Request, Exchange>,
    mcp: Answering<Conversation, Transcript>,
    lines: Box<dyn Fn(&Lines) -> Matches>,
}

impl Deployed {
    fn plain(http: impl Fn(&Request) -> Exchange + 'static) -> Self {
        let mcp = |_: &Conversation| Ok(transcript(Era::NotMcp, answer(404, ""), false));
        Self { http: Box::new(move |request| Ok(http(request))), mcp: Box::new(mcp), lines: no_lines() }
    }

    fn server(mcp: impl Fn(&Conversation) -> Transcript + 'static) -> Self {
        Self { http: Box::new(|_| Ok(answer(404, ""))), mcp: Box::new(move |asked| Ok(mcp(asked))), lines: no_lines() }
    }
}

fn no_lines() -> Box<dyn Fn(&Lines) -> Matches> {
    Box::new(|_| Matches::default())
}

fn answer(status: u16, text: &str) -> Exchange {
    let headers = if status == 401 { vec![("www-authenticate".into(), "Bearer".into())] } else { Vec::new() };
    Exchange {
        status,
        headers,
        body: BodySeen { length: text.len() as u64, complete: true, text: text.into(), sha256: text.into() },
        address: String::new(),
        at: 0,
        took: 0,
    }
}

/// Asks and answers in turn until nothing new is asked, as an audit does, and within the same bounds.
fn audit(target: &Target, deployed: &Deployed) -> Verdict {
    audit_with(target, deployed, &AuthEnforced::default()).0
}

fn audit_with(target: &Target, deployed: &Deployed, check: &AuthEnforced) -> (Verdict, BTreeSet<Ask>) {
    let mut evidence = Evidence::at(DateTime::UNIX_EPOCH);
    let (mut asks_left, mut sends_left) =
        check.reserves(target).iter().fold((0, 0), |(asks, sends), one| (asks + one.asks, sends + one.sends));
    for round in 0.. {
        assert!(round < crate::audit::ROUNDS, "asks without end");
        let fresh: BTreeSet<Ask> =
            check.asks(target, &evidence).into_iter().filter(|ask| !evidence.answers().contains_key(ask)).collect();
        if fresh.is_empty() {
            break;
        }
        for ask in fresh {
            if round > 0 {
                asks_left = u32::checked_sub(asks_left, 1).expect("more asks than reserved");
                sends_left = u32::checked_sub(sends_left, ask.ceiling(target)).expect("more sends than reserved");
            }
            let seen = match &ask {
                Ask::Http(request) => (deployed.http)(request).map(Seen::from),
                Ask::Mcp(asked) => (deployed.mcp)(asked).map(Seen::from),
                Ask::Token(_) => Ok(Seen::from(TokenFacts { mixed_case: true, ..TokenFacts::default() })),
                Ask::Addresses(_) => Ok(Seen::from(doors_of(target))),
                Ask::Lines(asked) => Ok(Seen::from((deployed.lines)(asked))),
                other => panic!("{other}"),
            };
            evidence.record(ask, seen);
        }
    }
    (check.judge(target, &evidence), evidence.answers().keys().cloned().collect())
}

/// One address, and for this one name another that takes connections, too.
fn doors_of(target: &Target) -> Doors {
    let two = target.deployment().unwrap().host() == "two.example.com";
    let addresses = if two { ["192.0.2.7:443", "192.0.2.8:443"].as_slice() } else { &["192.0.2.7:443"] };
    let door = |address: &&str| Door { address: address.parse().unwrap(), state: PortState::Open };
    Doors { doors: addresses.iter().map(door).collect(), untried: 0 }
}

#[test]
fn the_grounds_of_a_server_say_what_was_denied_and_no_more() {
    let verdict = serve(Server::sound(&[EraAsked::Modern]));
    let told = verdict.grounds().iter().find(|grounds| grounds.starts_with("MCP ")).expect("grounds");
    assert!(told.contains("a call of a tool that does not exist") && told.contains("no other method"), "{told}");
}

#[test]
fn a_guard_at_one_of_two_addresses_is_no_pass() {
    let two = deployed("https://two.example.com", &["GET /api/items"]);
    let verdict = audit(&two, &Deployed::plain(guarding(only_valid)));
    assert_eq!(verdict.status(), Status::Inconclusive);
    assert!(verdict.unseen().iter().any(|unseen| unseen.to_string().contains("192.0.2.8:443")), "{verdict:#?}");
}

/// A target whose token may be put anywhere: only then can everything be seen.
fn deployed(url: &str, endpoints: &[&str]) -> Target {
    let mut target = stage::deployed(url, endpoints);
    target.deployment.as_mut().unwrap().token.as_mut().unwrap().disposable = true;
    target
}

fn items() -> Target {
    deployed("https://api.example.com", &["GET /api/items"])
}

fn aspects(verdict: &Verdict) -> Vec<&str> {
    verdict.findings().iter().map(|finding| finding.aspect.as_str()).collect()
}

/// The request reaches the guarded route as it is: no trick is in it.
fn is_straight(request: &Request) -> bool {
    request.path.starts_with("/api/items") && !request.path.contains(['%', ';']) && !request.path.ends_with(['/', 'n'])
}

/// Guards `/api/items`: who is let in gets the items, everyone else 401, and nothing else is there.
fn guarding(admits: impl Fn(&Credential) -> bool + 'static) -> impl Fn(&Request) -> Exchange + 'static {
    move |request| match is_straight(request) {
        true if !admits(&request.credential) => answer(401, r#"{"error":"unauthorized"}"#),
        true if request.method == "POST" => answer(400, r#"{"error":"invalid"}"#),
        true => answer(200, r#"{"items":[]}"#),
        false => answer(404, r#"{"error":"nothing here"}"#),
    }
}

fn only_valid(credential: &Credential) -> bool {
    matches!(
        credential,
        Credential::Valid
            | Credential::Mutated(Mutation::LowerScheme | Mutation::DoubleSpace | Mutation::ValidThenInvalid)
    )
}

#[test]
fn a_guarded_endpoint_passes_and_says_on_what() {
    let verdict = audit(&items(), &Deployed::plain(guarding(only_valid)));
    assert_eq!(verdict.status(), Status::Pass, "{verdict:#?}");
    assert!(verdict.grounds().iter().any(|grounds| grounds == "1 of 1 known endpoints judged"));
}

#[test]
fn an_open_endpoint_fails_even_where_no_token_is_named() {
    let open = || Deployed::plain(guarding(|_| true));
    assert_eq!(aspects(&audit(&items(), &open())), ["GET no-credential", "GET wrong-token"]);
    let mut nameless = items();
    nameless.deployment.as_mut().unwrap().token = None;
    assert_eq!(audit(&nameless, &open()).status(), Status::Fail);
    let guarded = audit(&nameless, &Deployed::plain(guarding(only_valid)));
    assert_eq!(guarded.status(), Status::Inconclusive, "denials alone prove nothing");
}

#[test]
fn a_refusal_that_carries_the_content_is_none_and_a_long_one_is_left_open() {
    const CONTENT: &str = r#"{"items":[{"id":7,"name":"anvil","note":"forged by hand"}]}"#;
    let leaking = |status: u16, refusal: String, header: Option<&'static str>| {
        Deployed::plain(move |request| {
            let straight = is_straight(request);
            if straight && only_valid(&request.credential) {
                return answer(200, CONTENT);
            }
            let mut refused = answer(status, if straight { &refusal } else { "{\"error\":\"unauthorized\"}" });
            refused.headers.extend(header.filter(|_| straight).map(|value| ("x-result".into(), value.into())));
            refused
        })
    };
    let error = r#"{"error":"unauthorized"}"#;
    for (status, refusal, header) in [
        (401, format!("{error}{CONTENT}"), None),
        (403, format!(r#"{{"error":"no","data":{CONTENT}}}"#), None),
        (302, CONTENT.replace("by hand", "by hand at 12:01"), None),
        (401, error.to_owned(), Some(CONTENT)),
    ] {
        let verdict = audit(&items(), &leaking(status, refusal, header));
        assert_eq!(verdict.status(), Status::Fail, "{status}");
        assert!(verdict.findings().iter().any(|finding| finding.what.contains("content")), "{verdict:#?}");
    }
    assert_eq!(audit(&items(), &leaking(401, error.to_owned(), None)).status(), Status::Pass);
    let one = audit(&items(), &leaking(401, r#"{"error":"no","id":7}"#.to_owned(), None));
    assert_eq!(one.status(), Status::Inconclusive, "one number may be chance: {one:#?}");
    let long = Deployed::plain(|request| {
        let mut seen = guarding(only_valid)(request);
        if seen.status == 401 && is_straight(request) {
            seen.body.length = 300_000;
        }
        seen
    });
    assert_eq!(audit(&items(), &long).status(), Status::Inconclusive);
}

#[test]
fn any_token_at_all_is_not_enough() {
    let any = Deployed::plain(guarding(|credential| *credential != Credential::None));
    assert_eq!(aspects(&audit(&items(), &any)), ["GET wrong-token"]);
}

#[test]
fn what_answers_everyone_alike_passes_nothing() {
    for status in [200, 204, 301, 400, 401, 403, 404, 429, 500, 503] {
        let same = Deployed::plain(move |_| answer(status, "<html>the same</html>"));
        assert_eq!(audit(&items(), &same).status(), Status::Inconclusive, "{status}");
    }
    let silent = || Unseen::TimedOut("10 s".into());
    let silent =
        Deployed { http: Box::new(move |_| Err(silent())), mcp: Box::new(move |_| Err(silent())), lines: no_lines() };
    assert_eq!(audit(&items(), &silent).status(), Status::Inconclusive);
    let bare = deployed("https://api.example.com", &["/mcp"]);
    assert_eq!(audit(&bare, &silent).status(), Status::Inconclusive);
}

#[test]
fn no_endpoint_is_never_a_pass() {
    let nothing = deployed("https://api.example.com", &[]);
    assert_eq!(audit(&nothing, &Deployed::plain(guarding(only_valid))).status(), Status::Inconclusive);
}

#[test]
fn one_blind_answer_keeps_the_item_open_but_hides_no_fault() {
    let target = deployed("https://api.example.com", &["GET /api/items", "GET /api/items/1"]);
    let blind = |request: &Request| {
        if request.path == "/api/items/1" { answer(429, "") } else { guarding(only_valid)(request) }
    };
    assert_eq!(audit(&target, &Deployed::plain(blind)).status(), Status::Inconclusive);
    let open = |request: &Request| {
        if request.path == "/api/items/1" { answer(429, "") } else { guarding(|_| true)(request) }
    };
    assert_eq!(audit(&target, &Deployed::plain(open)).status(), Status::Fail);
}

#[test]
fn an_answer_from_a_cache_or_a_firewall_is_no_denial() {
    let cached = |request: &Request| {
        let mut answer = guarding(only_valid)(request);
        answer.headers.push(("x-cache".into(), "HIT".into()));
        answer
    };
    assert_eq!(audit(&items(), &Deployed::plain(cached)).status(), Status::Inconclusive);
}

#[test]
fn every_altered_or_misplaced_token_that_is_admitted_fails() {
    let mut target = items();
    target.deployment.as_mut().unwrap().token.as_mut().unwrap().disposable = true;
    for (mutation, aspect) in [
        (Mutation::OneCharacter, "GET one-character"),
        (Mutation::Truncated, "truncated"),
        (Mutation::SwappedCase, "swapped-case"),
        (Mutation::Suffixed, "suffixed"),
        (Mutation::EmptyBearer, "empty-bearer"),
        (Mutation::BasicScheme, "basic-scheme"),
        (Mutation::NoScheme, "no-scheme"),
        (Mutation::Cookie("token".into()), "cookie-token"),
        (Mutation::Query("access_token".into()), "query-access_token"),
    ] {
        let careless =
            guarding(move |credential| only_valid(credential) || *credential == Credential::Mutated(mutation.clone()));
        assert_eq!(aspects(&audit(&target, &Deployed::plain(careless))), [aspect]);
    }
}

#[test]
fn the_token_is_put_in_a_query_only_where_it_is_disposable_and_is_unseen_elsewhere() {
    let deployed = Deployed::plain(guarding(only_valid));
    let kept = stage::deployed("https://api.example.com", &["GET /api/items"]);
    let (verdict, asked) = audit_with(&kept, &deployed, &AuthEnforced::default());
    let risky = |ask: &Ask| matches!(ask, Ask::Http(Request { credential: Credential::Mutated(mutation), .. }) if mutation.needs_disposable());
    assert!(!asked.iter().any(risky));
    assert_eq!(verdict.status(), Status::Inconclusive, "{verdict:#?}");
}

#[test]
fn tricks_of_path_and_header_that_get_in_fail() {
    let local = |request: &Request| {
        let claims = request.headers.iter().any(|(name, _)| name == "X-Forwarded-For");
        if claims && is_straight(request) { answer(200, r#"{"items":[]}"#) } else { guarding(only_valid)(request) }
    };
    assert_eq!(aspects(&audit(&items(), &Deployed::plain(local))), ["header-forwarded-for"]);
    let bodiless = |request: &Request| match (request.method.as_str(), is_straight(request)) {
        ("HEAD", true) => answer(200, ""),
        _ => guarding(only_valid)(request),
    };
    assert_eq!(aspects(&audit(&items(), &Deployed::plain(bodiless))), ["method-head"]);
    let doubled = |request: &Request| {
        if request.path == "//api/items" { answer(200, r#"{"items":[]}"#) } else { guarding(only_valid)(request) }
    };
    assert_eq!(aspects(&audit(&items(), &Deployed::plain(doubled))), ["path-double-slash"]);
}

#[test]
fn callers_that_a_guard_trusts_by_their_headers_are_tried() {
    let to = |name: &'static str, value: &'static str, served: Exchange| {
        Deployed::plain(move |request: &Request| {
            let claims = request.headers.iter().any(|(known, sent)| known == name && sent == value);
            if claims && is_straight(request) { served.clone() } else { guarding(only_valid)(request) }
        })
    };
    let items_of = || answer(200, r#"{"items":[]}"#);
    for (name, value, aspect) in [
        ("Host", "localhost", "header-host"),
        ("X-Requested-With", "XMLHttpRequest", "header-caller"),
        ("Accept", "text/event-stream", "header-caller"),
    ] {
        assert_eq!(aspects(&audit(&items(), &to(name, value, items_of()))), [aspect], "{name}");
    }
    // A WebSocket may ask for a credential within; that it opens is told, and judged by nobody.
    let verdict = audit(&items(), &to("Upgrade", "websocket", answer(101, "")));
    assert_eq!(verdict.status(), Status::Inconclusive, "{verdict:#?}");
    let stream = with(answer(200, "data: {\"items\":[]}\n\n"), "content-type", "text/event-stream");
    let verdict = audit(&items(), &to("Accept", "text/event-stream", stream));
    assert_ne!(verdict.status(), Status::Pass, "{verdict:#?}");
}

#[test]
fn a_page_for_every_unknown_path_is_no_bypass() {
    let fallback = |request: &Request| {
        let answer_to = guarding(only_valid)(request);
        if answer_to.status == 404 { answer(200, "<title>App</title>") } else { answer_to }
    };
    assert_eq!(audit(&items(), &Deployed::plain(fallback)).status(), Status::Pass);
}

/// Answers those who are denied in another way.
fn denying(with: impl Fn() -> Exchange + 'static) -> Deployed {
    Deployed::plain(move |request: &Request| {
        let answer_to = guarding(only_valid)(request);
        if answer_to.status == 401 { with() } else { answer_to }
    })
}

fn with(mut exchange: Exchange, name: &str, value: &str) -> Exchange {
    exchange.headers.push((name.into(), value.into()));
    exchange
}

#[test]
fn hiding_is_noted_and_no_fault() {
    for status in [404, 400] {
        let verdict = audit(&items(), &denying(move || answer(status, "")));
        assert_eq!(verdict.status(), Status::Pass, "{status}: {verdict:#?}");
        assert!(!verdict.all_notes().is_empty());
    }
}

#[test]
fn a_redirect_to_a_login_is_a_fault_of_an_api_and_other_redirects_show_nothing() {
    let verdict = audit(&items(), &denying(|| with(answer(302, ""), "location", "/login?next=%2Fapi%2Fitems")));
    assert_eq!(aspects(&verdict), ["GET no-credential", "GET one-character"]);
    assert!(verdict.findings()[0].what.contains("a redirect to /login, where an API answers 401"), "{verdict:#?}");
    for location in ["/api/items/", "https://api.example.com/api/items"] {
        let verdict = audit(&items(), &denying(move || with(answer(308, ""), "location", location)));
        assert_eq!(verdict.status(), Status::Inconclusive, "{location}");
    }
    assert_eq!(audit(&items(), &denying(|| answer(302, ""))).status(), Status::Inconclusive);
    let page = |request: &Request| {
        let answer_to = with(guarding(only_valid)(request), "content-type", "text/html");
        if answer_to.status == 401 { with(answer(302, ""), "location", "/login") } else { answer_to }
    };
    assert_eq!(audit(&items(), &Deployed::plain(page)).status(), Status::Pass, "people log in on pages");
}

#[test]
fn a_refusal_that_carries_the_content_all_the_same_fails() {
    for status in [401, 302, 500] {
        let leaking = |text: &'static str| move || with(answer(status, text), "location", "/login");
        let verdict = audit(&items(), &denying(leaking(r#"{"items":[]}"#)));
        assert!(verdict.findings().iter().any(|finding| finding.severity == Some(Severity::Critical)), "{verdict:#?}");
    }
}

/// A guard before everything below `/api`, behind which only what `there` names exists.
fn guard_before(there: impl Fn(&Request) -> Option<Exchange> + 'static) -> Deployed {
    Deployed::plain(move |request| {
        if !only_valid(&request.credential) {
            return answer(401, r#"{"error":"unauthorized"}"#);
        }
        there(request).unwrap_or_else(|| answer(404, r#"{"error":"nothing here"}"#))
    })
}

#[test]
fn a_mistyped_path_behind_a_guard_passes_nothing() {
    assert_eq!(audit(&items(), &guard_before(|_| None)).status(), Status::Inconclusive);
    // An item that is not there, beside an endpoint that shows what tricks get.
    let both = deployed("https://api.example.com", &["GET /api/items", "GET /api/list"]);
    let missing_item = |words: &'static str| {
        guard_before(move |request| match request.path.as_str() {
            "/api/items" => Some(answer(404, words)),
            "/api/list" => Some(answer(200, r#"{"items":[]}"#)),
            _ => None,
        })
    };
    assert_eq!(audit(&both, &missing_item(r#"{"error":"no such item"}"#)).status(), Status::Pass);
    assert_eq!(audit(&both, &missing_item(r#"{"code":7}"#)).status(), Status::Pass);
    let alone = audit(&items(), &missing_item(r#"{"code":7}"#));
    assert_eq!(alone.status(), Status::Inconclusive, "nothing shows what a trick gets: {alone:#?}");
    let wrong_method = guard_before(|request| (request.path == "/api/items").then(|| answer(405, "")));
    assert_eq!(audit(&items(), &wrong_method).status(), Status::Inconclusive);
    // Made-up paths that are echoed differ by themselves: nothing can be told then.
    let echoing = guard_before(|request| Some(answer(404, &format!("Cannot GET {}", request.path))));
    assert_eq!(audit(&items(), &echoing).status(), Status::Inconclusive);
    // A parser in front of every route refuses the broken body of an endpoint that is not there.
    let write = deployed("https://api.example.com", &["POST /api/typo"]);
    let parser = guard_before(|request| (request.method == "POST").then(|| answer(400, r#"{"error":"invalid"}"#)));
    assert_eq!(audit(&write, &parser).status(), Status::Inconclusive);
}

#[test]
fn success_with_an_error_in_it_is_a_fault_of_its_own() {
    let polite = |request: &Request| {
        let answer_to = guarding(only_valid)(request);
        if answer_to.status == 401 { answer(200, r#"{"error":"unauthorized"}"#) } else { answer_to }
    };
    let verdict = audit(&items(), &Deployed::plain(polite));
    assert_eq!(verdict.status(), Status::Fail);
    assert!(verdict.findings().iter().all(|finding| finding.severity == Some(Severity::Medium)));
    // The same from a guard in front of everything: a made-up path gets it, too, and 404 with the token.
    let everywhere = guard_before(|request| (request.path == "/api/items").then(|| answer(200, r#"{"items":[]}"#)));
    let polite = move |request: &Request| {
        let answer_to = (everywhere.http)(request).unwrap();
        if answer_to.status == 401 { answer(200, r#"{"error":"unauthorized"}"#) } else { answer_to }
    };
    assert_eq!(audit(&items(), &Deployed::plain(polite)).status(), Status::Fail);
}

#[test]
fn writes_are_tried_only_with_bodies_that_cannot_be_valid_or_by_consent() {
    let mut target = deployed("https://api.example.com", &["POST /api/items", "DELETE /api/items/1"]);
    let deployed = || Deployed::plain(guarding(only_valid));
    let (verdict, asked) = audit_with(&target, &deployed(), &AuthEnforced::default());
    assert_eq!(verdict.status(), Status::Inconclusive);
    for ask in &asked {
        let Ask::Http(request) = ask else { continue };
        assert!(request.method == "POST", "{request:?}");
        let body = request.body.as_ref().unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&body.text).is_err());
    }
    target.deployment.as_mut().unwrap().writes = Writes::Allow;
    let (_, asked) = audit_with(&target, &deployed(), &AuthEnforced::default());
    assert!(asked.iter().any(|ask| matches!(ask, Ask::Http(request) if request.method == "DELETE")));
}

#[test]
fn a_guarded_write_is_admitted_where_its_body_is_what_is_refused() {
    let target = deployed("https://api.example.com", &["POST /api/items"]);
    assert_eq!(audit(&target, &Deployed::plain(guarding(only_valid))).status(), Status::Pass);
    let validates_first = |request: &Request| {
        if is_straight(request) { answer(400, r#"{"error":"invalid"}"#) } else { answer(404, "") }
    };
    assert_eq!(audit(&target, &Deployed::plain(validates_first)).status(), Status::Inconclusive);
}

#[test]
fn no_method_override_is_sent_in_production() {
    let overrides = |target: &Target| {
        let (_, asked) = audit_with(target, &Deployed::plain(guarding(only_valid)), &AuthEnforced::default());
        asked.iter().any(|ask| {
            matches!(ask, Ask::Http(request) if request.headers.iter().any(|(name, _)| name == "X-HTTP-Method-Override"))
        })
    };
    let mut target = items();
    assert!(!overrides(&target));
    target.environment = Environment::Staging;
    assert!(overrides(&target));
}

#[test]
fn public_endpoints_are_exempt_with_their_reason() {
    let mut target = deployed("https://api.example.com", &["GET /api/items", "GET /health"]);
    target.deployment.as_mut().unwrap().endpoints[1].public = Some("probed by the load balancer".into());
    let health = |request: &Request| {
        if request.path == "/health" { answer(200, "ok") } else { guarding(only_valid)(request) }
    };
    let verdict = audit(&target, &Deployed::plain(health));
    assert_eq!(verdict.status(), Status::Pass, "{verdict:#?}");
    assert!(verdict.all_notes().iter().any(|note| note.contains("probed by the load balancer")));
}

#[test]
fn a_credential_in_every_request_leaves_nothing_to_compare() {
    let mut target = items();
    target.deployment.as_mut().unwrap().headers.insert("Cookie".into(), "session=1".into());
    assert_eq!(audit(&target, &Deployed::plain(guarding(|_| true))).status(), Status::Inconclusive);
}

#[test]
fn a_client_certificate_is_a_credential_and_a_refused_handshake_a_denial() {
    let mut target = items();
    let deployment = target.deployment.as_mut().unwrap();
    deployment.token = None;
    deployment.client_cert = Some(ClientCert { cert: "c".into(), key: "k".into() });
    assert_eq!(audit(&target, &Deployed::plain(guarding(|_| true))).status(), Status::Fail);
    let any = guarding(|credential| *credential != Credential::None);
    assert_eq!(aspects(&audit(&target, &Deployed::plain(any))), ["GET wrong-token"]);
    assert_eq!(audit(&target, &Deployed::plain(guarding(only_valid))).status(), Status::Pass);
    let ending = |alert: &'static str| {
        let serve = guarding(only_valid);
        Deployed {
            http: Box::new(move |request| match request.credential {
                Credential::Valid => Ok(serve(request)),
                _ => Err(Unseen::Malformed(format!("api.example.com:443: received fatal alert: {alert}"))),
            }),
            ..Deployed::plain(guarding(only_valid))
        }
    };
    let verdict = audit(&target, &ending("CertificateRequired"));
    assert_eq!(verdict.status(), Status::Pass, "{verdict:#?}");
    assert_eq!(audit(&target, &ending("InternalError")).status(), Status::Inconclusive);
    // With a token named, too, such an end is no answer about the token.
    assert_eq!(audit(&items(), &ending("CertificateRequired")).status(), Status::Inconclusive);
}

fn transcript(era: Era, exchange: Exchange, session: bool) -> Transcript {
    let outcome = if exchange.is_success() { Outcome::Result } else { Outcome::Http };
    Transcript {
        era,
        opening: Reply { exchange, outcome },
        session,
        server: None,
        listing: None,
        tools: Vec::new(),
        tools_complete: false,
        further: Vec::new(),
        further_unseen: None,
        calls: Vec::new(),
        unseen: Vec::new(),
    }
}

/// A server in some eras; what of it is guarded is said for each era and part.
#[derive(Clone)]
struct Server {
    eras: Vec<EraAsked>,
    /// Whether the era's opening, listing, calls, and requests in an open session ask for the token.
    guards: fn(EraAsked, Part) -> bool,
    admits: fn(&Credential) -> bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Opening,
    Listing,
    Calling,
}

impl Server {
    fn sound(eras: &[EraAsked]) -> Self {
        Self { eras: eras.to_vec(), guards: |_, _| true, admits: only_valid }
    }

    fn answer(&self, asked: &Conversation) -> Transcript {
        let era = match asked.era {
            EraAsked::Any => self.eras.first().copied().unwrap_or(EraAsked::Modern),
            era => era,
        };
        let admits = |part| (self.admits)(&asked.credential) || !(self.guards)(era, part);
        if !self.eras.contains(&era) {
            return transcript(Era::NotMcp, answer(if admits(Part::Opening) { 404 } else { 401 }, ""), false);
        }
        let spoken = match era {
            EraAsked::Modern | EraAsked::Any => Era::Modern,
            EraAsked::Legacy => Era::Legacy,
            EraAsked::Sse => Era::Sse,
        };
        let sessions = era != EraAsked::Modern;
        if asked.session == Session::Forged {
            let status = if admits(Part::Listing) { 404 } else { 401 };
            return transcript(Era::Denied, answer(status, ""), false);
        }
        let opened = asked.session == Session::Stolen || admits(Part::Opening);
        let mut told = if opened {
            transcript(spoken, answer(200, "opened"), sessions)
        } else {
            transcript(Era::Denied, answer(401, ""), false)
        };
        if !opened && asked.session == Session::Own {
            return told;
        }
        for step in &asked.steps {
            let part = if *step == Step::ListTools { Part::Listing } else { Part::Calling };
            let outcome = match part {
                Part::Opening | Part::Listing => Outcome::Result,
                Part::Calling => {
                    Outcome::RpcError { code: -32602, message: "Unknown tool: watertight_no_such_tool".into() }
                }
            };
            let reply = match (admits(part), opened || !sessions) {
                (false, _) => Reply { exchange: answer(401, ""), outcome: Outcome::Http },
                (true, false) => Reply { exchange: answer(400, "no session"), outcome: Outcome::Http },
                (true, true) => Reply { exchange: answer(200, "answered"), outcome },
            };
            match part {
                Part::Opening | Part::Listing => told.listing = Some(reply),
                Part::Calling => told.calls.push(reply),
            }
        }
        told
    }
}

fn serve(server: Server) -> Verdict {
    let target = deployed("https://mcp.example.com", &["/mcp"]);
    audit(&target, &Deployed::server(move |asked| server.answer(asked)))
}

#[test]
fn a_guarded_server_passes_in_every_era_it_speaks() {
    use EraAsked::{Legacy, Modern, Sse};
    for eras in [&[Modern][..], &[Legacy], &[Sse], &[Modern, Legacy]] {
        let verdict = serve(Server::sound(eras));
        assert_eq!(verdict.status(), Status::Pass, "{eras:?} {verdict:#?}");
    }
}

#[test]
fn a_server_that_guards_one_era_only_fails() {
    let both = &[EraAsked::Modern, EraAsked::Legacy];
    let newer_only = Server { guards: |era, _| era == EraAsked::Modern, ..Server::sound(both) };
    let verdict = serve(newer_only);
    assert!(aspects(&verdict).contains(&"legacy-open-calls"), "{:?}", aspects(&verdict));
    let older_only = Server { guards: |era, _| era == EraAsked::Legacy, ..Server::sound(both) };
    assert!(aspects(&serve(older_only)).contains(&"modern-open-calls"));
}

#[test]
fn opening_listing_and_calling_are_judged_apart() {
    let modern = Server::sound(&[EraAsked::Modern]);
    let listing = serve(Server { guards: |_, part| part != Part::Listing, ..modern.clone() });
    assert_eq!(aspects(&listing), ["modern-open-listing", "modern-wrong-token"]);
    let calling = serve(Server { guards: |_, part| part != Part::Calling, ..modern });
    assert_eq!(aspects(&calling), ["modern-open-calls"]);
}

#[test]
fn a_session_alone_must_not_be_enough() {
    let careless = Server { guards: |_, part| part == Part::Opening, ..Server::sound(&[EraAsked::Legacy]) };
    assert_eq!(aspects(&serve(careless)), ["legacy-stolen-session"]);
}

#[test]
fn an_open_server_fails_with_or_without_a_token_named() {
    let open = Server { guards: |_, _| false, ..Server::sound(&[EraAsked::Legacy]) };
    let found = serve(open.clone());
    assert!(aspects(&found).contains(&"legacy-open-opening"));
    let mut target = deployed("https://mcp.example.com", &["/mcp"]);
    target.deployment.as_mut().unwrap().token = None;
    let nameless = audit(&target, &Deployed::server(move |asked| open.answer(asked)));
    assert_eq!(aspects(&nameless), ["legacy-open-opening", "legacy-open-listing"]);
}

#[test]
fn discovery_may_be_open_on_purpose_and_calls_never() {
    let target = deployed("https://mcp.example.com", &["/mcp"]);
    let check = AuthEnforced { open_discovery: true, ..AuthEnforced::default() };
    let server = Server { guards: |_, _| false, ..Server::sound(&[EraAsked::Modern]) };
    let deployed = Deployed::server(move |asked| server.answer(asked));
    let (verdict, _) = audit_with(&target, &deployed, &check);
    assert_eq!(aspects(&verdict), ["modern-open-calls", "modern-wrong-token"]);
}

#[test]
fn an_altered_token_that_opens_a_server_fails() {
    let careless = Server {
        admits: |credential| only_valid(credential) || *credential == Credential::Mutated(Mutation::Truncated),
        ..Server::sound(&[EraAsked::Legacy])
    };
    assert_eq!(aspects(&serve(careless)), ["truncated"]);
}

#[test]
fn a_server_that_denies_the_valid_token_proves_nothing() {
    let shut = Server { admits: |_| false, ..Server::sound(&[EraAsked::Legacy]) };
    let target = deployed("https://mcp.example.com", &["/mcp"]);
    let deployed = Deployed {
        http: Box::new(|_| Ok(answer(401, ""))),
        mcp: Box::new(move |asked| Ok(shut.answer(asked))),
        lines: no_lines(),
    };
    assert_eq!(audit(&target, &deployed).status(), Status::Inconclusive);
}

#[test]
fn out_of_scope_is_not_applicable() {
    let target = Target { scope: crate::target::Scope::Repository, ..items() };
    let verdict = AuthEnforced::default().judge(&target, &Evidence::at(DateTime::UNIX_EPOCH));
    assert_eq!(verdict.status(), Status::NotApplicable);
    let nothing = AuthEnforced::default().judge(&items(), &Evidence::at(DateTime::UNIX_EPOCH));
    assert_eq!(nothing.status(), Status::Inconclusive);
}

/// A repository whose one file of code has these lines.
fn with_code(deployed: Deployed, text: &'static str) -> Deployed {
    let lines = move |asked: &Lines| {
        if !asked.globs.iter().any(|glob| glob == "*.ts") {
            return Matches::default();
        }
        let lines =
            (1..).zip(text.lines()).map(|(line, text)| Line { path: "src/app.ts".into(), line, text: text.into() });
        Matches { lines: lines.collect(), files: 1, ..Matches::default() }
    };
    Deployed { lines: Box::new(lines), ..deployed }
}

fn with_repository() -> Target {
    let mut target = items();
    target.repository = Some(crate::target::Repository::at("."));
    target
}

#[test]
fn a_route_that_only_the_repository_knows_is_judged_too() {
    let known = "app.get('/api/items', list)";
    let verdict = audit(&with_repository(), &with_code(Deployed::plain(guarding(only_valid)), known));
    assert_eq!(verdict.status(), Status::Pass, "{verdict:#?}");
    let forgotten = |request: &Request| {
        if request.path == "/debug" { answer(200, r#"{"memory":1}"#) } else { guarding(only_valid)(request) }
    };
    let code = "app.get('/api/items', list)\napp.get('/debug', dump)";
    let verdict = audit(&with_repository(), &with_code(Deployed::plain(forgotten), code));
    assert_eq!(verdict.status(), Status::Fail, "{verdict:#?}");
    assert!(verdict.findings().iter().all(|finding| finding.place == Place::url("https://api.example.com/debug")));
}

#[test]
fn routes_that_are_not_found_or_cannot_be_tried_are_unseen_by_name() {
    for code in ["app.get('/elsewhere', x)", "adminRouter.get('/users', x)", "app.delete('/api/items/:id', x)"] {
        let deployed = || with_code(Deployed::plain(guarding(only_valid)), code);
        let verdict = audit(&with_repository(), &deployed());
        assert_eq!(verdict.status(), Status::Inconclusive, "{code}: {verdict:#?}");
        let check = AuthEnforced { elsewhere: vec!["src/".into()], ..AuthEnforced::default() };
        assert_eq!(audit_with(&with_repository(), &deployed(), &check).0.status(), Status::Pass);
    }
}

/// An endpoint of which no answer is like another.
fn volatile(admits: impl Fn(&Request) -> bool + 'static) -> impl Fn(&Request) -> Exchange + 'static {
    let count = std::cell::Cell::new(0);
    move |request| match (request.path.starts_with("/api/items"), admits(request)) {
        (true, true) => {
            count.set(count.get() + 1);
            answer(200, &format!("{{\"key{}\":[{}]}}", count.get(), "1,".repeat(count.get()) + "1"))
        }
        (true, false) => answer(401, r#"{"error":"unauthorized"}"#),
        (false, _) => answer(404, r#"{"error":"nothing here"}"#),
    }
}

#[test]
fn an_altered_token_is_no_better_denied_where_every_answer_differs() {
    let sound = audit(&items(), &Deployed::plain(volatile(|request| only_valid(&request.credential))));
    assert_eq!(sound.status(), Status::Pass, "{sound:#?}");
    let half = |request: &Request| {
        only_valid(&request.credential) || request.credential == Credential::Mutated(Mutation::Truncated)
    };
    assert_eq!(aspects(&audit(&items(), &Deployed::plain(volatile(half)))), ["truncated"]);
    let slash = |request: &Request| only_valid(&request.credential) || request.path == "/api/items/";
    assert_eq!(aspects(&audit(&items(), &Deployed::plain(volatile(slash)))), ["path-slash"]);
}

#[test]
fn an_altered_token_that_is_served_something_else_is_not_denied() {
    let other = |request: &Request| match &request.credential {
        Credential::Mutated(Mutation::Truncated) => answer(200, r#"{"welcome":"whoever"}"#),
        _ => guarding(only_valid)(request),
    };
    let verdict = audit(&items(), &Deployed::plain(other));
    assert_eq!(verdict.status(), Status::Inconclusive, "{verdict:#?}");
}

#[test]
fn every_endpoint_of_a_class_is_tried_with_a_token_that_is_nearly_right() {
    let target = deployed("https://api.example.com", &["GET /api/items", "GET /api/items/1"]);
    for (form, aspect) in [(Mutation::OneCharacter, "GET one-character"), (Mutation::Truncated, "truncated")] {
        let second = move |request: &Request| {
            let careless = request.path == "/api/items/1" && request.credential == Credential::Mutated(form.clone());
            if careless { answer(200, r#"{"items":[]}"#) } else { guarding(only_valid)(request) }
        };
        let verdict = audit(&target, &Deployed::plain(second));
        assert_eq!(aspects(&verdict), [aspect], "{verdict:#?}");
    }
    let check = AuthEnforced { max_altered: 0, ..AuthEnforced::default() };
    let (verdict, _) = audit_with(&target, &Deployed::plain(guarding(only_valid)), &check);
    assert_eq!(verdict.status(), Status::Pass, "{verdict:#?}");
    assert!(verdict.grounds().iter().any(|ground| ground.contains("further forms and tricks on /api/items alone")));
}

#[test]
fn what_only_takes_bodies_is_tried_with_tricks_by_its_refusals() {
    let target = deployed("https://api.example.com", &["POST /api/items"]);
    let doubled = |request: &Request| {
        if request.path.starts_with("//api/items") {
            answer(400, r#"{"error":"invalid"}"#)
        } else {
            guarding(only_valid)(request)
        }
    };
    assert_eq!(aspects(&audit(&target, &Deployed::plain(doubled))), ["path-double-slash"]);
    // A parser that comes before every route refuses the body wherever it is sent, and lets nobody in.
    let parsed = |request: &Request| {
        let guarded = request.path.starts_with("/api");
        if guarded { guarding(only_valid)(request) } else { answer(400, r#"{"error":"invalid"}"#) }
    };
    assert_eq!(audit(&target, &Deployed::plain(parsed)).status(), Status::Pass);
    let mut deletes = deployed("https://api.example.com", &["DELETE /api/items"]);
    deletes.deployment.as_mut().unwrap().writes = Writes::Allow;
    let verdict = audit(&deletes, &Deployed::plain(guarding(only_valid)));
    assert_eq!(verdict.status(), Status::Inconclusive, "no trick can be told there: {verdict:#?}");
}

#[test]
fn an_mcp_server_alone_is_tried_with_tricks_too() {
    let target = deployed("https://mcp.example.com", &["/mcp"]);
    let open = Deployed {
        http: Box::new(|request| match request.path.as_str() {
            "/mcp/" => Ok(answer(200, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#)),
            _ => Ok(answer(401, "")),
        }),
        ..Deployed::server(|asked| Server::sound(&[EraAsked::Legacy]).answer(asked))
    };
    assert_eq!(aspects(&audit(&target, &open)), ["path-slash"]);
}

#[test]
fn a_path_without_a_method_is_judged_by_each_that_it_answers() {
    let target = deployed("https://api.example.com", &["/api/items"]);
    let verdict = audit(&target, &Deployed::plain(guarding(only_valid)));
    assert_eq!(verdict.status(), Status::Pass, "{verdict:#?}");
    assert!(verdict.grounds().iter().any(|ground| ground.starts_with("POST /api/items: denied")), "{verdict:#?}");
    let open = |request: &Request| match (request.method.as_str(), is_straight(request)) {
        ("POST", true) => answer(200, r#"{"made":1}"#),
        _ => guarding(only_valid)(request),
    };
    assert_eq!(aspects(&audit(&target, &Deployed::plain(open))), ["POST no-credential", "POST wrong-token"]);
    let read = |request: &Request| match (request.method.as_str(), is_straight(request)) {
        ("POST", true) => answer(405, ""),
        _ => guarding(only_valid)(request),
    };
    assert_eq!(audit(&target, &Deployed::plain(read)).status(), Status::Pass);
    let more = move |request: &Request| match request.method.as_str() {
        "POST" => with(read(request), "allow", "GET, PUT, DELETE"),
        _ => read(request),
    };
    let verdict = audit(&target, &Deployed::plain(more));
    assert!(verdict.unseen()[0].to_string().contains("answers DELETE, PUT, too"), "{verdict:#?}");
}

#[test]
fn a_lockout_after_which_the_valid_token_is_denied_shows_nothing() {
    let target = deployed("https://api.example.com", &["POST /api/items"]);
    let failures = std::cell::Cell::new(0);
    let locking = move |request: &Request| {
        if !only_valid(&request.credential) {
            failures.set(failures.get() + 1);
        }
        let locked = failures.get() > 4;
        guarding(move |credential| only_valid(credential) && !locked)(request)
    };
    let verdict = audit(&target, &Deployed::plain(locking));
    assert_eq!(verdict.status(), Status::Inconclusive, "{verdict:#?}");
}

#[test]
fn the_metadata_that_a_server_names_on_itself_is_read_and_told() {
    let target = deployed("https://mcp.example.com", &["/mcp"]);
    let naming = |challenge: &'static str| {
        move |asked: &Conversation| {
            let mut told = Server::sound(&[EraAsked::Legacy]).answer(asked);
            if told.opening.exchange.status == 401 {
                told.opening.exchange.headers = vec![("www-authenticate".into(), challenge.into())];
            }
            told
        }
    };
    const NAMED: &str = "/.well-known/oauth-protected-resource/mcp";
    let described = |request: &Request| match request.path.as_str() {
        NAMED => Ok(answer(200, r#"{"resource":"https://mcp.example.com/mcp"}"#)),
        _ => Ok(answer(404, "")),
    };
    for (challenge, asks, note) in [
        (
            "Bearer resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\"",
            true,
            "describes",
        ),
        (
            "Bearer resource_metadata=\"https://elsewhere.example/.well-known/oauth-protected-resource\"",
            false,
            "names no",
        ),
        ("Bearer", false, "names no resource_metadata"),
    ] {
        let deployed = Deployed { http: Box::new(described), ..Deployed::server(naming(challenge)) };
        let (verdict, asked) = audit_with(&target, &deployed, &AuthEnforced::default());
        assert_eq!(verdict.status(), Status::Pass, "{verdict:#?}");
        assert_eq!(asked.iter().any(|ask| matches!(ask, Ask::Http(request) if request.path == NAMED)), asks);
        assert!(verdict.all_notes().iter().any(|told| told.contains(note)), "{verdict:#?}");
    }
}
