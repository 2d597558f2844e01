//! Reads every object of a repository once, whether or not a ref reaches it, and finds out where each secret stood.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use gix::bstr::{BString, ByteSlice as _};
use gix::objs::Find as _;
use gix::{ObjectId, objs};

use super::Budget;
use super::content::{self, Content, LARGEST};
use super::env::{self, Assignments};
use super::open::Opened;
use crate::detect::secrets::{self, Hit};
use crate::evidence::Unseen;
use crate::evidence::repo::{CommitMark, State};
use crate::probe::fingerprint::Key;
use crate::probe::secret::Secret;

/// A hit with its value, which goes to the vault and nowhere else.
#[derive(Clone)]
pub(super) struct Caught {
    pub(super) hit: Hit,
    pub(super) fingerprint: String,
    pub(super) value: Secret,
}

/// The hits of one text with their fingerprints.
pub(super) fn catch(read: &content::Read<'_>, key: &Key) -> Vec<Caught> {
    read.hits
        .iter()
        .map(|hit| {
            let value = String::from_utf8_lossy(read.text.get(hit.span.clone()).unwrap_or_default()).into_owned();
            Caught { hit: hit.clone(), fingerprint: key.fingerprint(&value), value: Secret::new(value) }
        })
        .collect()
}

/// A blob that has something to say.
pub(super) struct Blob {
    pub(super) content: Content,
    pub(super) oversize: bool,
    pub(super) caught: Vec<Caught>,
    pub(super) env: Option<Assignments>,
}

struct Commit {
    tree: ObjectId,
    parents: Vec<ObjectId>,
    time: i64,
}

/// A secret in the message of a commit or a tag.
pub(super) struct Spoken {
    pub(super) mark: CommitMark,
    pub(super) caught: Vec<Caught>,
}

/// Where one blob stands under one path.
#[derive(Clone, Debug)]
pub(super) struct Occurrence {
    pub(super) path: String,
    pub(super) blob: ObjectId,
    pub(super) state: State,
    pub(super) first: Option<CommitMark>,
    pub(super) removed: Option<CommitMark>,
    /// Orders what was committed within one second.
    pub(super) generation: u32,
}

#[derive(Default)]
pub(super) struct History {
    pub(super) blobs: HashMap<ObjectId, Blob>,
    pub(super) messages: Vec<Spoken>,
    pub(super) occurrences: Vec<Occurrence>,
    pub(super) refs: u32,
    pub(super) commits: u32,
    pub(super) tags: u32,
    pub(super) trees: u32,
    pub(super) blob_count: u32,
    pub(super) bytes: u64,
    pub(super) binaries: u32,
    pub(super) media: u32,
    pub(super) allowances: u32,
    /// Objects that a ref reaches and that are not there.
    pub(super) missing: u32,
    /// Objects that are there and cannot be read.
    pub(super) damaged: u32,
    /// Refs whose object is not there.
    pub(super) broken_refs: u32,
    pub(super) cut_short: bool,
    pub(super) too_deep: bool,
}

/// Deeper trees are hostile: git itself refuses to check them out.
const DEEPEST: usize = 512;

pub(super) fn read(opened: &Opened, key: &Key, budget: &Budget) -> Result<History, Unseen> {
    let mut walk = Walk::default();
    walk.list(opened, key, budget)?;
    walk.search(opened, key, budget);
    walk.place(opened);
    Ok(walk.history)
}

#[derive(Default)]
struct Walk {
    history: History,
    seen: HashSet<ObjectId>,
    commits: HashMap<ObjectId, Commit>,
    tags: HashMap<ObjectId, ObjectId>,
    /// Every blob that a tree names, with the name that says most about its form.
    names: HashMap<ObjectId, u32>,
    interned: Interned,
    subtrees: HashSet<ObjectId>,
    /// In the order of the packs.
    blobs: Vec<(ObjectId, u64)>,
}

/// File names, each stored once.
#[derive(Default)]
struct Interned {
    numbers: HashMap<BString, u32>,
    names: Vec<(String, u8)>,
}

impl Interned {
    fn number(&mut self, name: &[u8]) -> u32 {
        if let Some(known) = self.numbers.get(name.as_bstr()) {
            return *known;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let text = name.to_str_lossy().into_owned();
        let rank = if secrets::is_env_name(&text) {
            3
        } else {
            match secrets::syntax(&text) {
                secrets::Syntax::Config | secrets::Syntax::Shell => 2,
                secrets::Syntax::Code => 1,
                secrets::Syntax::Text => 0,
            }
        };
        self.names.push((text, rank));
        self.numbers.insert(name.into(), number);
        number
    }

    fn of(&self, number: u32) -> (&str, u8) {
        self.names.get(number as usize).map_or(("", 0), |(name, rank)| (name, *rank))
    }
}

impl Walk {
    /// Commits, trees and tags are read; blobs are listed in the order of the packs, with the names they go by.
    fn list(&mut self, opened: &Opened, key: &Key, budget: &Budget) -> Result<(), Unseen> {
        use gix::odb::store::iter::Ordering as Order;
        let malformed = |error: gix::Error| {
            Unseen::Malformed(format!("the objects cannot be listed: {}", super::bounded(&error.to_string(), 200)))
        };
        let mut repo = opened.repo.clone();
        repo.objects.set_pack_cache(|| Box::new(Bases::default()));
        let hash = repo.object_hash();
        let ids =
            repo.objects.iter().map_err(malformed)?.with_ordering(Order::PackAscendingOffsetThenLooseLexicographical);
        let mut buffer = Vec::new();
        for (count, id) in ids.enumerate() {
            if count % 256 == 0 && budget.is_spent() {
                self.history.cut_short = true;
                break;
            }
            let Ok(id) = id else {
                self.history.damaged += 1;
                continue;
            };
            if !self.seen.insert(id) {
                continue;
            }
            let Ok(Some(header)) = repo.try_find_header(id) else {
                self.history.damaged += 1;
                continue;
            };
            if header.kind() == objs::Kind::Blob {
                self.blobs.push((id, header.size()));
                continue;
            }
            if header.size() > LARGEST {
                self.history.damaged += 1;
                continue;
            }
            let Ok(Some(data)) = repo.objects.try_find(&id, &mut buffer) else {
                self.history.damaged += 1;
                continue;
            };
            let read = match header.kind() {
                objs::Kind::Commit => self.commit(id, data.data, hash, key),
                objs::Kind::Tree => self.tree(data.data, hash),
                objs::Kind::Tag => self.tag(id, data.data, hash, key),
                objs::Kind::Blob => Some(()),
            };
            if read.is_none() {
                self.history.damaged += 1;
            }
        }
        Ok(())
    }

    fn commit(&mut self, id: ObjectId, data: &[u8], hash: gix::hash::Kind, key: &Key) -> Option<()> {
        let commit = objs::CommitRef::from_bytes(data, hash).ok()?;
        let time = commit.committer().map_or(0, |committer| committer.seconds());
        self.history.commits += 1;
        let entry = Commit { tree: commit.tree(), parents: commit.parents().collect(), time };
        self.commits.insert(id, entry);
        // The whole object: author lines and extra headers are text that people write, too.
        self.message(id, time, data, key);
        Some(())
    }

    fn tag(&mut self, id: ObjectId, data: &[u8], hash: gix::hash::Kind, key: &Key) -> Option<()> {
        let tag = objs::TagRef::from_bytes(data, hash).ok()?;
        let time = tag.tagger().ok().flatten().map_or(0, |tagger| tagger.seconds());
        self.history.tags += 1;
        self.tags.insert(id, tag.target());
        self.message(id, time, data, key);
        Some(())
    }

    fn message(&mut self, id: ObjectId, time: i64, data: &[u8], key: &Key) {
        let at = data.find(b"\n\n").map_or(0, |at| at + 2);
        let read = content::search("", Content::Text, data.get(at..).unwrap_or_default());
        if !read.hits.is_empty() {
            self.history.allowances += read.allowances;
            self.history.messages.push(Spoken { mark: mark(id, time), caught: catch(&read, key) });
        }
    }

    fn tree(&mut self, data: &[u8], hash: gix::hash::Kind) -> Option<()> {
        self.history.trees += 1;
        for entry in objs::TreeRefIter::from_bytes(data, hash) {
            let entry = entry.ok()?;
            if entry.mode.is_tree() {
                self.subtrees.insert(entry.oid.to_owned());
            } else if entry.mode.is_blob() || entry.mode.is_link() {
                let number = self.interned.number(entry.filename);
                let known = self.names.entry(entry.oid.to_owned()).or_insert(number);
                if self.interned.of(number).1 > self.interned.of(*known).1 {
                    *known = number;
                }
            }
        }
        Some(())
    }

    /// Every blob once, by all cores, each on a stretch of a pack so that delta bases stay at hand.
    fn search(&mut self, opened: &Opened, key: &Key, budget: &Budget) {
        const STRETCH: usize = 256;
        let next = AtomicUsize::new(0);
        let results: Mutex<Vec<Part>> = Mutex::default();
        let shared = opened.repo.clone().into_sync();
        let threads =
            std::thread::available_parallelism().map_or(1, usize::from).min(16).min(self.blobs.len() / STRETCH + 1);
        let walk = &*self;
        let work = || {
            let mut repo = shared.to_thread_local();
            repo.objects.ignore_replacements = true;
            repo.objects.refresh_never();
            repo.objects.set_pack_cache(|| Box::new(Bases::default()));
            let mut part = Part::default();
            let mut buffer = Vec::new();
            loop {
                let start = next.fetch_add(STRETCH, Ordering::Relaxed);
                let Some(stretch) =
                    walk.blobs.get(start..walk.blobs.len().min(start + STRETCH)).filter(|stretch| !stretch.is_empty())
                else {
                    break;
                };
                if budget.is_spent() {
                    part.cut_short = true;
                    break;
                }
                for (id, size) in stretch {
                    part.blob(&repo, walk, *id, *size, key, &mut buffer);
                }
            }
            if let Ok(mut results) = results.lock() {
                results.push(part);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        let parts = results.into_inner().unwrap_or_default();
        // A thread that broke left no part: what it read is unknown.
        self.history.cut_short |= parts.len() < threads;
        for part in parts {
            self.history.blobs.extend(part.found);
            self.history.blob_count += part.blobs;
            self.history.bytes += part.bytes;
            self.history.binaries += part.binaries;
            self.history.media += part.media;
            self.history.allowances += part.allowances;
            self.history.damaged += part.damaged;
            self.history.cut_short |= part.cut_short;
        }
    }

    /// Where each blob of interest stands: path, state, first commit, the commit that took it away.
    fn place(&mut self, opened: &Opened) {
        let reach = self.reach(opened);
        let missing = self.missing(opened);
        if self.history.blobs.is_empty() && missing.is_empty() {
            return;
        }
        let mut places = Places {
            repo: &opened.repo,
            blobs: &self.history.blobs,
            missing: &missing,
            known: HashMap::new(),
            reached: HashSet::new(),
            too_deep: false,
        };
        let mut rooted: HashMap<ObjectId, Arc<Set>> = HashMap::new();
        // What only unreachable commits miss was pruned, as git does: it counts as missing no more.
        let reached = |id: &ObjectId| reach.by_refs.contains(id) || reach.by_stash.contains(id);
        for (id, commit) in self.commits.iter().filter(|(id, _)| reached(id)) {
            rooted.insert(*id, places.root(commit.tree));
        }
        let mut lost = places.reached.clone();
        for (id, commit) in self.commits.iter().filter(|(id, _)| !reached(id)) {
            rooted.insert(*id, places.root(commit.tree));
        }
        self.history.too_deep = places.too_deep;
        for (id, commit) in &self.commits {
            if reach.by_refs.contains(id) {
                lost.extend(commit.parents.iter().filter(|parent| missing.contains(*parent)));
            }
        }
        self.history.missing = u32::try_from(lost.len()).unwrap_or(u32::MAX);
        let head: Arc<Set> = reach.head.and_then(|head| rooted.get(&head)).cloned().unwrap_or_default();
        let mut standing: BTreeMap<(BString, ObjectId), Standing> = BTreeMap::new();
        let none = Arc::new(Set::default());
        let generations = self.generations();
        for (id, commit) in &self.commits {
            let Some(set) = rooted.get(id) else { continue };
            let group = reach.group(id);
            let generation = generations.get(id).copied().unwrap_or(0);
            let parents: Vec<&Arc<Set>> =
                commit.parents.iter().map(|parent| rooted.get(parent).unwrap_or(&none)).collect();
            for entry in set.iter() {
                let place = standing.entry(entry.clone()).or_default();
                place.seen(group, (commit.time, generation, *id));
            }
            for gone in parents.iter().filter(|parent| !Arc::ptr_eq(parent, set)).flat_map(|parent| parent.iter()) {
                if !set.contains(gone) && group == State::History {
                    standing.entry(gone.clone()).or_default().removed((commit.time, generation, *id));
                }
            }
        }
        let placed: HashSet<ObjectId> = standing.keys().map(|(_, blob)| *blob).collect();
        for ((path, blob), stood) in standing {
            let in_head = head.contains(&(path.clone(), blob));
            self.history.occurrences.push(stood.occurrence(path.to_str_lossy().into_owned(), blob, in_head));
        }
        for blob in self.history.blobs.keys().filter(|blob| !placed.contains(*blob)) {
            let tagged = reach.objects.contains(blob);
            let name = self.names.get(blob).map_or_else(String::new, |number| self.interned.of(*number).0.to_owned());
            self.history.occurrences.push(Occurrence {
                path: if name.is_empty() { format!("(object {})", blob.to_hex_with_len(12)) } else { name },
                blob: *blob,
                state: if tagged { State::History } else { State::Unreachable },
                first: None,
                removed: None,
                generation: u32::MAX,
            });
        }
        let when = |place: &Occurrence| place.first.as_ref().map(|first| first.when);
        self.history.occurrences.sort_by_key(|place| (when(place), place.generation, place.path.clone()));
    }

    /// The length of the longest line of parents behind each commit.
    fn generations(&self) -> HashMap<ObjectId, u32> {
        let mut known: HashMap<ObjectId, u32> = HashMap::new();
        for start in self.commits.keys() {
            let mut pending = vec![*start];
            while let Some(id) = pending.last().copied() {
                let Some(commit) = self.commits.get(&id).filter(|_| !known.contains_key(&id)) else {
                    pending.pop();
                    continue;
                };
                let unknown: Vec<ObjectId> = commit
                    .parents
                    .iter()
                    .filter(|parent| self.commits.contains_key(*parent) && !known.contains_key(*parent))
                    .copied()
                    .collect();
                if unknown.is_empty() {
                    let longest = commit.parents.iter().filter_map(|parent| known.get(parent)).max();
                    known.insert(id, longest.map_or(0, |longest| longest + 1));
                    pending.pop();
                } else {
                    pending.extend(unknown);
                }
            }
        }
        known
    }

    fn missing(&self, opened: &Opened) -> HashSet<ObjectId> {
        let empty_tree = ObjectId::empty_tree(opened.repo.object_hash());
        let shallow: HashSet<ObjectId> = opened
            .repo
            .shallow_commits()
            .ok()
            .flatten()
            .map(|commits| commits.iter().copied().collect())
            .unwrap_or_default();
        let parents =
            self.commits.iter().filter(|(id, _)| !shallow.contains(*id)).flat_map(|(_, commit)| commit.parents.iter());
        let trees = self.commits.values().map(|commit| &commit.tree);
        self.names
            .keys()
            .chain(&self.subtrees)
            .chain(trees)
            .chain(parents)
            .filter(|id| !self.seen.contains(*id) && **id != empty_tree)
            .copied()
            .collect()
    }

    fn reach(&mut self, opened: &Opened) -> Reach {
        let mut reach = Reach { head: opened.repo.head_id().ok().map(gix::Id::detach), ..Reach::default() };
        let (mut tips, mut stash) = (Vec::new(), Vec::new());
        tips.extend(reach.head);
        if reach.head.is_some() {
            self.history.refs += 1;
        }
        match opened.repo.references() {
            Ok(platform) => {
                for reference in platform.all().into_iter().flatten() {
                    let Ok(mut reference) = reference else {
                        self.history.broken_refs += 1;
                        continue;
                    };
                    self.history.refs += 1;
                    let is_stash = reference.name().as_bstr() == "refs/stash";
                    if is_stash {
                        stash.extend(logged(&reference));
                    }
                    match reference.follow_to_object() {
                        Ok(id) if self.seen.contains(&id.detach()) => {
                            (if is_stash { &mut stash } else { &mut tips }).push(id.detach());
                        }
                        Ok(_) | Err(_) => self.history.broken_refs += 1,
                    }
                }
            }
            Err(_) => self.history.broken_refs += 1,
        }
        tips.extend(other_heads(opened));
        let (by_refs, objects) = self.closure(tips);
        reach.by_refs = by_refs;
        reach.objects = objects;
        reach.by_stash = self.closure(stash).0.difference(&reach.by_refs).copied().collect();
        reach
    }

    /// The commits that `tips` reach, and the tagged objects that are no commits.
    fn closure(&self, tips: Vec<ObjectId>) -> (HashSet<ObjectId>, HashSet<ObjectId>) {
        let (mut commits, mut objects) = (HashSet::new(), HashSet::new());
        let mut pending = tips;
        while let Some(id) = pending.pop() {
            if let Some(target) = self.tags.get(&id) {
                if objects.insert(id) {
                    pending.push(*target);
                }
            } else if let Some(commit) = self.commits.get(&id) {
                if commits.insert(id) {
                    pending.extend(&commit.parents);
                }
            } else {
                objects.insert(id);
            }
        }
        (commits, objects)
    }
}

/// Earlier stashes live in the reflog of `refs/stash` alone.
fn logged(reference: &gix::Reference<'_>) -> Vec<ObjectId> {
    let mut log = reference.log_iter();
    log.all()
        .ok()
        .flatten()
        .map(|lines| lines.filter_map(Result::ok).map(|line| line.new_oid()).collect())
        .unwrap_or_default()
}

/// The heads of the other work trees of the repository; a detached one is reached by nothing else.
fn other_heads(opened: &Opened) -> Vec<ObjectId> {
    let folder = opened.repo.common_dir().join("worktrees");
    let Ok(listing) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut heads = Vec::new();
    for entry in listing.filter_map(Result::ok).take(1000) {
        if let Ok(text) = super::folder::read(&entry.path().join("HEAD"), 4096)
            && let Ok(id) = ObjectId::from_hex(text.trim_ascii())
        {
            heads.push(id);
        }
    }
    if let Ok(text) = super::folder::read(&opened.repo.common_dir().join("HEAD"), 4096)
        && let Ok(id) = ObjectId::from_hex(text.trim_ascii())
    {
        heads.push(id);
    }
    heads
}

#[derive(Default)]
struct Reach {
    head: Option<ObjectId>,
    by_refs: HashSet<ObjectId>,
    by_stash: HashSet<ObjectId>,
    objects: HashSet<ObjectId>,
}

impl Reach {
    fn group(&self, commit: &ObjectId) -> State {
        if self.by_refs.contains(commit) {
            State::History
        } else if self.by_stash.contains(commit) {
            State::Stash
        } else {
            State::Unreachable
        }
    }
}

/// Paths with the blobs of interest below one tree.
type Set = std::collections::BTreeSet<(BString, ObjectId)>;

/// Walks trees for blobs of interest, each tree once.
struct Places<'a> {
    repo: &'a gix::Repository,
    blobs: &'a HashMap<ObjectId, Blob>,
    missing: &'a HashSet<ObjectId>,
    known: HashMap<ObjectId, Arc<Set>>,
    reached: HashSet<ObjectId>,
    too_deep: bool,
}

impl Places<'_> {
    fn root(&mut self, tree: ObjectId) -> Arc<Set> {
        if self.missing.contains(&tree) {
            self.reached.insert(tree);
            return Arc::default();
        }
        self.below(tree, 0)
    }

    fn below(&mut self, tree: ObjectId, depth: usize) -> Arc<Set> {
        if let Some(known) = self.known.get(&tree) {
            return Arc::clone(known);
        }
        let mut set = Set::default();
        if depth >= DEEPEST {
            self.too_deep = true;
            return Arc::new(set);
        }
        let mut buffer = Vec::new();
        let entries: Vec<(BString, ObjectId, bool)> = match self.repo.objects.try_find(&tree, &mut buffer) {
            Ok(Some(data)) => objs::TreeRefIter::from_bytes(data.data, self.repo.object_hash())
                .filter_map(Result::ok)
                .filter(|entry| !entry.mode.is_commit())
                .map(|entry| (entry.filename.to_owned(), entry.oid.to_owned(), entry.mode.is_tree()))
                .filter(|(_, id, is_tree)| *is_tree || self.blobs.contains_key(id) || self.missing.contains(id))
                .collect(),
            Ok(None) | Err(_) => Vec::new(),
        };
        for (name, id, is_tree) in entries {
            if self.missing.contains(&id) {
                self.reached.insert(id);
            } else if is_tree {
                for (path, blob) in self.below(id, depth + 1).iter() {
                    let mut full = name.clone();
                    full.push(b'/');
                    full.extend_from_slice(path);
                    set.insert((full, *blob));
                }
            } else {
                set.insert((name, id));
            }
        }
        let set = Arc::new(set);
        self.known.insert(tree, Arc::clone(&set));
        set
    }
}

/// When, of which generation (a child's is higher than its parents'), in which commit.
type Moment = (i64, u32, ObjectId);

/// The first and last of one blob under one path.
#[derive(Default)]
struct Standing {
    first: BTreeMap<State, Moment>,
    removed: Option<Moment>,
}

impl Standing {
    fn seen(&mut self, state: State, moment: Moment) {
        let first = self.first.entry(state).or_insert(moment);
        *first = (*first).min(moment);
    }

    fn removed(&mut self, moment: Moment) {
        self.removed = self.removed.max(Some(moment));
    }

    fn occurrence(self, path: String, blob: ObjectId, in_head: bool) -> Occurrence {
        // States are ordered, the most public first.
        let first =
            self.first.iter().next().map(|(state, (time, generation, id))| (*state, mark(*id, *time), *generation));
        let state = if in_head { State::Head } else { first.as_ref().map_or(State::Unreachable, |(state, ..)| *state) };
        let removed = self.removed.filter(|_| !in_head).map(|(time, _, id)| mark(id, time));
        let generation = first.as_ref().map_or(u32::MAX, |(.., generation)| *generation);
        Occurrence { path, blob, state, first: first.map(|(_, mark, _)| mark), removed, generation }
    }
}

fn mark(id: ObjectId, time: i64) -> CommitMark {
    CommitMark { id: id.to_string(), when: DateTime::<Utc>::from_timestamp(time, 0).unwrap_or_default() }
}

/// What one thread read.
#[derive(Default)]
struct Part {
    found: Vec<(ObjectId, Blob)>,
    blobs: u32,
    bytes: u64,
    binaries: u32,
    media: u32,
    allowances: u32,
    damaged: u32,
    cut_short: bool,
}

impl Part {
    fn blob(&mut self, repo: &gix::Repository, walk: &Walk, id: ObjectId, size: u64, key: &Key, buffer: &mut Vec<u8>) {
        if size > LARGEST {
            self.found.push((id, Blob { content: Content::Binary, oversize: true, caught: Vec::new(), env: None }));
            return;
        }
        let Ok(Some(data)) = repo.objects.try_find(&id, buffer) else {
            self.damaged += 1;
            return;
        };
        self.blobs += 1;
        self.bytes += data.data.len() as u64;
        let (name, rank) = walk.names.get(&id).map_or(("", 0), |number| walk.interned.of(*number));
        let content = content::kind(name, data.data);
        let read = content::search(name, content, data.data);
        self.allowances += read.allowances;
        match content {
            Content::Binary => self.binaries += 1,
            Content::Media => self.media += 1,
            Content::Text | Content::Archive | Content::KeyContainer | Content::LfsPointer | Content::Encrypted => {}
        }
        let special = matches!(content, Content::Archive | Content::KeyContainer | Content::LfsPointer);
        let is_env = rank == 3;
        if read.hits.is_empty() && !special && !is_env {
            return;
        }
        let env = is_env.then(|| env::assignments(content, &read.text, key));
        self.found.push((id, Blob { content, oversize: false, caught: catch(&read, key), env }));
    }
}

/// Delta bases of one thread, oldest out first.
#[derive(Default)]
struct Bases {
    entries: HashMap<(u32, u64), (objs::Kind, usize, Vec<u8>)>,
    order: VecDeque<(u32, u64)>,
    bytes: usize,
}

/// Bytes of delta bases a thread keeps: enough for the chains of one stretch of a pack.
const BASES: usize = 48 * 1024 * 1024;

impl gix::odb::pack::cache::DecodeEntry for Bases {
    fn put(&mut self, pack: u32, offset: u64, data: &[u8], kind: objs::Kind, compressed_size: usize) {
        if data.len() > BASES / 4 || self.entries.contains_key(&(pack, offset)) {
            return;
        }
        while self.bytes + data.len() > BASES {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some((_, _, dropped)) = self.entries.remove(&oldest) {
                self.bytes -= dropped.len();
            }
        }
        self.bytes += data.len();
        self.order.push_back((pack, offset));
        self.entries.insert((pack, offset), (kind, compressed_size, data.to_vec()));
    }

    fn get(&mut self, pack: u32, offset: u64, out: &mut Vec<u8>) -> Option<(objs::Kind, usize)> {
        let (kind, size, data) = self.entries.get(&(pack, offset))?;
        out.clear();
        out.extend_from_slice(data);
        Some((*kind, *size))
    }
}
