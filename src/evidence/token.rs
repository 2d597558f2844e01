//! Questions about the target's own token, answered with facts and never with the value.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Question;
use crate::seen_as;
use crate::target::Target;

/// the token of the target
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct TokenAsk {}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct TokenFacts {}

impl Question for TokenAsk {
    seen_as!(Token => TokenFacts);

    fn ceiling(&self, _target: &Target) -> u32 {
        0
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn describe(&self) -> String {
        "the token of the target".into()
    }
}
