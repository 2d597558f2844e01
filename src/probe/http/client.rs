//! The hardened client: every deadline set, no redirect followed, 1 MiB at most after decompression, the token only to
//! the target's own origin and only over a connection whose certificate holds.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::Mutex;
use url::Url;

use super::ledger::Ledgers;
use super::reading::Reading;
use super::received::{BODY_CAP, Received};
use super::trust::{Trust, carries_secret, tls_config};
use super::{Sender, credential, raw};
use crate::evidence::Unseen;
use crate::evidence::http::{Exchange, Listener, Request};
use crate::plan::bundle::Memory;
use crate::probe::address;
use crate::probe::meter::Kind;
use crate::target::{Deployment, Target};

/// Total deadline of one exchange: connection, request, every interim answer and the whole body.
pub(super) const TOTAL: Duration = Duration::from_secs(10);
/// Deadline of the connection, TLS included.
pub(super) const CONNECT: Duration = Duration::from_secs(5);
/// Deadline between two reads.
pub(super) const READ: Duration = Duration::from_secs(5);

/// How long an event stream may pause before what came of it is taken as the answer.
const EVENT_PAUSE: Duration = Duration::from_secs(2);

pub(super) const USER_AGENT: &str = concat!("watertight/", env!("CARGO_PKG_VERSION"));

/// The clients of one run, one per target, listener and strictness; and the ledgers of its origins.
#[derive(Default)]
pub(crate) struct Clients {
    ready: Mutex<BTreeMap<Key, Result<Ready, Unseen>>>,
    pub(super) ledgers: Ledgers,
    pub(super) memory: Memories,
}

/// What was sent to each target by name and what came back: what bundled answers are held against.
#[derive(Default)]
pub(crate) struct Memories(std::sync::Mutex<BTreeMap<String, Remembered>>);

/// Exchanges, and the methods and statuses by which an origin makes no difference.
type Remembered = (Memory, Vec<(String, u16)>);

impl Memories {
    fn with<T>(&self, target: &Target, of: impl FnOnce(&mut Remembered) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        of(all.entry(target.name.clone()).or_default())
    }

    pub(super) fn of(&self, target: &Target) -> Memory {
        self.with(target, |(memory, _)| memory.clone())
    }

    pub(super) fn add(&self, target: &Target, request: &Request, exchange: &Exchange) {
        self.with(target, |(memory, _)| memory.push((request.clone(), exchange.clone())));
    }

    /// Methods and statuses by which the valid token is answered alike with and without an origin.
    pub(super) fn classes(&self, target: &Target) -> Vec<(String, u16)> {
        self.with(target, |(_, classes)| classes.clone())
    }

    pub(super) fn add_class(&self, target: &Target, class: (String, u16)) {
        self.with(target, |(_, classes)| classes.push(class));
    }
}

/// Target, listener, and whether the certificate must hold.
type Key = (String, Listener, Trust);

/// What is needed to send to one listener of one target.
#[derive(Clone)]
pub(super) struct Ready {
    client: reqwest::Client,
    pub(super) tls: Arc<rustls::ClientConfig>,
    pub(super) url: Url,
    /// Every address of the host, each permitted; empty behind a proxy, which resolves on its own.
    pub(super) addresses: Vec<SocketAddr>,
    /// The operator's exemption header.
    exempt: Option<(String, String)>,
}

/// How a request travels, where it matters.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Route {
    /// A connection of its own.
    pub(super) fresh: bool,
    /// To this address of the host rather than to any.
    pub(super) address: Option<SocketAddr>,
    /// From this address of ours.
    pub(super) source: Option<IpAddr>,
    /// Without the operator's exemption header: what is measured must be what everyone gets.
    pub(super) unexempted: bool,
}

impl Route {
    pub(super) const FRESH: Self = Self { fresh: true, address: None, source: None, unexempted: true };
}

/// One request with every value filled in; never shown, never stored.
pub(super) struct Prepared {
    pub(super) method: String,
    /// The request target as it must go out.
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<String>,
}

pub(super) async fn exchange(sender: &Sender<'_>, request: &Request, route: Route) -> Result<Exchange, Unseen> {
    read(sender, request, route, &Reading::default()).await.map(|(exchange, _)| exchange)
}

/// One exchange, and its body as it came, unmasked: only for parsing, never for recording.
pub(super) async fn read(
    sender: &Sender<'_>,
    request: &Request,
    route: Route,
    reading: &Reading<'_>,
) -> Result<(Exchange, Vec<u8>), Unseen> {
    let Sender { world, target, .. } = *sender;
    let Some(deployment) = &target.deployment else {
        return Err(Unseen::NotNamed("no deployment named".into()));
    };
    if let Some(never) = deployment.never.iter().find(|never| is_under(&request.path, never)) {
        return Err(Unseen::NotAllowed(format!("{} is under {never}, which `never` lists", request.path)));
    }
    let host =
        request.listener.host(target).ok_or_else(|| Unseen::NotNamed("the target's URL names no host".into()))?;
    let secret = reading.carries_secret || carries_secret(&request.credential);
    if secret && request.listener != Listener::Main && deployment.is_https() {
        return Err(Unseen::NotAllowed("the real token is never sent over plain HTTP".into()));
    }
    let trust = if secret { Trust::Checked } else { Trust::of(&request.credential, deployment) };
    let ready = ready(sender, deployment, request.listener, trust).await?;
    let prepared = prepare(sender, deployment, request, &ready, route).await?;
    let by_hand = route.fresh || request.exact || is_rewritten(&ready.url, &prepared.target);
    if by_hand && deployment.proxy.is_some() {
        return Err(Unseen::NotComparable(
            "through a proxy neither the exact bytes nor the connection is the audit's own to choose".into(),
        ));
    }
    sender.world.meter.send(target, sender.ask, Kind::Request, &host)?;
    let at = world.elapsed_ms();
    let sent = Instant::now();
    let receiving = async {
        if by_hand { raw::receive(&ready, &prepared, route).await } else { receive(&ready, prepared, reading).await }
    };
    let received = match tokio::time::timeout(TOTAL, receiving).await {
        Ok(received) => received.map_err(|failure| failure.unseen(&host))?,
        Err(_) => return Err(Unseen::TimedOut(format!("{host} gave no whole answer in {} s", TOTAL.as_secs()))),
    };
    let took = u64::try_from(sent.elapsed().as_millis()).unwrap_or(u64::MAX);
    let body = received.body.clone();
    Ok((received.recorded(world, at, took), body))
}

/// Whether a path is under a prefix that the policy names, however it is spelled: `never` must hold for path tricks, too.
fn is_under(path: &str, prefix: &str) -> bool {
    let plain = |path: &str| {
        let url = Url::parse(&format!("http://host{path}"));
        let path = url.map_or_else(|_| path.to_owned(), |url| url.path().to_ascii_lowercase());
        path.replace("//", "/")
    };
    path.starts_with(prefix) || plain(path).starts_with(&prefix.to_ascii_lowercase())
}

/// Whether a URL library would send another request target than the one asked for.
fn is_rewritten(origin: &Url, target: &str) -> bool {
    let Ok(url) = Url::parse(&format!("{}{target}", origin.origin().ascii_serialization())) else { return true };
    let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
    url.origin() != origin.origin() || format!("{}{query}", url.path()) != target
}

async fn prepare(
    sender: &Sender<'_>,
    deployment: &Deployment,
    request: &Request,
    ready: &Ready,
    route: Route,
) -> Result<Prepared, Unseen> {
    let carried = credential::carried(sender.world, sender.target, &request.credential).await?;
    let mut headers = vec![("X-Watertight-Run".to_owned(), sender.world.run().id.clone())];
    let is_ours = |name: &str| !request.headers.iter().any(|(asked, _)| asked.eq_ignore_ascii_case(name));
    // The target's own headers may be secrets: not in clear beside an encrypted listener.
    if request.listener == Listener::Main || !deployment.is_https() {
        let own = deployment.headers.iter().filter(|(name, _)| is_ours(name));
        headers.extend(own.map(|(name, value)| (name.clone(), value.clone())));
        if !route.unexempted {
            headers.extend(ready.exempt.clone());
        }
    }
    if is_ours("user-agent") {
        headers.push(("User-Agent".into(), USER_AGENT.into()));
    }
    if is_ours("accept") {
        headers.push(("Accept".into(), "*/*".into()));
    }
    headers.extend(request.origin.iter().map(|origin| ("Origin".to_owned(), origin.clone())));
    headers.extend(request.headers.iter().cloned());
    let form = carried.form_body();
    if form.is_some() {
        headers.push(("Content-Type".into(), "application/x-www-form-urlencoded".into()));
    } else if let Some(body) = &request.body
        && !body.content_type.is_empty()
    {
        headers.push(("Content-Type".into(), body.content_type.clone()));
    }
    let target = carried.path(&request.path);
    let body = form.or_else(|| request.body.as_ref().map(|body| body.text.clone()));
    headers.extend(carried.headers);
    Ok(Prepared { method: request.method.clone(), target, headers, body })
}

async fn receive(ready: &Ready, prepared: Prepared, reading: &Reading<'_>) -> Result<Received, Failure> {
    let unsendable = |what: String| Failure::Unsendable(what);
    let method = reqwest::Method::from_bytes(prepared.method.as_bytes())
        .map_err(|_| unsendable(format!("the method {}", prepared.method)))?;
    let url = format!("{}{}", ready.url.origin().ascii_serialization(), prepared.target);
    let mut headers = HeaderMap::new();
    for (name, value) in &prepared.headers {
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsendable(format!("the header {name}")))?;
        let value = HeaderValue::from_str(value).map_err(|_| unsendable(format!("a value of the header {name}")))?;
        headers.append(header, value);
    }
    let mut sending = ready.client.request(method, url).headers(headers);
    if let Some(body) = prepared.body {
        sending = sending.body(body);
    }
    let response = sending.send().await?;
    let address = response.remote_addr().map_or_else(String::new, |address| address.to_string());
    let status = response.status().as_u16();
    let headers: Vec<(String, Vec<u8>)> =
        response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect();
    let mut body = Vec::new();
    let mut complete = true;
    let streams = is_event_stream(&headers);
    let mut stream = response.bytes_stream();
    loop {
        let next = if streams && !reading.is_steered() {
            // An event stream need not end; what came until it paused is the answer.
            let Ok(next) = tokio::time::timeout(EVENT_PAUSE, reading.next(stream.next())).await else {
                complete = false;
                break;
            };
            next
        } else {
            reading.next(stream.next()).await
        };
        let Some(chunk) = next else { break };
        let chunk = chunk?;
        let room = BODY_CAP - body.len();
        body.extend(chunk.iter().take(room));
        if chunk.len() > room {
            complete = false;
            break;
        }
        if reading.is_enough(&body) {
            break;
        }
    }
    Ok(Received { status, headers, body, complete, address })
}

fn is_event_stream(headers: &[(String, Vec<u8>)]) -> bool {
    headers.iter().any(|(name, value)| name == "content-type" && value.starts_with(b"text/event-stream"))
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0} cannot be sent")]
    Unsendable(String),
    #[error("{0}")]
    TimedOut(String),
    #[error("{0}")]
    Unreachable(String),
    #[error("{0}")]
    Malformed(String),
    #[error(transparent)]
    Http(#[from] reqwest::Error),
}

impl Failure {
    fn unseen(&self, host: &str) -> Unseen {
        match self {
            Self::Unsendable(_) => Unseen::NotComparable(self.to_string()),
            Self::TimedOut(why) => Unseen::TimedOut(format!("{host}: {why}")),
            Self::Unreachable(why) => Unseen::Unreachable(format!("{host}: {why}")),
            Self::Malformed(why) => Unseen::Malformed(format!("{host}: {why}")),
            Self::Http(error) if error.is_timeout() => Unseen::TimedOut(format!("{host}: {}", innermost(error))),
            Self::Http(error) if error.is_connect() => Unseen::Unreachable(format!("{host}: {}", innermost(error))),
            Self::Http(error) => Unseen::Malformed(format!("{host}: {}", innermost(error))),
        }
    }
}

/// The innermost cause, which says more than "error sending request".
fn innermost(error: &reqwest::Error) -> String {
    let mut source = std::error::Error::source(error);
    let mut innermost = None;
    while let Some(cause) = source {
        innermost = Some(cause.to_string());
        source = cause.source();
    }
    innermost.unwrap_or_else(|| error.to_string())
}

/// What is needed to send to a listener, made once.
pub(super) async fn ready(
    sender: &Sender<'_>,
    deployment: &Deployment,
    listener: Listener,
    trust: Trust,
) -> Result<Ready, Unseen> {
    let key = (sender.target.name.clone(), listener, trust);
    let mut known = sender.world.clients.ready.lock().await;
    if let Some(ready) = known.get(&key) {
        return ready.clone();
    }
    let made = make(sender, deployment, listener, trust).await;
    known.insert(key, made.clone());
    made
}

async fn make(sender: &Sender<'_>, deployment: &Deployment, listener: Listener, trust: Trust) -> Result<Ready, Unseen> {
    let url = listener.url(deployment);
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    let tls = tls_config(deployment, trust)?;
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .http1_only()
        .timeout(TOTAL)
        .connect_timeout(CONNECT)
        .read_timeout(READ)
        .tls_backend_preconfigured(tls.clone());
    let mut addresses = Vec::new();
    if let Some(proxy) = &deployment.proxy {
        // Behind a proxy the proxy resolves; the proxy's own address is what this machine contacts.
        let proxy = reqwest::Proxy::all(proxy.clone())
            .map_err(|error| Unseen::NotConfigured(format!("the proxy cannot be used: {error}")))?;
        builder = builder.proxy(proxy);
    } else {
        addresses = address::addresses(sender.world, sender.target, host, port).await?;
        builder = builder.no_proxy().resolve_to_addrs(host, &addresses);
    }
    let client = builder.build().map_err(|error| Unseen::Bug(format!("the HTTP client cannot be built: {error}")))?;
    for value in deployment.headers.values() {
        sender.world.vault.hide(value);
    }
    let exempt = match &deployment.exempt {
        None => None,
        Some(exempt) => {
            let value = std::env::var(&exempt.env).map_err(|_| {
                Unseen::NotConfigured(format!(
                    "the environment variable {} (the exemption header) is not set",
                    exempt.env
                ))
            })?;
            sender.world.vault.hide(&value);
            Some((exempt.header.clone(), value))
        }
    };
    Ok(Ready { client, tls: Arc::new(tls), url, addresses, exempt })
}

/// Gives the target's host these addresses, as DNS would.
#[cfg(test)]
pub(super) async fn resolve_for_test(
    world: &crate::probe::World,
    target: &crate::target::Target,
    addresses: Vec<SocketAddr>,
) {
    let ask = crate::evidence::Ask::from(Request::get("/"));
    let sender = Sender { world, target, ask: &ask };
    let deployment = target.deployment.as_ref().unwrap();
    for trust in [Trust::Checked, Trust::Unchecked] {
        let made = make(&sender, deployment, Listener::Main, trust).await.unwrap();
        let key = (target.name.clone(), Listener::Main, trust);
        world.clients.ready.lock().await.insert(key, Ok(Ready { addresses: addresses.clone(), ..made }));
    }
}

#[cfg(test)]
mod tests;
