//! How many requests an audit will put to an origin, and how long the assumed limit makes it take at least: the rounds are
//! played through against a deployment that is sound.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::bundle::{self, Memory};
use super::{Checklist, asks_of};
use crate::evidence::http::{BodySeen, Credential, Exchange, Free, Listener, Request};
use crate::evidence::limit::Burst;
use crate::evidence::{Answer, Ask, Evidence, Question as _, Seen, Unseen};
use crate::period::Period;
use crate::target::Target;

/// Rounds that are played through.
const ROUNDS: usize = 7;

/// What is expected at one origin.
#[derive(Debug, Serialize)]
pub struct Forecast {
    /// `host:port`.
    pub origin: String,
    /// Requests that must be served for every question to be answered, if nothing is found; about so many.
    pub requests: u32,
    /// Requests that are refused on the way, at most, while the limit is reached.
    pub refused: u32,
    /// The limit that the policy has, which is assumed until it is measured: requests in a window.
    pub limit: Option<(u32, Period)>,
    /// The header by which the operator exempts the audit from the limit.
    pub exempt: Option<String>,
    /// No audit from one address can be faster.
    pub at_least: Duration,
    /// What is only known once the audit runs, and not in these numbers.
    pub unknown: Vec<String>,
}

impl Forecast {
    pub(super) fn of(checklist: &Checklist, target: &Target, nothing: &Evidence) -> Option<Self> {
        let deployment = target.deployment().ok()?;
        let origin = Listener::Main.host(target)?;
        let mut play =
            Play { target, answers: BTreeMap::new(), memory: Memory::new(), requests: 0, unknown: BTreeSet::new() };
        let mut burst: Option<Burst> = None;
        let mut waiting = BTreeSet::new();
        for round in 0..ROUNDS {
            let mut seen = nothing.clone();
            for (ask, answer) in &play.answers {
                seen.record(ask.clone(), answer.clone());
            }
            let mut fresh: BTreeMap<Ask, Free> = BTreeMap::new();
            for check in &checklist.checks {
                for ask in asks_of(check.as_ref(), target, &seen).unwrap_or_default() {
                    if let Ask::Burst(asked) = ask {
                        burst = Some(asked);
                    } else if seen.answers().get(&ask).is_none() {
                        let free = check.leaves_free(target, &ask);
                        fresh.entry(ask).and_modify(|known| *known = known.and(free)).or_insert(free);
                    }
                }
            }
            if fresh.is_empty() {
                break;
            }
            let last = round + 1 == ROUNDS || fresh.keys().all(|ask| waiting.contains(ask));
            waiting = play.round(&origin, fresh, last);
        }
        let limit = burst.as_ref().map(|burst| (burst.limit.max(1), burst.window));
        // The measurement sends on until the limit is reached.
        let requests = limit.map_or(play.requests, |(limit, _)| play.requests.max(limit));
        let counted = limit.filter(|_| deployment.exempt.is_none());
        let windows = counted.map_or(0, |(limit, _)| requests.div_ceil(limit).saturating_sub(1).max(1));
        let subjects = burst.map_or(0, |burst| u32::try_from(burst.subjects.len()).unwrap_or(u32::MAX));
        Some(Self {
            origin,
            requests,
            refused: if limit.is_some() { subjects.saturating_add(12) } else { 0 },
            at_least: limit.map_or(Duration::ZERO, |(_, window)| window.duration().saturating_mul(windows)),
            limit,
            exempt: deployment.exempt.as_ref().map(|exempt| exempt.header.clone()),
            unknown: play.unknown.into_iter().collect(),
        })
    }
}

struct Play<'a> {
    target: &'a Target,
    answers: BTreeMap<Ask, Answer>,
    memory: Memory,
    requests: u32,
    unknown: BTreeSet<String>,
}

impl Play<'_> {
    /// Plays one round; gives what was left over.
    fn round(&mut self, origin: &str, fresh: BTreeMap<Ask, Free>, last: bool) -> BTreeSet<Ask> {
        let mut plain = Vec::new();
        for (ask, free) in fresh {
            let here = ask.hosts(self.target).contains(origin);
            let unknown = Err(Unseen::NoEvidence("not known before the audit".into()));
            match &ask {
                Ask::Http(request) if request.listener == Listener::Main => plain.push((request.clone(), free)),
                Ask::Http(request) => {
                    let exchange = self.sound(request);
                    self.requests += u32::from(here);
                    self.answers.insert(ask, Ok(Seen::Http(exchange)));
                }
                Ask::Api(description) => {
                    self.requests += u32::from(here);
                    self.unknown.insert(description.describe());
                    self.answers.insert(ask, unknown);
                }
                Ask::Mcp(conversation) => {
                    // The newest era needs no opening of its own.
                    let steps = u32::try_from(conversation.steps.len()).unwrap_or(u32::MAX);
                    self.requests = self.requests.saturating_add(steps.saturating_add(1));
                    self.unknown.insert(format!("what {} speaks and lists", conversation.path));
                    self.answers.insert(ask, unknown);
                }
                _ => {
                    self.answers.insert(ask, unknown);
                }
            }
        }
        let (bundles, later) = bundle::bundles(self.target, plain, &self.memory, last);
        let mut sent = Vec::new();
        for bundle in bundles {
            let exchange = self.sound(&bundle.request);
            self.requests = self.requests.saturating_add(1);
            self.memory.push((bundle.request.clone(), exchange.clone()));
            sent.push((bundle, exchange));
        }
        let again = bundle::doubtful(self.target, &sent, &self.memory, &[]);
        self.requests = self.requests.saturating_add(u32::try_from(again.len()).unwrap_or(u32::MAX));
        for (bundle, exchange) in sent {
            for (ask, _) in bundle.asks {
                self.answers.insert(ask.into(), Ok(Seen::Http(exchange.clone())));
            }
        }
        later.into_iter().map(Ask::from).collect()
    }

    /// What a sound deployment answers, as far as the next question depends on it.
    fn sound(&self, request: &Request) -> Exchange {
        let deployment = self.target.deployment.as_ref();
        let path = request.path.split('?').next().unwrap_or_default();
        let public = deployment.is_some_and(|deployment| {
            deployment.token.is_none()
                || deployment.endpoints.iter().any(|endpoint| endpoint.public.is_some() && endpoint.path == path)
        });
        let status = match (&request.credential, request.method.as_str()) {
            (_, "OPTIONS") => 204,
            _ if path.contains("/watertight-") => 404,
            (Credential::Valid, _) => 200,
            (Credential::None, _) if public => 200,
            _ => 401,
        };
        let allowed = deployment
            .and_then(|deployment| deployment.origins.as_ref())
            .is_some_and(|origins| request.origin.as_ref().is_some_and(|origin| origins.contains(origin)));
        let granted = request.origin.clone().filter(|_| allowed);
        let text = format!("{{\"status\":{status}}}");
        Exchange {
            status,
            headers: granted.map(|origin| ("access-control-allow-origin".to_owned(), origin)).into_iter().collect(),
            body: BodySeen { length: text.len() as u64, complete: true, sha256: text.clone(), text },
            address: String::new(),
            at: 0,
            took: 0,
        }
    }
}
