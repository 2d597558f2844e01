//! An MCP server as the customer builds them, behind nginx with TLS from a private root: every live box holds.

use crate::harness::{Audit, Authority, Nginx, Server, folder, free_port, node, random, write};

/// A window of seconds keeps the test short; `tests/run --all` takes the policy's own minute.
fn window_ms() -> u64 {
    if std::env::var_os("WATERTIGHT_REAL_WINDOW").is_some() { 60_000 } else { 4000 }
}

#[test]
fn the_official_sdk_behind_nginx_holds_every_live_box() {
    let folder = folder();
    let path = folder.path();
    let (plain, secure, inner, metrics) = (free_port(), free_port(), free_port(), free_port());
    let authority = Authority::new(path);
    let (certificate, key) = authority.sign(path, "leaf", &["localhost", "127.0.0.1"], -5, 85);
    // Made up for this run.
    let token = format!("{:x}{:x}", random(path), random(&certificate));
    let window = window_ms();
    let log = path.join("activity.log");
    let _server = Server::start(
        "node",
        &[&node("guarded.mjs")],
        &[
            ("PORT", &inner.to_string()),
            ("METRICS_PORT", &metrics.to_string()),
            ("TOKEN", &token),
            ("ORIGIN", "https://app.example.com"),
            ("WINDOW_MS", &window.to_string()),
            ("LOG", &log.to_string_lossy()),
        ],
        &path.join("node.log"),
        &[inner, metrics],
    );
    let _nginx = Nginx::start(
        path,
        &format!(
            "server {{ listen 127.0.0.1:{plain}; return 308 https://127.0.0.1:{secure}$request_uri; }}\n\
             server {{ listen 127.0.0.1:{secure} ssl; ssl_certificate {}; ssl_certificate_key {};\n\
             ssl_protocols TLSv1.2 TLSv1.3;\n\
             location / {{ proxy_pass http://127.0.0.1:{inner}; proxy_http_version 1.1; proxy_buffering off;\n\
             proxy_set_header Connection ''; proxy_set_header Host $host;\n\
             proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header Forwarded ''; }} }}",
            certificate.display(),
            key.display(),
        ),
        &[plain, secure],
    );
    let policy = write(
        path,
        "audit.yaml",
        &format!(
            "version: 1
name: real
targets:
  - name: guarded
    environment: production
    url: https://127.0.0.1:{secure}
    plain: http://127.0.0.1:{plain}
    endpoints:
      - /mcp
      - GET /api/items
      - POST /api/items
      - {{ path: /health, public: probed by the load balancer }}
    openapi: /openapi.json
    token: {{ env: REAL_TOKEN, disposable: true }}
    writes: allow
    origins: [https://app.example.com]
    hosts: [{{ name: 127.0.0.1, reach: loopback, ports: [{inner}, {secure}] }}]
    tools: {{ allow: [add] }}
    ca: root.crt
    logs: [{{ file: activity.log }}]
    monitoring: {{ metrics: 'http://127.0.0.1:{metrics}/metrics' }}
checks:
  rate-limit: {{ limit: 30, window: {window}ms }}
"
        ),
    );
    let audit =
        Audit::run(path, &["--policy", &policy.to_string_lossy(), "--scope", "deployment"], &[("REAL_TOKEN", &token)]);
    for check in [
        "auth-enforced",
        "token-strength",
        "rate-limit",
        "input-validation",
        "error-disclosure",
        "cors-origins",
        "https-enforced",
        "tls-version",
        "certificate-trust",
        "certificate-expiry",
        "llm-ports",
        "agent-capabilities",
        "activity-log",
    ] {
        audit.expect(check, "pass");
    }
    assert!(!audit.report.to_string().contains(&token), "the token is in the report");
}
