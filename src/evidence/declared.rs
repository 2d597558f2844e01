//! What the policy declares beside its targets: statements of people, shown as such and never as measured.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::target::Environment;

/// What checks may know of the policy beside their own knobs and target.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Declared {
    pub rotations: Vec<Rotation>,
    pub incidents: Vec<Incident>,
    /// Every target of the policy: name and environment.
    pub environments: Vec<(String, Environment)>,
    /// The policy's file name, for places.
    pub policy_file: String,
}

/// One entry of the rotation register.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rotation {
    /// The secret's name: the environment variable or file that holds it.
    pub name: String,
    pub environment: Environment,
    /// The day of the last rotation.
    pub on: NaiveDate,
    /// The keyed fingerprint of the value since then, as `watertight fingerprint` prints it: `KEYID:HEX`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Line in the policy or the register.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub line: Option<u32>,
}

impl Rotation {
    /// What later runs remember of the entry: `rotation production NAME` and `YYYY-MM-DD FINGERPRINT`.
    pub fn fact(&self) -> Option<(String, String)> {
        let fingerprint = self.fingerprint.as_ref()?;
        Some((self.fact_name(), format!("{} {fingerprint}", self.on)))
    }

    pub fn fact_name(&self) -> String {
        format!("rotation {} {}", self.environment, self.name)
    }
}

/// One record of a compromise and what was done.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Incident {
    /// The leaked secret: its name or its keyed fingerprint.
    pub secret: String,
    pub on: NaiveDate,
    /// The day it was rotated.
    #[serde(default)]
    pub rotated: Option<NaiveDate>,
    /// The systems that were updated.
    #[serde(default)]
    pub updated: Vec<String>,
    /// The day the logs were audited.
    #[serde(default)]
    pub logs_audited: Option<NaiveDate>,
    /// Where it is written down, when not here.
    #[serde(default)]
    pub record: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub line: Option<u32>,
}
