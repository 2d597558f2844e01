//! Which origins a deployment grants, tried on evidence built in code.

use super::*;
use crate::check::{Place, Status};
use crate::checks::access::stage::{Service, answer, deployed, gathered, no_mcp, transcript, with_header};
use crate::evidence::Shared;
use crate::evidence::api::{Operation, Operations};
use crate::evidence::limit::{Burst, Measured, Subject};
use crate::evidence::mcp::{self, Era, Transcript};
use crate::target::{Environment, OpenApi};

const APP: &str = "https://app.example.com";

fn target() -> Target {
    let mut target = deployed("https://mcp.example.com", &["GET /api/items", "POST /api/items", "GET /api/me"]);
    target.deployment.as_mut().unwrap().origins = Some(vec![APP.into()]);
    target
}

/// Denies without the token, knows its three operations, and grants by `grant`.
fn service(grant: &dyn Fn(&str) -> Option<String>, credentials: bool, request: &Request) -> Exchange {
    let status = match request {
        Request { method, .. } if method == "OPTIONS" => 204,
        Request { credential: Credential::None | Credential::Wrong | Credential::Mutated(_), .. } => 401,
        Request { path, .. } if !path.starts_with("/api/") => 404,
        Request { method, .. } if method == "POST" => 400,
        _ => 200,
    };
    let mut answer = with_header(answer(status), "vary", "Origin");
    if let Some(granted) = grant(request.origin.as_deref().unwrap_or_default()) {
        answer = with_header(answer, "access-control-allow-origin", &granted);
        if credentials {
            answer = with_header(answer, "access-control-allow-credentials", "true");
        }
    }
    answer
}

fn judged(target: &Target, http: &dyn Fn(&Request) -> Result<Exchange, Unseen>) -> Verdict {
    let check = CorsOrigins::default();
    let evidence = gathered(&check, target, &Service { http, mcp: &no_mcp, operations: None });
    check.judge(target, &evidence)
}

fn granting(grant: impl Fn(&str) -> Option<String>) -> Verdict {
    judged(&target(), &|request| Ok(service(&grant, false, request)))
}

fn aspects(verdict: &Verdict) -> BTreeSet<&str> {
    verdict.findings().iter().map(|finding| finding.aspect.as_str()).collect()
}

fn when(granted: bool, origin: &str) -> Option<String> {
    granted.then(|| origin.to_owned())
}

#[test]
fn the_allowed_origin_alone_holds_and_so_does_none_at_all() {
    let verdict = granting(|origin| when(origin == APP, origin));
    assert_eq!(verdict.status(), Status::Pass, "{verdict:?}");
    assert!(verdict.grounds()[0].ends_with("granted: https://app.example.com alone"), "{verdict:?}");
    let verdict = granting(|_| None);
    assert_eq!(verdict.status(), Status::Pass, "{verdict:?}");
    assert!(verdict.all_notes()[0].contains("is not granted"));
}

#[test]
fn each_way_of_granting_too_much_falls_by_its_own_name() {
    type Grant = fn(&str) -> Option<String>;
    let cases: [(&str, Grant); 9] = [
        ("wildcard", |_| Some("*".into())),
        ("reflection", |origin| when(!origin.is_empty(), origin)),
        ("null", |origin| when(origin == "null" || origin == APP, origin)),
        ("suffix", |origin| when(origin == APP || origin.starts_with(&format!("{APP}.")), origin)),
        ("prefix", |origin| {
            when(
                origin.ends_with("app.example.com") && !origin.starts_with("http:") && !origin.contains(".app"),
                origin,
            )
        }),
        ("unescaped-dot", |origin| when(origin == APP || origin == "https://appxexample.com", origin)),
        ("http-twin", |origin| when(origin == APP || origin == "http://app.example.com", origin)),
        ("port", |origin| when(origin == APP || origin == "https://app.example.com:8443", origin)),
        ("unlisted", |_| Some("https://old.example.com".into())),
    ];
    for (aspect, grant) in cases {
        let verdict = granting(grant);
        assert_eq!(aspects(&verdict), BTreeSet::from([aspect]), "{verdict:?}");
    }
    let verdict = granting(|origin| when(origin.ends_with(".app.example.com") || origin == APP, origin));
    assert_eq!(aspects(&verdict), BTreeSet::from(["subdomain"]));
}

#[test]
fn the_targets_own_name_is_varied_too() {
    let verdict = granting(|origin| when(origin.starts_with("https://mcp.example.com"), origin));
    assert_eq!(aspects(&verdict), BTreeSet::from(["suffix"]));
}

#[test]
fn credentials_make_it_critical() {
    let reflect = |origin: &str| when(!origin.is_empty(), origin);
    let verdict = judged(&target(), &|request| Ok(service(&reflect, true, request)));
    assert!(verdict.findings().iter().all(|finding| finding.severity == Some(Severity::Critical)), "{verdict:?}");
}

#[test]
fn several_origins_in_one_answer_fail() {
    let verdict = granting(|_| Some(format!("{APP}, https://b.example.com")));
    assert_eq!(aspects(&verdict), BTreeSet::from(["multiple"]));
}

#[test]
fn a_grant_on_errors_alone_is_seen() {
    for status in [401, 404] {
        let verdict = judged(&target(), &|request| {
            let seen = service(&|_| None, false, request);
            let granted = seen.status == status && request.origin.is_some();
            Ok(if granted { with_header(seen, "access-control-allow-origin", "*") } else { seen })
        });
        assert_eq!(aspects(&verdict), BTreeSet::from(["wildcard"]), "{status}");
    }
}

#[test]
fn a_grant_on_one_endpoint_alone_is_seen() {
    let verdict = judged(&target(), &|request| {
        let seen = service(&|_| None, false, request);
        let reflects = request.path == "/api/me";
        Ok(match &request.origin {
            Some(origin) if reflects => with_header(seen, "access-control-allow-origin", origin),
            _ => seen,
        })
    });
    assert_eq!(verdict.findings()[0].place, Place::url("https://mcp.example.com/api/me"));
}

#[test]
fn an_answer_without_vary_fails_where_caches_may_keep_it() {
    let grant = |origin: &str| when(origin == APP, origin);
    let without_vary = |request: &Request| {
        let mut seen = service(&grant, false, request);
        seen.headers.retain(|(name, _)| name != "vary");
        seen
    };
    let noted = judged(&target(), &|request| Ok(with_header(without_vary(request), "cache-control", "no-store")));
    assert_eq!(noted.status(), Status::Pass);
    assert!(noted.all_notes().iter().any(|note| note.contains("Vary")), "{noted:?}");
    let cached = judged(&target(), &|request| Ok(without_vary(request)));
    assert_eq!(aspects(&cached), BTreeSet::from(["vary"]));
}

#[test]
fn denials_catch_alls_limits_and_silence_are_inconclusive() {
    let all = |status: u16| move |_: &Request| Ok(answer(status));
    let limited = |_: &Request| Err(Unseen::Limited("429".into()));
    for http in [&all(401) as &dyn Fn(&Request) -> _, &all(200), &all(500), &limited] {
        assert_eq!(judged(&target(), http).status(), Status::Inconclusive);
    }
    let mut nothing = target();
    nothing.deployment.as_mut().unwrap().endpoints.clear();
    assert_eq!(judged(&nothing, &all(200)).status(), Status::Inconclusive);
}

#[test]
fn one_answer_that_was_limited_is_no_pass_and_hides_no_fault() {
    let limited = |request: &Request, grant: &dyn Fn(&str) -> Option<String>| match request {
        Request { path, .. } if path == "/api/me" => Err(Unseen::Limited("429".into())),
        request => Ok(service(grant, false, request)),
    };
    assert_eq!(judged(&target(), &|request| limited(request, &|_| None)).status(), Status::Inconclusive);
    let wildcard = judged(&target(), &|request| limited(request, &|_| Some("*".into())));
    assert_eq!(wildcard.status(), Status::Fail);
}

#[test]
fn the_wildcard_is_excused_in_development_on_loopback_alone() {
    let wildcard = |request: &Request| Ok(service(&|_| Some("*".into()), false, request));
    let mut local = deployed("http://127.0.0.1:8080", &["GET /api/items"]);
    assert_eq!(judged(&local, &wildcard).status(), Status::Fail);
    local.environment = Environment::Development;
    assert_eq!(judged(&local, &wildcard).status(), Status::Pass);
    let mut remote = target();
    remote.environment = Environment::Development;
    assert_eq!(judged(&remote, &wildcard).status(), Status::Fail);
}

fn mcp_target() -> Target {
    let mut target = deployed("https://mcp.example.com", &["/mcp"]);
    target.deployment.as_mut().unwrap().origins = Some(Vec::new());
    target
}

fn mcp_judged(mcp: &dyn Fn(&Conversation) -> Result<Transcript, Unseen>) -> Verdict {
    let (check, target) = (CorsOrigins::default(), mcp_target());
    let http = |_: &Request| Ok(answer(404));
    let evidence = gathered(&check, &target, &Service { http: &http, mcp, operations: None });
    check.judge(&target, &evidence)
}

#[test]
fn an_mcp_endpoint_that_refuses_every_hostile_origin_holds() {
    let verdict = mcp_judged(&|conversation| {
        Ok(match conversation.origin {
            None => transcript(Era::Legacy, answer(200), Vec::new()),
            Some(_) => {
                let mut refused = transcript(Era::Denied, answer(403), Vec::new());
                refused.listing = Some(mcp::Reply { exchange: answer(403), outcome: mcp::Outcome::Http });
                refused
            }
        })
    });
    assert_eq!(verdict.status(), Status::Pass, "{verdict:?}");
}

/// Refuses a foreign origin at the opening, and answers a listing from it with this status; none, it leaves unanswered.
fn refusing_the_opening(era: Era, session: bool, listing: Option<u16>) -> Verdict {
    mcp_judged(&move |conversation| {
        let foreign = conversation.origin.is_some();
        if foreign && conversation.era != mcp::EraAsked::Any && conversation.era != asked(era) {
            return Ok(transcript(Era::Denied, answer(403), Vec::new()));
        }
        let opens = !foreign || conversation.session == mcp::Session::Stolen;
        if !foreign && conversation.era != mcp::EraAsked::Any && conversation.era != asked(era) {
            return Ok(transcript(Era::NotMcp, answer(404), Vec::new()));
        }
        let mut seen = if opens {
            transcript(era, answer(200), Vec::new())
        } else {
            transcript(Era::Denied, answer(403), Vec::new())
        };
        seen.session = session && opens;
        if foreign && !conversation.steps.is_empty() {
            let outcome = |status| if status < 300 { mcp::Outcome::Result } else { mcp::Outcome::Http };
            seen.listing = listing.map(|status| mcp::Reply { exchange: answer(status), outcome: outcome(status) });
        }
        Ok(seen)
    })
}

fn asked(era: Era) -> mcp::EraAsked {
    if era == Era::Modern { mcp::EraAsked::Modern } else { mcp::EraAsked::Legacy }
}

#[test]
fn an_origin_that_is_checked_at_the_opening_alone_fails_in_either_era() {
    for (era, session, aspect) in [
        (Era::Modern, false, "mcp-listing"),
        (Era::Legacy, false, "mcp-listing"),
        (Era::Legacy, true, "mcp-listing-session"),
    ] {
        let open = refusing_the_opening(era, session, Some(200));
        assert_eq!(aspects(&open), BTreeSet::from([aspect]), "{era:?} {session}");
        let shut = refusing_the_opening(era, session, Some(403));
        assert_eq!(shut.status(), Status::Pass, "{era:?} {session} {shut:#?}");
        for nothing in [None, Some(500)] {
            assert_eq!(refusing_the_opening(era, session, nothing).status(), Status::Inconclusive, "{era:?}");
        }
    }
}

#[test]
fn an_mcp_endpoint_that_serves_a_hostile_origin_fails() {
    let open = mcp_judged(&|_| Ok(transcript(Era::Modern, answer(200), Vec::new())));
    assert_eq!(aspects(&open), BTreeSet::from(["mcp-reflection"]));
    let prefix = mcp_judged(&|conversation| {
        let served = conversation.origin.as_deref().is_none_or(|origin| origin.starts_with("https://mcp.example.com"));
        Ok(if served {
            transcript(Era::Legacy, answer(200), Vec::new())
        } else {
            transcript(Era::Denied, answer(403), Vec::new())
        })
    });
    assert_eq!(aspects(&prefix), BTreeSet::from(["mcp-suffix"]));
}

#[test]
fn an_mcp_endpoint_that_denies_the_token_beside_an_origin_is_inconclusive() {
    let verdict = mcp_judged(&|conversation| {
        let era = if conversation.origin.is_none() { Era::Legacy } else { Era::Denied };
        let status = if conversation.origin.is_none() { 200 } else { 401 };
        Ok(transcript(era, answer(status), Vec::new()))
    });
    assert_eq!(verdict.status(), Status::Inconclusive);
    assert_eq!(mcp_judged(&|_| Err(Unseen::TimedOut("10 s".into()))).status(), Status::Inconclusive);
}

#[test]
fn described_endpoints_are_asked_about_within_the_reserves() {
    let mut target = deployed("https://mcp.example.com", &["/mcp"]);
    target.deployment.as_mut().unwrap().openapi = Some(OpenApi::Path("/openapi.json".into()));
    let operation = |path: &str| Operation::new("GET", path);
    let operations = Operations {
        operations: (0..40).map(|number| operation(&format!("/api/{number}"))).collect(),
        unread: Vec::new(),
    };
    let check = CorsOrigins::default();
    let http = |request: &Request| Ok(service(&|_| None, false, request));
    let service = Service { http: &http, mcp: &no_mcp, operations: Some(operations) };
    let evidence = gathered(&check, &target, &service);
    assert!(evidence.exchanges().any(|(request, _)| request.path == "/api/39"));
    assert_eq!(check.judge(&target, &evidence).status(), Status::Pass);
}

#[test]
fn a_service_that_redirects_everyone_shows_nothing() {
    let verdict = judged(&target(), &|_| Ok(answer(302)));
    assert_eq!(verdict.status(), Status::Inconclusive, "{verdict:?}");
}

#[test]
fn what_a_refusal_by_the_limiter_grants_is_judged_by_the_origin_that_it_was_sent_from() {
    let check = CorsOrigins::default();
    let target = target();
    let http = |request: &Request| Ok(service(&|origin| when(origin == APP, origin), false, request));
    let evidence = gathered(&check, &target, &Service { http: &http, mcp: &no_mcp, operations: None });
    let burst = Burst {
        limit: 30,
        window: "60s".parse().unwrap(),
        subjects: vec![Subject { method: "GET".into(), path: "/api/items".into(), named: true, costly: false }],
    };
    for (granted, status) in [("https://elsewhere.example", Status::Fail), (APP, Status::Pass)] {
        let request = Request::get("/api/items").from_origin("https://elsewhere.example");
        let exchange = with_header(answer(429), "access-control-allow-origin", granted);
        let limited = vec![Shared { request, exchange }];
        let verdict =
            check.judge(&target, &evidence.clone().with(burst.clone(), Measured { limited, ..Measured::default() }));
        assert_eq!(verdict.status(), status, "{verdict:?}");
    }
}
