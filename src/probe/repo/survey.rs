//! Reads commits, tags and trees: what names what, and by which name each blob goes. Blobs are not read yet.

use std::collections::{BTreeMap, HashMap};

use gix::bstr::ByteSlice as _;
use gix::objs::tree::EntryKind;
use gix::objs::{self, Kind};

use super::Budget;
use super::content::{self, Content, LARGEST};
use super::history::{Spoken, catch, mark};
use super::names::{Called, Names};
use super::numbers::Store;
use super::pack::{Course, Family, Passing, Visit};
use super::parallel::each;
use super::trees::{self, Mark};
use crate::detect::secrets;
use crate::detect::secrets::gitleaks::Rules;
use crate::probe::fingerprint::Key;

/// Loose objects that a core takes at a time.
pub(super) const LOOSE: usize = 64;

/// Stands for the commit of a submodule, which is another repository's, among the trees below a tree.
pub(super) const SUBMODULE: u32 = u32::MAX;

pub(super) struct Commit {
    pub(super) tree: u32,
    pub(super) parents: Vec<u32>,
    pub(super) time: i64,
}

/// Where an entry was first met: the pack and the root of the family, or a loose tree.
pub(super) type Origin = Option<(u32, u32)>;

/// What commits, tags and trees say.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) commits: BTreeMap<u32, Commit>,
    pub(super) tags: HashMap<u32, u32>,
    /// The trees below each tree.
    pub(super) below: HashMap<u32, Vec<Mark>>,
    pub(super) called: Called,
    pub(super) names: Names,
    /// Which blobs appear in which families of trees.
    pub(super) origins: Vec<(u32, Origin)>,
    pub(super) messages: Vec<Spoken>,
    pub(super) trees: u32,
    /// Objects that were read; the others are blobs, or damaged.
    pub(super) read: usize,
    /// Loose blobs and their sizes, by their place among the loose objects.
    pub(super) loose_blobs: Vec<usize>,
    pub(super) cut_short: bool,
}

impl Survey {
    pub(super) fn of(store: &Store, hash: gix::hash::Kind, key: &Key, rules: Option<&Rules>, budget: &Budget) -> Self {
        let families: Vec<Family> = families(store, |kind| kind != Kind::Blob);
        let course = Course { packs: &store.packs, families: &families, budget };
        let fresh = || Surveyor { store, hash, key, rules, survey: Self::default() };
        let (parts, cut_short) = course.walk(fresh);
        let mut survey = Self { cut_short, ..Self::default() };
        for part in parts {
            survey.add(part.survey);
        }
        let (parts, cut_short) = each(store.loose.len(), LOOSE, budget, fresh, Surveyor::loose);
        survey.cut_short |= cut_short;
        for part in parts {
            survey.add(part.survey);
        }
        survey.loose_blobs.sort_unstable();
        survey.messages.sort_by(|a, b| (a.mark.when, &a.mark.id).cmp(&(b.mark.when, &b.mark.id)));
        survey
    }

    fn add(&mut self, part: Self) {
        let renamed = self.names.take(&part.names);
        let name_of = |name: u32| renamed.get(name as usize).copied().unwrap_or(0);
        self.commits.extend(part.commits);
        self.tags.extend(part.tags);
        for (tree, mut marks) in part.below {
            for mark in &mut marks {
                mark.name = name_of(mark.name);
            }
            self.below.insert(tree, marks);
        }
        let others =
            part.called.others.into_iter().flat_map(|(blob, names)| names.into_iter().map(move |name| (blob, name)));
        for (blob, name) in part.called.best.into_iter().chain(others) {
            self.names.note(&mut self.called, blob, name_of(name));
        }
        self.origins.extend(part.origins);
        self.messages.extend(part.messages);
        self.trees += part.trees;
        self.read += part.read;
        self.loose_blobs.extend(part.loose_blobs);
    }
}

/// All families of the kinds asked for.
pub(super) fn families(store: &Store, wanted: impl Fn(Kind) -> bool) -> Vec<Family> {
    store
        .packs
        .iter()
        .enumerate()
        .flat_map(|(pack, forest)| forest.roots().iter().map(move |(root, kind)| (pack, *root, *kind)))
        .filter(|(_, _, kind)| wanted(*kind))
        .collect()
}

struct Surveyor<'a> {
    store: &'a Store,
    hash: gix::hash::Kind,
    key: &'a Key,
    rules: Option<&'a Rules>,
    survey: Survey,
}

impl Surveyor<'_> {
    fn loose(&mut self, place: usize) {
        let Some((store, id)) = self.store.loose.get(place) else { return };
        let Ok(Some((size, kind))) = store.try_header(id) else { return };
        if kind == Kind::Blob {
            self.survey.loose_blobs.push(place);
            return;
        }
        if size > LARGEST {
            return;
        }
        let mut buffer = Vec::new();
        let (Ok(Some(object)), Some(number)) = (store.try_find(id, &mut buffer), self.store.numbers.present(id)) else {
            return;
        };
        self.object(Some(number), object.kind, object.data, None, None);
    }

    fn object(
        &mut self,
        number: Option<u32>,
        kind: Kind,
        data: &[u8],
        base: Option<(&trees::Read, &[super::delta::Copied])>,
        origin: Origin,
    ) -> Option<trees::Read> {
        if kind == Kind::Tree {
            let read = self.tree(data, base, origin)?;
            if let Some(number) = number {
                self.survey.trees += 1;
                self.survey.read += 1;
                if !read.marks.is_empty() {
                    self.survey.below.insert(number, read.marks.iter().map(|(_, mark)| *mark).collect());
                }
            }
            return Some(read);
        }
        let number = number?;
        match kind {
            Kind::Commit => self.commit(number, data)?,
            Kind::Tag => self.tag(number, data)?,
            Kind::Tree | Kind::Blob => {}
        }
        self.survey.read += 1;
        None
    }

    fn tree(
        &mut self,
        data: &[u8],
        base: Option<(&trees::Read, &[super::delta::Copied])>,
        origin: Origin,
    ) -> Option<trees::Read> {
        let (numbers, survey) = (&self.store.numbers, &mut self.survey);
        trees::read(data, self.hash, base, |entry| {
            let id = gix::oid::try_from_bytes(entry.id).ok()?;
            match entry.kind {
                EntryKind::Tree => Some(Mark { name: survey.names.number(entry.name), object: numbers.named(id) }),
                EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Link => {
                    let (blob, name) = (numbers.named(id), survey.names.number(entry.name));
                    survey.origins.push((blob, origin));
                    survey.names.note(&mut survey.called, blob, name);
                    None
                }
                EntryKind::Commit => Some(Mark { name: survey.names.number(entry.name), object: SUBMODULE }),
            }
        })
    }

    fn commit(&mut self, number: u32, data: &[u8]) -> Option<()> {
        let commit = objs::CommitRef::from_bytes(data, self.hash).ok()?;
        let time = commit.committer().map_or(0, |committer| committer.seconds());
        let numbers = &self.store.numbers;
        let entry = Commit {
            tree: numbers.named(&commit.tree()),
            parents: commit.parents().map(|parent| numbers.named(&parent)).collect(),
            time,
        };
        self.survey.commits.insert(number, entry);
        self.message(number, time, data);
        Some(())
    }

    fn tag(&mut self, number: u32, data: &[u8]) -> Option<()> {
        let tag = objs::TagRef::from_bytes(data, self.hash).ok()?;
        let time = tag.tagger().ok().flatten().map_or(0, |tagger| tagger.seconds());
        self.survey.tags.insert(number, self.store.numbers.named(&tag.target()));
        self.message(number, time, data);
        Some(())
    }

    /// The message, by every rule; signatures, merged tags and other headers by token formats.
    fn message(&mut self, number: u32, time: i64, data: &[u8]) {
        let (head, message) = data.split_at(data.find(b"\n\n").map_or(0, |at| at + 2));
        let mut caught = catch(&secrets::detect_tokens(head), head, self.key);
        let read = content::search("", Content::Text, message, self.rules);
        caught.extend(catch(&read.hits, &read.text, self.key));
        if let (false, Some(id)) = (caught.is_empty(), self.store.numbers.id(number)) {
            self.survey.messages.push(Spoken { mark: mark(id, time), caught });
        }
    }
}

impl Visit for Surveyor<'_> {
    type State = Option<trees::Read>;

    fn visit(&mut self, passing: &Passing<'_, Self::State>) -> Self::State {
        let number = self.store.number(passing.pack, passing.position);
        let base = passing.base.and_then(|(state, copies)| Some((state.as_ref()?, copies)));
        let origin = u32::try_from(passing.pack).ok().map(|pack| (pack, passing.root));
        self.object(number, passing.kind, passing.data, base, origin)
    }

    // What is not read is missing from the count of what is.
    fn unreadable(&mut self, _: usize, _: u32) {}
}
