//! Targets and answers that the tests of several checks build on.

use std::collections::BTreeMap;

use chrono::DateTime;
use url::Url;

use crate::evidence::Evidence;
use crate::evidence::http::{BodySeen, Exchange};
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
