//! Questions about ports: what listens, what it is, what it gives without a credential.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Question;
use crate::seen_as;
use crate::target::Target;

/// the services of a host
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Services {}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Listening {}

impl Question for Services {
    seen_as!(Services => Listening);

    fn ceiling(&self, _target: &Target) -> u32 {
        0
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn describe(&self) -> String {
        "the services of a host".into()
    }
}
