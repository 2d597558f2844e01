//! Origins that a browser can send and that must not be granted: derived from the target and from each allowed origin.

use url::Url;

use crate::target::Deployment;

/// The origin of nobody (RFC 2606), and another one: two tell reflection from a fixed value.
pub(super) const EVIL: &str = "https://watertight-audit.example";
pub(super) const OTHER_EVIL: &str = "https://other-watertight-audit.example";

/// Where development servers listen; left over in many lists.
const LOCAL: &str = "http://localhost:3000";
/// An extension's origin; the 32 letters are a made-up id.
const EXTENSION: &str = "chrome-extension://watertightwatertightwatertightwa";

/// One origin that must not be granted, and what granting it would show.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Hostile {
    pub(super) origin: String,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Kind {
    Foreign,
    Null,
    Suffix,
    Prefix,
    Dot,
    Subdomain,
    Twin,
    Port,
    Special,
    Parent,
    Local,
    Extension,
}

impl Kind {
    /// The stable word of findings.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Foreign => "reflection",
            Self::Null => "null",
            Self::Suffix => "suffix",
            Self::Prefix => "prefix",
            Self::Dot => "unescaped-dot",
            Self::Subdomain => "subdomain",
            Self::Twin => "http-twin",
            Self::Port => "port",
            Self::Special => "special-character",
            Self::Parent => "parent",
            Self::Local => "local",
            Self::Extension => "extension",
        }
    }

    /// What a grant means.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Foreign => "it is nobody's",
            Self::Null => "sandboxed frames and local files send it",
            Self::Suffix => "only the beginning of the origin is compared",
            Self::Prefix => "only the end of the origin is compared",
            Self::Dot => "a dot in its pattern is not escaped",
            Self::Subdomain => "every sub-domain is granted",
            Self::Twin => "a network attacker can speak for it over plain HTTP",
            Self::Port => "the port is not compared",
            Self::Special => "only the beginning of the origin is compared, up to a character that names may hold",
            Self::Parent => "the domain above the allowed one is granted",
            Self::Local => "whatever runs on the visitor's own machine is granted",
            Self::Extension => "any browser extension is granted",
        }
    }
}

/// How many allowed origins are varied; the rest is compared by the same code.
const VARIED: usize = 3;

/// What must be refused: the two sentinels first.
pub(super) fn hostile(deployment: &Deployment) -> Vec<Hostile> {
    let allowed = deployment.origins.clone().unwrap_or_default();
    let own = deployment.origin();
    let mut list =
        vec![Hostile { origin: EVIL.into(), kind: Kind::Foreign }, Hostile { origin: "null".into(), kind: Kind::Null }];
    for base in allowed.iter().take(VARIED) {
        list.extend(varied(
            base,
            &[
                Kind::Suffix,
                Kind::Prefix,
                Kind::Dot,
                Kind::Subdomain,
                Kind::Twin,
                Kind::Port,
                Kind::Special,
                Kind::Parent,
            ],
        ));
    }
    list.push(Hostile { origin: LOCAL.into(), kind: Kind::Local });
    list.push(Hostile { origin: EXTENSION.into(), kind: Kind::Extension });
    // Peers forget the target's own name; its port twin is the deployment's neighbour and says little.
    list.extend(varied(&own, &[Kind::Suffix, Kind::Prefix, Kind::Subdomain, Kind::Twin]));
    let mut known = std::collections::BTreeSet::new();
    list.retain(|hostile| {
        !allowed.contains(&hostile.origin) && hostile.origin != own && known.insert(hostile.origin.clone())
    });
    list
}

fn varied(base: &str, kinds: &[Kind]) -> Vec<Hostile> {
    let Ok(url) = Url::parse(base) else { return Vec::new() };
    let Some(host) = url.host_str() else { return Vec::new() };
    let (scheme, port) = (url.scheme(), url.port().map_or(String::new(), |port| format!(":{port}")));
    let is_address = host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok();
    let vary = |kind: &Kind| -> Option<Hostile> {
        let origin = match kind {
            Kind::Suffix => format!("{scheme}://{host}.watertight-audit.example"),
            Kind::Prefix => format!("{scheme}://watertight{host}{port}"),
            Kind::Dot => {
                let (first, rest) = host.split_once('.').filter(|(_, rest)| rest.contains('.'))?;
                format!("{scheme}://{first}x{rest}{port}")
            }
            Kind::Subdomain => format!("{scheme}://watertight.{host}{port}"),
            Kind::Twin if scheme == "https" => format!("http://{host}{port}"),
            Kind::Port => format!("{scheme}://{host}:{}", if url.port() == Some(8443) { 9443 } else { 8443 }),
            Kind::Special => format!("{scheme}://{host}_.watertight-audit.example"),
            Kind::Parent => {
                let (_, above) = host.split_once('.').filter(|(_, above)| above.contains('.'))?;
                format!("{scheme}://{above}{port}")
            }
            Kind::Foreign | Kind::Null | Kind::Twin | Kind::Local | Kind::Extension => return None,
        };
        // Only what a browser can send: an address has no sub-domain and no prefix.
        if is_address && matches!(kind, Kind::Prefix | Kind::Dot | Kind::Subdomain | Kind::Special | Kind::Parent) {
            return None;
        }
        let parsed = Url::parse(&origin).ok()?;
        (parsed.origin().ascii_serialization() == origin).then_some(Hostile { origin, kind: *kind })
    };
    kinds.iter().filter_map(vary).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::access::stage::deployed;

    fn origins(url: &str, allowed: &[&str]) -> Vec<String> {
        let mut deployment = deployed(url, &[]).deployment.unwrap();
        deployment.origins = Some(allowed.iter().map(|origin| (*origin).to_owned()).collect());
        hostile(&deployment).into_iter().map(|hostile| hostile.origin).collect()
    }

    #[test]
    fn origins_derive_from_the_target_and_from_each_allowed_origin() {
        assert_eq!(
            origins("https://mcp.example.com", &["https://app.example.com"]),
            [
                "https://watertight-audit.example",
                "null",
                "https://app.example.com.watertight-audit.example",
                "https://watertightapp.example.com",
                "https://appxexample.com",
                "https://watertight.app.example.com",
                "http://app.example.com",
                "https://app.example.com:8443",
                "https://app.example.com_.watertight-audit.example",
                "https://example.com",
                "http://localhost:3000",
                "chrome-extension://watertightwatertightwatertightwa",
                "https://mcp.example.com.watertight-audit.example",
                "https://watertightmcp.example.com",
                "https://watertight.mcp.example.com",
                "http://mcp.example.com",
            ]
        );
    }

    #[test]
    fn an_address_has_no_sub_domains_and_what_is_allowed_is_not_hostile() {
        assert_eq!(
            origins("https://127.0.0.1:8443", &["http://127.0.0.1:8443"]),
            [
                "https://watertight-audit.example",
                "null",
                "http://127.0.0.1.watertight-audit.example",
                "http://127.0.0.1:9443",
                "http://localhost:3000",
                "chrome-extension://watertightwatertightwatertightwa",
                "https://127.0.0.1.watertight-audit.example",
            ]
        );
    }
}
