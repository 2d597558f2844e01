//! Debian's Prometheus and Alertmanager beside a server whose counter moves: what is watched, and who is told.

use std::path::Path;

use crate::harness::{Audit, Logging, Server, folder, free_port, write};

const WATCHED: &str = "groups:\n  - name: access\n    rules:\n      - alert: DeniedRequests\n        \
                       expr: rate(api_denied_requests_total[5m]) > 1\n";
const UNWATCHED: &str = "groups:\n  - name: machine\n    rules:\n      - alert: Down\n        expr: up == 0\n";
const TOLD: &str = "route: { receiver: team }\nreceivers:\n  - name: team\n    \
                    webhook_configs: [{ url: 'http://127.0.0.1:9/' }]\n";
const UNTOLD: &str = "route: { receiver: 'null' }\nreceivers:\n  - name: 'null'\n";

#[test]
fn a_counter_that_moves_and_is_watched_holds() {
    let audit = audit("well", WATCHED, TOLD);
    assert_eq!(audit.findings("monitoring"), "");
    audit.expect("monitoring", "pass");
}

#[test]
fn a_counter_that_stands_still_fails() {
    let audit = audit("nothing", WATCHED, TOLD);
    assert!(
        audit.findings("monitoring").contains("stood at 0 through 3 denied attempts"),
        "{}",
        audit.findings("monitoring")
    );
}

#[test]
fn a_counter_that_no_rule_watches_fails() {
    let audit = audit("well", UNWATCHED, TOLD);
    assert!(audit.findings("monitoring").contains("none of 1 loaded rules watches denied attempts"));
}

#[test]
fn alerts_that_reach_nobody_fail() {
    let audit = audit("well", WATCHED, UNTOLD);
    assert!(audit.findings("monitoring").contains("alerts reach nobody"), "{}", audit.findings("monitoring"));
}

fn audit(mode: &str, rules: &str, receivers: &str) -> Audit {
    let folder = folder();
    let path = folder.path();
    let (prometheus, alertmanager) = (free_port(), free_port());
    let Logging { port, store, token, .. } = &Logging::start(path, mode);
    let _prometheus = start_prometheus(path, rules, prometheus, *store);
    let _alertmanager = start_alertmanager(path, receivers, alertmanager);
    let policy = write(
        path,
        "audit.yaml",
        &format!(
            "version: 1
name: monitoring
targets:
  - name: api
    environment: development
    url: http://127.0.0.1:{port}
    endpoints: [GET /items]
    token: {{ env: API_TOKEN }}
    monitoring:
      metrics: http://127.0.0.1:{store}/metrics
      prometheus: http://127.0.0.1:{prometheus}
      alertmanager: http://127.0.0.1:{alertmanager}
checks:
  monitoring: {{ deadline: 1s }}
"
        ),
    );
    let arguments = ["--policy", &policy.to_string_lossy(), "--check", "monitoring", "--scope", "deployment"];
    Audit::run(path, &arguments, &[("API_TOKEN", token)])
}

fn start_prometheus(folder: &Path, rules: &str, port: u16, metrics: u16) -> Server {
    let rules = write(folder, "rules.yml", rules);
    let configuration = write(
        folder,
        "prometheus.yml",
        &format!(
            "rule_files: ['{}']\nscrape_configs:\n  - job_name: api\n    static_configs: [{{ targets: ['127.0.0.1:{metrics}'] }}]\n",
            rules.display()
        ),
    );
    let arguments = [
        format!("--config.file={}", configuration.display()),
        format!("--storage.tsdb.path={}", folder.join("tsdb").display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
    ];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Server::start("prometheus", &arguments, &[], &folder.join("prometheus.log"), &[port])
}

fn start_alertmanager(folder: &Path, configuration: &str, port: u16) -> Server {
    let configuration = write(folder, "alertmanager.yml", configuration);
    let arguments = [
        format!("--config.file={}", configuration.display()),
        format!("--storage.path={}", folder.join("alertmanager").display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
        // No cluster: nothing is said to anybody.
        "--cluster.listen-address=".to_owned(),
    ];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Server::start("prometheus-alertmanager", &arguments, &[], &folder.join("alertmanager.log"), &[port])
}
