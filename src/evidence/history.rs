//! Questions about earlier runs, answered from the stored history.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Question;
use crate::check::Status;
use crate::seen_as;
use crate::target::Target;

/// The earlier runs of this target. The current run is never among them.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Earlier {}

/// The earlier runs, oldest first; empty where none is stored yet.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Runs {
    pub runs: Vec<Past>,
}

impl Runs {
    /// What a fact was in each complete run that recorded it, oldest first.
    pub fn fact<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = (&'a Past, &'a str)> {
        self.runs
            .iter()
            .filter(|past| past.complete)
            .filter_map(move |past| past.facts.get(name).map(|value| (past, value.as_str())))
    }
}

/// One earlier run, as far as it concerns this target.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Past {
    pub id: String,
    pub finished: DateTime<Utc>,
    /// False after an interruption or when the time ran out.
    pub complete: bool,
    /// Whether the run was marked `--scheduled`.
    pub scheduled: bool,
    /// What [`crate::history::facts::facts`] drew from its evidence: `certificate-serial`, `token-fingerprint`, ...
    pub facts: BTreeMap<String, String>,
    /// What each check said of the target then, by check id.
    pub statuses: BTreeMap<String, Status>,
}

impl Question for Earlier {
    seen_as!(Earlier => Runs);

    /// The history stays on this machine.
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
