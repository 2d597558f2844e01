//! Questions about what the repository's own files say of ports, agents and alerts. The answers are facts with their
//! file and line, never the files' contents.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Question;
use crate::seen_as;
use crate::target::{Reach, Target};

/// What the files of the work tree say about one subject.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Manifests {
    pub about: Subject,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// LLM servers published beyond their machine: compose, Kubernetes, Helm, units, scripts, Terraform.
    Exposure,
    /// What agents may do unasked: settings of coding agents and lists of MCP servers.
    Agents,
    /// Alert rules: failed attempts, certificate expiry.
    Alerts,
}

impl Question for Manifests {
    seen_as!(Manifests => Found);

    fn ceiling(&self, _target: &Target) -> u32 {
        0
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn describe(&self) -> String {
        match self.about {
            Subject::Exposure => "LLM servers that the repository's manifests publish".into(),
            Subject::Agents => "what the repository's agent settings allow".into(),
            Subject::Alerts => "the repository's alert rules".into(),
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Found {
    /// Files that could say something about the subject and were read.
    pub files: u32,
    /// By file and line.
    pub marks: Vec<Mark>,
    /// What of the work tree could say something of weight and was not read, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
    /// What was left aside without harm: other people's code, files that are no manifests by their name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aside: Vec<String>,
}

/// One fact in one place.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Mark {
    /// Relative to the repository's root.
    pub file: String,
    pub line: Option<u32>,
    /// A stable word for the kind of fact.
    pub aspect: String,
    /// The fact: lower case, no full stop, never a secret.
    pub what: String,
    pub weight: Weight,
    /// How far what is published can be reached, where that is what the fact is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
}

impl Mark {
    /// The kind and the subject: one service, server or port is not another, though both stand in one file.
    pub fn subject(&self) -> String {
        format!("{} {}", self.aspect, self.what)
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    Fault,
    /// Whether it is a fault hangs on something that could not be read: a variable, a template, another file.
    Unread,
    Note,
}
