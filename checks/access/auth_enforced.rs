//! Without the right credential nobody is let in, on any known endpoint, and with it one is.
//!
//! Three steps: every endpoint without, with a wrong and with the valid credential (on MCP servers in each protocol era they
//! speak); then, on one endpoint of each class that denies alike, every altered or misplaced form of the token and every trick
//! of path and header. A refusal proves something only beside the valid token's admission.

mod doors;
mod endpoint;
mod known;
mod server;
mod tricks;
mod unnamed;
mod variation;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{About, Check, DecidedFrom, Place, Reserve, Severity, Verdict};
use crate::detect::answer::Says;
use crate::detect::routes::Route;
use crate::evidence::address::Addresses;
use crate::evidence::http::{Exchange, Free, Request};
use crate::evidence::mcp::{Conversation, Era};
use crate::evidence::token::TokenAsk;
use crate::evidence::{Ask, Evidence, Unseen, api, mcp};
use crate::target::{Deployment, Endpoint, Target};

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct AuthEnforced {
    /// Endpoints judged at most; the rest is said to be unjudged.
    pub max_endpoints: u32,
    /// Classes of endpoints that deny alike of which one each gets every altered form of the token.
    pub max_classes: u32,
    /// Further endpoints of each class that get the first half of the token, too; the others are said to rest on what one
    /// of them shows.
    pub max_altered: u32,
    /// Tricks of path, header and method tried on each of these, those that got around real guards first; the rest is
    /// said to be untried.
    pub max_tricks: u32,
    /// Query parameters in which the token must not be taken (RFC 6750 section 2.3); tried only with a disposable token.
    pub query_parameters: Vec<String>,
    /// Cookies in which the token must not be taken.
    pub cookies: Vec<String>,
    /// Whether an MCP server may tell its name and list its tools to anyone, as some do on purpose. Calls it may not.
    pub open_discovery: bool,
    /// Files and folders of the repository whose routes another deployment serves.
    pub elsewhere: Vec<String>,
}

impl Default for AuthEnforced {
    fn default() -> Self {
        Self {
            max_endpoints: 200,
            max_classes: 4,
            max_altered: 8,
            max_tricks: 32,
            query_parameters: vec!["access_token".into(), "token".into(), "api_key".into()],
            cookies: vec!["token".into()],
            open_discovery: false,
            elsewhere: Vec::new(),
        }
    }
}

impl Check for AuthEnforced {
    const ABOUT: About = About {
        id: "auth-enforced",
        title: "Every endpoint requires the right credential",
        statements: &["MCP-1", "MCP-3"],
        severity: Severity::Critical,
        decided_from: DecidedFrom::Deployment,
        attestable: false,
        remediation: "Put the check of `Authorization: Bearer` in front of every route, before anything else runs, in every protocol \
                      era that the MCP server speaks; answer 401 with WWW-Authenticate; take the token from that header alone and \
                      compare the whole of it; declare endpoints that are open on purpose as `public` with the reason.",
        references: &[
            "https://www.rfc-editor.org/rfc/rfc6750",
            "https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization",
            "https://cwe.mitre.org/data/definitions/306.html",
        ],
    };

    fn asks(&self, target: &Target, seen: &Evidence) -> Vec<Ask> {
        let Ok(deployment) = target.deployment() else { return Vec::new() };
        if unjudgeable(deployment).is_some() {
            return Vec::new();
        }
        let mut asks: Vec<Ask> = Vec::new();
        if deployment.token.is_some() {
            asks.push(TokenAsk {}.into());
        }
        asks.extend(api::Description::of(target).map(Ask::from));
        asks.extend(Addresses::of(target).map(Ask::from));
        asks.extend(known::asks(target));
        let surface = Surface::of(self, target, seen);
        for path in mcp::candidates(target) {
            asks.push(Conversation::standard(target, path.clone()).into());
            asks.extend(server::asks(target, seen, &path));
        }
        for request in &surface.requests {
            asks.extend(endpoint::asks(target, request));
        }
        asks.extend(surface.probes.iter().cloned().map(Ask::from));
        // What comes next rests on all of this: asked once it is answered, so that no class changes under way.
        let open = |ask: &Ask| !seen.answers().contains_key(ask);
        if asks.iter().any(open) {
            return asks;
        }
        let controls: Vec<Ask> = surface
            .requests
            .iter()
            .flat_map(|request| endpoint::controls(target, seen, request))
            .map(Ask::from)
            .collect();
        let settled = controls.iter().all(|ask| seen.answers().contains_key(ask));
        asks.extend(controls);
        if !settled {
            return asks;
        }
        for class in self.judged(Self::classes(target, seen, &surface)) {
            asks.extend(variation::asks(self, target, seen, &class));
        }
        asks
    }

    /// Who asks is what matters: the origin does not, and what should be denied alone should be denied together.
    fn leaves_free(&self, _target: &Target, ask: &Ask) -> Free {
        match ask {
            Ask::Http(request) => Free { origin: request.origin.is_none(), rest: false, beside: true },
            _ => Free::default(),
        }
    }

    fn reserves(&self, target: &Target) -> Vec<Reserve> {
        let Ok(deployment) = target.deployment() else { return Vec::new() };
        if unjudgeable(deployment).is_some() {
            return Vec::new();
        }
        let reserve = |what: &str, asks: Vec<Ask>| Reserve {
            what: what.into(),
            asks: u32::try_from(asks.len()).unwrap_or(u32::MAX),
            sends: asks.iter().map(|ask| ask.ceiling(target)).fold(0, u32::saturating_add),
        };
        let one = |path: &str| endpoint::asks(target, &Request::get(path));
        // What turns out not to be MCP may answer POST, and that is seen beside a made-up path.
        let bare = |path: &str| [one(path), one(path), one(path)].concat();
        let mut reserves = Vec::new();
        let candidates = mcp::candidates(target);
        let servers: Vec<Ask> =
            candidates.iter().flat_map(|path| server::at_most(target, path).into_iter().chain(bare(path))).collect();
        if !servers.is_empty() {
            reserves.push(reserve("MCP servers in each protocol era they speak", servers));
        }
        if deployment.openapi.is_some() || target.repository().is_ok() {
            let each = reserve("the endpoints that the OpenAPI description and the repository name, at most", one("/"));
            reserves.push(Reserve {
                asks: each.asks.saturating_mul(self.max_endpoints),
                sends: each.sends.saturating_mul(self.max_endpoints),
                ..each
            });
        }
        let made_up = (0..MADE_UP).map(|_| Request::get("/").into()).collect();
        reserves.push(reserve(
            "made-up paths beside endpoints that answer everyone, or the valid token as if they were not there",
            made_up,
        ));
        if deployment.token.is_some() {
            let (asks, sends) = variation::at_most(self, target, &candidates);
            reserves.push(Reserve {
                what: "altered tokens and path tricks on one endpoint of each class".into(),
                asks: asks.saturating_mul(self.max_classes),
                sends: sends.saturating_mul(self.max_classes),
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
        if let Some(why) = unjudgeable(deployment) {
            verdict.not_seen(why);
            return verdict;
        }
        let surface = Surface::of(self, target, evidence);
        surface.tell(&mut verdict);
        doors::judge(&mut verdict, target, evidence);
        for (path, standard) in &surface.servers {
            server::judge(&mut verdict, self, target, evidence, path, standard);
        }
        for request in &surface.requests {
            match surface
                .routes
                .iter()
                .find(|(endpoint, _)| endpoint.path == request.path && endpoint.method == request.method)
            {
                Some((_, route)) if endpoint::is_nowhere(target, evidence, request) => {
                    verdict.not_seen(Unseen::Partial(format!(
                        "{route} was not found on the deployment at {}: declare the endpoint where it lies, or its file \
                         under `elsewhere`",
                        request.path
                    )));
                }
                Some(_) | None => endpoint::judge(&mut verdict, target, evidence, request),
            }
        }
        let classes = Self::classes(target, evidence, &surface);
        let known = classes.len();
        for class in self.judged(classes) {
            variation::judge(&mut verdict, self, target, evidence, &class);
        }
        let most = usize::try_from(self.max_classes).unwrap_or(usize::MAX);
        if known > most {
            verdict.not_seen(Unseen::Partial(format!(
                "{known} ways of denying, altered tokens tried on {most} (`max-classes`)"
            )));
        }
        let judged =
            format!("{} of {} known endpoints judged", surface.judged(), surface.known + surface.untried.len());
        if verdict.findings().is_empty() && verdict.unseen().is_empty() {
            verdict.holds(judged);
        } else {
            verdict.notes(judged);
        }
        verdict
    }
}

/// Made-up paths asked at most.
const MADE_UP: u32 = 64;

/// Why no request of this target can be without a credential, where that is so.
fn unjudgeable(deployment: &Deployment) -> Option<Unseen> {
    const CREDENTIALS: &[&str] = &["authorization", "cookie", "proxy-authorization", "x-api-key"];
    let header = deployment.token.as_ref().map(|token| token.header.as_str());
    let carries = |name: &str| {
        CREDENTIALS.iter().any(|known| name.eq_ignore_ascii_case(known))
            || header.is_some_and(|header| header.eq_ignore_ascii_case(name))
    };
    if let Some(name) = deployment.headers.keys().find(|name| carries(name)) {
        return Some(Unseen::NotComparable(format!(
            "`headers` of the target sends {name} with every request, so that none is without a credential"
        )));
    }
    None
}

/// What there is to judge, as far as it is known.
struct Surface<'a> {
    /// Endpoints known, public ones not counted.
    known: usize,
    servers: Vec<(String, &'a mcp::Transcript)>,
    /// One request, without a credential, for each endpoint that is judged by plain HTTP.
    requests: Vec<Request>,
    /// What shows by which methods a bare path answers.
    probes: Vec<Request>,
    /// Endpoints that must not be tried, with the reason.
    withheld: Vec<Unseen>,
    /// Public endpoints, each with the reason.
    public: Vec<String>,
    /// Endpoints that only the repository names.
    routes: Vec<(Endpoint, Route)>,
    /// Its routes that cannot be tried.
    untried: Vec<Route>,
    unseen: Vec<Unseen>,
}

impl<'a> Surface<'a> {
    fn of(check: &AuthEnforced, target: &Target, seen: &'a Evidence) -> Self {
        let (mut endpoints, mut unseen) = api::endpoints(target, seen);
        let added = known::added(target, seen, &endpoints, &check.elsewhere);
        unseen.extend(added.unseen);
        endpoints.extend(added.endpoints.iter().map(|(endpoint, _)| endpoint.clone()));
        let mut surface = Self {
            routes: added.endpoints,
            untried: added.untried,
            known: 0,
            servers: Vec::new(),
            requests: Vec::new(),
            probes: Vec::new(),
            withheld: Vec::new(),
            public: Vec::new(),
            unseen,
        };
        let candidates = mcp::candidates(target);
        let named = endpoints.clone();
        let most = usize::try_from(check.max_endpoints).unwrap_or(usize::MAX);
        for endpoint in endpoints {
            if let Some(reason) = &endpoint.public {
                let told = format!("{endpoint} is declared public: {reason}");
                surface.public.push(told);
                continue;
            }
            if let Some(reason) = exempt(&endpoint) {
                surface.public.push(format!("{endpoint} is public: {reason}"));
                continue;
            }
            surface.known += 1;
            if surface.known > most {
                continue;
            }
            if !endpoint.method_named && candidates.contains(&endpoint.path) {
                match seen.of(&Conversation::standard(target, endpoint.path.clone())) {
                    Err(unseen) => {
                        surface.unseen.push(unseen);
                        continue;
                    }
                    Ok(transcript) => match transcript.era {
                        Era::Modern | Era::Legacy | Era::Sse => {
                            surface.servers.push((endpoint.path, transcript));
                            continue;
                        }
                        // Not an MCP server to anyone we are; as a plain endpoint it may still show what it is.
                        Era::Denied | Era::NotMcp => {}
                    },
                }
            }
            match endpoint::approach(target, seen, &endpoint) {
                Ok(_) if !endpoint.method_named => {
                    let methods = unnamed::methods(target, seen, &endpoint, &named);
                    surface.probes.extend(methods.probes);
                    surface.unseen.extend(methods.unseen);
                    surface.known += methods.requests.len().saturating_sub(1);
                    surface.requests.extend(methods.requests);
                }
                Ok(request) => surface.requests.push(request),
                Err(why) => surface.withheld.push(why),
            }
        }
        surface
    }

    fn judged(&self) -> usize {
        self.servers.len() + self.requests.len()
    }

    fn tell(&self, verdict: &mut Verdict) {
        for unseen in self.unseen.iter().chain(&self.withheld) {
            verdict.not_seen(unseen.clone());
        }
        for public in &self.public {
            verdict.notes(public);
        }
        if !self.untried.is_empty() {
            let named: Vec<String> = self.untried.iter().take(8).map(ToString::to_string).collect();
            let more = self.untried.len().saturating_sub(named.len());
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            verdict.not_seen(Unseen::Partial(format!(
                "the repository has routes that no known endpoint matches: {}{more}; declare the endpoints, or the files \
                 under `elsewhere`",
                named.join(", ")
            )));
        }
        if self.known == 0 {
            verdict.not_seen(Unseen::NotConfigured(
                "no endpoint is known that must be protected (give `endpoints:` or `openapi:` in the target)".into(),
            ));
        }
        let seen = self.judged() + self.withheld.len();
        if self.unseen.is_empty() && seen < self.known {
            verdict.not_seen(Unseen::Partial(format!(
                "{} of {} known endpoints judged (`max-endpoints` is the bound)",
                self.judged(),
                self.known
            )));
        }
    }
}

/// Endpoints that deny alike; one of them stands for all.
struct Class {
    representative: Member,
    others: Vec<Member>,
}

enum Member {
    Plain(Request),
    Server { path: String, era: mcp::EraAsked },
}

impl Class {
    /// Of the others, those that get some altered token, too.
    fn further(&self, check: &AuthEnforced) -> impl Iterator<Item = &Member> {
        self.others.iter().take(usize::try_from(check.max_altered).unwrap_or(usize::MAX))
    }
}

impl Member {
    fn path(&self) -> &str {
        match self {
            Self::Plain(request) => &request.path,
            Self::Server { path, .. } => path,
        }
    }
}

impl AuthEnforced {
    /// One representative for each way of denying: plain endpoints first, readable ones before others.
    fn classes(target: &Target, evidence: &Evidence, surface: &Surface<'_>) -> Vec<Class> {
        let mut classes: BTreeMap<String, Vec<(u8, Member)>> = BTreeMap::new();
        let mut offer = |way: String, rank: u8, member: Member| classes.entry(way).or_default().push((rank, member));
        for request in &surface.requests {
            if let Some((denial, control)) = endpoint::guarded(target, evidence, request) {
                let rank = u8::from(Says::of(control) != Says::Served)
                    + u8::from(request.method != "GET")
                    + u8::from(is_costly(target, &request.path));
                offer(way_of_denying(denial), rank, Member::Plain(request.clone()));
            }
        }
        for (path, standard) in &surface.servers {
            for (era, denial) in server::guarded(target, evidence, path, standard) {
                offer(way_of_denying(denial), 3, Member::Server { path: path.clone(), era });
            }
        }
        let class = |members: Vec<(u8, Member)>| {
            let mut members = members;
            members.sort_by_key(|(rank, _)| *rank);
            let mut members = members.into_iter().map(|(_, member)| member);
            Some(Class { representative: members.next()?, others: members.collect() })
        };
        classes.into_values().filter_map(class).collect()
    }

    fn judged(&self, classes: Vec<Class>) -> impl Iterator<Item = Class> {
        classes.into_iter().take(usize::try_from(self.max_classes).unwrap_or(usize::MAX))
    }
}

/// Paths of which each request is expensive stand for others only where no other can.
fn is_costly(target: &Target, path: &str) -> bool {
    target.deployment().is_ok_and(|deployment| deployment.costly.iter().any(|costly| path.starts_with(costly.as_str())))
}

/// Why an endpoint is open to everyone by its nature.
fn exempt(endpoint: &Endpoint) -> Option<&'static str> {
    if endpoint.method == "OPTIONS" {
        // Fetch standard, CORS protocol: a preflight carries no credentials.
        return Some("a preflight carries no credential");
    }
    // RFC 9728 section 3, RFC 8414 section 3, RFC 9116 section 3.
    let metadata = [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/.well-known/security.txt",
    ];
    metadata
        .iter()
        .any(|path| endpoint.path.starts_with(path))
        .then_some("metadata that clients read before they have one")
}

/// What shows which layer denies: the same status, challenge and kind of body come from the same guard.
fn way_of_denying(denial: &Exchange) -> String {
    let header = |name: &str| denial.header(name).unwrap_or_default().to_ascii_lowercase();
    let challenge = header("www-authenticate");
    let scheme = challenge.split([' ', ',']).next().unwrap_or_default();
    let kind = header("content-type");
    let keys: Vec<String> = match serde_json::from_str(&denial.body.text) {
        Ok(serde_json::Value::Object(fields)) => fields.keys().cloned().collect(),
        Ok(_) | Err(_) => Vec::new(),
    };
    format!(
        "{} {scheme} {} {} {}",
        denial.status,
        kind.split(';').next().unwrap_or_default().trim(),
        header("server"),
        keys.join(",")
    )
}

fn place(target: &Target, path: &str) -> Place {
    Place::url(target.deployment.as_ref().map_or_else(|| path.to_owned(), |deployment| deployment.at(path)))
}

#[cfg(test)]
mod tests;
