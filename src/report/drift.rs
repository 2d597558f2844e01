//! What changed since the last complete run of the same target and policy, finding by finding.
//!
//! Identity is the finding's id (check, target, place without its line, aspect), never its text. A finding counts as
//! fixed only where its check saw enough to say so: what could not be seen, or was not run, carries the old state forward.
//! Pure: the history hands over the [`Ledger`] of the run before, and keeps the one that follows.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::untrusted::Untrusted;
use super::{FindingLine, Report, ResultLine};
use crate::check::{Severity, Status};

/// How a finding stands against the runs before.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    New,
    /// It was fixed once, and is back.
    Reopened,
    /// It stands as it did, and is now more severe.
    Graver,
    /// Its waiver covered it at the last run, and does no longer.
    WaiverExpired,
    /// It came or went together with the rule that finds it (another version of the tool, other knobs), or went with
    /// what is looked at, or by the word of an allowlist: that says nothing about the system.
    RuleChanged,
    Still,
    NewlyWaived,
    Fixed,
    /// It was there, and this run could not see whether it still is.
    NotEvaluated,
}

impl State {
    /// Every state, the reader's first concern first.
    pub const ALL: [Self; 9] = [
        Self::New,
        Self::Reopened,
        Self::Graver,
        Self::WaiverExpired,
        Self::RuleChanged,
        Self::NewlyWaived,
        Self::Fixed,
        Self::NotEvaluated,
        Self::Still,
    ];

    /// Whether somebody should hear of it: what was known at the last run is no news.
    pub fn is_news(self) -> bool {
        match self {
            Self::New | Self::Reopened | Self::Graver | Self::WaiverExpired | Self::RuleChanged => true,
            Self::Still | Self::NewlyWaived | Self::Fixed | Self::NotEvaluated => false,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Reopened => "reopened",
            Self::Graver => "graver",
            Self::WaiverExpired => "waiver expired",
            Self::RuleChanged => "rule changed",
            Self::Still => "still",
            Self::NewlyWaived => "newly waived",
            Self::Fixed => "fixed",
            Self::NotEvaluated => "not evaluated",
        }
    }
}

/// The state of one finding, and since when it has stood.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Standing {
    pub state: State,
    /// When the run began that saw it first in this spell.
    pub since: DateTime<Utc>,
}

/// What changed.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Drift {
    /// The run compared with; absent for the first one, which has no changes.
    pub baseline: Option<Baseline>,
    /// Every finding of this run and of the ledger before it, by state, then check and id.
    pub changes: Vec<Change>,
    /// How the boxes stood in the last runs, oldest first, this one last.
    pub trend: Vec<Point>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Baseline {
    pub run: Untrusted,
    pub started: DateTime<Utc>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Change {
    pub state: State,
    pub check: Untrusted,
    pub target: Untrusted,
    pub id: Untrusted,
    /// The fact as it was last seen.
    pub what: Untrusted,
    /// The place as it was last seen.
    pub place: Untrusted,
    pub since: DateTime<Utc>,
}

/// One run in the trend: a letter a box, in their order ([`letter`]).
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Point {
    pub run: Untrusted,
    pub started: DateTime<Utc>,
    pub boxes: String,
}

/// A status as one letter of a trend.
pub fn letter(status: Status) -> char {
    match status {
        Status::Pass => 'p',
        Status::Fail => 'f',
        Status::Inconclusive => 'i',
        Status::NotApplicable => 'n',
        Status::Waived => 'w',
    }
}

/// The boxes of a report as letters.
pub fn boxes(report: &Report) -> String {
    report.boxes.iter().map(|tick| letter(tick.status)).collect()
}

/// What is known of every finding up to a run; kept with it, so that the next one needs no older run.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Ledger {
    pub entries: BTreeMap<String, Entry>,
    /// The rule that each check was last judged by.
    pub rules: BTreeMap<String, String>,
    /// What each check last looked at.
    #[serde(default)]
    pub scopes: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Entry {
    pub check: Untrusted,
    pub target: Untrusted,
    pub what: Untrusted,
    pub place: Untrusted,
    pub since: DateTime<Utc>,
    pub was: Was,
    /// As it was last seen; a ledger of an older version has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Was {
    Open,
    Waived,
    Fixed,
}

/// Findings that were fixed are remembered so long that one which comes back is told from a new one.
const REMEMBERED: usize = 5_000;

impl Ledger {
    /// The ledger of one target after the report, and what changed on the way there.
    pub fn after(&self, report: &Report, target: &str) -> (Self, Vec<Change>) {
        let mut next = self.clone();
        let mut changes = Vec::new();
        let results: Vec<&ResultLine> = report.results.iter().filter(|result| result.target == target).collect();
        for result in &results {
            for finding in &result.findings {
                changes.push(next.meet(finding, result, report.run.started));
            }
        }
        let found: BTreeSet<&str> =
            results.iter().flat_map(|result| &result.findings).map(|finding| finding.id.data()).collect();
        for (id, entry) in &mut next.entries {
            if entry.was == Was::Fixed || found.contains(id.as_str()) {
                continue;
            }
            let state = match results.iter().copied().find(|result| result.check == entry.check) {
                Some(result) if saw_all(result) => {
                    entry.was = Was::Fixed;
                    if self.is_judged_alike(result) && !is_set_aside(id, result) {
                        State::Fixed
                    } else {
                        State::RuleChanged
                    }
                }
                Some(_) | None => State::NotEvaluated,
            };
            changes.push(entry.change(id, state));
        }
        for result in results {
            // What this run could not see was found by the rule before, and goes with that one.
            let carries = next.entries.iter().any(|(id, entry)| {
                entry.was != Was::Fixed && entry.check == result.check && !found.contains(id.as_str())
            });
            if saw_all(result) || (!result.findings.is_empty() && !carries) {
                next.rules.insert(result.check.data().to_owned(), result.rule.clone());
                next.scopes.insert(result.check.data().to_owned(), result.scope.clone());
            }
        }
        next.forget();
        (next, changes)
    }

    /// Whether the check judges by the rule it was last judged by, and looks at the same.
    fn is_judged_alike(&self, result: &ResultLine) -> bool {
        let same = |known: Option<&String>, now: &String| known.is_none_or(|known| known == now);
        same(self.rules.get(result.check.data()), &result.rule)
            && same(self.scopes.get(result.check.data()), &result.scope)
    }

    /// What stands of a target that a run did not look at.
    pub fn carried(&self) -> Vec<Change> {
        let open = self.entries.iter().filter(|(_, entry)| entry.was != Was::Fixed);
        open.map(|(id, entry)| entry.change(id, State::NotEvaluated)).collect()
    }

    fn meet(&mut self, finding: &FindingLine, result: &ResultLine, now: DateTime<Utc>) -> Change {
        let known = self.entries.get(finding.id.data());
        let was = known.map(|entry| entry.was);
        let state = match (was, finding.waived) {
            (Some(Was::Open), false) if known.is_some_and(|known| known.is_less_than(finding.severity)) => {
                State::Graver
            }
            (Some(Was::Open), false) | (Some(Was::Waived), true) => State::Still,
            (Some(Was::Waived), false) => State::WaiverExpired,
            (Some(Was::Fixed), false) => State::Reopened,
            (Some(Was::Open | Was::Fixed) | None, true) => State::NewlyWaived,
            (None, false) => {
                let before = self.rules.get(result.check.data());
                if before.is_some_and(|before| *before != result.rule) { State::RuleChanged } else { State::New }
            }
        };
        let since = known.filter(|entry| entry.was != Was::Fixed).map_or(now, |entry| entry.since);
        let entry = Entry {
            check: result.check.clone(),
            target: result.target.clone(),
            what: finding.what.clone(),
            place: finding.place.words(),
            since,
            was: if finding.waived { Was::Waived } else { Was::Open },
            severity: Some(finding.severity),
        };
        let change = entry.change(finding.id.data(), state);
        self.entries.insert(finding.id.data().to_owned(), entry);
        change
    }

    fn forget(&mut self) {
        let mut fixed: Vec<(DateTime<Utc>, String)> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.was == Was::Fixed)
            .map(|(id, entry)| (entry.since, id.clone()))
            .collect();
        fixed.sort();
        let surplus = fixed.len().saturating_sub(REMEMBERED);
        for (_, id) in fixed.into_iter().take(surplus) {
            self.entries.remove(&id);
        }
    }
}

impl Entry {
    fn is_less_than(&self, severity: Severity) -> bool {
        self.severity.is_some_and(|known| known < severity)
    }

    fn change(&self, id: &str, state: State) -> Change {
        Change {
            state,
            check: self.check.clone(),
            target: self.target.clone(),
            id: id.into(),
            what: self.what.clone(),
            place: self.place.clone(),
            since: self.since,
        }
    }
}

/// Whether somebody's word alone took the finding away; a second one of its kind has a number behind the id.
fn is_set_aside(id: &str, result: &ResultLine) -> bool {
    result
        .set_aside
        .iter()
        .any(|aside| id.strip_prefix(aside.data()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
}

/// Whether a finding that the result does not have is gone, and not only unseen.
fn saw_all(result: &ResultLine) -> bool {
    match result.status {
        Status::Pass => result.attestation.is_none(),
        Status::Fail | Status::Waived => result.unseen.is_empty(),
        Status::Inconclusive | Status::NotApplicable => false,
    }
}

impl Report {
    /// Writes the changes into the report: the section itself, and how each of its findings stands.
    pub fn compared(&mut self, baseline: Option<Baseline>, mut changes: Vec<Change>, earlier: Vec<Point>) {
        let now = self.run.started;
        let order = |state: State| State::ALL.iter().position(|known| *known == state);
        changes.sort_by(|one, other| {
            (order(one.state), &one.check, &one.id).cmp(&(order(other.state), &other.check, &other.id))
        });
        let known: BTreeMap<&str, (State, DateTime<Utc>)> =
            changes.iter().map(|change| (change.id.data(), (change.state, change.since))).collect();
        for finding in self.results.iter_mut().flat_map(|result| &mut result.findings) {
            let (state, since) = known.get(finding.id.data()).copied().unwrap_or((State::New, now));
            finding.standing = Some(Standing { state, since });
        }
        let here = Point { run: self.run.id.clone(), started: now, boxes: boxes(self) };
        let trend = earlier.into_iter().chain([here]).collect();
        if baseline.is_none() {
            // The first run has nothing to be compared with; that its findings are new goes without saying.
            changes.retain(|change| change.state != State::New);
        }
        self.drift = Some(Drift { baseline, changes, trend });
    }

    /// Writes what was recorded of an earlier comparison into the report again.
    pub fn compared_before(&mut self, drift: Drift) {
        let Drift { baseline, changes, mut trend } = drift;
        trend.pop();
        self.compared(baseline, changes, trend);
    }
}

#[cfg(test)]
mod tests;
