//! The cases: a name, what the server sends, the root that is trusted, and the one fault that is to be named.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair,
    KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SanType,
};

use super::made::{Edit, Made, authority, key, leaf, lives, lives_hours, named, openssl, read_pem, root, signed};

pub(super) struct Case {
    pub(super) name: String,
    /// DER, in the order sent.
    pub(super) sent: Vec<Vec<u8>>,
    /// PEM.
    pub(super) key: String,
    /// The target's `ca:`; `None`: the public roots.
    pub(super) root: Option<Vec<u8>>,
    pub(super) host: &'static str,
    /// A part of the one finding of certificate-trust; `None`: it holds, or is unseen.
    pub(super) fault: Option<&'static str>,
    /// A part of why certificate-trust is inconclusive.
    pub(super) unseen: Option<&'static str>,
    pub(super) expiry: Expiry,
    pub(super) rsa: bool,
    pub(super) signs_in_tls_1_3: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Expiry {
    Holds,
    Fails,
    /// The chain does not lead to a root, so not every date is known.
    Unseen,
}

impl Case {
    fn of(name: &str, sent: Vec<Vec<u8>>, key: &KeyPair, root: &[u8], fault: Option<&'static str>) -> Self {
        Self {
            name: name.to_owned(),
            sent,
            key: key.serialize_pem(),
            root: Some(root.to_vec()),
            host: "mcp.example.com",
            fault,
            unseen: None,
            expiry: Expiry::Holds,
            rsa: false,
            signs_in_tls_1_3: true,
        }
    }

    fn expiry(self, expiry: Expiry) -> Self {
        Self { expiry, ..self }
    }

    fn host(self, host: &'static str) -> Self {
        Self { host, ..self }
    }

    /// OpenSSL would not serve it, or not in this order.
    fn only_in_clear(self) -> Self {
        Self { signs_in_tls_1_3: false, ..self }
    }
}

pub(super) fn all(folder: &Path) -> Vec<Case> {
    let mut cases = sound();
    cases.extend(of_the_leaf());
    cases.extend(of_an_authority());
    cases.extend(of_the_links());
    cases.extend(of_keys_and_signatures(folder));
    cases
}

/// Root, intermediate and leaf, each edited.
struct Three {
    root: Made,
    intermediate: Made,
    leaf: Made,
}

fn three(of_root: Edit, of_intermediate: Edit, of_leaf: Edit) -> Three {
    let (mut root_params, mut intermediate_params, mut leaf) =
        (authority("Matrix Root"), authority("Matrix Intermediate"), leaf());
    of_root(&mut root_params);
    of_intermediate(&mut intermediate_params);
    of_leaf(&mut leaf);
    let root = root(&root_params, key());
    let intermediate = signed(&intermediate_params, key(), (&root_params, &root.key));
    let leaf = signed(&leaf, key(), (&intermediate_params, &intermediate.key));
    Three { root, intermediate, leaf }
}

impl Three {
    fn case(&self, name: &str, fault: Option<&'static str>) -> Case {
        let sent = vec![self.leaf.der.clone(), self.intermediate.der.clone()];
        Case::of(name, sent, &self.leaf.key, &self.root.der, fault)
    }

    fn sending(&self, name: &str, sent: &[&[u8]], fault: Option<&'static str>) -> Case {
        let sent = sent.iter().map(|der| der.to_vec()).collect();
        Case::of(name, sent, &self.leaf.key, &self.root.der, fault)
    }
}

fn plain(_: &mut CertificateParams) {}

fn of_leaf(name: &str, edit: Edit, fault: Option<&'static str>) -> Case {
    three(plain, plain, edit).case(name, fault)
}

fn sound() -> Vec<Case> {
    let sound = three(plain, plain, plain);
    let stranger = three(plain, plain, plain).intermediate.der;
    let (own, between, top) = (&sound.leaf.der, &sound.intermediate.der, &sound.root.der);
    // An old cross-sign of the root, expired, beside a path that builds without it.
    let old = (authority("Old Root"), key());
    let mut cross = authority("Matrix Root");
    lives(&mut cross, -1700, -10);
    let cross_key = KeyPair::from_pem(&sound.root.key.serialize_pem()).unwrap();
    let cross = signed(&cross, cross_key, (&old.0, &old.1)).der;
    let mut cases = vec![
        sound.case("sound", None),
        sound.case("sound-by-address", None).host("127.0.0.1"),
        sound.sending("root-sent-too", &[own, between, top], None),
        sound.sending("spare-stranger", &[own, between, &stranger], None),
        sound.sending("intermediates-out-of-order", &[own, top, between], None),
        sound.sending("intermediate-twice", &[own, between, between], None),
        sound.sending("expired-spare-cross-sign", &[own, between, &cross], None),
        of_leaf("wildcard", |leaf| leaf.subject_alt_names = names(&["*.example.com"]), None),
        of_leaf("six-days-fresh", |leaf| lives(leaf, -1, 5), None),
        of_leaf("no-key-usage", |leaf| leaf.key_usages.clear(), None),
        of_leaf("long-lived-under-a-private-root", |leaf| lives(leaf, -300, 600), None),
    ];
    for (name, algorithm) in [("sound-p384", &PKCS_ECDSA_P384_SHA384), ("sound-ed25519", &PKCS_ED25519)] {
        let top = authority("Matrix Root");
        let root = root(&top, KeyPair::generate_for(algorithm).unwrap());
        let own = signed(&leaf(), KeyPair::generate_for(algorithm).unwrap(), (&top, &root.key));
        let case = Case::of(name, vec![own.der], &own.key, &root.der, None);
        // OpenSSL 3.0 does not read rcgen's Ed25519 keys (RFC 5958, with the public key beside the private one).
        cases.push(Case { signs_in_tls_1_3: name != "sound-ed25519", ..case });
    }
    cases
}

fn of_the_leaf() -> Vec<Case> {
    let by_address = "has 127.0.0.1 as a DNS name";
    let mut cases = vec![
        of_leaf("expired", |leaf| lives(leaf, -90, -1), Some("`mcp.example.com` expired on")).expiry(Expiry::Fails),
        of_leaf("not-yet-valid", |leaf| lives(leaf, 2, 90), Some("valid only from")).expiry(Expiry::Fails),
        of_leaf("expires-soon", |leaf| lives(leaf, -80, 10), None).expiry(Expiry::Fails),
        of_leaf("six-days-used-up", |leaf| lives_hours(leaf, -140, 20), None).expiry(Expiry::Fails),
        of_leaf(
            "wrong-name",
            |leaf| leaf.subject_alt_names = names(&["other.example.com"]),
            Some("is for other.example.com"),
        ),
        of_leaf("wildcard-too-high", |leaf| leaf.subject_alt_names = names(&["*.com"]), Some("is for *.com")),
        of_leaf(
            "wildcard-too-deep",
            |leaf| leaf.subject_alt_names = names(&["*.mcp.example.com"]),
            Some("not for mcp.example.com"),
        ),
        of_leaf(
            "name-without-address",
            |leaf| leaf.subject_alt_names = names(&["mcp.example.com"]),
            Some("not for 127.0.0.1"),
        )
        .host("127.0.0.1"),
        of_leaf(
            "address-as-dns-name",
            |leaf| leaf.subject_alt_names = vec![SanType::DnsName("127.0.0.1".try_into().unwrap())],
            Some(by_address),
        )
        .host("127.0.0.1"),
        of_leaf("common-name-only", |leaf| leaf.subject_alt_names.clear(), Some("common name alone")),
        of_leaf(
            "client-only",
            |leaf| leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
            Some("server authentication"),
        ),
        of_leaf("key-usage", |leaf| leaf.key_usages = vec![KeyUsagePurpose::CrlSign], Some("neither signatures nor")),
        of_leaf(
            "critical-extension",
            |leaf| leaf.custom_extensions = vec![critical()],
            Some("critical extension nobody knows"),
        ),
        of_leaf("authority-as-server", |leaf| leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained), Some("CA:TRUE")),
        of_leaf("must-staple", |leaf| leaf.custom_extensions = vec![must_staple()], Some("must-staple")),
        of_leaf("ends-before-it-begins", |leaf| lives(leaf, 5, -5), Some("ends before it begins"))
            .expiry(Expiry::Fails),
    ];
    let own = root(&leaf(), key());
    let other = three(plain, plain, plain);
    cases.push(Case::of("self-signed", vec![own.der.clone()], &own.key, &other.root.der, Some("is self-signed")));
    cases
}

fn of_an_authority() -> Vec<Case> {
    let of = |name, edit: Edit, fault| three(plain, edit, plain).case(name, fault);
    let mut cases = vec![
        of("intermediate-expired", |own| lives(own, -900, -1), Some("intermediate `Matrix Intermediate` expired"))
            .expiry(Expiry::Fails),
        of(
            "intermediate-not-yet-valid",
            |own| lives(own, 1, 300),
            Some("intermediate `Matrix Intermediate` is valid only"),
        )
        .expiry(Expiry::Fails),
        of("intermediate-expires-soon", |own| lives(own, -900, 10), None).expiry(Expiry::Fails),
        of("intermediate-no-authority", |own| own.is_ca = IsCa::NoCa, Some("is no authority")),
        of("intermediate-explicitly-none", |own| own.is_ca = IsCa::ExplicitNoCa, Some("is no authority")),
        of(
            "intermediate-key-usage",
            |own| own.key_usages = vec![KeyUsagePurpose::DigitalSignature],
            Some("does not let it sign"),
        ),
        of(
            "intermediate-purpose",
            |own| own.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
            Some("may not issue for server"),
        ),
        of("name-constraints", |own| own.name_constraints = Some(only("other.example")), Some("name constraints")),
        of(
            "intermediate-critical-extension",
            |own| own.custom_extensions = vec![critical()],
            Some("critical extension nobody knows"),
        ),
        three(|root| lives(root, -1800, -5), plain, plain)
            .case("root-expired", Some("the root `Matrix Root` expired"))
            .expiry(Expiry::Fails),
    ];
    let top = authority("Matrix Root");
    let root = root(&top, key());
    let mut upper = authority("Upper");
    upper.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let upper_made = signed(&upper, key(), (&top, &root.key));
    let lower = authority("Lower");
    let lower_made = signed(&lower, key(), (&upper, &upper_made.key));
    let own = signed(&leaf(), key(), (&lower, &lower_made.key));
    let sent = vec![own.der, lower_made.der, upper_made.der];
    cases.push(Case::of("path-too-long", sent, &own.key, &root.der, Some("`Upper` may have 0 authorities")));
    cases
}

fn of_the_links() -> Vec<Case> {
    let here = three(plain, plain, plain);
    let there = three(plain, plain, plain);
    let strange = three(|root| root.distinguished_name = named("Other Root"), plain, plain);
    let aia = three(plain, plain, |leaf| leaf.custom_extensions = vec![issuer_at()]);
    let (own, between, top) = (&here.leaf.der, &here.intermediate.der, &here.root.der);
    let mut cut = own.clone();
    cut.extend_from_slice(b"more");
    let mut tampered = own.clone();
    *tampered.last_mut().unwrap() ^= 1;
    let under = |root: &Made, case: Case| Case { root: Some(root.der.clone()), ..case };
    let public = here.sending(
        "private-root-under-public-roots",
        &[own, between, top],
        Some("`Matrix Root`, which is not a public root"),
    );
    vec![
        here.sending(
            "intermediate-missing",
            &[own],
            Some("the issuer `Matrix Intermediate` of `mcp.example.com` is neither sent"),
        )
        .expiry(Expiry::Unseen),
        aia.sending(
            "intermediate-missing-but-told",
            &[&aia.leaf.der],
            Some("`Matrix Intermediate`, which issued `mcp.example.com`, is not sent (it is at http://ca.test/i)"),
        )
        .expiry(Expiry::Unseen),
        here.sending("reversed", &[between, own], Some("in reverse")).only_in_clear(),
        here.sending("reversed-with-root", &[top, between, own], Some("in reverse")).only_in_clear(),
        here.sending(
            "another-intermediate-of-the-name",
            &[own, &there.intermediate.der],
            Some("another key of that name"),
        )
        .expiry(Expiry::Unseen),
        under(&there.root, here.sending("another-root-of-the-name", &[own, between], Some("another key of that name")))
            .expiry(Expiry::Unseen),
        under(
            &strange.root,
            here.sending(
                "unknown-root",
                &[own, between, top],
                Some("ends in the root `Matrix Root`, which is not in the target's"),
            ),
        ),
        under(
            &strange.root,
            here.sending(
                "unknown-root-not-sent",
                &[own, between],
                Some("the issuer `Matrix Root` of `Matrix Intermediate` is neither sent"),
            ),
        )
        .expiry(Expiry::Unseen),
        here.sending(
            "unrelated-sent-instead",
            &[own, &strange.root.der],
            Some("sent instead, unrelated: `Other Root`"),
        )
        .expiry(Expiry::Unseen),
        here.sending("tampered-with", &[&tampered, between], Some("not by the key of the `Matrix Intermediate`"))
            .expiry(Expiry::Unseen)
            .only_in_clear(),
        here.sending("nothing-sent", &[], Some("no certificate was sent")).expiry(Expiry::Unseen).only_in_clear(),
        here.sending("garbage", &[b"0\x03\x02\x01\x05", between], Some("cannot be read"))
            .expiry(Expiry::Unseen)
            .only_in_clear(),
        here.sending("bytes-behind-the-certificate", &[&cut, between], Some("4 bytes follow"))
            .expiry(Expiry::Unseen)
            .only_in_clear(),
        Case { root: None, ..public },
    ]
}

/// What rcgen refuses to make.
fn of_keys_and_signatures(folder: &Path) -> Vec<Case> {
    std::fs::write(folder.join("extensions"), EXTENSIONS).unwrap();
    let mut cases = Vec::new();
    // Self-signed and itself the root, so that the key is the one fault.
    let curve = |name: &'static str| vec!["-newkey", "ec", "-pkeyopt", name];
    for (name, options, fault, rsa, signs) in [
        ("rsa-2048", vec!["-newkey", "rsa:2048"], None, true, true),
        ("rsa-1024", vec!["-newkey", "rsa:1024"], Some("RSA key of 1024 bits"), true, true),
        ("rsa-512", vec!["-newkey", "rsa:512"], Some("RSA key of 512 bits"), true, false),
        ("p192", curve("ec_paramgen_curve:prime192v1"), Some("curve P-192"), false, false),
        ("p224", curve("ec_paramgen_curve:secp224r1"), Some("curve P-224"), false, false),
        ("secp256k1", curve("ec_paramgen_curve:secp256k1"), Some("curve secp256k1"), false, false),
        ("brainpool", curve("ec_paramgen_curve:brainpoolP256r1"), Some("curve 1.3.36"), false, false),
        ("p521", curve("ec_paramgen_curve:secp521r1"), None, false, true),
        ("ed448", vec!["-newkey", "ed448"], None, false, true),
    ] {
        let (certificate, secret) = (format!("{name}.pem"), format!("{name}.key"));
        let fixed = ["req", "-x509", "-nodes", "-sha256", "-keyout", &secret, "-out", &certificate, "-days", "90"];
        let fixed =
            [&fixed[..], &["-config", "extensions", "-extensions", "leaf", "-subj", "/CN=mcp.example.com"]].concat();
        openssl(folder, &[fixed, options].concat());
        let der = read_pem(folder, &certificate);
        cases.push(from_openssl(folder, name, vec![der.clone()], &secret, &der, fault, (rsa, signs)));
    }
    let explicit = ["-pkeyopt", "ec_param_enc:explicit"];
    let fixed =
        ["req", "-x509", "-nodes", "-keyout", "explicit.key", "-out", "explicit.pem", "-days", "90", "-newkey", "ec"];
    let rest = [
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-config",
        "extensions",
        "-extensions",
        "leaf",
        "-subj",
        "/CN=mcp.example.com",
    ];
    openssl(folder, &[&fixed[..], &rest, &explicit].concat());
    let der = read_pem(folder, "explicit.pem");
    cases.push(from_openssl(
        folder,
        "explicit-curve",
        vec![der.clone()],
        "explicit.key",
        &der,
        Some("explicit parameters"),
        (false, false),
    ));
    cases.extend(signed_weakly(folder));
    cases
}

fn from_openssl(
    folder: &Path,
    name: &str,
    sent: Vec<Vec<u8>>,
    secret: &str,
    root: &[u8],
    fault: Option<&'static str>,
    (rsa, signs_in_tls_1_3): (bool, bool),
) -> Case {
    Case {
        name: name.to_owned(),
        sent,
        key: std::fs::read_to_string(folder.join(secret)).unwrap(),
        root: Some(root.to_vec()),
        host: "mcp.example.com",
        fault,
        unseen: None,
        expiry: Expiry::Holds,
        rsa,
        signs_in_tls_1_3,
    }
}

/// Leaves and intermediates under an RSA root, each signed or keyed too weakly.
fn signed_weakly(folder: &Path) -> Vec<Case> {
    let run = |arguments: &str| openssl(folder, &arguments.split(' ').collect::<Vec<_>>());
    let own_root = |name: &str, bits: u32| {
        run(&format!(
            "req -x509 -nodes -newkey rsa:{bits} -keyout {name}.key -out {name}.pem -days 3000 -subj /CN={name} -config \
             extensions -extensions authority"
        ));
    };
    own_root("strong", 2048);
    own_root("weak", 1024);
    for (name, bits) in [("leaf", 2048), ("middle", 2048), ("slight", 1024)] {
        let subject = if name == "leaf" { "mcp.example.com" } else { name };
        run(&format!(
            "req -new -nodes -newkey rsa:{bits} -keyout {name}.key -out {name}.csr -subj /CN={subject} -config extensions"
        ));
    }
    let sign = |csr: &str, by: &str, out: &str, options: &str| {
        run(&format!(
            "x509 -req -in {csr}.csr -CA {by}.pem -CAkey {by}.key -CAcreateserial -out {out}.pem -days 90 {options}"
        ));
    };
    let extensions = |kind: &str| format!("-extfile extensions -extensions {kind}");
    sign("leaf", "strong", "leaf-sha1", &format!("-sha1 {}", extensions("leaf")));
    sign("leaf", "strong", "leaf-md5", &format!("-md5 {}", extensions("leaf")));
    sign(
        "leaf",
        "strong",
        "leaf-pss",
        &format!("-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1 {}", extensions("leaf")),
    );
    // OpenSSL's own default: a salt as long as fits.
    sign("leaf", "strong", "leaf-pss-salt", &format!("-sha256 -sigopt rsa_padding_mode:pss {}", extensions("leaf")));
    sign("leaf", "strong", "leaf-pss-sha1", &format!("-sha1 -sigopt rsa_padding_mode:pss {}", extensions("leaf")));
    sign("leaf", "strong", "leaf-v1", "-sha256");
    sign("leaf", "weak", "leaf-weak-root", &format!("-sha256 {}", extensions("leaf")));
    sign("middle", "strong", "middle", &format!("-sha1 {}", extensions("authority")));
    sign("slight", "strong", "slight", &format!("-sha256 {}", extensions("authority")));
    sign("leaf", "middle", "leaf-under-sha1", &format!("-sha256 {}", extensions("leaf")));
    sign("leaf", "slight", "leaf-under-1024", &format!("-sha256 {}", extensions("leaf")));
    let case = |name: &str, sent: &[&str], root: &str, fault| {
        let sent = sent.iter().map(|file| read_pem(folder, &format!("{file}.pem"))).collect();
        from_openssl(folder, name, sent, "leaf.key", &read_pem(folder, &format!("{root}.pem")), fault, (true, true))
    };
    vec![
        case("signed-with-sha1", &["leaf-sha1"], "strong", Some("`mcp.example.com` is signed with SHA-1")),
        case("signed-with-md5", &["leaf-md5"], "strong", Some("`mcp.example.com` is signed with MD5")),
        case("signed-with-pss", &["leaf-pss"], "strong", None),
        Case {
            unseen: Some("cannot be verified here"),
            ..case("signed-with-pss-and-a-long-salt", &["leaf-pss-salt"], "strong", None)
        },
        case("signed-with-pss-and-sha1", &["leaf-pss-sha1"], "strong", Some("`mcp.example.com` is signed with SHA-1")),
        case("version-1", &["leaf-v1"], "strong", Some("X.509 version 1")),
        case("root-of-1024-bits", &["leaf-weak-root"], "weak", Some("the root `weak` has a RSA key of 1024 bits")),
        case(
            "intermediate-signed-with-sha1",
            &["leaf-under-sha1", "middle"],
            "strong",
            Some("`middle` is signed with SHA-1"),
        ),
        case(
            "intermediate-of-1024-bits",
            &["leaf-under-1024", "slight"],
            "strong",
            Some("the intermediate `slight` has a RSA key of 1024"),
        ),
    ]
}

/// Sections for `openssl req` and `openssl x509`.
const EXTENSIONS: &str = "\
[req]
distinguished_name = name
prompt = no
[name]
[leaf]
subjectAltName = DNS:mcp.example.com
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
";

fn names(names: &[&str]) -> Vec<SanType> {
    names.iter().map(|name| SanType::DnsName((*name).try_into().unwrap())).collect()
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

/// RFC 7633: a SEQUENCE with the feature status_request (5).
fn must_staple() -> CustomExtension {
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 24], vec![0x30, 3, 2, 1, 5])
}

/// AuthorityInfoAccessSyntax with one caIssuers at http://ca.test/i (RFC 5280 section 4.2.2.1).
fn issuer_at() -> CustomExtension {
    let mut access = vec![0x30, 0x1e, 0x30, 0x1c, 6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2, 0x86, 0x10];
    access.extend_from_slice(b"http://ca.test/i");
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], access)
}
