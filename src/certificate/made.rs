//! Chains for tests, made at run time, each with the faults it is told to have.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// When every test chain is looked at.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap_or_default()
}

type Edit = Box<dyn Fn(&mut CertificateParams)>;

/// A root, an intermediate and a leaf for `mcp.example.com` and 127.0.0.1, sound until edited.
pub(crate) struct Made {
    pub(crate) root: Edit,
    pub(crate) intermediate: Edit,
    pub(crate) leaf: Edit,
}

impl Default for Made {
    fn default() -> Self {
        Self { root: Box::new(|_| {}), intermediate: Box::new(|_| {}), leaf: Box::new(|_| {}) }
    }
}

/// What was made.
pub(crate) struct Chain {
    pub(crate) root: Vec<u8>,
    pub(crate) intermediate: Vec<u8>,
    pub(crate) leaf: Vec<u8>,
}

impl Made {
    pub(crate) fn leaf(edit: impl Fn(&mut CertificateParams) + 'static) -> Self {
        Self { leaf: Box::new(edit), ..Self::default() }
    }

    pub(crate) fn intermediate(edit: impl Fn(&mut CertificateParams) + 'static) -> Self {
        Self { intermediate: Box::new(edit), ..Self::default() }
    }

    pub(crate) fn root(edit: impl Fn(&mut CertificateParams) + 'static) -> Self {
        Self { root: Box::new(edit), ..Self::default() }
    }

    pub(crate) fn make(&self) -> Chain {
        let [root_key, key, leaf_key] = [(); 3].map(|()| KeyPair::generate().unwrap());
        let mut root = authority("Test Root");
        (self.root)(&mut root);
        let root_certificate: Certificate = root.self_signed(&root_key).unwrap();
        let root = Issuer::new(root, root_key);
        let mut intermediate = authority("Test Intermediate");
        (self.intermediate)(&mut intermediate);
        let intermediate_certificate = intermediate.signed_by(&key, &root).unwrap();
        let intermediate = Issuer::new(intermediate, key);
        let mut leaf = leaf();
        (self.leaf)(&mut leaf);
        let leaf = leaf.signed_by(&leaf_key, &intermediate).unwrap();
        Chain {
            root: root_certificate.der().to_vec(),
            intermediate: intermediate_certificate.der().to_vec(),
            leaf: leaf.der().to_vec(),
        }
    }

    /// Leaf and intermediate, as a server sends them.
    pub(crate) fn chain(&self) -> Vec<Vec<u8>> {
        let chain = self.make();
        vec![chain.leaf, chain.intermediate]
    }
}

/// An authority, valid from ten years before [`now`] to ten years after.
pub(crate) fn authority(name: &str) -> CertificateParams {
    let mut authority = CertificateParams::default();
    authority.distinguished_name = named(name);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    lives(&mut authority, -3650, 3650);
    authority.use_authority_key_identifier_extension = true;
    authority
}

/// A server's certificate, 30 days old, with 60 days to go.
pub(crate) fn leaf() -> CertificateParams {
    let mut leaf = CertificateParams::new(vec!["mcp.example.com".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    leaf.distinguished_name = named("mcp.example.com");
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    lives(&mut leaf, -30, 60);
    leaf
}

pub(crate) fn named(name: &str) -> rcgen::DistinguishedName {
    let mut distinguished = rcgen::DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// Sets the validity in days from [`now`].
pub(crate) fn lives(params: &mut CertificateParams, from: i64, until: i64) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let at =
        |days: i64| epoch + Duration::from_secs(u64::try_from(now().timestamp() + days * 86_400).unwrap_or_default());
    params.not_before = at(from);
    params.not_after = at(until);
}
