//! The roots that a chain may end in: the public ones as Mozilla ships them, or the private ones of the target.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::Certificate;

/// Trusted roots, found by their subject.
#[derive(Clone, Debug)]
pub struct Roots {
    private: Option<Vec<Certificate>>,
}

impl Roots {
    /// The public roots, embedded.
    pub const fn public() -> Self {
        Self { private: None }
    }

    /// These and no others.
    pub const fn private(roots: Vec<Certificate>) -> Self {
        Self { private: Some(roots) }
    }

    pub const fn are_public(&self) -> bool {
        self.private.is_none()
    }

    /// The roots whose subject is `name` (as encoded).
    pub fn named(&self, name: &[u8]) -> Vec<Certificate> {
        match &self.private {
            Some(roots) => roots.iter().filter(|root| root.subject_raw == name).cloned().collect(),
            None => PUBLIC
                .get(name)
                .into_iter()
                .flatten()
                .filter_map(|index| webpki_root_certs::TLS_SERVER_ROOT_CERTS.get(*index))
                .filter_map(|root| Certificate::of_der(root).ok())
                .collect(),
        }
    }

    pub fn contains(&self, certificate: &Certificate) -> bool {
        self.named(&certificate.subject_raw).iter().any(|root| root.der == certificate.der)
    }
}

/// Where each public root is, by the subject as encoded.
static PUBLIC: LazyLock<BTreeMap<Vec<u8>, Vec<usize>>> = LazyLock::new(|| {
    let mut index: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
    for (number, root) in webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().enumerate() {
        if let Ok(root) = Certificate::of_der(root) {
            index.entry(root.subject_raw).or_default().push(number);
        }
    }
    index
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_root_can_be_read_and_found() {
        assert!(webpki_root_certs::TLS_SERVER_ROOT_CERTS.len() > 100);
        for der in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
            let root = Certificate::of_der(der).unwrap();
            assert!(Roots::public().contains(&root), "{}", root.subject);
            assert_eq!(root.key.weakness(), None, "{}", root.subject);
        }
    }
}
