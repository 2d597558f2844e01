//! What of a repository was not read, each part with the command that mends it.

use super::content::{Content, LARGEST};
use super::history::History;
use super::open::Opened;
use super::sum::Sum;
use crate::evidence::repo::GapKind;

/// What the history lacks.
pub(super) fn completeness(opened: &Opened, history: &History, sum: &mut Sum<'_>) {
    let shallow = opened.repo.shallow_commits().ok().flatten().map_or(0, |commits| commits.len());
    if shallow > 0 || opened.repo.is_shallow().unwrap_or(true) {
        let what = format!("the clone is shallow: {shallow} commits have no parents here");
        sum.gap(GapKind::Shallow, &what, "git fetch --unshallow (in CI: fetch-depth 0)", None);
    }
    let promised = is_partial(opened);
    let absent = history.missing + history.broken_refs;
    if absent > 0 {
        let (kind, what, mend) = if promised {
            (
                GapKind::PartialClone,
                format!("the clone is partial: {absent} objects of its history are not here"),
                "git fetch --refetch --no-filter, or clone anew without --filter",
            )
        } else {
            (
                GapKind::MissingObjects,
                format!("{absent} objects or refs of the history are missing"),
                "git fsck, then fetch or clone anew",
            )
        };
        sum.gap(kind, &what, mend, None);
    } else if promised {
        sum.coverage.notes.push("the clone is partial, but every object of its history is here".into());
    }
    if history.damaged > 0 {
        let what = format!("{} objects cannot be read", history.damaged);
        sum.gap(GapKind::MissingObjects, &what, "git fsck, then fetch or clone anew", None);
    }
    if history.cut_short {
        sum.gap(GapKind::OverBudget, "the time was up before every object was read", "raise --max-time", None);
    }
    for path in &history.submodules {
        submodule(path, sum);
    }
    if history.too_deep {
        let what = "trees are nested too deeply to be followed";
        sum.gap(GapKind::OverBudget, what, "look at the repository by hand", None);
    }
}

/// A submodule, of the index or of any tree.
pub(super) fn submodule(path: &str, sum: &mut Sum<'_>) {
    let what = "submodules are repositories of their own and were not read";
    sum.gap(
        GapKind::Submodules,
        what,
        "audit each submodule by itself, then list it under `accept-unread`",
        Some(path),
    );
}

/// What stands in a file that was not read into.
pub(super) fn unread(path: &str, content: Content, oversize: bool, sum: &mut Sum<'_>) {
    if oversize {
        let what = format!("files over {} MiB were not read", LARGEST >> 20);
        sum.gap(GapKind::OverSize, &what, "look at them by hand, then list them under `accept-unread`", Some(path));
        return;
    }
    let (kind, what, mend) = match content {
        Content::Archive => (
            GapKind::Archives,
            "the contents of archives were not read",
            "unpack and scan them (watertight scan), then list them under `accept-unread`",
        ),
        Content::KeyContainer => (
            GapKind::KeyContainers,
            "key containers are in the repository; what they hold is under a password",
            "remove them from the history, and replace the keys",
        ),
        Content::LfsPointer => (
            GapKind::LfsPointers,
            "files are kept in Git LFS, outside the history",
            "git lfs fetch --all, scan .git/lfs, then list them under `accept-unread`",
        ),
        Content::Text | Content::Binary | Content::Media | Content::Tar | Content::Encrypted => return,
    };
    sum.gap(kind, what, mend, Some(path));
}

/// A promisor remote: git fetches what is missing when it is needed, and we never do.
fn is_partial(opened: &Opened) -> bool {
    let config = opened.repo.config_snapshot();
    let extension = config.string("extensions.partialClone").is_some();
    let packs = std::fs::read_dir(opened.repo.objects.store_ref().path().join("pack")).is_ok_and(|listing| {
        listing
            .filter_map(Result::ok)
            .any(|entry| entry.path().extension().is_some_and(|extension| extension == "promisor"))
    });
    extension || packs
}
