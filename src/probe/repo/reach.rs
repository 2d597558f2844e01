//! What refs, the stash and the other work trees reach, and what nothing reaches any more.

use std::collections::HashSet;

use gix::ObjectId;
use gix::bstr::BString;

use super::numbers::Numbers;
use super::open::Opened;
use super::survey::Survey;
use crate::evidence::repo::State;

/// Where refs and their like point, before any object is read.
#[derive(Default)]
pub(super) struct Tips {
    head: Option<ObjectId>,
    /// By name, sorted; what cannot be read has none.
    refs: Vec<(BString, Option<ObjectId>)>,
    stash: Vec<ObjectId>,
    shallow: Vec<ObjectId>,
    /// Heads of the other work trees.
    others: Vec<ObjectId>,
}

impl Tips {
    pub(super) fn of(opened: &Opened) -> Self {
        let mut tips = Self { head: opened.repo.head_id().ok().map(gix::Id::detach), ..Self::default() };
        match opened.repo.references().and_then(|platform| platform.all().map(Iterator::collect::<Vec<_>>)) {
            Ok(all) => {
                for reference in all {
                    let Ok(mut reference) = reference else {
                        tips.refs.push((BString::default(), None));
                        continue;
                    };
                    if reference.name().as_bstr() == "refs/stash" {
                        tips.stash.extend(logged(&reference));
                    }
                    let name = reference.name().as_bstr().to_owned();
                    tips.refs.push((name, reference.follow_to_object().ok().map(gix::Id::detach)));
                }
            }
            Err(_) => tips.refs.push((BString::default(), None)),
        }
        tips.refs.sort_unstable();
        tips.others = other_heads(opened);
        if let Ok(Some(commits)) = opened.repo.shallow_commits() {
            tips.shallow = commits.iter().copied().collect();
        }
        tips
    }

    /// The names of all refs.
    pub(super) fn names(&self) -> impl Iterator<Item = &BString> {
        self.refs.iter().map(|(name, _)| name)
    }

    /// Everything that the judgement of reachability rests on, for a digest.
    pub(super) fn write(&self, digest: &mut impl FnMut(&[u8])) {
        let mut ids = |ids: &mut dyn Iterator<Item = &ObjectId>| {
            for id in ids {
                digest(id.as_bytes());
            }
            digest(b"|");
        };
        ids(&mut self.head.iter());
        ids(&mut self.stash.iter());
        ids(&mut self.shallow.iter());
        ids(&mut self.others.iter());
        for (name, id) in &self.refs {
            digest(name);
            digest(b"\0");
            digest(id.as_ref().map_or(b"?".as_slice(), |id| id.as_bytes()));
        }
    }
}

#[derive(Default)]
pub(super) struct Reach {
    pub(super) head: Option<u32>,
    pub(super) by_refs: HashSet<u32>,
    pub(super) by_stash: HashSet<u32>,
    /// Tagged objects that are no commits.
    pub(super) objects: HashSet<u32>,
    /// Commits whose parents a shallow clone left out.
    pub(super) shallow: HashSet<u32>,
    /// Refs, `HEAD` and the stash included.
    pub(super) refs: u32,
    /// Refs whose object is not there.
    pub(super) broken_refs: u32,
}

impl Reach {
    pub(super) fn of(tips: &Tips, numbers: &Numbers, survey: &Survey) -> Self {
        let mut reach = Self::default();
        let number = |id: &ObjectId| numbers.present(id);
        let mut starts: Vec<u32> = tips.others.iter().filter_map(number).collect();
        let mut stash: Vec<u32> = tips.stash.iter().filter_map(number).collect();
        if let Some(head) = &tips.head {
            reach.refs += 1;
            reach.head = number(head);
            reach.broken_refs += u32::from(reach.head.is_none());
            starts.extend(reach.head);
        }
        for (name, id) in &tips.refs {
            reach.refs += u32::from(!name.is_empty());
            match id.as_ref().and_then(number) {
                Some(number) => (if name == "refs/stash" { &mut stash } else { &mut starts }).push(number),
                None => reach.broken_refs += 1,
            }
        }
        reach.shallow = tips.shallow.iter().filter_map(number).collect();
        (reach.by_refs, reach.objects) = closure(survey, starts);
        reach.by_stash = closure(survey, stash).0.difference(&reach.by_refs).copied().collect();
        reach
    }

    pub(super) fn group(&self, commit: u32) -> State {
        if self.by_refs.contains(&commit) {
            State::History
        } else if self.by_stash.contains(&commit) {
            State::Stash
        } else {
            State::Unreachable
        }
    }
}

/// The commits that `tips` reach, and the tagged objects that are no commits.
fn closure(survey: &Survey, tips: Vec<u32>) -> (HashSet<u32>, HashSet<u32>) {
    let (mut commits, mut objects) = (HashSet::new(), HashSet::new());
    let mut pending = tips;
    while let Some(number) = pending.pop() {
        if let Some(target) = survey.tags.get(&number) {
            if objects.insert(number) {
                pending.push(*target);
            }
        } else if let Some(commit) = survey.commits.get(&number) {
            if commits.insert(number) {
                pending.extend(&commit.parents);
            }
        } else {
            objects.insert(number);
        }
    }
    (commits, objects)
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
    let mut files = vec![opened.repo.common_dir().join("HEAD")];
    if let Ok(listing) = std::fs::read_dir(opened.repo.common_dir().join("worktrees")) {
        files.extend(listing.filter_map(Result::ok).take(1000).map(|entry| entry.path().join("HEAD")));
    }
    files
        .iter()
        .filter_map(|file| super::folder::read(file, 4096).ok())
        .filter_map(|text| ObjectId::from_hex(text.trim_ascii()).ok())
        .collect()
}
