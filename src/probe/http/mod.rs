//! HTTP: every request of the audit to a deployment goes out through [`Sender::send`].

mod asides;
mod bracket;
#[cfg(test)]
mod bundle_tests;
mod burst;
#[cfg(test)]
mod burst_tests;
mod client;
mod credential;
mod exam;
mod groups;
mod ledger;
mod listen;
mod raw;
mod reading;
mod received;
#[cfg(test)]
pub(crate) mod rig;
#[cfg(test)]
mod rival_tests;
mod rivals;
mod shot;
mod tape;
mod trust;
mod vary;
#[cfg(test)]
mod wire_tests;

use std::time::Duration;

use futures_util::StreamExt as _;

use crate::detect::refusal::{Answered, answered, claim, retry_after};
use crate::evidence::http::{Credential, Exchange, Free, Listener, Mutation, Request};
use crate::evidence::{Ask, Unseen};
use crate::plan::bundle::{self, Bundle};
use crate::probe::{Sink, World};
use crate::target::{Deployment, Target};
pub(super) use burst::measure;
pub(crate) use client::Clients;
use client::Route;
use ledger::{Fate, Ledger};
use tape::Label;

/// How often one request is sent again: after a refusal by the limiter, an overload, or a lost connection. With the
/// first send, the ceiling of a plain request.
const AGAIN: u32 = 3;
/// Before the second try of a request that was lost or met an overload.
const PAUSE: Duration = Duration::from_millis(100);
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use raw::fuzz_answer;
pub(crate) use reading::Reading;

/// Sends on the account of one ask.
#[derive(Clone, Copy)]
pub(crate) struct Sender<'a> {
    pub(crate) world: &'a World,
    pub(crate) target: &'a Target,
    pub(crate) ask: &'a Ask,
}

impl Sender<'_> {
    /// One exchange. A refusal by the limiter, a load shedder or a WAF is `Unseen::Limited`, never an exchange: it
    /// answers nothing but questions about refusals.
    ///
    /// Waits while the origin is known to refuse, and sends again after a refusal.
    pub(crate) async fn send(&self, request: &Request) -> Result<Exchange, Unseen> {
        self.read(request, &Reading::default()).await.map(|(exchange, _)| exchange)
    }

    /// One exchange and its whole body, of which the exchange records only the beginning: for documents that a probe
    /// reads and does not keep. Masked, and bounded by the client's cap.
    pub(crate) async fn document(&self, request: &Request) -> Result<(Exchange, String), Unseen> {
        let (exchange, body) = self.read(request, &Reading::default()).await?;
        Ok((exchange, self.world.vault.masked(&String::from_utf8_lossy(&body))))
    }

    /// As [`Sender::send`], reading only as far as `reading` says; with the body whole and unmasked, for parsing only.
    pub(crate) async fn read(&self, request: &Request, reading: &Reading<'_>) -> Result<(Exchange, Vec<u8>), Unseen> {
        let Some(deployment) = &self.target.deployment else {
            return Err(Unseen::NotNamed("no deployment named".into()));
        };
        if request.nth > 0 && deployment.costly.iter().any(|costly| request.path.starts_with(costly.as_str())) {
            return Err(Unseen::NotAllowed(format!("{} is costly, and gets one request of a kind", request.path)));
        }
        let host = request
            .listener
            .host(self.target)
            .ok_or_else(|| Unseen::NotNamed("the target's URL names no host".into()))?;
        // A server that speaks TLS does not count what is no TLS.
        let origin = match request.listener {
            Listener::Main | Listener::Plain => host.clone(),
            Listener::Clear => format!("{host} in clear"),
        };
        let ledger = self.world.clients.ledgers.of(&origin, self.target);
        let mut last = Unseen::NotAsked;
        for again in 0..=AGAIN {
            let mut permit = ledger.admit(Label::of(request), self.world.time_left()).await?;
            if reading.stop.is_some() {
                permit.let_go();
            }
            if must_be_denied(&request.credential) {
                ledger.deny(deployment.limits.max_denied)?;
            }
            let (exchange, body) = match client::read(self, request, Route::default(), reading).await {
                Ok(read) => read,
                // The account is closed: what the refusals before it said is the reason.
                Err(Unseen::OverBudget(why)) => {
                    return Err(if again == 0 { Unseen::OverBudget(why) } else { last });
                }
                Err(unseen) if again == 0 && is_lost(&unseen) && is_safe(&request.method) => {
                    drop(permit);
                    last = unseen;
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                Err(unseen) => return Err(unseen),
            };
            match answered(&exchange) {
                Answered::Service => {
                    permit.settle(&Fate::Served {
                        status: exchange.status,
                        claim: claim(&exchange),
                        error: exchange.status >= 500,
                    });
                    Self::mind(deployment, &ledger, &exchange);
                    return Ok((exchange, body));
                }
                Answered::Limiter => {
                    let wait = retry_after(&exchange);
                    last = Unseen::Limited(format!("{host} answered {} for too many requests", exchange.status));
                    permit.settle(&Fate::Refused { wait, claim: claim(&exchange), exchange });
                }
                Answered::Firewall => {
                    return Err(Unseen::Limited(format!("a firewall before {host} answered {}", exchange.status)));
                }
                Answered::Shedder => {
                    permit.settle(&Fate::Served { status: exchange.status, claim: None, error: true });
                    Self::mind(deployment, &ledger, &exchange);
                    last = Unseen::Limited(format!(
                        "{host} answered {} for overload or a missing upstream",
                        exchange.status
                    ));
                    if again > 0 {
                        return Err(last);
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        Err(last)
    }

    /// Stops where the target's own limits say so.
    fn mind(deployment: &Deployment, ledger: &Ledger, exchange: &Exchange) {
        let most = deployment.limits.stop_on_errors;
        if most > 0 && ledger.errors_in_a_row() >= most {
            ledger.stop(Unseen::OverBudget(format!("`stop-on` of the target: {most} answers of 5xx in a row")));
        }
        if let Some(longest) = deployment.limits.stop_on_latency
            && Duration::from_millis(exchange.took) > longest.duration()
        {
            ledger.stop(Unseen::OverBudget(format!(
                "`stop-on` of the target: an answer took {} ms, over {longest}",
                exchange.took
            )));
        }
    }
}

/// Whether a lockout counter may be behind this credential.
fn must_be_denied(credential: &Credential) -> bool {
    match credential {
        Credential::None | Credential::Valid | Credential::Mutated(Mutation::LowerScheme | Mutation::DoubleSpace) => {
            false
        }
        Credential::Wrong | Credential::Mutated(_) | Credential::Leaked(_) | Credential::Dummy => true,
    }
}

/// Whether the request may never have arrived.
fn is_lost(unseen: &Unseen) -> bool {
    matches!(unseen, Unseen::Unreachable(_) | Unseen::Malformed(_))
}

/// Methods that may be sent twice without harm (RFC 9110 section 9.2.1).
fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS")
}

/// The plain requests of one round, each with what it leaves free.
pub(super) struct Requests {
    pub(super) requests: Vec<(Request, Free)>,
    pub(super) last: bool,
}

/// Nothing more will be asked of the target.
pub(super) fn finish(world: &World, target: &Target) {
    if let Some(host) = Listener::Main.host(target) {
        world.clients.ledgers.of(&host, target).finish();
    }
}

/// Answers the plain requests of a round, several with one request where what they ask about is independent.
pub(super) async fn answer(world: &World, target: &Target, asked: Requests, sink: &Sink) {
    let (bundles, later) = bundle::bundles(target, asked.requests, &world.clients.memory.of(target), asked.last);
    for request in &later {
        sink.leave_over(request);
    }
    let sent = send_all(world, target, bundles, sink).await;
    // Where more is to come, its positive controls close this round, too.
    if later.is_empty() {
        bracket::close(world, target, &sent, sink).await;
    }
    let memory = world.clients.memory.of(target);
    let mut classes = world.clients.memory.classes(target);
    let mut again = bundle::doubtful(target, &sent, &memory, &classes);
    // Where the valid token is refused as such requests are, whatever the origin, one of each kind shows it.
    let mut kinds: Vec<(String, u16)> = Vec::new();
    let mut controls = Vec::new();
    for (request, free) in &again {
        let status = sent.iter().find(|(bundle, _)| bundle.asks.iter().any(|(ask, _)| ask == request));
        let Some((_, exchange)) = status else { continue };
        let kind = (request.method.clone(), exchange.status);
        if request.credential == Credential::Valid && !kinds.contains(&kind) {
            kinds.push(kind.clone());
            controls.push((request.clone(), *free, kind));
        }
    }
    for (request, _, kind) in controls {
        let plain = Bundle { request: request.clone(), asks: vec![(request.clone(), Free::default())] };
        for (_, exchange) in send_all(world, target, vec![plain], sink).await {
            if exchange.status == kind.1 {
                world.clients.memory.add_class(target, kind.clone());
                classes.push(kind.clone());
            }
        }
        again.retain(|(other, _)| *other != request);
    }
    let memory = world.clients.memory.of(target);
    again.retain(|(request, _)| {
        let with = sent.iter().filter(|(bundle, _)| bundle.asks.iter().any(|(ask, _)| ask == request)).cloned();
        bundle::doubtful(target, &with.collect::<Vec<_>>(), &memory, &classes).iter().any(|(other, _)| other == request)
    });
    let again = again
        .into_iter()
        .map(|(request, _)| Bundle { request: request.clone(), asks: vec![(request, Free::default())] });
    send_all(world, target, again.collect(), sink).await;
}

/// Sends every bundle; what has no answer as a bundle is sent again as asked.
async fn send_all(world: &World, target: &Target, bundles: Vec<Bundle>, sink: &Sink) -> Vec<(Bundle, Exchange)> {
    futures_util::stream::iter(bundles)
        .map(|bundle| async move {
            let (first, _) = bundle.asks.first()?;
            let ask = Ask::from(first.clone());
            let sender = Sender { world, target, ask: &ask };
            let answer = sender.send(&bundle.request).await;
            let exchange = match answer {
                Ok(exchange) => exchange,
                Err(unseen) => {
                    for (ask, _) in &bundle.asks {
                        sink.put(ask, Err(unseen.clone()));
                    }
                    return None;
                }
            };
            for (ask, _) in &bundle.asks {
                if *ask == bundle.request && bundle.asks.len() == 1 {
                    sink.put(ask, Ok(exchange.clone()));
                } else {
                    sink.put_shared(ask, exchange.clone(), &bundle.request);
                }
            }
            world.clients.memory.add(target, &bundle.request, &exchange);
            Some((bundle, exchange))
        })
        .buffer_unordered(8)
        .filter_map(|sent| async move { sent })
        .collect()
        .await
}
