//! The demo's earlier runs: two weekly ones, marked as scheduled, so that what needs a history can be judged.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::fault::{Fault, Faults};
use crate::check::Status;
use crate::checks::ALL;
use crate::evidence::history::{Past, Runs};

/// What those runs saw of the certificate and the token then.
pub(super) struct Then {
    /// The facts of a run, by name: `certificate-serial`, `token-fingerprint`.
    pub(super) facts: BTreeMap<String, String>,
}

pub(super) fn runs(now: DateTime<Utc>, then: &Then, faults: &Faults) -> Runs {
    if faults.has(Fault::HistoryEmpty) {
        return Runs::default();
    }
    let age = if faults.has(Fault::ScheduleNotKept) { 200 } else { 0 };
    let unscheduled = faults.has(Fault::RunsUnscheduled);
    let run = |id: &str, days: i64| Past {
        id: id.into(),
        finished: now - TimeDelta::days(age + days),
        complete: true,
        scheduled: !unscheduled,
        facts: then.facts.clone(),
        statuses: ALL.iter().map(|module| (module.about.id.to_owned(), Status::Pass)).collect(),
    };
    Runs { runs: vec![run("demo-first", 14), run("demo-second", 7)] }
}
