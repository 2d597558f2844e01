//! What is asked about, and by which requests.

use std::collections::BTreeSet;

use super::CorsOrigins;
use crate::checks::access::origins::{EVIL, Hostile, hostile};
use crate::evidence::api::{self, Description};
use crate::evidence::http::{Credential, Request};
use crate::evidence::mcp::{self, Conversation, Era, EraAsked, Session};
use crate::evidence::{Evidence, Unseen};
use crate::target::{Deployment, Endpoint, Target};

/// What is asked about.
pub(super) struct Subjects {
    /// Plain HTTP endpoints: declared, described, and bare paths that turned out not to be MCP.
    pub(super) ordinary: Vec<Endpoint>,
    /// The one that gets every hostile origin; the others get the sentinels.
    pub(super) representative: Option<Endpoint>,
    pub(super) servers: Vec<(String, EraAsked)>,
    pub(super) unseen: Vec<Unseen>,
}

impl CorsOrigins {
    pub(super) fn subjects(&self, target: &Target, seen: &Evidence) -> Subjects {
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
    pub(super) fn requests(&self, target: &Target) -> Vec<Request> {
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
    pub(super) fn conversations(&self, target: &Target, deployment: &Deployment) -> Vec<(Conversation, Hostile)> {
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
    pub(super) fn older(&self, target: &Target) -> Vec<Conversation> {
        let modern = self.servers.iter().filter(|(_, era)| *era == EraAsked::Modern);
        modern
            .flat_map(|(path, _)| [spoken_before(target, path, None), spoken_before(target, path, Some(EVIL))])
            .collect()
    }
}

/// The listing of the tools from a foreign origin, past an opening that may have been refused: in a session that the token
/// opened from no origin, where there are sessions.
pub(super) fn listings(target: &Target, seen: &Evidence, subjects: &Subjects) -> Vec<Conversation> {
    let mut asked = Vec::new();
    for (path, era) in &subjects.servers {
        let mut offer = |control: &Conversation, era: EraAsked| {
            let Ok(transcript) = seen.of(control) else { return };
            let session = match era {
                EraAsked::Modern | EraAsked::Any => Session::Regardless,
                EraAsked::Legacy | EraAsked::Sse if transcript.session => Session::Stolen,
                EraAsked::Legacy | EraAsked::Sse => Session::Regardless,
            };
            let standard = Conversation::standard(target, path.clone()).in_era(era).in_session(session);
            asked.push(Conversation { origin: Some(EVIL.into()), ..standard });
        };
        offer(&Conversation::standard(target, path.clone()), *era);
        let older = spoken_before(target, path, None);
        if *era == EraAsked::Modern && seen.of(&older).is_ok_and(|transcript| transcript.era == Era::Legacy) {
            offer(&older, EraAsked::Legacy);
        }
    }
    asked
}

pub(super) fn spoken_before(target: &Target, path: &str, origin: Option<&str>) -> Conversation {
    let standard = Conversation::standard(target, path).in_era(EraAsked::Legacy).taking([]);
    Conversation { origin: origin.map(str::to_owned), ..standard }
}

pub(super) fn spoken(era: Era) -> EraAsked {
    match era {
        Era::Modern => EraAsked::Modern,
        Era::Sse => EraAsked::Sse,
        Era::Legacy | Era::Denied | Era::NotMcp => EraAsked::Legacy,
    }
}

/// How many allowed origins are tried: they are only worth a note.
pub(super) fn allowed(deployment: &Deployment) -> impl Iterator<Item = &str> {
    deployment.origins.iter().flatten().map(String::as_str).take(2)
}

/// The request that the endpoint should admit, so that the answer is the service's own. Where its method writes, the body
/// cannot be valid; where it writes without a body, only the preflight is sent.
pub(super) fn probe(target: &Target, endpoint: &Endpoint, origin: Option<&str>) -> Request {
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

pub(super) fn preflight(endpoint: &Endpoint, origin: &str) -> Request {
    Request::new("OPTIONS", endpoint.path.clone())
        .from_origin(origin)
        .header("access-control-request-method", endpoint.method.clone())
        .header("access-control-request-headers", "authorization")
}

/// What an error of the same endpoint looks like: CORS is often configured for successes only, or for errors apart.
pub(super) fn unauthenticated(endpoint: &Endpoint, origin: &str) -> Request {
    match endpoint.method.as_str() {
        "GET" | "HEAD" => Request::new(endpoint.method.clone(), endpoint.path.clone()).from_origin(origin),
        _ => preflight(endpoint, origin),
    }
}

/// The same with a wrong token, where one is told from the right one.
pub(super) fn denied(target: &Target, endpoint: &Endpoint, origin: &str) -> Request {
    let request = unauthenticated(endpoint, origin);
    let guarded = api::admitted(target) == Credential::Valid && endpoint.public.is_none();
    if guarded && request.method != "OPTIONS" { request.with(api::mistaken(target)) } else { request }
}
