//! What the plain-HTTP listener beside a deployment does with a request: it may redirect it to the same place over HTTPS, or
//! refuse it, and nothing else.

use url::Url;

use crate::check::{Finding, Place, Verdict};
use crate::evidence::http::{Credential, Exchange, Listener, Request};
use crate::evidence::{Evidence, Unseen};
use crate::target::{Deployment, Target};

/// Sent instead of the deployment's name; reserved (RFC 2606), so that it is nobody's.
const FORGED: &str = "watertight.invalid";

pub(super) fn secure(deployment: &Deployment) -> Request {
    Request::get(deployment.representative())
}

/// With a query, which a redirect must keep.
pub(super) fn plain(deployment: &Deployment) -> Request {
    let path = deployment.representative();
    let joint = if path.contains('?') { '&' } else { '?' };
    Request::get(format!("{path}{joint}watertight=plain")).plain()
}

pub(super) fn with_dummy(deployment: &Deployment) -> Request {
    plain(deployment).with(Credential::Dummy)
}

pub(super) fn under_forged_host(deployment: &Deployment) -> Request {
    plain(deployment).header("host", FORGED)
}

/// Endpoints beside the representative that are asked over plain HTTP at most: a listener may redirect one and serve another.
const OTHERS: usize = 20;

/// The other declared endpoints over plain HTTP: what writes with a body that cannot be valid, and a credential of nobody's.
pub(super) fn others(deployment: &Deployment) -> Vec<Request> {
    let first = deployment.representative();
    deployment
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.public.is_none())
        .filter(|endpoint| endpoint.method != "GET" || endpoint.path != first)
        .filter_map(|endpoint| match endpoint.method.as_str() {
            "GET" | "HEAD" => Some(Request::new(&endpoint.method, &endpoint.path).plain()),
            "POST" => Some(Request::new(&endpoint.method, &endpoint.path).json(BROKEN).with(Credential::Dummy).plain()),
            _ => None,
        })
        .take(OTHERS)
        .collect()
}

/// No JSON, so that nothing is written.
const BROKEN: &str = "{\"watertight\":";

/// The target's own URL is plain HTTP, and nothing excuses it.
pub(super) fn own_url(target: &Target, deployment: &Deployment, evidence: &Evidence, verdict: &mut Verdict) {
    let url = deployment.origin();
    match evidence.of(&secure(deployment)) {
        Ok(answer) if redirect(answer, &secure(deployment).url(target)).is_some_and(|to| to.scheme() == "https") => {
            verdict.not_seen(Unseen::NotComparable(format!("{url} redirects to HTTPS: give the https:// URL")));
        }
        Ok(answer) => verdict.finds(
            Finding::new(
                format!("the {} deployment is served over plain HTTP ({})", target.environment, answer.status),
                Place::url(url),
            )
            .aspect("plain-url"),
        ),
        // A limiter's refusal came over plain HTTP all the same, but who answered is not known.
        Err(unseen) => verdict.not_seen(unseen),
    }
}

/// The plain-HTTP listener beside the deployment.
pub(super) fn judge(target: &Target, deployment: &Deployment, evidence: &Evidence, verdict: &mut Verdict) {
    let asked = plain(deployment);
    let place = asked.url(target);
    let host = Listener::Plain.host(target).unwrap_or_default();
    let reachable = evidence.exchanges().any(|(request, _)| request.listener == Listener::Main);
    let answer = match evidence.of(&asked) {
        Ok(answer) => answer,
        // A refused port tells something only where the host itself was seen to answer.
        Err(Unseen::Unreachable(why)) if reachable && why.contains("refused") => {
            return verdict.holds(format!("nothing listens for plain HTTP: connection refused on {host}"));
        }
        Err(Unseen::Unreachable(why)) if why.contains("refused") => {
            return verdict
                .not_seen(Unseen::NotComparable(format!("{host} refuses, and so does the deployment itself")));
        }
        Err(unseen) => return verdict.not_seen(unseen),
    };
    let faults = |verdict: &mut Verdict, what: String, aspect: &str| {
        if target.is_excused() {
            verdict.holds("plain HTTP is excused: development, and every address is loopback");
            verdict.notes(format!("{what}: {place}"));
        } else {
            verdict.finds(Finding::new(what, Place::url(place.clone())).aspect(aspect));
        }
    };
    let bare = manner(answer, deployment, &asked, target);
    match &bare {
        Manner::Served => faults(verdict, format!("served over plain HTTP ({})", answer.status), "served"),
        Manner::Challenges => faults(
            verdict,
            format!("asks for a credential over plain HTTP ({}) instead of refusing it", answer.status),
            "challenge",
        ),
        Manner::Redirects => {
            verdict.holds(format!(
                "plain HTTP on {host} answers one {} to the same host, path and query over HTTPS",
                answer.status
            ));
            if !matches!(answer.status, 301 | 308) {
                verdict.notes(format!("the redirect to HTTPS is temporary ({}); 308 is permanent", answer.status));
            }
            if answer.header("set-cookie").is_some() {
                verdict.notes("a cookie is set on the plain-HTTP answer");
            }
        }
        Manner::Misdirects(why) => faults(verdict, why.clone(), "redirect"),
        Manner::Refuses => match evidence.of(&secure(deployment)) {
            // The same refusal on both may be the service itself, which the real token would open.
            Ok(secure) if secure.status == answer.status => verdict.not_seen(Unseen::NotComparable(format!(
                "plain HTTP answers {} as HTTPS does without a credential; the real token is never sent in clear",
                answer.status
            ))),
            Ok(_) => verdict.holds(format!("plain HTTP on {host} refuses every request ({})", answer.status)),
            Err(unseen) => verdict.not_seen(unseen),
        },
        Manner::Breaks => verdict.not_seen(Unseen::NotComparable(format!("{place} answers {}", answer.status))),
    }
    match evidence.of(&with_dummy(deployment)) {
        Err(unseen) => verdict.not_seen(unseen),
        Ok(answer) => match manner(answer, deployment, &asked, target) {
            Manner::Redirects => verdict.notes(
                "a credential sent over plain HTTP is answered with a redirect: it has leaked by then; a closed port is stricter",
            ),
            manner if manner == bare => {}
            Manner::Served | Manner::Challenges | Manner::Misdirects(_) => faults(
                verdict,
                format!("a credential sent over plain HTTP is read and answered with {}", answer.status),
                "credential-read",
            ),
            Manner::Refuses => {}
            Manner::Breaks => verdict.not_seen(Unseen::NotComparable(format!(
                "{place} answers {} to a dummy credential",
                answer.status
            ))),
        },
    }
    for other in others(deployment) {
        let named = format!("{} {}", other.method, other.path);
        match evidence.of(&other) {
            Err(unseen) => verdict.not_seen(unseen),
            Ok(answer) => match manner(answer, deployment, &other, target) {
                manner if manner == bare => {}
                Manner::Served | Manner::Challenges => faults(
                    verdict,
                    format!("{named} is answered over plain HTTP ({}), unlike {}", answer.status, asked.path),
                    &format!("served {named}"),
                ),
                Manner::Misdirects(why) => faults(verdict, format!("{named} {why}"), &format!("redirect {named}")),
                Manner::Redirects | Manner::Refuses => {}
                Manner::Breaks => verdict
                    .not_seen(Unseen::NotComparable(format!("{named} is answered {} over plain HTTP", answer.status))),
            },
        }
    }
    match evidence.of(&under_forged_host(deployment)) {
        Err(unseen) => verdict.not_seen(unseen),
        Ok(answer) => {
            if redirect(answer, &place).is_some_and(|to| to.host_str() == Some(FORGED)) {
                faults(verdict, "the redirect goes wherever the Host header says".into(), "host-redirect");
            }
        }
    }
}

/// How the plain listener treats a request.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Manner {
    Served,
    Challenges,
    /// To the same host, path and query over HTTPS.
    Redirects,
    /// Elsewhere; says where.
    Misdirects(String),
    Refuses,
    Breaks,
}

fn manner(answer: &Exchange, deployment: &Deployment, asked: &Request, target: &Target) -> Manner {
    match answer.status {
        301 | 302 | 303 | 307 | 308 => match redirect(answer, &asked.url(target)) {
            None => Manner::Misdirects(format!("redirects ({}) without a usable Location", answer.status)),
            Some(to) => match astray(&to, deployment, &asked.path) {
                None => Manner::Redirects,
                Some(why) => Manner::Misdirects(why),
            },
        },
        401 | 407 => Manner::Challenges,
        200..=399 => Manner::Served,
        400..=499 => Manner::Refuses,
        _ => Manner::Breaks,
    }
}

fn redirect(answer: &Exchange, from: &str) -> Option<Url> {
    Url::parse(from).ok()?.join(answer.header("location")?).ok().filter(|_| (300..400).contains(&answer.status))
}

/// Why this is not the same place over HTTPS.
fn astray(to: &Url, deployment: &Deployment, path: &str) -> Option<String> {
    if to.scheme() != "https" {
        return Some(format!("redirects to {}:// instead of https://", to.scheme()));
    }
    let same_host = to.host_str() == deployment.url.host_str();
    if !same_host || to.port_or_known_default() != deployment.url.port_or_known_default() {
        return Some(format!("redirects elsewhere: {}", to.origin().ascii_serialization()));
    }
    let expected = deployment.url.join(path).ok()?;
    if to.path() != expected.path() {
        return Some(format!("the redirect to HTTPS drops the path: {}", to.path()));
    }
    if to.query() != expected.query() {
        return Some("the redirect to HTTPS drops the query".into());
    }
    None
}
