//! A client certificate as the credential: nginx asks for it, or only says that it does.

use crate::harness::{Audit, Authority, Nginx, folder, free_port, write};

/// The audit of nginx with this `ssl_verify_client`, and what it does with whoever was not verified.
fn audited(verify: &str, unverified: &str) -> Audit {
    let folder = folder();
    let path = folder.path();
    let port = free_port();
    let authority = Authority::new(path);
    let (certificate, key) = authority.sign(path, "server", &["localhost", "127.0.0.1"], -5, 85);
    authority.sign(path, "client", &["auditor.example.com"], -5, 85);
    let _nginx = Nginx::start(
        path,
        &format!(
            "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {};\n\
             ssl_client_certificate {}; ssl_verify_client {verify};\n\
             location = /api/items {{ {unverified} default_type application/json; return 200 '{{\"items\":[1,2]}}'; }}\n\
             location / {{ {unverified} return 404; }} }}",
            certificate.display(),
            key.display(),
            authority.file.display(),
        ),
        &[port],
    );
    let policy = write(
        path,
        "audit.yaml",
        &format!(
            "version: 1
name: certificate
targets:
  - name: certificate
    environment: production
    url: https://127.0.0.1:{port}
    endpoints: [GET /api/items]
    client-cert: {{ cert: client.crt, key: client.secret }}
    ca: root.crt
"
        ),
    );
    let arguments = ["--policy", &policy.to_string_lossy(), "--scope", "deployment", "--check", "auth-enforced"];
    Audit::run(path, &arguments, &[])
}

#[test]
fn a_server_that_demands_the_certificate_holds() {
    audited("on", "").expect("auth-enforced", "pass");
    // Says so itself, and as an API says it.
    audited("optional_no_ca", "if ($ssl_client_verify != SUCCESS) { return 401; }").expect("auth-enforced", "pass");
}

#[test]
fn a_server_that_only_asks_for_it_or_takes_any_fails() {
    let open = audited("optional", "");
    open.expect("auth-enforced", "fail");
    assert!(open.findings("auth-enforced").contains("answers 200 without a credential"));
    let any = audited("optional_no_ca", "if ($ssl_client_verify = NONE) { return 401; }");
    any.expect("auth-enforced", "fail");
    assert!(any.findings("auth-enforced").contains("answers 200 to a wrong client certificate"), "{:#}", any.report);
}
