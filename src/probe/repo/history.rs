//! Reads every object of a repository once, whether or not a ref reaches it, and finds out where each secret stood.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use gix::ObjectId;

use super::cache::Cache;
use super::numbers::Store;
use super::open::Opened;
use super::place::place;
use super::reach::{Reach, Tips};
pub(super) use super::search::Blob;
use super::search::Search;
use super::submodules;
use super::survey::Survey;
use super::{Budget, Settings};
use crate::detect::secrets::{self, Hit};
use crate::evidence::Unseen;
use crate::evidence::repo::{CommitMark, State};
use crate::probe::fingerprint::Key;
use crate::probe::secret::Secret;

/// What an earlier run found in the same objects, where that is known and enough; else everything is read.
pub(super) fn read(opened: &Opened, settings: &Settings<'_>, budget: &Budget) -> Result<History, Unseen> {
    let tips = Tips::of(opened);
    let cache = settings.cache.and_then(|folder| Cache::of(folder, opened, &tips, settings));
    if let Some(cache) = cache.as_ref().filter(|_| !settings.values)
        && let Some(known) = cache.load()
    {
        return Ok(known);
    }
    let history = objects(opened, &tips, settings, budget)?;
    if let Some(cache) = cache.filter(|_| !history.cut_short) {
        cache.store(&history);
    }
    Ok(history)
}

fn objects(opened: &Opened, tips: &Tips, settings: &Settings<'_>, budget: &Budget) -> Result<History, Unseen> {
    let (key, rules) = (settings.key, settings.rules.map(|own| &own.rules));
    let hash = opened.repo.object_hash();
    let store = Store::open(opened)?;
    let survey = Survey::of(&store, hash, key, rules, budget);
    let search = Search::of(&store, &survey, key, rules, budget);
    let reach = Reach::of(tips, &store.numbers, &survey);
    let blobs: HashSet<u32> = search.blobs.keys().copied().collect();
    let placed = place(&store, &survey, &reach, &blobs, hash, budget);
    let cut_short = survey.cut_short || search.cut_short || placed.cut_short;
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    // What is there and was not read is damaged, unless there was no time.
    let unread = store.numbers.len().saturating_sub(survey.read + search.read);
    Ok(History {
        refs: reach.refs,
        commits: count(survey.commits.len()),
        tags: count(survey.tags.len()),
        trees: survey.trees,
        blob_count: search.count,
        bytes: search.bytes,
        binaries: search.binaries,
        media: search.media,
        missing: placed.missing,
        damaged: store.broken + if cut_short { 0 } else { count(unread) },
        broken_refs: reach.broken_refs,
        cut_short,
        too_deep: placed.too_deep,
        occurrences: placed.occurrences,
        names: names(tips, &survey, key),
        submodules: submodules::paths(&survey),
        messages: survey.messages,
        blobs: search.blobs.into_iter().filter_map(|(number, blob)| Some((store.numbers.id(number)?, blob))).collect(),
    })
}

/// Tokens that stand in the names of files and refs.
fn names(tips: &Tips, survey: &Survey, key: &Key) -> Vec<Caught> {
    survey.names.all().chain(tips.names()).flat_map(|name| catch(&secrets::detect_tokens(name), name, key)).collect()
}

/// What the objects of a repository show.
#[derive(Default)]
pub(super) struct History {
    /// The blobs that have something to say.
    pub(super) blobs: HashMap<ObjectId, Blob>,
    pub(super) messages: Vec<Spoken>,
    /// Secrets that files or refs are named after.
    pub(super) names: Vec<Caught>,
    pub(super) occurrences: Vec<Occurrence>,
    /// Paths of submodules in any tree.
    pub(super) submodules: Vec<String>,
    pub(super) refs: u32,
    pub(super) commits: u32,
    pub(super) tags: u32,
    pub(super) trees: u32,
    pub(super) blob_count: u32,
    pub(super) bytes: u64,
    pub(super) binaries: u32,
    pub(super) media: u32,
    /// Objects that a ref reaches and that are not there.
    pub(super) missing: u32,
    /// Objects that are there and cannot be read.
    pub(super) damaged: u32,
    /// Refs whose object is not there.
    pub(super) broken_refs: u32,
    pub(super) cut_short: bool,
    pub(super) too_deep: bool,
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

/// A hit with its value, which goes to the vault and nowhere else.
#[derive(Clone)]
pub(super) struct Caught {
    pub(super) hit: Hit,
    pub(super) fingerprint: String,
    /// `None` where an earlier run found it.
    pub(super) value: Option<Secret>,
}

/// The hits of one text with their fingerprints.
pub(super) fn catch(hits: &[Hit], text: &[u8], key: &Key) -> Vec<Caught> {
    hits.iter()
        .map(|hit| {
            let value = String::from_utf8_lossy(text.get(hit.span.clone()).unwrap_or_default()).into_owned();
            // A secret may itself be the name of another.
            let name = hit.name.as_deref().map(|name| super::sum::shown(name, 200));
            let hit = Hit { name, ..hit.clone() };
            Caught { hit, fingerprint: key.fingerprint(&value), value: Some(Secret::new(value)) }
        })
        .collect()
}

pub(super) fn mark(id: ObjectId, time: i64) -> CommitMark {
    CommitMark { id: id.to_string(), when: DateTime::<Utc>::from_timestamp(time, 0).unwrap_or_default() }
}
