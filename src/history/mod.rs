//! The history: stored runs, behind one small trait so that another database can follow.

pub mod facts;
pub mod store;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

use crate::evidence::history::Runs;
use crate::report::drift::{Baseline, Ledger, Point};
use crate::report::{Report, Summary};
use crate::target::Target;

/// Where finished runs are kept.
pub trait Store: Send + Sync {
    /// The earlier runs of a target, oldest first.
    fn earlier<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Runs, Failure>>;

    /// Keeps a finished run, whole or not at all.
    fn keep<'a>(&'a self, run: &'a Finished<'a>) -> BoxFuture<'a, Result<(), Failure>>;

    /// What the last complete run of the whole checklist left behind about a target, under a policy of this name. Runs
    /// under a policy that was not trusted count only for one that is not, either.
    fn baseline<'a>(&'a self, of: &'a Scope<'a>) -> BoxFuture<'a, Result<Option<(Baseline, Ledger)>, Failure>>;

    /// The newest runs, newest first.
    fn runs(&self, most: u32) -> BoxFuture<'_, Result<Vec<Line>, Failure>>;

    /// The report of a run, by its id or an unambiguous beginning of it.
    fn report<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Report, Failure>>;

    /// The ledgers that a run left behind, by the key of their target.
    fn ledgers<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Vec<(String, Ledger)>, Failure>>;

    /// Drops all but the newest runs, and says how many went.
    fn prune(&self, keep: u32) -> BoxFuture<'_, Result<u64, Failure>>;
}

/// Whose earlier runs count.
pub struct Scope<'a> {
    pub target: &'a Target,
    pub policy: &'a str,
    pub trusted: bool,
}

/// One run in a list.
#[expect(clippy::struct_excessive_bools, reason = "four independent facts about one run")]
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub id: String,
    pub started: DateTime<Utc>,
    pub policy: String,
    pub complete: bool,
    /// Whether every check was asked.
    pub whole: bool,
    pub scheduled: bool,
    pub trusted: bool,
    /// A letter a box ([`crate::report::drift::letter`]).
    pub boxes: String,
    pub summary: Summary,
    /// The keys of its targets ([`key`]), sorted.
    pub targets: Vec<String>,
}

impl Line {
    /// Whether the two can stand in one trend: the whole checklist, on the same targets, under the same policy. Runs
    /// under a policy that was not trusted stand only with their like.
    pub fn is_like(&self, newer: &Self) -> bool {
        self.belongs(&newer.policy, &newer.targets, newer.trusted)
    }

    fn belongs(&self, policy: &str, targets: &[String], trusted: bool) -> bool {
        self.complete && self.whole && self.policy == policy && self.targets == targets && (self.trusted || !trusted)
    }
}

/// Runs of the trend at most, this one included.
const TREND: usize = 40;

/// Compares the report with the run before, writes what changed into it, and gives the ledgers to keep with the run.
pub async fn compare(
    store: &dyn Store,
    policy: &crate::policy::Policy,
    report: &mut Report,
) -> Result<Vec<(String, Ledger)>, Failure> {
    let mut baseline: Option<Baseline> = None;
    let (mut changes, mut ledgers) = (Vec::new(), Vec::new());
    for target in &policy.targets {
        let scope = Scope { target, policy: report.policy.name.data(), trusted: report.policy.trusted };
        let before = store.baseline(&scope).await?;
        let ledger = match before {
            Some((of, ledger)) => {
                if baseline.as_ref().is_none_or(|known| known.started < of.started) {
                    baseline = Some(of);
                }
                ledger
            }
            None => Ledger::default(),
        };
        let (next, changed) = ledger.after(report, &target.name);
        changes.extend(changed);
        ledgers.push((key(target), next));
    }
    let (name, trusted) = (report.policy.name.data().to_owned(), report.policy.trusted);
    let mut targets: Vec<String> = policy.targets.iter().map(key).collect();
    targets.sort();
    let mut trend: Vec<Point> = store
        .runs(TRENDING)
        .await?
        .into_iter()
        .filter(|line| line.belongs(&name, &targets, trusted))
        .take(TREND - 1)
        .map(|line| Point { run: line.id.into(), started: line.started, boxes: line.boxes })
        .collect();
    trend.reverse();
    report.compared(baseline, changes, trend);
    Ok(ledgers)
}

/// Runs that are looked through for the trend.
const TRENDING: u32 = 400;

/// What is kept of a run.
pub struct Finished<'a> {
    pub report: &'a Report,
    pub recording: &'a crate::evidence::Recording,
    /// What [`compare`] gave, by the key of the target.
    pub ledgers: &'a [(String, Ledger)],
}

/// Why the history could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("the history {file}: {source}")]
    Database { file: String, source: sqlx::Error },
    #[error("the history {file}: {source}")]
    Directory { file: String, source: std::io::Error },
    #[error("the history {file} holds a run that cannot be read: {source}")]
    Row { file: String, source: serde_json::Error },
    #[error("the history {file} holds no run `{id}`: `watertight history` lists those that there are")]
    NoSuchRun { file: String, id: String },
    #[error("{count} runs of the history {file} begin with `{id}`: give more of the id")]
    Ambiguous { file: String, id: String, count: usize },
    #[error("the history {file} was written by a newer version ({version}) of watertight")]
    Newer { file: String, version: i64 },
}

/// Which target a stored run is about: the name alone would mix up two policies that both say `production`, so what
/// it points at belongs to it.
pub fn key(target: &Target) -> String {
    let place = match (&target.deployment, &target.repository) {
        (Some(deployment), _) => deployment.origin(),
        (None, Some(repository)) => repository.path.display().to_string(),
        (None, None) => String::new(),
    };
    format!("{} {place}", target.name)
}

/// Runs held in memory: for the embedded deployment and for tests.
#[derive(Default)]
pub struct Memory(pub Runs);

impl Store for Memory {
    fn earlier<'a>(&'a self, _target: &'a Target) -> BoxFuture<'a, Result<Runs, Failure>> {
        Box::pin(async { Ok(self.0.clone()) })
    }

    fn keep<'a>(&'a self, _run: &'a Finished<'a>) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }

    fn baseline<'a>(&'a self, _of: &'a Scope<'a>) -> BoxFuture<'a, Result<Option<(Baseline, Ledger)>, Failure>> {
        Box::pin(async { Ok(None) })
    }

    fn runs(&self, _most: u32) -> BoxFuture<'_, Result<Vec<Line>, Failure>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn report<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async { Err(Failure::NoSuchRun { file: "(memory)".into(), id: id.to_owned() }) })
    }

    fn ledgers<'a>(&'a self, _id: &'a str) -> BoxFuture<'a, Result<Vec<(String, Ledger)>, Failure>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn prune(&self, _keep: u32) -> BoxFuture<'_, Result<u64, Failure>> {
        Box::pin(async { Ok(0) })
    }
}
