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

#[test]
fn a_second_certificate_for_the_other_kind_of_key_is_judged_too() {
    for versions in ["-tls1_2", "-tls1_3"] {
        let folder = tempfile::tempdir().unwrap();
        certificate(&folder, &["-newkey", "rsa:1024"]);
        for (file, other) in [("cert.pem", "weak.pem"), ("key.pem", "weak.key")] {
            std::fs::rename(folder.path().join(file), folder.path().join(other)).unwrap();
        }
        certificate(&folder, P256);
        let second = ["-dcert", "weak.pem", "-dkey", "weak.key", "-cipher", "ALL:!aNULL:@SECLEVEL=0"];
        let server = s_server(&folder, &[&[versions], &second[..]].concat());
        let looked = look(server.1, Some(folder.path().join("cert.pem")));
        let verdict = looked.expect::<CertificateTrust>(Status::Fail);
        let weak = verdict.findings().iter().any(|finding| finding.what.contains("RSA key of 1024 bits"));
        assert!(weak, "{versions}: {verdict:#?}");
    }
}

#[test]
fn a_stapled_response_is_told_from_none() {
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder, P256);
    // What is in it is the client's affair: the smallest response there is, "internal error" (RFC 6960 section 4.2.1).
    std::fs::write(folder.path().join("response.der"), [0x30, 0x03, 0x0a, 0x01, 0x02]).unwrap();
    for versions in ["-tls1_2", "-tls1_3"] {
        for (options, expected) in [(&["-status_file", "response.der"][..], true), (&[], false)] {
            let server = s_server(&folder, &[&[versions, "-cipher", "ECDHE:!aNULL"], options].concat());
            let looked = look(server.1, Some(folder.path().join("cert.pem")));
            let verdict = looked.expect::<CertificateTrust>(Status::Pass);
            let told = verdict.all_notes().iter().any(|note| note.contains("which came with it and proves nothing"));
            assert_eq!(told, expected, "{versions} {options:?}: {verdict:#?}");
        }
    }
}
