//! No origin but the allowed ones is granted by CORS, and an MCP endpoint refuses every other one with 403.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::origins::{EVIL, Hostile, Kind, OTHER_EVIL, hostile};
use crate::check::{About, Check, DecidedFrom, Finding, Place, Reserve, Severity, Verdict};
use crate::evidence::api::{self, Description};
use crate::evidence::http::{Credential, Exchange, Free, Listener, Request};
use crate::evidence::mcp::{self, Conversation, Era, EraAsked};
use crate::evidence::{Ask, Evidence, Question as _, Seen, Unseen};
use crate::target::{Deployment, Endpoint, Target};

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CorsOrigins {
    /// Endpoints of the OpenAPI description that are asked about at most.
    pub endpoints: u32,
}

impl Default for CorsOrigins {
    fn default() -> Self {
        Self { endpoints: 200 }
    }
}

impl Check for CorsOrigins {
    const ABOUT: About = About {
        id: "cors-origins",
        title: "CORS allows authorised origins only",
        statements: &["MCP-5", "MCP-6"],
        severity: Severity::High,
        decided_from: DecidedFrom::Deployment,
        attestable: false,
        remediation: "Compare the Origin header as a whole with a fixed list (no prefix, suffix or pattern), send Access-Control-Allow-Origin for members only and never `*` or `null`, send `Vary: Origin`, also on errors. On an MCP endpoint answer any other Origin with 403.",
        references: &[
            "Fetch standard, CORS protocol",
            "MCP specification 2025-11-25, Transports, Security Warning",
            "CWE-942",
            "OWASP ASVS 5.0 3.4.2",
        ],
    };

    fn asks(&self, target: &Target, seen: &Evidence) -> Vec<Ask> {
        let Ok(deployment) = target.deployment() else { return Vec::new() };
        let mut asks: Vec<Ask> = Description::of(target).map(Ask::from).into_iter().collect();
        asks.extend(mcp::candidates(target).into_iter().map(|path| Conversation::standard(target, path).into()));
        let subjects = self.subjects(target, seen);
        asks.extend(subjects.requests(target).into_iter().map(Ask::from));
        asks.extend(subjects.conversations(target, deployment).into_iter().map(|(ask, _)| Ask::from(ask)));
        asks.extend(subjects.older(target).into_iter().map(Ask::from));
        // Whether an answer that names the foreign origin reflects it or happens to be fixed.
        if let Some(first) = &subjects.representative
            && seen.of(&probe(target, first, Some(EVIL))).is_ok_and(|answer| grants(answer) == [EVIL])
        {
            asks.push(probe(target, first, Some(OTHER_EVIL)).into());
        }
        asks
    }

    /// The derived origins may be asked beside any credential and query, where what is granted depends on neither.
    fn leaves_free(&self, target: &Target, ask: &Ask) -> Free {
        let allowed = |origin: &String| {
            target.deployment().is_ok_and(|deployment| deployment.origins.iter().flatten().any(|one| one == origin))
        };
        match ask {
            Ask::Http(Request { method, origin: Some(origin), credential, .. }) if !allowed(origin) => {
                // The foreign origin is seen beside the valid token itself, wherever that may read.
                let fixed = method == "GET" && *credential == Credential::Valid;
                let sentinel = matches!(origin.as_str(), EVIL | OTHER_EVIL);
                let rest = !(fixed && sentinel) && method != "OPTIONS" && *credential != Credential::None;
                Free { rest, ..Free::default() }
            }
            _ => Free::default(),
        }
    }

    fn reserves(&self, target: &Target) -> Vec<Reserve> {
        let Ok(deployment) = target.deployment() else { return Vec::new() };
        let each = Request::get("/").ceiling(target);
        let every = u32::try_from(hostile(deployment).len()).unwrap_or(u32::MAX).saturating_add(8);
        let servers = u32::try_from(mcp::candidates(target).len()).unwrap_or(u32::MAX);
        let mut reserves = vec![Reserve { what: "telling reflection from a fixed value".into(), asks: 1, sends: each }];
        if Description::of(target).is_some() {
            let asks = self.endpoints.saturating_mul(4).saturating_add(every);
            reserves.push(Reserve {
                what: "hostile origins on the endpoints of the OpenAPI description".into(),
                asks,
                sends: asks.saturating_mul(each),
            });
        }
        if servers > 0 {
            let asks = servers.saturating_mul(every.saturating_add(2));
            let conversation =
                Conversation { era: EraAsked::Legacy, steps: Vec::new(), ..Conversation::standard(target, "/") };
            reserves.push(Reserve {
                what: "hostile origins on what turns out to be MCP, or not".into(),
                asks,
                sends: asks.saturating_mul(conversation.ceiling(target).max(each)),
            });
        }
        reserves
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        let deployment = match target.deployment() {
            Ok(deployment) => deployment,
            Err(absent) => return Verdict::absent(absent),
        };
        let mut verdict = Verdict::default();
        let subjects = self.subjects(target, evidence);
        for unseen in &subjects.unseen {
            verdict.not_seen(unseen.clone());
        }
        if subjects.ordinary.is_empty() && subjects.servers.is_empty() {
            verdict.not_seen(Unseen::NoEvidence("no endpoint is known: name some under `endpoints:`".into()));
        }
        let reflects = evidence.exchanges().any(|(_, answer)| grants(answer) == [OTHER_EVIL]);
        let mut court =
            Court { target, deployment, verdict, reflects, aspects: BTreeSet::new(), granted: BTreeSet::new() };
        let own: BTreeSet<&str> = subjects.ordinary.iter().map(|endpoint| endpoint.path.as_str()).collect();
        // Endpoints first: a fault of the whole deployment is told at its endpoints, not at a path that does not exist.
        // The foreign origin first: where it is granted, the derived ones tell nothing more.
        for (known, foreign) in [(true, true), (true, false), (false, true), (false, false)] {
            for (request, answer) in evidence.exchanges() {
                let is_foreign = request.origin.as_deref() == Some(EVIL);
                if request.listener == Listener::Main
                    && own.contains(request.path.as_str()) == known
                    && is_foreign == foreign
                {
                    court.weigh(request.origin.as_deref(), answer, &request.path, known);
                }
            }
        }
        court.servers(&subjects, evidence);
        court.older(&subjects, evidence);
        court.limited(evidence);
        court.ordinary(&subjects, evidence);
        court.verdict
    }
}

/// What is asked about.
struct Subjects {
    /// Plain HTTP endpoints: declared, described, and bare paths that turned out not to be MCP.
    ordinary: Vec<Endpoint>,
    /// The one that gets every hostile origin; the others get the sentinels.
    representative: Option<Endpoint>,
    servers: Vec<(String, EraAsked)>,
    unseen: Vec<Unseen>,
}

impl CorsOrigins {
    fn subjects(&self, target: &Target, seen: &Evidence) -> Subjects {
        let candidates = mcp::candidates(target);
        let undecided = |path: &String| seen.of(&Conversation::standard(target, path.clone())).is_err();
        let (servers, mut unseen) = mcp::servers(target, seen);
        let servers: Vec<(String, EraAsked)> =
            servers.into_iter().map(|(path, transcript)| (path, spoken(transcript.era))).collect();
        let (known, unread) = api::endpoints(target, seen);
        unseen.extend(unread);
        let declared = target.deployment.as_ref().map_or(0, |deployment| deployment.endpoints.len());
        let most = declared + usize::try_from(self.endpoints).unwrap_or(usize::MAX);
        if known.len() > most {
            unseen.push(Unseen::Partial(format!("{most} of {} endpoints were asked (`endpoints`)", known.len())));
        }
        let ordinary: Vec<Endpoint> = known
            .into_iter()
            .take(most)
            .filter(|endpoint| {
                let open = !endpoint.method_named && candidates.contains(&endpoint.path) && undecided(&endpoint.path);
                !open && !servers.iter().any(|(path, _)| *path == endpoint.path)
            })
            .collect();
        // The choice must not change from round to round, or its whole set is asked twice.
        let readable = |endpoint: &&Endpoint| endpoint.method == "GET" && endpoint.public.is_none();
        let pending = Description::of(target).is_some_and(|ask| seen.of(&ask) == Err(Unseen::NotAsked))
            || candidates
                .iter()
                .any(|path| seen.of(&Conversation::standard(target, path.clone())) == Err(Unseen::NotAsked));
        let representative = match ordinary.iter().find(|endpoint| endpoint.method_named && readable(endpoint)) {
            Some(endpoint) => Some(endpoint),
            None if pending => None,
            None => ordinary.iter().find(readable).or_else(|| ordinary.first()),
        };
        let representative = representative.cloned();
        Subjects { ordinary, representative, servers, unseen }
    }
}

impl Subjects {
    /// Every request that must be seen, on every ordinary endpoint.
    fn requests(&self, target: &Target) -> Vec<Request> {
        let Ok(deployment) = target.deployment() else { return Vec::new() };
        let mut requests = Vec::new();
        let mut methods = BTreeSet::new();
        for endpoint in &self.ordinary {
            if Some(endpoint) == self.representative.as_ref() {
                let origins = hostile(deployment).into_iter().map(|hostile| hostile.origin);
                requests.extend(origins.map(|origin| probe(target, endpoint, Some(&origin))));
                requests.push(probe(target, endpoint, None));
                requests.push(preflight(endpoint, EVIL));
                requests.push(denied(target, endpoint, EVIL));
                // What an allowed origin is granted beside a denial shows whether denials grant as successes do.
                requests.extend(allowed(deployment).take(1).map(|origin| denied(target, endpoint, origin)));
                requests.push(api::absent(target).from_origin(EVIL));
                requests.extend(allowed(deployment).map(|origin| probe(target, endpoint, Some(origin))));
            } else {
                requests.push(probe(target, endpoint, Some(EVIL)));
                // The other sentinel sees an error of the same endpoint.
                if matches!(endpoint.method.as_str(), "GET" | "HEAD") {
                    requests.push(denied(target, endpoint, "null"));
                }
                // Preflights of a method are answered in one place, and those of POST where those of GET are.
                if !matches!(endpoint.method.as_str(), "GET" | "POST") && methods.insert(endpoint.method.clone()) {
                    requests.push(preflight(endpoint, EVIL));
                }
            }
        }
        requests
    }

    /// Every hostile origin on the first MCP server, the sentinels on the others.
    fn conversations(&self, target: &Target, deployment: &Deployment) -> Vec<(Conversation, Hostile)> {
        let mut conversations = Vec::new();
        for (index, (path, era)) in self.servers.iter().enumerate() {
            let most = if index == 0 { usize::MAX } else { 2 };
            for hostile in hostile(deployment).into_iter().take(most) {
                let conversation = Conversation {
                    origin: Some(hostile.origin.clone()),
                    era: *era,
                    steps: Vec::new(),
                    ..Conversation::standard(target, path.clone())
                };
                conversations.push((conversation, hostile));
            }
        }
        conversations
    }
}

impl Subjects {
    /// A server of the newer era may speak the older one, too, and check the Origin in one of them alone.
    fn older(&self, target: &Target) -> Vec<Conversation> {
        let modern = self.servers.iter().filter(|(_, era)| *era == EraAsked::Modern);
        modern
            .flat_map(|(path, _)| [spoken_before(target, path, None), spoken_before(target, path, Some(EVIL))])
            .collect()
    }
}

fn spoken_before(target: &Target, path: &str, origin: Option<&str>) -> Conversation {
    let standard = Conversation::standard(target, path).in_era(EraAsked::Legacy).taking([]);
    Conversation { origin: origin.map(str::to_owned), ..standard }
}

fn spoken(era: Era) -> EraAsked {
    match era {
        Era::Modern => EraAsked::Modern,
        Era::Sse => EraAsked::Sse,
        Era::Legacy | Era::Denied | Era::NotMcp => EraAsked::Legacy,
    }
}

/// How many allowed origins are tried: they are only worth a note.
fn allowed(deployment: &Deployment) -> impl Iterator<Item = &str> {
    deployment.origins.iter().flatten().map(String::as_str).take(2)
}

/// The request that the endpoint should admit, so that the answer is the service's own. Where its method writes, the body
/// cannot be valid; where it writes without a body, only the preflight is sent.
fn probe(target: &Target, endpoint: &Endpoint, origin: Option<&str>) -> Request {
    let request = match endpoint.method.as_str() {
        method @ ("GET" | "HEAD") => {
            let credential = if endpoint.public.is_some() { Credential::None } else { api::admitted(target) };
            Request::new(method, endpoint.path.clone()).with(credential)
        }
        method if api::has_body(method) => api::malformed(target, method, &endpoint.path),
        _ => return preflight(endpoint, origin.unwrap_or(EVIL)),
    };
    match origin {
        Some(origin) => request.from_origin(origin),
        None => request,
    }
}

fn preflight(endpoint: &Endpoint, origin: &str) -> Request {
    Request::new("OPTIONS", endpoint.path.clone())
        .from_origin(origin)
        .header("access-control-request-method", endpoint.method.clone())
        .header("access-control-request-headers", "authorization")
}

/// What an error of the same endpoint looks like: CORS is often configured for successes only, or for errors apart.
fn unauthenticated(endpoint: &Endpoint, origin: &str) -> Request {
    match endpoint.method.as_str() {
        "GET" | "HEAD" => Request::new(endpoint.method.clone(), endpoint.path.clone()).from_origin(origin),
        _ => preflight(endpoint, origin),
    }
}

/// The same with a wrong token, where one is told from the right one.
fn denied(target: &Target, endpoint: &Endpoint, origin: &str) -> Request {
    let request = unauthenticated(endpoint, origin);
    let guarded = api::admitted(target) == Credential::Valid && endpoint.public.is_none();
    if guarded && request.method != "OPTIONS" { request.with(api::mistaken(target)) } else { request }
}

fn grants(answer: &Exchange) -> Vec<&str> {
    answer.all_headers("access-control-allow-origin").map(str::trim).collect()
}

struct Court<'a> {
    target: &'a Target,
    deployment: &'a Deployment,
    verdict: Verdict,
    /// Two foreign origins were granted alike.
    reflects: bool,
    /// What was found at an endpoint already.
    aspects: BTreeSet<String>,
    granted: BTreeSet<String>,
}

impl Court<'_> {
    /// Judges what one answer grants to the origin that asked.
    fn weigh(&mut self, origin: Option<&str>, answer: &Exchange, path: &str, known: bool) {
        let granted = grants(answer);
        let credentials = answer.header("access-control-allow-credentials").is_some_and(|flag| flag.trim() == "true");
        let listed = |value: &str| {
            value == self.deployment.origin()
                || self.deployment.origins.iter().flatten().any(|allowed| allowed == value)
        };
        let worse = if credentials { Severity::Critical } else { Severity::High };
        let on = format!("on a {} answer", answer.status);
        let (what, aspect, severity) = match granted.as_slice() {
            [] => return,
            [one] if !one.contains(',') => match *one {
                "*" if path.starts_with("/.well-known/") => {
                    return self.verdict.notes(format!("{path} is public metadata and may be read from any origin"));
                }
                "*" if self.target.is_excused() => {
                    return self.verdict.notes("the wildcard origin is excused: development, loopback only");
                }
                "*" => {
                    (format!("any origin is granted: Access-Control-Allow-Origin: * {on}"), "wildcard", Severity::High)
                }
                "null" if origin == Some("null") && self.aspects.contains(Kind::Foreign.word()) => return,
                "null" => (format!("the origin `null` is granted {on}: {}", Kind::Null.meaning()), "null", worse),
                value if listed(value) => {
                    self.granted.insert(value.to_owned());
                    return;
                }
                value if origin == Some(value) => {
                    let hostile = hostile(self.deployment).into_iter().find(|hostile| hostile.origin == value);
                    let kind = hostile.map_or(Kind::Foreign, |hostile| hostile.kind);
                    // Where any origin is reflected, every other one is too: told once.
                    if kind != Kind::Foreign && self.aspects.contains(Kind::Foreign.word()) {
                        return;
                    }
                    let meaning = match kind {
                        Kind::Foreign if self.reflects => "any origin is reflected",
                        other => other.meaning(),
                    };
                    (format!("the origin {value} is granted {on}: {meaning}"), kind.word(), worse)
                }
                value if self.deployment.origins.is_some() => {
                    (format!("an origin that is not listed is granted {on}: {}", bounded(value)), "unlisted", worse)
                }
                value => {
                    return self.verdict.notes(format!(
                        "{} is granted; say under `origins:` whether it is authorised",
                        bounded(value)
                    ));
                }
            },
            _ => (
                format!("several origins in one answer, which browsers refuse: {}", bounded(&granted.join(", "))),
                "multiple",
                Severity::Medium,
            ),
        };
        if !known && self.aspects.contains(aspect) {
            return;
        }
        let place = Place::url(self.deployment.at(path.split('?').next().unwrap_or(path)));
        let told = self.verdict.findings().iter().any(|finding| finding.aspect == aspect && finding.place == place);
        if told {
            return;
        }
        self.aspects.insert(aspect.to_owned());
        let with = if credentials && severity == Severity::Critical { ", with credentials" } else { "" };
        self.verdict.finds(Finding::new(format!("{what}{with}"), place).aspect(aspect).of_severity(severity));
    }

    /// MCP: a hostile Origin must be refused with 403, whatever the token, against DNS rebinding.
    fn servers(&mut self, subjects: &Subjects, evidence: &Evidence) {
        let mut refused = 0;
        let mut open: BTreeSet<String> = BTreeSet::new();
        for (conversation, hostile) in subjects.conversations(self.target, self.deployment) {
            let transcript = match evidence.of(&conversation) {
                Ok(transcript) => transcript,
                Err(unseen) => {
                    self.verdict.not_seen(unseen);
                    continue;
                }
            };
            let answer = &transcript.opening.exchange;
            self.weigh(Some(&hostile.origin), answer, &conversation.path, true);
            if transcript.era.is_mcp() || answer.is_success() {
                // Told once a server where any foreign origin is accepted.
                if hostile.kind == Kind::Foreign || !open.contains(&conversation.path) {
                    self.verdict.finds(
                        Finding::new(
                            format!(
                                "the MCP endpoint serves the origin {} instead of refusing it with 403",
                                hostile.origin
                            ),
                            Place::url(self.deployment.at(&conversation.path)),
                        )
                        .aspect(format!("mcp-{}", hostile.kind.word())),
                    );
                }
                if hostile.kind == Kind::Foreign {
                    open.insert(conversation.path.clone());
                }
                continue;
            }
            match answer.status {
                403 => refused += 1,
                401 => self.verdict.not_seen(Unseen::NotComparable(format!(
                    "{} answers 401 to the valid token when it comes with an Origin",
                    conversation.path
                ))),
                status @ 400..=499 => {
                    refused += 1;
                    self.verdict
                        .notes(format!("{} refuses a hostile Origin with {status}, not 403", conversation.path));
                }
                status => self.verdict.not_seen(Unseen::NotComparable(format!(
                    "{} answers {status} to a hostile Origin",
                    conversation.path
                ))),
            }
        }
        if refused > 0 {
            self.verdict.holds(format!(
                "{} on {} MCP endpoint(s)",
                counted(refused, "hostile origin refused", "hostile origins refused"),
                subjects.servers.len()
            ));
        }
    }

    fn older(&mut self, subjects: &Subjects, evidence: &Evidence) {
        for (path, _) in subjects.servers.iter().filter(|(_, era)| *era == EraAsked::Modern) {
            match evidence.of(&spoken_before(self.target, path, None)) {
                Ok(control) if control.era == Era::Legacy => {}
                Ok(_) => continue,
                Err(unseen) => {
                    self.verdict.not_seen(unseen);
                    continue;
                }
            }
            match evidence.of(&spoken_before(self.target, path, Some(EVIL))) {
                Err(unseen) => self.verdict.not_seen(unseen),
                Ok(hostile) => {
                    self.weigh(Some(EVIL), &hostile.opening.exchange, path, true);
                    if hostile.era.is_mcp() || hostile.opening.exchange.is_success() {
                        let what = format!(
                            "the MCP endpoint serves the origin {EVIL} to `initialize` instead of refusing it with 403"
                        );
                        self.verdict
                            .finds(Finding::new(what, Place::url(self.deployment.at(path))).aspect("mcp-legacy"));
                    }
                }
            }
        }
    }

    /// What the limiter's own refusals grant.
    fn limited(&mut self, evidence: &Evidence) {
        for answer in evidence.answers().values() {
            let Ok(Seen::Burst(measured)) = answer else { continue };
            for bucket in &measured.buckets {
                if let Some(refusal) = &bucket.refusal {
                    self.weigh(None, refusal, &bucket.subject.path, true);
                }
            }
        }
    }

    fn ordinary(&mut self, subjects: &Subjects, evidence: &Evidence) {
        let requests = subjects.requests(self.target);
        let mut answered = 0;
        for request in &requests {
            match evidence.of(request) {
                Ok(_) => answered += 1,
                Err(unseen) => self.verdict.not_seen(unseen),
            }
        }
        let Some(first) = &subjects.representative else { return };
        self.controls(first, evidence);
        self.vary(first, evidence);
        for origin in allowed(self.deployment) {
            let answer = evidence.of(&probe(self.target, first, Some(origin)));
            if answer.is_ok_and(|answer| grants(answer) != [origin]) {
                self.verdict.notes(format!("the allowed origin {origin} is not granted on {first}"));
            }
        }
        if answered == 0 {
            return;
        }
        let hostile = hostile(self.deployment).len();
        let endpoints = counted(subjects.ordinary.len(), "endpoint", "endpoints");
        if self.granted.is_empty() {
            self.verdict.holds(format!(
                "no answer of {answered} on {endpoints} grants any origin; {hostile} hostile ones were sent"
            ));
        } else {
            let granted: Vec<&str> = self.granted.iter().map(String::as_str).collect();
            self.verdict.holds(format!(
                "{hostile} hostile origins were sent, {answered} answers seen on {endpoints}; granted: {} alone",
                granted.join(", ")
            ));
        }
        if self.deployment.origins.is_none() {
            self.verdict.notes("the authorised origins are not declared (`origins:`); only hostile ones were judged");
        }
    }

    /// Denials, redirects and catch-all pages say nothing about what the service itself grants.
    fn controls(&mut self, first: &Endpoint, evidence: &Evidence) {
        if let Ok(control) = evidence.of(&probe(self.target, first, None))
            && (control.is_denied() || matches!(control.status, 300..=399 | 404 | 500..))
        {
            self.verdict.not_seen(Unseen::NotComparable(format!(
                "{first} answers {} to the request that it should admit",
                control.status
            )));
        }
        let absent = api::absent(self.target).from_origin(EVIL);
        if evidence.of(&absent).is_ok_and(Exchange::is_success) {
            self.verdict.not_seen(Unseen::NotComparable(
                "a path that does not exist is answered like any other: errors were not seen".into(),
            ));
        }
    }

    /// An answer that differs by origin must say so to caches, also where it grants nothing.
    fn vary(&mut self, first: &Endpoint, evidence: &Evidence) {
        let Some(origin) = allowed(self.deployment).next() else { return };
        let asked = [Some(origin), Some(EVIL), None];
        let answers: Vec<&Exchange> = asked
            .into_iter()
            .filter_map(|origin| evidence.of(&probe(self.target, first, origin)).ok())
            .filter(|answer| answer.is_success())
            .collect();
        let differs =
            answers.iter().any(|answer| grants(answer) != answers.first().map_or(Vec::new(), |one| grants(one)));
        if !differs {
            return;
        }
        let silent = |answer: &&&Exchange| {
            !answer.all_headers("vary").flat_map(|value| value.split(',')).any(|part| {
                let part = part.trim();
                part == "*" || part.eq_ignore_ascii_case("origin")
            })
        };
        // Without a word on caching, caches may keep a success by their own rules (RFC 9111 section 4.2.2).
        let kept = |answer: &Exchange| {
            !answer.all_headers("cache-control").any(|value| {
                let value = value.to_ascii_lowercase();
                value.contains("no-store") || value.contains("no-cache")
            })
        };
        let Some(answer) = answers.iter().find(silent) else { return };
        let what = "the answer differs by origin and carries no `Vary: Origin`";
        if kept(answer) {
            let place = Place::url(self.deployment.at(&first.path));
            self.verdict.finds(
                Finding::new(format!("{what}, though caches may keep it"), place)
                    .aspect("vary")
                    .of_severity(Severity::Low),
            );
        } else {
            self.verdict.notes(format!("{what} ({first})"));
        }
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn bounded(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(test)]
#[path = "cors_origins_tests.rs"]
mod tests;
