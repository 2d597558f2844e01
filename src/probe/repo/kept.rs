//! What a reading found, in the form in which it is kept: no value is in it.

use std::collections::HashMap;

use gix::ObjectId;
use serde::{Deserialize, Serialize};

use super::content::Content;
use super::history::{Blob, Caught, History, Occurrence, Spoken};
use super::sum::{LONGEST_PATH, shown};
use crate::detect::secrets;
use crate::evidence::repo::{CommitMark, Confidence, State};

/// [`History`] without a value.
#[derive(Deserialize, Serialize)]
pub(super) struct Kept {
    blobs: Vec<(String, KeptBlob)>,
    messages: Vec<(CommitMark, Vec<KeptHit>)>,
    names: Vec<KeptHit>,
    occurrences: Vec<KeptPlace>,
    submodules: Vec<String>,
    /// In the order of [`History`]'s own fields.
    counts: [u64; 12],
    cut_short: bool,
    too_deep: bool,
}

#[derive(Deserialize, Serialize)]
struct KeptBlob {
    content: Content,
    oversize: bool,
    hits: Vec<KeptHit>,
    env: Option<super::env::Assignments>,
}

#[derive(Deserialize, Serialize)]
struct KeptHit {
    rule: String,
    what: String,
    confidence: Confidence,
    in_fixture: Confidence,
    anywhere: Confidence,
    listed: bool,
    line: u32,
    name: Option<String>,
    allowed: bool,
    random: bool,
    hint: String,
    fingerprint: String,
}

#[derive(Deserialize, Serialize)]
struct KeptPlace {
    path: String,
    blob: String,
    state: State,
    first: Option<CommitMark>,
    removed: Option<CommitMark>,
    generation: u32,
}

impl Kept {
    pub(super) fn of(history: &History) -> Self {
        let hits = |caught: &[Caught]| caught.iter().map(KeptHit::of).collect::<Vec<_>>();
        Self {
            blobs: history
                .blobs
                .iter()
                .map(|(id, blob)| {
                    let kept = KeptBlob {
                        content: blob.content,
                        oversize: blob.oversize,
                        hits: hits(&blob.caught),
                        env: blob.env.clone(),
                    };
                    (id.to_string(), kept)
                })
                .collect(),
            messages: history.messages.iter().map(|spoken| (spoken.mark.clone(), hits(&spoken.caught))).collect(),
            names: hits(&history.names),
            occurrences: history
                .occurrences
                .iter()
                .map(|place| KeptPlace {
                    path: shown(&place.path, LONGEST_PATH),
                    blob: place.blob.to_string(),
                    state: place.state,
                    first: place.first.clone(),
                    removed: place.removed.clone(),
                    generation: place.generation,
                })
                .collect(),
            submodules: history.submodules.iter().map(|path| shown(path, LONGEST_PATH)).collect(),
            counts: [
                history.refs.into(),
                history.commits.into(),
                history.tags.into(),
                history.trees.into(),
                history.blob_count.into(),
                history.bytes,
                history.binaries.into(),
                history.media.into(),
                history.missing.into(),
                history.damaged.into(),
                history.broken_refs.into(),
                0,
            ],
            cut_short: history.cut_short,
            too_deep: history.too_deep,
        }
    }

    pub(super) fn history(self) -> History {
        let mut rules = Rules::default();
        let mut hits = |kept: Vec<KeptHit>| kept.into_iter().map(|hit| hit.caught(&mut rules)).collect::<Vec<_>>();
        let id = |text: &str| ObjectId::from_hex(text.as_bytes()).ok();
        let mut blobs = HashMap::new();
        for (text, kept) in self.blobs {
            if let Some(id) = id(&text) {
                let blob =
                    Blob { content: kept.content, oversize: kept.oversize, caught: hits(kept.hits), env: kept.env };
                blobs.insert(id, blob);
            }
        }
        let [refs, commits, tags, trees, blob_count, bytes, binaries, media, missing, damaged, broken_refs, _] =
            self.counts;
        let count = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        History {
            blobs,
            messages: self.messages.into_iter().map(|(mark, kept)| Spoken { mark, caught: hits(kept) }).collect(),
            names: hits(self.names),
            occurrences: self
                .occurrences
                .into_iter()
                .filter_map(|kept| {
                    Some(Occurrence {
                        blob: id(&kept.blob)?,
                        path: kept.path,
                        state: kept.state,
                        first: kept.first,
                        removed: kept.removed,
                        generation: kept.generation,
                    })
                })
                .collect(),
            submodules: self.submodules,
            refs: count(refs),
            commits: count(commits),
            tags: count(tags),
            trees: count(trees),
            blob_count: count(blob_count),
            bytes,
            binaries: count(binaries),
            media: count(media),
            missing: count(missing),
            damaged: count(damaged),
            broken_refs: count(broken_refs),
            cut_short: self.cut_short,
            too_deep: self.too_deep,
        }
    }
}

impl KeptHit {
    fn of(caught: &Caught) -> Self {
        let hit = &caught.hit;
        Self {
            rule: hit.rule.to_string(),
            what: hit.what.clone(),
            confidence: hit.confidence,
            in_fixture: hit.in_fixture,
            anywhere: hit.anywhere,
            listed: hit.listed,
            line: hit.line,
            name: hit.name.clone(),
            allowed: hit.allowed,
            random: hit.random,
            hint: hit.hint.clone(),
            fingerprint: caught.fingerprint.clone(),
        }
    }

    fn caught(self, rules: &mut Rules) -> Caught {
        let hit = secrets::Hit {
            rule: rules.named(self.rule),
            what: self.what,
            confidence: self.confidence,
            in_fixture: self.in_fixture,
            anywhere: self.anywhere,
            listed: self.listed,
            line: self.line,
            span: 0..0,
            name: self.name,
            allowed: self.allowed,
            random: self.random,
            hint: self.hint,
        };
        Caught { hit, fingerprint: self.fingerprint, value: None }
    }
}

/// The ids of rules live as long as the process; there are a few hundred of them.
#[derive(Default)]
struct Rules(HashMap<String, &'static str>);

impl Rules {
    fn named(&mut self, rule: String) -> &'static str {
        if let Some(known) = self.0.get(&rule) {
            return known;
        }
        let kept: &'static str = Box::leak(rule.clone().into_boxed_str());
        self.0.insert(rule, kept);
        kept
    }
}
