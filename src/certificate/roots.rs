//! The roots that a chain may end in: the public ones as Mozilla ships them, or the private ones of the target.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::Certificate;

/// Trusted roots, found by their subject.
#[derive(Clone, Debug)]
pub struct Roots {
    given: Option<Vec<Certificate>>,
    of_the_system: bool,
}

impl Roots {
    /// The public roots, embedded.
    pub const fn public() -> Self {
        Self { given: None, of_the_system: false }
    }

    /// These and no others.
    pub const fn private(roots: Vec<Certificate>) -> Self {
        Self { given: Some(roots), of_the_system: false }
    }

    /// Those of a machine, public ones and its own.
    pub const fn of_the_system(roots: Vec<Certificate>) -> Self {
        Self { given: Some(roots), of_the_system: true }
    }

    /// Whether the rules for public authorities hold for what `root` issues.
    pub fn is_public(&self, root: &Certificate) -> bool {
        match &self.given {
            None => true,
            Some(_) => self.of_the_system && Self::public().contains(root),
        }
    }

    /// How a root is called that is among them.
    pub const fn kind(&self) -> &'static str {
        match (&self.given, self.of_the_system) {
            (None, _) => "public",
            (Some(_), true) => "this machine's",
            (Some(_), false) => "the target's own",
        }
    }

    /// What a root is not that is none of them.
    pub const fn trusted(&self) -> &'static str {
        match (&self.given, self.of_the_system) {
            (None, _) => "a public root",
            (Some(_), true) => "a root of this machine",
            (Some(_), false) => "in the target's `ca:`",
        }
    }

    /// The roots whose subject is `name` (as encoded).
    pub fn named(&self, name: &[u8]) -> Vec<Certificate> {
        match &self.given {
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
