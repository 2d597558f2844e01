//! One request answers several asks where what they ask about is independent: who asks, from which origin, what is put
//! beside the credential. Where a control shows that it is not, the asks are sent again, each as it was asked.
//!
//! Pure: what to send, and which answers to believe.

use crate::detect::answer::alike;
use crate::evidence::http::{Credential, Exchange, Free, Listener, Mutation, Request};
use crate::evidence::mcp;
use crate::target::Target;

/// One request to send, and the asks that it answers.
#[derive(Clone, Debug)]
pub(crate) struct Bundle {
    pub(crate) request: Request,
    /// Never empty; the first one pays.
    pub(crate) asks: Vec<(Request, Free)>,
}

/// What was sent to a target so far, and what came back.
pub(crate) type Memory = Vec<(Request, Exchange)>;

/// What to send now, in this order; and what may go more cheaply with the asks of a later round.
pub(crate) fn bundles(
    target: &Target,
    asked: Vec<(Request, Free)>,
    memory: &Memory,
    last: bool,
) -> (Vec<Bundle>, Vec<Request>) {
    let servers = mcp::candidates(target);
    let mut alone = Vec::new();
    let mut riders = Vec::new();
    let mut later = Vec::new();
    let mut bundles: Vec<Bundle> = Vec::new();
    for (request, free) in asked {
        // On MCP, origin and credential never share a request: a conforming server refuses a hostile Origin whatever
        // the token.
        let joins = request.listener == Listener::Main
            && !request.exact
            && request.nth == 0
            && !servers.iter().any(|path| path == bare(&request.path));
        if !last && is_beside_the_api(target, &request) {
            later.push(request);
        } else if joins && free.rest {
            riders.push((request, free));
        } else if joins {
            bundles.push(Bundle { request: request.clone(), asks: vec![(request, free)] });
        } else {
            alone.push(Bundle { request: request.clone(), asks: vec![(request, free)] });
        }
    }
    origins(&mut bundles);
    let riders = elsewhere(target, &mut bundles, riders, memory);
    for (rider, free) in riders {
        // Where the valid token asks, the answer is one that the rider asked for.
        let like = |bundle: &&mut Bundle| bundle.request.credential == rider.credential && carries(bundle, &rider);
        if let Some(bundle) = bundles.iter_mut().find(like) {
            bundle.request.origin.clone_from(&rider.origin);
            bundle.asks.push((rider, free));
            continue;
        }
        match rides(target, &rider, memory) {
            Some(true) => {
                let carrier = bundles.iter_mut().find(|bundle| carries(bundle, &rider));
                match carrier {
                    Some(bundle) => {
                        bundle.request.origin.clone_from(&rider.origin);
                        bundle.asks.push((rider, free));
                    }
                    None if last => bundles.push(Bundle { request: rider.clone(), asks: vec![(rider, free)] }),
                    None => later.push(rider),
                }
            }
            None if !last => later.push(rider),
            None | Some(false) => bundles.push(Bundle { request: rider.clone(), asks: vec![(rider, free)] }),
        }
    }
    bundles.extend(alone);
    order(target, &mut bundles);
    (bundles, later)
}

/// A positive control of every path first, so that a limiter's first window shows that each is counted; then path by path,
/// and one control more at the very end. What may not be counted by a limiter goes last.
fn order(target: &Target, bundles: &mut Vec<Bundle>) {
    let place = |request: &Request| (request.method.clone(), bare(&request.path).to_owned());
    // Where somebody else is asked for, too, is an endpoint; with the valid token alone go invalid values of a path.
    let mut endpoints: std::collections::BTreeSet<_> = bundles
        .iter()
        .filter(|bundle| bundle.request.credential != Credential::Valid)
        .map(|bundle| place(&bundle.request))
        .collect();
    let mut first = std::collections::BTreeSet::new();
    for bundle in bundles.iter().filter(|bundle| bundle.request.credential == Credential::Valid) {
        if endpoints.remove(&place(&bundle.request)) {
            first.insert(bundle.request.clone());
        }
    }
    let rank = |bundle: &Bundle| match bundle.request.credential {
        Credential::Valid => 0,
        Credential::None => 1,
        Credential::Wrong | Credential::Mutated(_) | Credential::Leaked(_) | Credential::Dummy => 2,
    };
    bundles.sort_by_cached_key(|bundle| {
        (
            is_beside_the_api(target, &bundle.request),
            bundle.request.exact,
            !first.contains(&bundle.request),
            bare(&bundle.request.path).to_owned(),
            bundle.request.method.clone(),
            rank(bundle),
        )
    });
    // The last word is a positive control's: what was denied before it was not denied for a lockout.
    let seen = |bundle: &Bundle| bundle.request.credential == Credential::Valid;
    if bundles.iter().filter(|bundle| seen(bundle)).count() > 1
        && let Some(place) = bundles.iter().rposition(seen)
    {
        let control = bundles.remove(place);
        bundles.push(control);
    }
}

/// Paths beside the API: no limiter need count them.
fn is_beside_the_api(target: &Target, request: &Request) -> bool {
    let path = bare(&request.path);
    let public = target.deployment.as_ref().is_some_and(|deployment| {
        deployment.endpoints.iter().any(|endpoint| endpoint.public.is_some() && bare(&endpoint.path) == path)
    });
    request.listener == Listener::Main
        && (public
            || request.method == "OPTIONS"
            || ["/.well-known/", "/watertight-"].into_iter().any(|prefix| path.starts_with(prefix))
            || path.contains("/watertight-") && path.ends_with("/none"))
}

/// What does not depend on the origin rides with the same request from a fixed one. Requests without a credential do not:
/// they are what the others are compared with.
fn origins(bundles: &mut Vec<Bundle>) {
    let free = |bundle: &Bundle| {
        bundle.request.origin.is_none()
            && bears(&bundle.request.credential)
            && bundle.asks.iter().all(|(_, free)| free.origin)
    };
    let mut index = 0;
    while let Some(bundle) = bundles.get(index) {
        let host = free(bundle).then(|| {
            bundles.iter().position(|other| {
                other.request.origin.is_some() && Request { origin: None, ..other.request.clone() } == bundle.request
            })
        });
        let Some(Some(place)) = host else {
            index += 1;
            continue;
        };
        let asks = bundle.asks.clone();
        if let Some(host) = bundles.get_mut(place) {
            host.asks.extend(asks);
        }
        bundles.remove(index);
    }
}

/// Origins that found no request of their own path ride beside the valid token on another path, where an allowed origin is
/// granted: the control goes first, and two requests stay as they are to be compared with. What is left.
fn elsewhere(
    target: &Target,
    bundles: &mut [Bundle],
    riders: Vec<(Request, Free)>,
    memory: &Memory,
) -> Vec<(Request, Free)> {
    let allowed = target.deployment.as_ref().and_then(|deployment| deployment.origins.as_ref()?.first());
    let Some(allowed) = allowed else { return riders };
    let open = |bundle: &Bundle| {
        bundle.request.origin.is_none()
            && bundle.request.credential == Credential::Valid
            && !bundle.request.exact
            && bundle.request.method != "OPTIONS"
            && !is_beside_the_api(target, &bundle.request)
            && bundle.asks.iter().all(|(_, free)| free.origin)
    };
    let (mut waiting, mut left): (Vec<_>, Vec<_>) =
        riders.into_iter().partition(|(rider, _)| rider.credential == Credential::Valid && rider.method == "GET");
    let place = |request: &Request| (request.method.clone(), bare(&request.path).to_owned());
    let places: std::collections::BTreeSet<_> =
        bundles.iter().filter(|bundle| open(bundle)).map(|bundle| place(&bundle.request)).collect();
    for one in places {
        let mut at: Vec<&mut Bundle> =
            bundles.iter_mut().filter(|bundle| open(bundle) && place(&bundle.request) == one).collect();
        let known = memory.iter().any(|(request, _)| is_control(request, &one, allowed));
        let spare = at.len().saturating_sub(if known { 2 } else { 3 });
        if waiting.is_empty() || spare == 0 {
            continue;
        }
        let mut free = at.drain(..);
        if !known && let Some(control) = free.next() {
            control.request.origin = Some(allowed.clone());
        }
        for bundle in free.take(spare) {
            let Some((rider, leaves)) = waiting.pop() else { break };
            bundle.request.origin.clone_from(&rider.origin);
            bundle.asks.push((rider, leaves));
        }
    }
    left.extend(waiting);
    left
}

/// Whether this request asked for the allowed origin with the valid token at the place.
fn is_control(request: &Request, (method, path): &(String, String), allowed: &str) -> bool {
    request.credential == Credential::Valid
        && request.method == *method
        && bare(&request.path) == path
        && request.origin.as_deref() == Some(allowed)
}

/// Whether what rode on another path was answered where an allowed origin is granted.
fn rode_well(ask: &Request, sent: &Request, memory: &Memory, allowed: Option<&str>) -> bool {
    let place = (sent.method.clone(), bare(&sent.path).to_owned());
    if place == (ask.method.clone(), bare(&ask.path).to_owned()) {
        return true;
    }
    memory.iter().any(|(request, exchange)| {
        allowed.is_some_and(|allowed| {
            is_control(request, &place, allowed) && exchange.header("access-control-allow-origin") == Some(allowed)
        })
    })
}

/// Whether the bundle can carry the rider's origin: the same method and path, and nobody there minds the origin.
fn carries(bundle: &Bundle, rider: &Request) -> bool {
    bundle.request.origin.is_none()
        && bundle.request.method == rider.method
        && bare(&bundle.request.path) == bare(&rider.path)
        && bears(&bundle.request.credential)
        && bundle.asks.iter().all(|(_, free)| free.origin)
}

/// Whether the credential, if any, stands in its own header. Elsewhere an origin may matter: a guard against forged
/// requests refuses a cookie from a foreign page and no other.
fn bears(credential: &Credential) -> bool {
    match credential {
        Credential::Valid | Credential::Wrong => true,
        Credential::Mutated(mutation) => {
            !matches!(mutation, Mutation::Query(_) | Mutation::Form(_) | Mutation::Cookie(_))
        }
        Credential::None | Credential::Leaked(_) | Credential::Dummy => false,
    }
}

/// Whether an answer to somebody else shows what CORS grants at the rider's path: an allowed origin is granted there alike
/// with and without the right credential, and a foreign origin is let through. `None`: not known yet.
fn rides(target: &Target, rider: &Request, memory: &Memory) -> Option<bool> {
    let allowed = target.deployment.as_ref()?.origins.as_ref()?.first();
    let Some(allowed) = allowed else { return Some(false) };
    let at = |admitted: bool| {
        memory.iter().find(|(request, _)| {
            request.method == rider.method
                && request.path == rider.path
                && (request.credential == Credential::Valid) == admitted
                && request.origin.as_ref() == Some(allowed)
        })
    };
    let grants = |exchange: &Exchange| exchange.header("access-control-allow-origin") == Some(allowed.as_str());
    let (_, admitted) = at(true)?;
    let (_, denied) = at(false)?;
    let alike = grants(admitted) && grants(denied) && admitted.is_success() && denied.is_denied();
    Some(alike && passes_foreign(rider, memory)?)
}

/// Whether the valid token is admitted from a foreign origin: no gate refuses by origin alone.
fn passes_foreign(rider: &Request, memory: &Memory) -> Option<bool> {
    let foreign = memory.iter().find(|(request, _)| {
        request.method == rider.method
            && request.path == rider.path
            && request.credential == Credential::Valid
            && request.origin.as_deref().is_some_and(|origin| origin.ends_with("watertight-audit.example"))
    });
    foreign.map(|(_, exchange)| exchange.is_success())
}

/// The asks of these bundles whose answers rest on a factor that matters after all: they are sent again as asked.
pub(crate) fn doubtful(
    target: &Target,
    sent: &[(Bundle, Exchange)],
    memory: &Memory,
    classes: &[(String, u16)],
) -> Vec<(Request, Free)> {
    let origins = target.deployment.as_ref().and_then(|deployment| deployment.origins.as_ref());
    let allowed = origins.and_then(|origins| origins.first()).map(String::as_str);
    let mut again = Vec::new();
    for (bundle, exchange) in sent {
        for (ask, free) in &bundle.asks {
            let holds = if free.rest {
                rode_well(ask, &bundle.request, memory, allowed)
            } else {
                believed(ask, &bundle.request, exchange, memory, classes)
            };
            if *ask == bundle.request || holds {
                continue;
            }
            again.push((ask.clone(), *free));
        }
    }
    again
}

fn believed(ask: &Request, sent: &Request, exchange: &Exchange, memory: &Memory, classes: &[(String, u16)]) -> bool {
    if ask.credential == Credential::Valid {
        // Only the origin differs. Admitted from a foreign origin is admitted.
        // Refused for what it says, as from no origin at all, is no gate either.
        let plain = |(request, plain): &(Request, Exchange)| {
            request.method == ask.method
                && bare(&request.path) == bare(&ask.path)
                && request.credential == Credential::Valid
                && request.origin.is_none()
                && plain.status == exchange.status
                && !plain.is_denied()
                && alike(plain, exchange)
        };
        return exchange.is_success()
            || memory.iter().any(plain)
            || classes.contains(&(ask.method.clone(), exchange.status));
    }
    // Denied as anybody without a credential and without an origin is.
    let plain = memory.iter().find(|(request, _)| {
        request.method == ask.method
            && request.path == ask.path
            && request.credential == Credential::None
            && request.origin.is_none()
            && request.headers.is_empty()
    });
    let alike_plain = plain.is_some_and(|(_, plain)| {
        matches!(plain.status, 401 | 403) && plain.status == exchange.status && alike(plain, exchange)
    });
    // And the origin alone is no reason to deny.
    let gate = sent.origin.is_some()
        && !memory.iter().any(|(request, exchange)| {
            request.method == ask.method
                && request.path == ask.path
                && request.credential == Credential::Valid
                && request.origin.is_some()
                && (exchange.is_success() || classes.contains(&(request.method.clone(), exchange.status)))
        });
    alike_plain && !gate
}

fn bare(path: &str) -> &str {
    path.split('?').next().unwrap_or(path)
}
