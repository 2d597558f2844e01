//! `--demo` and `selftest`: the embedded deployment and repository.

use std::time::Duration;

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

/// More than connections that the HTTP library reads at a time: plain requests run eight at a time for each target,
/// services, metrics and logs are read beside them.
const WORKERS: usize = 24;

pub(super) fn runtime() -> Result<Runtime, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(Error::file("this cannot be started"))?;
    // A flood of interim (1xx) answers keeps the thread that reads it busy for seconds, and the thread that was woken for
    // it may be the one that minds the timers. A task from outside wakes another one to do so: no deadline is missed.
    let handle = runtime.handle().clone();
    let minding = move || loop {
        std::thread::sleep(Duration::from_millis(100));
        drop(handle.spawn(std::future::ready(())));
    };
    std::thread::Builder::new().name("minding".into()).spawn(minding).map_err(Error::file("this cannot be started"))?;
    Ok(runtime)
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
