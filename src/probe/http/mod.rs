//! HTTP: every request of the audit to a deployment goes out through [`Sender::send`].

mod burst;
#[cfg(test)]
mod burst_tests;
mod client;
mod credential;
mod ledger;
mod raw;
mod received;
#[cfg(test)]
pub(crate) mod rig;
mod shot;
mod tape;
mod trust;
#[cfg(test)]
mod wire_tests;

use std::time::Duration;
mod reading;

use futures_util::StreamExt as _;

use crate::detect::refusal::{Answered, answered, claim, retry_after};
use crate::evidence::http::{Credential, Exchange, Mutation, Request};
use crate::evidence::{Ask, Unseen};
use crate::probe::{Sink, World};
use crate::target::{Deployment, Target};
pub(super) use burst::measure;
pub(crate) use client::Clients;
use client::Route;
use ledger::{Fate, Ledger};

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
        let ledger = self.world.clients.ledgers.of(&host, self.target);
        let path = request.path.split('?').next().unwrap_or_default();
        let mut last = Unseen::NotAsked;
        for again in 0..=AGAIN {
            let mut permit = ledger.admit(path, self.world.time_left()).await?;
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
                    permit.settle(&Fate::Served { claim: claim(&exchange), error: exchange.status >= 500 });
                    Self::mind(deployment, &ledger, &exchange);
                    return Ok((exchange, body));
                }
                Answered::Limiter => {
                    let wait = retry_after(&exchange);
                    permit.settle(&Fate::Refused { wait, claim: claim(&exchange) });
                    last = Unseen::Limited(format!("{host} answered {} for too many requests", exchange.status));
                }
                Answered::Firewall => {
                    return Err(Unseen::Limited(format!("a firewall before {host} answered {}", exchange.status)));
                }
                Answered::Shedder => {
                    permit.settle(&Fate::Served { claim: None, error: true });
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

/// Answers every plain request of a round: positive controls first, for without them nothing else says anything.
pub(super) async fn answer(world: &World, target: &Target, mut requests: Vec<Request>, sink: &Sink) {
    requests.sort_by_key(|request| request.credential != Credential::Valid);
    futures_util::stream::iter(requests)
        .for_each_concurrent(8, |request| async move {
            let ask = Ask::from(request.clone());
            let sender = Sender { world, target, ask: &ask };
            sink.put(&request, sender.send(&request).await);
        })
        .await;
}
