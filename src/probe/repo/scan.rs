//! One reading of a repository, for every question about its secrets: history, index and work tree added up.

use std::collections::{BTreeMap, HashMap, HashSet};

use gix::ObjectId;
use gix::bstr::ByteSlice as _;

use super::content::{self, Content, LARGEST};
use super::env::{self, Assignments};
use super::folder::{self, Enter, Entry, Kind};
use super::history::{self, Caught, History};
use super::ignore::Rules;
use super::open::{Found, Opened};
use super::{Budget, Scan, Settings, shipping};
use crate::detect::secrets;
use crate::evidence::Unseen;
use crate::evidence::repo::{CommitMark, Coverage, EnvFile, EnvFiles, Gap, GapKind, Leak, Leaks, Sight, State};
use crate::probe::fingerprint::Key;
use crate::probe::secret::Secret;

/// Leaks and places that are recorded at most; more are counted.
const MOST_LEAKS: usize = 1000;
const MOST_SIGHTS: usize = 50;
const MOST_PATHS: usize = 50;

pub(super) fn scan(found: &Found, settings: &Settings<'_>, budget: &Budget) -> Result<Scan, Unseen> {
    let key = settings.key;
    let mut sum = Sum {
        key,
        leaks: BTreeMap::new(),
        values: BTreeMap::new(),
        gaps: BTreeMap::new(),
        coverage: Coverage::default(),
        allowances: 0,
        env: BTreeMap::new(),
    };
    let (walked, git) = match found {
        Found::Folder(root) => {
            sum.gap(
                GapKind::NoGit,
                "no git repository: there is no history to read, only files",
                "name the repository's root, or put the folder under git",
                None,
            );
            let walked =
                folder::walk(root, budget, |name| if folder::is_heavy(name) { Enter::Ignored } else { Enter::Yes });
            for entry in &walked.entries {
                sum.file(entry, State::WorkTree, None, budget);
            }
            (Some((root.as_path(), walked)), false)
        }
        Found::Git(opened) => (sum.git(opened, settings, budget)?.map(|walked| (opened.root.as_path(), walked)), true),
    };
    let mut env = EnvFiles { git, key: key.id().into(), ..EnvFiles::default() };
    if let Some((root, walked)) = walked {
        env.directories = walked.folders;
        env.gaps.clone_from(&walked.gaps);
        for gap in &walked.gaps {
            sum.gap(GapKind::OverBudget, gap, "shorten the path or remove the folder, or raise --max-time", None);
        }
        if !walked.heavy.is_empty() {
            let heavy = super::bounded(&walked.heavy.join(", "), 300);
            let what = "ignored folders of dependencies and build results were not entered, not even for env files";
            sum.coverage.notes.push(format!("{what}: {heavy}"));
        }
        if !walked.nested.is_empty() {
            let nested = super::bounded(&walked.nested.join(", "), 300);
            sum.coverage.notes.push(format!("folders that are repositories of their own were not entered: {nested}"));
        }
        let files: Vec<&EnvFile> = sum.env.values().filter(|file| file.exists).collect();
        env.shipped = shipping::find(root, &walked.entries, &files);
    }
    env.files = std::mem::take(&mut sum.env).into_values().collect();
    Ok(sum.finish(env))
}

/// What adds up over all places.
struct Sum<'a> {
    key: &'a Key,
    /// By fingerprint and rule.
    leaks: BTreeMap<(String, &'static str), Leak>,
    values: BTreeMap<String, Secret>,
    gaps: BTreeMap<(GapKind, String), Gap>,
    coverage: Coverage,
    allowances: u32,
    env: BTreeMap<String, EnvFile>,
}

impl Sum<'_> {
    fn gap(&mut self, kind: GapKind, what: &str, mend: &str, path: Option<&str>) {
        let gap = self.gaps.entry((kind, what.into())).or_insert_with(|| Gap {
            kind,
            what: what.into(),
            mend: mend.into(),
            paths: Vec::new(),
        });
        if let Some(path) = path
            && gap.paths.len() < MOST_PATHS
            && !gap.paths.iter().any(|known| known == path)
        {
            gap.paths.push(super::bounded(path, 300));
        }
    }

    fn git(
        &mut self,
        opened: &Opened,
        settings: &Settings<'_>,
        budget: &Budget,
    ) -> Result<Option<folder::Walked>, Unseen> {
        for gap in &opened.gaps {
            self.gaps.insert((gap.kind, gap.what.clone()), gap.clone());
        }
        let history = history::read(opened, settings, budget)?;
        self.completeness(opened, &history);
        let mut in_head: HashSet<(String, ObjectId)> = HashSet::new();
        // What is staged is placed by the index.
        let staged: HashSet<ObjectId> = if opened.is_bare() {
            HashSet::new()
        } else {
            opened
                .repo
                .index_or_empty()
                .map(|index| index.entries().iter().map(|entry| entry.id).collect())
                .unwrap_or_default()
        };
        let loose = |place: &&history::Occurrence| place.first.is_none() && place.state == State::Unreachable;
        for place in history.occurrences.iter().filter(|place| !loose(place) || !staged.contains(&place.blob)) {
            let Some(blob) = history.blobs.get(&place.blob) else { continue };
            if place.state == State::Head {
                in_head.insert((place.path.clone(), place.blob));
            }
            self.unread(&place.path, blob.content, blob.oversize);
            for caught in &blob.caught {
                self.sight(caught, &place.path, place.state, place.first.as_ref(), place.removed.as_ref());
            }
            // A dangling copy says nothing about the history of the path.
            if let Some(assignments) = blob.env.as_ref().filter(|_| place.state != State::Unreachable)
                && secrets::is_env_name(place.path.rsplit('/').next().unwrap_or_default())
            {
                let file = self.env_file(&place.path, assignments, place.state == State::Head);
                file.in_head |= place.state == State::Head;
                file.first = match (file.first.take(), place.first.clone()) {
                    (Some(known), Some(new)) => Some(if new.when < known.when { new } else { known }),
                    (known, new) => known.or(new),
                };
            }
        }
        for spoken in &history.messages {
            for caught in &spoken.caught {
                self.sight(caught, "", State::Message, Some(&spoken.mark), None);
            }
        }
        self.coverage = Coverage {
            git: true,
            bare: opened.is_bare(),
            object_hash: opened.repo.object_hash().to_string(),
            refs: history.refs,
            commits: history.commits,
            tags: history.tags,
            trees: history.trees,
            blobs: history.blob_count,
            bytes: history.bytes,
            ..std::mem::take(&mut self.coverage)
        };
        self.allowances += history.allowances;
        if history.media > 0 {
            self.coverage.notes.push(format!(
                "{} pictures, fonts and other media were searched for token formats only",
                history.media
            ));
        }
        if history.binaries > 0 {
            self.coverage.notes.push(format!("{} binary files were searched for token formats only", history.binaries));
        }
        if opened.is_bare() {
            return Ok(None);
        }
        let staged = self.index(opened, &history, &in_head)?;
        self.work_tree(opened, &staged, budget).map(Some)
    }

    fn completeness(&mut self, opened: &Opened, history: &History) {
        let shallow = opened.repo.shallow_commits().ok().flatten().map_or(0, |commits| commits.len());
        if shallow > 0 || opened.repo.is_shallow().unwrap_or(true) {
            let what = format!("the clone is shallow: {shallow} commits have no parents here");
            self.gap(GapKind::Shallow, &what, "git fetch --unshallow (in CI: fetch-depth 0)", None);
        }
        let promised = is_partial(opened);
        let absent = history.missing + history.broken_refs;
        if absent > 0 {
            let (kind, what, mend) = if promised {
                (
                    GapKind::PartialClone,
                    format!("the clone is partial: {absent} objects of its history are not here"),
                    "git fetch --refetch --no-filter, or clone anew without --filter",
                )
            } else {
                (
                    GapKind::MissingObjects,
                    format!("{absent} objects or refs of the history are missing"),
                    "git fsck, then fetch or clone anew",
                )
            };
            self.gap(kind, &what, mend, None);
        } else if promised {
            self.coverage.notes.push("the clone is partial, but every object of its history is here".into());
        }
        if history.damaged > 0 {
            let what = format!("{} objects cannot be read", history.damaged);
            self.gap(GapKind::MissingObjects, &what, "git fsck, then fetch or clone anew", None);
        }
        if history.cut_short {
            self.gap(GapKind::OverBudget, "the time was up before every object was read", "raise --max-time", None);
        }
        if history.too_deep {
            self.gap(
                GapKind::OverBudget,
                "trees are nested too deeply to be followed",
                "look at the repository by hand",
                None,
            );
        }
    }

    fn unread(&mut self, path: &str, content: Content, oversize: bool) {
        if oversize {
            self.gap(
                GapKind::OverSize,
                &format!("files over {} MiB were not read", LARGEST >> 20),
                "look at them by hand, then list them under `accept-unread`",
                Some(path),
            );
            return;
        }
        match content {
            Content::Archive => {
                self.gap(
                    GapKind::Archives,
                    "the contents of archives were not read",
                    "unpack and scan them (watertight scan), then list them under `accept-unread`",
                    Some(path),
                );
            }
            Content::KeyContainer => {
                self.gap(
                    GapKind::KeyContainers,
                    "key containers are in the repository; what they hold is under a password",
                    "remove them from the history, and replace the keys",
                    Some(path),
                );
            }
            Content::LfsPointer => {
                self.gap(
                    GapKind::LfsPointers,
                    "files are kept in Git LFS, outside the history",
                    "git lfs fetch --all, scan .git/lfs, then list them under `accept-unread`",
                    Some(path),
                );
            }
            Content::Text | Content::Binary | Content::Media | Content::Encrypted => {}
        }
    }

    /// The index: what is staged and not committed. Gives the staged blob of each path.
    fn index(
        &mut self,
        opened: &Opened,
        history: &History,
        in_head: &HashSet<(String, ObjectId)>,
    ) -> Result<HashMap<String, ObjectId>, Unseen> {
        let index = opened.repo.index_or_empty().map_err(|error| {
            Unseen::Malformed(format!("the index cannot be read: {}", super::bounded(&error.to_string(), 200)))
        })?;
        let mut staged = HashMap::new();
        for entry in index.entries() {
            let path = entry.path(&index).to_str_lossy().into_owned();
            self.coverage.index_entries += 1;
            if entry.mode.is_submodule() {
                self.gap(
                    GapKind::Submodules,
                    "submodules are repositories of their own and were not read",
                    "audit each submodule by itself, then list it under `accept-unread`",
                    Some(&path),
                );
                continue;
            }
            if let Some(blob) = history.blobs.get(&entry.id)
                && !in_head.contains(&(path.clone(), entry.id))
            {
                self.unread(&path, blob.content, blob.oversize);
                for caught in &blob.caught {
                    self.sight(caught, &path, State::Index, None, None);
                }
            }
            let name = path.rsplit('/').next().unwrap_or_default();
            if secrets::is_env_name(name) {
                // A blob is looked at as an env file when a tree names it so; a staged one has no tree yet.
                let assignments = match history.blobs.get(&entry.id).and_then(|blob| blob.env.clone()) {
                    Some(known) => known,
                    None => opened.repo.find_blob(entry.id).map_or_else(
                        |_| Assignments::default(),
                        |blob| env::assignments(content::kind(name, &blob.data), &blob.data, self.key),
                    ),
                };
                self.env_file(&path, &assignments, true).tracked = true;
            }
            staged.insert(path, entry.id);
        }
        Ok(staged)
    }

    fn work_tree(
        &mut self,
        opened: &Opened,
        staged: &HashMap<String, ObjectId>,
        budget: &Budget,
    ) -> Result<folder::Walked, Unseen> {
        let mut rules = Rules::of(opened)?;
        let tracked_folders: HashSet<&str> = staged
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
            let state = match staged.get(&entry.name) {
                Some(id) => {
                    if is_unchanged(opened, entry, *id) {
                        self.coverage.files += 1;
                        if let Some(file) = self.env.get_mut(&entry.name) {
                            file.exists = true;
                            file.mode = entry.mode;
                        }
                        continue;
                    }
                    State::WorkTree
                }
                None if entry.below_ignored => State::Ignored,
                None => match rules.decide(&entry.name, false) {
                    Ok(Some((_, false))) => State::Ignored,
                    Ok(Some((_, true)) | None) => State::WorkTree,
                    Err(unseen) => {
                        walked.gaps.push(unseen.to_string());
                        State::WorkTree
                    }
                },
            };
            self.file(entry, state, staged.get(&entry.name), budget);
        }
        for (path, file) in &mut self.env {
            if let Ok(Some((rule, false))) = rules.decide(path, false) {
                file.ignored = Some(rule);
            }
        }
        Ok(walked)
    }

    /// A file of the work tree that git does not hold as it stands.
    fn file(&mut self, entry: &Entry, state: State, tracked: Option<&ObjectId>, budget: &Budget) {
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
        let content = content::kind(&entry.name, &bytes);
        let read = content::search(&entry.name, content, &bytes);
        self.allowances += read.allowances;
        if state != State::Ignored {
            match content {
                Content::KeyContainer | Content::Archive => self.unread(&entry.name, content, false),
                Content::Text | Content::Binary | Content::Media | Content::LfsPointer | Content::Encrypted => {}
            }
        }
        for caught in history::catch(&read, self.key) {
            self.sight(&caught, &entry.name, state, None, None);
        }
        if is_env {
            let assignments = env::assignments(content, &read.text, self.key);
            let file = self.env_file(&entry.name, &assignments, true);
            file.exists = true;
            file.tracked |= tracked.is_some();
            file.mode = entry.mode;
        }
    }

    fn env_file(&mut self, path: &str, assignments: &Assignments, current: bool) -> &mut EnvFile {
        let path = super::bounded(path, 1000);
        let file = self.env.entry(path.clone()).or_insert_with(|| EnvFile {
            kind: env::kind(&path, assignments),
            environment: env::environment(&path),
            path,
            exists: false,
            tracked: false,
            ignored: None,
            first: None,
            in_head: false,
            mode: None,
            unread: None,
            entries: assignments.entries.clone(),
        });
        if current {
            file.kind = env::kind(&file.path, assignments);
            file.entries.clone_from(&assignments.entries);
        }
        file
    }

    fn sight(
        &mut self,
        caught: &Caught,
        path: &str,
        state: State,
        first: Option<&CommitMark>,
        removed: Option<&CommitMark>,
    ) {
        let confidence = secrets::at_path(&caught.hit, path);
        if let Some(value) = &caught.value {
            self.values.entry(caught.fingerprint.clone()).or_insert_with(|| value.clone());
        }
        let leak = self.leaks.entry((caught.fingerprint.clone(), caught.hit.rule)).or_insert_with(|| Leak {
            rule: caught.hit.rule.into(),
            what: caught.hit.what.clone(),
            confidence,
            name: caught.hit.name.clone(),
            fingerprint: caught.fingerprint.clone(),
            hint: caught.hit.hint.clone(),
            sights: Vec::new(),
        });
        leak.confidence = leak.confidence.max(confidence);
        leak.name = leak.name.take().or_else(|| caught.hit.name.clone());
        let path = super::bounded(path, 1000);
        // One place a path: versions of a file that all hold the secret are one sight, from the first to the last.
        if let Some(known) = leak
            .sights
            .iter_mut()
            .find(|known| known.path == path && (known.state == State::Message) == (state == State::Message))
        {
            if state < known.state {
                known.state = state;
                known.line = Some(caught.hit.line);
            }
            known.allowed &= caught.hit.allowed;
            known.first = match (known.first.take(), first.cloned()) {
                (Some(old), Some(new)) => Some(if new.when < old.when { new } else { old }),
                (old, new) => old.or(new),
            };
            known.removed = match (known.removed.take(), removed.cloned()) {
                (Some(old), Some(new)) => Some(if new.when >= old.when { new } else { old }),
                (old, new) => old.or(new),
            };
            if known.state == State::Head {
                known.removed = None;
            }
            return;
        }
        if leak.sights.len() < MOST_SIGHTS {
            leak.sights.push(Sight {
                state,
                path,
                line: Some(caught.hit.line),
                first: first.cloned(),
                removed: removed.cloned(),
                allowed: caught.hit.allowed,
            });
        }
    }

    fn finish(mut self, env: EnvFiles) -> Scan {
        self.coverage.gaps = self.gaps.into_values().collect();
        let mut found: Vec<Leak> = self.leaks.into_values().collect();
        for leak in &mut found {
            leak.sights.sort();
        }
        // The surest first, so that a bound cuts the least; then by place, never by the key's order.
        found.sort_by(|a, b| {
            b.confidence.cmp(&a.confidence).then_with(|| a.sights.cmp(&b.sights)).then_with(|| a.rule.cmp(&b.rule))
        });
        let more = u32::try_from(found.len().saturating_sub(MOST_LEAKS)).unwrap_or(u32::MAX);
        found.truncate(MOST_LEAKS);
        let leaks =
            Leaks { rules: secrets::rules(), key: self.key.id().into(), found, more, allowances: self.allowances };
        Scan { coverage: self.coverage, leaks, env, values: self.values.into_iter().collect() }
    }
}

/// A promisor remote: git fetches what is missing when it is needed, and we never do.
fn is_partial(opened: &Opened) -> bool {
    let config = opened.repo.config_snapshot();
    let extension = config.string("extensions.partialClone").is_some();
    let packs = std::fs::read_dir(opened.repo.objects.store_ref().path().join("pack")).is_ok_and(|listing| {
        listing
            .filter_map(Result::ok)
            .any(|entry| entry.path().extension().is_some_and(|extension| extension == "promisor"))
    });
    extension || packs
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
