//! Lines of files that match a pattern, masked for secrets.

use std::collections::BTreeSet;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use regex::RegexBuilder;

use super::heads;
use super::open::{Found, Opened};
use super::{Budget, folder};
use crate::detect::secrets;
use crate::evidence::Unseen;
use crate::evidence::repo::{Line, Lines, Matches};

/// A source or configuration file that a person wrote is smaller.
const LARGEST: u64 = 4 * 1024 * 1024;
const MOST_LINES: usize = 2000;
const LONGEST_LINE: usize = 400;
/// A compiled pattern stays below this, whatever it says.
const PATTERN_SIZE: usize = 4 * 1024 * 1024;

pub(super) fn find(found: &Found, asked: &Lines, budget: &Budget) -> Result<Matches, Unseen> {
    let bug = |what: String| Unseen::Bug(format!("`{}` cannot be asked: {what}", asked.pattern));
    let pattern =
        RegexBuilder::new(&asked.pattern).size_limit(PATTERN_SIZE).build().map_err(|error| bug(error.to_string()))?;
    let globs = globs(&asked.globs).map_err(|error| bug(error.to_string()))?;
    let wanted = |name: &str| globs.is_match(name) || globs.is_match(name.rsplit('/').next().unwrap_or(name));
    let mut matches = Matches::default();
    let mut take = |name: &str, content: Result<Vec<u8>, String>| {
        let bytes = match content {
            Ok(bytes) => bytes,
            Err(why) => {
                if matches.unread.len() < 100 {
                    matches.unread.push(format!("{}: {why}", super::sum::shown(name, 200)));
                }
                return;
            }
        };
        let text = secrets::widen(&bytes).unwrap_or(bytes);
        if text.iter().take(8192).any(|byte| *byte == 0) {
            return;
        }
        matches.files += 1;
        for (index, line) in String::from_utf8_lossy(&text).lines().enumerate() {
            if !pattern.is_match(line) {
                continue;
            }
            if matches.lines.len() >= MOST_LINES {
                matches.truncated = true;
                return;
            }
            matches.lines.push(Line {
                path: super::sum::shown(name, 1000),
                line: u32::try_from(index + 1).unwrap_or(u32::MAX),
                text: super::bounded(&secrets::masked(name, line), LONGEST_LINE),
            });
        }
    };
    match found {
        Found::Folder(root) => {
            let walked =
                folder::walk(
                    root,
                    budget,
                    |name| if folder::is_heavy(name) { folder::Enter::No } else { folder::Enter::Yes },
                );
            for entry in walked.entries.iter().filter(|entry| entry.kind == folder::Kind::File && wanted(&entry.name)) {
                take(&entry.name, folder::read(&entry.path, LARGEST));
            }
            matches.unread.extend(walked.gaps);
        }
        Found::Git(opened) if opened.is_bare() => head_files(opened, &wanted, &mut take)?,
        Found::Git(opened) => {
            let index = opened.repo.index_or_empty().map_err(|error| {
                Unseen::Malformed(format!("the index cannot be read: {}", super::bounded(&error.to_string(), 200)))
            })?;
            let names: BTreeSet<String> = index
                .entries()
                .iter()
                .filter(|entry| {
                    entry.mode == gix::index::entry::Mode::FILE
                        || entry.mode == gix::index::entry::Mode::FILE_EXECUTABLE
                })
                .map(|entry| entry.path(&index).to_string())
                .filter(|name| wanted(name))
                .collect();
            for name in names {
                if budget.is_spent() {
                    return Err(Unseen::OverBudget("the time was up before every file was read".into()));
                }
                let path = opened.root.join(&name);
                if path.symlink_metadata().is_err() {
                    // Deleted in the work tree, or left out by a sparse checkout: the index has it.
                    take(&name, staged(opened, &index, &name));
                    continue;
                }
                // A folder on the way may be a symlink that leads out of the root.
                let inside = path.canonicalize().is_ok_and(|real| real.starts_with(&opened.root));
                take(
                    &name,
                    if inside { folder::read(&path, LARGEST) } else { Err("leads out of the repository".into()) },
                );
            }
        }
    }
    matches.lines.sort();
    Ok(matches)
}

fn globs(globs: &[String]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        set.add(GlobBuilder::new(glob).case_insensitive(true).literal_separator(true).build()?);
    }
    set.build()
}

fn staged(opened: &Opened, index: &gix::index::State, name: &str) -> Result<Vec<u8>, String> {
    let entry = index.entry_by_path(name.into()).ok_or("not in the index")?;
    opened.repo.find_blob(entry.id).map(|mut blob| blob.take_data()).map_err(|_| "its blob is missing".into())
}

/// Told each wanted file of HEAD: its path, and its bytes or why they cannot be read.
type Take<'a> = dyn FnMut(&str, Result<Vec<u8>, String>) + 'a;

fn head_files(opened: &Opened, wanted: &dyn Fn(&str) -> bool, take: &mut Take<'_>) -> Result<(), Unseen> {
    let malformed = |error: gix::Error| {
        Unseen::Malformed(format!("HEAD cannot be read: {}", super::bounded(&error.to_string(), 200)))
    };
    let tree = opened.repo.head_tree_id_or_empty().map_err(malformed)?;
    let index = heads::index(&opened.repo, tree.detach())
        .map_err(|error| Unseen::Malformed(format!("HEAD cannot be read: {error}")))?;
    for entry in index.entries() {
        let name = entry.path(&index).to_string();
        if wanted(&name) {
            take(&name, staged(opened, &index, &name));
        }
    }
    Ok(())
}
