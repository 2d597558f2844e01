//! Which addresses a host has, and whether the audit may contact them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::evidence::Unseen;
use crate::probe::World;
use crate::target::Target;

/// How far away an address is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Class {
    Loopback,
    Private,
    Public,
    /// Never contacted: link-local (where clouds keep their metadata), multicast, unspecified.
    Forbidden,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::Public => "public",
            Self::Forbidden => "forbidden",
        })
    }
}

impl Class {
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => match embedded_v4(address) {
                Some(embedded) => Self::of_v4(embedded),
                None => Self::of_v6(address),
            },
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        let [first, second, ..] = address.octets();
        if address.is_loopback() {
            Self::Loopback
        } else if address.is_link_local() || first == 0 || address.is_multicast() || address.is_broadcast() {
            Self::Forbidden
        // RFC 6598: 100.64.0.0/10 is shared address space, behind a carrier's NAT.
        } else if address.is_private() || (first == 100 && (64..128).contains(&second)) {
            Self::Private
        } else {
            Self::Public
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if address.is_loopback() {
            Self::Loopback
        } else if address.is_unspecified() || address.is_multicast() || address.is_unicast_link_local() {
            Self::Forbidden
        } else if address.is_unique_local() {
            Self::Private
        } else {
            Self::Public
        }
    }
}

/// The IPv4 address inside a mapped (`::ffff:0:0/96`) or NAT64 (`64:ff9b::/96`, RFC 6052) address.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return Some(mapped);
    }
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    }
}

/// How long a name may take to resolve.
const RESOLVING: Duration = Duration::from_secs(5);

/// Every address of `host`, each one allowed: `resolve` in the target stands in for DNS, link-local addresses are never
/// contacted, and public ones only with `authorised`.
pub async fn addresses(world: &World, target: &Target, host: &str, port: u16) -> Result<Vec<SocketAddr>, Unseen> {
    let host = host.trim_matches(['[', ']']);
    let found = match target.deployment.as_ref().and_then(|deployment| deployment.resolve.get(host)) {
        Some(address) => vec![SocketAddr::new(*address, port)],
        None => {
            // Asked once a run: a resolver that answers otherwise the second time (DNS rebinding) moves no probe to
            // another machine than the one that was judged.
            let cell = world.resolved(host);
            let found = cell.get_or_init(|| lookup(host)).await.clone();
            found?.into_iter().map(|address| SocketAddr::new(address, port)).collect()
        }
    };
    for address in &found {
        permit(world, target, address.ip())?;
    }
    Ok(found)
}

/// Whether the audit may contact this address at all; to be asked for every address that does not come from
/// [`addresses`].
pub fn permit(world: &World, target: &Target, address: IpAddr) -> Result<(), Unseen> {
    let class = Class::of(address);
    match class {
        Class::Forbidden => {
            return Err(Unseen::NotAllowed(format!(
                "{address} is a link-local, multicast or unspecified address, which is never contacted"
            )));
        }
        Class::Public => authorised(world, target, address)?,
        Class::Loopback | Class::Private => {}
    }
    world.saw_address(class);
    Ok(())
}

fn authorised(world: &World, target: &Target, address: IpAddr) -> Result<(), Unseen> {
    let by = target.deployment.as_ref().and_then(|deployment| deployment.authorised.as_ref());
    let today = world.run().taken_at.date_naive();
    match by {
        None => Err(Unseen::NotAllowed(format!(
            "{address} is a public address: say who allows the audit, with `authorised: {{ by, until }}` in the target \
             or --authorised-by NAME"
        ))),
        Some(by) => match by.until {
            Some(until) if until < today => Err(Unseen::NotAllowed(format!(
                "the authorisation by {} for the public address {address} ended on {until}",
                by.by
            ))),
            Some(_) | None => Ok(()),
        },
    }
}

async fn lookup(host: &str) -> Result<Vec<IpAddr>, Unseen> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![address]);
    }
    let found = tokio::time::timeout(RESOLVING, tokio::net::lookup_host((host, 0)))
        .await
        .map_err(|_| Unseen::TimedOut(format!("resolving {host} took over {} s", RESOLVING.as_secs())))?
        .map_err(|error| Unseen::Unreachable(format!("{host} does not resolve: {error}")))?;
    let mut addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    // Browsers take both whatever a hosts file says (RFC 6761 section 6.3): what listens on either is reached by the name.
    if host == "localhost" || host.ends_with(".localhost") {
        addresses.extend([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
    }
    addresses.sort();
    addresses.dedup();
    // A real host has a handful; a list without end is a hostile resolver.
    addresses.truncate(32);
    if addresses.is_empty() {
        return Err(Unseen::Unreachable(format!("{host} has no address")));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(address: &str) -> Class {
        Class::of(address.parse().unwrap())
    }

    #[test]
    fn metadata_addresses_are_forbidden_in_every_spelling() {
        for address in ["169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fe80::1", "0.0.0.0", "::"] {
            assert_eq!(class(address), Class::Forbidden, "{address}");
        }
    }

    #[test]
    fn classes_follow_the_registries() {
        for (address, expected) in [
            ("127.0.0.2", Class::Loopback),
            ("::1", Class::Loopback),
            ("::ffff:127.0.0.1", Class::Loopback),
            ("10.1.2.3", Class::Private),
            ("100.64.0.1", Class::Private),
            ("fd00::1", Class::Private),
            ("192.0.2.7", Class::Public),
            ("2001:db8::1", Class::Public),
        ] {
            assert_eq!(class(address), expected, "{address}");
        }
    }
}
