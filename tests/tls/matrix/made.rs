//! Certificates made at run time, by rcgen, and by openssl where rcgen refuses.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

/// A certificate and its key.
pub(super) struct Made {
    pub(super) der: Vec<u8>,
    pub(super) key: KeyPair,
}

pub(super) type Edit = fn(&mut CertificateParams);

/// An authority, five years old, with ten to go.
pub(super) fn authority(name: &str) -> CertificateParams {
    let mut authority = CertificateParams::default();
    authority.distinguished_name = named(name);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.use_authority_key_identifier_extension = true;
    lives(&mut authority, -1800, 3600);
    authority
}

/// A server's certificate, 30 days old, with 60 to go.
pub(super) fn leaf() -> CertificateParams {
    let mut leaf = CertificateParams::new(vec!["mcp.example.com".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    leaf.distinguished_name = named("mcp.example.com");
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    lives(&mut leaf, -30, 60);
    leaf
}

pub(super) fn named(name: &str) -> rcgen::DistinguishedName {
    let mut distinguished = rcgen::DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// Sets the validity in days from now.
pub(super) fn lives(params: &mut CertificateParams, from: i64, until: i64) {
    lives_hours(params, from * 24, until * 24);
}

pub(super) fn lives_hours(params: &mut CertificateParams, from: i64, until: i64) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let now = chrono::Utc::now().timestamp();
    let at = |hours: i64| epoch + Duration::from_secs(u64::try_from(now + hours * 3600).unwrap());
    params.not_before = at(from);
    params.not_after = at(until);
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
