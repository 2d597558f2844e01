//! The report: all statuses of one run, plus what was covered.

pub mod build;
pub mod checklist;
pub mod checklist_document;
pub mod csv;
pub mod drift;
pub mod escape;
pub mod exception;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod nagios;
pub mod oscal;
pub mod prometheus;
#[cfg(test)]
pub(crate) mod sample;
pub mod sarif;
pub mod table;
pub mod untrusted;

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{Place, Severity, Status};
use crate::policy::document::Document;
use untrusted::Untrusted;

/// Everything one run says. Its JSON form is a contract: `watertight schema report` publishes it, and `version` grows
/// when it changes.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Report {
    pub version: u32,
    pub tool: Tool,
    pub policy: PolicyLine,
    pub run: RunLine,
    /// How many results have each status.
    pub summary: Summary,
    /// The ten boxes of the checklist.
    pub boxes: Vec<BoxLine>,
    /// One result per check and target, in the order of the targets and of the checklist.
    pub results: Vec<ResultLine>,
    pub coverage: Coverage,
    /// The sentences of the security policy.
    pub statements: Vec<StatementLine>,
    /// What the reader must know beside the results: what an untrusted policy was refused, waivers without effect.
    pub notices: Vec<Untrusted>,
    /// The written policy behind this one, for the format that gives it back; no part of the JSON.
    #[serde(skip)]
    #[schemars(skip)]
    pub document: Option<Document>,
    /// What changed since the last complete run of the same target and policy. Absent where no history was at hand, as
    /// in a replay: everything else follows from the evidence and the policy alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<drift::Drift>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Tool {
    pub name: Untrusted,
    pub version: Untrusted,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct PolicyLine {
    pub name: Untrusted,
    /// As the user wrote it; `(embedded)` for the shipped policy.
    pub file: Untrusted,
    pub sha256: Untrusted,
    /// False for a `./policy.yaml` that was found rather than named.
    pub trusted: bool,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct RunLine {
    pub id: Untrusted,
    pub started: DateTime<Utc>,
    pub finished: DateTime<Utc>,
    /// False after an interruption or when the time ran out.
    pub complete: bool,
    pub scheduled: bool,
    /// From where the targets were looked at: loopback, private, public or none.
    pub vantage: Untrusted,
    /// Who allowed the audit of a public address.
    pub authorised: Option<Untrusted>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Summary {
    pub pass: u32,
    pub fail: u32,
    pub inconclusive: u32,
    pub not_applicable: u32,
    pub waived: u32,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct BoxLine {
    pub number: u8,
    pub text: Untrusted,
    pub status: Status,
    pub checks: Vec<Untrusted>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct StatementLine {
    pub id: Untrusted,
    pub text: Untrusted,
    pub status: Status,
    pub checks: Vec<Untrusted>,
}

/// What one check says of one target.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct ResultLine {
    pub check: Untrusted,
    pub title: Untrusted,
    pub target: Untrusted,
    pub status: Status,
    /// The worst of its findings; the item's own where there are none.
    pub severity: Severity,
    pub statements: Vec<Untrusted>,
    /// What a pass rests on.
    pub grounds: Vec<Untrusted>,
    /// What could not be seen, and why.
    pub unseen: Vec<Untrusted>,
    pub notes: Vec<Untrusted>,
    pub findings: Vec<FindingLine>,
    /// Ids of what would be findings, and are none by the word of an allowlist or a comment; the notes tell them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_aside: Vec<Untrusted>,
    pub remediation: Untrusted,
    pub references: Vec<Untrusted>,
    /// The waiver in effect, if any.
    pub waiver: Option<WaiverLine>,
    /// The attestation that decides the item, if any: somebody's word, not a measurement.
    pub attestation: Option<AttestationLine>,
    /// The questions whose answers were weighed.
    pub evidence: Vec<Untrusted>,
    /// Which rule judged: a hash of the tool's version and the check's knobs. A finding that is new under another rule
    /// may be the rule's doing, not the system's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// What was looked at: a hash of what the target names (endpoints, hosts, tools, …). A finding that is gone under
    /// another scope may only be out of sight.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
}

impl ResultLine {
    /// The waivers in effect, each once, with how many findings it covers; one of the unseen covers none.
    pub fn waivers(&self) -> Vec<(&WaiverLine, usize)> {
        let mut waivers: Vec<(&WaiverLine, usize)> = Vec::new();
        for waiver in self.findings.iter().filter_map(|finding| finding.waiver.as_ref()) {
            match waivers.iter_mut().find(|(known, _)| *known == waiver) {
                Some((_, count)) => *count += 1,
                None => waivers.push((waiver, 1)),
            }
        }
        if let Some(waiver) = &self.waiver
            && waivers.iter().all(|(known, _)| *known != waiver)
        {
            // A report of an older version says it for the result alone.
            waivers.push((waiver, self.findings.iter().filter(|finding| finding.waived).count()));
        }
        waivers
    }
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct FindingLine {
    pub what: Untrusted,
    pub severity: Severity,
    pub place: Place,
    /// Stable over runs: made of check, target, place without line, and aspect; never of the text.
    pub id: Untrusted,
    /// Whether a waiver covers it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waived: bool,
    /// The waiver that covers it: several may share the findings of one result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<WaiverLine>,
    /// How it stands against earlier runs, where there is a history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<drift::Standing>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct WaiverLine {
    pub reason: Untrusted,
    pub owner: Untrusted,
    pub until: NaiveDate,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct AttestationLine {
    pub by: Untrusted,
    pub on: NaiveDate,
    pub until: NaiveDate,
    pub statement: Untrusted,
}

/// How much was looked at.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Coverage {
    /// HTTP requests sent.
    pub requests: u64,
    /// Bare connections: TCP connects and TLS hellos.
    pub connections: u64,
    pub endpoints: EndpointCoverage,
    pub commits: u64,
    pub blobs: u64,
    pub bytes: u64,
    /// What was asked and stayed without an answer.
    pub skipped: Vec<Untrusted>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct EndpointCoverage {
    pub known: u64,
    pub judged: u64,
}

impl Report {
    pub const VERSION: u32 = 1;

    /// What the exit code follows from; `fail_on` is the least severity that counts as a failure.
    pub fn outcome(&self, fail_on: Severity) -> Outcome {
        self.outcome_of(fail_on, |_| true)
    }

    /// The outcome where only findings that were not there at the last complete run count as failures
    /// (`--new-only`). Without an earlier run all of them are new.
    pub fn outcome_of_new(&self, fail_on: Severity) -> Outcome {
        self.outcome_of(fail_on, |finding| finding.standing.as_ref().is_none_or(|standing| standing.state.is_news()))
    }

    fn outcome_of(&self, fail_on: Severity, counts: impl Fn(&FindingLine) -> bool) -> Outcome {
        let failing = self.results.iter().any(|result| {
            result.status == Status::Fail
                && result
                    .findings
                    .iter()
                    .any(|finding| !finding.waived && finding.severity >= fail_on && counts(finding))
        });
        let has = |status| self.results.iter().any(|result| result.status == status);
        // A fault below the bar leaves what was not seen beside it undecided.
        let beside = self.results.iter().any(|result| result.status == Status::Fail && !result.unseen.is_empty());
        if failing {
            Outcome::Fails
        } else if has(Status::Inconclusive) || beside || !self.run.complete {
            Outcome::Inconclusive
        } else if has(Status::Pass) || has(Status::Waived) || has(Status::Fail) {
            Outcome::Holds
        } else {
            // Nothing was decided, and nothing decided is nothing passed.
            Outcome::Inconclusive
        }
    }
}

/// The result of a whole run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    Holds,
    Fails,
    Inconclusive,
}

#[cfg(test)]
mod tests;
