//! `replay`: recorded evidence, judged again as of the day it was taken.

use std::path::PathBuf;

use clap::Args;

use super::{CheckArguments, Error, OutputArguments, PolicyArguments, audit, code, emit, setup};
use crate::evidence::Recording;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// What `watertight audit --evidence FILE` kept.
    #[arg(value_name = "EVIDENCE")]
    evidence: PathBuf,
    #[command(flatten)]
    policy: PolicyArguments,
    #[command(flatten)]
    checks: CheckArguments,
    #[command(flatten)]
    output: OutputArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    emit::agree(&arguments.output.formats, Some(&arguments.evidence))?;
    let shown = arguments.evidence.display();
    let text = std::fs::read_to_string(&arguments.evidence)
        .map_err(Error::file(format!("the evidence {shown} cannot be read")))?;
    let mut recording: Recording =
        serde_json::from_str(&text).map_err(Error::json(format!("{shown} is not evidence that this version reads")))?;
    if recording.version != Recording::VERSION {
        return Err(Error::Usage(format!(
            "{shown} has version {} of the evidence format; this version reads {}",
            recording.version,
            Recording::VERSION
        )));
    }
    // No key signs evidence: whoever can write the file can change what it says.
    emit::note(&format!(
        "{shown} is taken at its word; keep it, or its SHA-256 ({}), where nobody can change it",
        crate::policy::file::sha256(&text)
    ));
    if let Some(file) = &arguments.policy.policy {
        // Waivers that were too long on the day of the evidence are refused as of that day.
        let today = recording.run.taken_at.date_naive();
        recording.policy = setup::named(file, arguments.policy.policy_sha256.as_deref(), today)?;
    }
    arguments.checks.agree(&recording.policy.exec)?;
    let drift = recording.drift.take().filter(|_| arguments.policy.policy.is_none());
    let mut report = audit::judged(&recording.policy, &recording, &|id| arguments.checks.wants(id))?;
    if let Some(drift) = drift {
        report.compared_before(drift);
    }
    let fail_on = arguments.output.fail_on.into();
    let ending = emit::Ending { outcome: report.outcome(fail_on), fail_on };
    let own = emit::report(&report, &arguments.output.formats, ending)?;
    Ok(own.unwrap_or(code(ending.outcome)))
}
