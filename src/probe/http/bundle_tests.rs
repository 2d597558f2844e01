//! Which asks share a request, and which answers are believed.

use super::rig::target;
use crate::evidence::http::BodySeen;
use crate::evidence::http::{Credential, Exchange, Free, Mutation, Request};
use crate::plan::bundle::{Bundle, Memory, bundles, doubtful};
use crate::target::Target;

const EVIL: &str = "https://watertight-audit.example";
const ALLOWED: &str = "https://app.example.com";

fn api() -> Target {
    let mut target = target("http://127.0.0.1:1", &["GET /a", "POST /b", "/mcp"]);
    target.deployment.as_mut().unwrap().origins = Some(vec![ALLOWED.into()]);
    target
}

fn answer(status: u16, body: &str) -> Exchange {
    Exchange {
        status,
        headers: Vec::new(),
        body: BodySeen { length: body.len() as u64, complete: true, text: body.into(), sha256: body.into() },
        address: String::new(),
        at: 0,
        took: 0,
    }
}

fn granting(mut exchange: Exchange) -> Exchange {
    exchange.headers.push(("access-control-allow-origin".into(), ALLOWED.into()));
    exchange
}

fn whoever(request: Request) -> (Request, Free) {
    (request, Free { origin: true, rest: false, beside: true })
}

fn fixed(request: Request) -> (Request, Free) {
    (request, Free::default())
}

fn derived(origin: &str) -> (Request, Free) {
    let request = Request::get("/a").with(Credential::Valid).from_origin(origin);
    (request, Free { rest: true, ..Free::default() })
}

fn wrong() -> Request {
    Request::get("/a").with(Credential::Wrong)
}

/// CORS is granted alike to the admitted and to the denied, and no gate minds the origin.
fn controls() -> Memory {
    let valid = Request::get("/a").with(Credential::Valid);
    vec![
        (valid.clone().from_origin(ALLOWED), granting(answer(200, "{\"ok\":1}"))),
        (wrong().from_origin(ALLOWED), granting(answer(401, "{\"no\":1}"))),
        (valid.from_origin(EVIL), answer(200, "{\"ok\":1}")),
        (Request::get("/a"), answer(401, "{\"no\":1}")),
    ]
}

#[test]
fn who_asks_and_from_where_share_a_request() {
    let asked = vec![whoever(wrong()), fixed(wrong().from_origin("null"))];
    let (bundles, later) = bundles(&api(), asked, &Memory::new(), true);
    assert_eq!((bundles.len(), later.len()), (1, 0));
    assert_eq!(bundles[0].request, wrong().from_origin("null"));
    assert_eq!(bundles[0].asks.len(), 2);
}

#[test]
fn requests_without_a_credential_stay_what_the_others_are_compared_with() {
    let asked = vec![whoever(Request::get("/a")), fixed(Request::get("/a").from_origin(EVIL))];
    assert_eq!(bundles(&api(), asked, &Memory::new(), true).0.len(), 2);
}

#[test]
fn on_an_mcp_path_nothing_shares_a_request() {
    let at = |origin: Option<&str>| Request { path: "/mcp".into(), origin: origin.map(str::to_owned), ..wrong() };
    let asked = vec![whoever(at(None)), fixed(at(Some(EVIL)))];
    assert_eq!(bundles(&api(), asked, &Memory::new(), true).0.len(), 2);
}

#[test]
fn a_gate_that_denies_by_origin_hides_no_open_door() {
    // Without an origin the path is open to a wrong token; the gate before it answers first.
    let bundle =
        Bundle { request: wrong().from_origin(EVIL), asks: vec![whoever(wrong()), fixed(wrong().from_origin(EVIL))] };
    let valid = Request::get("/a").with(Credential::Valid);
    let gated = vec![
        (Request::get("/a"), answer(403, "{\"no\":1}")),
        (valid.clone(), answer(200, "{\"ok\":1}")),
        (valid.from_origin(EVIL), answer(403, "{\"no\":1}")),
    ];
    let again = doubtful(&api(), &[(bundle.clone(), answer(403, "{\"no\":1}"))], &gated, &[]);
    assert_eq!(again.iter().map(|(ask, _)| ask.clone()).collect::<Vec<_>>(), [wrong()]);
    assert!(doubtful(&api(), &[(bundle, answer(401, "{\"no\":1}"))], &controls(), &[]).is_empty());
}

#[test]
fn derived_origins_wait_for_controls_and_then_ride_on_altered_tokens() {
    let altered = || whoever(Request::get("/a").with(Credential::Mutated(Mutation::Truncated)));
    let (sent, later) = bundles(&api(), vec![altered(), derived("null")], &Memory::new(), false);
    assert_eq!((sent.len(), later.len()), (1, 1), "nothing is known yet");
    let (sent, later) = bundles(&api(), vec![altered(), derived("null")], &controls(), false);
    assert_eq!((sent.len(), later.len()), (1, 0));
    assert_eq!(sent[0].request.origin.as_deref(), Some("null"));
    assert_eq!(sent[0].asks.len(), 2);
}

#[test]
fn where_cors_grants_after_authentication_only_derived_origins_go_with_the_valid_token() {
    let mut memory = controls();
    memory[1].1.headers.clear();
    let altered = whoever(Request::get("/a").with(Credential::Mutated(Mutation::Truncated)));
    let (sent, _) = bundles(&api(), vec![altered, derived("null")], &memory, false);
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().any(|bundle| bundle.request == derived("null").0));
}

#[test]
fn derived_origins_on_another_path_are_asked_again_where_the_allowed_one_is_not_granted_there() {
    let body = |text: &str| {
        (Request::new("POST", "/b").with(Credential::Valid).json(text), Free { origin: true, ..Free::default() })
    };
    let asked = vec![body("1"), body("2"), body("3"), body("4"), derived("null")];
    let (sent, later) = bundles(&api(), asked, &Memory::new(), false);
    assert_eq!((sent.len(), later.len()), (4, 0));
    let rode: Vec<(Bundle, Exchange)> = sent.iter().map(|bundle| (bundle.clone(), answer(400, "{\"no\":1}"))).collect();
    let silent: Memory = sent.iter().map(|bundle| (bundle.request.clone(), answer(400, "{\"no\":1}"))).collect();
    let again = doubtful(&api(), &rode, &silent, &[]);
    assert!(again.iter().any(|(ask, _)| *ask == derived("null").0), "{again:?}");
    let grants: Memory = silent.iter().map(|(request, answer)| (request.clone(), granting(answer.clone()))).collect();
    assert!(doubtful(&api(), &rode, &grants, &[]).is_empty());
}
