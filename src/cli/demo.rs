//! `--demo` and `selftest`: the embedded deployment and repository.

use clap::{Args, ValueEnum};

use super::{Error, emit};
use crate::demo::fault::CASES;
use crate::demo::{Demo, selftest};

/// Which of the two demos.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Kind {
    /// Breaks every one of the ten boxes.
    Leaky,
    /// Keeps every one.
    Sound,
}

/// Instead of a target of one's own.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct DemoArguments {
    /// Look at the embedded deployment and repository: `leaky` (the default) breaks every box, `sound` keeps every one.
    /// They run on loopback, on addresses and ports of their own, with a rate window of seconds instead of a minute.
    #[arg(
        long,
        value_name = "KIND",
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "leaky",
        conflicts_with_all = [
            "policy", "targets", "url", "endpoints", "token_env", "origins", "repo", "hosts", "ca", "authorised_by",
        ]
    )]
    pub(super) demo: Option<Kind>,
}

pub(super) async fn start(kind: Kind) -> Result<Demo, Error> {
    let starting = match kind {
        Kind::Leaky => crate::demo::leaky().await,
        Kind::Sound => crate::demo::sound().await,
    };
    starting.map_err(|error| Error::Usage(format!("the demo cannot start: {error:#}")))
}

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Only the faults that concern this check (repeatable).
    #[arg(long = "check", value_name = "ID")]
    only: Vec<String>,
}

pub(super) fn selftest(arguments: &Arguments) -> Result<u8, Error> {
    let checks = |case: &selftest::Case| case.fells.iter().chain(case.blinds).copied().collect::<Vec<_>>();
    for id in &arguments.only {
        if !CASES.iter().any(|case| checks(case).contains(&id.as_str())) {
            return Err(Error::Usage(format!("no fault concerns a check `{id}`; `watertight checks` lists them")));
        }
    }
    let wanted = |case: &selftest::Case| {
        arguments.only.is_empty() || checks(case).iter().any(|id| arguments.only.iter().any(|only| only == id))
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Error::file("the selftest cannot start"))?;
    let mut tell = |line: &str| {
        // A reader that went away ends the lines, not the test.
        let _ = emit::print(&format!("{line}\n"));
    };
    let tally = runtime
        .block_on(selftest::run(&wanted, &mut tell))
        .map_err(|error| Error::Usage(format!("the selftest cannot run: {error:#}")))?;
    Ok(u8::from(!tally.is_clean()))
}
