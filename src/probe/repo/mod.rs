//! Answers questions about the repository: by gix alone, opened isolated, with no git process and nothing of it run.

mod cache;
mod content;
mod delta;
mod dockerfile;
mod dotenv;
mod env;
mod folder;
mod forms;
mod gaps;
mod heads;
mod history;
mod ignore;
mod kept;
mod lines;
mod names;
mod narrow;
mod numbers;
mod open;
mod pack;
mod parallel;
mod place;
mod reach;
mod rules;
mod scan;
mod search;
mod shipping;
mod signature;
mod submodules;
mod sum;
mod survey;
mod tar;
mod tree;
mod trees;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use cache::folder as cache_folder;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use env::fuzz_assignments;

use rules::OwnRules;

use super::fingerprint::Key;
use super::secret::Secret;
use super::{Sink, World, pick};
use crate::evidence::repo::{Coverage, EnvFiles, EnvFilesAsk, IgnoredAsk, Leaks, Lines, ScopeAsk, SecretsAsk};
use crate::evidence::{Ask, Unseen};
use crate::target::{Extent, Target};

/// The questions of one round about one repository.
#[derive(Default)]
pub(super) struct Asks {
    scope: Vec<ScopeAsk>,
    secrets: Vec<SecretsAsk>,
    env: Vec<EnvFilesAsk>,
    ignored: Vec<IgnoredAsk>,
    lines: Vec<Lines>,
}

impl Asks {
    pub(super) fn of(asks: &BTreeSet<Ask>) -> Self {
        Self {
            scope: pick(asks, |ask| if let Ask::Scope(ask) = ask { Some(ask) } else { None }),
            secrets: pick(asks, |ask| if let Ask::Secrets(ask) = ask { Some(ask) } else { None }),
            env: pick(asks, |ask| if let Ask::EnvFiles(ask) = ask { Some(ask) } else { None }),
            ignored: pick(asks, |ask| if let Ask::Ignored(ask) = ask { Some(ask) } else { None }),
            lines: pick(asks, |ask| if let Ask::Lines(ask) = ask { Some(ask) } else { None }),
        }
    }

    fn is_empty(&self) -> bool {
        self.scope.is_empty()
            && self.secrets.is_empty()
            && self.env.is_empty()
            && self.ignored.is_empty()
            && self.lines.is_empty()
    }
}

/// Everything that one walk over a repository shows.
pub struct Scan {
    pub coverage: Coverage,
    pub leaks: Leaks,
    pub env: EnvFiles,
    /// The values of leaked secrets, by fingerprint: for the vault alone.
    values: Vec<(String, Secret)>,
}

/// Reads a repository or a folder whole: what `scan PATH` shows. `cancel` ends it early; what was not read is then a
/// gap of the coverage.
pub fn scan(path: &Path, key: &Key, cancel: &Arc<AtomicBool>, most: Duration) -> Result<Scan, Unseen> {
    let settings = Settings { key, cache: None, values: true, rules: None };
    scan::scan(&open::open(path)?, &settings, &Budget::new(Arc::clone(cancel), most))
}

/// How a repository is read.
pub(super) struct Settings<'a> {
    key: &'a Key,
    /// Where findings are kept for the next run.
    cache: Option<&'a Path>,
    /// Whether the values themselves are needed, to try them: no cache has them.
    values: bool,
    /// The user's own, beside ours.
    rules: Option<&'a OwnRules>,
}

/// When to stop.
pub(super) struct Budget {
    cancel: Arc<AtomicBool>,
    until: Instant,
}

impl Budget {
    fn new(cancel: Arc<AtomicBool>, most: Duration) -> Self {
        Self { cancel, until: Instant::now() + most }
    }

    fn is_spent(&self) -> bool {
        self.cancel.load(Ordering::Relaxed) || Instant::now() >= self.until
    }
}

/// Ends the blocking work when the waiting for it ends.
struct Cancel(Arc<AtomicBool>);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(super) async fn answer(world: &World, target: &Target, asks: Asks, own: Duration, sink: &Sink) {
    if asks.is_empty() {
        return;
    }
    let Some(repository) = &target.repository else { return };
    let cancel = Cancel(Arc::default());
    // Before the time is up, so that what was read until then is still told.
    let most = own.min(world.time_left()) * 9 / 10;
    // Ignore rules and lines first: they are quick, and an interruption keeps them.
    let (quick, whole) = (
        blocking(repository.path.clone(), &cancel, most, {
            let (ignored, lines) = (asks.ignored.clone(), asks.lines.clone());
            move |path, budget| {
                if ignored.is_empty() && lines.is_empty() {
                    return Ok((Vec::new(), Vec::new()));
                }
                let found = &open::open(path)?;
                let ignored: Vec<_> = ignored.iter().map(|ask| ignore::answer(found, ask)).collect();
                let lines: Vec<_> = lines.iter().map(|ask| lines::find(found, ask, budget)).collect();
                Ok((ignored, lines))
            }
        }),
        async {
            if asks.scope.is_empty() && asks.secrets.is_empty() && asks.env.is_empty() {
                return None;
            }
            let (key, cache, values) = (world.vault.key(), world.cache.clone(), target.deployment.is_some());
            let gitleaks = repository.gitleaks.clone();
            let extent = repository.extent;
            let work = move |path: &Path, budget: &Budget| {
                let own = gitleaks.as_deref().map(OwnRules::read).transpose()?;
                let settings = Settings { key: &key, cache: cache.as_deref(), values, rules: own.as_ref() };
                match extent {
                    Extent::Whole => scan::scan(&open::open(path)?, &settings, budget),
                    Extent::Staged => narrow::staged(path, &settings),
                    Extent::File => narrow::file(path, &settings, budget),
                }
            };
            Some(blocking(repository.path.clone(), &cancel, most, work).await)
        },
    );
    match quick.await {
        Ok((ignored, lines)) => {
            for (ask, answer) in asks.ignored.iter().zip(ignored) {
                sink.put(ask, answer);
            }
            for (ask, answer) in asks.lines.iter().zip(lines) {
                sink.put(ask, answer);
            }
        }
        Err(unseen) => {
            for ask in &asks.ignored {
                sink.put(ask, Err(unseen.clone()));
            }
            for ask in &asks.lines {
                sink.put(ask, Err(unseen.clone()));
            }
        }
    }
    let Some(whole) = whole.await else { return };
    // Only a deployment can be asked whether it takes a leaked secret.
    if let (Ok(scan), true) = (&whole, target.deployment.is_some()) {
        for (fingerprint, secret) in &scan.values {
            world.vault.keep_leaked(fingerprint, secret.clone());
        }
    }
    for ask in &asks.scope {
        sink.put(ask, whole.as_ref().map(|scan| scan.coverage.clone()).map_err(Clone::clone));
    }
    for ask in &asks.secrets {
        sink.put(ask, whole.as_ref().map(|scan| scan.leaks.clone()).map_err(Clone::clone));
    }
    for ask in &asks.env {
        if repository.extent != Extent::Whole {
            let why = "only a part of the repository was in question (--staged, or one file)";
            sink.put(ask, Err::<EnvFiles, _>(Unseen::NotConfigured(why.into())));
            continue;
        }
        sink.put(ask, whole.as_ref().map(|scan| scan.env.clone()).map_err(Clone::clone));
    }
}

async fn blocking<T: Send + 'static>(
    path: std::path::PathBuf,
    cancel: &Cancel,
    most: Duration,
    work: impl FnOnce(&Path, &Budget) -> Result<T, Unseen> + Send + 'static,
) -> Result<T, Unseen> {
    let budget = Budget::new(Arc::clone(&cancel.0), most);
    tokio::task::spawn_blocking(move || work(&path, &budget))
        .await
        .unwrap_or_else(|_| Err(Unseen::Bug("reading the repository broke off".into())))
}

fn bounded(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

#[cfg(test)]
mod tests;
