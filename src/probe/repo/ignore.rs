//! Whether git ignores a path, by git's own rules as gix implements them.

use std::collections::HashMap;
use std::path::Path;

use super::folder;
use super::heads;
use super::open::{Found, Opened};
use crate::evidence::Unseen;
use crate::evidence::repo::{Covered, GitignoreFile, IgnoreRule, Ignored, IgnoredAsk};

pub(super) fn answer(found: &Found, asked: &IgnoredAsk) -> Result<Ignored, Unseen> {
    match found {
        Found::Folder(root) => Err(Unseen::NoEvidence(format!(
            "no git repository at {}: git ignores nothing there (git init)",
            root.display()
        ))),
        Found::Git(opened) => {
            let mut rules = Rules::of(opened)?;
            let mut names = Vec::with_capacity(asked.names.len());
            for name in &asked.names {
                let (by, negated) = match rules.decide(name, false)? {
                    Some((rule, true)) => (None, Some(rule)),
                    Some((rule, false)) => (Some(rule), None),
                    None => (None, None),
                };
                names.push(Covered { name: name.clone(), by, negated, tracked: rules.is_tracked(name) });
            }
            Ok(Ignored { names, files: rules.files() })
        }
    }
}

/// The matcher of one repository.
pub(super) struct Rules<'repo> {
    stack: gix::AttributeStack<'repo>,
    /// By the rules of the index and of `HEAD`: what both ignore, every clone will ignore.
    shared: Vec<gix::AttributeStack<'repo>>,
    index: gix::worktree::Index,
    opened: &'repo Opened,
    root: &'repo Path,
    /// Whether the `.gitignore` of a folder holds a NUL byte.
    cut: HashMap<String, bool>,
}

/// More is read of no `.gitignore`.
const LARGEST: u64 = 4 * 1024 * 1024;

impl<'repo> Rules<'repo> {
    pub(super) fn of(opened: &'repo Opened) -> Result<Self, Unseen> {
        use gix::worktree::stack::state::ignore::Source;
        let malformed = |error: gix::Error| {
            Unseen::Malformed(format!("the ignore rules cannot be read: {}", super::bounded(&error.to_string(), 200)))
        };
        let tree = opened.repo.head_tree_id_or_empty().map_err(malformed)?;
        let head = if tree.is_empty_tree() {
            // git knows the empty tree without having it.
            let state = gix::index::State::new(opened.repo.object_hash());
            gix::index::File::from_state(state, opened.repo.index_path())
        } else {
            heads::index(&opened.repo, tree.detach())
                .map_err(|error| Unseen::Malformed(format!("the ignore rules of HEAD cannot be read: {error}")))?
        };
        let mut shared = vec![opened.repo.excludes(&head, None, Source::IdMapping).map_err(malformed)?];
        let index = if opened.is_bare() {
            gix::worktree::Index::new(gix::fs::FileSnapshot::new(head))
        } else {
            let index = opened.repo.index_or_empty().map_err(malformed)?;
            shared.push(opened.repo.excludes(&index, None, Source::IdMapping).map_err(malformed)?);
            index
        };
        let source = Source::WorktreeThenIdMappingIfNotSkipped.adjust_for_bare(opened.is_bare());
        let stack = opened.repo.excludes(&index, None, source).map_err(malformed)?;
        Ok(Self { stack, shared, index, opened, root: &opened.root, cut: HashMap::new() })
    }

    /// The deciding rule of a path and whether it is a `!` rule; a rule on a folder above decides for what is below.
    pub(super) fn decide(&mut self, name: &str, folder: bool) -> Result<Option<(IgnoreRule, bool)>, Unseen> {
        if let Some(file) = self.cut_short(name) {
            // git takes a pattern to end at a NUL byte, the matcher here does not.
            return Err(Unseen::Malformed(format!("{file} holds a NUL byte, where git ends a rule: remove it")));
        }
        let mode = folder.then_some(gix::index::entry::Mode::DIR);
        let platform = self.stack.at_path(name, mode).map_err(|error| {
            Unseen::Malformed(format!(
                "the ignore rules for {name} cannot be read: {}",
                super::bounded(&error.to_string(), 200)
            ))
        })?;
        let Some(found) = platform.matching_exclude_pattern() else { return Ok(None) };
        let source = found.source.map(Path::to_owned).unwrap_or_default();
        let pattern = super::sum::shown(&found.pattern.to_string(), 200);
        let line = u32::try_from(found.sequence_number).unwrap_or(u32::MAX);
        let negated = found.pattern.is_negative();
        let absolute = if source.is_absolute() { source.clone() } else { self.root.join(&source) };
        let inside = absolute.strip_prefix(self.root).ok().map(|path| path.to_string_lossy().replace('\\', "/"));
        // `info/exclude` and `core.excludesFile` are this clone's own: teammates do not have them.
        let in_tree = inside
            .as_deref()
            .is_some_and(|path| path.ends_with(".gitignore") && !path.starts_with(".git/") && self.is_tracked(path));
        let shared = in_tree && !negated && self.shared.iter_mut().all(|stack| ignores(stack, name, mode));
        let file = super::sum::shown(&inside.unwrap_or_else(|| source.display().to_string()), 1000);
        Ok(Some((IgnoreRule { file, line, pattern, shared }, negated)))
    }

    /// The `.gitignore` that decides on `name`, or may, and that git reads otherwise than the matcher here.
    fn cut_short(&mut self, name: &str) -> Option<String> {
        let folders = std::iter::once("").chain(name.match_indices('/').filter_map(|(at, _)| name.get(..at)));
        for folder in folders {
            let file = if folder.is_empty() { ".gitignore".to_owned() } else { format!("{folder}/.gitignore") };
            let cut = match self.cut.get(folder) {
                Some(known) => *known,
                None => {
                    let cut = self.holds_nul(&file);
                    self.cut.insert(folder.to_owned(), cut);
                    cut
                }
            };
            if cut {
                return Some(super::sum::shown(&file, 300));
            }
        }
        None
    }

    fn holds_nul(&self, file: &str) -> bool {
        let stands = (!self.opened.is_bare()).then(|| folder::read(&self.root.join(file), LARGEST).ok()).flatten();
        let staged = || {
            let entry = self.index.entry_by_path(file.into())?;
            self.opened.repo.find_blob(entry.id).ok().map(|mut blob| blob.take_data())
        };
        stands.or_else(staged).is_some_and(|bytes| bytes.contains(&0))
    }

    pub(super) fn is_tracked(&self, name: &str) -> bool {
        self.index.entry_by_path(name.into()).is_some()
    }

    /// The `.gitignore` files that git would read, as far as they are tracked or stand at the root.
    fn files(&self) -> Vec<GitignoreFile> {
        let shown = |path: &str| super::sum::shown(path, 1000);
        let mut files: Vec<GitignoreFile> = self
            .index
            .entries()
            .iter()
            .map(|entry| entry.path(&self.index).to_string())
            .filter(|path| path.rsplit('/').next() == Some(".gitignore"))
            .map(|path| GitignoreFile { path: shown(&path), tracked: true })
            .take(100)
            .collect();
        if !self.is_tracked(".gitignore") && self.root.join(".gitignore").is_file() {
            files.insert(0, GitignoreFile { path: ".gitignore".into(), tracked: false });
        }
        files
    }
}

/// Whether a rule of a `.gitignore` in the tree itself ignores the path, by what git holds and not by what lies in the
/// work tree: a change that is not committed, `git add -N` and `--skip-worktree` share nothing.
fn ignores(stack: &mut gix::AttributeStack<'_>, name: &str, mode: Option<gix::index::entry::Mode>) -> bool {
    stack.at_path(name, mode).is_ok_and(|platform| {
        platform.matching_exclude_pattern().is_some_and(|found| {
            let in_tree = found.source.is_some_and(|source| {
                source.is_relative() && source.file_name().is_some_and(|name| name == ".gitignore")
            });
            in_tree && !found.pattern.is_negative()
        })
    })
}
