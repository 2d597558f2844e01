//! The deployment's own port and the plain listener beside it, asked through the deployment's own client.

use crate::check::{Finding, Place, Verdict};
use crate::evidence::catalogue::{self, Access, Answered, NOWHERE};
use crate::evidence::http::{Credential, Exchange, Listener as Side, Request};
use crate::evidence::mcp::{self, Conversation};
use crate::evidence::{Ask, Evidence, Unseen};
use crate::target::{Deployment, Host, Reach, Target};

pub(super) fn is_own(host: &Host, deployment: &Deployment) -> bool {
    host.name.trim_matches(['[', ']']) == deployment.host()
}

/// What the best-known LLM servers answer; asked of the deployment's own port through its own client.
pub(super) fn own_questions() -> impl Iterator<Item = Request> {
    ["/v1/models", "/api/tags", NOWHERE].into_iter().map(Request::get)
}

/// The same of the plain-HTTP listener beside it, which may be another program.
pub(super) fn plain_questions(deployment: &Deployment) -> impl Iterator<Item = Request> {
    let asked = deployment.is_https().then_some(["/", "/v1/models", "/api/tags", NOWHERE]);
    asked.into_iter().flatten().map(|path| Request::get(path).plain())
}

/// Something that the valid token must open and its absence must not: a deployment that treats everybody alike shows
/// nothing of itself.
pub(super) fn controls(target: &Target) -> Vec<Ask> {
    let Ok(deployment) = target.deployment() else { return Vec::new() };
    let protected = admitted(deployment).map(|request| request.with(Credential::None)).map(Ask::from);
    if deployment.token.is_none() {
        return protected.into_iter().collect();
    }
    let control = match mcp::candidates(target).into_iter().next() {
        Some(path) => Some(Conversation::standard(target, path).into()),
        None => admitted(deployment).map(Ask::from),
    };
    protected.into_iter().chain(control).collect()
}

pub(super) fn admitted(deployment: &Deployment) -> Option<Request> {
    let endpoint =
        deployment.endpoints.iter().find(|endpoint| endpoint.method == "GET" && endpoint.public.is_none())?;
    Some(Request::get(endpoint.path.clone()).with(Credential::Valid))
}

/// The deployment's own port, by the answers that it gave without a credential.
pub(super) fn judge_own(
    host: &Host,
    farthest: Reach,
    target: &Target,
    deployment: &Deployment,
    evidence: &Evidence,
    verdict: &mut Verdict,
) {
    let mut unknown = Vec::new();
    for request in own_questions() {
        match evidence.of(&request) {
            Ok(exchange) if request.path == NOWHERE && exchange.is_success() && !ever_refuses(evidence) => {
                unknown.push(Unseen::NotComparable(format!(
                    "{} answers {} even to a path that nobody serves, so its answers tell no product",
                    deployment.origin(),
                    exchange.status
                )));
            }
            Ok(_) => {}
            Err(unseen) => unknown.push(unseen),
        }
    }
    let answers: Vec<Answered> = evidence
        .exchanges()
        .filter(|(request, _)| {
            request.listener == Side::Main && request.method == "GET" && request.credential == Credential::None
        })
        .map(|(request, exchange)| answered(request, exchange))
        .collect();
    let (product, access, shown) = catalogue::judge(deployment.port(), &answers);
    if let (Some(product), Access::Open) = (product, access) {
        if farthest > host.reach {
            let what = format!("{} can be used without a credential ({shown}): {}", product.product, product.means);
            verdict.finds(Finding::new(what, Place::url(deployment.origin())).aspect("usable-anonymously"));
        } else {
            verdict.notes(format!("{} is {}, open within the declared reach", deployment.origin(), product.product));
        }
        return;
    }
    for unseen in unknown {
        verdict.not_seen(unseen);
    }
    if deployment.token.is_some() && !is_admitted(target, deployment, evidence) {
        verdict.not_seen(Unseen::NotComparable(format!(
            "{} does not admit its own valid token, so what stands behind its own port cannot be told",
            deployment.origin()
        )));
    }
}

/// The plain-HTTP listener, by what it answers without a credential; a port that is closed serves nothing.
pub(super) fn judge_plain(
    host: &Host,
    farthest: Reach,
    deployment: &Deployment,
    evidence: &Evidence,
    verdict: &mut Verdict,
) {
    let mut answers = Vec::new();
    for request in plain_questions(deployment) {
        match evidence.of(&request) {
            Ok(exchange) => answers.push(answered(&request, exchange)),
            Err(Unseen::Unreachable(why)) if why.contains("refused") => {}
            Err(unseen) => verdict.not_seen(unseen),
        }
    }
    let listener = deployment.plain_listener();
    let (product, access, shown) = catalogue::judge(listener.port_or_known_default().unwrap_or(80), &answers);
    if let (Some(product), Access::Open) = (product, access)
        && farthest > host.reach
    {
        let what = format!("{} can be used without a credential ({shown}): {}", product.product, product.means);
        let place = Place::url(listener.origin().ascii_serialization());
        verdict.finds(Finding::new(what, place).aspect("usable-anonymously"));
    }
}

pub(super) fn is_admitted(target: &Target, deployment: &Deployment, evidence: &Evidence) -> bool {
    let candidates = mcp::candidates(target);
    let first = candidates.first().map(|path| Conversation::standard(target, path.clone()));
    let by_protocol = first.is_some_and(|ask| evidence.of(&ask).is_ok_and(|transcript| transcript.era.is_mcp()));
    let by_request = evidence
        .exchanges()
        .any(|(request, exchange)| request.credential == Credential::Valid && exchange.is_success());
    // Without anything declared that the token could open there is no control to ask for.
    by_protocol || by_request || (candidates.is_empty() && admitted(deployment).is_none())
}

pub(super) fn answered(request: &Request, exchange: &Exchange) -> Answered {
    Answered {
        path: request.path.clone(),
        status: exchange.status,
        headers: exchange.headers.clone(),
        body: exchange.body.text.clone(),
    }
}

/// Whether any request without a credential was refused or not found: a single-page application gives its page for
/// every path, but its API still denies.
pub(super) fn ever_refuses(evidence: &Evidence) -> bool {
    evidence.exchanges().any(|(request, exchange)| {
        request.listener == Side::Main && request.credential == Credential::None && exchange.status >= 400
    })
}

pub(super) fn own_edge(host: &Host, target: &Target, evidence: &Evidence) -> Option<String> {
    let deployment = target.deployment().ok()?;
    if !is_own(host, deployment) {
        return None;
    }
    evidence.exchanges().find_map(|(_, exchange)| catalogue::edge(&exchange.headers))
}
