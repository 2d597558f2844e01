//! What the plain-HTTP listener beside a deployment does with a request: it may redirect it to the same place over HTTPS, or
//! refuse it, and nothing else.

use std::collections::BTreeSet;

use super::manner::{Manner, manner, redirect};
use crate::check::{Finding, Place, Verdict};
use crate::evidence::http::{Credential, Listener, Request};
use crate::evidence::{Evidence, Unseen, mcp};
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

/// The representative and the MCP endpoints by POST: a listener may redirect GET and serve whatever else comes.
pub(super) fn posted(target: &Target, deployment: &Deployment) -> Vec<Request> {
    let others = others(deployment);
    std::iter::once(deployment.representative())
        .chain(mcp::candidates(target))
        .collect::<BTreeSet<String>>()
        .into_iter()
        .map(|path| Request::new("POST", path).json(BROKEN).with(Credential::Dummy).plain())
        .filter(|request| !others.contains(request))
        .collect()
}

/// The deployment's own port spoken to in clear.
pub(super) fn in_clear(deployment: &Deployment) -> Request {
    let request = Request::get(deployment.representative()).in_clear();
    // A proxy keeps exact bytes from being the audit's own.
    if deployment.proxy.is_none() { request.exact() } else { request }
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
    for request in posted(target, deployment) {
        let named = format!("POST {}", request.path);
        match evidence.of(&request) {
            Err(unseen) => verdict.not_seen(unseen),
            Ok(answer) => match manner(answer, deployment, &request, target) {
                manner if manner == bare => {}
                Manner::Served | Manner::Challenges => faults(
                    verdict,
                    format!("{named} is answered over plain HTTP ({}), unlike GET", answer.status),
                    &format!("served {named}"),
                ),
                // Gates refuse so whatever comes; anything else was read before it was refused.
                Manner::Refuses if matches!(answer.status, 403 | 404 | 405 | 426) => {}
                Manner::Refuses | Manner::Breaks => verdict.not_seen(Unseen::NotComparable(format!(
                    "{named} is answered {} over plain HTTP, unlike GET: whether it was read there is not told",
                    answer.status
                ))),
                // What a client does with it is its affair: the body has been sent by then, as with every redirect.
                Manner::Redirects | Manner::Misdirects(_) => {}
            },
        }
    }
    match evidence.of(&under_forged_host(deployment)) {
        Err(unseen) => verdict.not_seen(unseen),
        Ok(answer) if redirect(answer, &place).is_some_and(|to| to.host_str() == Some(FORGED)) => {
            faults(verdict, "the redirect goes wherever the Host header says".into(), "host-redirect");
        }
        Ok(answer) => match manner(answer, deployment, &asked, target) {
            manner if manner == bare => {}
            Manner::Challenges => faults(
                verdict,
                format!("asks for a credential over plain HTTP ({}) under any other Host", answer.status),
                "challenge-other-host",
            ),
            Manner::Served => verdict.not_seen(Unseen::NotComparable(format!(
                "{place} is answered {} under another Host: whether that is this deployment is not told",
                answer.status
            ))),
            Manner::Redirects | Manner::Misdirects(_) | Manner::Refuses | Manner::Breaks => {}
        },
    }
}

/// The deployment's own port must speak TLS alone.
pub(super) fn judge_own_port(target: &Target, deployment: &Deployment, evidence: &Evidence, verdict: &mut Verdict) {
    let asked = in_clear(deployment);
    let host = Listener::Clear.host(target).unwrap_or_default();
    let reachable = evidence.exchanges().any(|(request, _)| request.listener == Listener::Main);
    let answer = match evidence.of(&asked) {
        Ok(answer) => answer,
        // Broken HTTP is HTTP all the same.
        Err(Unseen::Malformed(why)) if why.contains("not HTTP/1") => {
            return verdict.holds(format!("{host} answers plain HTTP with what is no HTTP: it speaks TLS alone"));
        }
        Err(Unseen::Unreachable(why)) if reachable && (why.contains("closed") || why.contains("reset")) => {
            return verdict.holds(format!("{host} ends connections in plain HTTP: it speaks TLS alone"));
        }
        Err(unseen) => return verdict.not_seen(unseen),
    };
    let what = match manner(answer, deployment, &asked, target) {
        Manner::Redirects | Manner::Refuses => {
            return verdict.holds(format!("{host} refuses plain HTTP on the HTTPS port ({})", answer.status));
        }
        Manner::Breaks => {
            return verdict.not_seen(Unseen::NotComparable(format!("{} answers {}", asked.url(target), answer.status)));
        }
        Manner::Served => format!("the HTTPS port serves plain HTTP, too ({})", answer.status),
        Manner::Challenges => format!("the HTTPS port asks for a credential over plain HTTP ({})", answer.status),
        Manner::Misdirects(why) => format!("the HTTPS port answers plain HTTP, too, and {why}"),
    };
    if target.is_excused() {
        verdict.notes(format!("{what}: {}", asked.url(target)));
    } else {
        verdict.finds(Finding::new(what, Place::url(asked.url(target))).aspect("own-port"));
    }
}
