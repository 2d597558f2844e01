//! Runs in an embedded SQLite file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use super::{Failure, Finished, Line, Scope, Store, facts, key};
use crate::checks::ALL;
use crate::evidence::history::{Past, Runs};
use crate::report::drift::{self, Baseline, Ledger};
use crate::report::{Report, Summary};
use crate::target::Target;

/// The version of the tables.
const VERSION: i64 = 2;
/// Earlier runs that an audit looks at: over a year of daily runs.
const EARLIER: i64 = 400;

/// The history in one file: WAL, one transaction a run.
#[derive(Clone)]
pub struct File {
    path: PathBuf,
    pool: SqlitePool,
}

impl File {
    /// Opens the file, and makes it (mode 0600, its directory 0700) where there is none: it tells where a deployment is
    /// weak. SQLite gives the files beside it the mode of the file.
    pub async fn open(path: &Path) -> Result<Self, Failure> {
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            make_private(directory)
                .map_err(|source| Failure::Directory { file: path.display().to_string(), source })?;
        }
        make_own(path).map_err(|source| Failure::Directory { file: path.display().to_string(), source })?;
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
            // Immediate: of two runs that start at once, the second one finds the tables made.
            let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.map_err(wrong)?;
            let version: i64 =
                sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await.map_err(wrong)?;
            for statement in STEPS.iter().skip(usize::try_from(version).unwrap_or(0)).copied().flatten() {
                sqlx::query(*statement).execute(&mut *transaction).await.map_err(wrong)?;
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
        let Finished { report, recording, ledgers } = finished;
        let text = |value: Result<String, serde_json::Error>| value.map_err(|source| self.unreadable(source));
        let mut transaction = self.pool.begin().await.map_err(|source| self.wrong(source))?;
        sqlx::query(
            "INSERT OR REPLACE INTO run (id, started, finished, complete, scheduled, trusted, policy, report, name, boxes, \
             whole, summary) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(report.run.id.data())
        .bind(report.run.started.timestamp_millis())
        .bind(report.run.finished.timestamp_millis())
        .bind(report.run.complete)
        .bind(report.run.scheduled)
        .bind(report.policy.trusted)
        .bind(report.policy.sha256.data())
        .bind(text(serde_json::to_string(report))?)
        .bind(report.policy.name.data())
        .bind(drift::boxes(report))
        .bind(is_whole(report))
        .bind(text(serde_json::to_string(&report.summary))?)
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
                .map(|result| (result.check.data(), result.status))
                .collect();
            sqlx::query("INSERT OR REPLACE INTO seen (run, target, facts, statuses, ledger) VALUES (?, ?, ?, ?, ?)")
                .bind(report.run.id.data())
                .bind(key(target))
                .bind(text(serde_json::to_string(&facts::facts(record, &recording.policy.rotations)))?)
                .bind(text(serde_json::to_string(&statuses))?)
                .bind(text(ledger(ledgers, target).map_or(Ok(String::new()), serde_json::to_string))?)
                .execute(&mut *transaction)
                .await
                .map_err(|source| self.wrong(source))?;
        }
        transaction.commit().await.map_err(|source| self.wrong(source))
    }
}

impl File {
    async fn last(&self, of: &Scope<'_>) -> Result<Option<(Baseline, Ledger)>, Failure> {
        let key = key(of.target);
        // By the index, newest first; the ledger is read of the one run that it is.
        let row = sqlx::query(
            "SELECT run.id, run.started, (SELECT ledger FROM seen WHERE seen.target = ?1 AND seen.run = run.id) AS ledger \
             FROM run WHERE run.name = ?2 AND run.complete AND run.whole AND (run.trusted OR NOT ?3) \
             AND EXISTS (SELECT 1 FROM seen WHERE seen.target = ?1 AND seen.run = run.id) \
             ORDER BY run.finished DESC, run.id DESC LIMIT 1",
        )
        .bind(&key)
        .bind(of.policy)
        .bind(of.trusted)
        .fetch_optional(&self.pool)
        .await
        .map_err(|source| self.wrong(source))?;
        let Some(row) = row else { return Ok(None) };
        let ledger: Option<&str> = row.get("ledger");
        // A run of an older version left none.
        let Some(ledger) = ledger.filter(|text| !text.is_empty()) else { return Ok(None) };
        let ledger = serde_json::from_str(ledger).map_err(|source| self.unreadable(source))?;
        Ok(Some((Baseline { run: row.get::<String, _>("id").into(), started: time(row.get("started")) }, ledger)))
    }

    async fn newest(&self, most: u32) -> Result<Vec<Line>, Failure> {
        let rows = sqlx::query(
            "SELECT id, started, name, complete, whole, scheduled, trusted, boxes, summary, \
             (SELECT json_group_array(target) FROM (SELECT target FROM seen WHERE seen.run = run.id ORDER BY target)) AS \
             targets FROM run ORDER BY finished DESC, id DESC LIMIT ?",
        )
        .bind(most)
        .fetch_all(&self.pool)
        .await
        .map_err(|source| self.wrong(source))?;
        rows.iter()
            .map(|row| {
                let summary: &str = row.get("summary");
                Ok(Line {
                    id: row.get("id"),
                    started: time(row.get("started")),
                    policy: row.get("name"),
                    complete: row.get("complete"),
                    whole: row.get("whole"),
                    scheduled: row.get("scheduled"),
                    trusted: row.get("trusted"),
                    boxes: row.get("boxes"),
                    targets: serde_json::from_str(row.get("targets")).map_err(|source| self.unreadable(source))?,
                    // A run of an older version has no summary of its own.
                    summary: if summary.is_empty() {
                        Summary::default()
                    } else {
                        serde_json::from_str(summary).map_err(|source| self.unreadable(source))?
                    },
                })
            })
            .collect()
    }

    /// The whole id of the one run that begins so.
    async fn find(&self, id: &str) -> Result<String, Failure> {
        let file = || self.path.display().to_string();
        // An upper bound instead of LIKE: `%` and `_` in what the user typed stay letters, and the index is used.
        let found: Vec<String> =
            sqlx::query_scalar("SELECT id FROM run WHERE id >= ?1 AND id < ?1 || char(1114111) LIMIT 3")
                .bind(id)
                .fetch_all(&self.pool)
                .await
                .map_err(|source| self.wrong(source))?;
        match found.as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(Failure::NoSuchRun { file: file(), id: id.to_owned() }),
            many => Err(Failure::Ambiguous { file: file(), id: id.to_owned(), count: many.len() }),
        }
    }

    async fn stored(&self, id: &str) -> Result<Report, Failure> {
        let id = self.find(id).await?;
        let text: String = sqlx::query_scalar("SELECT report FROM run WHERE id = ?")
            .bind(id)
            .fetch_one(&self.pool)
            .await
            .map_err(|source| self.wrong(source))?;
        serde_json::from_str(&text).map_err(|source| self.unreadable(source))
    }

    async fn left(&self, id: &str) -> Result<Vec<(String, Ledger)>, Failure> {
        let id = self.find(id).await?;
        let rows = sqlx::query("SELECT target, ledger FROM seen WHERE run = ?")
            .bind(id)
            .fetch_all(&self.pool)
            .await
            .map_err(|source| self.wrong(source))?;
        rows.iter()
            .filter_map(|row| {
                let ledger: Option<&str> = row.get("ledger");
                let ledger = serde_json::from_str(ledger.filter(|text| !text.is_empty())?);
                Some(ledger.map(|ledger| (row.get("target"), ledger)).map_err(|source| self.unreadable(source)))
            })
            .collect()
    }

    async fn drop_all_but(&self, keep: u32) -> Result<u64, Failure> {
        let gone =
            sqlx::query("DELETE FROM run WHERE id NOT IN (SELECT id FROM run ORDER BY finished DESC, id DESC LIMIT ?)")
                .bind(keep)
                .execute(&self.pool)
                .await
                .map_err(|source| self.wrong(source))?
                .rows_affected();
        if gone > 0 {
            // The rows are gone; this gives their room back.
            sqlx::query("VACUUM").execute(&self.pool).await.map_err(|source| self.wrong(source))?;
        }
        Ok(gone)
    }
}

fn time(milliseconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(milliseconds).unwrap_or_default()
}

/// Whether every check of the registry was judged on every target: a part of the checklist is no baseline.
fn is_whole(report: &Report) -> bool {
    let judged = |check: &str, target: &str| {
        report.results.iter().any(|result| result.check == check && result.target == target)
    };
    let targets: std::collections::BTreeSet<&str> = report.results.iter().map(|result| result.target.data()).collect();
    !targets.is_empty() && targets.iter().all(|target| ALL.iter().all(|module| judged(module.about.id, target)))
}

fn ledger<'a>(ledgers: &'a [(String, Ledger)], target: &Target) -> Option<&'a Ledger> {
    let key = key(target);
    ledgers.iter().find(|(known, _)| *known == key).map(|(_, ledger)| ledger)
}

impl Store for File {
    fn earlier<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Runs, Failure>> {
        Box::pin(self.read(target))
    }

    fn keep<'a>(&'a self, run: &'a Finished<'a>) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.write(run))
    }

    fn baseline<'a>(&'a self, of: &'a Scope<'a>) -> BoxFuture<'a, Result<Option<(Baseline, Ledger)>, Failure>> {
        Box::pin(self.last(of))
    }

    fn runs(&self, most: u32) -> BoxFuture<'_, Result<Vec<Line>, Failure>> {
        Box::pin(self.newest(most))
    }

    fn report<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(self.stored(id))
    }

    fn ledgers<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Vec<(String, Ledger)>, Failure>> {
        Box::pin(self.left(id))
    }

    fn prune(&self, keep: u32) -> BoxFuture<'_, Result<u64, Failure>> {
        Box::pin(self.drop_all_but(keep))
    }
}

/// What makes each version of the tables out of the one before; never changed once shipped, only added to.
const STEPS: &[&[&str]] = &[
    &[
        "CREATE TABLE IF NOT EXISTS run (id TEXT PRIMARY KEY, started INTEGER NOT NULL, finished INTEGER NOT NULL, \
         complete INTEGER NOT NULL, scheduled INTEGER NOT NULL, trusted INTEGER NOT NULL, policy TEXT NOT NULL, \
         report TEXT NOT NULL) STRICT",
        "CREATE TABLE IF NOT EXISTS seen (run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE, target TEXT NOT NULL, \
         facts TEXT NOT NULL, statuses TEXT NOT NULL, PRIMARY KEY (target, run)) STRICT",
        "CREATE INDEX IF NOT EXISTS run_finished ON run (finished)",
        "PRAGMA user_version = 1",
    ],
    &[
        "ALTER TABLE run ADD COLUMN name TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE run ADD COLUMN boxes TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE run ADD COLUMN whole INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE run ADD COLUMN summary TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE seen ADD COLUMN ledger TEXT",
        "CREATE INDEX seen_run ON seen (run)",
        "CREATE INDEX run_name ON run (name, finished)",
        // The report is the long column: what lists runs must not read past it.
        "CREATE INDEX run_listed ON run (finished DESC, id DESC, started, name, complete, whole, scheduled, trusted, boxes, \
         summary)",
        "PRAGMA user_version = 2",
    ],
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

#[cfg(unix)]
fn make_own(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        // An empty file is an empty database.
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same shape as where files have modes")]
fn make_own(_file: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn make_private(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)
}

#[cfg(test)]
mod tests;
