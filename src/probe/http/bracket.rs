//! A denial says something only where the valid token was admitted before it and still is after it: wrong credentials may
//! have locked the address or the token out.

use super::{must_be_denied, send_all};
use crate::evidence::Unseen;
use crate::evidence::http::{Credential, Exchange, Free, Request};
use crate::plan::bundle::{Bundle, Memory};
use crate::probe::{Sink, World};
use crate::target::Target;

/// Closes the round with a positive control, where none came after the last denial. Where it fails, what was denied since
/// the last good one is sent again, once, between good controls; or it is not comparable.
pub(super) async fn close(world: &World, target: &Target, sent: &[(Bundle, Exchange)], sink: &Sink) {
    let memory = world.clients.memory.of(target);
    let open = unclosed(&memory);
    if open.is_empty() {
        return;
    }
    let Some(control) = control(&memory) else {
        // Nothing that may be sent again shows whether the valid token still is admitted.
        for (ask, _) in asked(sent, &open).iter().flat_map(|bundle| &bundle.asks) {
            let why = format!(
                "{} {}: nothing shows that the valid token was still admitted after it: no request that is admitted may be \
                 sent twice",
                ask.method, ask.path
            );
            sink.put(ask, Err(Unseen::NotComparable(why)));
        }
        return;
    };
    if admitted(world, target, &control, sink).await {
        return;
    }
    let again: Vec<Bundle> = asked(sent, &open);
    if admitted(world, target, &control, sink).await {
        let _ = Box::pin(send_all(world, target, again.clone(), sink)).await;
        if admitted(world, target, &control, sink).await {
            return;
        }
    }
    for (ask, _) in again.iter().flat_map(|bundle| &bundle.asks) {
        let why = format!("{} {}: the valid token was no longer admitted after it", ask.method, ask.path);
        sink.put(ask, Err(Unseen::NotComparable(why)));
    }
}

/// A request that the valid token was admitted with and that may be sent again: a GET that succeeded; else one that was
/// refused for what it says, where a wrong token is denied before that is looked at.
fn control(memory: &Memory) -> Option<Request> {
    let valid = |request: &Request| {
        request.credential == Credential::Valid && request.origin.is_none() && !request.exact && request.nth == 0
    };
    let good =
        |(request, exchange): &&(Request, Exchange)| valid(request) && request.method == "GET" && exchange.is_success();
    let read = |(request, exchange): &&(Request, Exchange)| {
        valid(request)
            && matches!(exchange.status, 400 | 415 | 422)
            && memory.iter().any(|(other, denied)| {
                must_be_denied(&other.credential)
                    && denied.is_denied()
                    && (&other.method, &other.path) == (&request.method, &request.path)
            })
    };
    let found = memory.iter().rev().find(good).or_else(|| memory.iter().rev().find(read));
    found.map(|(request, _)| request.clone())
}

/// What was denied for its credential since the valid token was last seen not to be.
fn unclosed(memory: &Memory) -> Vec<Request> {
    let closed = memory
        .iter()
        .filter(|(request, exchange)| {
            request.credential == Credential::Valid && !exchange.is_denied() && exchange.status < 500
        })
        .map(|(_, exchange)| exchange.at)
        .max();
    memory
        .iter()
        .filter(|(request, exchange)| {
            must_be_denied(&request.credential) && exchange.is_denied() && closed.is_none_or(|at| exchange.at > at)
        })
        .map(|(request, _)| request.clone())
        .collect()
}

/// The bundles of this round that answered with these requests.
fn asked(sent: &[(Bundle, Exchange)], requests: &[Request]) -> Vec<Bundle> {
    sent.iter().filter(|(bundle, _)| requests.contains(&bundle.request)).map(|(bundle, _)| bundle.clone()).collect()
}

/// Whether the valid token is admitted now.
async fn admitted(world: &World, target: &Target, control: &Request, sink: &Sink) -> bool {
    let bundle = Bundle { request: control.clone(), asks: vec![(control.clone(), Free::default())] };
    let answers = Box::pin(send_all(world, target, vec![bundle], sink)).await;
    answers.first().is_some_and(|(_, exchange)| exchange.is_success() || matches!(exchange.status, 400 | 415 | 422))
}
