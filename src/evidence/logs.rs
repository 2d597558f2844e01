//! Questions about the deployment's logs.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Question;
use crate::seen_as;
use crate::target::Target;

/// a canary in the log
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Canary {}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Trace {}

impl Question for Canary {
    seen_as!(Canary => Trace);

    fn ceiling(&self, _target: &Target) -> u32 {
        0
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn describe(&self) -> String {
        "a canary in the log".into()
    }
}
