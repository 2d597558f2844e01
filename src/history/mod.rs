//! The history: stored runs, behind one small trait so that another database can follow.

pub mod facts;
pub mod store;

use futures_util::future::BoxFuture;

use crate::evidence::history::Runs;
use crate::report::Report;
use crate::target::Target;

/// Where finished runs are kept.
pub trait Store: Send + Sync {
    /// The earlier runs of a target, oldest first.
    fn earlier<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Runs, Failure>>;

    /// Keeps a finished run, whole or not at all.
    fn keep<'a>(&'a self, run: &'a Finished<'a>) -> BoxFuture<'a, Result<(), Failure>>;
}

/// What is kept of a run.
pub struct Finished<'a> {
    pub report: &'a Report,
    pub recording: &'a crate::evidence::Recording,
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
}
