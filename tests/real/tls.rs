//! nginx over every TLS version, with an expired and a wrong-name certificate.

use std::path::Path;

use crate::harness::{Audit, Authority, Nginx, folder, free_port};

fn serve(folder: &Path, port: u16, certificate: &(std::path::PathBuf, std::path::PathBuf), protocols: &str) -> Nginx {
    // Debian's OpenSSL speaks TLS 1.0 and 1.1 only at security level 0.
    let servers = format!(
        "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {};\n\
         ssl_protocols {protocols}; ssl_ciphers 'ALL:!aNULL:@SECLEVEL=0'; return 401; }}",
        certificate.0.display(),
        certificate.1.display(),
    );
    Nginx::start(folder, &servers, &[port])
}

fn audit(folder: &Path, port: u16, authority: &Authority) -> Audit {
    let url = format!("https://127.0.0.1:{port}");
    let ca = authority.file.to_string_lossy().into_owned();
    let arguments = ["--url", &url, "--endpoint", "GET /", "--ca", &ca, "--scope", "deployment"];
    let only = ["--check", "tls-version", "--check", "certificate-trust", "--check", "certificate-expiry"];
    Audit::run(folder, &[&arguments[..], &only[..]].concat(), &[])
}

#[test]
fn old_versions_are_named() {
    let folder = folder();
    let port = free_port();
    let authority = Authority::new(folder.path());
    let certificate = authority.sign(folder.path(), "leaf", &["127.0.0.1"], -5, 85);
    let _nginx = serve(folder.path(), port, &certificate, "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3");
    let audit = audit(folder.path(), port, &authority);
    audit.expect("tls-version", "fail");
    let findings = audit.findings("tls-version");
    assert!(findings.contains("1.0") && findings.contains("1.1"), "{findings}");
    audit.expect("certificate-trust", "pass");
    audit.expect("certificate-expiry", "pass");
}

#[test]
fn current_versions_hold() {
    let folder = folder();
    let port = free_port();
    let authority = Authority::new(folder.path());
    let certificate = authority.sign(folder.path(), "leaf", &["127.0.0.1"], -5, 85);
    let _nginx = serve(folder.path(), port, &certificate, "TLSv1.2 TLSv1.3");
    audit(folder.path(), port, &authority).expect("tls-version", "pass");
}

#[test]
fn an_expired_certificate_fails() {
    let folder = folder();
    let port = free_port();
    let authority = Authority::new(folder.path());
    let certificate = authority.sign(folder.path(), "leaf", &["127.0.0.1"], -30, -2);
    let _nginx = serve(folder.path(), port, &certificate, "TLSv1.2 TLSv1.3");
    let audit = audit(folder.path(), port, &authority);
    audit.expect("certificate-expiry", "fail");
    assert_eq!(audit.exit(), Some(1));
}

#[test]
fn a_wrong_name_fails() {
    let folder = folder();
    let port = free_port();
    let authority = Authority::new(folder.path());
    let certificate = authority.sign(folder.path(), "leaf", &["other.example"], -5, 85);
    let _nginx = serve(folder.path(), port, &certificate, "TLSv1.2 TLSv1.3");
    let audit = audit(folder.path(), port, &authority);
    audit.expect("certificate-trust", "fail");
    assert!(audit.findings("certificate-trust").contains("other.example"), "it says what the certificate is for");
}

/// nginx on both addresses of `localhost`, each with its own certificate and protocols.
fn two_addresses(
    folder: &Path,
    port: u16,
    first: (i64, &str),
    second: (i64, &str),
    further: &str,
) -> (Nginx, Authority) {
    let authority = Authority::new(folder);
    let server = |name: &str, listen: &str, (until, protocols): (i64, &str)| {
        let (certificate, key) = authority.sign(folder, name, &["localhost"], -60, until);
        format!(
            "server {{ listen {listen}:{port} ssl; ssl_certificate {}; ssl_certificate_key {};\n\
             ssl_protocols {protocols}; ssl_ciphers 'ALL:!aNULL:@SECLEVEL=0'; {further} return 401; }}\n",
            certificate.display(),
            key.display(),
        )
    };
    let servers = server("four", "127.0.0.1", first) + &server("six", "[::1]", second);
    (Nginx::start(folder, &servers, &[port]), authority)
}

fn audit_localhost(folder: &Path, port: u16, authority: &Authority, checks: &[&str]) -> Audit {
    let url = format!("https://localhost:{port}");
    let ca = authority.file.to_string_lossy().into_owned();
    let mut arguments = vec!["--url", &url, "--endpoint", "GET /", "--ca", &ca, "--scope", "deployment"];
    for check in checks {
        arguments.extend(["--check", check]);
    }
    Audit::run(folder, &arguments, &[])
}

#[test]
fn both_addresses_of_a_name_are_judged() {
    let sound = (85, "TLSv1.2 TLSv1.3");
    for (second, versions, expiry) in [
        (sound, "pass", "pass"),
        ((85, "TLSv1 TLSv1.1 TLSv1.2"), "fail", "pass"),
        ((-1, "TLSv1.2 TLSv1.3"), "pass", "fail"),
        ((3, "TLSv1.3"), "pass", "fail"),
    ] {
        for (one, other) in [(sound, second), (second, sound)] {
            let folder = folder();
            let port = free_port();
            let (_nginx, authority) = two_addresses(folder.path(), port, one, other, "");
            let checks = ["tls-version", "certificate-trust", "certificate-expiry"];
            let audit = audit_localhost(folder.path(), port, &authority, &checks);
            audit.expect("tls-version", versions);
            audit.expect("certificate-expiry", expiry);
            let found = [audit.findings("tls-version"), audit.findings("certificate-expiry")].concat();
            let named = if second == one { "[127.0.0.1]" } else { "[::1]" };
            assert!(second == sound || found.contains(named), "{named}: {found}");
        }
    }
}

#[test]
fn http_3_that_is_advertised_is_said_not_to_be_judged_with_this_item_alone() {
    let said = |further: &str| {
        let folder = folder();
        let port = free_port();
        let sound = (85, "TLSv1.2 TLSv1.3");
        let (_nginx, authority) = two_addresses(folder.path(), port, sound, sound, further);
        let audit = audit_localhost(folder.path(), port, &authority, &["tls-version"]);
        audit.expect("tls-version", "pass");
        audit.result("tls-version")["notes"].to_string()
    };
    assert!(said("add_header Alt-Svc 'h2=\":9\", h3=\":443\"; ma=86400' always;").contains("HTTP/3 is advertised"));
    assert!(!said("add_header Alt-Svc 'h2=\":443\"' always;").contains("HTTP/3"));
}
