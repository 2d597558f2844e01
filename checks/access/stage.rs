//! Targets and answers that the tests of several checks build on.

use std::collections::BTreeMap;

use chrono::DateTime;
use url::Url;

use crate::check::Check;
use crate::evidence::api::Operations;
use crate::evidence::http::{BodySeen, Exchange, Request};
use crate::evidence::mcp::{Conversation, Era, Outcome, Reply, Tool, Transcript};
use crate::evidence::{Answer, Ask, Evidence, Unseen};
use crate::plan::Remaining;
use crate::target::{Deployment, Endpoint, Environment, Limits, Scope, Target, Token, TokenSource, Writes};

/// A production target with a token, and endpoints written as in a policy.
pub(crate) fn deployed(url: &str, endpoints: &[&str]) -> Target {
    let endpoint = |text: &&str| match text.split_once(' ') {
        Some((method, path)) => Endpoint { method: method.into(), path: path.into(), public: None, method_named: true },
        None => Endpoint { method: "GET".into(), path: (*text).into(), public: None, method_named: false },
    };
    Target {
        name: "production".into(),
        environment: Environment::Production,
        scope: Scope::Both,
        deployment: Some(Deployment {
            url: Url::parse(url).unwrap(),
            plain: None,
            authorised: None,
            endpoints: endpoints.iter().map(endpoint).collect(),
            openapi: None,
            token: Some(Token {
                source: TokenSource::Env("TOKEN".into()),
                header: "Authorization".into(),
                disposable: false,
            }),
            client_cert: None,
            headers: BTreeMap::new(),
            proxy: None,
            resolve: BTreeMap::new(),
            origins: None,
            hosts: Vec::new(),
            tools: None,
            ca: None,
            system_roots: false,
            pins: Vec::new(),
            logs: Vec::new(),
            monitoring: None,
            writes: Writes::Deny,
            limits: Limits::default(),
            never: Vec::new(),
            costly: Vec::new(),
            exempt: None,
        }),
        repository: None,
        checks: BTreeMap::new(),
    }
}

pub(crate) fn at() -> Evidence {
    Evidence::at(DateTime::UNIX_EPOCH)
}

/// An answer with this status and nothing else.
pub(crate) fn answer(status: u16) -> Exchange {
    Exchange {
        status,
        headers: Vec::new(),
        body: BodySeen { complete: true, ..BodySeen::default() },
        address: "192.0.2.7:443".into(),
        at: 0,
        took: 1,
    }
}

pub(crate) fn with_header(mut exchange: Exchange, name: &str, value: &str) -> Exchange {
    exchange.headers.push((name.into(), value.into()));
    exchange
}

pub(crate) fn with_body(mut exchange: Exchange, text: &str) -> Exchange {
    exchange.body.length = text.len() as u64;
    exchange.body.text = text.into();
    exchange
}

/// A deployment made of functions.
pub(crate) struct Service<'a> {
    pub(crate) http: &'a dyn Fn(&Request) -> Result<Exchange, Unseen>,
    pub(crate) mcp: &'a dyn Fn(&Conversation) -> Result<Transcript, Unseen>,
    pub(crate) operations: Option<Operations>,
}

/// Asks and answers in rounds, as the audit does; every ask after the first round must fit the reserves.
pub(crate) fn gathered<C: Check>(check: &C, target: &Target, service: &Service<'_>) -> Evidence {
    let mut seen = at();
    let mut remaining = Remaining::of(check, target);
    for round in 0..6 {
        let fresh: Vec<Ask> =
            check.asks(target, &seen).into_iter().filter(|ask| !seen.answers().contains_key(ask)).collect();
        if fresh.is_empty() {
            return seen;
        }
        for ask in fresh {
            if seen.answers().contains_key(&ask) {
                continue;
            }
            if round > 0 {
                remaining.take(&ask, target).expect("every later ask fits the reserves");
            }
            let answer: Answer = match &ask {
                Ask::Http(request) => (service.http)(request).map(Into::into),
                Ask::Mcp(conversation) => (service.mcp)(conversation).map(Into::into),
                Ask::Api(_) => service.operations.clone().map(Into::into).ok_or(Unseen::NotAsked),
                Ask::Lines(_) => Ok(crate::evidence::repo::Matches::default().into()),
                other => panic!("{other} is not staged"),
            };
            seen.record(ask, answer);
        }
    }
    panic!("the check never stops asking");
}

#[expect(clippy::unnecessary_wraps, reason = "stands where services that fail stand")]
pub(crate) fn no_mcp(_: &Conversation) -> Result<Transcript, Unseen> {
    Ok(transcript(Era::NotMcp, answer(404), Vec::new()))
}

/// An opening, and the replies to the calls.
pub(crate) fn transcript(era: Era, opening: Exchange, calls: Vec<(Exchange, Outcome)>) -> Transcript {
    let reply = |(exchange, outcome)| Reply { exchange, outcome };
    Transcript {
        era,
        opening: reply((opening, Outcome::Result)),
        session: false,
        server: None,
        listing: None,
        tools: Vec::<Tool>::new(),
        tools_complete: true,
        further: Vec::new(),
        further_unseen: None,
        calls: calls.into_iter().map(reply).collect(),
        unseen: Vec::new(),
    }
}
