//! What the endpoints show decides auth-enforced, tried on deployments built in code.

mod answers;
mod server;
mod tokens;
mod tricks;

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
fn no_endpoint_is_never_a_pass() {
    let nothing = deployed("https://api.example.com", &[]);
    assert_eq!(audit(&nothing, &Deployed::plain(guarding(only_valid))).status(), Status::Inconclusive);
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
