//! The listening sockets of this machine, for the host `local`.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use super::{judge_open, named};
use crate::check::{Finding, Place, Verdict};
use crate::evidence::catalogue::{self, Access};
use crate::evidence::http::Listener as Side;
use crate::evidence::service::{LOCAL, Listener, LocalSockets, PortState, Services, Sockets};
use crate::evidence::{Evidence, Unseen};
use crate::target::{Host, Reach, Target};

/// Listening ports of this machine beyond the catalogue's that are asked what they are, at most.
pub(super) const FURTHER: u16 = 64;

/// The same question about the other ports of this machine that listen beyond the declared reach: an LLM server may have
/// been given any port.
pub(super) fn further(host: &Host, services: &Services, target: &Target, seen: &Evidence) -> Option<Services> {
    let sockets = seen.of(&Sockets {}).ok().filter(|_| host.name == LOCAL && host.ports.is_none())?;
    let own = target.deployment().map_or_else(
        |_| Vec::new(),
        |deployment| {
            let sides = [Side::Main, Side::Plain].map(|side| side.url(deployment).port_or_known_default());
            sides.into_iter().flatten().collect()
        },
    );
    let listening = sockets.listeners.iter().filter(|listener| listener.reach() > host.reach);
    let ports: BTreeSet<u16> = listening
        .map(|listener| listener.port)
        .filter(|port| !services.ports.contains(port) && !own.contains(port))
        .collect();
    let ports: Vec<u16> = ports.into_iter().take(usize::from(FURTHER)).collect();
    (!ports.is_empty()).then(|| Services { host: LOCAL.into(), addresses: Vec::new(), ports })
}

/// Of ports that are no LLM server's by default only a product of the catalogue that is open counts: what else answers
/// there is another service of the machine.
pub(super) fn judge_further(
    host: &Host,
    services: &Services,
    target: &Target,
    evidence: &Evidence,
    verdict: &mut Verdict,
) {
    let Some(further) = further(host, services, target, evidence) else { return };
    let listening = match evidence.of(&further) {
        Ok(listening) => listening,
        Err(unseen) => return verdict.not_seen(unseen),
    };
    let mut asked = 0;
    for address in &listening.addresses {
        for port in &address.ports {
            let Some(service) = &port.service else { continue };
            asked += 1;
            if service.access == Access::Open && service.product.is_some() {
                judge_open(host, address, port, evidence, verdict);
            }
        }
    }
    verdict.holds(format!("{asked} further listening ports of this machine were asked what they are"));
    if further.ports.len() == usize::from(FURTHER) {
        verdict.not_seen(Unseen::Partial(format!("more than {FURTHER} further ports of this machine listen")));
    }
}

/// How far the socket behind a loopback answer is bound, where the table shows it.
pub(super) fn bound(sockets: &LocalSockets, port: u16, address: IpAddr) -> Option<Reach> {
    sockets
        .listeners
        .iter()
        .filter(|listener| listener.port == port && (listener.address == address || listener.address.is_unspecified()))
        .map(Listener::reach)
        .max()
}

/// Daemons that often listen on an address of their own and serve no LLM, by the kernel's name of the process (15
/// characters). Whatever is not here may be a web server: an interpreter, a container's proxy, a name nobody knows.
const ORDINARY: &[&str] = &[
    "sshd",
    "postgres",
    "postmaster",
    "mysqld",
    "mariadbd",
    "mongod",
    "redis-server",
    "valkey-server",
    "memcached",
    "cupsd",
    "avahi-daemon",
    "dnsmasq",
    "named",
    "unbound",
    "systemd-resolve",
    "systemd-resolved",
    "chronyd",
    "ntpd",
    "rpcbind",
    "rpc.mountd",
    "rpc.statd",
    "smbd",
    "nmbd",
    "master",
    "exim4",
    "dovecot",
    "slapd",
    "snmpd",
    "rsyslogd",
];

/// Whether the question through loopback met this socket. A socket of one other address is not met there, whatever answers
/// on the same port.
fn was_asked(listener: &Listener, sockets: &LocalSockets, answered: &[(IpAddr, u16)]) -> bool {
    let at = |six: bool| answered.iter().any(|(address, port)| *port == listener.port && address.is_ipv6() == six);
    // Of two sockets of one port the one that is bound to the address itself answers.
    let own_four = |other: &Listener| {
        let address = other.address.to_canonical();
        other.port == listener.port && address.is_ipv4() && !address.is_unspecified()
    };
    match listener.address.to_canonical() {
        IpAddr::V4(address) if address.is_unspecified() => at(false),
        IpAddr::V6(address) if address.is_unspecified() => {
            at(true) || (at(false) && !sockets.listeners.iter().any(own_four))
        }
        address => answered.contains(&(address, listener.port)),
    }
}

/// The open ports of these questions, wherever they were asked.
fn open_ports(questions: &[Services], evidence: &Evidence) -> Vec<(IpAddr, u16)> {
    let seen = questions.iter().filter_map(|question| evidence.of(question).ok());
    let addresses = seen.flat_map(|seen| &seen.addresses);
    addresses
        .flat_map(|address| {
            let open = address.ports.iter().filter(|port| port.state == PortState::Open);
            open.map(|port| (address.address.to_canonical(), port.port))
        })
        .collect()
}

/// The deployment's own socket, which its own client asks.
fn is_deployment(listener: &Listener, target: &Target, evidence: &Evidence) -> bool {
    let Ok(deployment) = target.deployment() else { return false };
    let address = listener.address.to_canonical();
    let sides = [Side::Main, Side::Plain].map(|side| side.url(deployment).port_or_known_default());
    let is_at = |text: &str| {
        let socket = text.parse::<SocketAddr>().ok().filter(|socket| socket.port() == listener.port);
        socket.map(|socket| socket.ip()).or_else(|| text.parse().ok()).map(|ip: IpAddr| ip.to_canonical())
            == Some(address)
    };
    sides.contains(&Some(listener.port))
        && (address.is_unspecified()
            || is_at(deployment.host())
            || evidence.exchanges().any(|(_, exchange)| is_at(&exchange.address)))
}

/// Sockets beyond the declared reach that no answer stands for: bound to another address than loopback. `asked` are the
/// questions to this machine and to the hosts that are declared beside it.
pub(super) fn judge_sockets(
    host: &Host,
    services: &Services,
    asked: &[Services],
    target: &Target,
    evidence: &Evidence,
    verdict: &mut Verdict,
) {
    let sockets = match evidence.of(&Sockets {}) {
        Ok(sockets) => sockets,
        Err(unseen) => {
            verdict.not_seen(unseen);
            return;
        }
    };
    let answered = open_ports(asked, evidence);
    verdict.holds(format!("{} listening sockets of this machine were looked at", sockets.listeners.len()));
    let mut ordinary = BTreeSet::new();
    for listener in &sockets.listeners {
        let product = listener.process.as_deref().and_then(|process| {
            catalogue::products().iter().find(|product| product.programs.iter().any(|program| program == process))
        });
        let is_named = services.ports.contains(&listener.port);
        if listener.reach() <= host.reach
            || !(is_named || host.ports.is_none())
            || was_asked(listener, sockets, &answered)
            || is_deployment(listener, target, evidence)
        {
            continue;
        }
        let place = format!("{}:{}", named(host, listener.address), listener.port);
        let Some(product) = product else {
            match listener.process.as_deref() {
                Some(process) if !is_named && ORDINARY.contains(&process) => {
                    ordinary.insert(process);
                }
                process => verdict.not_seen(Unseen::NoEvidence(format!(
                    "{place} listens ({}), and loopback does not lead there: declare the address as a host of its own \
                     (`hosts: [{{ name: {}, ports: [{}] }}]`)",
                    process.map_or_else(
                        || "the process is not shown to this user".to_owned(),
                        |process| format!("process {process}")
                    ),
                    listener.address,
                    listener.port
                ))),
            }
            continue;
        };
        let what = format!(
            "{} listens beyond the declared reach ({}); {} by default",
            product.product,
            host.reach,
            match product.auth {
                catalogue::Auth::None => "it asks for no credential",
                catalogue::Auth::Key => "it asks for a key",
                catalogue::Auth::Login => "it asks for a login",
            }
        );
        match product.auth {
            catalogue::Auth::None => {
                verdict.finds(Finding::new(what, Place::host(place)).aspect("bound-beyond-reach"));
            }
            catalogue::Auth::Key | catalogue::Auth::Login => {
                verdict.not_seen(Unseen::NoEvidence(format!("{place}: {what}")));
            }
        }
    }
    if !ordinary.is_empty() {
        let names: Vec<&str> = ordinary.into_iter().collect();
        verdict.notes(format!(
            "daemons that listen on an address of their own were told by their names alone: {}",
            names.join(", ")
        ));
    }
}
