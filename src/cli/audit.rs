//! `audit`, the main job.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use chrono::Utc;
use clap::Args;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::{
    CheckArguments, Error, INTERRUPTED, MAX_TIME, OutputArguments, PolicyArguments, TargetArguments, code, demo, emit,
    setup,
};
use crate::evidence::{Recording, Run};
use crate::history::store::{File, own_path};
use crate::history::{Finished, Store};
use crate::period::Period;
use crate::policy::Policy;
use crate::probe::World;
use crate::probe::fingerprint::Key;
use crate::probe::secret::Vault;
use crate::report::Report;
use crate::report::drift::Ledger;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) policy: PolicyArguments,
    #[command(flatten)]
    pub(super) target: TargetArguments,
    #[command(flatten)]
    pub(super) checks: CheckArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
    /// Keep what was seen, for `watertight replay`. No secret is in it.
    #[arg(long, value_name = "FILE")]
    pub(super) evidence: Option<PathBuf>,
    /// Stop gathering after this time; what was not seen until then is not passed.
    #[arg(long, value_name = "PERIOD", default_value_t = MAX_TIME)]
    pub(super) max_time: Period,
    /// Mark the run as scheduled: later runs take it as proof that the schedule is kept.
    #[arg(long)]
    pub(super) scheduled: bool,
    /// Let only findings make the exit code 1 that were not there at the last complete run of the same targets and policy.
    /// They are all shown; each says how it stands.
    #[arg(long, conflicts_with = "no_history")]
    pub(super) new_only: bool,
    #[command(flatten)]
    pub(super) history: HistoryArguments,
}

#[derive(Args, Clone, Debug, Default)]
pub(super) struct HistoryArguments {
    /// Where runs are kept [default: watertight/history.sqlite under XDG_STATE_HOME or ~/.local/state].
    #[arg(long, value_name = "FILE", conflicts_with = "no_history")]
    pub(super) history: Option<PathBuf>,
    /// Neither look at earlier runs nor keep this one.
    #[arg(long)]
    pub(super) no_history: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    emit::agree(&arguments.output.formats, arguments.evidence.as_deref())?;
    let runtime = demo::runtime()?;
    let Some(kind) = arguments.target.demo else {
        let policy = setup::policy(&arguments.policy, &arguments.target)?;
        arguments.checks.agree(&policy.exec)?;
        let history = runtime.block_on(history(&arguments.history));
        let scene = Scene {
            policy: &policy,
            vault: vault(&policy),
            earlier: history.clone().map(|file| Box::new(file) as Box<dyn Store>),
            keep: history,
            cache: crate::probe::repo::cache_folder(),
        };
        return conduct(runtime, scene, arguments);
    };
    emit::note(demo::SHORT_WINDOW);
    let demo = runtime.block_on(kind.start())?;
    arguments.checks.agree(&demo.policy.exec)?;
    let vault = vault(&demo.policy);
    demo.prepare(&vault);
    let mut policy = demo.policy.clone();
    if let Some(scope) = arguments.target.scope {
        policy.targets.iter_mut().for_each(|target| target.scope = scope);
    }
    // The demo has a history of its own and leaves none behind.
    let scene = Scene { policy: &policy, vault, earlier: Some(demo.history()), keep: None, cache: None };
    conduct(runtime, scene, arguments)
}

/// With the key of fingerprints that the policy names; where it cannot be had, with one for this run alone, whose
/// fingerprints equal nobody's.
fn vault(policy: &Policy) -> Vault {
    if let Some(notice) = Key::notice(&policy.fingerprint_key) {
        emit::note(&notice);
    }
    match Key::load(&policy.fingerprint_key) {
        Ok(key) => Vault::with_key(key),
        Err(error) => {
            emit::note(&format!("{error}; the fingerprints of this run compare with no other's"));
            Vault::default()
        }
    }
}

/// What one audit works on.
struct Scene<'a> {
    policy: &'a Policy,
    vault: Vault,
    /// Where earlier runs are read.
    earlier: Option<Box<dyn Store>>,
    /// Where this run is kept.
    keep: Option<File>,
    /// Where what repositories hold is kept for the next run.
    cache: Option<PathBuf>,
}

fn conduct(runtime: Runtime, scene: Scene<'_>, arguments: &Arguments) -> Result<u8, Error> {
    let Scene { policy, vault, earlier, keep, cache } = scene;
    let wanted = |id: &str| arguments.checks.wants(id);
    let (stop, stopped) = watch::channel(false);
    let interruption = stopped.clone();
    let mut recording = runtime.block_on(async {
        tokio::spawn(interrupt(stop));
        let mut world = World::new(begin(policy, arguments), vault, arguments.max_time.duration(), stopped);
        world.history = earlier;
        world.cache = cache;
        let bar = progress();
        if let Some(bar) = bar.clone() {
            world.progress = Box::new(move |message| bar.set_message(crate::report::escape::terminal(message)));
        }
        let recording = crate::audit::gather(policy, &world, &wanted).await;
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        recording
    });
    let mut report = judged(policy, &recording, &wanted)?;
    let ledgers = match &keep {
        Some(history) => compared(&runtime, history, policy, &mut report),
        None => Vec::new(),
    };
    recording.drift.clone_from(&report.drift);
    if let Some(file) = &arguments.evidence {
        let text = serde_json::to_string(&recording).map_err(Error::json("the evidence"))?;
        emit::write(file, &text)?;
    }
    if let Some(history) = keep {
        let kept =
            runtime.block_on(history.keep(&Finished { report: &report, recording: &recording, ledgers: &ledgers }));
        if let Err(failure) = kept {
            emit::note(&format!("this run was not kept: {failure}"));
        }
    }
    // A blocked thread of a probe must not hold the process after the report.
    runtime.shutdown_timeout(Duration::from_millis(200));
    let fail_on = arguments.output.fail_on.into();
    let outcome = if arguments.new_only { report.outcome_of_new(fail_on) } else { report.outcome(fail_on) };
    let own = emit::report(&report, &arguments.output.formats, emit::Ending { outcome, fail_on })?;
    if *interruption.borrow() {
        return Ok(INTERRUPTED);
    }
    Ok(own.unwrap_or(code(outcome)))
}

/// What changed since the last complete run, written into the report. A history that cannot be read is said to be so: no
/// finding counts as known then.
fn compared(runtime: &Runtime, history: &File, policy: &Policy, report: &mut Report) -> Vec<(String, Ledger)> {
    match runtime.block_on(crate::history::compare(history, policy, report)) {
        Ok(ledgers) => ledgers,
        Err(failure) => {
            report.notices.push(format!("what changed since the last run cannot be told: {failure}").into());
            Vec::new()
        }
    }
}

/// The report of a recording; also what `replay` prints.
pub(super) fn judged(policy: &Policy, recording: &Recording, wanted: &dyn Fn(&str) -> bool) -> Result<Report, Error> {
    let judged = crate::audit::judge(policy, recording, wanted).map_err(Error::json("the knobs of a check"))?;
    Ok(Report::of(policy, recording, &judged))
}

fn begin(policy: &Policy, arguments: &Arguments) -> Run {
    let now = Utc::now();
    let seed = random();
    let mut authorised: Vec<String> = policy
        .targets
        .iter()
        .filter_map(|target| target.deployment.as_ref()?.authorised.as_ref())
        .map(|authorised| match authorised.until {
            Some(until) => format!("{} until {until}", authorised.by),
            None => authorised.by.clone(),
        })
        .collect();
    authorised.dedup();
    Run {
        id: format!("{:016x}", random()),
        seed,
        taken_at: now,
        finished: now,
        complete: false,
        // A part of the checks is no audit.
        scheduled: arguments.scheduled && arguments.checks.is_whole(),
        vantage: "none".into(),
        authorised: (!authorised.is_empty()).then(|| authorised.join("; ")),
    }
}

/// Tells runs apart; nothing rests on nobody guessing it. `RandomState` is seeded by the operating system.
fn random() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    RandomState::new().build_hasher().finish()
}

/// The first interruption ends the gathering and keeps the report; the second one leaves at once.
async fn interrupt(stop: watch::Sender<bool>) {
    if interrupted().await {
        stop.send_replace(true);
        emit::note("interrupted: reporting what was seen (again to leave at once)");
        if interrupted().await {
            std::process::exit(130);
        }
    }
}

#[cfg(unix)]
async fn interrupted() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    // A container's stop is an interruption, too.
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return tokio::signal::ctrl_c().await.is_ok() };
    tokio::select! {
        ended = tokio::signal::ctrl_c() => ended.is_ok(),
        ended = terminate.recv() => ended.is_some(),
    }
}

#[cfg(not(unix))]
async fn interrupted() -> bool {
    tokio::signal::ctrl_c().await.is_ok()
}

async fn history(arguments: &HistoryArguments) -> Option<File> {
    if arguments.no_history {
        return None;
    }
    let path = arguments.history.clone().or_else(own_path)?;
    match File::open(&path).await {
        Ok(file) => Some(file),
        Err(failure) => {
            emit::note(&format!("earlier runs cannot be seen: {failure}"));
            None
        }
    }
}

/// A spinner, on a terminal only.
fn progress() -> Option<indicatif::ProgressBar> {
    if !std::io::stderr().is_terminal() {
        return None;
    }
    let bar = indicatif::ProgressBar::new_spinner();
    bar.set_message("auditing");
    bar.enable_steady_tick(Duration::from_millis(120));
    Some(bar)
}
