//! The index and the work tree: what git does not hold as it stands, read from where it is.

use std::collections::{HashMap, HashSet};

use gix::ObjectId;
use gix::bstr::ByteSlice as _;

use super::content::{self, Content, LARGEST};
use super::env::{self, Assignments};
use super::folder::{self, Enter, Entry, Kind};
use super::history::{self, Caught};
use super::ignore::Rules;
use super::open::Opened;
use super::sum::{Seen, Sum};
use super::{Budget, gaps, heads};
use crate::detect::secrets;
use crate::evidence::Unseen;
use crate::evidence::repo::{GapKind, State};
use crate::target::Extent;

/// What the index says of the work tree's files.
pub(super) struct Staged {
    /// The staged blob of each path.
    blobs: HashMap<String, ObjectId>,
    /// Blobs that are not there, and so were not read.
    missing: HashSet<ObjectId>,
    /// Files that `HEAD` does not have as they are staged, and their bytes.
    pub(super) new: u32,
    pub(super) bytes: u64,
}

/// What git holds of a file of the work tree.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Held {
    /// It is no repository.
    NoGit,
    Untracked,
    Tracked,
    /// git-crypt's ciphertext; the plain text is this work tree's alone.
    Ciphertext,
}

impl Sum<'_> {
    /// The index: what is staged and not committed is read by the form of its file. Where nothing but that is in question,
    /// what is committed already is passed over.
    pub(super) fn index(&mut self, opened: &Opened, extent: Extent) -> Result<Staged, Unseen> {
        let malformed = |what: &str, error: &dyn std::fmt::Display| {
            Unseen::Malformed(format!("{what} cannot be read: {}", super::bounded(&error.to_string(), 200)))
        };
        let index = opened.repo.index_or_empty().map_err(|error| malformed("the index", &error))?;
        let committed = committed(opened);
        let mut staged = Staged { blobs: HashMap::new(), missing: HashSet::new(), new: 0, bytes: 0 };
        let mut pointers = 0;
        for entry in index.entries() {
            let path = entry.path(&index).to_str_lossy().into_owned();
            self.coverage.index_entries += 1;
            let in_head = committed.get(entry.path(&index)) == Some(&entry.id);
            if extent == Extent::Staged && (in_head || entry.mode.is_submodule()) {
                pointers += u32::from(!in_head);
                continue;
            }
            if entry.mode.is_submodule() {
                gaps::submodule(&path, self);
                continue;
            }
            for hit in self.rules.map(|own| own.rules.named(&path)).unwrap_or_default() {
                self.named(hit, &path, State::Index);
            }
            if !in_head {
                self.called(&path);
            }
            let name = path.rsplit('/').next().unwrap_or_default();
            if (secrets::is_env_name(name) || !in_head) && !entry.mode.contains(gix::index::entry::Mode::DIR) {
                match opened.repo.find_blob(entry.id) {
                    Ok(blob) => {
                        staged.new += u32::from(!in_head);
                        staged.bytes += blob.data.len() as u64;
                        self.staged(&path, &blob.data, !in_head);
                    }
                    Err(_) => {
                        staged.missing.insert(entry.id);
                    }
                }
            }
            staged.blobs.insert(path, entry.id);
        }
        if pointers > 0 {
            let what = format!("{pointers} submodules are staged: a commit takes their pointers, not their content");
            self.coverage.notes.push(what);
        }
        if !staged.missing.is_empty() {
            let what = format!("{} blobs that the index names are missing or cannot be read", staged.missing.len());
            self.gap(GapKind::MissingObjects, &what, "git fsck, then stage the files again", None);
        }
        Ok(staged)
    }

    /// One staged blob.
    pub(super) fn staged(&mut self, path: &str, data: &[u8], new: bool) {
        let content = content::kind(path, data);
        if data.len() as u64 > LARGEST {
            gaps::unread(path, content, true, self);
            return;
        }
        if new {
            gaps::unread(path, content, false, self);
            let read = content::search(path, content, data, self.rules.map(|own| &own.rules));
            for caught in history::catch(&read.hits, &read.text, self.key) {
                self.sight(&caught, Seen::at(path, State::Index));
            }
        }
        if secrets::is_env_name(path.rsplit('/').next().unwrap_or_default()) {
            let text = secrets::widen(data);
            let assignments = env::assignments(content, text.as_deref().unwrap_or(data), self.key);
            self.env_file(path, &assignments, true).tracked = true;
        }
    }

    /// A file that should not be there, whatever it holds.
    fn named(&mut self, hit: secrets::Hit, path: &str, state: State) {
        let caught = Caught { hit, fingerprint: self.key.fingerprint(path), value: None };
        self.sight(&caught, Seen::at(path, state));
    }

    /// Tokens that a path itself holds. Those of committed paths are in the history's own names.
    fn called(&mut self, path: &str) {
        let hits = secrets::detect_tokens(path.as_bytes());
        for caught in history::catch(&hits, path.as_bytes(), self.key) {
            self.sight(&caught, Seen::at("(the name itself)", State::Name));
        }
    }

    pub(super) fn work_tree(
        &mut self,
        opened: &Opened,
        staged: &Staged,
        budget: &Budget,
    ) -> Result<folder::Walked, Unseen> {
        let mut rules = Rules::of(opened)?;
        let tracked_folders: HashSet<&str> = staged
            .blobs
            .keys()
            .flat_map(|path| path.match_indices('/').map(|(at, _)| path.get(..at).unwrap_or_default()))
            .collect();
        let mut failed = None;
        let mut walked = folder::walk(&opened.root, budget, |name| {
            if tracked_folders.contains(name) {
                return Enter::Yes;
            }
            match rules.decide(name, true) {
                Ok(Some((_, false))) => Enter::Ignored,
                Ok(Some((_, true)) | None) => Enter::Yes,
                Err(unseen) => {
                    failed = Some(unseen);
                    Enter::No
                }
            }
        });
        if let Some(unseen) = failed {
            walked.gaps.push(unseen.to_string());
        }
        for entry in &walked.entries {
            let (state, held) = match staged.blobs.get(&entry.name) {
                Some(id) => {
                    if !staged.missing.contains(id) && is_unchanged(opened, entry, *id) {
                        self.coverage.files += 1;
                        if let Some(file) = self.env.get_mut(&entry.name) {
                            file.exists = true;
                            file.mode = entry.mode;
                        }
                        continue;
                    }
                    if is_git_crypt(opened, *id) {
                        (State::Ignored, Held::Ciphertext)
                    } else {
                        (State::WorkTree, Held::Tracked)
                    }
                }
                None if entry.below_ignored => (State::Ignored, Held::Untracked),
                None => match rules.decide(&entry.name, false) {
                    Ok(Some((_, false))) => (State::Ignored, Held::Untracked),
                    Ok(Some((_, true)) | None) => (State::WorkTree, Held::Untracked),
                    Err(unseen) => {
                        walked.gaps.push(unseen.to_string());
                        (State::WorkTree, Held::Untracked)
                    }
                },
            };
            self.file(entry, state, held, budget);
        }
        walked.gaps.dedup();
        for (path, file) in &mut self.env {
            if let Ok(Some((rule, false))) = rules.decide(path, false) {
                file.ignored = Some(rule);
            }
        }
        Ok(walked)
    }

    /// A file of the work tree that git does not hold as it stands.
    pub(super) fn file(&mut self, entry: &Entry, state: State, held: Held, budget: &Budget) {
        let name = entry.name.rsplit('/').next().unwrap_or_default();
        let is_env = secrets::is_env_name(name);
        // In ignored folders only env files are looked at: the rest is dependencies and build results.
        if entry.below_ignored && !is_env {
            return;
        }
        let bytes = match entry.kind {
            Kind::File if budget.is_spent() => Err("the time was up".to_owned()),
            Kind::File => folder::read(&entry.path, LARGEST),
            Kind::Symlink => Err("a symlink; where it leads was not read".into()),
            Kind::Special => Err("no regular file (a FIFO, socket or device)".into()),
        };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(why) => {
                if is_env {
                    let file = self.env_file(&entry.name, &Assignments::default(), true);
                    file.exists = true;
                    file.unread = Some(why);
                } else if entry.kind == Kind::File && state != State::Ignored {
                    let kind = if entry.size > LARGEST { GapKind::OverSize } else { GapKind::Unreadable };
                    self.gap(
                        kind,
                        &format!("a file of the work tree could not be read: {why}"),
                        "look at it by hand, then list it under `accept-unread`",
                        Some(&entry.name),
                    );
                }
                return;
            }
        };
        self.coverage.files += 1;
        if state != State::Ignored {
            self.called(&entry.name);
        }
        if held == Held::NoGit {
            self.coverage.bytes += bytes.len() as u64;
        }
        let content = content::kind(&entry.name, &bytes);
        let read = content::search(&entry.name, content, &bytes, self.rules.map(|own| &own.rules));
        if state != State::Ignored {
            match content {
                Content::KeyContainer | Content::Archive => gaps::unread(&entry.name, content, false, self),
                Content::Text
                | Content::Binary
                | Content::Media
                | Content::Tar
                | Content::LfsPointer
                | Content::Encrypted => {}
            }
            for hit in self.rules.map(|own| own.rules.named(&entry.name)).unwrap_or_default() {
                self.named(hit, &entry.name, state);
            }
        }
        for caught in history::catch(&read.hits, &read.text, self.key) {
            self.sight(&caught, Seen::at(&entry.name, state));
        }
        if is_env {
            let assignments = env::assignments(content, &read.text, self.key);
            let file = self.env_file(&entry.name, &assignments, held != Held::Ciphertext);
            file.exists = true;
            file.tracked |= matches!(held, Held::Tracked | Held::Ciphertext);
            file.mode = entry.mode;
        }
    }
}

/// The blob of each path of `HEAD`; empty before the first commit. What cannot be read here was counted by the history.
fn committed(opened: &Opened) -> HashMap<gix::bstr::BString, ObjectId> {
    let read = || {
        let tree = opened.repo.head_tree_id_or_empty().ok()?;
        let index = heads::index(&opened.repo, tree.detach()).ok()?;
        Some(index.entries().iter().map(|entry| (entry.path(&index).to_owned(), entry.id)).collect())
    };
    read().unwrap_or_default()
}

/// Whether the blob is git-crypt's ciphertext: its header is asked for before the blob is read.
fn is_git_crypt(opened: &Opened, id: ObjectId) -> bool {
    opened.repo.find_header(id).is_ok_and(|header| header.size() <= LARGEST)
        && opened.repo.find_blob(id).is_ok_and(|blob| content::kind("", &blob.data) == Content::Encrypted)
}

/// Whether the work tree's file is the very blob that is staged, so that it has been read already.
fn is_unchanged(opened: &Opened, entry: &Entry, staged: ObjectId) -> bool {
    if entry.kind != Kind::File {
        // The link's text is the blob; where it leads is never read.
        return entry.kind == Kind::Symlink && !secrets::is_env_name(entry.name.rsplit('/').next().unwrap_or_default());
    }
    folder::read(&entry.path, LARGEST).is_ok_and(|bytes| {
        gix::objs::compute_hash(opened.repo.object_hash(), gix::objs::Kind::Blob, &bytes).is_ok_and(|id| id == staged)
    })
}
