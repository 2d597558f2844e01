//! A private root, an intermediate and a leaf of 90 days, issued ten days ago.

use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PublicKeyData as _,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest as _, Sha256};

use super::fault::{Fault, Faults};

pub(super) struct Certificates {
    /// The root, for the policy's `ca`.
    pub(super) root_pem: String,
    /// As the server sends it: leaf first, without the root.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    /// `sha256/BASE64` of the leaf's key and of a spare key that is kept for an emergency.
    pub(super) pins: Vec<String>,
}

/// The lifetime that Let's Encrypt gives today, and most of it left.
const LIFETIME_DAYS: i64 = 90;
const AGE_DAYS: i64 = 10;

pub(super) fn issue(faults: &Faults, host: &str, now: DateTime<Utc>) -> anyhow::Result<Certificates> {
    let root = CertifiedIssuer::self_signed(
        authority("Example root", now, BasicConstraints::Constrained(1))?,
        KeyPair::generate()?,
    )?;
    let intermediate = CertifiedIssuer::signed_by(
        authority("Example intermediate", now, BasicConstraints::Constrained(0))?,
        KeyPair::generate()?,
        &root,
    )?;
    let (age, lifetime) = if faults.has(Fault::CertificateExpired) {
        (LIFETIME_DAYS + 2, LIFETIME_DAYS)
    } else if faults.has(Fault::CertificateExpiring) {
        (LIFETIME_DAYS - 3, LIFETIME_DAYS)
    } else {
        (AGE_DAYS, LIFETIME_DAYS)
    };
    let name = if faults.has(Fault::CertificateOfOther) { "other.example.test" } else { host };
    let key = KeyPair::generate()?;
    let mut leaf = CertificateParams::new(vec![name.to_owned()])?;
    leaf.distinguished_name.push(DnType::CommonName, name);
    leaf.not_before = date(now - TimeDelta::days(age))?;
    leaf.not_after = date(now - TimeDelta::days(age) + TimeDelta::days(lifetime))?;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let chain = if faults.has(Fault::CertificateSelfSigned) {
        vec![leaf.self_signed(&key)?.der().clone()]
    } else {
        let leaf = leaf.signed_by(&key, &intermediate)?.der().clone();
        if faults.has(Fault::IntermediateMissing) { vec![leaf] } else { vec![leaf, intermediate.der().clone()] }
    };
    let spare = KeyPair::generate()?;
    let pinned = if faults.has(Fault::PinOfOther) { &KeyPair::generate()? } else { &key };
    let mut pins = vec![pin(pinned)];
    if !faults.has(Fault::PinWithoutBackup) {
        pins.push(pin(&spare));
    }
    Ok(Certificates {
        root_pem: root.pem(),
        chain,
        key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        pins,
    })
}

fn authority(name: &str, now: DateTime<Utc>, constraints: BasicConstraints) -> anyhow::Result<CertificateParams> {
    let mut authority = CertificateParams::new(Vec::<String>::new())?;
    authority.distinguished_name.push(DnType::CommonName, name);
    authority.distinguished_name.push(DnType::OrganizationName, "Example");
    authority.is_ca = IsCa::Ca(constraints);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.not_before = date(now - TimeDelta::days(365))?;
    authority.not_after = date(now + TimeDelta::days(3650))?;
    authority.use_authority_key_identifier_extension = true;
    Ok(authority)
}

fn pin(key: &KeyPair) -> String {
    format!("sha256/{}", STANDARD.encode(Sha256::digest(key.subject_public_key_info())))
}

/// The certificate library counts in a type of its own; both know the seconds since 1970.
fn date<T: From<std::time::SystemTime>>(at: DateTime<Utc>) -> anyhow::Result<T> {
    let seconds = u64::try_from(at.timestamp()).context("a date before 1970")?;
    Ok(T::from(std::time::UNIX_EPOCH + Duration::from_secs(seconds)))
}
