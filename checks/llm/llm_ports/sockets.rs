//! The listening sockets of this machine, for the host `local`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{judge_open, named};
use crate::check::{Finding, Place, Verdict};
use crate::evidence::catalogue::{self, Access};
use crate::evidence::http::Listener as Side;
use crate::evidence::service::{LOCAL, LocalSockets, PortState, Services, Sockets};
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
        .map(crate::evidence::service::Listener::reach)
        .max()
}

/// Sockets of LLM servers that loopback did not answer for: bound to another address, or told by their process.
pub(super) fn judge_sockets(host: &Host, services: &Services, evidence: &Evidence, verdict: &mut Verdict) {
    let sockets = match evidence.of(&Sockets {}) {
        Ok(sockets) => sockets,
        Err(unseen) => {
            verdict.not_seen(unseen);
            return;
        }
    };
    let answered: Vec<u16> = evidence.of(services).map_or_else(
        |_| Vec::new(),
        |seen| {
            let ports = seen.addresses.iter().flat_map(|address| &address.ports);
            ports.filter(|port| port.state == PortState::Open).map(|port| port.port).collect()
        },
    );
    verdict.holds(format!("{} listening sockets of this machine were looked at", sockets.listeners.len()));
    for listener in &sockets.listeners {
        let product = listener.process.as_deref().and_then(|process| {
            catalogue::products().iter().find(|product| product.programs.iter().any(|program| program == process))
        });
        if listener.reach() <= host.reach || answered.contains(&listener.port) {
            continue;
        }
        let place = format!("{}:{}", named(host, listener.address), listener.port);
        match product {
            Some(product) if host.ports.is_none() || services.ports.contains(&listener.port) => {
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
            None if services.ports.contains(&listener.port) => verdict.not_seen(Unseen::NoEvidence(format!(
                "{place} listens, and does not answer on loopback: declare the address as a host of its own"
            ))),
            Some(_) | None => {}
        }
    }
}
