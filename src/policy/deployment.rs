//! A target as written becomes a target as meant.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::Engine as _;
use url::Url;

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
const REACHES: [(&str, Reach); 4] =
    [("none", Reach::None), ("loopback", Reach::Loopback), ("private", Reach::Private), ("public", Reach::Public)];
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];

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
        if let Some(endpoint) = endpoint(reader, item) {
            if endpoints.contains(&endpoint) {
                reader.fault(item.span, format!("{endpoint} is listed twice"), "leave one out");
            } else {
                endpoints.push(endpoint);
            }
        }
    }
    for item in fields.of("public").map(|node| reader.list(node, "public endpoints")).unwrap_or_default() {
        public(reader, item, &mut endpoints);
    }
    let openapi = fields.of("openapi").and_then(|node| openapi(reader, node));
    let token = fields.of("token").and_then(|node| token(reader, node));
    let client_cert = fields.of("client-cert").and_then(|node| {
        let fields = reader.fields(node, "the client certificate", &["cert", "key"])?;
        let cert = fields.of("cert").and_then(|node| reader.path(node, "a path"));
        let key = fields.of("key").and_then(|node| reader.path(node, "a path"));
        if cert.is_none() || key.is_none() {
            reader.fault(node.span, "a client certificate has a certificate and a key", "{ cert: FILE, key: FILE }");
        }
        Some(ClientCert { cert: cert?, key: key? })
    });
    let headers = fields.of("headers").map(|node| headers(reader, node)).unwrap_or_default();
    let proxy = fields.of("proxy").and_then(|node| reader.url(node, "a proxy's URL"));
    let resolve = fields.of("resolve").map(|node| resolve(reader, node)).unwrap_or_default();
    let origins = fields.of("origins").map(|node| {
        let items = reader.list(node, "origins");
        items.iter().filter_map(|item| browser_origin(reader, item)).collect()
    });
    let mut hosts: Vec<Host> = fields
        .of("hosts")
        .map(|node| {
            let items = reader.list(node, "hosts");
            items.iter().filter_map(|item| host(reader, item)).collect()
        })
        .unwrap_or_default();
    let tools = fields.of("tools").and_then(|node| tools(reader, node));
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
            items.iter().filter_map(|item| pin(reader, item)).collect()
        })
        .unwrap_or_default();
    let logs = fields
        .of("logs")
        .map(|node| {
            let items = reader.list(node, "logs");
            items.iter().filter_map(|item| log(reader, item)).collect()
        })
        .unwrap_or_default();
    let monitoring = fields.of("monitoring").and_then(|node| monitoring(reader, node));
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
        let header = fields.of("header").and_then(|node| header_name(reader, node));
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

/// The deployment's own host is always among the hosts.
pub fn add_own_host(url: &Url, hosts: &mut Vec<Host>) {
    let own = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    if !hosts.iter().any(|host| host.name.trim_matches(['[', ']']) == own) {
        hosts.insert(0, Host { name: own, reach: Reach::default(), origin_addresses: Vec::new(), ports: None });
    }
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

fn endpoint(reader: &mut Reader<'_>, node: &Node) -> Option<Endpoint> {
    match &node.value {
        Value::Scalar { text, .. } => match parse_endpoint(text) {
            Ok(endpoint) => Some(endpoint),
            Err(what) => {
                reader.fault(node.span, what, "`/path`, `GET /path` or { path: /path, public: reason }");
                None
            }
        },
        Value::Map(_) => {
            let fields = reader.fields(node, "an endpoint", &["path", "method", "public"])?;
            let Some(path) = fields.of("path") else {
                reader.fault(node.span, "the endpoint has no `path`", "{ path: /path, public: reason }");
                return None;
            };
            let mut endpoint = endpoint(reader, path)?;
            if let Some(method) = fields.of("method") {
                let text = reader.text(method, "an HTTP method")?;
                if !METHODS.contains(&text) {
                    reader.fault(
                        method.span,
                        format!("`{text}` is not an HTTP method"),
                        format!("one of {}", METHODS.join(", ")),
                    );
                    return None;
                }
                text.clone_into(&mut endpoint.method);
                endpoint.method_named = true;
            }
            if let Some(public) = fields.of("public") {
                if let serde_json::Value::Bool(_) = public.json() {
                    reader.fault(
                        public.span,
                        "a public endpoint needs its reason",
                        "`public: probed by the load balancer`",
                    );
                    return None;
                }
                endpoint.public = Some(reader.string(public, "the reason why it is public")?);
            }
            Some(endpoint)
        }
        Value::List(_) => {
            reader.fault(node.span, "a list stands where an endpoint is expected", "`/path` or `GET /path`");
            None
        }
    }
}

/// `/mcp` or `GET /api/items`.
pub fn parse_endpoint(text: &str) -> Result<Endpoint, String> {
    let shown = crate::report::escape::bounded(text, 60);
    let (method, path) = match text.trim().split_once(' ') {
        Some((method, path)) => (Some(method), path.trim()),
        None => (None, text.trim()),
    };
    if let Some(method) = method
        && !METHODS.contains(&method)
    {
        return Err(format!("`{shown}` does not begin with an HTTP method"));
    }
    if !path.starts_with('/') || path.starts_with("//") {
        return Err(format!("the path of `{shown}` does not begin with one `/`"));
    }
    if path.chars().any(|character| character.is_whitespace() || character.is_control() || character == '#') {
        return Err(format!("the path of `{shown}` holds a blank, a control character or a fragment"));
    }
    Ok(Endpoint {
        method: method.unwrap_or("GET").to_owned(),
        path: path.to_owned(),
        public: None,
        method_named: method.is_some(),
    })
}

/// `public:` at the target marks endpoints that it lists, or adds them.
fn public(reader: &mut Reader<'_>, node: &Node, endpoints: &mut Vec<Endpoint>) {
    let Some(fields) = reader.fields(node, "a public endpoint", &["path", "reason"]) else { return };
    let (Some(path), Some(reason)) = (fields.of("path"), fields.of("reason")) else {
        reader.fault(node.span, "a public endpoint needs its path and its reason", "{ path: /health, reason: ... }");
        return;
    };
    let Some(mut marked) = endpoint(reader, path) else { return };
    let Some(reason) = reader.string(reason, "a reason") else { return };
    let known = endpoints
        .iter_mut()
        .find(|known| known.path == marked.path && (known.method == marked.method || !marked.method_named));
    if let Some(known) = known {
        known.public = Some(reason);
    } else {
        marked.public = Some(reason);
        endpoints.push(marked);
    }
}

fn openapi(reader: &mut Reader<'_>, node: &Node) -> Option<OpenApi> {
    if let Value::Map(_) = &node.value {
        let fields = reader.fields(node, "the OpenAPI description", &["path", "file"])?;
        return match (fields.of("path"), fields.of("file")) {
            (Some(path), None) => reader.string(path, "a path on the target").map(OpenApi::Path),
            (None, Some(file)) => reader.path(file, "a file").map(OpenApi::File),
            (Some(_), Some(_)) | (None, None) => {
                reader.fault(
                    node.span,
                    "one place of the description is needed",
                    "{ path: /openapi.json } or { file: FILE }",
                );
                None
            }
        };
    }
    let text = reader.text(node, "a path on the target or a file")?;
    if text.starts_with('/') {
        return Some(OpenApi::Path(text.to_owned()));
    }
    if text.contains("://") {
        reader.fault(node.span, "a URL would widen the target", "a path on the target (`/openapi.json`) or a file");
        return None;
    }
    reader.path(node, "a file").map(OpenApi::File)
}

fn token(reader: &mut Reader<'_>, node: &Node) -> Option<Token> {
    let right = "name where it is: { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT] }";
    if let Value::Scalar { .. } = &node.value {
        reader.hidden(node.span, "a token must not stand in the policy", right);
        return None;
    }
    let fields = reader.fields(node, "the token", &["env", "file", "command", "header", "disposable"])?;
    let source = match (fields.of("env"), fields.of("file"), fields.of("command")) {
        (Some(env), None, None) => TokenSource::Env(variable(reader, env)?),
        (None, Some(file), None) => TokenSource::File(reader.path(file, "a path")?),
        (None, None, Some(command)) => TokenSource::Command(command_line(reader, command)?),
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) | (None, None, None) => {
            reader.hidden(node.span, "one source of the token is needed", right);
            return None;
        }
    };
    let header = match fields.of("header") {
        Some(node) => header_name(reader, node)?,
        None => "Authorization".into(),
    };
    let disposable = fields.of("disposable").and_then(|node| reader.flag(node)).unwrap_or(false);
    Some(Token { source, header, disposable })
}

/// A variable's name; a value in its place is not repeated.
fn variable(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "the name of an environment variable")?;
    let named = text.bytes().enumerate().all(|(at, byte)| {
        byte == b'_' || byte.is_ascii_uppercase() || byte.is_ascii_lowercase() || (at > 0 && byte.is_ascii_digit())
    });
    if named && text.len() <= 64 {
        return Some(text.to_owned());
    }
    reader.hidden(node.span, "this is not the name of an environment variable", "such as MCP_TOKEN, never its value");
    None
}

fn command_line(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<String>> {
    let argv = reader.strings(node, "arguments");
    if argv.is_empty() {
        reader.fault(node.span, "the command is empty", "[PROGRAM, ARGUMENT, ...]; no shell reads it");
        return None;
    }
    Some(argv)
}

fn header_name(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "the name of a header")?;
    // RFC 9110 section 5.6.2: a field name is a token.
    let valid = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    if !valid {
        reader.fault(node.span, format!("`{text}` is not the name of a header"), "letters, digits and `-`");
        return None;
    }
    Some(text.to_owned())
}

fn headers(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, String> {
    let Value::Map(entries) = &node.value else {
        reader.fault(node.span, format!("{} stands where headers are expected", node.kind()), "{ X-Tenant: audit }");
        return BTreeMap::new();
    };
    let mut headers = BTreeMap::new();
    for (key, value) in entries {
        let lower = key.text.to_ascii_lowercase();
        if matches!(lower.as_str(), "authorization" | "cookie" | "proxy-authorization")
            || ["token", "secret", "api-key", "apikey", "password"].iter().any(|word| lower.contains(word))
        {
            reader.hidden(
                value.span,
                format!("the header {} carries a credential", key.text),
                "use `token:` with `header:`",
            );
            continue;
        }
        if matches!(lower.as_str(), "host" | "content-length" | "transfer-encoding" | "connection" | "origin") {
            reader.fault(key.span, format!("the header {} is the audit's own", key.text), "leave it out");
            continue;
        }
        if let Some(text) = reader.string(value, "the value of a header") {
            headers.insert(key.text.clone(), text);
        }
    }
    headers
}

fn resolve(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, IpAddr> {
    let Value::Map(entries) = &node.value else {
        reader.fault(node.span, format!("{} stands where addresses are expected", node.kind()), "{ host: 192.0.2.7 }");
        return BTreeMap::new();
    };
    entries.iter().filter_map(|(key, value)| Some((key.text.clone(), reader.parsed(value, "an IP address")?))).collect()
}

/// An origin as a browser writes it: scheme, host, port if not the scheme's own; no path.
fn browser_origin(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "an origin")?;
    if text == "*" {
        reader.fault(node.span, "a wildcard is no authorised origin", "list the origins, or [] for no browser client");
        return None;
    }
    let url = reader.url(node, "an origin")?;
    let written = url.origin().ascii_serialization();
    if written != text {
        reader.fault(node.span, format!("`{text}` is not an origin as browsers send it"), format!("`{written}`"));
        return None;
    }
    Some(written)
}

fn host(reader: &mut Reader<'_>, node: &Node) -> Option<Host> {
    if let Value::Scalar { text, .. } = &node.value {
        let name = text.clone();
        return Some(Host { name, reach: Reach::default(), origin_addresses: Vec::new(), ports: None });
    }
    let fields = reader.fields(node, "a host", &["name", "reach", "origin-addresses", "ports"])?;
    let name = fields.of("name").and_then(|node| reader.string(node, "a name or an address"));
    if name.is_none() {
        reader.fault(node.span, "the host has no `name`", "{ name: HOST, reach: loopback }");
    }
    let reach = match fields.of("reach") {
        Some(node) => reader.choice(node, "a reach", &REACHES)?,
        None => Reach::default(),
    };
    let origin_addresses = fields
        .of("origin-addresses")
        .map(|node| {
            let items = reader.list(node, "addresses");
            items.iter().filter_map(|item| reader.parsed(item, "an IP address")).collect()
        })
        .unwrap_or_default();
    let ports = fields.of("ports").map(|node| {
        let items = reader.list(node, "ports");
        items.iter().filter_map(|item| reader.parsed(item, "a port (1 to 65535)")).collect()
    });
    Some(Host { name: name?, reach, origin_addresses, ports })
}

/// `NAME` or `NAME=REACH`, as `--host` takes it.
pub fn parse_host(text: &str) -> Result<Host, String> {
    let (name, reach) = match text.rsplit_once('=') {
        None => (text, Reach::default()),
        Some((name, word)) => match REACHES.iter().find(|(known, _)| *known == word) {
            Some((_, reach)) => (name, *reach),
            None => return Err(format!("`{word}` is not a reach: none, loopback, private or public")),
        },
    };
    if name.is_empty() || name.contains(['/', ' ']) {
        return Err("expected HOST or HOST=REACH".into());
    }
    Ok(Host { name: name.to_owned(), reach, origin_addresses: Vec::new(), ports: None })
}

fn tools(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<AllowedTool>> {
    let fields = reader.fields(node, "the tools", &["allow"])?;
    let Some(allow) = fields.of("allow") else {
        reader.fault(node.span, "`tools` has no `allow`", "{ allow: [search, read_page] }");
        return None;
    };
    let mut tools = Vec::new();
    for item in reader.list(allow, "tools") {
        match &item.value {
            Value::Scalar { .. } => {
                tools.extend(reader.string(item, "a tool's name").map(|name| AllowedTool { name, sha256: None }));
            }
            Value::Map(_) | Value::List(_) => {
                let Some(fields) = reader.fields(item, "a tool", &["name", "sha256"]) else { continue };
                let Some(name) = fields.of("name").and_then(|node| reader.string(node, "a tool's name")) else {
                    reader.fault(item.span, "the tool has no `name`", "{ name: search, sha256: HEX }");
                    continue;
                };
                let sha256 = fields.of("sha256").and_then(|node| sha256(reader, node));
                tools.push(AllowedTool { name, sha256 });
            }
        }
    }
    Some(tools)
}

fn sha256(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "a SHA-256")?;
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(text.to_ascii_lowercase());
    }
    reader.fault(node.span, "this is not a SHA-256", "64 hexadecimal digits");
    None
}

/// RFC 7469 section 2.4 has the same form: base64 of the SHA-256 of the public key's SPKI.
fn pin(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "a pin")?;
    let digest =
        text.strip_prefix("sha256/").and_then(|base64| base64::engine::general_purpose::STANDARD.decode(base64).ok());
    if digest.is_some_and(|digest| digest.len() == 32) {
        return Some(text.to_owned());
    }
    reader.fault(node.span, "this is not a pin", "`sha256/` and 32 bytes in base64");
    None
}

fn log(reader: &mut Reader<'_>, node: &Node) -> Option<LogSource> {
    let fields = reader.fields(node, "a log", &["file", "journald", "command", "loki", "elasticsearch"])?;
    let [(key, value)] = fields.entries() else {
        reader.fault(
            node.span,
            "a log has one source",
            "{ file: PATH }, { journald: UNIT }, { command: [..] }, { loki: .. } or { elasticsearch: .. }",
        );
        return None;
    };
    match key.text.as_str() {
        "file" => reader.path(value, "a path").map(LogSource::File),
        "journald" => reader.string(value, "a unit").map(LogSource::Journald),
        "command" => command_line(reader, value).map(LogSource::Command),
        "loki" => {
            let fields = reader.fields(value, "a Loki log", &["url", "query"])?;
            let (url, query) = pair(reader, value, &fields, "query")?;
            Some(LogSource::Loki { url, query })
        }
        "elasticsearch" => {
            let fields = reader.fields(value, "an Elasticsearch log", &["url", "index"])?;
            let (url, index) = pair(reader, value, &fields, "index")?;
            Some(LogSource::Elasticsearch { url, index })
        }
        _ => None,
    }
}

fn pair(reader: &mut Reader<'_>, node: &Node, fields: &Fields<'_>, second: &str) -> Option<(Url, String)> {
    let url = fields.of("url").and_then(|node| reader.url(node, "a URL"));
    let text = fields.of(second).and_then(|node| reader.string(node, second));
    if fields.of("url").is_none() || fields.of(second).is_none() {
        reader.fault(node.span, format!("`url` and `{second}` are needed"), format!("{{ url: .., {second}: .. }}"));
    }
    Some((url?, text?))
}

fn monitoring(reader: &mut Reader<'_>, node: &Node) -> Option<Monitoring> {
    let fields =
        reader.fields(node, "the monitoring", &["metrics", "counter", "prometheus", "alertmanager", "loki"])?;
    Some(Monitoring {
        metrics: fields.of("metrics").and_then(|node| reader.url(node, "a metrics page")),
        counter: fields.of("counter").and_then(|node| reader.string(node, "a counter's name")),
        prometheus: fields.of("prometheus").and_then(|node| reader.url(node, "Prometheus")),
        alertmanager: fields.of("alertmanager").and_then(|node| reader.url(node, "Alertmanager")),
        loki: fields.of("loki").and_then(|node| reader.url(node, "Loki")),
    })
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
