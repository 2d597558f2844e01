//! How a plain-HTTP listener treats a request, and whether a redirect of it stays at the same place.

use url::Url;

use crate::evidence::http::{Exchange, Request};
use crate::target::{Deployment, Target};

/// How the plain listener treats a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Manner {
    Served,
    Challenges,
    /// To the same host, path and query over HTTPS.
    Redirects,
    /// Elsewhere; says where.
    Misdirects(String),
    Refuses,
    Breaks,
}

pub(super) fn manner(answer: &Exchange, deployment: &Deployment, asked: &Request, target: &Target) -> Manner {
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

pub(super) fn redirect(answer: &Exchange, from: &str) -> Option<Url> {
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
