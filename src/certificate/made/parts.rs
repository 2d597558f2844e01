//! What test certificates say, sound until edited; for the unit tests, which have a clock of their own, and for tests/tls.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose,
};

/// An authority, five years old at that time, with ten to go.
pub(crate) fn authority(name: &str, at: DateTime<Utc>) -> CertificateParams {
    let mut authority = CertificateParams::default();
    authority.distinguished_name = named(name);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.use_authority_key_identifier_extension = true;
    lives(&mut authority, at, -1800 * 24, 3600 * 24);
    authority
}

/// A server's certificate for `mcp.example.com` and 127.0.0.1, 30 days old at that time, with 60 to go.
pub(crate) fn leaf(at: DateTime<Utc>) -> CertificateParams {
    let mut leaf = CertificateParams::new(vec!["mcp.example.com".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    leaf.distinguished_name = named("mcp.example.com");
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    lives(&mut leaf, at, -30 * 24, 60 * 24);
    leaf
}

pub(crate) fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// Sets the validity in hours from a time.
pub(crate) fn lives(params: &mut CertificateParams, at: DateTime<Utc>, from: i64, until: i64) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let hour =
        |hours: i64| epoch + Duration::from_secs(u64::try_from(at.timestamp() + hours * 3600).unwrap_or_default());
    params.not_before = hour(from);
    params.not_after = hour(until);
}
