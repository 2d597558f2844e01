//! Runs in an embedded SQLite file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::DateTime;
use futures_util::future::BoxFuture;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use super::{Failure, Finished, Store, facts, key};
use crate::evidence::history::{Past, Runs};
use crate::target::Target;

/// The version of the tables.
const VERSION: i64 = 1;
/// Earlier runs that an audit looks at: over a year of daily runs.
const EARLIER: i64 = 400;

/// The history in one file: WAL, one transaction a run.
#[derive(Clone)]
pub struct File {
    path: PathBuf,
    pool: SqlitePool,
}

impl File {
    /// Opens the file, and makes it (mode 0600 by its directory's 0700) where there is none.
    pub async fn open(path: &Path) -> Result<Self, Failure> {
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            make_private(directory)
                .map_err(|source| Failure::Directory { file: path.display().to_string(), source })?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // FULL: a finished run survives a loss of power, not only the end of the process.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10))
            .foreign_keys(true);
        let wrong = |source| Failure::Database { file: path.display().to_string(), source };
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.map_err(wrong)?;
        let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&pool).await.map_err(wrong)?;
        if version > VERSION {
            return Err(Failure::Newer { file: path.display().to_string(), version });
        }
        if version < VERSION {
            let mut transaction = pool.begin().await.map_err(wrong)?;
            for statement in TABLES {
                sqlx::query(statement).execute(&mut *transaction).await.map_err(wrong)?;
            }
            transaction.commit().await.map_err(wrong)?;
        }
        Ok(Self { path: path.to_owned(), pool })
    }

    fn wrong(&self, source: sqlx::Error) -> Failure {
        Failure::Database { file: self.path.display().to_string(), source }
    }

    fn unreadable(&self, source: serde_json::Error) -> Failure {
        Failure::Row { file: self.path.display().to_string(), source }
    }

    async fn read(&self, target: &Target) -> Result<Runs, Failure> {
        // A run under an untrusted policy proves nothing to a later one.
        let rows = sqlx::query(
            "SELECT run.id, run.finished, run.complete, run.scheduled, seen.facts, seen.statuses \
             FROM seen JOIN run ON run.id = seen.run WHERE seen.target = ? AND run.trusted \
             ORDER BY run.finished DESC, run.id DESC LIMIT ?",
        )
        .bind(key(target))
        .bind(EARLIER)
        .fetch_all(&self.pool)
        .await
        .map_err(|source| self.wrong(source))?;
        let mut runs = Vec::with_capacity(rows.len());
        for row in rows.iter().rev() {
            let finished: i64 = row.get("finished");
            runs.push(Past {
                id: row.get("id"),
                finished: DateTime::from_timestamp_millis(finished).unwrap_or_default(),
                complete: row.get("complete"),
                scheduled: row.get("scheduled"),
                facts: serde_json::from_str(row.get("facts")).map_err(|source| self.unreadable(source))?,
                statuses: serde_json::from_str(row.get("statuses")).map_err(|source| self.unreadable(source))?,
            });
        }
        Ok(Runs { runs })
    }

    async fn write(&self, finished: &Finished<'_>) -> Result<(), Failure> {
        let Finished { report, recording } = finished;
        let text = |value: Result<String, serde_json::Error>| value.map_err(|source| self.unreadable(source));
        let mut transaction = self.pool.begin().await.map_err(|source| self.wrong(source))?;
        sqlx::query(
            "INSERT OR REPLACE INTO run (id, started, finished, complete, scheduled, trusted, policy, report) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&report.run.id)
        .bind(report.run.started.timestamp_millis())
        .bind(report.run.finished.timestamp_millis())
        .bind(report.run.complete)
        .bind(report.run.scheduled)
        .bind(report.policy.trusted)
        .bind(&report.policy.sha256)
        .bind(text(serde_json::to_string(report))?)
        .execute(&mut *transaction)
        .await
        .map_err(|source| self.wrong(source))?;
        for record in &recording.targets {
            let Some(target) = recording.policy.targets.iter().find(|target| target.name == record.target) else {
                continue;
            };
            let statuses: std::collections::BTreeMap<&str, crate::check::Status> = report
                .results
                .iter()
                .filter(|result| result.target == record.target)
                .map(|result| (result.check.as_str(), result.status))
                .collect();
            sqlx::query("INSERT OR REPLACE INTO seen (run, target, facts, statuses) VALUES (?, ?, ?, ?)")
                .bind(&report.run.id)
                .bind(key(target))
                .bind(text(serde_json::to_string(&facts::facts(record)))?)
                .bind(text(serde_json::to_string(&statuses))?)
                .execute(&mut *transaction)
                .await
                .map_err(|source| self.wrong(source))?;
        }
        transaction.commit().await.map_err(|source| self.wrong(source))
    }
}

impl Store for File {
    fn earlier<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Runs, Failure>> {
        Box::pin(self.read(target))
    }

    fn keep<'a>(&'a self, run: &'a Finished<'a>) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.write(run))
    }
}

const TABLES: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS run (id TEXT PRIMARY KEY, started INTEGER NOT NULL, finished INTEGER NOT NULL, \
     complete INTEGER NOT NULL, scheduled INTEGER NOT NULL, trusted INTEGER NOT NULL, policy TEXT NOT NULL, \
     report TEXT NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS seen (run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE, target TEXT NOT NULL, \
     facts TEXT NOT NULL, statuses TEXT NOT NULL, PRIMARY KEY (target, run)) STRICT",
    "CREATE INDEX IF NOT EXISTS run_finished ON run (finished)",
    "PRAGMA user_version = 1",
];

/// Where the history is kept unless `--history` says otherwise (XDG Base Directory Specification: state).
pub fn own_path() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("watertight/history.sqlite"))
}

#[cfg(unix)]
fn make_private(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

#[cfg(not(unix))]
fn make_private(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)
}
