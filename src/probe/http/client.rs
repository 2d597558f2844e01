//! The hardened client: every deadline set, no redirect followed, 1 MiB at most after decompression, the token only to
//! the target's own origin and only over a connection whose certificate holds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::{Sender, credential};
use crate::evidence::Unseen;
use crate::evidence::http::{BodySeen, Credential, Exchange, Listener, Request};
use crate::probe::address;
use crate::probe::meter::Kind;
use crate::target::{Deployment, Target};

/// Total deadline of one exchange.
const TOTAL: Duration = Duration::from_secs(10);
/// Deadline of the connection, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// Deadline between two reads.
const READ: Duration = Duration::from_secs(5);
/// Bytes of a body at most, after decompression.
const BODY_CAP: usize = 1024 * 1024;
/// Bytes of a body that are kept as text.
const TEXT_CAP: usize = 16 * 1024;

/// The clients of one run, one per target, listener and strictness.
#[derive(Default)]
pub(crate) struct Clients(Mutex<BTreeMap<Key, Result<reqwest::Client, Unseen>>>);

/// Target, listener, and whether the certificate must hold.
type Key = (String, Listener, Trust);

/// Whether the server's certificate must hold.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Trust {
    /// For every request that carries the real token.
    Checked,
    /// For requests that carry nothing secret: a server with a bad certificate is still judged for the rest.
    Unchecked,
}

pub(super) async fn exchange(sender: &Sender<'_>, request: &Request) -> Result<Exchange, Unseen> {
    let Sender { world, target, .. } = *sender;
    let Some(deployment) = &target.deployment else {
        return Err(Unseen::NotNamed("no deployment named".into()));
    };
    if deployment.never.iter().any(|never| request.path.starts_with(never.as_str())) {
        return Err(Unseen::NotAllowed(format!("{} is listed under `never`", request.path)));
    }
    let host =
        request.listener.host(target).ok_or_else(|| Unseen::NotNamed("the target's URL names no host".into()))?;
    let trust = trust_for(&request.credential);
    if trust == Trust::Checked && request.listener == Listener::Plain && deployment.is_https() {
        return Err(Unseen::NotAllowed("the real token is never sent over plain HTTP".into()));
    }
    let carried = credential::headers(world, target, &request.credential).await?;
    let client = client(sender, deployment, request.listener, trust).await?;
    sender.world.meter.send(target, sender.ask, Kind::Request, &host)?;
    let at = world.elapsed_ms();
    let sent = Instant::now();
    let receiving = receive(&client, request, target, world.run().id.as_str(), deployment, carried);
    let (status, headers, body, address) = match tokio::time::timeout(TOTAL, receiving).await {
        Ok(Ok(received)) => received,
        Ok(Err(error)) => return Err(unseen_of(&error, &host)),
        Err(_) => return Err(Unseen::TimedOut(format!("{host} gave no whole answer in {} s", TOTAL.as_secs()))),
    };
    let took = u64::try_from(sent.elapsed().as_millis()).unwrap_or(u64::MAX);
    let headers = headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), world.vault.masked(&value))
        })
        .collect();
    let text = world.vault.masked(&String::from_utf8_lossy(&body.bytes));
    Ok(Exchange {
        status,
        headers,
        body: BodySeen {
            length: body.bytes.len() as u64,
            complete: body.complete,
            sha256: hex(&Sha256::digest(text.as_bytes())),
            text: text.chars().take(TEXT_CAP).collect(),
        },
        address,
        at,
        took,
    })
}

fn trust_for(credential: &Credential) -> Trust {
    match credential {
        Credential::Valid | Credential::Mutated(_) | Credential::Leaked(_) => Trust::Checked,
        Credential::None | Credential::Wrong | Credential::Dummy => Trust::Unchecked,
    }
}

struct Received {
    bytes: Vec<u8>,
    complete: bool,
}

async fn receive(
    client: &reqwest::Client,
    request: &Request,
    target: &Target,
    run: &str,
    deployment: &Deployment,
    carried: Vec<(String, String)>,
) -> Result<(u16, HeaderMap, Received, String), Failure> {
    let method = reqwest::Method::from_bytes(request.method.as_bytes())
        .map_err(|_| Failure::Unsendable(format!("the method {}", request.method)))?;
    let url = request.url(target);
    let mut headers = HeaderMap::new();
    let mut put = |name: &str, value: &str| -> Result<(), Failure> {
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| Failure::Unsendable(format!("header {name}")))?;
        let value =
            HeaderValue::from_str(value).map_err(|_| Failure::Unsendable(format!("a value of the header {name}")))?;
        headers.append(name, value);
        Ok(())
    };
    put("x-watertight-run", run)?;
    for (name, value) in &deployment.headers {
        put(name, value)?;
    }
    for (name, value) in request.headers.iter().chain(&carried) {
        put(name, value)?;
    }
    if let Some(origin) = &request.origin {
        put("origin", origin)?;
    }
    if let Some(body) = &request.body
        && !body.content_type.is_empty()
    {
        put("content-type", &body.content_type)?;
    }
    let mut sending = client.request(method, url).headers(headers);
    if let Some(body) = &request.body {
        sending = sending.body(body.text.clone());
    }
    let response = sending.send().await?;
    let address = response.remote_addr().map_or_else(String::new, |address| address.to_string());
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let mut bytes = Vec::new();
    let mut complete = true;
    let mut stream = response.bytes_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        let room = BODY_CAP - bytes.len();
        bytes.extend(chunk.iter().take(room));
        if chunk.len() > room {
            complete = false;
            break;
        }
    }
    Ok((status, headers, Received { bytes, complete }, address))
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0} cannot be sent by this client")]
    Unsendable(String),
    #[error(transparent)]
    Http(#[from] reqwest::Error),
}

fn unseen_of(failure: &Failure, host: &str) -> Unseen {
    match failure {
        Failure::Unsendable(_) => Unseen::NotComparable(failure.to_string()),
        Failure::Http(error) if error.is_timeout() => Unseen::TimedOut(format!("{host}: {}", chain(error))),
        Failure::Http(error) if error.is_connect() => Unseen::Unreachable(format!("{host}: {}", chain(error))),
        Failure::Http(error) => Unseen::Malformed(format!("{host}: {}", chain(error))),
    }
}

/// The innermost causes, which say more than "error sending request".
fn chain(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    causes.pop().unwrap_or_else(|| error.to_string())
}

async fn client(
    sender: &Sender<'_>,
    deployment: &Deployment,
    listener: Listener,
    trust: Trust,
) -> Result<reqwest::Client, Unseen> {
    let Sender { world, target, .. } = *sender;
    let key = (target.name.clone(), listener, trust);
    let mut clients = world.clients.0.lock().await;
    if let Some(client) = clients.get(&key) {
        return client.clone();
    }
    let built = build(sender, deployment, listener, trust).await;
    clients.insert(key, built.clone());
    built
}

async fn build(
    sender: &Sender<'_>,
    deployment: &Deployment,
    listener: Listener,
    trust: Trust,
) -> Result<reqwest::Client, Unseen> {
    let url = match listener {
        Listener::Main => deployment.url.clone(),
        Listener::Plain => deployment.plain_listener(),
    };
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("watertight/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .http1_only()
        .timeout(TOTAL)
        .connect_timeout(CONNECT)
        .read_timeout(READ)
        .tls_backend_preconfigured(tls_config(deployment, trust)?);
    match &deployment.proxy {
        // Behind a proxy the proxy resolves; the proxy's own address is what this machine contacts.
        Some(proxy) => {
            let proxy = reqwest::Proxy::all(proxy.clone())
                .map_err(|error| Unseen::NotConfigured(format!("the proxy cannot be used: {error}")))?;
            builder = builder.proxy(proxy);
        }
        None => {
            let addresses = address::addresses(sender.world, sender.target, host, port).await?;
            builder = builder.no_proxy().resolve_to_addrs(host, &addresses);
        }
    }
    builder.build().map_err(|error| Unseen::Bug(format!("the HTTP client cannot be built: {error}")))
}

fn tls_config(deployment: &Deployment, trust: Trust) -> Result<rustls::ClientConfig, Unseen> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Unseen::Bug(error.to_string()))?;
    let builder = match trust {
        Trust::Checked => builder.with_root_certificates(roots(deployment)?),
        Trust::Unchecked => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Unverified(provider.signature_verification_algorithms))),
    };
    match &deployment.client_cert {
        None => Ok(builder.with_no_client_auth()),
        Some(files) => {
            let read = |path: &std::path::Path| {
                std::fs::read(path)
                    .map_err(|error| Unseen::NotConfigured(format!("{} cannot be read: {error}", path.display())))
            };
            let chain = CertificateDer::pem_slice_iter(&read(&files.cert)?)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| Unseen::NotConfigured(format!("{}: {error}", files.cert.display())))?;
            let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(&read(&files.key)?)
                .map_err(|error| Unseen::NotConfigured(format!("{}: {error}", files.key.display())))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| Unseen::NotConfigured(format!("the client certificate cannot be used: {error}")))
        }
    }
}

/// The private root as the only root, else Mozilla's.
fn roots(deployment: &Deployment) -> Result<RootCertStore, Unseen> {
    let mut store = RootCertStore::empty();
    match &deployment.ca {
        None => {
            store.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
        }
        Some(path) => {
            let wrong = |error: String| Unseen::NotConfigured(format!("the root {}: {error}", path.display()));
            let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
            for root in CertificateDer::pem_slice_iter(&pem) {
                let root = root.map_err(|error| wrong(error.to_string()))?;
                store.add(root).map_err(|error| wrong(error.to_string()))?;
            }
        }
    }
    Ok(store)
}

/// Accepts any certificate: for requests that carry nothing secret. The checks of the TLS family judge the certificate.
#[derive(Debug)]
struct Unverified(rustls::crypto::WebPkiSupportedAlgorithms);

impl rustls::client::danger::ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &rustls::pki_types::ServerName<'_>,
        _ocsp_response: &[u8],
        _now: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.supported_schemes()
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
