//! No LLM server can be used without a credential from farther away than its host's declared reach.

use std::collections::BTreeSet;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{About, Check, DecidedFrom, Finding, Place, Reserve, Severity, Verdict};
use crate::evidence::catalogue::{self, Access, Answered, NOWHERE};
use crate::evidence::http::{Credential, Exchange, Listener as Side, Request};
use crate::evidence::manifest::{Manifests, Subject, Weight};
use crate::evidence::mcp::{self, Conversation};
use crate::evidence::service::{AddressSeen, LOCAL, LocalSockets, PortState, Services, Sockets, Speaks};
use crate::evidence::{Ask, Evidence, Question as _, Unseen};
use crate::target::{Deployment, Host, Reach, Target};

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
            judge_sockets(host, &services, evidence, verdict);
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

// --- named questions ---------------------------------------------------------------------------------------------

/// The declared hosts; where none is, the deployment's own.
fn hosts(deployment: &Deployment) -> Vec<Host> {
    if deployment.hosts.is_empty() {
        let name = deployment.host().to_owned();
        return vec![Host { name, reach: Reach::Loopback, origin_addresses: Vec::new(), ports: None }];
    }
    deployment.hosts.clone()
}

fn is_own(host: &Host, deployment: &Deployment) -> bool {
    host.name.trim_matches(['[', ']']) == deployment.host()
}

fn manifests() -> Manifests {
    Manifests { about: Subject::Exposure }
}

/// Listening ports of this machine beyond the catalogue's that are asked what they are, at most.
const FURTHER: u16 = 64;

/// The same question about the other ports of this machine that listen beyond the declared reach: an LLM server may have
/// been given any port.
fn further(host: &Host, services: &Services, target: &Target, seen: &Evidence) -> Option<Services> {
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

/// What the best-known LLM servers answer; asked of the deployment's own port through its own client.
fn own_questions() -> impl Iterator<Item = Request> {
    ["/v1/models", "/api/tags", NOWHERE].into_iter().map(Request::get)
}

/// The same of the plain-HTTP listener beside it, which may be another program.
fn plain_questions(deployment: &Deployment) -> impl Iterator<Item = Request> {
    let asked = deployment.is_https().then_some(["/", "/v1/models", "/api/tags", NOWHERE]);
    asked.into_iter().flatten().map(|path| Request::get(path).plain())
}

/// Something that the valid token must open and its absence must not: a deployment that treats everybody alike shows
/// nothing of itself.
fn controls(target: &Target) -> Vec<Ask> {
    let Ok(deployment) = target.deployment() else { return Vec::new() };
    let protected = admitted(deployment).map(|request| request.with(Credential::None)).map(Ask::from);
    if deployment.token.is_none() {
        return protected.into_iter().collect();
    }
    let control = match mcp::candidates(target).into_iter().next() {
        Some(path) => Some(Conversation::standard(target, path).into()),
        None => admitted(deployment).map(Ask::from),
    };
    protected.into_iter().chain(control).collect()
}

fn admitted(deployment: &Deployment) -> Option<Request> {
    let endpoint =
        deployment.endpoints.iter().find(|endpoint| endpoint.method == "GET" && endpoint.public.is_none())?;
    Some(Request::get(endpoint.path.clone()).with(Credential::Valid))
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

/// Of ports that are no LLM server's by default only a product of the catalogue that is open counts: what else answers
/// there is another service of the machine.
fn judge_further(host: &Host, services: &Services, target: &Target, evidence: &Evidence, verdict: &mut Verdict) {
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
fn bound(sockets: &LocalSockets, port: u16, address: IpAddr) -> Option<Reach> {
    sockets
        .listeners
        .iter()
        .filter(|listener| listener.port == port && (listener.address == address || listener.address.is_unspecified()))
        .map(crate::evidence::service::Listener::reach)
        .max()
}

/// Sockets of LLM servers that loopback did not answer for: bound to another address, or told by their process.
fn judge_sockets(host: &Host, services: &Services, evidence: &Evidence, verdict: &mut Verdict) {
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

/// The deployment's own port, by the answers that it gave without a credential.
fn judge_own(
    host: &Host,
    farthest: Reach,
    target: &Target,
    deployment: &Deployment,
    evidence: &Evidence,
    verdict: &mut Verdict,
) {
    let mut unknown = Vec::new();
    for request in own_questions() {
        match evidence.of(&request) {
            Ok(exchange) if request.path == NOWHERE && exchange.is_success() && !ever_refuses(evidence) => {
                unknown.push(Unseen::NotComparable(format!(
                    "{} answers {} even to a path that nobody serves, so its answers tell no product",
                    deployment.origin(),
                    exchange.status
                )));
            }
            Ok(_) => {}
            Err(unseen) => unknown.push(unseen),
        }
    }
    let answers: Vec<Answered> = evidence
        .exchanges()
        .filter(|(request, _)| {
            request.listener == Side::Main && request.method == "GET" && request.credential == Credential::None
        })
        .map(|(request, exchange)| answered(request, exchange))
        .collect();
    let (product, access, shown) = catalogue::judge(deployment.port(), &answers);
    if let (Some(product), Access::Open) = (product, access) {
        if farthest > host.reach {
            let what = format!("{} can be used without a credential ({shown}): {}", product.product, product.means);
            verdict.finds(Finding::new(what, Place::url(deployment.origin())).aspect("usable-anonymously"));
        } else {
            verdict.notes(format!("{} is {}, open within the declared reach", deployment.origin(), product.product));
        }
        return;
    }
    for unseen in unknown {
        verdict.not_seen(unseen);
    }
    if deployment.token.is_some() && !is_admitted(target, deployment, evidence) {
        verdict.not_seen(Unseen::NotComparable(format!(
            "{} does not admit its own valid token, so what stands behind its own port cannot be told",
            deployment.origin()
        )));
    }
}

/// The plain-HTTP listener, by what it answers without a credential; a port that is closed serves nothing.
fn judge_plain(host: &Host, farthest: Reach, deployment: &Deployment, evidence: &Evidence, verdict: &mut Verdict) {
    let mut answers = Vec::new();
    for request in plain_questions(deployment) {
        match evidence.of(&request) {
            Ok(exchange) => answers.push(answered(&request, exchange)),
            Err(Unseen::Unreachable(why)) if why.contains("refused") => {}
            Err(unseen) => verdict.not_seen(unseen),
        }
    }
    let listener = deployment.plain_listener();
    let (product, access, shown) = catalogue::judge(listener.port_or_known_default().unwrap_or(80), &answers);
    if let (Some(product), Access::Open) = (product, access)
        && farthest > host.reach
    {
        let what = format!("{} can be used without a credential ({shown}): {}", product.product, product.means);
        let place = Place::url(listener.origin().ascii_serialization());
        verdict.finds(Finding::new(what, place).aspect("usable-anonymously"));
    }
}

fn is_admitted(target: &Target, deployment: &Deployment, evidence: &Evidence) -> bool {
    let candidates = mcp::candidates(target);
    let first = candidates.first().map(|path| Conversation::standard(target, path.clone()));
    let by_protocol = first.is_some_and(|ask| evidence.of(&ask).is_ok_and(|transcript| transcript.era.is_mcp()));
    let by_request = evidence
        .exchanges()
        .any(|(request, exchange)| request.credential == Credential::Valid && exchange.is_success());
    // Without anything declared that the token could open there is no control to ask for.
    by_protocol || by_request || (candidates.is_empty() && admitted(deployment).is_none())
}

fn answered(request: &Request, exchange: &Exchange) -> Answered {
    Answered {
        path: request.path.clone(),
        status: exchange.status,
        headers: exchange.headers.clone(),
        body: exchange.body.text.clone(),
    }
}

/// Whether any request without a credential was refused or not found: a single-page application gives its page for
/// every path, but its API still denies.
fn ever_refuses(evidence: &Evidence) -> bool {
    evidence.exchanges().any(|(request, exchange)| {
        request.listener == Side::Main && request.credential == Credential::None && exchange.status >= 400
    })
}

fn own_edge(host: &Host, target: &Target, evidence: &Evidence) -> Option<String> {
    let deployment = target.deployment().ok()?;
    if !is_own(host, deployment) {
        return None;
    }
    evidence.exchanges().find_map(|(_, exchange)| catalogue::edge(&exchange.headers))
}

/// Judges the manifests; how many were read, where there is a repository to read.
fn judge_repository(target: &Target, evidence: &Evidence, verdict: &mut Verdict) -> Option<u32> {
    match target.repository() {
        Ok(_) => {}
        Err(absent) if absent.is_out_of_scope() => return None,
        Err(absent) => {
            verdict.notes(absent.to_string());
            return None;
        }
    }
    let found = match evidence.of(&manifests()) {
        Ok(found) => found,
        Err(unseen) => {
            verdict.not_seen(unseen);
            return None;
        }
    };
    let reach = target
        .deployment
        .as_ref()
        .map_or(Reach::Loopback, |deployment| hosts(deployment).iter().map(|host| host.reach).min().unwrap_or_default())
        // A manifest that stays on its own machine publishes nothing.
        .max(Reach::Loopback);
    for mark in &found.marks {
        let place = Place::file(mark.file.clone(), mark.line);
        match mark.weight {
            Weight::Fault if mark.reach.is_none_or(|published| published > reach) => {
                verdict.finds(Finding::new(mark.what.clone(), place).aspect(mark.aspect.clone()));
            }
            Weight::Fault => verdict.notes(format!("{place}: {}, within the declared reach", mark.what)),
            Weight::Note => verdict.notes(format!("{place}: {}", mark.what)),
        }
    }
    for skipped in &found.skipped {
        verdict.notes(format!("not read: {skipped}"));
    }
    Some(found.files)
}

fn named(host: &Host, address: IpAddr) -> String {
    if host.name == address.to_string() { address.to_string() } else { format!("{} [{address}]", host.name) }
}

#[cfg(test)]
mod tests;
