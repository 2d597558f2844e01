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
