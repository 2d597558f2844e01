//! The demo's policy: the shipped one with the embedded deployment and repository as its target, and a short window.

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};
use serde_json::json;

use super::fault::{Fault, Faults};
use super::site::ORIGIN;
use super::site::limiter::{LIMIT, WINDOW};
use super::site::observe::COUNTER;
use super::{HOST, Places, TARGET};
use crate::evidence::declared::{Incident, Rotation};
use crate::period::Period;
use crate::policy::{FingerprintKey, Policy, Source};
use crate::target::{
    AllowedTool, Deployment, Endpoint, Environment, Host, Limits, LogSource, Monitoring, OpenApi, Reach, Repository,
    Scope, Target, Token, TokenSource, Writes,
};

pub(super) fn of(places: &Places, faults: &Faults) -> anyhow::Result<Policy> {
    let window = Period::millis(u64::try_from(WINDOW.as_millis())?);
    let checks = BTreeMap::from([("rate-limit".to_owned(), json!({ "limit": LIMIT, "window": window }))]);
    let target = Target {
        name: TARGET.into(),
        environment: Environment::Production,
        scope: Scope::Both,
        deployment: Some(deployment(places, faults)?),
        repository: Some(Repository::at(&places.repository)),
        checks: checks.clone(),
    };
    Ok(Policy {
        name: "demo: the shipped policy on the embedded deployment and repository".into(),
        sha256: String::new(),
        source: Source { file: "embedded demo".into(), trusted: true, withheld: Vec::new(), registers: Vec::new() },
        targets: vec![target],
        checks,
        rotations: rotations(places, faults),
        incidents: incidents(places, faults),
        waivers: Vec::new(),
        attestations: Vec::new(),
        max_waiver_days: 180,
        unwaivable: Vec::new(),
        fingerprint_key: FingerprintKey::File(places.fingerprint_key.clone()),
        lines: BTreeMap::new(),
        document: None,
        exec: Vec::new(),
    })
}

fn deployment(places: &Places, faults: &Faults) -> anyhow::Result<Deployment> {
    let endpoint = |method: &str, path: &str, public: Option<&str>| Endpoint {
        method: if method.is_empty() { "GET".into() } else { method.into() },
        path: path.into(),
        public: public.map(str::to_owned),
        method_named: !method.is_empty(),
    };
    let tool = |name: &str| AllowedTool { name: name.into(), sha256: places.tools.get(name).cloned() };
    let monitoring = Monitoring {
        metrics: Some(format!("http://{}:{}/metrics", places.address, places.metrics).parse()?),
        counter: Some(COUNTER.into()),
        prometheus: Some(format!("http://{}:{}", places.address, places.prometheus).parse()?),
        alertmanager: None,
        loki: None,
    };
    let token = Token { source: TokenSource::Demo, header: "Authorization".into(), disposable: true };
    Ok(Deployment {
        url: places.origin.parse()?,
        plain: Some(format!("http://{HOST}:{}", places.plain).parse()?),
        authorised: None,
        endpoints: vec![
            endpoint("GET", "/api/items", None),
            endpoint("", "/mcp", None),
            endpoint("GET", "/health", Some("probed by the load balancer")),
        ],
        openapi: Some(OpenApi::Path("/openapi.json".into())),
        token: (!faults.has(Fault::TokenUnnamed)).then_some(token),
        client_cert: None,
        headers: BTreeMap::new(),
        proxy: None,
        resolve: BTreeMap::from([(HOST.to_owned(), places.address)]),
        origins: Some(vec![ORIGIN.to_owned()]),
        hosts: vec![Host {
            name: places.address.to_string(),
            reach: Reach::None,
            origin_addresses: Vec::new(),
            ports: Some(vec![places.model, places.closed]),
        }],
        tools: (!faults.has(Fault::ToolsUnsaid)).then(|| {
            let mut tools = vec![tool("add"), tool("search")];
            if faults.has(Fault::ToolShell) {
                // Allowed by mistake: the check must tell it from a harmless one by itself.
                tools.push(tool("run_shell"));
            }
            tools
        }),
        ca: Some(places.root.clone()),
        system_roots: false,
        pins: places.pins.clone(),
        logs: if faults.has(Fault::LogUnnamed) { Vec::new() } else { vec![LogSource::File(places.log.clone())] },
        monitoring: Some(monitoring),
        // It is thrown away after the run, so valid writes may show that validation refuses nothing else.
        writes: Writes::Allow,
        limits: Limits::default(),
        never: Vec::new(),
        costly: Vec::new(),
        exempt: None,
    })
}

/// The register: every secret of every environment, its last rotation and its fingerprint since.
fn rotations(places: &Places, faults: &Faults) -> Vec<Rotation> {
    if faults.has(Fault::RotationUnregistered) {
        return Vec::new();
    }
    let on = |days: i64| -> NaiveDate { (places.now - TimeDelta::days(days)).date_naive() };
    places
        .registered
        .iter()
        .map(|(name, environment, fingerprint)| Rotation {
            name: name.clone(),
            environment: *environment,
            on: on(if faults.has(Fault::RotationOld) { 120 } else { 20 }),
            fingerprint: Some(fingerprint.clone()),
            line: None,
        })
        .collect()
}

fn incidents(places: &Places, faults: &Faults) -> Vec<Incident> {
    if !faults.has(Fault::SecretInHistoryRecorded) {
        return Vec::new();
    }
    let on = (places.now - TimeDelta::days(110)).date_naive();
    vec![Incident {
        secret: places.leaked.clone(),
        on,
        rotated: Some(on),
        updated: vec!["production database".into(), "stock service".into()],
        logs_audited: on.succ_opt(),
        record: None,
        line: None,
    }]
}
