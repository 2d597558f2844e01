//! A check is one checklist item: what must be observed, and what the observation means.

use std::fmt;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::evidence::http::Free;
use crate::evidence::{Ask, Evidence, Unseen};
use crate::report::untrusted::Untrusted;
use crate::target::{Absent, Target};

/// One checklist item.
///
/// The implementing type's fields are its knobs: they are read from the item's block under `checks:` in the policy, and
/// their defaults are what `policy.yaml` ships.
pub trait Check: Default + DeserializeOwned + Serialize + JsonSchema + Send + Sync + 'static {
    const ABOUT: About;

    /// What must be observed, given what has been seen so far. Data; nothing is sent from here. Called until no check
    /// asks anything new.
    fn asks(&self, target: &Target, seen: &Evidence) -> Vec<Ask>;

    /// What may be asked in later rounds, when it depends on what the first round shows.
    ///
    /// A later ask that no reserve covers is refused ([`Unseen::OverBudget`]): the plan is printed before anything is
    /// sent, and nothing is sent outside it.
    fn reserves(&self, _target: &Target) -> Vec<Reserve> {
        Vec::new()
    }

    /// Which factors of an ask of this check may be sent otherwise: an answer under any of them would do.
    fn leaves_free(&self, _target: &Target, _ask: &Ask) -> Free {
        Free::default()
    }

    /// Weighs the evidence, and nothing else.
    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict;
}

/// The item as it reads in the checklist.
#[derive(Debug)]
pub struct About {
    pub id: &'static str,
    pub title: &'static str,
    /// The statements of the security policy that this item answers for.
    pub statements: &'static [&'static str],
    pub severity: Severity,
    /// Where the item is decided: what must be named for it to be judged at all.
    pub decided_from: DecidedFrom,
    /// Whether a person's attestation may decide the item where nothing measured does.
    pub attestable: bool,
    pub remediation: &'static str,
    pub references: &'static [&'static str],
}

/// What an item is decided from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DecidedFrom {
    /// The live deployment.
    Deployment,
    /// The repository.
    Repository,
    /// Either or both; the check says what it misses.
    Both,
}

/// How bad it is when the item does not hold.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

/// Asks that a check may add after the first round, with their ceiling.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Reserve {
    /// What for, as the plan prints it.
    pub what: String,
    /// How many asks at most.
    pub asks: u32,
    /// How many sends at most, over all of them.
    pub sends: u32,
}

/// What was found, what could not be seen, and what a pass rests on.
///
/// The status follows from these; a check cannot choose it. A proven fault outranks a missing answer, and a pass needs
/// grounds.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct Verdict {
    findings: Vec<Finding>,
    unseen: Vec<Unseen>,
    grounds: Vec<String>,
    notes: Vec<String>,
    set_aside: Vec<Finding>,
    not_applicable: Option<String>,
}

impl Verdict {
    /// The item does not apply to this target, for the reason given.
    pub fn not_applicable(reason: impl Into<String>) -> Self {
        Self { not_applicable: Some(reason.into()), ..Self::default() }
    }

    /// The verdict where the part of the target that decides the item is missing.
    pub fn absent(absent: Absent) -> Self {
        match absent {
            Absent::DeploymentOutOfScope | Absent::RepositoryOutOfScope => Self::not_applicable(absent.to_string()),
            Absent::NoDeployment | Absent::NoRepository => {
                let mut verdict = Self::default();
                verdict.not_seen(Unseen::NotNamed(absent.to_string()));
                verdict
            }
        }
    }

    /// Records a fault, with the item's own severity.
    pub fn fails(&mut self, what: impl Into<String>, place: Place) {
        self.finds(Finding::new(what, place));
    }

    /// Records a fault with a severity or an aspect of its own.
    pub fn finds(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Records what a pass rests on.
    pub fn holds(&mut self, grounds: impl Into<String>) {
        let grounds = grounds.into();
        if !self.grounds.contains(&grounds) {
            self.grounds.push(grounds);
        }
    }

    /// Records that something could not be seen; nothing passes beside it.
    pub fn not_seen(&mut self, unseen: Unseen) {
        if !self.unseen.contains(&unseen) {
            self.unseen.push(unseen);
        }
    }

    /// Records what the reader should know and what decides nothing.
    pub fn notes(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Records what would be a fault, and is none by somebody's word alone: told as a note, and never called fixed.
    pub fn sets_aside(&mut self, why: &str, finding: Finding) {
        self.notes(format!("{why}: {} ({})", finding.what, finding.place.words().data()));
        self.set_aside.push(finding);
    }

    pub fn status(&self) -> Status {
        if !self.findings.is_empty() {
            Status::Fail
        } else if !self.unseen.is_empty() {
            Status::Inconclusive
        } else if self.not_applicable.is_some() {
            Status::NotApplicable
        } else if self.grounds.is_empty() {
            Status::Inconclusive
        } else {
            Status::Pass
        }
    }

    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    pub fn unseen(&self) -> &[Unseen] {
        &self.unseen
    }

    pub fn grounds(&self) -> &[String] {
        &self.grounds
    }

    pub fn all_notes(&self) -> &[String] {
        &self.notes
    }

    pub fn set_aside(&self) -> &[Finding] {
        &self.set_aside
    }

    /// Why the item does not apply, where it does not.
    pub fn why_not_applicable(&self) -> Option<&str> {
        self.not_applicable.as_deref()
    }
}

/// One fault: the fact and its place. Never a secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The fact: lower case, no full stop, values included, secrets never.
    pub what: String,
    pub place: Place,
    /// Where it differs from the item's own.
    pub severity: Option<Severity>,
    /// A short, stable word for which fault of the item this is (`no-credential`, `tls1.0`). With the check, the target
    /// and the place it makes the finding's identity, which never depends on the text of `what`.
    pub aspect: String,
}

impl Finding {
    pub fn new(what: impl Into<String>, place: Place) -> Self {
        Self { what: what.into(), place, severity: None, aspect: String::new() }
    }

    #[must_use]
    pub fn of_severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    #[must_use]
    pub fn aspect(mut self, aspect: impl Into<String>) -> Self {
        self.aspect = aspect.into();
        self
    }
}

/// Where a fault is.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(untagged)]
pub enum Place {
    Url {
        url: Untrusted,
    },
    /// A host, with the address and the port where these matter: `mcp.example.com [192.0.2.7]:443`.
    Host {
        host: Untrusted,
    },
    Commit {
        commit: Untrusted,
        file: Untrusted,
        #[serde(skip_serializing_if = "Option::is_none")]
        line: Option<u32>,
    },
    File {
        file: Untrusted,
        #[serde(skip_serializing_if = "Option::is_none")]
        line: Option<u32>,
    },
    /// A line of the policy.
    Policy {
        policy: Untrusted,
        #[serde(skip_serializing_if = "Option::is_none")]
        line: Option<u32>,
    },
}

impl Place {
    pub fn url(url: impl Into<String>) -> Self {
        Self::Url { url: url.into().into() }
    }

    pub fn host(host: impl Into<String>) -> Self {
        Self::Host { host: host.into().into() }
    }

    pub fn file(file: impl Into<String>, line: Option<u32>) -> Self {
        Self::File { file: file.into().into(), line }
    }

    pub fn commit(commit: impl Into<String>, file: impl Into<String>, line: Option<u32>) -> Self {
        Self::Commit { commit: commit.into().into(), file: file.into().into(), line }
    }

    pub fn policy(policy: impl Into<String>, line: Option<u32>) -> Self {
        Self::Policy { policy: policy.into().into(), line }
    }

    /// The part of the place that stays when lines move: what a finding's identity is made of.
    pub fn stable(&self) -> String {
        match self {
            Self::Url { url } => format!("url {}", url.data()),
            Self::Host { host } => format!("host {}", host.data()),
            Self::Commit { commit, file, .. } => format!("commit {} {}", commit.data(), file.data()),
            Self::File { file, .. } => format!("file {}", file.data()),
            Self::Policy { policy, .. } => format!("policy {}", policy.data()),
        }
    }
}

/// What the report says of an item.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Pass,
    Fail,
    Inconclusive,
    NotApplicable,
    Waived,
}

impl Status {
    pub const ALL: [Self; 5] = [Self::Pass, Self::Fail, Self::Inconclusive, Self::NotApplicable, Self::Waived];

    /// How statuses add up over checks and targets (design: "Adding up").
    pub fn sum(statuses: impl IntoIterator<Item = Self>) -> Self {
        let mut sum = Self::NotApplicable;
        for status in statuses {
            sum = match (sum, status) {
                (Self::Fail, _) | (_, Self::Fail) => Self::Fail,
                (Self::Inconclusive, _) | (_, Self::Inconclusive) => Self::Inconclusive,
                (Self::Waived, _) | (_, Self::Waived) => Self::Waived,
                (Self::Pass, _) | (_, Self::Pass) => Self::Pass,
                (Self::NotApplicable, Self::NotApplicable) => Self::NotApplicable,
            };
        }
        sum
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::NotApplicable => "not applicable",
            Self::Waived => "waived",
        })
    }
}

/// A check with its knobs set, ready to run. Built by the registry.
pub trait Bound: Send + Sync {
    fn about(&self) -> &'static About;
    fn asks(&self, target: &Target, seen: &Evidence) -> Vec<Ask>;
    fn reserves(&self, target: &Target) -> Vec<Reserve>;
    fn leaves_free(&self, target: &Target, ask: &Ask) -> Free;
    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict;
    /// The knobs as JSON: what tells two bindings of one check apart.
    fn knobs(&self) -> String;
}

impl<C: Check> Bound for C {
    fn about(&self) -> &'static About {
        const { &C::ABOUT }
    }

    fn asks(&self, target: &Target, seen: &Evidence) -> Vec<Ask> {
        Check::asks(self, target, seen)
    }

    fn reserves(&self, target: &Target) -> Vec<Reserve> {
        Check::reserves(self, target)
    }

    fn leaves_free(&self, target: &Target, ask: &Ask) -> Free {
        Check::leaves_free(self, target, ask)
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        Check::judge(self, target, evidence)
    }

    fn knobs(&self) -> String {
        // Knobs are plain data; were they not, the rule would only look unchanged.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// One line of the registry.
pub struct Module {
    pub about: &'static About,
    /// Reads the item's knobs; `Null` means the defaults.
    pub bind: fn(&serde_json::Value) -> Result<Box<dyn Bound>, serde_json::Error>,
    /// The default knobs, as `policy.yaml` ships them.
    pub knobs: fn() -> serde_json::Value,
    /// The JSON Schema of the knobs.
    pub schema: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
}

impl Module {
    pub const fn of<C: Check>() -> Self {
        Self {
            about: const { &C::ABOUT },
            bind: |knobs| match knobs {
                serde_json::Value::Null => Ok(Box::new(C::default())),
                knobs => C::deserialize(knobs).map(|check| Box::new(check) as Box<dyn Bound>),
            },
            knobs: || serde_json::to_value(C::default()).unwrap_or_default(),
            schema: |generator| generator.subschema_for::<C>(),
        }
    }
}

#[cfg(test)]
mod tests;
