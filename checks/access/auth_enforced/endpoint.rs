//! A plain endpoint: without a credential, with a wrong one, with the valid one.

mod requests;
mod weigh;

use super::place;
use crate::check::{Finding, Severity, Verdict};
use crate::detect::answer::{Says, alike};
use crate::evidence::api::Description;
use crate::evidence::http::{Credential, Exchange, Request};
use crate::evidence::{Evidence, Unseen};
use crate::target::{Deployment, Target};
pub(super) use requests::{approach, asks, bare, controls, made_up, stranger, valid};
use requests::{other_made_up, wrong};
use weigh::{Weight, weigh};

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
