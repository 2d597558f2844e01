//! Reads the files of the work tree that publish services, set up agents or watch for trouble, and keeps the facts.

mod agents;
mod alerts;
mod compose;
mod kubernetes;
mod lines;
mod terraform;
mod yaml;

use std::path::{Path, PathBuf};

use super::Sink;
use crate::evidence::Unseen;
use crate::evidence::manifest::{Found, Manifests, Mark, Subject, Weight};
use crate::target::{Reach, Target};

/// Files that are looked at by name, at most.
const FILES: usize = 200_000;
/// Bytes of one manifest at most.
const BYTES: u64 = 512 * 1024;
/// Marks kept at most.
const MARKS: usize = 2_000;
/// Folders of other people's code, and of what is built.
const FOREIGN: &[&str] = &[".git", "node_modules", "target", "vendor", ".venv", "venv", "__pycache__", "dist", "build"];

pub(super) async fn answer(target: &Target, asks: Vec<Manifests>, sink: &Sink) {
    for ask in asks {
        let found = match target.repository() {
            Err(absent) => Err(Unseen::NotNamed(absent.to_string())),
            Ok(repository) => {
                let (root, about) = (repository.path.clone(), ask.about);
                tokio::task::spawn_blocking(move || read(&root, about))
                    .await
                    .unwrap_or_else(|error| Err(Unseen::Bug(format!("the manifests could not be read: {error}"))))
            }
        };
        sink.put(&ask, found);
    }
}

/// What the work tree below `root` says about the subject.
fn read(root: &Path, about: Subject) -> Result<Found, Unseen> {
    if !root.is_dir() {
        return Err(Unseen::Unreachable(format!("{} is no folder", root.display())));
    }
    let mut found = Found::default();
    let (files, cut) = walk(root);
    if cut {
        return Err(Unseen::Partial(format!("the work tree has more than {FILES} files")));
    }
    for path in files {
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        let wanted = match about {
            Subject::Exposure => compose::is(&name) || yaml::is(&name) || lines::is(&name) || terraform::is(&name),
            Subject::Agents => agents::is(&name),
            Subject::Alerts => alerts::is(&name),
        };
        if !wanted {
            continue;
        }
        let text = match text_of(&path) {
            Ok(text) => text,
            Err(why) => {
                found.skipped.push(format!("{name}: {why}"));
                continue;
            }
        };
        let file = File { name: &name, text: &text };
        let marks = match about {
            Subject::Exposure => exposure(&file),
            Subject::Agents => agents::marks(&file),
            Subject::Alerts => alerts::marks(&file),
        };
        match marks {
            Ok(Some(marks)) => {
                found.files += 1;
                found.marks.extend(marks);
            }
            // Says nothing about the subject.
            Ok(None) => {}
            Err(why) => found.skipped.push(format!("{name}: {why}")),
        }
    }
    found.marks.sort();
    found.marks.dedup();
    if found.marks.len() > MARKS {
        found.skipped.push(format!("{} of {} facts are left out", found.marks.len() - MARKS, found.marks.len()));
        found.marks.truncate(MARKS);
    }
    found.skipped.truncate(50);
    Ok(found)
}

fn exposure(file: &File<'_>) -> Result<Option<Vec<Mark>>, String> {
    if compose::is(file.name) {
        compose::marks(file).map(Some)
    } else if yaml::is(file.name) {
        kubernetes::marks(file)
    } else if terraform::is(file.name) {
        Ok(Some(terraform::marks(file)))
    } else {
        Ok(lines::marks(file))
    }
}

/// One file as the readers get it.
struct File<'a> {
    /// Relative to the root, with `/`.
    name: &'a str,
    text: &'a str,
}

impl File<'_> {
    fn base(&self) -> &str {
        base(self.name)
    }

    /// The first line (from 1) from `from` on that holds `needle`.
    fn line_of(&self, needle: &str, from: u32) -> Option<u32> {
        let skip = from.saturating_sub(1) as usize;
        let at = self.text.lines().skip(skip).position(|line| line.contains(needle))?;
        u32::try_from(at + skip + 1).ok()
    }

    fn mark(&self, line: Option<u32>, weight: Weight, aspect: &str, what: impl Into<String>) -> Mark {
        let what = what.into().chars().take(300).collect();
        Mark { file: self.name.to_owned(), line, aspect: aspect.to_owned(), what, weight, reach: None }
    }

    fn published(&self, line: Option<u32>, weight: Weight, reach: Reach, what: impl Into<String>) -> Mark {
        Mark { reach: Some(reach), ..self.mark(line, weight, "published", what) }
    }
}

/// Whether the name has this extension (`tf`), in any case.
fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|known| known.eq_ignore_ascii_case(extension))
}

fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Files and links below the root, sorted; links are never followed, so that nothing outside is read.
fn walk(root: &Path) -> (Vec<PathBuf>, bool) {
    let mut files = Vec::new();
    let mut folders = vec![(root.to_path_buf(), 0u32)];
    while let Some((folder, depth)) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name();
            if kind.is_dir() {
                if depth < 32 && !FOREIGN.iter().any(|foreign| name == *foreign) {
                    folders.push((entry.path(), depth + 1));
                }
            } else if kind.is_file() || kind.is_symlink() {
                if files.len() >= FILES {
                    return (files, true);
                }
                files.push(entry.path());
            }
        }
    }
    files.sort();
    (files, false)
}

fn text_of(path: &Path) -> Result<String, String> {
    let seen = std::fs::symlink_metadata(path).map_err(|error| error.to_string())?;
    if seen.is_symlink() {
        return Err("a symbolic link, which is not followed".into());
    }
    if seen.len() > BYTES {
        return Err(format!("over {} KiB", BYTES >> 10));
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(any(test, feature = "fuzzing"))]
/// The first line is the file's name.
pub(crate) fn fuzz_marks(bytes: &[u8]) {
    let (name, text) = crate::fuzz::split(bytes);
    let (name, text) = (String::from_utf8_lossy(name), String::from_utf8_lossy(text));
    let file = File { name: &name, text: &text };
    let _ = (exposure(&file), agents::marks(&file), alerts::marks(&file));
}

#[cfg(test)]
mod tests;
