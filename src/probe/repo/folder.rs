//! Walks a folder: regular files only, never through a symlink, bounded in depth and number.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::Budget;

/// Deeper folders are not entered: a path of that depth cannot be opened on most systems anyway (PATH_MAX is 4096).
const DEEPEST: usize = 256;

/// Entries at most; a work tree of a million files is read, an endless one is not.
const MOST_ENTRIES: usize = 2_000_000;

/// A file as the walk saw it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Relative to the root, `/`-separated, invalid UTF-8 replaced.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) size: u64,
    pub(super) mode: Option<u32>,
    pub(super) kind: Kind,
    /// Whether an ignored folder holds it.
    pub(super) below_ignored: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    File,
    Symlink,
    /// FIFO, socket, device.
    Special,
}

#[derive(Default)]
pub(super) struct Walked {
    pub(super) entries: Vec<Entry>,
    pub(super) folders: u32,
    /// Folders that are repositories of their own, and whether they are ignored.
    pub(super) nested: Vec<(String, bool)>,
    /// Ignored folders of dependencies and build results that were not entered.
    pub(super) heavy: Vec<String>,
    /// Why the walk is not complete.
    pub(super) gaps: Vec<String>,
}

/// What the walk does with a folder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Enter {
    Yes,
    /// Entered for the sake of env files alone.
    Ignored,
    No,
}

/// Folders of dependencies and build results: large, made by machines, and not the user's own text.
const HEAVY: &[&str] = &[
    "node_modules",
    "target",
    "vendor",
    ".venv",
    "venv",
    "__pycache__",
    ".tox",
    ".gradle",
    ".next",
    ".terraform",
    ".cache",
    "bower_components",
];

pub(super) fn is_heavy(name: &str) -> bool {
    HEAVY.contains(&name.rsplit('/').next().unwrap_or(name))
}

/// Walks `root`; `enter` decides on each folder by its relative name.
pub(super) fn walk(root: &Path, budget: &Budget, mut enter: impl FnMut(&str) -> Enter) -> Walked {
    let mut walked = Walked::default();
    let mut pending = vec![(root.to_owned(), String::new(), 0_usize, false)];
    while let Some((folder, prefix, depth, ignored)) = pending.pop() {
        if budget.is_spent() {
            walked.gaps.push("the time was up before every folder was walked".into());
            break;
        }
        let listing = match std::fs::read_dir(&folder) {
            Ok(listing) => listing,
            Err(error) => {
                walked.gaps.push(format!("the folder {} cannot be read: {}", shown(&prefix), error.kind()));
                continue;
            }
        };
        walked.folders += 1;
        let mut listed = Vec::new();
        for entry in listing {
            match entry {
                Ok(entry) => listed.push(entry),
                Err(error) => walked.gaps.push(format!(
                    "the folder {} cannot be read to its end: {}",
                    shown(&prefix),
                    error.kind()
                )),
            }
        }
        listed.sort_by_key(std::fs::DirEntry::file_name);
        for entry in listed {
            let file_name = entry.file_name();
            if file_name == ".git" {
                continue;
            }
            let part = file_name.to_string_lossy();
            let name = if prefix.is_empty() { part.into_owned() } else { format!("{prefix}/{part}") };
            let metadata = match entry.path().symlink_metadata() {
                Ok(metadata) => metadata,
                // Removed in the meantime.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => {
                    walked.gaps.push(format!("{} cannot be looked at: {}", shown(&name), error.kind()));
                    continue;
                }
            };
            let kind = metadata.file_type();
            if kind.is_dir() {
                if depth + 1 >= DEEPEST {
                    walked
                        .gaps
                        .push(format!("folders below {} are deeper than {DEEPEST} and were not walked", shown(&name)));
                    continue;
                }
                let enter = if ignored { Enter::Ignored } else { enter(&name) };
                if is_repository(&entry.path()) {
                    walked.nested.push((name, enter == Enter::Ignored));
                    continue;
                }
                match enter {
                    Enter::Yes => pending.push((entry.path(), name, depth + 1, false)),
                    Enter::Ignored if !is_heavy(&name) => pending.push((entry.path(), name, depth + 1, true)),
                    Enter::Ignored => walked.heavy.push(name),
                    Enter::No => {}
                }
                continue;
            }
            if walked.entries.len() >= MOST_ENTRIES {
                walked.gaps.push(format!("there are more than {MOST_ENTRIES} files; the rest was not walked"));
                return walked;
            }
            walked.entries.push(Entry {
                name,
                path: entry.path(),
                size: metadata.len(),
                mode: mode(&metadata),
                kind: if kind.is_file() {
                    Kind::File
                } else if kind.is_symlink() {
                    Kind::Symlink
                } else {
                    Kind::Special
                },
                below_ignored: ignored,
            });
        }
    }
    walked.entries.sort_by(|a, b| a.name.cmp(&b.name));
    walked.gaps.truncate(20);
    walked
}

/// What git takes for a repository, and so does not enter: a `.git` that leads to one. Anything else of that name is a
/// folder or a file like others.
fn is_repository(folder: &Path) -> bool {
    let inside = folder.join(".git");
    match inside.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => {
            inside.join("HEAD").symlink_metadata().is_ok() && inside.join("objects").is_dir()
        }
        Ok(metadata) if metadata.is_file() => read(&inside, 4096).is_ok_and(|text| text.starts_with(b"gitdir:")),
        Ok(_) | Err(_) => false,
    }
}

fn shown(name: &str) -> String {
    super::sum::shown(if name.is_empty() { "." } else { name }, 200)
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "there are no permission bits on other systems")]
fn mode(metadata: &std::fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(metadata.permissions().mode() & 0o7777)
}

#[cfg(not(unix))]
fn mode(_: &std::fs::Metadata) -> Option<u32> {
    None
}

/// The whole file, or why not. Read by plain reads: a file that shrinks under a memory map would end the process.
pub(super) fn read(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    // A FIFO would block the open for ever, a symlink would leave the root.
    let before = path.symlink_metadata().map_err(|error| error.kind().to_string())?;
    if !before.is_file() {
        return Err("no regular file".into());
    }
    let file = std::fs::File::open(path).map_err(|error| error.kind().to_string())?;
    let metadata = file.metadata().map_err(|error| error.kind().to_string())?;
    if !metadata.is_file() {
        return Err("no regular file".into());
    }
    if metadata.len() > most {
        return Err(format!("{} bytes, over the limit of {most}", metadata.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.take(most + 1).read_to_end(&mut bytes).map_err(|error| error.kind().to_string())?;
    if bytes.len() as u64 > most {
        return Err(format!("over the limit of {most} bytes"));
    }
    Ok(bytes)
}
