//! Questions that the user's own programs answer.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Question;
use crate::period::Period;
use crate::seen_as;
use crate::target::Target;

/// One run of one program.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Exec {
    pub id: String,
    pub command: Vec<String>,
    pub deadline: Period,
    /// SHA-256 of the program, where it is pinned.
    pub sha256: Option<String>,
}

/// How a program says what it found.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speaks {
    /// One JSON object on its standard output: `grounds`, `findings`, `unseen`, `notes`.
    Json,
    /// One line and an exit code, as monitoring plug-ins have it.
    Plugin,
}

/// What a program said. How that is to be read is the policy's word, so that a replay can read it anew.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Said {
    pub ending: Ending,
    /// Its standard output, masked for the token.
    pub output: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    Exited(i32),
    Signalled(i32),
}

impl Question for Exec {
    seen_as!(Exec => Said);

    /// What the program sends is its own affair; watertight sends nothing for it.
    fn ceiling(&self, _target: &Target) -> u32 {
        0
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn describe(&self) -> String {
        format!("run {} (your own check {}; what it sends is not counted)", self.command.join(" "), self.id)
    }
}
