//! `--demo` and `selftest`: the embedded deployment and repository.

use clap::{Args, ValueEnum};
use tokio::runtime::Runtime;

use super::{Error, emit};
use crate::demo::{self, Demo, selftest};

/// Which embedded deployment.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Kind {
    /// Every one of the ten boxes is broken.
    Leaky,
    /// Every one of them is kept.
    Sound,
}

#[derive(Args, Debug)]
pub(super) struct SelftestArguments {
    /// Only the faults that concern this check (repeatable).
    #[arg(long = "check", value_name = "ID")]
    checks: Vec<String>,
}

/// Said with every demo: its figures are not those of a real audit.
pub(super) const SHORT_WINDOW: &str =
    "the demo uses a short rate window, so that it takes seconds; its services listen on loopback only";

impl Kind {
    pub(super) async fn start(self) -> Result<Demo, Error> {
        let started = match self {
            Self::Leaky => demo::leaky().await,
            Self::Sound => demo::sound().await,
        };
        started.map_err(|error| Error::Usage(format!("the embedded deployment cannot be started: {error:#}")))
    }
}

pub(super) fn runtime() -> Result<Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::file("this cannot be started"))
}

pub(super) fn selftest(arguments: &SelftestArguments) -> Result<u8, Error> {
    let chosen = super::CheckArguments { only: arguments.checks.clone(), skip: Vec::new() };
    chosen.agree(&[])?;
    let wanted = |case: &demo::fault::Case| {
        arguments.checks.is_empty() || case.fells.iter().chain(case.blinds).any(|check| chosen.wants(check))
    };
    let mut tell = |line: &str| {
        // A reader that went away ends the telling, not the test.
        let _ = emit::print(&format!("{}\n", crate::report::escape::lines(line)));
    };
    let tally = runtime()?
        .block_on(selftest::run(&wanted, &mut tell))
        .map_err(|error| Error::Usage(format!("the selftest cannot be run: {error:#}")))?;
    Ok(u8::from(!tally.is_clean()))
}
