//! Hosts, their addresses and allowed reach, and what may be called on them or from elsewhere.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::Engine as _;
use url::Url;

use super::{AllowedTool, Host, Node, Reach, Reader, Value};

const REACHES: [(&str, Reach); 4] =
    [("none", Reach::None), ("loopback", Reach::Loopback), ("private", Reach::Private), ("public", Reach::Public)];

/// The deployment's own host is always among the hosts.
pub fn add_own_host(url: &Url, hosts: &mut Vec<Host>) {
    let own = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    if !hosts.iter().any(|host| host.name.trim_matches(['[', ']']) == own) {
        hosts.insert(0, Host { name: own, reach: Reach::default(), origin_addresses: Vec::new(), ports: None });
    }
}

pub(super) fn resolve(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, IpAddr> {
    let Value::Map(entries) = &node.value else {
        reader.fault(node.span, format!("{} stands where addresses are expected", node.kind()), "{ host: 192.0.2.7 }");
        return BTreeMap::new();
    };
    entries.iter().filter_map(|(key, value)| Some((key.text.clone(), reader.parsed(value, "an IP address")?))).collect()
}

/// An origin as a browser writes it: scheme, host, port if not the scheme's own; no path.
pub(super) fn browser_origin(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
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

pub(super) fn host(reader: &mut Reader<'_>, node: &Node) -> Option<Host> {
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

pub(super) fn tools(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<AllowedTool>> {
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
pub(super) fn pin(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "a pin")?;
    let digest =
        text.strip_prefix("sha256/").and_then(|base64| base64::engine::general_purpose::STANDARD.decode(base64).ok());
    if digest.is_some_and(|digest| digest.len() == 32) {
        return Some(text.to_owned());
    }
    reader.fault(node.span, "this is not a pin", "`sha256/` and 32 bytes in base64");
    None
}
