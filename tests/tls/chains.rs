//! How chains come to light: without a client certificate, with keys no library takes, one for each kind of key.

use chrono::TimeDelta;
use watertight::check::{Check as _, Status};
use watertight::checks::tls::certificate_expiry::CertificateExpiry;
use watertight::checks::tls::certificate_trust::CertificateTrust;
use watertight::checks::tls::tls_version::TlsVersion;
use watertight::evidence::tls::{Chain, Hello, Suites};

use crate::rig::{P256, certificate, look, s_server};

#[test]
fn a_server_that_asks_for_a_client_certificate_is_judged_without_one() {
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder, P256);
    for option in ["-tls1_2", "-tls1_3"] {
        let server = s_server(&folder, &[option, "-Verify", "1", "-verify_return_error", "-cipher", "ECDHE:!aNULL"]);
        let looked = look(server.1, Some(folder.path().join("cert.pem")));
        looked.expect::<TlsVersion>(Status::Pass);
        looked.expect::<CertificateTrust>(Status::Pass);
    }
}

#[test]
fn what_a_modern_library_refuses_to_read_is_diagnosed() {
    for (options, aspect, what) in [
        (&["-newkey", "rsa:1024", "-sha256"][..], "weak-key", "RSA key of 1024 bits"),
        (&["-newkey", "rsa:2048", "-sha1"], "weak-signature", "SHA-1"),
        (&["-newkey", "rsa:2048", "-md5"], "weak-signature", "MD5"),
        (&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime192v1"], "weak-key", "P-192"),
        (&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"], "weak-key", "secp256k1"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        certificate(&folder, options);
        let server = s_server(&folder, &["-cipher", "ALL:!aNULL:@SECLEVEL=0"]);
        let other = tempfile::tempdir().unwrap();
        certificate(&other, P256);
        let verdict = look(server.1, Some(other.path().join("cert.pem"))).expect::<CertificateTrust>(Status::Fail);
        let fault = verdict.findings().iter().find(|finding| finding.aspect == aspect);
        assert!(fault.is_some_and(|fault| fault.what.contains(what)), "{verdict:#?}");
    }
}

#[test]
fn a_ca_file_that_cannot_be_used_makes_the_chain_unseen() {
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder, P256);
    let server = s_server(&folder, &["-cipher", "ECDHE:!aNULL"]);
    let verdict =
        look(server.1, Some(folder.path().join("absent.pem"))).expect::<CertificateTrust>(Status::Inconclusive);
    assert!(verdict.unseen()[0].to_string().contains("absent.pem"), "{verdict:#?}");
    // The key is PEM, too, but no certificate.
    let verdict = look(server.1, Some(folder.path().join("key.pem"))).expect::<CertificateTrust>(Status::Inconclusive);
    assert!(verdict.unseen()[0].to_string().contains("no certificate"), "{verdict:#?}");
}

#[test]
fn evidence_survives_being_written_and_read() {
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder, P256);
    let server = s_server(&folder, &["-cipher", "ALL:!aNULL:@SECLEVEL=0"]);
    let looked = look(server.1, Some(folder.path().join("cert.pem")));
    let suites = Suites { strictness: watertight::evidence::tls::Strictness::Sane };
    let (greeting, chosen) = (looked.evidence.of(&Hello {}).unwrap(), looked.evidence.of(&suites).unwrap());
    let presented = looked.evidence.of(&Chain {}).unwrap();
    assert_eq!(again(greeting), *greeting);
    assert_eq!(again(chosen), *chosen);
    assert_eq!(again(presented), *presented);
    // A year later the same evidence is judged by its own clock, not by today's.
    let mut later = looked.evidence.clone();
    later.taken_at += TimeDelta::days(365);
    assert_eq!(CertificateExpiry::default().judge(&looked.target, &later).status(), Status::Fail);
}

/// Written and read.
fn again<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}
