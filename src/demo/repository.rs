//! The embedded repository, made at run time: its history, its work tree, its ignored env files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use gix::ObjectId;
use gix::objs::tree::{Entry, EntryKind};

use super::fault::{Fault, Faults};
use super::files::{self, Files, Values};

/// Where the branch points.
const BRANCH: &str = "refs/heads/main";

pub(super) fn make(path: &Path, values: &Values, faults: &Faults, now: DateTime<Utc>) -> anyhow::Result<()> {
    if faults.has(Fault::RepositoryGone) {
        return Ok(());
    }
    fs::create_dir_all(path)?;
    let repository: gix::Repository = gix::ThreadSafeRepository::init_opts(
        path,
        gix::create::Kind::WithWorktree,
        gix::create::Options::default(),
        gix::open::Options::isolated(),
    )?
    .into();
    let mut history = History { repository, now, tip: None };
    let head = files::head(values, faults);
    history.commit(&files::first(), 200, "Keep stock")?;
    let leaked = [Fault::SecretInHistory, Fault::SecretInHistoryRecorded].into_iter().any(|fault| faults.has(fault));
    if leaked {
        history.commit(&files::with_leak(files::first(), values), 120, "Connect the database")?;
    }
    history.commit(&files::first(), 110, "Read the connection from the environment")?;
    if faults.has(Fault::SecretDangling) {
        history.dangling(&files::with_leak(files::first(), values), 100)?;
    }
    let mut older = head.clone();
    older.remove("README.md");
    history.commit(&older, 30, "Ask for a token, limit, validate, log")?;
    let tip = history.commit(&head, 5, "Say how it is run")?;
    let repository = history.repository;
    for (name, content) in &head {
        write(path, name, content, 0o644)?;
    }
    for (name, content) in &files::ignored(values, faults) {
        write(path, name, content, 0o600)?;
    }
    let tracked = files::tracked(values, faults);
    let tree = write_tree(&repository, &tracked)?;
    repository.index_from_tree(&tree)?.write(gix::index::write::Options::default())?;
    if faults.has(Fault::EnvIgnoredHereOnly) {
        fs::create_dir_all(path.join(".git/info"))?;
        fs::write(path.join(".git/info/exclude"), files::IGNORED_ENV)?;
    }
    if faults.has(Fault::ShallowClone) {
        fs::write(path.join(".git/shallow"), format!("{tip}\n"))?;
    }
    Ok(())
}

struct History {
    repository: gix::Repository,
    now: DateTime<Utc>,
    tip: Option<ObjectId>,
}

impl History {
    fn commit(&mut self, files: &Files, days_ago: i64, message: &str) -> anyhow::Result<ObjectId> {
        let tree = write_tree(&self.repository, files)?;
        let author = self.author(days_ago);
        let mut buffer = gix::date::parse::TimeBuf::default();
        let author = author.to_ref(&mut buffer);
        let commit = self.repository.commit_as(author, author, BRANCH, message, tree, self.tip)?.detach();
        self.tip = Some(commit);
        Ok(commit)
    }

    /// A commit that no ref reaches, as an amended one leaves it.
    fn dangling(&self, files: &Files, days_ago: i64) -> anyhow::Result<()> {
        let tree = write_tree(&self.repository, files)?;
        self.repository.write_object(&gix::objs::Commit {
            tree,
            parents: self.tip.into_iter().collect(),
            author: self.author(days_ago),
            committer: self.author(days_ago),
            encoding: None,
            message: "Try the database".into(),
            extra_headers: Vec::new(),
        })?;
        Ok(())
    }

    fn author(&self, days_ago: i64) -> gix::actor::Signature {
        let at = self.now - TimeDelta::days(days_ago);
        gix::actor::Signature {
            name: "Stock team".into(),
            email: "stock@example.test".into(),
            time: gix::date::Time::new(at.timestamp(), 0),
        }
    }
}

/// Writes the blobs and the trees of `files`, whose names are paths with `/`.
fn write_tree(repository: &gix::Repository, files: &Files) -> anyhow::Result<ObjectId> {
    let mut entries = Vec::new();
    let mut folders: BTreeMap<&str, Files> = BTreeMap::new();
    for (name, content) in files {
        match name.split_once('/') {
            Some((folder, rest)) => {
                folders.entry(folder).or_default().insert(rest.to_owned(), content.clone());
            }
            None => entries.push(Entry {
                mode: EntryKind::Blob.into(),
                filename: name.as_str().into(),
                oid: repository.write_blob(content)?.detach(),
            }),
        }
    }
    for (folder, files) in folders {
        let oid = write_tree(repository, &files)?;
        entries.push(Entry { mode: EntryKind::Tree.into(), filename: folder.into(), oid });
    }
    // git compares the names of trees as if they ended in `/`, which the entries' own order knows.
    entries.sort();
    Ok(repository.write_object(&gix::objs::Tree { entries })?.detach())
}

fn write(root: &Path, name: &str, content: &str, mode: u32) -> anyhow::Result<()> {
    let path = root.join(name);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&path, content).with_context(|| format!("{} cannot be written", path.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    }
    #[cfg(not(unix))]
    let _ = mode;
    Ok(())
}
