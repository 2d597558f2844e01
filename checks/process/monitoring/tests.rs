//! Denied attempts become visible or they do not, tried on evidence built in code.

use chrono::DateTime;
use serde_json::json;

use super::*;
use crate::check::Status;

fn target(monitoring: &serde_json::Value) -> Target {
    serde_json::from_value(json!({
        "name": "t", "environment": "production", "scope": "deployment", "repository": null,
        "deployment": {
            "url": "https://mcp.example.com/", "plain": null, "authorised": null, "openapi": null, "token": null,
            "endpoints": [{ "method": "GET", "path": "/api", "public": null, "method_named": true }],
            "client_cert": null, "headers": {}, "proxy": null, "resolve": {}, "origins": null, "hosts": [], "tools": null,
            "ca": null, "pins": [], "logs": [], "monitoring": monitoring, "writes": "deny", "never": [], "costly": [],
            "exempt": null,
            "limits": { "burst": null, "max_requests": null, "max_denied": null, "stop_on_errors": 10, "stop_on_latency": null },
        },
    }))
    .unwrap()
}

fn named() -> Target {
    target(
        &json!({ "metrics": "http://127.0.0.1:9/metrics", "counter": "denied_total", "prometheus": "http://127.0.0.1:9/", "alertmanager": null, "loki": null }),
    )
}

fn judged(watched: Watched) -> Verdict {
    let target = named();
    let check = Monitoring::default();
    let watch = check.watch(&target, target.deployment().unwrap()).unwrap();
    check.judge(&target, &Evidence::at(DateTime::UNIX_EPOCH).with(watch, watched))
}

fn counter(after: &str) -> Vec<Counter> {
    vec![Counter { series: "denied_total".into(), before: Some("4".into()), after: after.into(), restless: false }]
}

fn loaded(queries: &[&str]) -> Vec<Rule> {
    queries.iter().map(|query| Rule { name: "R".into(), query: (*query).into() }).collect()
}

fn sound() -> Watched {
    Watched {
        denied: 3,
        counters: Some(Ok(counter("7"))),
        prometheus: Some(Ok(loaded(&["rate(denied_total[5m]) > 1", "probe_ssl_earliest_cert_expiry < 1"]))),
        ..Watched::default()
    }
}

#[test]
fn no_answer_and_nothing_named_are_never_a_pass() {
    let nothing = Evidence::at(DateTime::UNIX_EPOCH);
    assert_eq!(Monitoring::default().judge(&named(), &nothing).status(), Status::Inconclusive);
    assert_eq!(Monitoring::default().judge(&target(&json!(null)), &nothing).status(), Status::Inconclusive);
}

#[test]
fn a_counter_that_moves_under_a_loaded_rule_passes() {
    assert_eq!(judged(sound()).status(), Status::Pass);
}

#[test]
fn a_counter_that_stands_still_or_is_missing_fails() {
    assert_eq!(judged(Watched { counters: Some(Ok(counter("4"))), ..sound() }).status(), Status::Fail);
    assert_eq!(judged(Watched { counters: Some(Ok(Vec::new())), ..sound() }).status(), Status::Fail);
}

#[test]
fn a_missing_rule_fails() {
    for rules in [&["up == 0"][..], &["rate(denied_total[5m]) > 1"], &["probe_ssl_earliest_cert_expiry < 1"]] {
        assert_eq!(
            judged(Watched { prometheus: Some(Ok(loaded(rules))), ..sound() }).status(),
            Status::Fail,
            "{rules:?}"
        );
    }
}

#[test]
fn what_could_not_be_read_is_inconclusive() {
    let gone = || Unseen::Unreachable("gone".into());
    assert_eq!(judged(Watched { counters: Some(Err(gone())), ..sound() }).status(), Status::Inconclusive);
    assert_eq!(judged(Watched { prometheus: Some(Err(gone())), ..sound() }).status(), Status::Inconclusive);
    assert_eq!(
        judged(Watched { denied: 0, counters: Some(Ok(counter("4"))), ..sound() }).status(),
        Status::Inconclusive
    );
    assert_eq!(judged(Watched { prometheus: None, ..sound() }).status(), Status::Inconclusive);
}

#[test]
fn alerts_that_reach_nobody_fail() {
    assert_eq!(judged(Watched { receivers: Some(Ok(Vec::new())), ..sound() }).status(), Status::Fail);
}

#[test]
fn a_counter_that_rises_by_itself_or_by_too_little_shows_nothing() {
    let mut clock = counter("7");
    clock[0].restless = true;
    assert_eq!(judged(Watched { counters: Some(Ok(clock)), ..sound() }).status(), Status::Inconclusive);
    assert_eq!(judged(Watched { counters: Some(Ok(counter("5"))), ..sound() }).status(), Status::Inconclusive);
    assert_eq!(judged(Watched { counters: Some(Ok(counter("9"))), ..sound() }).status(), Status::Pass);
}
