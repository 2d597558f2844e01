//! The user's own rules and allowlists: read once, from the file that the policy names.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::detect::secrets::gitleaks::Rules;
use crate::evidence::Unseen;

/// A set of rules is smaller.
const LARGEST: u64 = 4 * 1024 * 1024;

pub(super) struct OwnRules {
    pub(super) rules: Rules,
    /// SHA-256 of the file.
    pub(super) digest: [u8; 32],
}

impl OwnRules {
    /// Rules that cannot be used make what they were to find unseen.
    pub(super) fn read(path: &Path) -> Result<Self, Unseen> {
        let wrong = |what: String| {
            let file = super::bounded(&path.display().to_string(), 300);
            Unseen::NotConfigured(format!("the rules of {file} (`gitleaks` of the policy) cannot be used: {what}"))
        };
        let bytes = super::folder::read(path, LARGEST).map_err(wrong)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| wrong("expected UTF-8".into()))?;
        let rules = Rules::parse(text).map_err(|fault| wrong(super::bounded(&fault.to_string(), 500)))?;
        Ok(Self { rules, digest: Sha256::digest(&bytes).into() })
    }
}
