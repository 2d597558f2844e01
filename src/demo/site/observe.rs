//! Where denied attempts become visible: a Prometheus text page with the counter, and the rules that watch it.

use std::sync::Arc;

use axum::http::{Method, Request};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::Site;
use super::answer::Answer;
use super::listen::{self, Running};
use crate::demo::fault::{Fault, Faults};

/// The counter of requests that were denied.
pub(in crate::demo) const COUNTER: &str = "mcp_denied_requests_total";

pub(in crate::demo) fn metrics(running: &mut Running, listener: TcpListener, site: &Arc<Site>) {
    let site = site.clone();
    listen::plainly(running, listener, move |_, request| {
        if !is_get(request, "/metrics") {
            return Answer::not_found().into_response();
        }
        let text = format!(
            "# HELP {COUNTER} Requests refused for want of a valid credential.\n# TYPE {COUNTER} counter\n{COUNTER} \
             {}\n# HELP mcp_requests_total Requests.\n# TYPE mcp_requests_total counter\nmcp_requests_total {}\n",
            site.denials(),
            site.served(),
        );
        let mut answer = Answer::empty(200).header("content-type", "text/plain; version=0.0.4; charset=utf-8");
        answer.body = text;
        answer.into_response()
    });
}

/// The part of Prometheus' HTTP API that tells which rules are loaded (`/api/v1/rules`).
pub(in crate::demo) fn prometheus(running: &mut Running, listener: TcpListener, faults: &Faults) {
    let faults = faults.clone();
    listen::plainly(running, listener, move |_, request| {
        if is_get(request, "/api/v1/rules") {
            Answer::json(200, &loaded(&faults)).into_response()
        } else {
            Answer::not_found().into_response()
        }
    });
}

fn loaded(faults: &Faults) -> Value {
    let rule = |name: &str, query: &str| {
        json!({
            "type": "alerting", "name": name, "query": query, "duration": 300, "state": "inactive", "health": "ok",
            "labels": { "severity": "page" }, "annotations": {}, "alerts": []
        })
    };
    let mut rules = Vec::new();
    if !faults.has(Fault::DenialRuleMissing) {
        rules.push(rule("DeniedRequests", &format!("rate({COUNTER}[5m]) > 1")));
    }
    if !faults.has(Fault::ExpiryRuleMissing) {
        rules.push(rule("CertificateExpires", "probe_ssl_earliest_cert_expiry - time() < 1209600"));
    }
    json!({
        "status": "success",
        "data": { "groups": [{ "name": "security", "file": "rules/security.yml", "interval": 60, "rules": rules }] }
    })
}

fn is_get<B>(request: &Request<B>, path: &str) -> bool {
    request.method() == Method::GET && request.uri().path() == path
}
