//! Questions about ports: what listens, what it is, what it gives without a credential.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Question;
use super::catalogue::{self, Access};
use crate::seen_as;
use crate::target::{Host, Reach, Target};

/// The host name that stands for this machine's own listening sockets.
pub const LOCAL: &str = "local";

/// Addresses of one host that are looked at, at most.
pub const ADDRESSES: u32 = 8;
/// Open ports of one address that get every question of the catalogue, at most; what more is open shares what they leave.
const TALKATIVE: u32 = 16;

/// Requests at most that one address gets, over all its open ports.
pub fn requests_per_address() -> u32 {
    TALKATIVE.saturating_mul(catalogue::questions_per_port())
}

/// What answers on these ports of a host, on every address it has: connect, fingerprint, and a harmless request that
/// shows whether it can be used without a credential.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Services {
    pub host: String,
    /// Looked at instead of what the name resolves to, where not empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
    /// Ascending, each once.
    pub ports: Vec<u16>,
}

impl Services {
    /// The question about a declared host. The deployment's own listeners are left out: they are looked at through the
    /// deployment's own client, so that the rate limiter's ledger stays whole.
    pub fn of(host: &Host, target: &Target) -> Self {
        let own = own_ports(host, target);
        let mut ports = host.ports.clone().unwrap_or_else(catalogue::ports);
        ports.retain(|port| !own.contains(port));
        ports.sort_unstable();
        ports.dedup();
        Self { host: host.name.clone(), addresses: Vec::new(), ports }
    }

    /// The same question about the addresses behind a CDN or a balancer.
    #[must_use]
    pub fn behind(mut self, addresses: &[IpAddr]) -> Self {
        self.addresses = addresses.to_vec();
        self
    }

    fn most_addresses(&self, target: &Target) -> u32 {
        let named = u32::try_from(self.addresses.len()).unwrap_or(ADDRESSES);
        let resolved = target.deployment.as_ref().is_some_and(|deployment| deployment.resolve.contains_key(&self.host));
        if named > 0 {
            named.min(ADDRESSES)
        } else if resolved || self.host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
            1
        } else if self.host == LOCAL || self.host == "localhost" {
            2
        } else {
            ADDRESSES
        }
    }
}

/// The ports of the deployment's own listeners on this host.
fn own_ports(host: &Host, target: &Target) -> Vec<u16> {
    let Some(deployment) = &target.deployment else { return Vec::new() };
    if host.name.trim_matches(['[', ']']) != deployment.host() {
        return Vec::new();
    }
    let plain = deployment.plain_listener();
    [Some(deployment.port()), plain.port_or_known_default()].into_iter().flatten().collect()
}

impl Question for Services {
    seen_as!(Services => Listening);

    /// A connect and one more try for each port and address; at most [`requests_per_address`] requests to what is open,
    /// and never more than the catalogue has questions for one port.
    fn ceiling(&self, target: &Target) -> u32 {
        let ports = u32::try_from(self.ports.len()).unwrap_or(u32::MAX);
        let requests = ports.saturating_mul(catalogue::questions_per_port()).min(requests_per_address());
        self.most_addresses(target).saturating_mul(ports.saturating_mul(3).saturating_add(requests))
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        self.ports.iter().map(|port| format!("{}:{port}", self.host)).collect()
    }

    fn describe(&self) -> String {
        let addresses = match self.addresses.as_slice() {
            [] => String::new(),
            addresses => {
                format!(" at {}", addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
            }
        };
        format!("what answers on {} ports of {}{addresses} without a credential", self.ports.len(), self.host)
    }
}

/// What was seen of a host, address by address.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Listening {
    pub addresses: Vec<AddressSeen>,
    /// False where the host has more addresses than are looked at.
    pub complete: bool,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct AddressSeen {
    pub address: IpAddr,
    /// How far away an address of this kind can be reached from.
    pub class: Reach,
    /// The address is this machine's own: its packet filter was not passed on the way.
    pub same_machine: bool,
    pub ports: Vec<PortSeen>,
    /// What shows a CDN or a balancer in front, with the header that does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct PortSeen {
    pub port: u16,
    pub state: PortState,
    /// What answers there; only where the port is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PortState {
    Open,
    /// Refused: nothing listens.
    Closed,
    /// Silence, or a packet filter's own answer.
    Filtered,
    /// It could not be tried.
    Unknown(String),
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Service {
    pub speaks: Speaks,
    /// The product's name in the catalogue, where it was recognised.
    pub product: Option<String>,
    pub access: Access,
    /// The request and the answer that show it: `GET /api/tags: 200`.
    pub shown_by: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speaks {
    Http,
    Https,
    /// It accepts connections, but gives no HTTP answer within the deadline.
    NoHttp,
}

/// The sockets that listen on this machine.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Sockets {}

impl Question for Sockets {
    seen_as!(Sockets => LocalSockets);

    fn ceiling(&self, _target: &Target) -> u32 {
        0
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn describe(&self) -> String {
        "the sockets that listen on this machine".into()
    }
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct LocalSockets {
    pub listeners: Vec<Listener>,
}

#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Listener {
    pub address: IpAddr,
    pub port: u16,
    /// The process's name, where this user may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
}

impl Listener {
    /// From how far it can be reached as far as the bind alone says: a wide bind is reachable from other machines.
    pub fn reach(&self) -> Reach {
        match self.address {
            address if address.is_loopback() => Reach::Loopback,
            IpAddr::V6(address) if address.to_ipv4_mapped().is_some_and(|mapped| mapped.is_loopback()) => {
                Reach::Loopback
            }
            _ => Reach::Private,
        }
    }
}
