//! The policy's section on transport.

pub mod certificate_expiry;
pub mod certificate_pinning;
pub mod certificate_renewal;
pub mod certificate_trust;
pub mod https_enforced;
pub mod tls_version;

use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::certificate::Certificate;
use crate::certificate::path::{Assessment, assess};
use crate::certificate::roots::Roots;
use crate::check::{Place, Verdict};
use crate::evidence::tls::{Chain, Sent};
use crate::evidence::{Ask, Evidence, Unseen};
use crate::target::{Deployment, Environment, Target};

/// The verdict on every item of TLS where the target's own URL is plain HTTP.
fn plain_http(target: &Target, deployment: &Deployment, evidence: &Evidence) -> Option<Verdict> {
    if deployment.is_https() {
        return None;
    }
    let local = is_loopback(deployment, evidence);
    Some(match (target.environment, local) {
        (Environment::Development, true) => {
            Verdict::not_applicable("plain HTTP in local development: there is no TLS to judge")
        }
        (Environment::Development | Environment::Staging | Environment::Production, _) => {
            let mut verdict = Verdict::default();
            verdict.not_seen(Unseen::NotConfigured(
                "the target's URL is plain HTTP: there is no TLS to judge (https-enforced judges that)".into(),
            ));
            verdict
        }
    })
}

/// Whether the deployment is on this machine, by its name or by every address that answered.
fn is_loopback(deployment: &Deployment, evidence: &Evidence) -> bool {
    let host = deployment.host();
    let fixed = deployment.resolve.get(host).copied().or_else(|| host.parse().ok());
    if let Some(address) = fixed {
        return address.is_loopback();
    }
    // RFC 6761 section 6.3
    if host == "localhost" || host.ends_with(".localhost") {
        return true;
    }
    let mut answered = evidence
        .exchanges()
        .map(|(_, exchange)| {
            let address = exchange.address.as_str();
            address.parse::<SocketAddr>().map(|address| address.ip()).or_else(|_| address.parse::<IpAddr>())
        })
        .peekable();
    answered.peek().is_some() && answered.all(|address| address.is_ok_and(|address| address.is_loopback()))
}

/// `mcp.example.com:443`, with the address where the host has several.
fn place(deployment: &Deployment, address: &str, several: bool) -> Place {
    let (host, port) = (deployment.host(), deployment.port());
    let ip = address.parse::<SocketAddr>().map_or_else(|_| address.to_owned(), |address| address.ip().to_string());
    if several && ip != host {
        return Place::host(format!("{host} [{ip}]:{port}"));
    }
    if host.contains(':') { Place::host(format!("[{host}]:{port}")) } else { Place::host(format!("{host}:{port}")) }
}

/// The question that every item about certificates asks.
fn chain() -> Ask {
    Chain {}.into()
}

/// One chain, and the addresses that send it.
struct Shown {
    place: Place,
    /// For texts: empty where there is but one chain.
    addresses: String,
    sent: Sent,
    /// The OCSP responses that came with it; DER. A busy server has a fresh one for every address.
    staples: Vec<Vec<u8>>,
    assessment: Assessment,
}

/// The chains of the deployment, each once, and what was not seen of them.
struct Chains {
    shown: Vec<Shown>,
    unseen: Vec<Unseen>,
    notes: Vec<String>,
    /// How their roots are called.
    roots: &'static str,
}

/// Every chain that the evidence holds, assessed against the roots of the target.
fn chains(deployment: &Deployment, evidence: &Evidence) -> Result<Chains, Unseen> {
    let presented = evidence.of(&Chain {})?;
    let roots = match &presented.roots {
        None => Roots::public(),
        Some(roots) => {
            let read: Vec<Certificate> = roots
                .iter()
                .map(|root| Certificate::of_base64(root))
                .collect::<Result<_, _>>()
                .map_err(|error| Unseen::NotConfigured(format!("a root that is to be trusted: {error}")))?;
            if presented.of_the_system { Roots::of_the_system(read) } else { Roots::private(read) }
        }
    };
    let mut chains = Chains { shown: Vec::new(), unseen: Vec::new(), notes: Vec::new(), roots: roots.kind() };
    let mut groups: Vec<Group<'_>> = Vec::new();
    let answering = presented.addresses.iter().any(|at| at.chain.is_ok());
    for at in &presented.addresses {
        match &at.chain {
            Ok(sent) => match groups.iter_mut().find(|group| is_alike(group.sent, sent)) {
                Some(group) => group.join(sent, &at.address),
                None => {
                    groups.push(Group { sent, addresses: vec![&at.address], staples: sent.staple.iter().collect() });
                }
            },
            // A name may have an address on which nothing listens; no one is served there.
            Err(Unseen::Unreachable(why)) if answering && why.ends_with("nothing listens there") => {
                chains.notes.push(why.clone());
            }
            Err(unseen) => chains.unseen.push(unseen.clone()),
        }
    }
    let several = groups.len() > 1;
    let decoded = |text: &String| {
        STANDARD.decode(text).map_err(|error| Unseen::Malformed(format!("what was sent is not base64: {error}")))
    };
    for Group { sent, addresses, staples } in groups {
        let der: Vec<Vec<u8>> = sent.certificates.iter().map(decoded).collect::<Result<_, _>>()?;
        chains.shown.push(Shown {
            place: place(deployment, addresses.first().copied().unwrap_or_default(), several),
            addresses: if several { format!("{}: ", addresses.join(", ")) } else { String::new() },
            sent: sent.clone(),
            staples: staples.into_iter().map(decoded).collect::<Result<_, _>>()?,
            assessment: assess(&der, deployment.host(), &roots, evidence.taken_at),
        });
    }
    if !presented.left_out.is_empty() {
        let left_out = presented.left_out.join(", ");
        chains
            .unseen
            .push(Unseen::Partial(format!("the certificates of further addresses were not judged: {left_out}")));
    }
    if chains.shown.is_empty() && chains.unseen.is_empty() {
        chains.unseen.push(Unseen::NoEvidence("no address of the host sent a certificate".into()));
    }
    Ok(chains)
}

/// One chain, with every address and every response that it came with.
struct Group<'a> {
    sent: &'a Sent,
    addresses: Vec<&'a str>,
    staples: Vec<&'a String>,
}

impl<'a> Group<'a> {
    fn join(&mut self, sent: &'a Sent, address: &'a str) {
        if !self.addresses.contains(&address) {
            self.addresses.push(address);
        }
        if let Some(staple) = sent.staple.as_ref().filter(|staple| !self.staples.contains(staple)) {
            self.staples.push(staple);
        }
    }
}

/// Whether two servings of a chain deserve one verdict.
fn is_alike(one: &Sent, other: &Sent) -> bool {
    one.certificates == other.certificates && one.stapled == other.stapled
}

#[cfg(test)]
pub(crate) mod testing {
    //! Evidence about chains, built in code.

    use super::*;
    use crate::certificate::made::now;
    use crate::evidence::tls::{Presented, PresentedAt, Version};
    use crate::target::{Deployment, Environment, Limits, Scope, Writes};

    pub(crate) fn target(url: &str) -> Target {
        Target {
            name: "production".into(),
            environment: Environment::Production,
            scope: Scope::Both,
            deployment: Some(Deployment {
                url: url.parse().unwrap(),
                plain: None,
                authorised: None,
                endpoints: Vec::new(),
                openapi: None,
                token: None,
                client_cert: None,
                headers: std::collections::BTreeMap::new(),
                proxy: None,
                resolve: std::collections::BTreeMap::new(),
                origins: None,
                hosts: Vec::new(),
                tools: None,
                ca: None,
                system_roots: false,
                pins: Vec::new(),
                logs: Vec::new(),
                monitoring: None,
                writes: Writes::Deny,
                limits: Limits::default(),
                never: Vec::new(),
                costly: Vec::new(),
                exempt: None,
            }),
            repository: None,
            checks: std::collections::BTreeMap::new(),
        }
    }

    pub(crate) fn presented(chain: &[Vec<u8>], root: &[u8]) -> Presented {
        Presented {
            addresses: vec![PresentedAt {
                address: "192.0.2.7:443".into(),
                chain: Ok(Sent {
                    certificates: chain.iter().map(|der| STANDARD.encode(der)).collect(),
                    over: Version::Tls12,
                    stapled: false,
                    staple: None,
                }),
            }],
            roots: Some(vec![STANDARD.encode(root)]),
            of_the_system: false,
            left_out: Vec::new(),
        }
    }

    pub(crate) fn evidence(chain: &[Vec<u8>], root: &[u8]) -> Evidence {
        Evidence::at(now()).with(Chain {}, presented(chain, root))
    }
}
