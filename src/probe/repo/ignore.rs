//! Whether git ignores a path, by git's own rules as gix implements them.

use std::path::Path;

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
    index: gix::worktree::Index,
    root: &'repo Path,
}

impl<'repo> Rules<'repo> {
    pub(super) fn of(opened: &'repo Opened) -> Result<Self, Unseen> {
        use gix::worktree::stack::state::ignore::Source;
        let malformed = |error: gix::Error| {
            Unseen::Malformed(format!("the ignore rules cannot be read: {}", super::bounded(&error.to_string(), 200)))
        };
        let index = if opened.is_bare() {
            let tree = opened.repo.head_tree_id_or_empty().map_err(malformed)?;
            gix::worktree::Index::new(gix::fs::FileSnapshot::new(
                opened.repo.index_from_tree(&tree).map_err(malformed)?,
            ))
        } else {
            opened.repo.index_or_empty().map_err(malformed)?
        };
        let source = Source::WorktreeThenIdMappingIfNotSkipped.adjust_for_bare(opened.is_bare());
        let stack = opened.repo.excludes(&index, None, source).map_err(malformed)?;
        Ok(Self { stack, index, root: &opened.root })
    }

    /// The deciding rule of a path and whether it is a `!` rule; a rule on a folder above decides for what is below.
    pub(super) fn decide(&mut self, name: &str, folder: bool) -> Result<Option<(IgnoreRule, bool)>, Unseen> {
        let mode = folder.then_some(gix::index::entry::Mode::DIR);
        let platform = self.stack.at_path(name, mode).map_err(|error| {
            Unseen::Malformed(format!(
                "the ignore rules for {name} cannot be read: {}",
                super::bounded(&error.to_string(), 200)
            ))
        })?;
        let Some(found) = platform.matching_exclude_pattern() else { return Ok(None) };
        let source = found.source.map(Path::to_owned).unwrap_or_default();
        let pattern = super::bounded(&found.pattern.to_string(), 200);
        let line = u32::try_from(found.sequence_number).unwrap_or(u32::MAX);
        let negated = found.pattern.is_negative();
        let absolute = if source.is_absolute() { source.clone() } else { self.root.join(&source) };
        let inside = absolute.strip_prefix(self.root).ok().map(|path| path.to_string_lossy().replace('\\', "/"));
        // `info/exclude` and `core.excludesFile` are this clone's own: teammates do not have them.
        let shared = inside
            .as_deref()
            .is_some_and(|path| path.ends_with(".gitignore") && !path.starts_with(".git/") && self.is_tracked(path));
        let file = inside.unwrap_or_else(|| source.display().to_string());
        Ok(Some((IgnoreRule { file, line, pattern, shared }, negated)))
    }

    pub(super) fn is_tracked(&self, name: &str) -> bool {
        self.index.entry_by_path(name.into()).is_some()
    }

    /// The `.gitignore` files that git would read, as far as they are tracked or stand at the root.
    fn files(&self) -> Vec<GitignoreFile> {
        let mut files: Vec<GitignoreFile> = self
            .index
            .entries()
            .iter()
            .map(|entry| entry.path(&self.index).to_string())
            .filter(|path| path.rsplit('/').next() == Some(".gitignore"))
            .map(|path| GitignoreFile { path, tracked: true })
            .take(100)
            .collect();
        if !self.is_tracked(".gitignore") && self.root.join(".gitignore").is_file() {
            files.insert(0, GitignoreFile { path: ".gitignore".into(), tracked: false });
        }
        files
    }
}
