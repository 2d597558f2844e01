//! Limiters of different make, each in front of a real API: a window that is fixed, one that slides, a bucket that leaks; and
//! two that refuse and still serve too much.

use std::path::Path;

use crate::harness::{Audit, Haproxy, Nginx, Server, folder, free_port, node, random, write};

const LIMIT: u32 = 30;

/// A window of seconds keeps the test short; `tests/run --all` takes the policy's own minute.
fn window_ms() -> u32 {
    if std::env::var_os("WATERTIGHT_REAL_WINDOW").is_some() { 60_000 } else { 4000 }
}

/// An API (or several that share nothing) on ports of its own, and its token.
struct Api {
    _server: Server,
    ports: Vec<u16>,
    token: String,
}

impl Api {
    fn start(folder: &Path, variants: &[&str]) -> Self {
        let ports: Vec<u16> = variants.iter().map(|_| free_port()).collect();
        let served: Vec<String> = ports.iter().zip(variants).map(|(port, name)| format!("{port}={name}")).collect();
        let token = format!("{:x}{:x}", random(folder), random(folder));
        let server = Server::start(
            "node",
            &[&node("faulty.mjs")],
            &[
                ("VARIANTS", &served.join(" ")),
                ("TOKEN", &token),
                ("ORIGIN", "https://app.example.com"),
                ("LIMIT", &LIMIT.to_string()),
                ("WINDOW_MS", &window_ms().to_string()),
            ],
            &folder.join("node.log"),
            &ports,
        );
        Self { _server: server, ports, token }
    }

    /// The audit of the rate limit at `port`.
    fn audit(&self, folder: &Path, port: u16) -> Audit {
        let policy = write(
            folder,
            "audit.yaml",
            &format!(
                "version: 1
name: limiters
targets:
  - name: limited
    environment: production
    url: http://127.0.0.1:{port}
    endpoints: [GET /api/items, GET /api/stats]
    token: {{ env: REAL_TOKEN, disposable: true }}
checks:
  rate-limit: {{ limit: {LIMIT}, window: {}ms }}
",
                window_ms()
            ),
        );
        let arguments = ["--policy", &policy.to_string_lossy(), "--scope", "deployment", "--check", "rate-limit"];
        let audit = Audit::run(folder, &arguments, &[("REAL_TOKEN", &self.token)]);
        println!("{:#}", audit.result("rate-limit"));
        audit
    }
}

/// The rate that `LIMIT` in the window comes to, as nginx writes it.
fn rate() -> String {
    format!("{}r/m", LIMIT * 60_000 / window_ms())
}

fn nginx(folder: &Path, port: u16, upstream: u16, limit: &str) -> Nginx {
    Nginx::start(
        folder,
        &format!(
            "{limit}\nlimit_req_status 429;\n\
             server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{upstream}; proxy_set_header Host $host; }} }}"
        ),
        &[port],
    )
}

#[test]
fn a_fixed_window_holds_and_is_measured_to_the_request() {
    let folder = folder();
    let api = Api::start(folder.path(), &[""]);
    let audit = api.audit(folder.path(), api.ports[0]);
    audit.expect("rate-limit", "pass");
    let grounds = audit.result("rate-limit")["grounds"].to_string();
    assert!(grounds.contains("30"), "{grounds}");
}

#[test]
fn a_leaky_bucket_at_the_limit_holds() {
    let folder = folder();
    let api = Api::start(folder.path(), &["limiter-off"]);
    let port = free_port();
    let limit = format!(
        "limit_req_zone $binary_remote_addr zone=a:1m rate={};\nlimit_req zone=a burst={} nodelay;",
        rate(),
        LIMIT - 1
    );
    let _nginx = nginx(folder.path(), port, api.ports[0], &limit);
    api.audit(folder.path(), port).expect("rate-limit", "pass");
}

#[test]
fn a_high_rate_with_a_small_burst_refuses_early_and_fails() {
    let folder = folder();
    let api = Api::start(folder.path(), &["limiter-off"]);
    let port = free_port();
    let limit = "limit_req_zone $binary_remote_addr zone=a:1m rate=40r/s;\nlimit_req zone=a burst=5 nodelay;";
    let _nginx = nginx(folder.path(), port, api.ports[0], limit);
    api.audit(folder.path(), port).expect("rate-limit", "fail");
}

#[test]
fn a_sliding_window_holds() {
    let folder = folder();
    let api = Api::start(folder.path(), &["limiter-off"]);
    let port = free_port();
    let _haproxy = Haproxy::start(
        folder.path(),
        &format!(
            "frontend api\n  bind 127.0.0.1:{port}\n  stick-table type ip size 1k expire 2m store http_req_rate({}ms)\n\
             \x20 http-request track-sc0 src\n  http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt {LIMIT} }}\n\
             \x20 default_backend api\nbackend api\n  server one 127.0.0.1:{}",
            window_ms(),
            api.ports[0]
        ),
        &[port],
    );
    api.audit(folder.path(), port).expect("rate-limit", "pass");
}

#[test]
fn two_replicas_that_count_apart_serve_twice_the_limit_and_fail() {
    let folder = folder();
    let api = Api::start(folder.path(), &["", ""]);
    let port = free_port();
    let _haproxy = Haproxy::start(
        folder.path(),
        &format!(
            "frontend api\n  bind 127.0.0.1:{port}\n  default_backend api\nbackend api\n  balance roundrobin\n\
             \x20 server one 127.0.0.1:{}\n  server two 127.0.0.1:{}",
            api.ports[0], api.ports[1]
        ),
        &[port],
    );
    api.audit(folder.path(), port).expect("rate-limit", "fail");
}
