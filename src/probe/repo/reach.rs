//! What refs, the stash and the other work trees reach, and what nothing reaches any more.

use std::collections::HashSet;

use gix::ObjectId;

use super::numbers::Numbers;
use super::open::Opened;
use super::survey::Survey;
use crate::evidence::repo::State;

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
    pub(super) fn of(opened: &Opened, numbers: &Numbers, survey: &Survey) -> Self {
        let mut reach = Self::default();
        let (mut tips, mut stash) = (Vec::new(), Vec::new());
        let number = |id: &ObjectId| numbers.present(id);
        if let Ok(head) = opened.repo.head_id() {
            reach.refs += 1;
            reach.head = number(&head.detach());
            reach.broken_refs += u32::from(reach.head.is_none());
            tips.extend(reach.head);
        }
        match opened.repo.references().and_then(|platform| platform.all().map(|all| all.collect::<Vec<_>>())) {
            Ok(all) => {
                for reference in all {
                    let Ok(mut reference) = reference else {
                        reach.broken_refs += 1;
                        continue;
                    };
                    reach.refs += 1;
                    let is_stash = reference.name().as_bstr() == "refs/stash";
                    if is_stash {
                        stash.extend(logged(&reference).iter().filter_map(number));
                    }
                    match reference.follow_to_object().ok().and_then(|id| number(&id.detach())) {
                        Some(number) => (if is_stash { &mut stash } else { &mut tips }).push(number),
                        None => reach.broken_refs += 1,
                    }
                }
            }
            Err(_) => reach.broken_refs += 1,
        }
        tips.extend(other_heads(opened).iter().filter_map(number));
        if let Ok(Some(commits)) = opened.repo.shallow_commits() {
            reach.shallow = commits.iter().filter_map(number).collect();
        }
        (reach.by_refs, reach.objects) = closure(survey, tips);
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
