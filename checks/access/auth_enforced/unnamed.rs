//! An endpoint that is given without a method is judged by GET, and by POST where it answers that; what else it says that it
//! answers is unseen.

use super::endpoint;
use crate::detect::answer::{Says, alike};
use crate::evidence::http::{Exchange, Request};
use crate::evidence::{Evidence, Unseen};
use crate::target::{Endpoint, Target};

/// By what a bare path is judged.
#[derive(Default)]
pub(super) struct Methods {
    /// What shows whether POST is answered.
    pub(super) probes: Vec<Request>,
    pub(super) requests: Vec<Request>,
    pub(super) unseen: Vec<Unseen>,
}

pub(super) fn methods(target: &Target, seen: &Evidence, endpoint: &Endpoint, known: &[Endpoint]) -> Methods {
    let bare = |path: &str| path.split('?').next().unwrap_or_default().to_owned();
    let is_named = |method: &str| {
        known
            .iter()
            .any(|other| other.method_named && other.method == method && bare(&other.path) == bare(&endpoint.path))
    };
    let by = |method: &str| {
        let named = Endpoint { method: method.into(), method_named: true, ..endpoint.clone() };
        endpoint::approach(target, seen, &named)
    };
    let mut methods = Methods::default();
    let post = by("POST").ok().filter(|_| !is_named("POST"));
    let answered = post.as_ref().map(|post| is_answered(target, seen, post, &mut methods.probes));
    let get = by("GET");
    let unread = |get: &Request| seen.of(&admitted(target, get)).is_ok_and(|answer| Says::of(answer) == Says::Hidden);
    let undecided = matches!(answered, Some(Err(_)));
    match (get, post, answered) {
        // It is there for POST alone.
        (Ok(get), Some(post), Some(Ok(true))) if unread(&get) => methods.requests.push(post),
        (get, Some(post), Some(Ok(true))) => methods.requests.extend(get.into_iter().chain([post])),
        (get, _, Some(Err(unseen))) => {
            methods.requests.extend(get);
            if unseen != Unseen::NotAsked {
                methods.unseen.push(unseen);
            }
        }
        (get, _, _) => methods.requests.extend(get),
    }
    let judged = |method: &str| {
        is_named(method)
            || methods.requests.iter().any(|request| request.method == method)
            || matches!(method, "OPTIONS" | "HEAD" | "TRACE")
    };
    let left: Vec<String> = said(seen, &endpoint.path).into_iter().filter(|method| !judged(method)).collect();
    if !left.is_empty() && !undecided {
        methods.unseen.push(Unseen::Partial(format!(
            "{} is given without a method and answers {}, too (Allow): name each, as in `{} {}`",
            endpoint.path,
            left.join(", "),
            left.first().map_or("PUT", String::as_str),
            endpoint.path
        )));
    }
    methods
}

/// Whether something at the path answers the method, and not just whatever answers it everywhere.
fn is_answered(target: &Target, seen: &Evidence, request: &Request, probes: &mut Vec<Request>) -> Result<bool, Unseen> {
    // All at once: rounds are few.
    let asked = admitted(target, request);
    let nowhere = admitted(target, &endpoint::made_up(seen, request));
    probes.extend([asked.clone(), nowhere.clone(), endpoint::bare(request), endpoint::stranger(target, request)]);
    let answer = seen.of(&asked)?;
    match Says::of(answer) {
        Says::Nothing(unseen) => return Err(unseen),
        // Nobody gets in by a method that its right holder is refused.
        Says::Hidden | Says::Denied => return Ok(false),
        Says::Broken if answer.status == 501 => return Ok(false),
        Says::Served | Says::Rejected | Says::Elsewhere | Says::Broken => {}
    }
    let nowhere = seen.of(&nowhere)?;
    Ok(nowhere.status != answer.status || !alike(nowhere, answer))
}

fn admitted(target: &Target, request: &Request) -> Request {
    if endpoint::has_token(target) { endpoint::valid(request) } else { endpoint::bare(request) }
}

/// The methods that answers at this path name (RFC 9110 section 10.2.1).
fn said(seen: &Evidence, path: &str) -> std::collections::BTreeSet<String> {
    let here = |request: &Request| request.path.split('?').next() == path.split('?').next();
    let named = |answer: &Exchange| {
        let methods = answer.header("allow").unwrap_or_default().split(',').map(|method| method.trim().to_uppercase());
        methods
            .filter(|method| !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase()))
            .collect::<Vec<_>>()
    };
    seen.exchanges().filter(|(request, _)| here(request)).flat_map(|(_, answer)| named(answer)).take(64).collect()
}
