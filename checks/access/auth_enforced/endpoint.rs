//! A plain endpoint: without a credential, with a wrong one, with the valid one.

use super::place;
use crate::check::{Finding, Severity, Verdict};
use crate::detect::answer::{Says, alike};
use crate::evidence::api::{Description, Operation};
use crate::evidence::http::{Credential, Exchange, Request};
use crate::evidence::{Ask, Evidence, Unseen};
use crate::target::{Deployment, Endpoint, Environment, Target, Writes};

/// Broken JSON: no schema admits it, so that nothing is written whoever sends it.
const INVALID: &str = "{\"watertight\":";

/// The request by which the endpoint is tried, without a credential; or why it must not be tried.
pub(super) fn approach(target: &Target, seen: &Evidence, endpoint: &Endpoint) -> Result<Request, Unseen> {
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
        "POST" => Ok(request.json(INVALID)),
        "PUT" | "PATCH" if target.environment != Environment::Production => Ok(request.json(INVALID)),
        // Even with a made-up body a DELETE deletes; only consent to writes allows it.
        _ if allowed => Ok(request),
        _ => Err(Unseen::NotAllowed(format!(
            "{endpoint} could write and is tried only with `writes: allow` in the target"
        ))),
    }
}

fn operation<'a>(target: &Target, seen: &'a Evidence, endpoint: &Endpoint) -> Option<&'a Operation> {
    let operations = seen.of(&Description::of(target)?).ok()?;
    operations
        .operations
        .iter()
        .find(|operation| operation.method == endpoint.method && operation.path == endpoint.path)
}

pub(super) fn asks(target: &Target, request: &Request) -> Vec<Ask> {
    let mut asks = vec![bare(request).into(), wrong(request).into()];
    if has_token(target) {
        asks.push(valid(request).into());
    }
    asks
}

/// The made-up path that shows whether the server answers everything alike; asked where the endpoint serves whom it should
/// not.
pub(super) fn made_up_for(seen: &Evidence, request: &Request) -> Option<Request> {
    let serves = |asked: &Request| seen.of(asked).is_ok_and(|exchange| Says::of(exchange) == Says::Served);
    (serves(&bare(request)) || serves(&wrong(request))).then(|| made_up(seen, request))
}

/// A path that no route has: two segments deep, so that no `/:id` beside the endpoint takes it.
pub(super) fn made_up(seen: &Evidence, request: &Request) -> Request {
    let path = request.path.split(['?', '#']).next().unwrap_or_default();
    let mut segments = path.trim_matches('/').split('/');
    let first = segments.next().unwrap_or_default();
    let folder = if segments.next().is_some() { format!("/{first}") } else { String::new() };
    let made_up = format!("{folder}/watertight-{:x}/none", seen.seed);
    Request { path: made_up, ..request.clone() }
}

pub(super) fn judge(verdict: &mut Verdict, target: &Target, evidence: &Evidence, request: &Request) {
    let control = has_token(target).then(|| evidence.of(&valid(request)));
    let mut denied = 0;
    for (asked, aspect, who) in
        [(bare(request), "no-credential", "without a credential"), (wrong(request), "wrong-token", "to a wrong token")]
    {
        match evidence.of(&asked) {
            Err(unseen) => verdict.not_seen(unseen),
            Ok(exchange) => match weigh(exchange, control.as_ref(), &made_up(evidence, request), evidence) {
                Weight::Open { like_control } => {
                    let finding = Finding::new(
                        match like_control {
                            Some(false) => format!(
                                "{} {} answers {} {who}, with another body than the valid token gets",
                                request.method, request.path, exchange.status
                            ),
                            Some(true) | None => {
                                format!("{} {} answers {} {who}", request.method, request.path, exchange.status)
                            }
                        },
                        place(target, &request.path),
                    )
                    .aspect(format!("{} {aspect}", request.method));
                    verdict.finds(match like_control {
                        Some(false) => finding.of_severity(Severity::Medium),
                        Some(true) | None => finding,
                    });
                }
                Weight::Denied { note } => {
                    denied += 1;
                    if let Some(note) = note {
                        verdict.notes(format!("{} {}: {note}", request.method, request.path));
                    }
                }
                Weight::Unclear(unseen) => verdict.not_seen(of_endpoint(request, unseen)),
            },
        }
    }
    match control {
        Some(Ok(control)) => {
            let bare = evidence.of(&bare(request));
            match refused(control, bare.ok()) {
                Some(why) => verdict.not_seen(of_endpoint(request, why)),
                None if denied == 2 => verdict.holds(format!(
                    "{} {}: denied without and with a wrong token, {} with the valid one",
                    request.method, request.path, control.status
                )),
                None => {}
            }
        }
        Some(Err(unseen)) => verdict.not_seen(unseen),
        None => verdict.not_seen(Unseen::NotConfigured(
            "no token named for the target, so that nobody's admission stands against the refusals (give `token: { env: NAME }`, \
             or --token-env)"
                .into(),
        )),
    }
}

/// What an answer to somebody who should be denied is.
enum Weight {
    Open { like_control: Option<bool> },
    Denied { note: Option<String> },
    Unclear(Unseen),
}

fn weigh(
    exchange: &Exchange,
    control: Option<&Result<&Exchange, Unseen>>,
    made_up: &Request,
    evidence: &Evidence,
) -> Weight {
    let control = match control {
        Some(Ok(control)) => Some(*control),
        Some(Err(_)) | None => None,
    };
    let control_says = control.map(Says::of);
    let served = control_says == Some(Says::Served);
    let unclear = |why: String| Weight::Unclear(Unseen::NotComparable(why));
    match Says::of(exchange) {
        Says::Nothing(unseen) => Weight::Unclear(unseen),
        Says::Served => match evidence.of(made_up) {
            Err(unseen) => Weight::Unclear(unseen),
            Ok(other) if Says::of(other) == Says::Served && alike(exchange, other) => {
                unclear("a made-up path gets the same answer: the server answers everything alike".into())
            }
            Ok(_) => Weight::Open { like_control: control.filter(|_| served).map(|control| alike(exchange, control)) },
        },
        Says::Denied => Weight::Denied {
            // RFC 9110 section 15.5.2: a 401 must carry a challenge.
            note: (exchange.status == 401 && exchange.header("www-authenticate").is_none())
                .then(|| "401 without WWW-Authenticate".into()),
        },
        Says::Hidden | Says::Rejected if served => Weight::Denied {
            note: Some(format!("answers {} where 401 is expected: hidden rather than denied", exchange.status)),
        },
        Says::Elsewhere if served => {
            Weight::Denied { note: Some(format!("answers {} (a redirect) where 401 is expected", exchange.status)) }
        }
        Says::Hidden | Says::Rejected | Says::Elsewhere => {
            unclear(format!("answers {} whoever asks: nothing is known of what comes before", exchange.status))
        }
        Says::Broken => unclear(format!("answers {}: neither denied nor served", exchange.status)),
    }
}

/// Why the control proves nothing, where it does not: the valid token must be admitted, or at least be read further than the
/// refusal of the others.
fn refused(control: &Exchange, bare: Option<&Exchange>) -> Option<Unseen> {
    let nothing = |why: String| Some(Unseen::NotComparable(why));
    match Says::of(control) {
        Says::Served => None,
        Says::Nothing(unseen) => Some(unseen),
        Says::Denied => nothing(format!("the valid token is refused, too ({})", control.status)),
        Says::Hidden | Says::Rejected => match bare.map(Says::of) {
            Some(Says::Denied) => None,
            Some(Says::Served | Says::Hidden | Says::Rejected | Says::Elsewhere | Says::Broken | Says::Nothing(_))
            | None => nothing(format!("the valid token gets {} like everyone", control.status)),
        },
        Says::Elsewhere | Says::Broken => nothing(format!("the valid token gets {}", control.status)),
    }
}

/// The denial and the control of an endpoint that is guarded against no and wrong tokens.
pub(super) fn guarded<'a>(
    target: &Target,
    evidence: &'a Evidence,
    request: &Request,
) -> Option<(&'a Exchange, &'a Exchange)> {
    if !has_token(target) {
        return None;
    }
    let control = evidence.of(&valid(request)).ok()?;
    let denial = evidence.of(&bare(request)).ok()?;
    let made_up = made_up(evidence, request);
    let both_denied = [denial, evidence.of(&wrong(request)).ok()?]
        .into_iter()
        .all(|exchange| matches!(weigh(exchange, Some(&Ok(control)), &made_up, evidence), Weight::Denied { .. }));
    (both_denied && refused(control, Some(denial)).is_none()).then_some((denial, control))
}

pub(super) fn has_token(target: &Target) -> bool {
    target.deployment().ok().and_then(|deployment: &Deployment| deployment.token.as_ref()).is_some()
}

/// The reason, with the endpoint that it is about.
fn of_endpoint(request: &Request, unseen: Unseen) -> Unseen {
    let named = |why: String| format!("{} {}: {why}", request.method, request.path);
    match unseen {
        Unseen::NotComparable(why) => Unseen::NotComparable(named(why)),
        Unseen::Limited(why) => Unseen::Limited(named(why)),
        other => other,
    }
}

pub(super) fn bare(request: &Request) -> Request {
    request.clone().with(Credential::None)
}

pub(super) fn wrong(request: &Request) -> Request {
    request.clone().with(Credential::Wrong)
}

pub(super) fn valid(request: &Request) -> Request {
    request.clone().with(Credential::Valid)
}
