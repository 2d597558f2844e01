//! Questions about earlier runs, answered from the stored history.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Question;
use crate::seen_as;
use crate::target::Target;

/// earlier runs of this target
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Earlier {}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Runs {}

impl Question for Earlier {
    seen_as!(Earlier => Runs);

    fn ceiling(&self, _target: &Target) -> u32 {
        0
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn describe(&self) -> String {
        "earlier runs of this target".into()
    }
}
