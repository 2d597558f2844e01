//! Less than the whole, where the command line asks for less: what the next commit would add, or one file.

use std::path::Path;

use super::folder::{Entry, Kind};
use super::open::{self, Found};
use super::sum::Sum;
use super::tree::Held;
use super::{Budget, Scan, Settings};
use crate::evidence::Unseen;
use crate::evidence::repo::{Coverage, EnvFiles, State};
use crate::target::Extent;

/// What the index holds and `HEAD` does not.
pub(super) fn staged(path: &Path, settings: &Settings<'_>) -> Result<Scan, Unseen> {
    let opened = match open::open(path)? {
        Found::Git(opened) if !opened.is_bare() => opened,
        Found::Git(_) | Found::Folder(_) => {
            return Err(Unseen::NoEvidence(format!(
                "{} has no index: --staged needs a git repository with a work tree",
                path.display()
            )));
        }
    };
    let mut sum = Sum::new(settings.key, settings.rules);
    let staged = sum.index(&opened, Extent::Staged)?;
    sum.coverage = Coverage {
        extent: Extent::Staged,
        git: true,
        object_hash: opened.repo.object_hash().to_string(),
        blobs: staged.new,
        bytes: staged.bytes,
        ..std::mem::take(&mut sum.coverage)
    };
    Ok(sum.finish(EnvFiles::default()))
}

/// One file, whatever git knows of it.
pub(super) fn file(path: &Path, settings: &Settings<'_>, budget: &Budget) -> Result<Scan, Unseen> {
    let unreachable =
        |error: std::io::Error| Unseen::Unreachable(format!("{} cannot be read: {error}", path.display()));
    // The user named it: where a link leads is what is meant.
    let real = path.canonicalize().map_err(unreachable)?;
    let size = real.metadata().map_err(unreachable)?.len();
    let entry = Entry {
        name: path.to_string_lossy().trim_start_matches("./").to_owned(),
        path: real,
        size,
        mode: None,
        kind: Kind::File,
        below_ignored: false,
    };
    let mut sum = Sum::new(settings.key, settings.rules);
    sum.coverage.extent = Extent::File;
    sum.file(&entry, State::WorkTree, Held::NoGit, budget);
    if sum.coverage.files == 0 && sum.gaps.is_empty() {
        let why = sum.env.into_values().find_map(|file| file.unread).unwrap_or_else(|| "no regular file".into());
        return Err(Unseen::Partial(format!("{} could not be read: {why}", path.display())));
    }
    Ok(sum.finish(EnvFiles::default()))
}
