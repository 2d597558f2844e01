//! The policy as meant: defaults filled in, faults of meaning refused, trust decided.

pub mod attestation;
pub mod deployment;
pub mod document;
pub mod exec;
pub mod fault;
pub mod file;
pub mod import;
mod reader;
pub mod register;
pub mod schema;
pub mod shipped;
pub mod source;
pub mod trust;
pub mod waiver;
mod yaml;

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{Bound, Module};
use crate::checks::own::Own;
use crate::evidence::Declared;
use crate::evidence::declared::{Incident, Rotation};
use crate::target::Target;

/// The whole policy of one audit; part of the evidence, so that a replay judges by the same.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Policy {
    pub name: String,
    /// SHA-256 (hex) of the file as read; of the embedded policy where none was.
    pub sha256: String,
    pub source: Source,
    pub targets: Vec<Target>,
    pub rotations: Vec<Rotation>,
    pub incidents: Vec<Incident>,
    pub waivers: Vec<Waiver>,
    pub attestations: Vec<Attestation>,
    /// A waiver that ends later than this many days from now is refused as too long.
    pub max_waiver_days: u32,
    /// Checks that no waiver covers.
    pub unwaivable: Vec<String>,
    pub fingerprint_key: FingerprintKey,
    /// The policy's own `checks:`, for a target that only the command line describes.
    pub checks: BTreeMap<String, serde_json::Value>,
    /// The line of each check's block in the policy, where it has one.
    pub lines: BTreeMap<String, u32>,
    /// The written policy that this one was read from; `--format checklist` gives it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<document::Document>,
    /// The user's own checks: programs that the policy names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exec: Vec<exec::Definition>,
}

impl Policy {
    /// What the checks may know of it.
    pub fn declared(&self) -> Declared {
        Declared {
            rotations: self.rotations.clone(),
            incidents: self.incidents.clone(),
            environments: self.targets.iter().map(|target| (target.name.clone(), target.environment)).collect(),
            policy_file: self.source.file.clone(),
        }
    }

    /// The check with the knobs that this target sets; the policy was refused before if they cannot be read.
    pub fn bind(&self, module: &Module, target: &Target) -> Result<Box<dyn Bound>, serde_json::Error> {
        let knobs = target.checks.get(module.about.id).unwrap_or(&serde_json::Value::Null);
        (module.bind)(knobs)
    }

    /// The user's own checks that belong to this target, in the policy's order.
    pub fn own(&self, target: &Target) -> impl Iterator<Item = Box<dyn Bound>> {
        self.exec.iter().filter_map(|definition| Own::of(definition, target)).map(|own| Box::new(own) as Box<dyn Bound>)
    }
}

/// Where the policy came from, and whether it is trusted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Source {
    /// As the user wrote it; `(embedded)` for the shipped policy.
    pub file: String,
    /// False for a `./policy.yaml` that was found rather than named.
    pub trusted: bool,
    /// What distrust took away, for the report.
    pub withheld: Vec<String>,
    /// The registers in files of their own, and the SHA-256 of each: `--policy-sha256` does not pin them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub registers: Vec<String>,
}

/// An exception with an end.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Waiver {
    pub check: String,
    pub target: Option<String>,
    /// The place of the finding it covers (as the report prints it), or a finding's id.
    pub place: Option<String>,
    pub reason: String,
    pub owner: String,
    pub until: NaiveDate,
    pub covers: Covers,
    pub line: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Covers {
    #[default]
    Fail,
    Inconclusive,
    Any,
}

/// What only a person can say.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Attestation {
    pub check: String,
    pub target: Option<String>,
    pub by: String,
    pub on: NaiveDate,
    pub until: NaiveDate,
    pub statement: String,
    pub line: Option<u32>,
}

/// Where the key of the fingerprints comes from.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FingerprintKey {
    Env(String),
    File(PathBuf),
    /// The user's own key file, made on first use, mode 0600.
    #[default]
    Own,
    /// Random for this run; nothing can be compared over time.
    Ephemeral,
}
