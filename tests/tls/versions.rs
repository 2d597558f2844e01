//! Versions, suites and groups of `openssl s_server`, each told from every other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use watertight::check::Status;
use watertight::checks::tls::certificate_expiry::CertificateExpiry;
use watertight::checks::tls::certificate_trust::CertificateTrust;
use watertight::checks::tls::tls_version::TlsVersion;
use watertight::evidence::tls::Version;

use crate::rig::{P256, RSA, certificate, look, s_server};

#[test]
fn every_version_alone_is_told_from_every_other() {
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder, RSA);
    let all = "ALL:@SECLEVEL=0";
    for (option, version, status) in [
        ("-tls1", Version::Tls10, Status::Fail),
        ("-tls1_1", Version::Tls11, Status::Fail),
        ("-tls1_2", Version::Tls12, Status::Pass),
        ("-tls1_3", Version::Tls13, Status::Pass),
    ] {
        let cipher = if version < Version::Tls12 { all } else { "ECDHE:!aNULL" };
        let server = s_server(&folder, &[option, "-cipher", cipher]);
        let looked = look(server.1, Some(folder.path().join("cert.pem")));
        assert_eq!(looked.accepted(), [version], "{option}");
        let verdict = looked.expect::<TlsVersion>(status);
        if status == Status::Fail {
            assert_eq!(verdict.findings()[0].aspect, version.word());
        }
        looked.expect::<CertificateTrust>(Status::Pass);
        looked.expect::<CertificateExpiry>(Status::Pass);
    }
}

#[test]
fn a_sound_server_takes_seven_connections_at_most() {
    // As it is, one with Diffie-Hellman over a finite field, one that speaks TLS 1.3 alone.
    for (key, options) in [(P256, &[][..]), (P256, &["-cipher", "ECDHE:!aNULL"]), (RSA, &[]), (P256, &["-tls1_3"])] {
        let folder = tempfile::tempdir().unwrap();
        certificate(&folder, key);
        let server = s_server(&folder, options);
        let looked = look(server.1, Some(folder.path().join("cert.pem")));
        assert!(looked.connections <= 7, "{options:?}: {} connections", looked.connections);
        looked.expect::<TlsVersion>(Status::Pass);
        looked.expect::<CertificateTrust>(Status::Pass);
        looked.expect::<CertificateExpiry>(Status::Pass);
    }
}

#[test]
fn old_and_new_versions_side_by_side_fail_with_the_old_ones_named() {
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder, RSA);
    let server = s_server(&folder, &["-cipher", "ALL:!aNULL:@SECLEVEL=0"]);
    let looked = look(server.1, None);
    assert_eq!(looked.accepted(), [Version::Tls10, Version::Tls11, Version::Tls12, Version::Tls13]);
    let aspects: Vec<String> =
        looked.expect::<TlsVersion>(Status::Fail).findings().iter().map(|finding| finding.aspect.clone()).collect();
    assert_eq!(aspects, ["tls1.0", "tls1.1"]);
}

#[test]
fn suites_that_protect_nothing_fail() {
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder, RSA);
    for (cipher, aspect) in [("NULL-SHA256:@SECLEVEL=0", "suite-no encryption"), ("ADH:@SECLEVEL=0", "suite-anonymous")]
    {
        let server = s_server(&folder, &["-tls1_2", "-cipher", cipher]);
        let looked = look(server.1, None);
        assert_eq!(looked.accepted(), [Version::Tls12], "{cipher}");
        let verdict = looked.expect::<TlsVersion>(Status::Fail);
        assert_eq!(verdict.findings()[0].aspect, aspect, "{verdict:#?}");
    }
}

/// The 1024-bit prime of the second Oakley group (RFC 2409 section 6.2).
const OAKLEY: &str = concat!(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD",
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED",
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
);

#[test]
fn a_small_diffie_hellman_group_fails_and_a_large_one_holds() {
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder, RSA);
    // DHParameter (PKCS #3): the prime, and the generator 2.
    let mut parameters = vec![0x30, 0x81, 0x87, 0x02, 0x81, 0x81, 0x00];
    parameters.extend((0..OAKLEY.len() / 2).map(|at| u8::from_str_radix(&OAKLEY[2 * at..2 * at + 2], 16).unwrap()));
    parameters.extend([0x02, 0x01, 0x02]);
    let armoured = STANDARD.encode(parameters);
    std::fs::write(
        folder.path().join("dh.pem"),
        format!("-----BEGIN DH PARAMETERS-----\n{armoured}\n-----END DH PARAMETERS-----\n"),
    )
    .unwrap();
    let server = s_server(&folder, &["-tls1_2", "-cipher", "DHE:!aNULL:@SECLEVEL=0", "-dhparam", "dh.pem"]);
    let verdict = look(server.1, None).expect::<TlsVersion>(Status::Fail);
    assert!(verdict.findings()[0].what.contains("1024 bits"), "{verdict:#?}");
    let server = s_server(&folder, &["-tls1_2", "-cipher", "DHE:!aNULL"]);
    look(server.1, None).expect::<TlsVersion>(Status::Pass);
}
