//! The demo's earlier runs: two weekly ones, marked as scheduled, so that what needs a history can be judged.

use std::collections::BTreeMap;

use anyhow::Context as _;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::fault::{Fault, Faults};
use crate::certificate::Certificate;
use crate::check::Status;
use crate::checks::ALL;
use crate::evidence::history::{Past, Runs};

/// What those runs saw.
pub(super) struct Then<'a> {
    /// The certificate of today (DER). The first run was before its issue and saw another one.
    pub(super) leaf: &'a [u8],
    /// The keyed fingerprint of the token, which is older than both runs.
    pub(super) token: String,
}

pub(super) fn runs(now: DateTime<Utc>, then: &Then<'_>, faults: &Faults) -> anyhow::Result<Runs> {
    if faults.has(Fault::HistoryEmpty) {
        return Ok(Runs::default());
    }
    let leaf = Certificate::of_der(then.leaf).ok().context("the demo's certificate cannot be read back")?;
    let facts = |serial: &str, spki: &str, issued: DateTime<Utc>| {
        BTreeMap::from([
            ("certificate-serial".to_owned(), serial.to_owned()),
            ("certificate-spki".to_owned(), spki.to_owned()),
            ("certificate-not-before".to_owned(), issued.to_rfc3339_opts(SecondsFormat::Secs, true)),
            ("token-fingerprint".to_owned(), then.token.clone()),
        ])
        .into_iter()
        // Long before the last rotation there was another token, whose fingerprint nobody compares any more.
        .filter(|(name, _)| !(name == "token-fingerprint" && faults.has(Fault::ScheduleNotKept)))
        .collect::<BTreeMap<_, _>>()
    };
    let today = facts(&leaf.serial, &leaf.pin, leaf.not_before);
    let before = if faults.has(Fault::RenewalUnseen) {
        today.clone()
    } else {
        facts("0a1b2c3d4e5f60718293", "an earlier key", leaf.not_before - TimeDelta::days(60))
    };
    let age = if faults.has(Fault::ScheduleNotKept) { 200 } else { 0 };
    let run = |id: &str, days: i64, facts: BTreeMap<String, String>| Past {
        id: id.into(),
        finished: now - TimeDelta::days(age + days),
        complete: true,
        scheduled: !faults.has(Fault::RunsUnscheduled),
        facts,
        statuses: ALL.iter().map(|module| (module.about.id.to_owned(), Status::Pass)).collect(),
    };
    let mut runs = vec![run("demo-first", 14, before), run("demo-second", 7, today.clone())];
    if faults.has(Fault::RotationUnchanged) {
        // The register says 20 days; this run saw the same value long before.
        runs.insert(0, Past { scheduled: false, ..run("demo-early", 120, today) });
    }
    Ok(Runs { runs })
}
