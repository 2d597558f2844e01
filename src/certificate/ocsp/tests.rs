//! Responses made here, signed as they are told, and one by OpenSSL's own responder.

use std::path::Path;
use std::process::Command;

use rcgen::{ExtendedKeyUsagePurpose, Issuer, KeyPair, SigningKey as _};

use super::*;
use crate::certificate::made::{authority, leaf, lives, named, now};

/// An authority, a certificate of it, and a responder that it lets sign.
struct Stage {
    root: Certificate,
    root_key: KeyPair,
    own: Certificate,
    responder: Vec<u8>,
    responder_key: KeyPair,
}

impl Stage {
    fn new(edit: impl Fn(&mut rcgen::CertificateParams)) -> Self {
        let [root_key, responder_key] = [(); 2].map(|()| KeyPair::generate().unwrap());
        let params = authority("Test Root");
        let root = Certificate::of_der(params.self_signed(&root_key).unwrap().der()).unwrap();
        let issuer = Issuer::from_params(&params, &root_key);
        let own = leaf().signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
        let mut responder = leaf();
        responder.distinguished_name = named("Test Responder");
        responder.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
        edit(&mut responder);
        let responder = responder.signed_by(&responder_key, &issuer).unwrap().der().to_vec();
        Self { root, own: Certificate::of_der(own.der()).unwrap(), responder, root_key, responder_key }
    }

    fn says(&self, response: &[u8]) -> Result<Listed, Unseen> {
        look_up(response, &self.own, &self.root, now())
    }

    fn response(&self, about: &Certificate, status: &[u8], days: (i64, i64), key: &KeyPair, with: &[u8]) -> Vec<u8> {
        response((about, &self.root), status, days, key, with)
    }
}

/// A response about a certificate and its issuer, valid over these days, signed by the key and sent with the certificates.
fn response(
    about: (&Certificate, &Certificate),
    status: &[u8],
    days: (i64, i64),
    key: &KeyPair,
    with: &[u8],
) -> Vec<u8> {
    let request = request(about.0, about.1).unwrap();
    let id = [(); 4].iter().fold(Element::only(&request).unwrap(), |outer, ()| contents(outer.content).unwrap()[0]);
    let at = |days: i64| wrap(0x18, (now() + TimeDelta::days(days)).format("%Y%m%d%H%M%SZ").to_string().as_bytes());
    let single = [id.whole, status, &at(days.0), &wrap(0xa0, &at(days.1))].concat();
    let data = [wrap(0xa2, &wrap(4, &[7; 20])), at(days.0), wrap(0x30, &wrap(0x30, &single))].concat();
    let data = wrap(0x30, &data);
    let signature = [&[0][..], &key.sign(&data).unwrap()].concat();
    // ecdsa-with-SHA256
    let algorithm = wrap(0x30, &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]);
    let certificates = if with.is_empty() { Vec::new() } else { wrap(0xa0, &wrap(0x30, with)) };
    let basic = wrap(0x30, &[data, algorithm, wrap(3, &signature), certificates].concat());
    let kind = [6, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];
    let bytes = wrap(0x30, &[&kind[..], &wrap(4, &basic)].concat());
    wrap(0x30, &[&[0x0a, 1, 0][..], &wrap(0xa0, &bytes)].concat())
}

/// A response by the issuer itself, for other tests.
pub(crate) fn signed_by_issuer(
    own: &[u8],
    issuer: &[u8],
    key: &KeyPair,
    is_revoked: bool,
    days: (i64, i64),
) -> Vec<u8> {
    let (own, issuer) = (Certificate::of_der(own).unwrap(), Certificate::of_der(issuer).unwrap());
    let status = if is_revoked { revoked() } else { GOOD.to_vec() };
    response((&own, &issuer), &status, days, key, &[])
}

const GOOD: &[u8] = &[0x80, 0];

fn revoked() -> Vec<u8> {
    wrap(0xa1, &wrap(0x18, b"20261001000000Z"))
}

#[test]
fn a_good_and_a_revoked_certificate_are_told_apart_whoever_of_the_two_signs() {
    let stage = Stage::new(|_| {});
    for (key, with) in [(&stage.root_key, &[][..]), (&stage.responder_key, &stage.responder[..])] {
        let good = stage.says(&stage.response(&stage.own, GOOD, (-1, 5), key, with)).unwrap();
        assert_eq!((good.since, good.until.date_naive()), (None, (now() + TimeDelta::days(5)).date_naive()));
        let bad = stage.says(&stage.response(&stage.own, &revoked(), (-1, 5), key, with)).unwrap();
        assert_eq!(bad.since.unwrap().date_naive().to_string(), "2026-10-01");
    }
}

#[test]
fn what_proves_nothing_says_nothing() {
    let stage = Stage::new(|_| {});
    let other = Stage::new(|_| {});
    let by_root = |status: &[u8], days| stage.response(&stage.own, status, days, &stage.root_key, &[]);
    for (response, why) in [
        (by_root(GOOD, (-9, -1)), "of the past"),
        (by_root(GOOD, (1, 9)), "of the future"),
        (by_root(&[0x82, 0], (-1, 5)), "does not know"),
        (stage.response(&other.own, GOOD, (-1, 5), &stage.root_key, &[]), "another certificate"),
        (stage.response(&stage.own, GOOD, (-1, 5), &other.root_key, &[]), "signed neither"),
        (stage.response(&stage.own, GOOD, (-1, 5), &stage.responder_key, &[]), "signed neither"),
        (stage.response(&stage.own, GOOD, (-1, 5), &other.responder_key, &other.responder), "signed neither"),
        (vec![0x30, 3, 0x0a, 1, 3], "try later"),
        (vec![0x30, 3, 0x0a, 1, 0], "cannot be read"),
        (Vec::new(), "cannot be read"),
    ] {
        let said = stage.says(&response).unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
    // Allowed to be a TLS server, or expired: no responder.
    for edit in [
        |params: &mut rcgen::CertificateParams| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
        |params: &mut rcgen::CertificateParams| lives(params, -90, -1),
    ] {
        let stage = Stage::new(edit);
        let response = stage.response(&stage.own, GOOD, (-1, 5), &stage.responder_key, &stage.responder);
        assert!(stage.says(&response).unwrap_err().to_string().contains("signed neither"));
    }
}

#[test]
fn a_response_cut_or_changed_at_any_byte_is_never_good() {
    let stage = Stage::new(|_| {});
    let whole = stage.response(&stage.own, &revoked(), (-1, 5), &stage.responder_key, &stage.responder);
    for at in 0..whole.len() {
        assert!(stage.says(&whole[..at]).is_err(), "cut at {at}");
        let mut changed = whole.clone();
        changed[at] ^= 0x21;
        let said = stage.says(&changed);
        assert!(said.is_err() || said.as_ref().is_ok_and(|said| said.since.is_some()), "changed at {at}: {said:?}");
    }
}

#[test]
fn openssl_reads_the_request_and_its_responder_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    let openssl = |arguments: &[&str]| {
        let done = Command::new("openssl")
            .args(arguments)
            .current_dir(folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .output()
            .expect("the tests need Debian's openssl");
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    };
    let stage = Stage::new(|_| {});
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("request.der", &request(&stage.own, &stage.root).unwrap());
    write("root.der", &stage.root.der);
    write("root.key", stage.root_key.serialize_pem().as_bytes());
    openssl(&["x509", "-inform", "DER", "-in", "root.der", "-out", "root.pem"]);
    // The database of `openssl ca`: status, end, revocation, serial, file, subject.
    let serial = stage.own.serial.to_uppercase();
    for (line, revoked) in [
        (format!("V\t351231235959Z\t\t{serial}\tunknown\t/CN=x\n"), false),
        (format!("R\t351231235959Z\t261001000000Z\t{serial}\tunknown\t/CN=x\n"), true),
    ] {
        write("index.txt", line.as_bytes());
        openssl(&[
            "ocsp",
            "-index",
            "index.txt",
            "-CA",
            "root.pem",
            "-rsigner",
            "root.pem",
            "-rkey",
            "root.key",
            "-reqin",
            "request.der",
            "-respout",
            "response.der",
            "-ndays",
            "2",
        ]);
        let response = std::fs::read(Path::new(&folder.path().join("response.der"))).unwrap();
        let said = look_up(&response, &stage.own, &stage.root, Utc::now()).unwrap();
        assert_eq!(said.since.is_some(), revoked);
    }
}
