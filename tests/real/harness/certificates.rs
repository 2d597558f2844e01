//! A private root and the certificates it signs.

use std::path::{Path, PathBuf};

use chrono::{Duration, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};

/// The root of one test.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) file: PathBuf,
}

impl Authority {
    pub(crate) fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Test Root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let (from, until) = days(-30, 700);
        params.not_before = from;
        params.not_after = until;
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a root");
        let file = folder.join("root.crt");
        std::fs::write(&file, certificate.pem()).expect("the root is written");
        std::fs::write(folder.join("root.secret"), key.serialize_pem()).expect("the root's key is written");
        Self { issuer: Issuer::new(params, key), file }
    }

    /// Signs a certificate for `names`, valid over the given days from today; writes `NAME.crt` and `NAME.secret`.
    pub(crate) fn sign(&self, folder: &Path, name: &str, names: &[&str], from: i64, until: i64) -> (PathBuf, PathBuf) {
        self.sign_as(folder, name, names, from, until, |_| {})
    }

    /// The same with a last word on what the certificate says.
    pub(crate) fn sign_as(
        &self,
        folder: &Path,
        name: &str,
        names: &[&str],
        from: i64,
        until: i64,
        edit: impl FnOnce(&mut CertificateParams),
    ) -> (PathBuf, PathBuf) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("the names are valid");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let (from, until) = days(from, until);
        params.not_before = from;
        params.not_after = until;
        edit(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let paths = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.secret")));
        std::fs::write(&paths.0, certificate.pem()).expect("the certificate is written");
        std::fs::write(&paths.1, key.serialize_pem()).expect("the key is written");
        paths
    }

    /// The revocation list, of today, with these serial numbers revoked on 2026-10-01; DER.
    pub(crate) fn list(&self, serials: &[&[u8]]) -> Vec<u8> {
        let (this_update, next_update) = days(-1, 6);
        let revoked = |serial: &&[u8]| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: rcgen::date_time_ymd(2026, 10, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update,
            next_update,
            crl_number: SerialNumber::from(1u64),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).expect("a list").der().to_vec()
    }
}

fn days(from: i64, until: i64) -> (time::OffsetDateTime, time::OffsetDateTime) {
    let day = |days: i64| {
        let at = Utc::now() + Duration::days(days);
        time::OffsetDateTime::from_unix_timestamp(at.timestamp()).expect("a date")
    };
    (day(from), day(until))
}
