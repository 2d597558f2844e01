//! `checks` and `explain`: folds over the registry.

use std::fmt::Write as _;

use clap::Args;

use super::{Error, emit};
use crate::check::{DecidedFrom, Module};
use crate::checks::ALL;
use crate::policy::shipped;
use crate::report::checklist::{BOXES, STATEMENTS};

#[derive(Args, Debug)]
pub(super) struct ListArguments {
    /// As JSON, with each check's knobs at their defaults.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub(super) struct ExplainArguments {
    /// The check, as `watertight checks` lists it.
    check: String,
}

pub(super) fn list(arguments: &ListArguments) -> Result<u8, Error> {
    if arguments.json {
        let list: Vec<serde_json::Value> = ALL
            .iter()
            .map(|module| {
                serde_json::json!({
                    "id": module.about.id,
                    "title": module.about.title,
                    "severity": module.about.severity,
                    "statements": module.about.statements,
                    "attestable": module.about.attestable,
                    "knobs": (module.knobs)(),
                })
            })
            .collect();
        emit::print(&crate::report::json::pretty(&list).map_err(Error::json("the list"))?)?;
        return Ok(0);
    }
    let width = ALL.iter().map(|module| module.about.id.len()).max().unwrap_or_default();
    let mut text = String::new();
    for module in ALL {
        let about = module.about;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:width$}  {:8}  {}", about.id, about.severity.to_string(), about.title);
    }
    emit::print(&text)?;
    Ok(0)
}

pub(super) fn explain(arguments: &ExplainArguments) -> Result<u8, Error> {
    let Some(module) = ALL.iter().find(|module| module.about.id == arguments.check) else {
        return Err(Error::Usage(format!(
            "there is no check `{}`; `watertight checks` lists them",
            crate::report::escape::terminal(&arguments.check)
        )));
    };
    emit::print(&explanation(module))?;
    Ok(0)
}

fn explanation(module: &Module) -> String {
    let about = module.about;
    let mut text = format!("{}: {}\n\n", about.id, about.title);
    let _ = writeln!(text, "severity      {}", about.severity);
    let decided = match about.decided_from {
        DecidedFrom::Deployment => "the deployment",
        DecidedFrom::Repository => "the repository",
        DecidedFrom::Both => "the deployment and the repository",
    };
    let _ = writeln!(text, "decided from  {decided}");
    let attestable = if about.attestable { "may decide it where nothing measured does" } else { "does not decide it" };
    let _ = writeln!(text, "attestation   {attestable}");
    for tick in BOXES.iter().filter(|tick| tick.checks.contains(&about.id)) {
        let _ = writeln!(text, "box {:<9} {}", tick.number, tick.text);
    }
    for statement in STATEMENTS.iter().filter(|statement| about.statements.contains(&statement.id)) {
        let _ = writeln!(text, "{:13} {}", statement.id, statement.text);
    }
    let _ = write!(text, "\nRemedy\n  {}\n", about.remediation);
    if !about.references.is_empty() {
        text.push_str("\nReferences\n");
        for reference in about.references {
            let _ = writeln!(text, "  {reference}");
        }
    }
    let _ = write!(text, "\nIn the policy, with the defaults\n  checks:\n");
    for line in shipped::block(module).lines() {
        let _ = writeln!(text, "  {line}");
    }
    text
}
