//! Questions about the repository.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Question;
use crate::seen_as;
use crate::target::Target;

/// what of the repository can be read
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct ScopeAsk {}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Coverage {}

impl Question for ScopeAsk {
    seen_as!(Scope => Coverage);

    fn ceiling(&self, _target: &Target) -> u32 {
        0
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn describe(&self) -> String {
        "what of the repository can be read".into()
    }
}

/// secrets in the work tree, the index and the whole history
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct SecretsAsk {}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Leaks {}

impl Question for SecretsAsk {
    seen_as!(Secrets => Leaks);

    fn ceiling(&self, _target: &Target) -> u32 {
        0
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn describe(&self) -> String {
        "secrets in the work tree, the index and the whole history".into()
    }
}

/// .env files
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct EnvFilesAsk {}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct EnvFiles {}

impl Question for EnvFilesAsk {
    seen_as!(EnvFiles => EnvFiles);

    fn ceiling(&self, _target: &Target) -> u32 {
        0
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn describe(&self) -> String {
        ".env files".into()
    }
}

/// what git ignores
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct IgnoredAsk {}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Ignored {}

impl Question for IgnoredAsk {
    seen_as!(Ignored => Ignored);

    fn ceiling(&self, _target: &Target) -> u32 {
        0
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn describe(&self) -> String {
        "what git ignores".into()
    }
}

/// lines of files
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Lines {
    /// Which files, as globs relative to the root.
    pub globs: Vec<String>,
    /// A regular expression that the line must match.
    pub pattern: String,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Matches {
    pub lines: Vec<Line>,
    /// How many files were looked at.
    pub files: u32,
}

/// One line that matches, masked and bounded.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Line {
    pub path: String,
    pub line: u32,
    pub text: String,
}

impl Question for Lines {
    seen_as!(Lines => Matches);

    fn ceiling(&self, _target: &Target) -> u32 {
        0
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn describe(&self) -> String {
        "lines of files".into()
    }
}
