//! Whether a certificate was revoked, by its issuer's list or responder: asked only where the policy wants to know.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Question;
use crate::seen_as;
use crate::target::Target;

/// One certificate of a path, looked up where it says that its status is to be had.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Revocation {
    /// Over HTTP: what comes from there is signed.
    pub url: String,
    /// Of the certificate; hexadecimal.
    pub serial: String,
    /// The certificate whose key signs what comes; DER, base64.
    pub issuer: String,
    #[serde(default)]
    pub by: Source,
    /// The certificate, where it is a responder that is asked; DER, base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// Who knows of revocations.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The list of the distribution point (RFC 5280 section 4.2.1.13).
    #[default]
    List,
    /// The OCSP responder of the authority information access (RFC 6960).
    Responder,
}

/// What a current list, or a current response, with a right signature says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Listed {
    /// Since when it is revoked; `None`: it is not on the list, or good.
    pub since: Option<DateTime<Utc>>,
    /// Until when that holds.
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
        match self.by {
            Source::List => format!("the revocation list at {}", self.url),
            Source::Responder => format!("the OCSP responder at {} about the certificate {}", self.url, self.serial),
        }
    }
}

fn place(url: &url::Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(80))
}
