//! Nothing is served, and no credential taken, over plain HTTP; in the repository no client sends one there.

use std::sync::LazyLock;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::check::{About, Check, DecidedFrom, Finding, Place, Reserve, Severity, Verdict};
use crate::evidence::http::{Credential, Exchange, Listener, Request};
use crate::evidence::repo::{Lines, Matches};
use crate::evidence::{Ask, Evidence, Question as _, Unseen};
use crate::period::Period;
use crate::target::{Absent, Deployment, Target};

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpsEnforced {
    /// Strict-Transport-Security shorter than this is noted.
    pub hsts: Period,
}

impl Default for HttpsEnforced {
    fn default() -> Self {
        // A year, as the preload list asks.
        Self { hsts: Period::days(365) }
    }
}

impl Check for HttpsEnforced {
    const ABOUT: About = About {
        id: "https-enforced",
        title: "Production is HTTPS, always",
        statements: &["TLS-1", "TLS-2"],
        severity: Severity::High,
        decided_from: DecidedFrom::Both,
        attestable: false,
        remediation: "Close the plain-HTTP port, or let it answer nothing but one 308 to a fixed https:// host with the same path and query. Never serve, and never read a credential, over plain HTTP; give clients https:// addresses.",
        references: &["RFC 9110 section 15.4.9", "RFC 6797", "CWE-319", "OWASP ASVS 5.0 12.2.1"],
    };

    fn asks(&self, target: &Target, seen: &Evidence) -> Vec<Ask> {
        let mut asks = Vec::new();
        if let Ok(deployment) = target.deployment() {
            asks.push(secure(deployment).into());
            if deployment.is_https() {
                asks.extend([plain(deployment), with_dummy(deployment), under_forged_host(deployment)].map(Ask::from));
                if seen.of(&plain(deployment)).is_ok() {
                    asks.extend(others(deployment).into_iter().map(Ask::from));
                }
            }
        }
        if target.repository().is_ok() {
            asks.extend([in_code(), in_configuration()].map(Ask::from));
        }
        asks
    }

    fn reserves(&self, target: &Target) -> Vec<Reserve> {
        let others =
            target.deployment().ok().filter(|deployment| deployment.is_https()).map(others).unwrap_or_default();
        if others.is_empty() {
            return Vec::new();
        }
        vec![Reserve {
            what: "the other endpoints over plain HTTP, where something answers there".into(),
            asks: u32::try_from(others.len()).unwrap_or(u32::MAX),
            sends: others.iter().map(|request| request.ceiling(target)).fold(0, u32::saturating_add),
        }]
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        let mut verdict = match target.deployment() {
            Err(absent) if absent.is_out_of_scope() && target.repository().is_err() => return Verdict::absent(absent),
            Err(absent) if absent.is_out_of_scope() => Verdict::default(),
            Err(absent) => Verdict::absent(absent),
            Ok(deployment) if deployment.is_https() => {
                let mut verdict = Verdict::default();
                listener(target, deployment, evidence, &mut verdict);
                self.strict_transport(deployment, evidence, &mut verdict);
                verdict
            }
            Ok(_) if target.is_excused() => {
                Verdict::not_applicable("plain HTTP is excused: development, and every address is loopback")
            }
            Ok(deployment) => {
                let mut verdict = Verdict::default();
                own_url(target, deployment, evidence, &mut verdict);
                verdict
            }
        };
        match target.repository() {
            Ok(_) => clients(evidence, &mut verdict),
            Err(Absent::NoRepository) => verdict.notes("no repository named: clients were not looked at"),
            Err(Absent::RepositoryOutOfScope | Absent::NoDeployment | Absent::DeploymentOutOfScope) => {}
        }
        verdict
    }
}

/// Sent instead of the deployment's name; reserved (RFC 2606), so that it is nobody's.
const FORGED: &str = "watertight.invalid";

fn secure(deployment: &Deployment) -> Request {
    Request::get(deployment.representative())
}

/// With a query, which a redirect must keep.
fn plain(deployment: &Deployment) -> Request {
    let path = deployment.representative();
    let joint = if path.contains('?') { '&' } else { '?' };
    Request::get(format!("{path}{joint}watertight=plain")).plain()
}

fn with_dummy(deployment: &Deployment) -> Request {
    plain(deployment).with(Credential::Dummy)
}

fn under_forged_host(deployment: &Deployment) -> Request {
    plain(deployment).header("host", FORGED)
}

/// Endpoints beside the representative that are asked over plain HTTP at most: a listener may redirect one and serve another.
const OTHERS: usize = 20;

/// The other declared endpoints over plain HTTP: what writes with a body that cannot be valid, and a credential of nobody's.
fn others(deployment: &Deployment) -> Vec<Request> {
    let first = deployment.representative();
    deployment
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.public.is_none())
        .filter(|endpoint| endpoint.method != "GET" || endpoint.path != first)
        .filter_map(|endpoint| match endpoint.method.as_str() {
            "GET" | "HEAD" => Some(Request::new(&endpoint.method, &endpoint.path).plain()),
            "POST" => Some(Request::new(&endpoint.method, &endpoint.path).json(BROKEN).with(Credential::Dummy).plain()),
            _ => None,
        })
        .take(OTHERS)
        .collect()
}

/// No JSON, so that nothing is written.
const BROKEN: &str = "{\"watertight\":";

/// The target's own URL is plain HTTP, and nothing excuses it.
fn own_url(target: &Target, deployment: &Deployment, evidence: &Evidence, verdict: &mut Verdict) {
    let url = deployment.origin();
    match evidence.of(&secure(deployment)) {
        Ok(answer) if redirect(answer, &secure(deployment).url(target)).is_some_and(|to| to.scheme() == "https") => {
            verdict.not_seen(Unseen::NotComparable(format!("{url} redirects to HTTPS: give the https:// URL")));
        }
        Ok(answer) => verdict.finds(
            Finding::new(
                format!("the {} deployment is served over plain HTTP ({})", target.environment, answer.status),
                Place::url(url),
            )
            .aspect("plain-url"),
        ),
        // A limiter's refusal came over plain HTTP all the same, but who answered is not known.
        Err(unseen) => verdict.not_seen(unseen),
    }
}

/// The plain-HTTP listener beside the deployment.
fn listener(target: &Target, deployment: &Deployment, evidence: &Evidence, verdict: &mut Verdict) {
    let asked = plain(deployment);
    let place = asked.url(target);
    let host = Listener::Plain.host(target).unwrap_or_default();
    let reachable = evidence.exchanges().any(|(request, _)| request.listener == Listener::Main);
    let answer = match evidence.of(&asked) {
        Ok(answer) => answer,
        // A refused port tells something only where the host itself was seen to answer.
        Err(Unseen::Unreachable(why)) if reachable && why.contains("refused") => {
            return verdict.holds(format!("nothing listens for plain HTTP: connection refused on {host}"));
        }
        Err(Unseen::Unreachable(why)) if why.contains("refused") => {
            return verdict
                .not_seen(Unseen::NotComparable(format!("{host} refuses, and so does the deployment itself")));
        }
        Err(unseen) => return verdict.not_seen(unseen),
    };
    let faults = |verdict: &mut Verdict, what: String, aspect: &str| {
        if target.is_excused() {
            verdict.holds("plain HTTP is excused: development, and every address is loopback");
            verdict.notes(format!("{what}: {place}"));
        } else {
            verdict.finds(Finding::new(what, Place::url(place.clone())).aspect(aspect));
        }
    };
    let bare = manner(answer, deployment, &asked, target);
    match &bare {
        Manner::Served => faults(verdict, format!("served over plain HTTP ({})", answer.status), "served"),
        Manner::Challenges => faults(
            verdict,
            format!("asks for a credential over plain HTTP ({}) instead of refusing it", answer.status),
            "challenge",
        ),
        Manner::Redirects => {
            verdict.holds(format!(
                "plain HTTP on {host} answers one {} to the same host, path and query over HTTPS",
                answer.status
            ));
            if !matches!(answer.status, 301 | 308) {
                verdict.notes(format!("the redirect to HTTPS is temporary ({}); 308 is permanent", answer.status));
            }
            if answer.header("set-cookie").is_some() {
                verdict.notes("a cookie is set on the plain-HTTP answer");
            }
        }
        Manner::Misdirects(why) => faults(verdict, why.clone(), "redirect"),
        Manner::Refuses => match evidence.of(&secure(deployment)) {
            // The same refusal on both may be the service itself, which the real token would open.
            Ok(secure) if secure.status == answer.status => verdict.not_seen(Unseen::NotComparable(format!(
                "plain HTTP answers {} as HTTPS does without a credential; the real token is never sent in clear",
                answer.status
            ))),
            Ok(_) => verdict.holds(format!("plain HTTP on {host} refuses every request ({})", answer.status)),
            Err(unseen) => verdict.not_seen(unseen),
        },
        Manner::Breaks => verdict.not_seen(Unseen::NotComparable(format!("{place} answers {}", answer.status))),
    }
    match evidence.of(&with_dummy(deployment)) {
        Err(unseen) => verdict.not_seen(unseen),
        Ok(answer) => match manner(answer, deployment, &asked, target) {
            Manner::Redirects => verdict.notes(
                "a credential sent over plain HTTP is answered with a redirect: it has leaked by then; a closed port is stricter",
            ),
            manner if manner == bare => {}
            Manner::Served | Manner::Challenges | Manner::Misdirects(_) => faults(
                verdict,
                format!("a credential sent over plain HTTP is read and answered with {}", answer.status),
                "credential-read",
            ),
            Manner::Refuses => {}
            Manner::Breaks => verdict.not_seen(Unseen::NotComparable(format!(
                "{place} answers {} to a dummy credential",
                answer.status
            ))),
        },
    }
    for other in others(deployment) {
        let named = format!("{} {}", other.method, other.path);
        match evidence.of(&other) {
            Err(unseen) => verdict.not_seen(unseen),
            Ok(answer) => match manner(answer, deployment, &other, target) {
                manner if manner == bare => {}
                Manner::Served | Manner::Challenges => faults(
                    verdict,
                    format!("{named} is answered over plain HTTP ({}), unlike {}", answer.status, asked.path),
                    &format!("served {named}"),
                ),
                Manner::Misdirects(why) => faults(verdict, format!("{named} {why}"), &format!("redirect {named}")),
                Manner::Redirects | Manner::Refuses => {}
                Manner::Breaks => verdict
                    .not_seen(Unseen::NotComparable(format!("{named} is answered {} over plain HTTP", answer.status))),
            },
        }
    }
    match evidence.of(&under_forged_host(deployment)) {
        Err(unseen) => verdict.not_seen(unseen),
        Ok(answer) => {
            if redirect(answer, &place).is_some_and(|to| to.host_str() == Some(FORGED)) {
                faults(verdict, "the redirect goes wherever the Host header says".into(), "host-redirect");
            }
        }
    }
}

/// How the plain listener treats a request.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Manner {
    Served,
    Challenges,
    /// To the same host, path and query over HTTPS.
    Redirects,
    /// Elsewhere; says where.
    Misdirects(String),
    Refuses,
    Breaks,
}

fn manner(answer: &Exchange, deployment: &Deployment, asked: &Request, target: &Target) -> Manner {
    match answer.status {
        301 | 302 | 303 | 307 | 308 => match redirect(answer, &asked.url(target)) {
            None => Manner::Misdirects(format!("redirects ({}) without a usable Location", answer.status)),
            Some(to) => match astray(&to, deployment, &asked.path) {
                None => Manner::Redirects,
                Some(why) => Manner::Misdirects(why),
            },
        },
        401 | 407 => Manner::Challenges,
        200..=399 => Manner::Served,
        400..=499 => Manner::Refuses,
        _ => Manner::Breaks,
    }
}

fn redirect(answer: &Exchange, from: &str) -> Option<Url> {
    Url::parse(from).ok()?.join(answer.header("location")?).ok().filter(|_| (300..400).contains(&answer.status))
}

/// Why this is not the same place over HTTPS.
fn astray(to: &Url, deployment: &Deployment, path: &str) -> Option<String> {
    if to.scheme() != "https" {
        return Some(format!("redirects to {}:// instead of https://", to.scheme()));
    }
    let same_host = to.host_str() == deployment.url.host_str();
    if !same_host || to.port_or_known_default() != deployment.url.port_or_known_default() {
        return Some(format!("redirects elsewhere: {}", to.origin().ascii_serialization()));
    }
    let expected = deployment.url.join(path).ok()?;
    if to.path() != expected.path() {
        return Some(format!("the redirect to HTTPS drops the path: {}", to.path()));
    }
    if to.query() != expected.query() {
        return Some("the redirect to HTTPS drops the query".into());
    }
    None
}

impl HttpsEnforced {
    /// HSTS is worth notes only: it protects browsers, and these are API clients.
    fn strict_transport(&self, deployment: &Deployment, evidence: &Evidence, verdict: &mut Verdict) {
        let host = deployment.host();
        if host.parse::<std::net::IpAddr>().is_ok() {
            // RFC 6797 section 8.1.1: user agents ignore it on address hosts.
            return verdict.notes("no Strict-Transport-Security is expected: browsers ignore it on addresses");
        }
        let answers = || evidence.exchanges().filter(|(request, _)| request.listener == Listener::Main);
        if answers().next().is_none() {
            return;
        }
        let age = |value: &str| -> Option<u64> {
            let directive = value.split(';').map(str::trim).find_map(|part| part.strip_prefix("max-age="))?;
            directive.trim_matches('"').parse().ok()
        };
        let least = answers().filter_map(|(_, seen)| age(seen.header("strict-transport-security")?)).min();
        match least {
            None => verdict.notes(format!("no Strict-Transport-Security on the answers of {host}")),
            Some(seconds) if seconds < self.hsts.duration().as_secs() => {
                verdict.notes(format!("Strict-Transport-Security lasts {seconds} s only, less than {}", self.hsts));
            }
            Some(_) => {}
        }
    }
}

/// A credential and a plain address in one line of code.
fn in_code() -> Lines {
    let globs =
        ["js", "mjs", "cjs", "ts", "tsx", "py", "rb", "php", "go", "rs", "java", "kt", "cs", "sh", "bash", "ps1"];
    Lines {
        globs: globs.iter().map(|extension| format!("*.{extension}")).chain(["Makefile".into()]).collect(),
        pattern: format!("(?i)(?:{CREDENTIAL}).*http://|http://.*(?:{CREDENTIAL})|http://[^/ ]+:[^/ ]+@"),
    }
}

/// Addresses and credentials of client configurations, which stand in lines of their own.
fn in_configuration() -> Lines {
    Lines {
        globs: ["*.json", "*.yaml", "*.yml", "*.toml", ".env*"].map(str::to_owned).to_vec(),
        pattern: format!("(?i)http://|{CREDENTIAL}"),
    }
}

const CREDENTIAL: &str = r#"\bauthorization["']?\s*[:=]|\bbearer\s+\S|\bx-api-key["']?\s*[:=]"#;

/// How many lines apart an address and its header may stand in a configuration.
const APART: u32 = 4;

fn clients(evidence: &Evidence, verdict: &mut Verdict) {
    let mut looked = 0;
    for (ask, apart) in [(in_code(), 0), (in_configuration(), APART)] {
        match evidence.of(&ask) {
            Err(unseen) => verdict.not_seen(unseen),
            Ok(matches) => {
                looked += matches.files;
                if !matches.unread.is_empty() {
                    verdict.not_seen(Unseen::Partial(format!("not read: {}", matches.unread.join(", "))));
                }
                if matches.truncated {
                    verdict.not_seen(Unseen::Partial(format!("{}: too many lines", ask.describe())));
                }
                for (path, line, host) in in_clear(matches, apart) {
                    verdict.finds(
                        Finding::new(
                            format!("a client sends a credential to http://{host}"),
                            Place::file(path, Some(line)),
                        )
                        .aspect(format!("client {host}")),
                    );
                }
            }
        }
    }
    if looked > 0 {
        verdict.holds(format!(
            "no client in the repository's {looked} code and configuration files sends a credential over plain HTTP"
        ));
    } else {
        verdict.notes("the repository holds no code or configuration of a client");
    }
}

/// Where a credential goes to a plain address that is no loopback: only what is clearly one.
fn in_clear(matches: &Matches, apart: u32) -> Vec<(String, u32, String)> {
    static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"http://[^\s"'`<>)\]}\\,;]+"#).ok());
    static HELD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&format!("(?i){CREDENTIAL}")).ok());
    let (Some(address), Some(held)) = (ADDRESS.as_ref(), HELD.as_ref()) else { return Vec::new() };
    let mut found = Vec::new();
    for line in matches.lines.iter().filter(|line| !is_made_up(&line.path) && !is_comment(&line.text)) {
        for url in address.find_iter(&line.text).filter_map(|hit| Url::parse(hit.as_str()).ok()) {
            let Some(host) = url.host_str().filter(|host| is_remote(host)) else { continue };
            let beside = matches.lines.iter().any(|other| {
                other.path == line.path && other.line.abs_diff(line.line) <= apart && held.is_match(&other.text)
            });
            if beside || url.password().is_some() {
                found.push((line.path.clone(), line.line, host.to_owned()));
            }
        }
    }
    found
}

/// Tests, examples and foreign code send nothing.
fn is_made_up(path: &str) -> bool {
    const FOLDERS: [&str; 12] = [
        "test",
        "tests",
        "spec",
        "__tests__",
        "fixtures",
        "examples",
        "example",
        "docs",
        "node_modules",
        "vendor",
        "testdata",
        "mocks",
    ];
    let name = path.rsplit('/').next().unwrap_or_default();
    path.split('/').any(|part| FOLDERS.contains(&part.to_ascii_lowercase().as_str()))
        || [".test.", ".spec.", "_test.", "lock.json", ".example", ".sample"].iter().any(|part| name.contains(part))
}

fn is_comment(text: &str) -> bool {
    let text = text.trim_start();
    ["//", "#", "*", "/*", "--"].iter().any(|mark| text.starts_with(mark))
}

/// Not this machine, not a name within a container network, not a reserved example (RFC 2606), not a namespace.
fn is_remote(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    if let Ok(address) = host.parse::<std::net::IpAddr>() {
        return !address.is_loopback() && !address.is_unspecified();
    }
    let reserved = [".example", ".invalid", ".test", ".localhost", "example.com", "example.org", "example.net"];
    host.contains('.')
        && !host.contains(['$', '%', '{'])
        && !reserved.iter().any(|name| host.ends_with(name))
        && !["www.w3.org", "json-schema.org", "host.docker.internal"].contains(&host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Status;
    use crate::checks::access::stage::{answer, at, deployed};
    use crate::evidence::repo::Line;
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
        at().with(secure(deployment), answer(401))
            .with(plain(deployment), bare.clone())
            .with(with_dummy(deployment), bare.clone())
            .with(under_forged_host(deployment), bare.clone())
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
        let evidence = at().without(plain(deployment), closed);
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
}
