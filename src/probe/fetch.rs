//! Small bounded reads over HTTP from servers beside the deployment: services on a host's ports, metrics, log stores.
//! Nothing secret is ever sent with them.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::header::{HeaderMap, HeaderValue};

use super::World;
use super::address;
use super::meter::Kind;
use crate::evidence::{Ask, Unseen};
use crate::target::Target;

/// Deadline of one read; what came of the body until then is kept, so that an endless stream still answers.
const TOTAL: Duration = Duration::from_secs(3);

/// What came back.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    pub(super) status: u16,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    /// False where the cap or the deadline cut the body.
    pub(super) complete: bool,
}

/// A client for one host at fixed addresses. Certificates are not judged here: nothing secret is sent, and the services
/// are often behind a self-signed one.
#[derive(Clone)]
pub(super) struct Client(reqwest::Client);

impl Client {
    pub(super) fn new(host: &str, addresses: &[SocketAddr]) -> Result<Self, Unseen> {
        // Fails where a provider is installed already: the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder()
            .user_agent(concat!("watertight/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .http1_only()
            .no_proxy()
            .timeout(TOTAL * 2)
            .connect_timeout(super::tcp::CONNECT)
            .tls_danger_accept_invalid_certs(true)
            .resolve_to_addrs(host.trim_matches(['[', ']']), addresses)
            .build()
            .map(Self)
            .map_err(|error| Unseen::Bug(format!("the HTTP client cannot be built: {error}")))
    }

    /// A whole file of at most `cap` bytes; one that is longer, or comes too slowly, is not had.
    pub(super) async fn bytes(&self, url: &str, cap: usize) -> Result<Vec<u8>, Unseen> {
        Self::whole(self.0.get(url), url, cap).await
    }

    /// The whole answer to a body of this type.
    pub(super) async fn post(&self, url: &str, kind: &str, body: Vec<u8>, cap: usize) -> Result<Vec<u8>, Unseen> {
        Self::whole(self.0.post(url).header("content-type", kind).body(body), url, cap).await
    }

    async fn whole(request: reqwest::RequestBuilder, url: &str, cap: usize) -> Result<Vec<u8>, Unseen> {
        let reading = async {
            let response = request.send().await.map_err(|error| unseen(url, &error))?;
            if !response.status().is_success() {
                return Err(Unseen::Malformed(format!("{url} answered {}", response.status())));
            }
            let mut bytes = Vec::new();
            let mut stream = response.bytes_stream();
            while let Some(chunk) = stream.next().await {
                bytes.extend_from_slice(&chunk.map_err(|error| unseen(url, &error))?);
                if bytes.len() > cap {
                    return Err(Unseen::OverBudget(format!("{url} has more than {cap} bytes")));
                }
            }
            Ok(bytes)
        };
        tokio::time::timeout(TOTAL, reading)
            .await
            .map_err(|_| Unseen::TimedOut(format!("{url} was not whole in {} s", TOTAL.as_secs())))?
    }

    /// One read, at most `cap` bytes of the body.
    pub(super) async fn read(&self, url: &str, send: Option<&str>, cap: usize) -> Result<Fetched, Unseen> {
        let request = match send {
            None => self.0.get(url),
            Some(json) => self
                .0
                .post(url)
                .header("content-type", "application/json")
                .header("accept", "application/json, text/event-stream")
                .headers(mirrored(json))
                .body(json.to_owned()),
        };
        let response = tokio::time::timeout(TOTAL, request.send())
            .await
            .map_err(|_| Unseen::TimedOut(format!("{url} gave no answer in {} s", TOTAL.as_secs())))?
            .map_err(|error| unseen(url, &error))?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let mut bytes = Vec::new();
        let mut stream = response.bytes_stream();
        let reading = async {
            while let Some(chunk) = stream.next().await {
                let chunk = chunk.map_err(|error| unseen(url, &error))?;
                let room = cap - bytes.len();
                bytes.extend(chunk.iter().take(room));
                if chunk.len() > room {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        let complete = match tokio::time::timeout(TOTAL, reading).await {
            Ok(read) => read?,
            Err(_) => false,
        };
        Ok(Fetched { status, headers, body: String::from_utf8_lossy(&bytes).into_owned(), complete })
    }
}

/// The headers in which a message of MCP's stateless era repeats its method and version; without them a conforming server
/// refuses it (MCP specification 2026-07-28, Streamable HTTP).
fn mirrored(json: &str) -> HeaderMap {
    let message: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let version = message.pointer("/params/_meta/io.modelcontextprotocol~1protocolVersion");
    let mut headers = HeaderMap::new();
    if let Some(version) = version.and_then(serde_json::Value::as_str) {
        let method = message.get("method").and_then(serde_json::Value::as_str).unwrap_or_default();
        for (name, value) in [("mcp-protocol-version", version), ("mcp-method", method)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
    }
    headers
}

fn unseen(url: &str, error: &reqwest::Error) -> Unseen {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if error.is_timeout() {
        Unseen::TimedOut(format!("{url}: {cause}"))
    } else if error.is_connect() {
        Unseen::Unreachable(format!("{url}: {cause}"))
    } else {
        Unseen::Malformed(format!("{url}: {cause}"))
    }
}

/// `host:port` of a URL, as questions name their hosts.
pub(super) fn place(url: &url::Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(80))
}

/// One metered read of a URL that the policy names.
pub(super) async fn page(
    world: &World,
    target: &Target,
    ask: &Ask,
    url: &url::Url,
    cap: usize,
) -> Result<Fetched, Unseen> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(80);
    let addresses = address::addresses(world, target, host, port).await?;
    world.meter.send(target, ask, Kind::Request, &place(url))?;
    Client::new(host, &addresses)?.read(url.as_str(), None, cap).await
}
