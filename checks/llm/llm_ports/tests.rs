//! What answers beyond its reach fails, tried on evidence built in code.

use std::collections::BTreeMap;

use chrono::DateTime;

use super::*;
use crate::check::Status;
use crate::evidence::http::{BodySeen, Exchange};
use crate::evidence::manifest::{Found, Mark, Weight};
use crate::evidence::service::{Listener, Listening, LocalSockets, PortSeen, Service};
use crate::target::{Environment, Limits, Scope, Writes};

fn host_of(reach: Reach) -> Host {
    Host { name: "llm.example.com".into(), reach, origin_addresses: Vec::new(), ports: Some(vec![1, 11434]) }
}

/// The host under test is not the deployment's own, so that only its ports speak.
fn target(reach: Reach) -> Target {
    let host = host_of(reach);
    Target {
        name: "t".into(),
        environment: Environment::Production,
        scope: Scope::Deployment,
        deployment: Some(Deployment {
            url: "https://mcp.example.com".parse().unwrap(),
            plain: None,
            authorised: None,
            endpoints: Vec::new(),
            openapi: None,
            token: None,
            client_cert: None,
            headers: BTreeMap::new(),
            proxy: None,
            resolve: BTreeMap::new(),
            origins: None,
            hosts: vec![host],
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
        checks: BTreeMap::new(),
    }
}

fn host(target: &Target) -> Host {
    target.deployment.as_ref().unwrap().hosts[0].clone()
}

fn port(state: PortState, service: Option<(Option<&str>, Access)>) -> PortSeen {
    let service = service.map(|(product, access)| Service {
        speaks: Speaks::Http,
        product: product.map(str::to_owned),
        access,
        shown_by: "GET /api/tags: 200".into(),
    });
    PortSeen { port: 11434, state, service }
}

fn seen(target: &Target, address: &str, class: Reach, ports: Vec<PortSeen>) -> Evidence {
    let address = AddressSeen { address: address.parse().unwrap(), class, same_machine: false, ports, edge: None };
    let listening = Listening { addresses: vec![address], complete: true };
    Evidence::at(DateTime::UNIX_EPOCH)
        .with(Services::of(&host(target), target), listening)
        .with(Sockets {}, LocalSockets::default())
}

fn closed() -> PortSeen {
    PortSeen { port: 1, state: PortState::Closed, service: None }
}

fn status(target: &Target, evidence: &Evidence) -> Status {
    LlmPorts::default().judge(target, evidence).status()
}

#[test]
fn no_answer_is_never_a_pass() {
    assert_eq!(status(&target(Reach::Loopback), &Evidence::at(DateTime::UNIX_EPOCH)), Status::Inconclusive);
}

#[test]
fn an_open_server_fails_beyond_its_reach_and_only_there() {
    for (reach, class, expected) in [
        (Reach::Loopback, Reach::Public, Status::Fail),
        (Reach::Loopback, Reach::Private, Status::Fail),
        (Reach::None, Reach::Loopback, Status::Fail),
        (Reach::Loopback, Reach::Loopback, Status::Pass),
        (Reach::Private, Reach::Private, Status::Pass),
        (Reach::Public, Reach::Public, Status::Pass),
    ] {
        let target = target(reach);
        let open = port(PortState::Open, Some((Some("Ollama"), Access::Open)));
        let evidence = seen(&target, "192.0.2.7", class, vec![closed(), open]);
        assert_eq!(status(&target, &evidence), expected, "{reach} {class}");
    }
}

#[test]
fn a_server_that_answers_on_loopback_and_is_bound_to_every_address_fails() {
    let target = target(Reach::Loopback);
    let open = port(PortState::Open, Some((Some("Ollama"), Access::Open)));
    let wide = Listener { address: "0.0.0.0".parse().unwrap(), port: 11434, process: None };
    let evidence = seen(&target, "127.0.0.1", Reach::Loopback, vec![closed(), open])
        .with(Sockets {}, LocalSockets { listeners: vec![wide] });
    let verdict = LlmPorts::default().judge(&target, &evidence);
    assert_eq!(verdict.status(), Status::Fail);
    assert!(verdict.findings()[0].what.contains("every address"), "{}", verdict.findings()[0].what);
}

#[test]
fn denied_holds_and_unclear_is_inconclusive_beyond_the_reach() {
    let target = target(Reach::Loopback);
    for (access, product, expected) in [
        (Access::Denied, None, Status::Pass),
        (Access::Denied, Some("Jupyter Server"), Status::Pass),
        (Access::Unclear, Some("LiteLLM proxy"), Status::Inconclusive),
        (Access::Unclear, None, Status::Inconclusive),
    ] {
        let port = port(PortState::Open, Some((product, access)));
        let evidence = seen(&target, "192.0.2.7", Reach::Public, vec![closed(), port]);
        assert_eq!(status(&target, &evidence), expected, "{access:?} {product:?}");
    }
}

#[test]
fn silence_counts_only_beside_a_control() {
    let target = target(Reach::Loopback);
    let silent = || port(PortState::Filtered, None);
    let alone = seen(&target, "192.0.2.7", Reach::Public, vec![silent()]);
    assert_eq!(status(&target, &alone), Status::Inconclusive);
    let beside = seen(&target, "192.0.2.7", Reach::Public, vec![closed(), silent()]);
    assert_eq!(status(&target, &beside), Status::Pass);
    let web = PortSeen { port: 443, ..port(PortState::Open, Some((None, Access::Denied))) };
    let behind_a_middlebox = seen(&target, "192.0.2.7", Reach::Public, vec![web, silent()]);
    assert_eq!(status(&target, &behind_a_middlebox), Status::Inconclusive);
}

#[test]
fn behind_a_cdn_the_origin_is_needed() {
    let mut target = target(Reach::Loopback);
    let evidence = |target: &Target| {
        let mut listening = seen(target, "192.0.2.7", Reach::Public, vec![closed()])
            .of(&Services::of(&host(target), target))
            .unwrap()
            .clone();
        listening.addresses[0].edge = Some("cf-ray: 1".into());
        listening
    };
    let services = Services::of(&host(&target), &target);
    let at_edge = Evidence::at(DateTime::UNIX_EPOCH).with(services.clone(), evidence(&target));
    assert_eq!(status(&target, &at_edge), Status::Inconclusive);
    let origin: IpAddr = "192.0.2.9".parse().unwrap();
    target.deployment.as_mut().unwrap().hosts[0].origin_addresses = vec![origin];
    let mut behind = evidence(&target);
    behind.addresses[0].edge = None;
    let both = at_edge.with(services.behind(&[origin]), behind);
    assert_eq!(status(&target, &both), Status::Pass);
}

#[test]
fn a_port_that_could_not_be_tried_is_inconclusive() {
    let target = target(Reach::Loopback);
    let unknown = port(PortState::Unknown("no free socket".into()), None);
    assert_eq!(
        status(&target, &seen(&target, "192.0.2.7", Reach::Public, vec![closed(), unknown])),
        Status::Inconclusive
    );
}

#[test]
fn a_known_server_that_listens_elsewhere_than_loopback_fails() {
    let mut target = target(Reach::Loopback);
    target.deployment.as_mut().unwrap().hosts[0].name = LOCAL.into();
    let elsewhere = |process: &str| {
        let listener = Listener { address: "10.0.0.5".parse().unwrap(), port: 11434, process: Some(process.into()) };
        seen(&target, "127.0.0.1", Reach::Loopback, vec![closed()])
            .with(Sockets {}, LocalSockets { listeners: vec![listener] })
    };
    assert_eq!(status(&target, &elsewhere("ollama")), Status::Fail);
    assert_eq!(status(&target, &elsewhere("something")), Status::Inconclusive);
}

#[test]
fn a_manifest_that_publishes_fails_and_is_weighed_by_the_reach() {
    let mark = |weight| Mark {
        file: "compose.yaml".into(),
        line: Some(4),
        aspect: "published".into(),
        what: "the service llm publishes Ollama on every address".into(),
        weight,
        reach: Some(Reach::Private),
    };
    let judged = |reach, weight, scope| {
        let mut target = target(reach);
        target.scope = scope;
        target.repository = Some(crate::target::Repository::at("."));
        let evidence = seen(&target, "192.0.2.7", Reach::Public, vec![closed()])
            .with(manifests(), Found { files: 1, marks: vec![mark(weight)], ..Found::default() });
        status(&target, &evidence)
    };
    assert_eq!(judged(Reach::Loopback, Weight::Fault, Scope::Both), Status::Fail);
    assert_eq!(judged(Reach::Private, Weight::Fault, Scope::Both), Status::Pass);
    assert_eq!(judged(Reach::Loopback, Weight::Note, Scope::Both), Status::Pass);
    assert_eq!(judged(Reach::Loopback, Weight::Fault, Scope::Repository), Status::Fail);
    assert_eq!(judged(Reach::Loopback, Weight::Note, Scope::Repository), Status::Pass);
}

#[test]
fn a_deployment_that_treats_everybody_alike_shows_nothing_of_itself() {
    let mut target = target(Reach::Loopback);
    target.deployment.as_mut().unwrap().hosts[0].name = "mcp.example.com".into();
    let exchange = |status: u16| Exchange {
        status,
        headers: Vec::new(),
        body: BodySeen::default(),
        address: String::new(),
        at: 0,
        took: 0,
    };
    let judged = |status: u16| {
        let mut evidence = seen(&target, "192.0.2.7", Reach::Public, vec![closed()]);
        for request in own_questions() {
            evidence = evidence.with(request, exchange(status));
        }
        for request in plain_questions(target.deployment.as_ref().unwrap()) {
            evidence = evidence.with(request, exchange(308));
        }
        super::LlmPorts::default().judge(&target, &evidence).status()
    };
    assert_eq!(judged(200), Status::Inconclusive);
    assert_eq!(judged(404), Status::Pass);
}

#[test]
fn an_open_server_on_the_plain_listener_of_the_deployment_fails() {
    let mut target = target(Reach::Loopback);
    target.deployment.as_mut().unwrap().hosts[0].name = "mcp.example.com".into();
    let exchange = |status: u16, text: &str| Exchange {
        status,
        headers: Vec::new(),
        body: BodySeen { text: text.into(), ..BodySeen::default() },
        address: String::new(),
        at: 0,
        took: 0,
    };
    let judged = |tags: u16| {
        let mut evidence = seen(&target, "192.0.2.7", Reach::Public, vec![closed()]);
        for request in own_questions() {
            evidence = evidence.with(request, exchange(404, ""));
        }
        for request in plain_questions(target.deployment.as_ref().unwrap()) {
            let answer = match request.path.as_str() {
                "/" => exchange(200, "Ollama is running"),
                "/api/tags" => exchange(tags, "{\"models\":[]}"),
                _ => exchange(404, ""),
            };
            evidence = evidence.with(request, answer);
        }
        LlmPorts::default().judge(&target, &evidence).status()
    };
    assert_eq!(judged(200), Status::Fail);
    assert_eq!(judged(401), Status::Pass);
}

#[test]
fn an_open_server_on_any_port_of_this_machine_is_asked_and_other_services_are_none() {
    let mut target = target(Reach::Loopback);
    let deployment = target.deployment.as_mut().unwrap();
    deployment.hosts = vec![Host { name: LOCAL.into(), ports: None, ..host_of(Reach::Loopback) }];
    let local = host(&target);
    let listener = |address: &str, port| Listener { address: address.parse().unwrap(), port, process: None };
    let sockets = LocalSockets { listeners: vec![listener("0.0.0.0", 25612), listener("127.0.0.1", 25613)] };
    let services = LlmPorts::default().services(&local, &target);
    let seen = Evidence::at(DateTime::UNIX_EPOCH).with(Sockets {}, sockets);
    let asked = further(&local, &services, &target, &seen).unwrap();
    assert_eq!(asked.ports, [25612], "what listens within the declared reach is not asked");
    let judged = |product, access| {
        let port = PortSeen { port: 25612, ..port(PortState::Open, Some((product, access))) };
        let address = |ports| AddressSeen {
            address: "127.0.0.1".parse().unwrap(),
            class: Reach::Loopback,
            same_machine: true,
            ports,
            edge: None,
        };
        let evidence = seen
            .clone()
            .with(services.clone(), Listening { addresses: vec![address(vec![closed()])], complete: true })
            .with(asked.clone(), Listening { addresses: vec![address(vec![port])], complete: true });
        status(&target, &evidence)
    };
    assert_eq!(judged(Some("Ollama"), Access::Open), Status::Fail);
    assert_eq!(judged(None, Access::Unclear), Status::Pass);
    assert_eq!(judged(Some("Ollama"), Access::Denied), Status::Pass);
}

#[test]
fn a_socket_on_an_address_of_its_own_is_not_seen_through_loopback_whoever_answers_there() {
    let mut target = target(Reach::Loopback);
    let deployment = target.deployment.as_mut().unwrap();
    deployment.hosts = vec![Host { name: LOCAL.into(), ports: None, ..host_of(Reach::Loopback) }];
    let local = host(&target);
    let judged = |target: &Target, listeners: &[(&str, u16, Option<&str>)]| {
        let listener = |&(address, port, process): &(&str, u16, Option<&str>)| Listener {
            address: address.parse().unwrap(),
            port,
            process: process.map(str::to_owned),
        };
        let sockets = LocalSockets { listeners: listeners.iter().map(listener).collect() };
        let services = LlmPorts::default().services(&local, target);
        let evidence = Evidence::at(DateTime::UNIX_EPOCH).with(Sockets {}, sockets);
        let at = |address: &str, ports| AddressSeen {
            address: address.parse().unwrap(),
            class: if address.starts_with("127.") { Reach::Loopback } else { Reach::Private },
            same_machine: true,
            ports,
            edge: None,
        };
        let guard = |number| PortSeen { port: number, ..port(PortState::Open, Some((None, Access::Denied))) };
        let further = further(&local, &services, target, &evidence);
        let mut evidence =
            evidence.with(services, Listening { addresses: vec![at("127.0.0.1", vec![guard(11434)])], complete: true });
        if let Some(further) = further {
            let ports = further.ports.iter().map(|number| guard(*number)).collect();
            evidence = evidence.with(further, Listening { addresses: vec![at("127.0.0.1", ports)], complete: true });
        }
        for beside in target.deployment().unwrap().hosts.iter().filter(|host| host.name != LOCAL) {
            let ports = beside.ports.iter().flatten().map(|number| guard(*number)).collect();
            let listening = Listening { addresses: vec![at(&beside.name, ports)], complete: true };
            evidence = evidence.with(Services::of(beside, target), listening);
        }
        status(target, &evidence)
    };
    for (listeners, expected) in [
        (&[("127.0.0.1", 11434, None), ("192.0.2.1", 11434, None)][..], Status::Inconclusive),
        (&[("127.0.0.1", 11434, None), ("192.0.2.1", 11434, Some("ollama"))][..], Status::Fail),
        (&[("192.0.2.1", 25614, Some("python3"))][..], Status::Inconclusive),
        (&[("::ffff:192.0.2.1", 25614, Some("java"))][..], Status::Inconclusive),
        (&[("192.0.2.1", 25614, Some("a-web-server"))][..], Status::Inconclusive),
        (&[("192.0.2.1", 25614, None)][..], Status::Inconclusive),
        (&[("127.0.0.1", 25614, None), ("192.0.2.1", 25614, None)][..], Status::Inconclusive),
        (&[("192.0.2.1", 22, Some("sshd")), ("192.0.2.1", 5432, Some("postgres"))][..], Status::Pass),
        (&[("192.0.2.1", 11434, Some("sshd"))][..], Status::Inconclusive),
        (&[("0.0.0.0", 11434, Some("nginx")), ("::", 11434, Some("nginx"))][..], Status::Pass),
        (&[("127.0.0.1", 11434, None), ("::", 11434, None)][..], Status::Inconclusive),
        (&[("0.0.0.0", 25614, None)][..], Status::Pass),
    ] {
        assert_eq!(judged(&target, listeners), expected, "{listeners:?}");
    }
    let mut beside = target.clone();
    let named = Host { name: "192.0.2.1".into(), ports: Some(vec![25614]), ..host_of(Reach::Loopback) };
    beside.deployment.as_mut().unwrap().hosts.push(named);
    assert_eq!(judged(&beside, &[("192.0.2.1", 25614, Some("python3"))]), Status::Pass, "declared, asked and denied");
}
