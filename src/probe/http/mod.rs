//! HTTP: every request of the audit to a deployment goes out through [`Sender::send`].

mod client;
mod credential;

use futures_util::StreamExt as _;

use crate::evidence::http::{Exchange, Request};
use crate::evidence::{Ask, Unseen};
use crate::probe::{Sink, World};
use crate::target::Target;
pub(crate) use client::Clients;

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
    pub(crate) async fn send(&self, request: &Request) -> Result<Exchange, Unseen> {
        client::exchange(self, request).await.map(|(exchange, _)| exchange)
    }

    /// One exchange and its whole body, of which the exchange records only the beginning: for documents that a probe
    /// reads and does not keep. Masked, and bounded by the client's cap.
    pub(crate) async fn read(&self, request: &Request) -> Result<(Exchange, String), Unseen> {
        client::exchange(self, request).await
    }
}

/// Answers every plain request of a round.
pub(super) async fn answer(world: &World, target: &Target, requests: Vec<Request>, sink: &Sink) {
    futures_util::stream::iter(requests)
        .for_each_concurrent(8, |request| async move {
            let ask = Ask::from(request.clone());
            let sender = Sender { world, target, ask: &ask };
            sink.put(&request, sender.send(&request).await);
        })
        .await;
}
