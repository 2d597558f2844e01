//! The policy's section on the MCP server and its API: who is let in, how often, from where, and with what input.

pub mod auth_enforced;
pub mod cors_origins;
pub mod error_disclosure;
pub mod input_validation;
mod origins;
pub mod rate_limit;
#[cfg(test)]
pub(crate) mod stage;
pub mod token_strength;
mod trials;

/// A deployment with a token and nothing else said, for the tests of this family.
#[cfg(test)]
pub(crate) fn deployment_for_tests(url: &str, endpoints: &[(&str, &str)]) -> crate::target::Target {
    use std::collections::BTreeMap;

    use crate::target::{Deployment, Endpoint, Environment, Limits, Scope, Target, Token, TokenSource, Writes};

    let endpoints = endpoints
        .iter()
        .map(|(method, path)| Endpoint {
            // An empty method: the policy named the path alone.
            method: if method.is_empty() { "GET".into() } else { (*method).into() },
            path: (*path).into(),
            public: None,
            method_named: !method.is_empty(),
        })
        .collect();
    Target {
        name: "production".into(),
        environment: Environment::Production,
        scope: Scope::Both,
        repository: None,
        checks: BTreeMap::new(),
        deployment: Some(Deployment {
            url: url.parse().unwrap(),
            plain: None,
            authorised: None,
            endpoints,
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
    }
}
