//! Chains for tests, made at run time, each with the faults it is told to have.

mod parts;

use chrono::{DateTime, Utc};
use rcgen::{Certificate, CertificateParams, Issuer, KeyPair};

pub(crate) use parts::named;

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
    pub(crate) intermediate_key: KeyPair,
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
        let mut leaf = leaf();
        (self.leaf)(&mut leaf);
        let leaf = leaf.signed_by(&leaf_key, &Issuer::from_params(&intermediate, &key)).unwrap();
        Chain {
            root: root_certificate.der().to_vec(),
            intermediate: intermediate_certificate.der().to_vec(),
            leaf: leaf.der().to_vec(),
            intermediate_key: key,
        }
    }

    /// Leaf and intermediate, as a server sends them.
    pub(crate) fn chain(&self) -> Vec<Vec<u8>> {
        let chain = self.make();
        vec![chain.leaf, chain.intermediate]
    }
}

/// An authority, five years old, with ten to go.
pub(crate) fn authority(name: &str) -> CertificateParams {
    parts::authority(name, now())
}

/// A server's certificate, 30 days old, with 60 days to go.
pub(crate) fn leaf() -> CertificateParams {
    parts::leaf(now())
}

/// Sets the validity in days from [`now`].
pub(crate) fn lives(params: &mut CertificateParams, from: i64, until: i64) {
    parts::lives(params, now(), from * 24, until * 24);
}
