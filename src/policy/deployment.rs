//! A target as written becomes a target as meant.

mod credential;
mod endpoint;
mod host;
mod log;

use std::collections::BTreeMap;

use url::Url;

pub use endpoint::parse_endpoint;
pub use host::{add_own_host, parse_host};

use super::file::checks;
use super::reader::{Fields, Reader};
use super::register::ENVIRONMENTS;
use super::yaml::{Node, Value};
use crate::target::{
    AllowedTool, Authorised, ClientCert, Deployment, Endpoint, Exempt, Host, Limits, LogSource, Monitoring, OpenApi,
    Reach, Repository, Scope, Target, Token, TokenSource, Writes,
};

/// The keys of a target.
pub const KEYS: [&str; 32] = [
    "name",
    "environment",
    "scope",
    "url",
    "plain",
    "authorised",
    "endpoints",
    "openapi",
    "token",
    "client-cert",
    "headers",
    "proxy",
    "resolve",
    "origins",
    "hosts",
    "tools",
    "ca",
    "system-roots",
    "pins",
    "logs",
    "monitoring",
    "writes",
    "repository",
    "burst",
    "max-requests",
    "max-denied",
    "stop-on",
    "never",
    "public",
    "costly",
    "exempt",
    "checks",
];

pub(super) fn target(
    reader: &mut Reader<'_>,
    node: &Node,
    common: &BTreeMap<String, serde_json::Value>,
    unwaivable: &mut Vec<String>,
) -> Option<Target> {
    let fields = reader.fields(node, "a target", &KEYS)?;
    let name = if let Some(node) = fields.of("name") {
        reader.string(node, "a name")
    } else {
        reader.fault(node.span, "the target has no `name`", "add `name`: how waivers and reports call it");
        None
    };
    let environment = match fields.of("environment") {
        Some(node) => reader.choice(node, "an environment", &ENVIRONMENTS).unwrap_or_default(),
        None => crate::target::Environment::default(),
    };
    let scope = match fields.of("scope") {
        Some(node) => reader
            .choice(
                node,
                "a scope",
                &[("both", Scope::Both), ("deployment", Scope::Deployment), ("repository", Scope::Repository)],
            )
            .unwrap_or_default(),
        None => Scope::default(),
    };
    let repository = fields.of("repository").and_then(|node| repository(reader, node));
    let deployment = if let Some(node) = fields.of("url") {
        deployment(reader, node, &fields)
    } else {
        let live =
            KEYS.iter().filter(|key| !matches!(**key, "name" | "environment" | "scope" | "repository" | "checks"));
        for key in live {
            if let Some(span) = fields.key(key) {
                reader.fault(span, format!("`{key}` needs a deployment, and the target has no `url`"), "add `url:`");
            }
        }
        if repository.is_none() {
            reader.fault(node.span, "the target has neither `url` nor `repository`", "add one of them, or both");
        }
        None
    };
    let mut merged = common.clone();
    if let Some(node) = fields.of("checks") {
        for (id, block) in checks(reader, node, unwaivable) {
            overlay(merged.entry(id).or_insert_with(|| serde_json::json!({})), block.knobs);
        }
    }
    Some(Target { name: name?, environment, scope, deployment, repository, checks: merged })
}

/// `repository: PATH`, or with the user's own rules: `repository: { path: PATH, gitleaks: FILE }`.
fn repository(reader: &mut Reader<'_>, node: &Node) -> Option<Repository> {
    let Value::Map(_) = &node.value else { return reader.path(node, "a path").map(Repository::at) };
    let fields = reader.fields(node, "a repository", &["path", "gitleaks"])?;
    let Some(path) = fields.of("path").and_then(|node| reader.path(node, "a path")) else {
        reader.fault(node.span, "the repository has no `path`", "{ path: ., gitleaks: .gitleaks.toml }");
        return None;
    };
    let gitleaks = fields.of("gitleaks").and_then(|node| reader.path(node, "the path of a .gitleaks.toml"));
    Some(Repository { gitleaks, ..Repository::at(path) })
}

/// Knob by knob: what the target does not set, the policy's own block keeps.
fn overlay(base: &mut serde_json::Value, over: serde_json::Value) {
    match (base, over) {
        (serde_json::Value::Object(base), serde_json::Value::Object(over)) => base.extend(over),
        (base, over) => *base = over,
    }
}

fn deployment(reader: &mut Reader<'_>, node: &Node, fields: &Fields<'_>) -> Option<Deployment> {
    let url = origin(reader, node, "the deployment's URL");
    let plain = fields.of("plain").and_then(|node| {
        let url = origin(reader, node, "the plain-HTTP listener")?;
        if url.scheme() != "http" {
            reader.fault(node.span, "the plain listener is not plain HTTP", "give it as http://host:port");
            return None;
        }
        Some(url)
    });
    let authorised = fields.of("authorised").and_then(|node| authorised(reader, node));
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for item in fields.of("endpoints").map(|node| reader.list(node, "endpoints")).unwrap_or_default() {
        if let Some(endpoint) = endpoint::endpoint(reader, item) {
            if endpoints.contains(&endpoint) {
                reader.fault(item.span, format!("{endpoint} is listed twice"), "leave one out");
            } else {
                endpoints.push(endpoint);
            }
        }
    }
    for item in fields.of("public").map(|node| reader.list(node, "public endpoints")).unwrap_or_default() {
        endpoint::public(reader, item, &mut endpoints);
    }
    let openapi = fields.of("openapi").and_then(|node| endpoint::openapi(reader, node));
    let token = fields.of("token").and_then(|node| credential::token(reader, node));
    let client_cert = fields.of("client-cert").and_then(|node| {
        let fields = reader.fields(node, "the client certificate", &["cert", "key"])?;
        let cert = fields.of("cert").and_then(|node| reader.path(node, "a path"));
        let key = fields.of("key").and_then(|node| reader.path(node, "a path"));
        if cert.is_none() || key.is_none() {
            reader.fault(node.span, "a client certificate has a certificate and a key", "{ cert: FILE, key: FILE }");
        }
        Some(ClientCert { cert: cert?, key: key? })
    });
    let headers = fields.of("headers").map(|node| credential::headers(reader, node)).unwrap_or_default();
    let proxy = fields.of("proxy").and_then(|node| reader.url(node, "a proxy's URL"));
    let resolve = fields.of("resolve").map(|node| host::resolve(reader, node)).unwrap_or_default();
    let origins = fields.of("origins").map(|node| {
        let items = reader.list(node, "origins");
        items.iter().filter_map(|item| host::browser_origin(reader, item)).collect()
    });
    let mut hosts: Vec<Host> = fields
        .of("hosts")
        .map(|node| {
            let items = reader.list(node, "hosts");
            items.iter().filter_map(|item| host::host(reader, item)).collect()
        })
        .unwrap_or_default();
    let tools = fields.of("tools").and_then(|node| host::tools(reader, node));
    let ca = fields.of("ca").and_then(|node| reader.path(node, "a path"));
    let system_roots = fields.of("system-roots").and_then(|node| reader.flag(node)).unwrap_or(false);
    if let (true, Some(node), Some(_)) = (system_roots, fields.of("system-roots"), &ca) {
        reader.fault(
            node.span,
            "`ca:` makes its root the only one, and `system-roots:` takes the machine's",
            "one of both",
        );
    }
    let pins = fields
        .of("pins")
        .map(|node| {
            let items = reader.list(node, "pins");
            items.iter().filter_map(|item| host::pin(reader, item)).collect()
        })
        .unwrap_or_default();
    let logs = fields
        .of("logs")
        .map(|node| {
            let items = reader.list(node, "logs");
            items.iter().filter_map(|item| log::log(reader, item)).collect()
        })
        .unwrap_or_default();
    let monitoring = fields.of("monitoring").and_then(|node| log::monitoring(reader, node));
    let writes = match fields.of("writes") {
        Some(node) => reader
            .choice(node, "a word on writes", &[("deny", Writes::Deny), ("allow", Writes::Allow)])
            .unwrap_or_default(),
        None => Writes::default(),
    };
    let limits = limits(reader, fields);
    let never = fields.of("never").map(|node| paths(reader, node)).unwrap_or_default();
    let costly = fields.of("costly").map(|node| paths(reader, node)).unwrap_or_default();
    let exempt = fields.of("exempt").and_then(|node| {
        let fields = reader.fields(node, "the exemption from the rate limit", &["header", "env"])?;
        let header = fields.of("header").and_then(|node| credential::header_name(reader, node));
        let env = fields.of("env").and_then(|node| reader.string(node, "the name of an environment variable"));
        if header.is_none() || env.is_none() {
            reader.fault(node.span, "an exemption has a header and a variable", "{ header: X-Audit, env: NAME }");
        }
        Some(Exempt { header: header?, env: env? })
    });
    let url = url?;
    add_own_host(&url, &mut hosts);
    Some(Deployment {
        url,
        plain,
        authorised,
        endpoints,
        openapi,
        token,
        client_cert,
        headers,
        proxy,
        resolve,
        origins,
        hosts,
        tools,
        ca,
        system_roots,
        pins,
        logs,
        monitoring,
        writes,
        limits,
        never,
        costly,
        exempt,
    })
}

/// A URL that names an origin and nothing below it.
fn origin(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Url> {
    let url = reader.url(node, what)?;
    if !matches!(url.scheme(), "http" | "https") {
        reader.fault(node.span, format!("{what} is neither http nor https"), "give it as https://host");
        return None;
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        reader.fault(
            node.span,
            format!("{what} goes below the origin"),
            format!("{} here, and the path under `endpoints:`", url.origin().ascii_serialization()),
        );
        return None;
    }
    Some(url)
}

fn authorised(reader: &mut Reader<'_>, node: &Node) -> Option<Authorised> {
    let fields = reader.fields(node, "the authorisation", &["by", "until"])?;
    let by = fields.of("by").and_then(|node| reader.string(node, "a person or a team"));
    if by.is_none() {
        reader.fault(node.span, "the authorisation has no `by`", "{ by: NAME, until: YYYY-MM-DD }");
    }
    let until = if let Some(node) = fields.of("until") {
        Some(reader.date(node)?)
    } else {
        reader.fault(node.span, "the authorisation has no `until`", "{ by: NAME, until: YYYY-MM-DD }");
        None
    };
    Some(Authorised { by: by?, until })
}

fn limits(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Limits {
    let mut limits = Limits {
        burst: fields.of("burst").and_then(|node| reader.number(node, "a number of requests")),
        max_requests: fields.of("max-requests").and_then(|node| reader.number(node, "a number of requests")),
        max_denied: fields.of("max-denied").and_then(|node| reader.number(node, "a number of requests")),
        ..Limits::default()
    };
    let Some(stop) = fields.of("stop-on").and_then(|node| reader.fields(node, "`stop-on`", &["5xx", "latency"])) else {
        return limits;
    };
    if let Some(errors) = stop.of("5xx").and_then(|node| reader.number(node, "a number of answers in a row")) {
        limits.stop_on_errors = errors;
    }
    limits.stop_on_latency = stop.of("latency").and_then(|node| reader.parsed(node, "a period such as 5s"));
    limits
}

fn paths(reader: &mut Reader<'_>, node: &Node) -> Vec<String> {
    let mut paths = Vec::new();
    for item in reader.list(node, "paths") {
        let Some(text) = reader.text(item, "a path") else { continue };
        if text.starts_with('/') {
            paths.push(text.to_owned());
        } else {
            reader.fault(item.span, format!("`{text}` does not begin with `/`"), "a path on the target");
        }
    }
    paths
}
