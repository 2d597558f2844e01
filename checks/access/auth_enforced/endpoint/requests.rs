//! By which requests an endpoint is tried.

use super::has_token;
use super::weigh::is_refusal;
use crate::detect::answer::Says;
use crate::detect::carried::Carried;
use crate::detect::schema;
use crate::evidence::api::{self, Description, Operation};
use crate::evidence::http::{Credential, Request};
use crate::evidence::{Ask, Evidence, Unseen};
use crate::target::{Endpoint, Environment, Target, Writes};

/// Broken JSON: no schema admits it, so that nothing is written whoever sends it.
pub(super) const INVALID: &str = "{\"watertight\":";

/// The request by which the endpoint is tried, without a credential; or why it must not be tried.
pub(in crate::checks::access::auth_enforced) fn approach(
    target: &Target,
    seen: &Evidence,
    endpoint: &Endpoint,
) -> Result<Request, Unseen> {
    let Ok(deployment) = target.deployment() else {
        return Err(Unseen::NotNamed("no deployment named".into()));
    };
    let request = Request::new(&endpoint.method, &endpoint.path);
    let allowed = deployment.writes == Writes::Allow;
    match endpoint.method.as_str() {
        "GET" | "HEAD" | "OPTIONS" => Ok(request),
        "POST" | "PUT" | "PATCH" if allowed => {
            let example = operation(target, seen, endpoint).and_then(|operation| operation.example.as_ref());
            Ok(request.json(example.map_or_else(|| INVALID.to_owned(), serde_json::Value::to_string)))
        }
        "POST" => Ok(request.json(invalid(target, seen, endpoint))),
        "PUT" | "PATCH" if target.environment != Environment::Production => {
            Ok(request.json(invalid(target, seen, endpoint)))
        }
        // Even with a made-up body a DELETE deletes; only consent to writes allows it.
        _ if allowed => Ok(request),
        _ => Err(Unseen::NotAllowed(format!(
            "{endpoint} could write and is tried only with `writes: allow` in the target"
        ))),
    }
}

/// A body that cannot be valid: JSON that breaks the described schema, which shows the endpoint itself rather than a parser in
/// front of it; else no JSON at all.
pub(super) fn invalid(target: &Target, seen: &Evidence, endpoint: &Endpoint) -> String {
    operation(target, seen, endpoint)
        .and_then(|operation| {
            let broken = schema::broken(operation.body.as_ref()?, operation.example.as_ref());
            broken.into_iter().next().map(|case| case.instance.to_string())
        })
        .unwrap_or_else(|| INVALID.to_owned())
}

pub(super) fn operation<'a>(target: &Target, seen: &'a Evidence, endpoint: &Endpoint) -> Option<&'a Operation> {
    let operations = seen.of(&Description::of(target)?).ok()?;
    operations
        .operations
        .iter()
        .find(|operation| operation.method == endpoint.method && operation.path == endpoint.path)
}

pub(in crate::checks::access::auth_enforced) fn asks(target: &Target, request: &Request) -> Vec<Ask> {
    let mut asks = vec![bare(request).into(), stranger(target, request).into()];
    if has_token(target) {
        asks.push(valid(request).into());
    }
    asks
}

/// The made-up paths that show whether the server answers everything alike; asked where the endpoint serves whom it should
/// not, and where the valid token gets an answer that any path might get.
pub(in crate::checks::access::auth_enforced) fn controls(
    target: &Target,
    seen: &Evidence,
    request: &Request,
) -> Vec<Request> {
    let says = |asked: &Request| seen.of(asked).ok().map(Says::of);
    let mut controls = Vec::new();
    let near = stranger(target, request);
    // A guard that admits a token with one character changed may admit any; and where that one must not be sent, another may.
    let unanswered = matches!(seen.of(&near), Err(unseen) if unseen != Unseen::NotAsked);
    if near.credential != Credential::Wrong && (unanswered || says(&near) == Some(Says::Served)) {
        controls.push(wrong(request));
    }
    if [bare(request), near, wrong(request)].iter().any(|asked| says(asked) == Some(Says::Served)) {
        controls.push(made_up(seen, request));
        controls.extend(has_token(target).then(|| valid(&made_up(seen, request))));
    }
    // What a refusal carries is told from the guard's own words beside the refusal of a path that has no content.
    if let Ok(control) = seen.of(&valid(request))
        && Says::of(control) == Says::Served
        && [bare(request), stranger(target, request)].iter().any(|asked| {
            seen.of(asked)
                .is_ok_and(|refusal| is_refusal(refusal) && !Carried::of(control, refusal, request).is_nothing())
        })
    {
        controls.push(made_up(seen, request));
    }
    if let Some(Says::Hidden | Says::Rejected) = says(&valid(request))
        && says(&bare(request)) == Some(Says::Denied)
    {
        controls.extend([valid(&made_up(seen, request)), valid(&other_made_up(seen, request))]);
    }
    controls
}

/// A path that no route has: two segments deep, so that no `/:id` beside the endpoint takes it.
pub(in crate::checks::access::auth_enforced) fn made_up(seen: &Evidence, request: &Request) -> Request {
    nowhere(seen, request, "none")
}

/// A second one, which shows whether such answers are the same to the last byte.
pub(super) fn other_made_up(seen: &Evidence, request: &Request) -> Request {
    nowhere(seen, request, "nowhere")
}

pub(super) fn nowhere(seen: &Evidence, request: &Request, last: &str) -> Request {
    let path = request.path.split(['?', '#']).next().unwrap_or_default();
    let mut segments = path.trim_matches('/').split('/');
    let first = segments.next().unwrap_or_default();
    let folder = if segments.next().is_some() { format!("/{first}") } else { String::new() };
    let made_up = format!("{folder}/watertight-{:x}/{last}", seen.seed);
    Request { path: made_up, ..request.clone() }
}

pub(in crate::checks::access::auth_enforced) fn bare(request: &Request) -> Request {
    request.clone().with(Credential::None)
}

/// The valid token with one character changed where there is a token: who denies that denies any wrong one, and a guard that
/// compares a part of the token does not.
pub(in crate::checks::access::auth_enforced) fn stranger(target: &Target, request: &Request) -> Request {
    request.clone().with(api::mistaken(target))
}

pub(super) fn wrong(request: &Request) -> Request {
    request.clone().with(Credential::Wrong)
}

pub(in crate::checks::access::auth_enforced) fn valid(request: &Request) -> Request {
    request.clone().with(Credential::Valid)
}
