//! What answers on a host's ports, what it is, and whether it works without a credential.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::StreamExt as _;
use tokio::sync::Semaphore;

use super::address::{self, Class};
use super::fetch::Client;
use super::meter::Kind;
use super::{Sink, World, tcp};
use crate::evidence::catalogue::{self, Access, Answered};
use crate::evidence::service::{
    ADDRESSES, AddressSeen, LOCAL, Listening, PortSeen, PortState, Service, Services, Speaks, requests_per_address,
};
use crate::evidence::{Ask, Unseen};
use crate::target::{Reach, Target};

/// Bytes of an answer that are looked at; the metrics page of a busy server is long.
const CAP: usize = 256 * 1024;

pub(super) async fn answer(world: &World, target: &Target, asks: Vec<Services>, sink: &Sink) {
    let connects = tcp::connects();
    futures_util::stream::iter(asks)
        .for_each_concurrent(4, |ask| {
            let connects = connects.clone();
            async move {
                let looking = Looking { world, target, account: Ask::from(ask.clone()), connects };
                sink.put(&ask, looking.host(&ask).await);
            }
        })
        .await;
}

struct Looking<'a> {
    world: &'a World,
    target: &'a Target,
    account: Ask,
    connects: Arc<Semaphore>,
}

impl Looking<'_> {
    async fn host(&self, ask: &Services) -> Result<Listening, Unseen> {
        let mut addresses = self.addresses(ask).await?;
        let complete = addresses.len() <= ADDRESSES as usize;
        addresses.truncate(ADDRESSES as usize);
        let looking = addresses.into_iter().map(|address| self.address(ask, address));
        let addresses = futures_util::future::join_all(looking).await.into_iter().collect::<Result<_, _>>()?;
        Ok(Listening { addresses, complete })
    }

    async fn addresses(&self, ask: &Services) -> Result<Vec<IpAddr>, Unseen> {
        if ask.host == LOCAL {
            return Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
        }
        if ask.addresses.is_empty() {
            let found = address::addresses(self.world, self.target, &ask.host, 0).await?;
            return Ok(found.into_iter().map(|address| address.ip()).collect());
        }
        for address in &ask.addresses {
            address::permit(self.world, self.target, *address)?;
        }
        Ok(ask.addresses.clone())
    }

    async fn address(&self, ask: &Services, address: IpAddr) -> Result<AddressSeen, Unseen> {
        let mut states = self.states(ask, address, &ask.ports).await?;
        // Silence is asked once more: one lost packet is no packet filter.
        let silent: Vec<u16> =
            states.iter().filter(|(_, state)| **state == PortState::Filtered).map(|(port, _)| *port).collect();
        if !silent.is_empty() {
            states.extend(self.states(ask, address, &silent).await?);
        }
        let requests = AtomicU32::new(0);
        let looking = states.into_iter().map(|(port, state)| {
            let requests = &requests;
            async move {
                match state {
                    PortState::Open => {
                        let (service, edge) = self.service(ask, address, port, requests).await;
                        (PortSeen { port, state: PortState::Open, service: Some(service) }, edge)
                    }
                    state => (PortSeen { port, state, service: None }, None),
                }
            }
        });
        let mut ports = Vec::new();
        let mut edge = None;
        for (port, shown) in futures_util::future::join_all(looking).await {
            ports.push(port);
            edge = edge.or(shown);
        }
        Ok(AddressSeen { address, class: class(address), same_machine: is_ours(address), ports, edge })
    }

    async fn states(&self, ask: &Services, address: IpAddr, ports: &[u16]) -> Result<BTreeMap<u16, PortState>, Unseen> {
        let trying = ports.iter().map(|&port| async move {
            let _permit = self.connects.acquire().await.map_err(|_| Unseen::Interrupted)?;
            self.world.meter.send(self.target, &self.account, Kind::Connection, &format!("{}:{port}", ask.host))?;
            Ok((port, tcp::state(SocketAddr::new(address, port)).await))
        });
        futures_util::future::join_all(trying).await.into_iter().collect()
    }

    async fn service(
        &self,
        ask: &Services,
        address: IpAddr,
        port: u16,
        requests: &AtomicU32,
    ) -> (Service, Option<String>) {
        let silent =
            |why: String| Service { speaks: Speaks::NoHttp, product: None, access: Access::Unclear, shown_by: why };
        let host = if ask.host == LOCAL { "localhost" } else { ask.host.as_str() };
        let client = match Client::new(host, &[SocketAddr::new(address, port)]) {
            Ok(client) => client,
            Err(why) => return (silent(why.to_string()), None),
        };
        let asking = Asking { looking: self, client, port, requests, planned: format!("{}:{port}", ask.host) };
        // An address literal is no name that could be resolved, so it is the URL itself.
        let authority = match host.parse::<IpAddr>() {
            Ok(_) if address.is_ipv6() => format!("[{address}]"),
            Ok(_) => address.to_string(),
            Err(_) => host.to_owned(),
        };
        let mut first = Err(Unseen::NotAsked);
        for (scheme, speaks) in [("http", Speaks::Http), ("https", Speaks::Https)] {
            let origin = format!("{scheme}://{authority}:{port}");
            first = asking.read(&origin, "/", None).await;
            match &first {
                // What a TLS port says to plain HTTP (nginx, Go, Node, Apache in this order of wording).
                Ok(answer) if speaks == Speaks::Http && answer.status == 400 && is_tls_complaint(&answer.body) => {}
                Ok(_) => {
                    let root = first.unwrap_or_default();
                    return asking.product(&origin, speaks, root).await;
                }
                Err(_) => {}
            }
        }
        let why = first.err().map_or_else(|| "no HTTP answer".into(), |why| why.to_string());
        (silent(why), None)
    }
}

/// The conversation with one open port.
struct Asking<'a> {
    looking: &'a Looking<'a>,
    client: Client,
    port: u16,
    requests: &'a AtomicU32,
    planned: String,
}

impl Asking<'_> {
    async fn read(&self, origin: &str, path: &str, send: Option<&str>) -> Result<Answered, Unseen> {
        let most = requests_per_address();
        if self.requests.fetch_add(1, Ordering::Relaxed) >= most {
            return Err(Unseen::OverBudget(format!("{most} requests to one address were used up")));
        }
        let Looking { world, target, account, .. } = self.looking;
        world.meter.send(target, account, Kind::Request, &self.planned)?;
        let place = path.split_once(' ').map_or(path, |(_, path)| path);
        let fetched = self.client.read(&format!("{origin}{place}"), send, CAP).await?;
        Ok(Answered { path: path.into(), status: fetched.status, headers: fetched.headers, body: fetched.body })
    }

    /// The first denials once more: a server that denies what comes first, or now and then, denies nothing. Whether any of
    /// them was answered otherwise; those answers then count.
    async fn ask_again(&self, origin: &str, answers: &mut [Answered]) -> bool {
        let mut changed = false;
        for answer in answers.iter_mut().filter(|answer| catalogue::is_denial(answer)).take(AGAIN) {
            let sent = catalogue::questions(self.port).into_iter().find(|(path, _)| *path == answer.path);
            let sent = sent.and_then(|(_, sent)| sent);
            match self.read(origin, &answer.path.clone(), sent.as_deref()).await {
                Ok(again) if catalogue::is_denial(&again) => {}
                Ok(again) => {
                    *answer = again;
                    changed = true;
                }
                Err(_) => changed = true,
            }
        }
        changed
    }

    /// Asks until it is clear that a product can be used, or there is nothing left to ask.
    async fn product(&self, origin: &str, speaks: Speaks, root: Answered) -> (Service, Option<String>) {
        let edge = catalogue::edge(&root.headers);
        let mut answers = vec![root];
        let mut failed: Option<Unseen> = None;
        for (path, send) in catalogue::questions(self.port).into_iter().skip(1) {
            // Open is told by one answer; a guard on one product's paths says nothing of another's on the same port.
            let (product, access, _) = catalogue::judge(self.port, &answers);
            if access == Access::Open && product.is_some_and(|product| !product.general) {
                break;
            }
            match self.read(origin, &path, send.as_deref()).await {
                Ok(answer) => answers.push(answer),
                // A server that breaks on one path may well answer the next; one that is gone does not.
                Err(why @ Unseen::Malformed(_)) => failed = failed.or(Some(why)),
                Err(why) => {
                    failed = Some(why);
                    break;
                }
            }
        }
        let (mut product, mut access, mut shown_by) = catalogue::judge(self.port, &answers);
        if access != Access::Open && self.ask_again(origin, &mut answers).await {
            let before = shown_by;
            (product, access, shown_by) = catalogue::judge(self.port, &answers);
            if access != Access::Open {
                access = Access::Unclear;
                shown_by = format!("{before}, and something else when it was asked again");
            }
        }
        if let Some(why) = failed
            && access == Access::Denied
        {
            access = Access::Unclear;
            shown_by = why.to_string();
        }
        let product = product.map(|product| product.product.clone());
        (Service { speaks, product, access, shown_by: self.looking.world.vault.masked(&shown_by) }, edge)
    }
}

/// Denials that are asked about once more.
const AGAIN: usize = 3;

fn is_tls_complaint(body: &str) -> bool {
    let body = body.to_lowercase();
    body.contains("https") && (body.contains("plain http") || body.contains("http request"))
}

fn class(address: IpAddr) -> Reach {
    match Class::of(address) {
        Class::Loopback => Reach::Loopback,
        Class::Private => Reach::Private,
        Class::Public | Class::Forbidden => Reach::Public,
    }
}

/// Whether the address belongs to this machine: only its own addresses can be bound.
fn is_ours(address: IpAddr) -> bool {
    UdpSocket::bind(SocketAddr::new(address, 0)).is_ok()
}

#[cfg(test)]
mod tests;
