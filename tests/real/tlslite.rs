//! The old protocols and suites that no OpenSSL of today speaks, as tlslite-ng speaks them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Audit, Server, folder, free_port};

/// The Python of the virtual environment that `tests/run` fills from `tests/real/tlslite/requirements.txt`.
fn python() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv-tlslite/bin/python");
    assert!(path.exists(), "{} is missing: run tests/run, which installs tlslite-ng", path.display());
    path.to_string_lossy().into_owned()
}

/// An RSA certificate for 127.0.0.1 that is its own root, and its key.
fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let (certificate, key) = (folder.join("leaf.crt"), folder.join("leaf.secret"));
    let done = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "90", "-subj", "/CN=127.0.0.1"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .output()
        .expect("openssl starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    (certificate, key)
}

/// Audits a tlslite-ng server that speaks the versions from `oldest` to `newest` (minor numbers) with the ciphers.
fn audit(oldest: u8, newest: u8, ciphers: &str) -> Audit {
    let folder = folder();
    let (certificate, key) = certificate(folder.path());
    let port = free_port();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/tlslite/server.py");
    let arguments = [
        script.to_string_lossy().into_owned(),
        port.to_string(),
        certificate.to_string_lossy().into_owned(),
        key.to_string_lossy().into_owned(),
        oldest.to_string(),
        newest.to_string(),
        ciphers.to_owned(),
    ];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let _server = Server::start(&python(), &arguments, &[], &folder.path().join("tlslite.log"), &[port]);
    let (url, ca) = (format!("https://127.0.0.1:{port}"), certificate.to_string_lossy().into_owned());
    let only = ["--check", "tls-version", "--check", "certificate-trust", "--check", "certificate-expiry"];
    let target = ["--url", &url, "--ca", &ca, "--scope", "deployment", "--no-history"];
    Audit::run(folder.path(), &[&target[..], &only[..]].concat(), &[])
}

#[test]
fn ssl_3_alone_is_named_and_its_certificate_is_read() {
    let audit = audit(0, 0, "rc4,3des,aes128");
    audit.expect("tls-version", "fail");
    assert!(audit.findings("tls-version").contains("SSL 3.0 is accepted"), "{}", audit.findings("tls-version"));
    audit.expect("certificate-trust", "pass");
    audit.expect("certificate-expiry", "pass");
}

#[test]
fn every_version_from_ssl_3_on_is_named() {
    let audit = audit(0, 3, "aes128gcm,aes128,3des,rc4");
    audit.expect("tls-version", "fail");
    let findings = audit.findings("tls-version");
    for old in ["SSL 3.0 is accepted", "TLS 1.0 is accepted", "TLS 1.1 is accepted", "(RC4)", "(3DES)"] {
        assert!(findings.contains(old), "{old} is missing: {findings}");
    }
}

#[test]
fn current_versions_and_suites_hold() {
    audit(3, 4, "aes128gcm,chacha20-poly1305").expect("tls-version", "pass");
}
