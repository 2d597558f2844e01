//! Questions about TLS: one ClientHello a version, and the chain.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Question;
use crate::seen_as;
use crate::target::Target;

/// a ClientHello
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Hello {}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Greeting {}

impl Question for Hello {
    seen_as!(Hello => Greeting);

    fn ceiling(&self, _target: &Target) -> u32 {
        0
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn describe(&self) -> String {
        "a ClientHello".into()
    }
}

/// the certificate chain
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Chain {}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Presented {}

impl Question for Chain {
    seen_as!(Chain => Presented);

    fn ceiling(&self, _target: &Target) -> u32 {
        0
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn describe(&self) -> String {
        "the certificate chain".into()
    }
}
