//! `scan`: the audit of a repository's secrets alone, whole or only as far as the next commit or one file goes.

use std::path::PathBuf;

use clap::Args;

use super::audit::{self, HistoryArguments};
use super::{CheckArguments, Error, MAX_TIME, OutputArguments, PolicyArguments, TargetArguments};
use crate::target::{Extent, Scope};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The repository, a folder, or one file.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Read only what the next commit would add or change: the index, not the work tree and not the history.
    #[arg(long)]
    staged: bool,
    #[command(flatten)]
    policy: PolicyArguments,
    #[command(flatten)]
    checks: CheckArguments,
    #[command(flatten)]
    output: OutputArguments,
}

/// The one check that part of a repository can decide.
const OF_A_PART: &str = "secrets-committed";

pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    let extent = match (arguments.staged, arguments.path.is_file()) {
        (true, true) => {
            return Err(Error::Usage("--staged reads an index: name the repository, not one of its files".into()));
        }
        (true, false) => Extent::Staged,
        (false, true) => Extent::File,
        (false, false) => Extent::Whole,
    };
    audit::run(&audit::Arguments {
        policy: arguments.policy.clone(),
        target: TargetArguments {
            repo: Some(arguments.path.clone()),
            scope: Some(Scope::Repository),
            extent,
            ..TargetArguments::default()
        },
        checks: family(arguments, extent)?,
        output: arguments.output.clone(),
        evidence: None,
        max_time: MAX_TIME,
        scheduled: false,
        new_only: false,
        history: HistoryArguments { history: None, no_history: true },
    })
}

/// The checks on secrets. Those that need the policy's registers come with a policy.
fn family(arguments: &Arguments, extent: Extent) -> Result<CheckArguments, Error> {
    let mut checks = arguments.checks.clone();
    match extent {
        Extent::Whole if checks.only.is_empty() => {
            checks.only = ["secrets-committed", "env-files", "gitignore", "incident-record"].map(Into::into).to_vec();
            if arguments.policy.policy.is_some() {
                checks.only.extend(["secret-rotation", "secret-reuse"].map(String::from));
            }
        }
        Extent::Whole => {}
        Extent::Staged | Extent::File => {
            if checks.only.iter().any(|id| id != OF_A_PART) {
                return Err(Error::Usage(format!(
                    "of one file, or of what is staged, only {OF_A_PART} can be decided: the other checks need the whole repository"
                )));
            }
            checks.only = vec![OF_A_PART.into()];
        }
    }
    Ok(checks)
}
