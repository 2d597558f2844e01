//! The paths of submodules in all trees, whichever commit they belong to.

use std::collections::{BTreeSet, HashMap, HashSet};

use gix::bstr::{BString, ByteSlice as _};

use super::survey::{SUBMODULE, Survey};

/// Bytes of all paths together at most; a few trees that name each other many times over, or a tree in itself, make more
/// paths than any machine can list.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Linux opens no longer path (PATH_MAX, limits.h).
const LONGEST: usize = 4096;

/// Every path under which a submodule stands. What cannot be followed to the root is named as far as it is known.
pub(super) fn paths(survey: &Survey) -> Vec<String> {
    let mut pending: Vec<(u32, BString)> = Vec::new();
    for (tree, below) in &survey.below {
        for mark in below.iter().filter(|mark| mark.object == SUBMODULE) {
            pending.push((*tree, survey.names.bytes(mark.name).into()));
        }
    }
    if pending.is_empty() {
        return Vec::new();
    }
    let mut above: HashMap<u32, Vec<(u32, u32)>> = HashMap::new();
    for (tree, below) in &survey.below {
        for mark in below.iter().filter(|mark| mark.object != SUBMODULE) {
            above.entry(mark.object).or_default().push((*tree, mark.name));
        }
    }
    let roots: HashSet<u32> = survey.commits.values().map(|commit| commit.tree).collect();
    let (mut found, mut visited): (BTreeSet<BString>, HashSet<(u32, BString)>) = (BTreeSet::new(), HashSet::new());
    let mut bytes = 0;
    while let Some((tree, path)) = pending.pop() {
        let parents = above.get(&tree).map(Vec::as_slice).unwrap_or_default();
        let no_further = bytes >= MOST_BYTES || path.len() >= LONGEST;
        if roots.contains(&tree) || parents.is_empty() || no_further {
            found.insert(path.clone());
        }
        bytes += path.len();
        if no_further || !visited.insert((tree, path.clone())) {
            continue;
        }
        for (parent, name) in parents {
            let longer = [survey.names.bytes(*name), b"/", &path].concat();
            pending.push((*parent, longer.into()));
        }
    }
    found.into_iter().map(|path| path.to_str_lossy().into_owned()).collect()
}
