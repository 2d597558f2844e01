//! Chains with one fault each: every fault is named, in one line, and nothing else is.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
};

use super::made::{Chain, Made, authority, leaf, lives, named, now};
use super::path::{Assessment, assess, longest_lifetime};
use super::roots::Roots;
use super::{Certificate, Key};

fn judge(sent: &[&[u8]], root: &[u8]) -> Assessment {
    judge_for(sent, root, "mcp.example.com")
}

fn judge_for(sent: &[&[u8]], root: &[u8], host: &str) -> Assessment {
    let sent: Vec<Vec<u8>> = sent.iter().map(|der| der.to_vec()).collect();
    let roots = Roots::private(vec![Certificate::of_der(root).unwrap()]);
    assess(&sent, host, &roots, now())
}

fn judge_made(made: &Made) -> Assessment {
    let Chain { root, intermediate, leaf, .. } = made.make();
    judge(&[&leaf, &intermediate], &root)
}

/// The aspects of all faults.
fn aspects(assessment: &Assessment) -> Vec<&'static str> {
    assessment.faults.iter().map(|fault| fault.aspect).collect()
}

#[track_caller]
fn has(assessment: &Assessment, aspect: &str, what: &str) {
    assert_eq!(aspects(assessment), [aspect], "{:?}", assessment.faults);
    assert!(assessment.faults[0].what.contains(what), "{:?}", assessment.faults);
    assert!(assessment.unknown.is_empty(), "{:?}", assessment.unknown);
}

#[track_caller]
fn is_sound(assessment: &Assessment) {
    assert!(assessment.faults.is_empty() && assessment.unknown.is_empty(), "{assessment:?}");
    assert!(assessment.path.is_some());
}

#[test]
fn a_sound_chain_builds_for_its_name_and_its_address() {
    let Chain { root, intermediate, leaf, .. } = Made::default().make();
    let sound = judge(&[&leaf, &intermediate], &root);
    is_sound(&sound);
    assert!(sound.notes.is_empty(), "{:?}", sound.notes);
    assert_eq!(sound.path.unwrap().len(), 3);
    is_sound(&judge_for(&[&leaf, &intermediate], &root, "127.0.0.1"));
}

#[test]
fn what_is_superfluous_but_harmless_is_a_note() {
    let Chain { root, intermediate, leaf, .. } = Made::default().make();
    let with_root = judge(&[&leaf, &intermediate, &root], &root);
    is_sound(&with_root);
    let stranger = Made::default().make().intermediate;
    let spare = judge(&[&leaf, &intermediate, &stranger], &root);
    is_sound(&spare);
    assert!(spare.notes[0].contains("no path needs"), "{:?}", spare.notes);
    let disordered = judge(&[&leaf, &root, &intermediate], &root);
    is_sound(&disordered);
    assert!(disordered.notes[0].contains("order"), "{:?}", disordered.notes);
}

#[test]
fn a_spare_cross_sign_that_expired_is_no_fault() {
    let (root_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let old_key = KeyPair::generate().unwrap();
    let (new_root, old_root) = (authority("New Root"), authority("Old Root"));
    let root = new_root.self_signed(&root_key).unwrap().der().to_vec();
    let mut cross = authority("New Root");
    lives(&mut cross, -3000, -10);
    let cross = cross.signed_by(&root_key, &Issuer::new(old_root, old_key)).unwrap().der().to_vec();
    let own = leaf().signed_by(&key, &Issuer::new(new_root, root_key)).unwrap().der().to_vec();
    is_sound(&judge(&[&own, &cross], &root));
}

#[test]
fn a_leaf_that_is_itself_the_named_root_is_trusted() {
    let own = leaf().self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
    is_sound(&judge(&[&own], &own));
}

#[test]
fn every_fault_of_the_leaf_is_named() {
    let cases: Vec<(Made, &str, &str)> = vec![
        (Made::leaf(|leaf| lives(leaf, -90, -1)), "expired", "expired on 2026-11-"),
        (Made::leaf(|leaf| lives(leaf, 2, 90)), "not-yet-valid", "valid only from"),
        (Made::leaf(|leaf| leaf.subject_alt_names = other_name()), "name", "is for other.example.com, not for mcp"),
        (Made::leaf(|leaf| leaf.subject_alt_names.clear()), "common-name-only", "common name alone"),
        (
            Made::leaf(|leaf| leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
            "purpose",
            "server authentication",
        ),
        (Made::leaf(|leaf| leaf.key_usages = vec![KeyUsagePurpose::CrlSign]), "key-usage", "neither signatures"),
        (Made::leaf(|leaf| leaf.custom_extensions = vec![critical()]), "chain", "critical extension"),
    ];
    for (made, aspect, what) in cases {
        has(&judge_made(&made), aspect, what);
    }
}

#[test]
fn an_authority_as_server_certificate_is_named() {
    let made = Made::leaf(|leaf| leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    has(&judge_made(&made), "authority", "CA:TRUE");
}

#[test]
fn every_fault_of_an_intermediate_is_named() {
    let cases: Vec<(Made, &str, &str)> = vec![
        (Made::intermediate(|own| lives(own, -3000, -1)), "intermediate-expired", "`Test Intermediate` expired"),
        (Made::intermediate(|own| lives(own, 1, 300)), "intermediate-not-yet-valid", "valid only from"),
        (Made::intermediate(|own| own.is_ca = IsCa::NoCa), "not-an-authority", "no authority"),
        (Made::intermediate(|own| own.is_ca = IsCa::ExplicitNoCa), "not-an-authority", "no authority"),
        (
            Made::intermediate(|own| own.key_usages = vec![KeyUsagePurpose::DigitalSignature]),
            "issuer-key-usage",
            "does not let it sign",
        ),
        (
            Made::intermediate(|own| own.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
            "issuer-purpose",
            "may not issue",
        ),
        (Made::intermediate(|own| own.name_constraints = Some(only("other.example"))), "chain", "name constraints"),
        (Made::intermediate(|own| own.custom_extensions = vec![critical()]), "chain", "critical extension"),
    ];
    for (made, aspect, what) in cases {
        has(&judge_made(&made), aspect, what);
    }
}

#[test]
fn a_root_that_expired_is_named_though_libraries_never_look() {
    has(&judge_made(&Made::root(|root| lives(root, -3000, -5))), "root-expired", "the root `Test Root` expired");
}

#[test]
fn a_path_that_is_longer_than_an_authority_allows_is_named() {
    let keys = [(); 4].map(|()| KeyPair::generate().unwrap());
    let [root_key, upper_key, lower_key, leaf_key] = keys;
    let root = authority("Test Root");
    let root_der = root.self_signed(&root_key).unwrap().der().to_vec();
    let root = Issuer::new(root, root_key);
    let mut upper = authority("Upper");
    upper.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let upper_der = upper.signed_by(&upper_key, &root).unwrap().der().to_vec();
    let upper = Issuer::new(upper, upper_key);
    let lower = authority("Lower");
    let lower_der = lower.signed_by(&lower_key, &upper).unwrap().der().to_vec();
    let own = leaf().signed_by(&leaf_key, &Issuer::new(lower, lower_key)).unwrap().der().to_vec();
    has(&judge(&[&own, &lower_der, &upper_der], &root_der), "path-length", "`Upper` may have 0");
}

#[test]
fn every_broken_link_is_named() {
    let Chain { root, intermediate, leaf, .. } = Made::default().make();
    let other = Made::default().make();
    has(&judge(&[&leaf], &root), "missing-issuer", "`Test Intermediate` of `mcp.example.com` is neither sent nor");
    has(&judge(&[&intermediate, &leaf], &root), "order", "in reverse");
    has(&judge(&[&root, &intermediate, &leaf], &root), "order", "in reverse");
    // The same names with other keys: the signature tells them apart.
    has(&judge(&[&leaf, &other.intermediate], &root), "signature", "another key of that name");
    has(&judge(&[&leaf, &intermediate, &root], &other.root), "signature", "another key of that name");
    let stranger = Made::root(|root| root.distinguished_name = named("Other Root")).make();
    has(&judge(&[&leaf, &intermediate, &root], &stranger.root), "unknown-root", "ends in the root `Test Root`");
    let unrelated = judge(&[&leaf, &stranger.root], &stranger.root);
    has(&unrelated, "missing-issuer", "sent instead, unrelated: `Other Root`");
    let own = super::made::leaf().self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
    has(&judge(&[&own], &root), "self-signed", "no authority vouches");
    has(&judge(&[], &root), "empty", "no certificate");
    has(&judge(&[b"0\x03\x02\x01\x05", &intermediate], &root), "unreadable", "cannot be read");
}

#[test]
fn the_missing_intermediate_is_named_with_where_it_can_be_had() {
    // AuthorityInfoAccessSyntax with one caIssuers at http://ca.test/i
    let mut access = vec![0x30, 0x1e, 0x30, 0x1c, 6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2, 0x86, 0x10];
    access.extend_from_slice(b"http://ca.test/i");
    let made = Made::leaf(move |leaf| {
        leaf.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], access.clone())];
    })
    .make();
    let missing = judge(&[&made.leaf], &made.root);
    has(
        &missing,
        "missing-intermediate",
        "`Test Intermediate`, which issued `mcp.example.com`, is not sent (it is at http",
    );
}

#[test]
fn a_signature_that_was_tampered_with_is_named() {
    let Chain { root, intermediate, mut leaf, .. } = Made::default().make();
    let last = leaf.len() - 1;
    leaf[last] ^= 1;
    has(&judge(&[&leaf, &intermediate], &root), "signature", "not by the key of the `Test Intermediate`");
}

#[test]
fn wildcards_and_addresses_match_as_clients_match_them() {
    let wildcard = Made::leaf(|leaf| leaf.subject_alt_names = names(&["*.example.com"])).make();
    let judged = |host| judge_for(&[&wildcard.leaf, &wildcard.intermediate], &wildcard.root, host);
    is_sound(&judged("mcp.example.com"));
    has(&judged("a.mcp.example.com"), "name", "is for *.example.com");
    has(&judged("example.com"), "name", "not for example.com");
    has(&judged("127.0.0.1"), "name", "not for 127.0.0.1");
}

#[test]
fn other_sound_algorithms_are_sound() {
    for algorithm in [&PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
        let (root_key, key) = (KeyPair::generate_for(algorithm).unwrap(), KeyPair::generate_for(algorithm).unwrap());
        let root = authority("Test Root");
        let root_der = root.self_signed(&root_key).unwrap().der().to_vec();
        let own = leaf().signed_by(&key, &Issuer::new(root, root_key)).unwrap().der().to_vec();
        is_sound(&judge(&[&own], &root_der));
    }
}

#[test]
fn a_private_root_leads_no_chain_that_ends_in_a_public_one_and_none_builds_without_it() {
    let Chain { root, intermediate, leaf, .. } = Made::default().make();
    let sent = vec![leaf, intermediate, root];
    let public = assess(&sent, "mcp.example.com", &Roots::public(), now());
    has(&public, "unknown-root", "is not a public root");
}

#[test]
fn the_longest_lifetime_follows_the_day_of_issue() {
    let at = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc();
    for (issued, days) in [
        ("2017-06-01T00:00:00Z", 1187),
        ("2018-03-01T00:00:00Z", 825),
        ("2020-08-31T23:59:59Z", 825),
        ("2020-09-01T00:00:00Z", 398),
        ("2026-03-14T23:59:59Z", 398),
        ("2026-03-15T00:00:00Z", 200),
        ("2027-03-15T00:00:00Z", 100),
        ("2029-03-15T00:00:00Z", 47),
    ] {
        assert_eq!(longest_lifetime(at(issued)).num_days(), days, "{issued}");
    }
}

#[test]
fn weak_keys_are_told_from_sound_ones() {
    for (key, weak) in [
        (Key::Rsa { bits: 1024, exponent: 65537 }, true),
        (Key::Rsa { bits: 2047, exponent: 65537 }, true),
        (Key::Rsa { bits: 2048, exponent: 1 }, true),
        (Key::Rsa { bits: 2048, exponent: 65537 }, false),
        (Key::OtherCurve("P-192".into()), true),
        (Key::Dsa, true),
        (Key::P256, false),
        (Key::Ed25519, false),
    ] {
        assert_eq!(key.weakness().is_some(), weak, "{key}");
    }
}

fn names(names: &[&str]) -> Vec<rcgen::SanType> {
    CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap().subject_alt_names
}

fn other_name() -> Vec<rcgen::SanType> {
    names(&["other.example.com"])
}

fn only(domain: &str) -> NameConstraints {
    NameConstraints { permitted_subtrees: vec![GeneralSubtree::DnsName(domain.into())], excluded_subtrees: Vec::new() }
}

/// A critical extension under an object identifier that nobody uses.
fn critical() -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
    extension.set_criticality(true);
    extension
}

#[test]
fn a_name_is_shown_by_its_common_name_or_whole() {
    let mut params = leaf();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Example");
    let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
    assert_eq!(Certificate::of_der(&der).unwrap().subject, "O=Example");
}
