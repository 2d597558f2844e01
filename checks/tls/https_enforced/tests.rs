//! The plain listener and the clients of a repository, tried on evidence built in code.

use super::*;
use crate::check::{Place, Status};
use crate::checks::access::stage::{answer, at, deployed};
use crate::evidence::Unseen;
use crate::evidence::http::Exchange;
use crate::evidence::repo::{Line, Matches};
use crate::target::{Environment, Repository, Scope};

const SECURE: &str = "https://mcp.example.com/api?watertight=plain";

fn target(url: &str) -> Target {
    let mut target = deployed(url, &["GET /api"]);
    target.scope = Scope::Deployment;
    target
}

fn judge(target: &Target, evidence: &Evidence) -> Verdict {
    HttpsEnforced::default().judge(target, evidence)
}

/// The plain listener answers `bare` to everything; HTTPS denies without a credential.
fn seen(target: &Target, bare: &Exchange) -> Evidence {
    let deployment = target.deployment().unwrap();
    let evidence = tls_alone(target)
        .with(secure(deployment), answer(401))
        .with(plain(deployment), bare.clone())
        .with(with_dummy(deployment), bare.clone())
        .with(under_forged_host(deployment), bare.clone());
    posted(target, deployment).into_iter().fold(evidence, |evidence, request| evidence.with(request, bare.clone()))
}

/// The deployment's own port answers plain HTTP with a TLS alert.
fn tls_alone(target: &Target) -> Evidence {
    at().without(in_clear(target.deployment().unwrap()), Unseen::Malformed("the answer is not HTTP/1".into()))
}

fn location(status: u16, to: &str) -> Exchange {
    let mut exchange = answer(status);
    exchange.headers.push(("location".into(), to.into()));
    exchange
}

#[test]
fn a_redirect_to_the_same_place_and_a_gate_hold() {
    let target = target("https://mcp.example.com");
    for bare in [location(308, SECURE), location(301, SECURE), location(302, SECURE), answer(403), answer(426)] {
        let verdict = judge(&target, &seen(&target, &bare));
        assert_eq!(verdict.status(), Status::Pass, "{}: {verdict:?}", bare.status);
    }
}

#[test]
fn every_other_answer_over_plain_http_fails() {
    let target = target("https://mcp.example.com");
    for (bare, aspect) in [
        (answer(200), "served"),
        (answer(401), "challenge"),
        (location(301, "https://mcp.example.com/"), "redirect"),
        (location(301, "https://mcp.example.com/api"), "redirect"),
        (location(301, "https://elsewhere.example.com/api?watertight=plain"), "redirect"),
        (location(301, "https://mcp.example.com:8443/api?watertight=plain"), "redirect"),
        (location(301, "/login"), "redirect"),
        (answer(301), "redirect"),
    ] {
        let verdict = judge(&target, &seen(&target, &bare));
        let aspects: Vec<&str> = verdict.findings().iter().map(|finding| finding.aspect.as_str()).collect();
        assert_eq!(aspects, [aspect], "{verdict:?}");
    }
}

#[test]
fn a_credential_that_reaches_the_service_and_a_host_that_steers_the_redirect_fail() {
    let target = target("https://mcp.example.com");
    let deployment = target.deployment().unwrap();
    let evidence = seen(&target, &location(308, SECURE))
        .with(with_dummy(deployment), answer(401))
        .with(under_forged_host(deployment), location(308, "https://watertight.invalid/api?watertight=plain"));
    let aspects: Vec<String> =
        judge(&target, &evidence).findings().iter().map(|finding| finding.aspect.clone()).collect();
    assert_eq!(aspects, ["credential-read", "host-redirect"]);
}

#[test]
fn one_endpoint_that_is_served_in_clear_among_those_that_redirect_fails() {
    let mut target = deployed("https://mcp.example.com", &["GET /api", "GET /old", "POST /api"]);
    target.scope = Scope::Deployment;
    let [old, post] = others(target.deployment().unwrap()).try_into().unwrap();
    let to = |path: &str| location(308, &format!("https://mcp.example.com{path}"));
    let sound = seen(&target, &location(308, SECURE)).with(old.clone(), to("/old")).with(post.clone(), to("/api"));
    assert_eq!(judge(&target, &sound).status(), Status::Pass);
    for (request, status) in [(&old, 200), (&post, 401)] {
        let verdict = judge(&target, &sound.clone().with(request.clone(), answer(status)));
        assert_eq!(verdict.status(), Status::Fail, "{verdict:?}");
    }
    assert_eq!(judge(&target, &seen(&target, &location(308, SECURE))).status(), Status::Inconclusive);
}

#[test]
fn a_closed_port_holds_only_beside_an_answering_deployment() {
    let target = target("https://mcp.example.com");
    let deployment = target.deployment().unwrap();
    let closed = Unseen::Unreachable("mcp.example.com:80: Connection refused (os error 111)".into());
    let evidence = tls_alone(&target).without(plain(deployment), closed);
    assert_eq!(judge(&target, &evidence).status(), Status::Inconclusive);
    assert_eq!(judge(&target, &evidence.with(secure(deployment), answer(401))).status(), Status::Pass);
}

#[test]
fn a_filtered_port_a_refusal_like_the_services_own_and_no_answer_are_inconclusive() {
    let target = target("https://mcp.example.com");
    let deployment = target.deployment().unwrap();
    let same = seen(&target, &answer(403)).with(secure(deployment), answer(403));
    let filtered =
        at().with(secure(deployment), answer(401)).without(plain(deployment), Unseen::TimedOut("5 s".into()));
    for evidence in [same, filtered, at(), seen(&target, &answer(500))] {
        assert_eq!(judge(&target, &evidence).status(), Status::Inconclusive);
    }
}

#[test]
fn what_is_redirected_by_get_and_read_by_post_is_told() {
    let target = target("https://mcp.example.com");
    let [post] = posted(&target, target.deployment().unwrap()).try_into().unwrap();
    let judged =
        |bare: &Exchange, status| judge(&target, &seen(&target, bare).with(post.clone(), answer(status))).status();
    for (status, expected) in [
        (405, Status::Pass),
        (403, Status::Pass),
        (401, Status::Fail),
        (200, Status::Fail),
        (400, Status::Inconclusive),
    ] {
        assert_eq!(judged(&location(308, SECURE), status), expected, "{status}");
    }
}

#[test]
fn another_host_name_in_clear_is_looked_at_as_well() {
    let target = target("https://mcp.example.com");
    let deployment = target.deployment().unwrap();
    for (status, expected) in [(404, Status::Pass), (401, Status::Fail), (200, Status::Inconclusive)] {
        let evidence = seen(&target, &location(308, SECURE)).with(under_forged_host(deployment), answer(status));
        assert_eq!(judge(&target, &evidence).status(), expected, "{status}");
    }
}

#[test]
fn the_https_port_must_not_answer_plain_http() {
    let target = target("https://mcp.example.com");
    let asked = in_clear(target.deployment().unwrap());
    assert_eq!(asked.url(&target), "http://mcp.example.com:443/api");
    let sound = seen(&target, &location(308, SECURE));
    for (status, expected) in
        [(400, Status::Pass), (200, Status::Fail), (401, Status::Fail), (502, Status::Inconclusive)]
    {
        assert_eq!(judge(&target, &sound.clone().with(asked.clone(), answer(status))).status(), expected, "{status}");
    }
    for (unseen, expected) in [
        (Unseen::Unreachable("the connection was closed without an answer".into()), Status::Pass),
        (Unseen::Unreachable("Connection refused (os error 111)".into()), Status::Inconclusive),
        (Unseen::TimedOut("5 s".into()), Status::Inconclusive),
        (Unseen::Malformed("its chunks do not end".into()), Status::Inconclusive),
    ] {
        assert_eq!(judge(&target, &sound.clone().without(asked.clone(), unseen)).status(), expected);
    }
}

#[test]
fn a_plain_url_fails_in_production_and_is_excused_in_development_on_loopback() {
    let mut target = target("http://127.0.0.1:8080");
    let evidence = at().with(secure(target.deployment().unwrap()), answer(200));
    assert_eq!(judge(&target, &evidence).status(), Status::Fail);
    assert_eq!(judge(&target, &at()).status(), Status::Inconclusive);
    target.environment = Environment::Development;
    assert_eq!(judge(&target, &evidence).status(), Status::NotApplicable);
    let mut remote = self::target("http://mcp.example.com");
    remote.environment = Environment::Development;
    let evidence = at().with(secure(remote.deployment().unwrap()), answer(200));
    assert_eq!(judge(&remote, &evidence).status(), Status::Fail);
}

fn line(path: &str, line: u32, text: &str) -> Line {
    Line { path: path.into(), line, text: text.into() }
}

fn repository(code: Vec<Line>, configuration: Vec<Line>) -> Verdict {
    let mut target = target("https://mcp.example.com");
    target.scope = Scope::Repository;
    target.repository = Some(Repository::at("."));
    let matches = |lines: Vec<Line>| Matches { lines, files: 3, ..Matches::default() };
    let evidence = at().with(in_code(), matches(code)).with(in_configuration(), matches(configuration));
    judge(&target, &evidence)
}

#[test]
fn a_client_that_sends_its_credential_in_clear_fails_with_file_and_line() {
    let remote = concat!("http", "://mcp.acme.dev");
    let header = ["Authori", "zation"].concat();
    let code = vec![line("ask.sh", 3, &format!("curl -H '{header}: Bearer $T' {remote}/mcp"))];
    let verdict = repository(code, Vec::new());
    assert_eq!(verdict.findings()[0].place, Place::file("ask.sh", Some(3)));
    let configuration = vec![
        line(".mcp.json", 4, &format!("\"url\": \"{remote}/mcp\",")),
        line(".mcp.json", 5, &format!("\"headers\": {{ \"{header}\": \"Bearer x\" }}")),
    ];
    assert_eq!(repository(Vec::new(), configuration).status(), Status::Fail);
}

#[test]
fn loopback_tests_comments_and_lone_addresses_are_no_client() {
    let remote = concat!("http", "://mcp.acme.dev");
    let header = ["Authori", "zation"].concat();
    let code = vec![
        line("a.sh", 1, &format!("curl -H '{header}: Bearer $T' http://127.0.0.1:8080/mcp")),
        line("tests/a.sh", 1, &format!("curl -H '{header}: Bearer $T' {remote}")),
        line("b.py", 1, &format!("# {header}: Bearer x goes to {remote}")),
        line("c.yaml", 1, &format!("url: {remote}")),
    ];
    let verdict = repository(code, vec![line("d.yaml", 1, &format!("url: {remote}"))]);
    assert_eq!(verdict.status(), Status::Pass, "{verdict:?}");
}
