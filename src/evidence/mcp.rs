//! Questions about an MCP server: a whole conversation is one ask.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Question;
use crate::seen_as;
use crate::target::Target;

/// an MCP conversation
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Conversation {}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Transcript {}

impl Question for Conversation {
    seen_as!(Mcp => Transcript);

    fn ceiling(&self, _target: &Target) -> u32 {
        0
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn describe(&self) -> String {
        "an MCP conversation".into()
    }
}
