//! Certificates made at run time, by rcgen, and by openssl where rcgen refuses.

#[path = "../../../src/certificate/made/parts.rs"]
mod parts;

use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use rcgen::{CertificateParams, Issuer, KeyPair};

pub(super) use parts::named;

/// A certificate and its key.
pub(super) struct Made {
    pub(super) der: Vec<u8>,
    pub(super) key: KeyPair,
}

pub(super) type Edit = fn(&mut CertificateParams);

pub(super) fn authority(name: &str) -> CertificateParams {
    parts::authority(name, Utc::now())
}

pub(super) fn leaf() -> CertificateParams {
    parts::leaf(Utc::now())
}

/// Sets the validity in days from now.
pub(super) fn lives(params: &mut CertificateParams, from: i64, until: i64) {
    lives_hours(params, from * 24, until * 24);
}

pub(super) fn lives_hours(params: &mut CertificateParams, from: i64, until: i64) {
    parts::lives(params, Utc::now(), from, until);
}

pub(super) fn root(params: &CertificateParams, key: KeyPair) -> Made {
    let der = params.self_signed(&key).unwrap().der().to_vec();
    Made { der, key }
}

pub(super) fn signed(params: &CertificateParams, key: KeyPair, by: (&CertificateParams, &KeyPair)) -> Made {
    let der = params.signed_by(&key, &Issuer::from_params(by.0, by.1)).unwrap().der().to_vec();
    Made { der, key }
}

pub(super) fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Runs openssl in `folder`; what it needs is there already.
pub(super) fn openssl(folder: &Path, arguments: &[&str]) {
    let done = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null())
        .output()
        .expect("the tests need Debian's openssl");
    assert!(done.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// The DER in a PEM file of `folder`.
pub(super) fn read_pem(folder: &Path, file: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    let body = text.split("-----BEGIN CERTIFICATE-----").nth(1).unwrap().split("-----END").next().unwrap();
    STANDARD.decode(body.split_whitespace().collect::<String>()).unwrap()
}
