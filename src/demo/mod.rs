//! The embedded deployment and repository, with their faults: what `audit --demo` and `selftest` look at.
//!
//! Everything is made at run time and gone when the [`Demo`] is dropped: certificates, token, listeners on loopback,
//! a repository in a temporary folder.

mod certificates;
pub mod fault;
mod files;
mod past;
mod policy;
mod random;
mod repository;
pub mod selftest;
mod site;
mod tls;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpSocket};

use crate::evidence::history::Runs;
use crate::history::{Memory, Store};
use crate::policy::{FingerprintKey, Policy};
use crate::probe::fingerprint::Key;
use crate::probe::secret::{Secret, Vault};
use crate::target::Environment;
use certificates::Certificates;
use fault::{Fault, Faults};
use files::Values;
use past::Then;
use site::listen::{self, Running};
use site::{Making, Site};

/// The name of the demo's target.
pub const TARGET: &str = "demo";

/// The name that the embedded deployment answers to. RFC 6761: `test` never resolves, and the policy says where it is.
const HOST: &str = "mcp.example.test";

/// A running embedded deployment with its repository and its policy.
pub struct Demo {
    pub policy: Policy,
    token: Secret,
    earlier: Runs,
    _running: Running,
    /// Refuses connections and keeps its port from being taken.
    _closed: Option<TcpSocket>,
    _folder: TempDir,
}

impl Demo {
    /// Puts the token where the probes look for it, if the policy names one.
    pub fn prepare(&self, vault: &Vault) {
        let named = |target: &crate::target::Target| target.deployment.as_ref().is_some_and(|it| it.token.is_some());
        if self.policy.targets.iter().any(named) {
            vault.set_token(TARGET, self.token.clone());
        }
    }

    /// The two scheduled runs before this one, held in memory: the demo leaves nothing behind.
    pub fn history(&self) -> Box<dyn Store> {
        Box::new(Memory(self.earlier.clone()))
    }
}

/// Where everything of one demo is.
struct Places {
    now: DateTime<Utc>,
    address: IpAddr,
    /// `https://host:port`
    origin: String,
    plain: u16,
    metrics: u16,
    prometheus: u16,
    model: u16,
    closed: u16,
    repository: PathBuf,
    root: PathBuf,
    log: PathBuf,
    fingerprint_key: PathBuf,
    pins: Vec<String>,
    /// SHA-256 of description and schema by tool.
    tools: BTreeMap<String, String>,
    /// Name, environment and keyed fingerprint of each secret.
    registered: Vec<(String, Environment, String)>,
    /// The name of what the faults leak.
    leaked: String,
}

/// Starts the embedded deployment and makes the embedded repository.
pub async fn start(faults: &[Fault]) -> anyhow::Result<Demo> {
    with(Faults::of(faults)).await
}

/// Sound in every respect.
pub async fn sound() -> anyhow::Result<Demo> {
    with(Faults::default()).await
}

/// Broken in every one of the ten boxes.
pub async fn leaky() -> anyhow::Result<Demo> {
    with(Faults::leaky()).await
}

async fn with(faults: Faults) -> anyhow::Result<Demo> {
    let now = Utc::now();
    let folder = tempfile::Builder::new().prefix("watertight-demo-").tempdir().context("no temporary folder")?;
    let at = |name: &str| folder.path().join(name);
    let address = own_address().await?;
    let (main, main_port) = listen::bind(address).await?;
    let (plain, plain_port) = listen::bind(address).await?;
    let (metrics, metrics_port) = listen::bind(address).await?;
    let (prometheus, prometheus_port) = listen::bind(address).await?;
    let (model, model_port) = listen::bind(address).await?;
    let closed = closed_port(address)?;
    let closed_port = closed.local_addr()?.port();
    let certificates = certificates::issue(&faults, HOST, now)?;
    let values = values(&faults)?;
    let token = Secret::new(values.token.clone());
    let fingerprint_key = at("fingerprint.key");
    std::fs::write(&fingerprint_key, random::word(32)?)?;
    let key = Key::load(&FingerprintKey::File(fingerprint_key.clone()))?;
    let places = Places {
        now,
        address,
        origin: format!("https://{HOST}:{main_port}"),
        plain: plain_port,
        metrics: metrics_port,
        prometheus: prometheus_port,
        model: model_port,
        closed: closed_port,
        repository: at("stock"),
        root: at("root.pem"),
        log: at("activity.log"),
        fingerprint_key,
        pins: certificates.pins.clone(),
        tools: site::tool_pins(),
        registered: registered(&values, &key),
        leaked: "DATABASE_URL".into(),
    };
    std::fs::write(&places.root, &certificates.root_pem)?;
    make_repository(&places, values, &faults).await?;
    let site = Arc::new(Site::new(Making {
        faults: faults.clone(),
        token: token.clone(),
        origin: places.origin.clone(),
        log: &places.log,
        security_txt: security_txt(&places, &faults),
    })?);
    let mut running = Running::default();
    let listeners = Listeners { main, plain, metrics, prometheus, model };
    serve(&mut running, listeners, &site, &certificates, &faults)?;
    let policy = policy::of(&places, &faults)?;
    let leaf = certificates.chain.first().context("the demo has no certificate")?;
    let earlier = past::runs(now, &Then { leaf, token: key.fingerprint(token.expose()) }, &faults)?;
    Ok(Demo { policy, token, earlier, _running: running, _closed: Some(closed), _folder: folder })
}

struct Listeners {
    main: TcpListener,
    plain: TcpListener,
    metrics: TcpListener,
    prometheus: TcpListener,
    model: TcpListener,
}

fn serve(
    running: &mut Running,
    listeners: Listeners,
    site: &Arc<Site>,
    certificates: &Certificates,
    faults: &Faults,
) -> anyhow::Result<()> {
    let Listeners { main, plain, metrics, prometheus, model } = listeners;
    if !faults.has(Fault::DeploymentGone) {
        tls::start(running, main, site, certificates, faults)?;
        site::plain::start(running, plain, site, faults);
    }
    if !faults.has(Fault::MetricsGone) {
        site::observe::metrics(running, metrics, site);
        site::observe::prometheus(running, prometheus, faults);
    }
    site::model::start(running, model, Secret::new(random::word(32)?), faults);
    Ok(())
}

async fn make_repository(places: &Places, values: Values, faults: &Faults) -> anyhow::Result<()> {
    let (path, faults, now) = (places.repository.clone(), faults.clone(), places.now);
    tokio::task::spawn_blocking(move || repository::make(&path, &values, &faults, now))
        .await
        .context("the embedded repository could not be made")?
}

/// A loopback address of the run's own, so that whatever else runs on the machine neither fells nor saves the demo.
///
/// Linux has all of 127.0.0.0/8; where only 127.0.0.1 can be bound, that must do.
async fn own_address() -> anyhow::Result<IpAddr> {
    let random = random::bytes(3)?;
    if let [a, b, c] = random[..] {
        let own = IpAddr::V4(Ipv4Addr::new(127, a.clamp(1, 254), b, c.clamp(1, 254)));
        if TcpListener::bind((own, 0)).await.is_ok() {
            return Ok(own);
        }
    }
    Ok(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

/// A port that refuses: bound, so that nobody else gets it, and never listened on.
fn closed_port(address: IpAddr) -> anyhow::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((address, 0).into())?;
    Ok(socket)
}

fn values(faults: &Faults) -> anyhow::Result<Values> {
    let token = if faults.has(Fault::TokenShort) {
        random::word(12)?
    } else if faults.has(Fault::TokenRepeats) {
        "0123456789abcdef".repeat(3)
    } else {
        random::word(32)?
    };
    Ok(Values {
        staging_token: if faults.has(Fault::SecretShared) { token.clone() } else { random::word(32)? },
        token,
        development_token: random::word(32)?,
        database_passwords: [random::word(18)?, random::word(18)?, random::word(18)?],
        leaked: random::word(18)?,
        private_key: rcgen::KeyPair::generate()?.serialize_pem(),
    })
}

/// What the rotation register says: every secret of every environment.
fn registered(values: &Values, key: &Key) -> Vec<(String, Environment, String)> {
    let [development, staging, production] = &values.database_passwords;
    let tokens = [&values.development_token, &values.staging_token, &values.token];
    let environments = [Environment::Development, Environment::Staging, Environment::Production];
    environments
        .into_iter()
        .zip(tokens)
        .zip([development, staging, production])
        .flat_map(|((environment, token), password)| {
            [("MCP_TOKEN", token), ("DATABASE_PASSWORD", password)]
                .map(|(name, value)| (name.to_owned(), environment, key.fingerprint(value)))
        })
        .collect()
}

/// RFC 9116.
fn security_txt(places: &Places, faults: &Faults) -> String {
    let days = if faults.has(Fault::SecurityTxtExpired) { -3 } else { 180 };
    let expires = (places.now + TimeDelta::days(days)).format("%Y-%m-%dT%H:%M:%SZ");
    let origin = &places.origin;
    format!(
        "Contact: mailto:security@example.test\nExpires: {expires}\nPreferred-Languages: en\nCanonical: \
         {origin}/.well-known/security.txt\nPolicy: {origin}/security\n"
    )
}

#[cfg(test)]
mod tests;
