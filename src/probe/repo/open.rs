//! Opens a repository without running, trusting or following anything that it says.

use std::path::{Path, PathBuf};

use crate::evidence::Unseen;
use crate::evidence::repo::{Gap, GapKind};

/// What stands at the path.
pub(super) enum Found {
    Git(Box<Opened>),
    /// A folder without git: only its files can be read.
    Folder(PathBuf),
}

pub(super) struct Opened {
    pub(super) repo: gix::Repository,
    /// The root of the work tree; the git directory of a bare repository.
    pub(super) root: PathBuf,
    pub(super) gaps: Vec<Gap>,
}

impl Opened {
    pub(super) fn is_bare(&self) -> bool {
        self.repo.workdir().is_none()
    }
}

/// Opens `path`, or the repository that it lies in, as git does.
pub(super) fn open(path: &Path) -> Result<Found, Unseen> {
    let path = path
        .canonicalize()
        .map_err(|error| Unseen::Unreachable(format!("the repository {} cannot be opened: {error}", path.display())))?;
    if !path.is_dir() {
        return Err(Unseen::Unreachable(format!("{} is no folder", path.display())));
    }
    // As git looks: `.git` first. A work tree may hold plain files of these names, and is no bare repository for it.
    let bare = path.join(".git").symlink_metadata().is_err()
        && path.join("HEAD").is_file()
        && path.join("objects").is_dir()
        && path.join("refs").is_dir();
    let root = if bare {
        Some(path.clone())
    } else {
        path.ancestors().find(|folder| folder.join(".git").symlink_metadata().is_ok()).map(Path::to_owned)
    };
    let Some(root) = root else { return Ok(Found::Folder(path)) };
    let repo = open_isolated(&root)?;
    let mut gaps = Vec::new();
    if repo.git_dir_trust() != gix::sec::Trust::Full {
        gaps.push(Gap {
            kind: GapKind::Unreadable,
            what: "the repository belongs to another user, so that its own settings (partial clone, ignore rules) are not believed".into(),
            mend: "run the audit as the owner of the repository".into(),
            paths: Vec::new(),
        });
    }
    // `core.worktree` of a hostile repository may point anywhere on this machine; only the named folder is read.
    if let Some(worktree) = repo.workdir()
        && worktree.canonicalize().ok().as_deref() != Some(root.as_path())
    {
        gaps.push(Gap {
            kind: GapKind::Unreadable,
            what: "core.worktree points away from the folder that was named; its files were not read".into(),
            mend: "git config --unset core.worktree".into(),
            paths: Vec::new(),
        });
    }
    Ok(Found::Git(Box::new(Opened { repo, root, gaps })))
}

/// Nothing outside the repository's own configuration is read, and nothing of it that would run a program is used:
/// objects, refs, the index and ignore rules are all that is asked of it.
fn open_isolated(root: &Path) -> Result<gix::Repository, Unseen> {
    let malformed = |error: gix::Error| {
        Unseen::Malformed(format!("the repository cannot be opened: {}", super::bounded(&error.to_string(), 300)))
    };
    let options = gix::open::Options::isolated()
        // Replace refs would show other objects than those that a clone receives.
        // What a rule of another case ignores here, it does not ignore for a teammate whose files have case.
        .cli_overrides(["core.useReplaceRefs=false", "core.fsmonitor=false", "core.ignoreCase=false"]);
    let mut repo = gix::open_opts(root, options).map_err(malformed)?;
    repo.objects.ignore_replacements = true;
    repo.objects.refresh_never();
    Ok(repo)
}
