//! What the manifests of the repository publish.

use super::hosts;
use crate::check::{Finding, Place, Verdict};
use crate::evidence::manifest::{Manifests, Subject, Weight};
use crate::evidence::{Evidence, Unseen};
use crate::target::{Reach, Target};

pub(super) fn manifests() -> Manifests {
    Manifests { about: Subject::Exposure }
}

/// Judges the manifests; how many were read, where there is a repository to read.
pub(super) fn judge_repository(target: &Target, evidence: &Evidence, verdict: &mut Verdict) -> Option<u32> {
    match target.repository() {
        Ok(_) => {}
        Err(absent) if absent.is_out_of_scope() => return None,
        Err(absent) => {
            verdict.notes(absent.to_string());
            return None;
        }
    }
    let found = match evidence.of(&manifests()) {
        Ok(found) => found,
        Err(unseen) => {
            verdict.not_seen(unseen);
            return None;
        }
    };
    let reach = target
        .deployment
        .as_ref()
        .map_or(Reach::Loopback, |deployment| hosts(deployment).iter().map(|host| host.reach).min().unwrap_or_default())
        // A manifest that stays on its own machine publishes nothing.
        .max(Reach::Loopback);
    for mark in &found.marks {
        let place = Place::file(mark.file.clone(), mark.line);
        match mark.weight {
            Weight::Fault if mark.reach.is_none_or(|published| published > reach) => {
                verdict.finds(Finding::new(mark.what.clone(), place).aspect(mark.subject()));
            }
            Weight::Fault => {
                verdict.notes(format!("{}: {}, within the declared reach", place.words().data(), mark.what));
            }
            Weight::Unread => {
                verdict.not_seen(Unseen::Malformed(format!("{}: {}", place.words().data(), mark.what)));
            }
            Weight::Note => verdict.notes(format!("{}: {}", place.words().data(), mark.what)),
        }
    }
    for skipped in &found.skipped {
        verdict.not_seen(Unseen::Malformed(skipped.clone()));
    }
    for aside in &found.aside {
        verdict.notes(format!("not read: {aside}"));
    }
    Some(found.files)
}
