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
const BYTES: u64 = 4 * 1024 * 1024;
/// Marks kept at most.
const MARKS: usize = 2_000;
/// Folders below the root at most; a path of more is longer than Linux takes, save for the shortest names.
const DEPTH: u32 = 256;
/// Folders of other people's code, and of what tools generate. `build/` is often where images are described.
const FOREIGN: &[&str] = &[".git", "node_modules", "target", "vendor", ".venv", "venv", "__pycache__", "dist"];

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
    let walked = walk(root);
    if walked.cut {
        return Err(Unseen::Partial(format!("the work tree has more than {FILES} files")));
    }
    found.skipped.extend(walked.unread);
    found.aside.extend(walked.foreign);
    let beside = |name: &str| text_of(root, &root.join(name), true).ok();
    for path in walked.files {
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        let wanted = match about {
            Subject::Exposure => compose::is(&name) || yaml::is(&name) || lines::is(&name) || terraform::is(&name),
            Subject::Agents => agents::is(&name),
            Subject::Alerts => alerts::is(&name),
        };
        // A linked folder hides files of any name.
        let folder = path.is_symlink() && std::fs::metadata(&path).is_ok_and(|linked| linked.is_dir());
        if folder {
            match about {
                _ if inside(root, &path) => {}
                Subject::Exposure => found.skipped.push(format!("{name}/: {LINK}")),
                Subject::Agents | Subject::Alerts => found.aside.push(format!("{name}/: {LINK}")),
            }
            continue;
        }
        if !wanted {
            continue;
        }
        let text = match text_of(root, &path, about == Subject::Exposure) {
            Ok(text) => text,
            Err(why) if about == Subject::Exposure && !is_manifest_by_name(&name) => {
                found.aside.push(format!("{name}: {why}"));
                continue;
            }
            Err(why) => {
                found.skipped.push(format!("{name}: {why}"));
                continue;
            }
        };
        let file = File { name: &name, text: &text };
        let marks = match about {
            Subject::Exposure => exposure(&file, &beside),
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
    for unread in [&mut found.skipped, &mut found.aside] {
        let more = unread.len().saturating_sub(50);
        unread.truncate(50);
        if more > 0 {
            unread.push(format!("and {more} more"));
        }
    }
    Ok(found)
}

/// Whether a file is a manifest by its name alone, so that a pass without it would be a wrong one.
fn is_manifest_by_name(name: &str) -> bool {
    let lower = name.to_lowercase();
    let spoken = ["k8s", "kube", "deploy", "helm", "chart", "manifest", "service", "svc", "ingress", "values", "infra"];
    match base(&lower) {
        "package.json" => false,
        base if base.starts_with(".env") || has_extension(base, "env") => false,
        _ if compose::is(name) || terraform::is(name) || lines::is(name) => true,
        _ => spoken.iter().any(|word| lower.contains(word)),
    }
}

/// Reads another file of the work tree by its name below the root.
type Beside<'a> = &'a dyn Fn(&str) -> Option<String>;

fn exposure(file: &File<'_>, beside: Beside<'_>) -> Result<Option<Vec<Mark>>, String> {
    if compose::is(file.name) || (yaml::is(file.name) && compose::speaks(file.text)) {
        compose::marks_beside(file, beside).map(Some)
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

/// What lies below the root.
#[derive(Default)]
struct Walked {
    /// Files and links, sorted; links are never followed here.
    files: Vec<PathBuf>,
    /// There are more.
    cut: bool,
    /// Folders that could not be read, and why.
    unread: Vec<String>,
    /// Folders of other people's code.
    foreign: Vec<String>,
}

fn walk(root: &Path) -> Walked {
    let mut walked = Walked::default();
    let shown = |path: &Path| format!("{}/", path.strip_prefix(root).unwrap_or(path).to_string_lossy());
    let mut folders = vec![(root.to_path_buf(), 0u32)];
    while let Some((folder, depth)) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                walked.unread.push(format!("{}: {error}", shown(&folder)));
                continue;
            }
        };
        for entry in entries {
            let read = entry.and_then(|entry| entry.file_type().map(|kind| (entry, kind)));
            let (entry, kind) = match read {
                Ok(read) => read,
                Err(error) => {
                    walked.unread.push(format!("{}: {error}", shown(&folder)));
                    continue;
                }
            };
            let (name, path) = (entry.file_name(), entry.path());
            if FOREIGN.iter().any(|foreign| name == *foreign) && (kind.is_dir() || kind.is_symlink()) {
                if name != ".git" {
                    walked.foreign.push(format!("{}: other people's code, or generated", shown(&path)));
                }
            } else if kind.is_dir() {
                if depth < DEPTH {
                    folders.push((path, depth + 1));
                } else {
                    walked.unread.push(format!("{}: more than {DEPTH} folders deep", shown(&path)));
                }
            } else if kind.is_file() || kind.is_symlink() {
                if walked.files.len() >= FILES {
                    walked.cut = true;
                    return walked;
                }
                walked.files.push(path);
            }
        }
    }
    walked.files.sort();
    walked.unread.sort();
    walked.foreign.sort();
    walked
}

const LINK: &str = "a symbolic link, which is not followed";

/// Whether what the link leads to belongs to the work tree: below the root, and not in a folder that is left aside.
fn inside(root: &Path, link: &Path) -> bool {
    let (Ok(root), Ok(leads)) = (root.canonicalize(), link.canonicalize()) else { return false };
    leads
        .strip_prefix(&root)
        .is_ok_and(|below| !below.iter().any(|part| FOREIGN.iter().any(|foreign| part == *foreign)))
}

/// The text of a file; of a link only where it is `followed` and leads to a file of the work tree.
fn text_of(root: &Path, path: &Path, followed: bool) -> Result<String, String> {
    let seen = std::fs::symlink_metadata(path).map_err(|error| error.to_string())?;
    if seen.is_symlink() && !(followed && inside(root, path)) {
        return Err(LINK.into());
    }
    let seen = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !seen.is_file() {
        return Err("no file".into());
    }
    if seen.len() > BYTES {
        return Err(format!("over {} KiB", BYTES >> 10));
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    decoded(&bytes)
}

/// UTF-8, or UTF-16 with its mark, as YAML 1.2 (section 5.2) and PowerShell write it.
fn decoded(bytes: &[u8]) -> Result<String, String> {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest.chunks(2).map(|pair| unit([pair[0], pair.get(1).copied().unwrap_or(0)])).collect();
        String::from_utf16(&units).map_err(|error| error.to_string())
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ if bytes.contains(&0) => Err("neither UTF-8 text nor UTF-16 with its mark".into()),
        _ => Ok(String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).into_owned()),
    }
}

#[cfg(any(test, feature = "fuzzing"))]
/// The first line is the file's name.
pub(crate) fn fuzz_marks(bytes: &[u8]) {
    let (name, text) = crate::fuzz::split(bytes);
    let (name, text) = (String::from_utf8_lossy(name), String::from_utf8_lossy(text));
    let file = File { name: &name, text: &text };
    let _ = (exposure(&file, &|_| None), agents::marks(&file), alerts::marks(&file));
}

#[cfg(test)]
mod tests;
