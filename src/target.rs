//! A target is what may be contacted: a deployment and/or a repository. No secret is in it; secrets are named, and the
//! probes look them up when they send.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::period::Period;

/// What may be contacted, as meant: every default is filled in, every fault of meaning was refused before.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Target {
    pub name: String,
    pub environment: Environment,
    pub scope: Scope,
    pub deployment: Option<Deployment>,
    pub repository: Option<Repository>,
    /// The knobs of the checks for this target: the policy's own `checks:`, overridden by the target's.
    #[serde(default)]
    pub checks: BTreeMap<String, serde_json::Value>,
}

impl Target {
    /// The deployment, or why there is none to judge.
    pub fn deployment(&self) -> Result<&Deployment, Absent> {
        match (self.scope, &self.deployment) {
            (Scope::Repository, _) => Err(Absent::DeploymentOutOfScope),
            (Scope::Deployment | Scope::Both, None) => Err(Absent::NoDeployment),
            (Scope::Deployment | Scope::Both, Some(deployment)) => Ok(deployment),
        }
    }

    /// Whether plain HTTP and wildcards are excused: in development, on loopback addresses only.
    pub fn is_excused(&self) -> bool {
        self.environment == Environment::Development
            && self.deployment.as_ref().is_some_and(Deployment::is_loopback_only)
    }

    /// The repository, or why there is none to judge.
    pub fn repository(&self) -> Result<&Repository, Absent> {
        match (self.scope, &self.repository) {
            (Scope::Deployment, _) => Err(Absent::RepositoryOutOfScope),
            (Scope::Repository | Scope::Both, None) => Err(Absent::NoRepository),
            (Scope::Repository | Scope::Both, Some(repository)) => Ok(repository),
        }
    }
}

/// Why a part of the target is not there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Absent {
    NoDeployment,
    NoRepository,
    DeploymentOutOfScope,
    RepositoryOutOfScope,
}

impl Absent {
    /// Whether the user said that this part is not to be judged.
    pub fn is_out_of_scope(self) -> bool {
        match self {
            Self::DeploymentOutOfScope | Self::RepositoryOutOfScope => true,
            Self::NoDeployment | Self::NoRepository => false,
        }
    }
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoDeployment => "no deployment named (give `url:` in the target, or --url)",
            Self::NoRepository => "no repository named (give `repository:` in the target, or --repo)",
            Self::DeploymentOutOfScope => "out of scope: the audit says --scope repository",
            Self::RepositoryOutOfScope => "out of scope: the audit says --scope deployment",
        })
    }
}

/// What the audit is to judge.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    #[default]
    Both,
    Deployment,
    Repository,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Environment {
    Development,
    Staging,
    #[default]
    Production,
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        })
    }
}

/// The live part of a target.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Deployment {
    /// The origin under audit: scheme, host, port; no path but `/`.
    pub url: Url,
    /// The plain-HTTP listener beside it; `None` means port 80 of the same host.
    pub plain: Option<Url>,
    /// Who allowed the audit, and until when; needed for a public address.
    pub authorised: Option<Authorised>,
    pub endpoints: Vec<Endpoint>,
    pub openapi: Option<OpenApi>,
    pub token: Option<Token>,
    pub client_cert: Option<ClientCert>,
    /// Sent with every request to the target. Masked in evidence like the token.
    pub headers: BTreeMap<String, String>,
    pub proxy: Option<Url>,
    /// Addresses that stand in for DNS.
    pub resolve: BTreeMap<String, IpAddr>,
    /// `None`: not said. `Some([])`: no browser client at all.
    pub origins: Option<Vec<String>>,
    /// Hosts whose ports are looked at, the target's own included.
    pub hosts: Vec<Host>,
    /// The tools that the policy allows; `None`: not said.
    pub tools: Option<Vec<AllowedTool>>,
    /// A private root that becomes the only root.
    pub ca: Option<PathBuf>,
    /// Whether the roots of the machine that the audit runs on stand in for Mozilla's: then the verdict depends on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub system_roots: bool,
    /// `sha256/BASE64` of the SPKI.
    pub pins: Vec<String>,
    pub logs: Vec<LogSource>,
    pub monitoring: Option<Monitoring>,
    pub writes: Writes,
    pub limits: Limits,
    /// Paths that are never requested (prefixes).
    pub never: Vec<String>,
    /// Paths of which each request is expensive; they get one request of a kind and no burst.
    pub costly: Vec<String>,
    /// A header that exempts the audit from the rate limiter, value from the environment.
    pub exempt: Option<Exempt>,
}

impl Deployment {
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether a client certificate alone is the credential.
    pub fn is_known_by_certificate(&self) -> bool {
        self.client_cert.is_some() && self.token.is_none()
    }

    /// Whether a credential is named: a token, or a client certificate in its place.
    pub fn has_credential(&self) -> bool {
        self.token.is_some() || self.client_cert.is_some()
    }

    /// Host as the URL has it (an IPv6 address without brackets).
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default().trim_matches(['[', ']'])
    }

    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(443)
    }

    /// The origin as a browser writes it: `https://mcp.example.com`, without the scheme's own port.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Whether every address of the target is loopback for certain: by its literal address, as `localhost` (RFC 6761
    /// section 6.3), or because `resolve` says so.
    pub fn is_loopback_only(&self) -> bool {
        let local = |url: &Url| {
            let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
            let address = self.resolve.get(host).copied().or_else(|| host.parse().ok());
            address.map_or(host == "localhost" || host.ends_with(".localhost"), |address: IpAddr| address.is_loopback())
        };
        self.proxy.is_none() && local(&self.url) && self.plain.as_ref().is_none_or(local)
    }

    /// The endpoint that stands for the others: the first that needs a credential and is read by GET, else the first
    /// read by GET, else `/`. Paths under `never` are left out.
    pub fn representative(&self) -> String {
        let allowed = |endpoint: &&Endpoint| {
            endpoint.method == "GET" && !self.never.iter().any(|never| endpoint.path.starts_with(never.as_str()))
        };
        let mut readable = self.endpoints.iter().filter(allowed);
        let first = readable.clone().find(|endpoint| endpoint.public.is_none()).or_else(|| readable.next());
        first.map_or("/".into(), |endpoint| endpoint.path.clone())
    }

    /// `path` as a full URL on the deployment, for places in findings.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }

    /// The target's own host and port under `http://`.
    pub fn in_clear(&self) -> Url {
        let mut url = self.url.clone();
        let port = url.port_or_known_default();
        // Both calls can only fail for URLs without a host, which the policy refuses.
        let _ = url.set_scheme("http");
        let _ = url.set_port(port);
        url
    }

    /// The plain-HTTP listener to look at: the one named, else port 80 of the same host; the deployment itself where
    /// its own URL is plain HTTP.
    pub fn plain_listener(&self) -> Url {
        if let Some(plain) = &self.plain {
            return plain.clone();
        }
        let mut url = self.url.clone();
        if self.is_https() {
            // Both calls can only fail for URLs without a host, which the policy refuses.
            let _ = url.set_scheme("http");
            let _ = url.set_port(None);
        }
        url
    }
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Authorised {
    pub by: String,
    pub until: Option<NaiveDate>,
}

/// One operation of the deployment.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Endpoint {
    /// Upper case; `GET` where the policy names none.
    pub method: String,
    /// Path and query, beginning with `/`.
    pub path: String,
    /// Why it needs no credential, where it needs none.
    pub public: Option<String>,
    /// Whether the policy named the method itself (`GET /api`) rather than the bare path.
    pub method_named: bool,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenApi {
    /// A path on the target.
    Path(String),
    File(PathBuf),
}

/// Where the valid credential comes from and how it is sent; never its value.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Token {
    pub source: TokenSource,
    /// The header that carries it; `Authorization` carries it as `Bearer`.
    pub header: String,
    /// Whether it may be put where it can leak (a query, an altered suffix).
    pub disposable: bool,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenSource {
    Env(String),
    File(PathBuf),
    Command(Vec<String>),
    /// The embedded deployment's own, made at start and known to nobody else.
    Demo,
}

impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Command(argv) => {
                write!(f, "command {}", argv.first().map_or("", String::as_str))
            }
            Self::Demo => f.write_str("the embedded deployment"),
        }
    }
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ClientCert {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// A header that the operator's limiter lets through; its value comes from the environment.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Exempt {
    pub header: String,
    pub env: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Host {
    /// A name or an address; `local` is this machine's own listening sockets.
    pub name: String,
    /// Up to where its services may be reached.
    pub reach: Reach,
    /// The addresses behind a CDN or a balancer.
    pub origin_addresses: Vec<IpAddr>,
    /// Looked at instead of the ports of the catalogue; `None`: the catalogue's.
    pub ports: Option<Vec<u16>>,
}

/// How far a service may be reachable.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    None,
    #[default]
    Loopback,
    Private,
    Public,
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::Public => "public",
        })
    }
}

#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct AllowedTool {
    pub name: String,
    /// SHA-256 (hex) of description and schema; a change of either fails.
    pub sha256: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogSource {
    File(PathBuf),
    Journald(String),
    Command(Vec<String>),
    Loki { url: Url, query: String },
    Elasticsearch { url: Url, index: String },
}

impl fmt::Display for LogSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Journald(unit) => write!(f, "journald unit {unit}"),
            Self::Command(argv) => {
                write!(f, "command {}", argv.first().map_or("", String::as_str))
            }
            Self::Loki { url, .. } => write!(f, "Loki at {url}"),
            Self::Elasticsearch { url, .. } => write!(f, "Elasticsearch at {url}"),
        }
    }
}

/// Where denied attempts become visible to someone.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Monitoring {
    /// A Prometheus text page on which a counter of denials moves.
    pub metrics: Option<Url>,
    /// The counter's name; without it every counter that names denials is watched.
    pub counter: Option<String>,
    pub prometheus: Option<Url>,
    pub alertmanager: Option<Url>,
    pub loki: Option<Url>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Writes {
    #[default]
    Deny,
    Allow,
}

/// The safety knobs of a deployment.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Limits {
    /// Requests at most sent back to back; `None`: what the checks ask for.
    pub burst: Option<u32>,
    /// Requests at most in the whole audit.
    pub max_requests: Option<u32>,
    /// Requests at most with a credential that must be denied (a lockout counter may be behind them).
    pub max_denied: Option<u32>,
    /// Stop on so many 5xx answers in a row; default 10.
    pub stop_on_errors: u32,
    /// Stop when a plain request takes longer than this.
    pub stop_on_latency: Option<Period>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { burst: None, max_requests: None, max_denied: None, stop_on_errors: 10, stop_on_latency: None }
    }
}

/// The repository part of a target.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Repository {
    pub path: PathBuf,
    /// The user's own rules and allowlists (`.gitleaks.toml`), beside ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gitleaks: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Extent::is_whole")]
    pub extent: Extent,
}

impl Repository {
    /// The whole of it, under our rules alone.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), gitleaks: None, extent: Extent::Whole }
    }
}

/// How much of a repository is in question. A policy always means the whole; only the command line asks for less.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// Work tree, index and history.
    #[default]
    Whole,
    /// What the index holds and `HEAD` does not: what the next commit would add.
    Staged,
    /// One file, whatever git knows of it.
    File,
}

impl Extent {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    fn is_whole(&self) -> bool {
        *self == Self::Whole
    }
}
