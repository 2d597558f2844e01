//! No LLM server can be used without a credential from farther away than its host's declared reach.

mod files;
mod own;
mod sockets;

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{About, Check, DecidedFrom, Finding, Place, Reserve, Severity, Verdict};
use crate::evidence::catalogue::{self, Access};
use crate::evidence::service::{AddressSeen, LOCAL, PortState, Services, Sockets, Speaks};
use crate::evidence::{Ask, Evidence, Question as _, Unseen};
use crate::target::{Deployment, Host, Reach, Target};
use files::{judge_repository, manifests};
use own::{controls, is_own, judge_own, judge_plain, own_edge, own_questions, plain_questions};
use sockets::{FURTHER, bound, further, judge_further, judge_sockets};

#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LlmPorts {
    /// Looked at beside the catalogue's ports, on every host that names no ports of its own.
    pub extra_ports: Vec<u16>,
}

impl Check for LlmPorts {
    const ABOUT: About = About {
        id: "llm-ports",
        title: "LLM servers are not reachable without a credential",
        statements: &["LLM-1", "LLM-2"],
        severity: Severity::Critical,
        decided_from: DecidedFrom::Both,
        attestable: false,
        remediation: "Bind the server to 127.0.0.1 (OLLAMA_HOST=127.0.0.1, --host 127.0.0.1, \"127.0.0.1:11434:11434\" in \
                      compose), put a reverse proxy that asks for a credential in front of it, and close the port itself \
                      in the packet filter. Where a wider reach is meant, declare it: `hosts: [{ name, reach }]`.",
        references: &["OWASP LLM10:2025", "CWE-306", "CWE-1327"],
    };

    fn asks(&self, target: &Target, seen: &Evidence) -> Vec<Ask> {
        let mut asks = Vec::new();
        if let Ok(deployment) = target.deployment() {
            for host in hosts(deployment) {
                let services = self.services(&host, target);
                if !host.origin_addresses.is_empty() {
                    asks.push(services.clone().behind(&host.origin_addresses).into());
                }
                asks.extend(further(&host, &services, target, seen).map(Ask::from));
                asks.push(services.into());
                if is_own(&host, deployment) {
                    asks.extend(own_questions().map(Ask::from));
                    asks.extend(plain_questions(deployment).map(Ask::from));
                    asks.extend(controls(target));
                }
            }
            asks.push(Sockets {}.into());
        }
        if target.repository().is_ok() {
            asks.push(manifests().into());
        }
        asks
    }

    fn reserves(&self, target: &Target) -> Vec<Reserve> {
        let hosts = target.deployment().map(hosts).unwrap_or_default();
        if !hosts.iter().any(|host| host.name == LOCAL) {
            return Vec::new();
        }
        let most = Services { host: LOCAL.into(), addresses: Vec::new(), ports: (1..=FURTHER).collect() };
        vec![Reserve {
            what: format!("{FURTHER} further listening ports of this machine at most"),
            asks: 1,
            sends: most.ceiling(target),
        }]
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        let mut verdict = Verdict::default();
        let files = judge_repository(target, evidence, &mut verdict);
        match target.deployment() {
            Ok(deployment) => {
                let hosts = hosts(deployment);
                for host in &hosts {
                    self.judge_host(host, target, evidence, &mut verdict);
                }
                if hosts.iter().any(|host| host.reach == Reach::Public) {
                    verdict.notes("a host is declared `reach: public`: nothing that answers there counts as a fault");
                }
            }
            Err(absent) if absent.is_out_of_scope() => match files {
                Some(files) if files > 0 => {
                    verdict.holds(format!("{files} manifests publish no LLM server without a credential"));
                }
                Some(_) | None if verdict.unseen().is_empty() => return Verdict::absent(absent),
                Some(_) | None => {}
            },
            Err(absent) => verdict.not_seen(Unseen::NotNamed(absent.to_string())),
        }
        verdict
    }
}

impl LlmPorts {
    fn services(&self, host: &Host, target: &Target) -> Services {
        let mut services = Services::of(host, target);
        if host.ports.is_none() {
            services.ports.extend(&self.extra_ports);
            services.ports.sort_unstable();
            services.ports.dedup();
        }
        services
    }

    fn judge_host(&self, host: &Host, target: &Target, evidence: &Evidence, verdict: &mut Verdict) {
        let services = self.services(host, target);
        let mut edge = own_edge(host, target, evidence);
        let behind = (!host.origin_addresses.is_empty()).then(|| services.clone().behind(&host.origin_addresses));
        let mut farthest = Reach::Loopback;
        for question in [Some(&services), behind.as_ref()].into_iter().flatten() {
            let listening = match evidence.of(question) {
                Ok(listening) => listening,
                Err(unseen) => {
                    verdict.not_seen(unseen);
                    continue;
                }
            };
            if !listening.complete {
                verdict.not_seen(Unseen::Partial(format!("{} has more addresses than are looked at", host.name)));
            }
            for address in &listening.addresses {
                farthest = farthest.max(address.class);
                edge = edge.or_else(|| address.edge.clone());
                judge_address(host, address, evidence, verdict);
            }
        }
        if let Some(edge) = edge {
            if host.origin_addresses.is_empty() {
                verdict.not_seen(Unseen::NotConfigured(format!(
                    "{} is behind a CDN or a balancer ({edge}), which shows its own ports only: name the machines behind \
                     it (`hosts: [{{ name: {}, origin-addresses: [..] }}]`)",
                    host.name, host.name
                )));
            } else {
                verdict
                    .notes(format!("{} is behind a CDN or a balancer ({edge}); its origin was looked at", host.name));
            }
        }
        if host.name == LOCAL {
            let declared = target.deployment().map(hosts).unwrap_or_default();
            let beside = declared.iter().map(|host| self.services(host, target));
            let asked: Vec<Services> = beside.chain(further(host, &services, target, evidence)).collect();
            judge_sockets(host, &services, &asked, target, evidence, verdict);
            judge_further(host, &services, target, evidence, verdict);
        }
        if let Ok(deployment) = target.deployment()
            && is_own(host, deployment)
        {
            judge_own(host, farthest, target, deployment, evidence, verdict);
            judge_plain(host, farthest, deployment, evidence, verdict);
        }
    }
}

/// The declared hosts; where none is, the deployment's own.
fn hosts(deployment: &Deployment) -> Vec<Host> {
    if deployment.hosts.is_empty() {
        let name = deployment.host().to_owned();
        return vec![Host { name, reach: Reach::Loopback, origin_addresses: Vec::new(), ports: None }];
    }
    deployment.hosts.clone()
}

// --- judging -----------------------------------------------------------------------------------------------------

fn judge_address(host: &Host, seen: &AddressSeen, evidence: &Evidence, verdict: &mut Verdict) {
    let (mut closed, mut filtered, mut control) = (0, 0, false);
    for port in &seen.ports {
        match &port.state {
            PortState::Closed => {
                closed += 1;
                control = true;
            }
            PortState::Filtered => filtered += 1,
            PortState::Unknown(why) => verdict.not_seen(Unseen::Unreachable(why.clone())),
            PortState::Open => {
                // A middlebox answers on web ports for anybody: only another port shows the host itself.
                control |= !matches!(port.port, 80 | 443);
                judge_open(host, seen, port, evidence, verdict);
            }
        }
    }
    let place = named(host, seen.address);
    if filtered > 0 && !control {
        verdict.not_seen(Unseen::NotComparable(format!(
            "{place}: {filtered} ports are silent and none is refused, so it cannot be told from here whether the host \
             is filtered or this vantage is"
        )));
    } else if closed + filtered > 0 {
        let silent = if filtered > 0 { format!(", {filtered} filtered beside them") } else { String::new() };
        let vantage = match (seen.same_machine, seen.class) {
            (true, Reach::Private | Reach::Public) => ", seen from the machine itself".to_owned(),
            (true, Reach::None | Reach::Loopback) => ", seen on loopback".to_owned(),
            (false, class) => format!(", seen at a {class} address"),
        };
        verdict.holds(format!("{place}: {closed} ports refused{silent}{vantage}"));
    }
}

fn judge_open(
    host: &Host,
    seen: &AddressSeen,
    port: &crate::evidence::service::PortSeen,
    evidence: &Evidence,
    verdict: &mut Verdict,
) {
    let place = format!("{}:{}", named(host, seen.address), port.port);
    let Some(service) = &port.service else {
        verdict.not_seen(Unseen::Partial(format!("{place} is open; what answers there was not asked")));
        return;
    };
    let name = service.product.as_deref();
    let mut reach = seen.class;
    if seen.class == Reach::Loopback
        && let Ok(sockets) = evidence.of(&Sockets {})
    {
        reach = bound(sockets, port.port, seen.address).unwrap_or(reach);
    }
    let beyond = reach > host.reach;
    let shown = &service.shown_by;
    match service.access {
        Access::Denied => {
            verdict.holds(format!("{place}: {} asks for a credential ({shown})", name.unwrap_or("what answers")));
        }
        Access::Open => {
            let name = name.unwrap_or("an LLM server");
            let means = catalogue::product(name).map_or("use", |product| product.means.as_str());
            if beyond {
                let wide = if reach > seen.class { ", bound to every address," } else { "" };
                let what = format!(
                    "{name}{wide} can be used without a credential ({shown}): {means}; declared reach: {}",
                    host.reach
                );
                verdict.finds(Finding::new(what, Place::host(place)).aspect("usable-anonymously"));
            } else {
                verdict.notes(format!("{place}: {name} is open to {reach} callers, as declared ({shown})"));
                verdict.holds(format!("{place}: {name} is within the declared reach ({})", host.reach));
            }
        }
        Access::Unclear if beyond => {
            let what = match (name, service.speaks) {
                (Some(name), _) => format!("{name}, neither open nor denied ({shown})"),
                (None, Speaks::Http | Speaks::Https) => {
                    format!("a web service that is in no catalogue ({shown}): say what it is, or close the port")
                }
                (None, Speaks::NoHttp) => format!("something that speaks no HTTP ({shown})"),
            };
            verdict.not_seen(Unseen::NoEvidence(format!("{place} is open: {what}")));
        }
        Access::Unclear => {
            let name = name.unwrap_or("an unknown service");
            verdict.notes(format!("{place}: {name} answers within the declared reach ({shown})"));
            verdict.holds(format!("{place}: what answers is within the declared reach ({})", host.reach));
        }
    }
}

fn named(host: &Host, address: IpAddr) -> String {
    if host.name == address.to_string() { address.to_string() } else { format!("{} [{address}]", host.name) }
}

#[cfg(test)]
mod tests;
