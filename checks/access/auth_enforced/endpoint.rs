//! A plain endpoint: without a credential, with a wrong one, with the valid one.

use url::Url;

use super::place;
use crate::check::{Finding, Severity, Verdict};
use crate::detect::answer::{Says, alike, same_content};
use crate::detect::carried::Carried;
use crate::detect::schema;
use crate::evidence::api::{self, Description, Operation};
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
fn invalid(target: &Target, seen: &Evidence, endpoint: &Endpoint) -> String {
    operation(target, seen, endpoint)
        .and_then(|operation| {
            let broken = schema::broken(operation.body.as_ref()?, operation.example.as_ref());
            broken.into_iter().next().map(|case| case.instance.to_string())
        })
        .unwrap_or_else(|| INVALID.to_owned())
}

fn operation<'a>(target: &Target, seen: &'a Evidence, endpoint: &Endpoint) -> Option<&'a Operation> {
    let operations = seen.of(&Description::of(target)?).ok()?;
    operations
        .operations
        .iter()
        .find(|operation| operation.method == endpoint.method && operation.path == endpoint.path)
}

pub(super) fn asks(target: &Target, request: &Request) -> Vec<Ask> {
    let mut asks = vec![bare(request).into(), stranger(target, request).into()];
    if has_token(target) {
        asks.push(valid(request).into());
    }
    asks
}

/// The made-up paths that show whether the server answers everything alike; asked where the endpoint serves whom it should
/// not, and where the valid token gets an answer that any path might get.
pub(super) fn controls(target: &Target, seen: &Evidence, request: &Request) -> Vec<Request> {
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
pub(super) fn made_up(seen: &Evidence, request: &Request) -> Request {
    nowhere(seen, request, "none")
}

/// A second one, which shows whether such answers are the same to the last byte.
fn other_made_up(seen: &Evidence, request: &Request) -> Request {
    nowhere(seen, request, "nowhere")
}

fn nowhere(seen: &Evidence, request: &Request, last: &str) -> Request {
    let path = request.path.split(['?', '#']).next().unwrap_or_default();
    let mut segments = path.trim_matches('/').split('/');
    let first = segments.next().unwrap_or_default();
    let folder = if segments.next().is_some() { format!("/{first}") } else { String::new() };
    let made_up = format!("{folder}/watertight-{:x}/{last}", seen.seed);
    Request { path: made_up, ..request.clone() }
}

pub(super) fn judge(verdict: &mut Verdict, target: &Target, evidence: &Evidence, request: &Request) {
    let control = has_token(target).then(|| evidence.of(&valid(request)));
    let by_certificate = target.deployment().is_ok_and(Deployment::is_known_by_certificate);
    let what = if by_certificate { "client certificate" } else { "token" };
    let (mut denied, mut refused_in_tls) = (0, false);
    let (near, aspect, who) = told_stranger(target, evidence, request, what);
    for (asked, aspect, who) in
        [(bare(request), "no-credential", "without a credential".to_owned()), (near, aspect, who.clone())]
    {
        match evidence.of(&asked) {
            Err(unseen) if is_refused_handshake(target, &unseen) => {
                denied += 1;
                refused_in_tls = true;
            }
            Err(unseen) => verdict.not_seen(unseen),
            Ok(exchange) => match weigh(exchange, control.as_ref(), request, evidence) {
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
                Weight::Told { what, severity } => verdict.finds(
                    Finding::new(
                        format!("{} {} answers {} {who}{what}", request.method, request.path, exchange.status),
                        place(target, &request.path),
                    )
                    .aspect(format!("{} {aspect}", request.method))
                    .of_severity(severity),
                ),
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
            match refused(target, evidence, request, control) {
                Some(why) => verdict.not_seen(of_endpoint(request, why)),
                None if denied == 2 => verdict.holds(format!(
                    "{} {}: denied without a credential and {who}{}, {} with the valid {what}",
                    request.method,
                    request.path,
                    if refused_in_tls { " (in the TLS handshake)" } else { "" },
                    control.status
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

/// The request of somebody with a credential of the right form that is not the right one, and what to call it.
fn told_stranger(
    target: &Target,
    evidence: &Evidence,
    request: &Request,
    what: &str,
) -> (Request, &'static str, String) {
    let near = stranger(target, request);
    let any = wrong(request);
    let served = |asked: &Request| evidence.of(asked).is_ok_and(|answer| Says::of(answer) == Says::Served);
    let stands_in = evidence.of(&near).is_err() && evidence.of(&any).is_ok();
    if near == any || stands_in || (served(&near) && served(&any)) {
        return (any, "wrong-token", format!("to a wrong {what}"));
    }
    let who = format!("to {}", near.credential);
    (near, "one-character", who)
}

/// Whether the server ended the TLS handshake for want of the client certificate that is the credential.
fn is_refused_handshake(target: &Target, unseen: &Unseen) -> bool {
    // The words of rustls for an alert of the server (RFC 8446 section 6.2).
    const ALERTS: [&str; 5] =
        ["CertificateRequired", "HandshakeFailure", "BadCertificate", "UnknownCA", "AccessDenied"];
    let told = |why: &str| why.contains("received fatal alert") && ALERTS.iter().any(|alert| why.contains(alert));
    target.deployment().is_ok_and(Deployment::is_known_by_certificate)
        && matches!(unseen, Unseen::Unreachable(why) | Unseen::Malformed(why) if told(why))
}

/// What an answer to somebody who should be denied is.
enum Weight {
    Open {
        like_control: Option<bool>,
    },
    Denied {
        note: Option<String>,
    },
    /// Not let in as such, and yet a fault.
    Told {
        what: String,
        severity: Severity,
    },
    Unclear(Unseen),
}

fn weigh(
    exchange: &Exchange,
    control: Option<&Result<&Exchange, Unseen>>,
    request: &Request,
    evidence: &Evidence,
) -> Weight {
    let control = match control {
        Some(Ok(control)) => Some(*control),
        Some(Err(_)) | None => None,
    };
    let control_says = control.map(Says::of);
    let served = control_says == Some(Says::Served);
    let unclear = |why: String| Weight::Unclear(Unseen::NotComparable(why));
    let says = Says::of(exchange);
    if let Some(control) = control.filter(|_| served)
        && matches!(says, Says::Denied | Says::Hidden | Says::Rejected | Says::Elsewhere | Says::Broken)
        && same_content(exchange, control)
    {
        // The handler ran on after the refusal was written (CWE-698).
        let what = ", and yet with the content that the valid token gets".into();
        return Weight::Told { what, severity: Severity::Critical };
    }
    if let Some(control) = control.filter(|_| served && is_refusal(exchange))
        && let Some(weight) = carrying(exchange, control, request, evidence)
    {
        return weight;
    }
    match says {
        Says::Nothing(unseen) => Weight::Unclear(unseen),
        Says::Served => match evidence.of(&made_up(evidence, request)) {
            Err(unseen) => Weight::Unclear(unseen),
            Ok(other)
                if Says::of(other) == Says::Served
                    && alike(exchange, other)
                    && !(served && told_apart(evidence, request, exchange, control)) =>
            {
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
        Says::Elsewhere if served => redirected(exchange, control, request),
        Says::Hidden | Says::Rejected | Says::Elsewhere => {
            unclear(format!("answers {} whoever asks: nothing is known of what comes before", exchange.status))
        }
        Says::Broken => unclear(format!("answers {}: neither denied nor served", exchange.status)),
    }
}

fn is_refusal(exchange: &Exchange) -> bool {
    matches!(Says::of(exchange), Says::Denied | Says::Hidden | Says::Rejected | Says::Elsewhere)
}

/// What a refusal is that carries values of the valid token's answer which the refusal of a made-up path does not have: a fault
/// where it is more than one value or all that there are; one alone may be chance, and is left open.
fn carrying(exchange: &Exchange, control: &Exchange, request: &Request, evidence: &Evidence) -> Option<Weight> {
    let carried = Carried::of(control, exchange, request);
    if carried.is_nothing() {
        return None;
    }
    let other = match evidence.of(&made_up(evidence, request)) {
        Ok(other) => other,
        Err(unseen) => return Some(Weight::Unclear(unseen)),
    };
    if exchange.body.sha256 == other.body.sha256 && other.status == exchange.status && Says::of(other) != Says::Served {
        // Only a header could still tell them apart.
        let carried = Carried { cut: false, ..carried }.beside(other);
        return if carried.is_nothing() { None } else { Some(told(&carried, exchange, other)) };
    }
    let carried = carried.beside(other);
    if !carried.found.is_empty() {
        return Some(told(&carried, exchange, other));
    }
    carried.cut.then(|| {
        Weight::Unclear(Unseen::Partial(format!(
            "answers {} with {} bytes, of which only the first were looked at: whether the content is among them was not seen",
            exchange.status, exchange.body.length
        )))
    })
}

fn told(carried: &Carried, exchange: &Exchange, other: &Exchange) -> Weight {
    let (found, known) = (carried.found.len(), carried.known);
    // The refusal of another layer shows little of what this one always says: then most of the content has to be there.
    let same_guard = Says::of(other) == Says::of(exchange);
    if found == known || (found >= 2 && (same_guard || found * 2 >= known)) {
        let what = format!(", and yet with {found} of {known} values of the content that the valid token gets");
        return Weight::Told { what, severity: Severity::Critical };
    }
    Weight::Unclear(Unseen::NotComparable(format!(
        "answers {} with {found} of {known} values of the valid token's answer: whether it gives content away is not clear",
        exchange.status
    )))
}

/// Whether those without the valid token all get one success, and its holder gets what is there: then the guard says so with the
/// wrong status, and it is not the server that answers everything alike.
fn told_apart(evidence: &Evidence, request: &Request, exchange: &Exchange, control: Option<&Exchange>) -> bool {
    let nowhere = evidence.of(&valid(&made_up(evidence, request)));
    nowhere.is_ok_and(|nowhere| Says::of(nowhere) == Says::Hidden)
        && control.is_some_and(|control| !alike(exchange, control))
}

/// A redirect of somebody whom the valid token's holder is not: to a page that people log in on, which no API client can
/// follow; or to the same place in another spelling, behind which nothing was seen.
fn redirected(exchange: &Exchange, control: Option<&Exchange>, asked: &Request) -> Weight {
    let status = exchange.status;
    let Some(location) = exchange.header("location") else {
        let why = format!("answers {status} without a Location: neither denied nor served");
        return Weight::Unclear(Unseen::NotComparable(why));
    };
    let path = |text: &str| {
        let base = Url::parse("http://relative.invalid").ok()?.join(text).ok()?;
        Some(base.path().trim_end_matches('/').to_ascii_lowercase())
    };
    if path(location).is_some() && path(location) == path(&asked.path) {
        let why = format!("answers {status} to the same path in another spelling: give that one");
        return Weight::Unclear(Unseen::NotComparable(why));
    }
    let to = bounded(location.split(['?', '#']).next().unwrap_or_default());
    let is_page = control
        .and_then(|control| control.header("content-type"))
        .is_some_and(|kind| kind.to_ascii_lowercase().contains("html"));
    if is_page {
        return Weight::Denied { note: Some(format!("a page, answers {status} (to {to}) where an API answers 401")) };
    }
    Weight::Told { what: format!(", a redirect to {to}, where an API answers 401"), severity: Severity::Medium }
}

fn bounded(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(80).collect()
}

/// Why the control proves nothing, where it does not: the valid token must be admitted, or at least be read further than the
/// refusal of the others, and by this very endpoint.
fn refused(target: &Target, evidence: &Evidence, request: &Request, control: &Exchange) -> Option<Unseen> {
    let nothing = |why: String| Some(Unseen::NotComparable(why));
    match Says::of(control) {
        Says::Served => None,
        Says::Nothing(unseen) => Some(unseen),
        Says::Denied => nothing(format!("the valid token is refused, too ({})", control.status)),
        Says::Hidden if control.status == 405 => {
            nothing("the valid token gets 405: the path knows no such method".into())
        }
        Says::Hidden | Says::Rejected => match evidence.of(&bare(request)).map(Says::of) {
            Err(unseen) if is_refused_handshake(target, &unseen) => missing(target, evidence, request, control),
            Ok(Says::Denied) => missing(target, evidence, request, control),
            Ok(Says::Served | Says::Hidden | Says::Rejected | Says::Elsewhere | Says::Broken | Says::Nothing(_))
            | Err(_) => nothing(format!("the valid token gets {} like everyone", control.status)),
        },
        Says::Elsewhere | Says::Broken => nothing(format!("the valid token gets {}", control.status)),
    }
}

/// Whether nothing shows that there is an endpoint at all: a guard in front denies made-up paths as well, and the valid token
/// gets the same there as here.
fn missing(target: &Target, evidence: &Evidence, request: &Request, control: &Exchange) -> Option<Unseen> {
    let first = match evidence.of(&valid(&made_up(evidence, request))) {
        Ok(first) => first,
        Err(unseen) => return Some(unseen),
    };
    if let Says::Nothing(unseen) = Says::of(first) {
        return Some(unseen);
    }
    // JSON of another shape, or another status, comes from somewhere else. A page of words may differ by itself.
    let is_json = |exchange: &Exchange| serde_json::from_str::<serde_json::Value>(&exchange.body.text).is_ok();
    if first.status != control.status || (is_json(first) != is_json(control)) {
        return None;
    }
    if is_json(first) && !alike(first, control) {
        return None;
    }
    // Answers alike may still differ in words: that counts where those of two made-up paths do not differ at all.
    let second = evidence.of(&valid(&other_made_up(evidence, request)));
    let fixed = second.is_ok_and(|second| second.body.sha256 == first.body.sha256 && second.status == first.status);
    if (fixed && control.body.length > 0 && control.body.sha256 != first.body.sha256)
        || known_by_sibling(target, evidence, request, first)
    {
        return None;
    }
    Some(Unseen::NotComparable(format!(
        "the valid token gets {} as on a path that does not exist, so that the endpoint was not seen (mistyped? else describe \
         it in `openapi:` with an `example` that exists, or allow `writes`)",
        control.status
    )))
}

/// Whether nobody is served at the path, with or without a credential: nothing is there.
pub(super) fn is_nowhere(target: &Target, evidence: &Evidence, request: &Request) -> bool {
    let hidden = |asked: &Request| evidence.of(asked).is_ok_and(|answer| Says::of(answer) == Says::Hidden);
    hidden(&bare(request)) && hidden(&stranger(target, request)) && (!has_token(target) || hidden(&valid(request)))
}

/// Whether the same described operation answered another input as only an endpoint does.
fn known_by_sibling(target: &Target, evidence: &Evidence, request: &Request, nothing: &Exchange) -> bool {
    let Some(Ok(operations)) = Description::of(target).map(|description| evidence.of(&description)) else {
        return false;
    };
    let Some(operation) =
        operations.operations.iter().find(|known| known.method == request.method && known.path == request.path)
    else {
        return false;
    };
    evidence.exchanges().any(|(asked, answer)| {
        asked.method == request.method
            && asked.credential == Credential::Valid
            && asked.origin.is_none()
            && is_of(&operation.template, &asked.path)
            && matches!(Says::of(answer), Says::Served | Says::Rejected)
            && (answer.status != nothing.status || !alike(answer, nothing))
    })
}

/// Whether a path is the template with its parameters filled.
fn is_of(template: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(&path).all(|(expected, given)| expected.contains('{') || expected == given)
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
    let both_denied = [denial, evidence.of(&stranger(target, request)).ok()?]
        .into_iter()
        .all(|exchange| matches!(weigh(exchange, Some(&Ok(control)), request, evidence), Weight::Denied { .. }));
    (both_denied && refused(target, evidence, request, control).is_none()).then_some((denial, control))
}

pub(super) fn has_token(target: &Target) -> bool {
    target.deployment().is_ok_and(Deployment::has_credential)
}

/// The reason, with the endpoint that it is about.
fn of_endpoint(request: &Request, unseen: Unseen) -> Unseen {
    let named = |why: String| format!("{} {}: {why}", request.method, request.path);
    match unseen {
        Unseen::NotComparable(why) => Unseen::NotComparable(named(why)),
        Unseen::Limited(why) => Unseen::Limited(named(why)),
        Unseen::Partial(why) => Unseen::Partial(named(why)),
        other => other,
    }
}

pub(super) fn bare(request: &Request) -> Request {
    request.clone().with(Credential::None)
}

/// The valid token with one character changed where there is a token: who denies that denies any wrong one, and a guard that
/// compares a part of the token does not.
pub(super) fn stranger(target: &Target, request: &Request) -> Request {
    request.clone().with(api::mistaken(target))
}

fn wrong(request: &Request) -> Request {
    request.clone().with(Credential::Wrong)
}

pub(super) fn valid(request: &Request) -> Request {
    request.clone().with(Credential::Valid)
}
