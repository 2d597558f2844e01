//! Whether a certificate is on its issuer's revocation list: asked only where the policy wants to know.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Question;
use crate::seen_as;
use crate::target::Target;

/// One certificate of a path, looked up on the list that it names (RFC 5280 section 4.2.1.13).
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Revocation {
    /// Where the list is, over HTTP; it is signed.
    pub url: String,
    /// Of the certificate; hexadecimal.
    pub serial: String,
    /// The certificate whose key signs the list; DER, base64.
    pub issuer: String,
}

/// What a current list with a right signature says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Listed {
    /// Since when it is revoked; `None`: it is not on the list.
    pub since: Option<DateTime<Utc>>,
    /// Until when the list holds.
    pub until: DateTime<Utc>,
}

impl Question for Revocation {
    seen_as!(Revocation => Listed);

    fn ceiling(&self, _target: &Target) -> u32 {
        1
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        url::Url::parse(&self.url).iter().map(place).collect()
    }

    fn describe(&self) -> String {
        format!("the revocation list at {}", self.url)
    }
}

fn place(url: &url::Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(80))
}
