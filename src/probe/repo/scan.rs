//! One reading of a repository, for every question about its secrets: history, index and work tree added up.

use std::collections::HashSet;

use gix::ObjectId;

use super::env::Assignments;
use super::folder::{self, Enter};
use super::gaps;
use super::history;
use super::open::{Found, Opened};
use super::sum::{Seen, Sum};
use super::tree::Held;
use super::{Budget, Scan, Settings, shipping};
use crate::detect::secrets;
use crate::evidence::Unseen;
use crate::evidence::repo::{Coverage, EnvFile, EnvFiles, GapKind, State};
use crate::target::Extent;

pub(super) fn scan(found: &Found, settings: &Settings<'_>, budget: &Budget) -> Result<Scan, Unseen> {
    let key = settings.key;
    let mut sum = Sum::new(key, settings.rules);
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
                sum.file(entry, State::WorkTree, Held::NoGit, budget);
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
            let heavy = super::sum::shown(&walked.heavy.join(", "), 300);
            let what = "ignored folders of dependencies and build results were not entered, not even for env files";
            sum.coverage.notes.push(format!("{what}: {heavy}"));
        }
        sum.nested(&walked);
        let files: Vec<(&str, &EnvFile)> =
            sum.env.iter().filter(|(_, file)| file.exists).map(|(path, file)| (path.as_str(), file)).collect();
        let shipped = shipping::find(root, &walked.entries, &files);
        env.shipped = shipped.found;
        env.shipping_gaps = shipped.unclear;
    }
    env.files = std::mem::take(&mut sum.env).into_values().collect();
    Ok(sum.finish(env))
}

impl Sum<'_> {
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
        gaps::completeness(opened, &history, self);
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
        let unread = Assignments::default();
        let loose = |place: &&history::Occurrence| place.first.is_none() && place.state == State::Unreachable;
        for place in history.occurrences.iter().filter(|place| !loose(place) || !staged.contains(&place.blob)) {
            let Some(blob) = history.blobs.get(&place.blob) else { continue };
            gaps::unread(&place.path, blob.content, blob.oversize, self);
            for caught in &blob.caught {
                let seen = Seen {
                    path: &place.path,
                    state: place.state,
                    first: place.first.as_ref(),
                    removed: place.removed.as_ref(),
                };
                self.sight(caught, seen);
            }
            // A dangling copy says nothing about the history of the path.
            if place.state != State::Unreachable
                && secrets::is_env_name(place.path.rsplit('/').next().unwrap_or_default())
            {
                // One that was not read was in git all the same.
                let assignments = blob.env.as_ref().unwrap_or(&unread);
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
                self.sight(caught, Seen { first: Some(&spoken.mark), ..Seen::at("", State::Message) });
            }
        }
        for caught in &history.names {
            self.sight(caught, Seen::at("(the name itself)", State::Name));
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
        let staged = self.index(opened, Extent::Whole)?;
        self.work_tree(opened, &staged, budget).map(Some)
    }
}
