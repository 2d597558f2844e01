//! Where each blob of interest stands: under which path, since which commit, until which, and who still sees it.

use std::collections::{BTreeMap, HashMap, HashSet};

use gix::bstr::{BString, ByteSlice as _};
use gix::objs::Kind;
use gix::objs::tree::EntryKind;

use super::Budget;
use super::history::{Occurrence, mark};
use super::numbers::Store;
use super::pack::{Course, Family, Passing, Visit};
use super::parallel::each;
use super::reach::Reach;
use super::survey::{Commit, LOOSE, SUBMODULE, Survey};
use super::trees::{self, Mark};
use crate::evidence::repo::State;

/// Deeper trees are hostile: git itself refuses to check them out.
const DEEPEST: usize = 512;

/// Places at most: a few trees that name each other many times over make more paths than any machine can list.
const MOST_PLACES: usize = 500_000;

/// Missing objects that are followed one by one; a clone that lacks more is far from whole in any case.
const MOST_MISSING: usize = 10_000;

#[derive(Default)]
pub(super) struct Placed {
    pub(super) occurrences: Vec<Occurrence>,
    /// Objects that a ref reaches and that are not there.
    pub(super) missing: u32,
    pub(super) too_deep: bool,
    pub(super) cut_short: bool,
}

pub(super) fn place(
    store: &Store,
    survey: &Survey,
    reach: &Reach,
    blobs: &HashSet<u32>,
    hash: gix::hash::Kind,
    budget: &Budget,
) -> Placed {
    let absent = store.numbers.missing();
    if blobs.is_empty() && absent == 0 {
        return Placed::default();
    }
    let (marked, cut_short) = marked(store, survey, blobs, hash, budget);
    let mut places = Places { store, survey, marked, of_interest: Vec::new(), count: 0, too_deep: false };
    places.find_interest(blobs);
    let mut occurrences = places.stand(reach);
    let placed: HashSet<u32> = occurrences.iter().map(|(number, _)| *number).collect();
    for blob in blobs.iter().filter(|blob| !placed.contains(*blob)) {
        let Some(id) = store.numbers.id(*blob) else { continue };
        let name = survey.called.best.get(blob).map_or_else(String::new, |name| survey.names.text(*name));
        occurrences.push((
            *blob,
            Occurrence {
                path: if name.is_empty() { format!("(object {})", id.to_hex_with_len(12)) } else { name },
                blob: id,
                state: if reach.objects.contains(blob) { State::History } else { State::Unreachable },
                first: None,
                removed: None,
                generation: u32::MAX,
            },
        ));
    }
    let when = |place: &Occurrence| place.first.as_ref().map(|first| first.when);
    let mut occurrences: Vec<Occurrence> = occurrences.into_iter().map(|(_, place)| place).collect();
    occurrences.sort_by_key(|place| (when(place), place.generation, place.path.clone(), place.blob));
    Placed { missing: places.missing(reach), occurrences, too_deep: places.too_deep, cut_short }
}

/// For each tree, the blobs of interest that it names. Only families in which one appears are read again.
fn marked(
    store: &Store,
    survey: &Survey,
    blobs: &HashSet<u32>,
    hash: gix::hash::Kind,
    budget: &Budget,
) -> (HashMap<u32, Vec<Mark>>, bool) {
    let few_missing = store.numbers.missing() <= MOST_MISSING;
    let wanted = |blob: u32| blobs.contains(&blob) || few_missing && !store.numbers.is_present(blob);
    let (mut families, mut in_loose): (HashSet<(u32, u32)>, bool) = (HashSet::new(), false);
    for (_, origin) in survey.origins.iter().filter(|(blob, _)| wanted(*blob)) {
        match origin {
            Some(family) => {
                families.insert(*family);
            }
            None => in_loose = true,
        }
    }
    let mut families: Vec<Family> =
        families.into_iter().map(|(pack, root)| (pack as usize, root, Kind::Tree)).collect();
    families.sort_unstable_by_key(|(pack, root, _)| (*pack, *root));
    let fresh = || Marker { store, survey, hash, wanted: &wanted, marked: HashMap::new() };
    let (mut parts, mut cut_short) = Course { packs: &store.packs, families: &families, budget }.walk(fresh);
    if in_loose {
        let (more, cut) = each(store.loose.len(), LOOSE, budget, fresh, Marker::loose);
        parts.extend(more);
        cut_short |= cut;
    }
    (parts.into_iter().flat_map(|part| part.marked).collect(), cut_short)
}

struct Marker<'a> {
    store: &'a Store,
    survey: &'a Survey,
    hash: gix::hash::Kind,
    wanted: &'a (dyn Fn(u32) -> bool + Sync),
    marked: HashMap<u32, Vec<Mark>>,
}

impl Marker<'_> {
    fn loose(&mut self, place: usize) {
        let Some((store, id)) = self.store.loose.get(place) else { return };
        // The header first: a blob, or whatever calls itself huge, is never inflated here.
        let Ok(Some((size, Kind::Tree))) = store.try_header(id) else { return };
        if size > super::content::LARGEST {
            return;
        }
        let mut buffer = Vec::new();
        if let Ok(Some(object)) = store.try_find(id, &mut buffer) {
            self.tree(self.store.numbers.present(id), object.data, None);
        }
    }

    fn tree(
        &mut self,
        number: Option<u32>,
        data: &[u8],
        base: Option<(&trees::Read, &[super::delta::Copied])>,
    ) -> Option<trees::Read> {
        let read = trees::read(data, self.hash, base, |entry| match entry.kind {
            EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Link => {
                let object = self.store.numbers.named(gix::oid::try_from_bytes(entry.id).ok()?);
                let name = self.survey.names.known(entry.name)?;
                (self.wanted)(object).then_some(Mark { name, object })
            }
            EntryKind::Tree | EntryKind::Commit => None,
        })?;
        if let (Some(number), false) = (number, read.marks.is_empty()) {
            self.marked.insert(number, read.marks.iter().map(|(_, mark)| *mark).collect());
        }
        Some(read)
    }
}

impl Visit for Marker<'_> {
    type State = Option<trees::Read>;

    fn visit(&mut self, passing: &Passing<'_, Self::State>) -> Self::State {
        let base = passing.base.and_then(|(state, copies)| Some((state.as_ref()?, copies)));
        self.tree(self.store.number(passing.pack, passing.position), passing.data, base)
    }

    // The survey has counted it already.
    fn unreadable(&mut self, _: usize, _: u32) {}
}

struct Places<'a> {
    store: &'a Store,
    survey: &'a Survey,
    marked: HashMap<u32, Vec<Mark>>,
    /// By number: trees that hold a blob of interest, at any depth.
    of_interest: Vec<bool>,
    /// Places listed so far.
    count: usize,
    too_deep: bool,
}

/// A path and the blob that stands there.
type Stand = (BString, u32);

impl Places<'_> {
    fn find_interest(&mut self, blobs: &HashSet<u32>) {
        let mut of_interest = vec![false; self.store.numbers.len()];
        let mut set =
            |tree: u32| of_interest.get_mut(tree as usize).is_some_and(|known| !std::mem::replace(known, true));
        for (tree, marks) in &self.marked {
            if marks.iter().any(|mark| blobs.contains(&mark.object)) {
                set(*tree);
            }
        }
        // Once for each level of folders.
        loop {
            let mut more = false;
            for (tree, below) in &self.survey.below {
                let known = |tree: u32| of_interest.get(tree as usize).copied().unwrap_or(false);
                if !known(*tree) && below.iter().any(|mark| known(mark.object)) {
                    more = true;
                    if let Some(here) = of_interest.get_mut(*tree as usize) {
                        *here = true;
                    }
                }
            }
            if !more {
                break;
            }
        }
        self.of_interest = of_interest;
    }

    fn is_of_interest(&self, tree: u32) -> bool {
        self.of_interest.get(tree as usize).copied().unwrap_or(false)
    }

    /// First, last and state of each blob of interest under each path.
    fn stand(&mut self, reach: &Reach) -> Vec<(u32, Occurrence)> {
        let generations = generations(&self.survey.commits);
        let mut standing: BTreeMap<Stand, Standing> = BTreeMap::new();
        let mut head: HashSet<Stand> = HashSet::new();
        if let Some(commit) = reach.head.and_then(|head| self.survey.commits.get(&head)) {
            head.extend(self.added(commit.tree, &[]));
        }
        for (number, commit) in &self.survey.commits {
            let group = reach.group(*number);
            let moment = (commit.time, generations.get(number).copied().unwrap_or(0), *number);
            let parents: Vec<u32> = commit
                .parents
                .iter()
                .filter_map(|parent| self.survey.commits.get(parent).map(|parent| parent.tree))
                .collect();
            for place in self.added(commit.tree, &parents) {
                standing.entry(place).or_default().seen(group, moment);
            }
            if group == State::History {
                for parent in parents {
                    for place in self.added(parent, &[commit.tree]) {
                        standing.entry(place).or_default().removed(moment);
                    }
                }
            }
        }
        standing
            .into_iter()
            .filter_map(|(place, stood)| {
                let in_head = head.contains(&place);
                Some((place.1, stood.occurrence(self.store, place, in_head)?))
            })
            .collect()
    }

    /// What stands in `tree` and in none of the others.
    fn added(&mut self, tree: u32, others: &[u32]) -> Vec<Stand> {
        let mut added = Vec::new();
        if self.is_of_interest(tree) && !others.contains(&tree) {
            self.compare(tree, others, &mut Vec::new(), 0, &mut added);
        }
        added
    }

    fn compare(&mut self, tree: u32, others: &[u32], path: &mut Vec<u8>, depth: usize, added: &mut Vec<Stand>) {
        if depth >= DEEPEST || self.count >= MOST_PLACES {
            self.too_deep = true;
            return;
        }
        let survey = self.survey;
        let length = path.len();
        if let Some(marks) = self.marked.get(&tree) {
            for mark in marks.iter().filter(|mark| self.store.numbers.is_present(mark.object)) {
                let known = |other: &u32| self.marked.get(other).is_some_and(|marks| marks.contains(mark));
                if !others.iter().any(known) {
                    let name = survey.names.bytes(mark.name);
                    added.push(([path.as_slice(), name].concat().into(), mark.object));
                    self.count += 1;
                }
            }
        }
        for below in survey.below.get(&tree).map(Vec::as_slice).unwrap_or_default() {
            if !self.is_of_interest(below.object) {
                continue;
            }
            let others: Vec<u32> = others
                .iter()
                .filter_map(|other| survey.below.get(other)?.iter().find(|mark| mark.name == below.name))
                .map(|mark| mark.object)
                .collect();
            if others.contains(&below.object) {
                continue;
            }
            path.extend_from_slice(survey.names.bytes(below.name));
            path.push(b'/');
            self.compare(below.object, &others, path, depth + 1, added);
            path.truncate(length);
        }
    }

    /// Objects that are not there, and that a ref or the stash reaches. What only unreachable commits miss was pruned, as
    /// git does.
    fn missing(&self, reach: &Reach) -> u32 {
        let numbers = &self.store.numbers;
        let absent = numbers.missing();
        if absent == 0 || absent > MOST_MISSING {
            return u32::try_from(absent).unwrap_or(u32::MAX);
        }
        let mut lost: HashSet<u32> = HashSet::new();
        let mut visited: HashSet<u32> = HashSet::new();
        let mut pending: Vec<u32> = Vec::new();
        for (number, commit) in &self.survey.commits {
            let by_refs = reach.by_refs.contains(number);
            if by_refs || reach.by_stash.contains(number) {
                pending.push(commit.tree);
            }
            if by_refs && !reach.shallow.contains(number) {
                lost.extend(commit.parents.iter().filter(|parent| !numbers.is_present(**parent)));
            }
        }
        while let Some(tree) = pending.pop() {
            if !visited.insert(tree) {
                continue;
            }
            if !numbers.is_present(tree) {
                lost.insert(tree);
                continue;
            }
            let marks = self.marked.get(&tree).into_iter().flatten();
            lost.extend(marks.map(|mark| mark.object).filter(|blob| !numbers.is_present(*blob)));
            let below = self.survey.below.get(&tree).into_iter().flatten();
            pending.extend(below.map(|mark| mark.object).filter(|tree| *tree != SUBMODULE));
        }
        // git knows the empty tree without having it.
        let is_empty = |number: u32| numbers.id(number).is_some_and(|id| id.is_empty_tree());
        u32::try_from(lost.into_iter().filter(|number| !is_empty(*number)).count()).unwrap_or(u32::MAX)
    }
}

/// The length of the longest line of parents behind each commit.
fn generations(commits: &BTreeMap<u32, Commit>) -> HashMap<u32, u32> {
    let mut known: HashMap<u32, u32> = HashMap::with_capacity(commits.len());
    for start in commits.keys() {
        let mut pending = vec![*start];
        while let Some(number) = pending.last().copied() {
            let Some(commit) = commits.get(&number).filter(|_| !known.contains_key(&number)) else {
                pending.pop();
                continue;
            };
            let before = pending.len();
            pending.extend(
                commit.parents.iter().filter(|parent| commits.contains_key(parent) && !known.contains_key(parent)),
            );
            if pending.len() == before {
                let longest = commit.parents.iter().filter_map(|parent| known.get(parent)).max();
                known.insert(number, longest.map_or(0, |longest| longest + 1));
                pending.pop();
            }
        }
    }
    known
}

/// When, of which generation (a child's is higher than its parents'), in which commit.
type Moment = (i64, u32, u32);

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

    fn occurrence(self, store: &Store, (path, blob): Stand, in_head: bool) -> Option<Occurrence> {
        let told = |(time, _, number): Moment| store.numbers.id(number).map(|id| mark(id, time));
        // States are ordered, the most public first.
        let first = self.first.iter().next().map(|(state, moment)| (*state, *moment));
        let state = if in_head { State::Head } else { first.map_or(State::Unreachable, |(state, _)| state) };
        Some(Occurrence {
            path: path.to_str_lossy().into_owned(),
            blob: store.numbers.id(blob)?,
            state,
            first: first.and_then(|(_, moment)| told(moment)),
            removed: self.removed.filter(|_| !in_head).and_then(told),
            generation: first.map_or(u32::MAX, |(_, (_, generation, _))| generation),
        })
    }
}
