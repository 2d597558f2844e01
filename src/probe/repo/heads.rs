//! The tree of a commit as an index, where it is one that a machine can hold.

use std::collections::HashMap;

use gix::ObjectId;

/// Paths of one tree at most. The largest repositories in the open have some hundred thousand files.
const MOST_PATHS: u64 = 5_000_000;
/// Bytes of these paths at most.
const MOST_BYTES: u64 = 512 * 1024 * 1024;

/// How many paths a tree comes to, and their bytes.
#[derive(Clone, Copy, Default)]
struct Extent {
    paths: u64,
    bytes: u64,
}

/// The tree as an index. Refused where it holds itself, which no honest hash allows and a loose file does, and where a few
/// trees name each other so often that their paths fill the memory.
pub(super) fn index(repo: &gix::Repository, tree: ObjectId) -> Result<gix::index::File, String> {
    measure(repo, tree)?;
    repo.index_from_tree(&tree).map_err(|error| error.to_string())
}

fn measure(repo: &gix::Repository, root: ObjectId) -> Result<(), String> {
    // `None` while a tree is being measured: met again below itself, it is without end.
    let mut known: HashMap<ObjectId, Option<Extent>> = HashMap::new();
    let mut pending = vec![root];
    while let Some(id) = pending.last().copied() {
        if matches!(known.get(&id), Some(Some(_))) {
            pending.pop();
            continue;
        }
        let begun = known.insert(id, None).is_some();
        let object = repo.find_object(id).map_err(|error| format!("a tree: {error}"))?;
        let tree = object.try_into_tree().map_err(|error| error.to_string())?;
        let mut extent = Extent::default();
        let mut open = Vec::new();
        for entry in tree.iter() {
            let entry = entry.map_err(|error| format!("the tree {id}: {error}"))?;
            let length = entry.filename().len() as u64 + 1;
            let below = if entry.mode().is_tree() { known.get(&entry.oid().to_owned()).copied() } else { Some(None) };
            match below {
                None => open.push(entry.oid().to_owned()),
                Some(None) if entry.mode().is_tree() => return Err(format!("the tree {id} holds itself")),
                Some(None) => extent.add(1, length),
                Some(Some(inner)) => {
                    extent.add(inner.paths, inner.bytes.saturating_add(inner.paths.saturating_mul(length)));
                }
            }
        }
        if open.is_empty() {
            if extent.paths > MOST_PATHS || extent.bytes > MOST_BYTES {
                return Err(format!("the tree {root} comes to over {MOST_PATHS} paths or {MOST_BYTES} bytes of them"));
            }
            known.insert(id, Some(extent));
            pending.pop();
        } else if begun {
            return Err(format!("the tree {id} holds itself"));
        } else {
            pending.extend(open);
        }
    }
    Ok(())
}

impl Extent {
    fn add(&mut self, paths: u64, bytes: u64) {
        self.paths = self.paths.saturating_add(paths);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}
