//! `init`: a policy.yaml to begin with, from a written policy or from what the repository shows.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use chrono::Utc;
use clap::Args;

use super::{Error, emit};
use crate::policy::file::{Trust, Written, read};
use crate::policy::import::detect::{self, Source};
use crate::policy::import::{self, write};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The written policy, such as SECURITY.md (Markdown).
    #[arg(long, value_name = "DOCUMENT")]
    from: Option<PathBuf>,
    /// Where the policy goes; `-` is the standard output. A file that exists is kept.
    #[arg(long, value_name = "FILE", default_value = "policy.yaml")]
    output: PathBuf,
}

/// A written policy is smaller.
const LARGEST: u64 = 1024 * 1024;
/// What a policy may have (`watertight` refuses larger ones).
const MOST: usize = 256 * 1024;
/// Files of the repository that are looked at, by name, at most.
const ENTRIES: usize = 20_000;
/// Folders below the repository that are entered at most.
const DEPTH: usize = 5;

pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    let prints = arguments.output == Path::new("-");
    if !prints && arguments.output.symlink_metadata().is_ok() {
        return Err(Error::Usage(format!(
            "{} exists, and is kept; give another file with --output, or `--output -` to look at it first",
            arguments.output.display()
        )));
    }
    let directory = match arguments.output.parent() {
        Some(parent) if !prints && !parent.as_os_str().is_empty() => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    };
    let imported = match &arguments.from {
        Some(file) => Some((import::import(&document(file)?), seen_from(&directory, file)?)),
        None => None,
    };
    let proposal = detect::propose(&seen_from(&directory, Path::new("."))?, &sources(Path::new(".")));
    let from = imported.as_ref().map(|(imported, document)| write::From { imported, document });
    let text = write::policy(from.as_ref(), &proposal);
    // Whatever the document says, what is written is a policy that holds.
    agree(&text, &directory)?;
    if prints {
        emit::print(&text)?;
        return Ok(0);
    }
    emit::write(&arguments.output, &text)?;
    let shown = arguments.output.display();
    let said = match &imported {
        Some((imported, _)) => format!("{shown}: {}\n", write::summary(imported)),
        None => {
            format!("{shown}: every item with its defaults, {} lines proposed for the target\n", proposal.lines.len())
        }
    };
    emit::print(&said)?;
    emit::print(&format!("next: read it through, then `watertight plan --policy {shown}`\n"))?;
    Ok(0)
}

fn agree(text: &str, directory: &Path) -> Result<(), Error> {
    if text.len() > MOST {
        return Err(Error::Usage(format!(
            "the policy would have {} bytes, and at most {MOST} are read back; import the document in parts",
            text.len()
        )));
    }
    let today = Utc::now().date_naive();
    read(&Written { source: text, file: "the policy to be written", directory, trust: Trust::Full, today })?;
    Ok(())
}

fn document(file: &Path) -> Result<String, Error> {
    let shown = file.display();
    let wrong = || Error::file(format!("the document {shown} cannot be read"));
    let open = std::fs::File::open(file).map_err(wrong())?;
    if !open.metadata().map_err(wrong())?.is_file() {
        return Err(Error::Usage(format!("{shown} is not a file; name the written policy, such as SECURITY.md")));
    }
    let mut bytes = Vec::new();
    open.take(LARGEST + 1).read_to_end(&mut bytes).map_err(wrong())?;
    if bytes.len() as u64 > LARGEST {
        return Err(Error::Usage(format!("{shown} has more than {LARGEST} bytes; import it in parts")));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let line =
            error.as_bytes().iter().take(error.utf8_error().valid_up_to()).filter(|byte| **byte == b'\n').count();
        Error::Usage(format!("{shown}:{}: this is not UTF-8; save the document as UTF-8", line + 1))
    })?;
    if text.trim().is_empty() {
        return Err(Error::Usage(format!("{shown} is empty; there is nothing to import")));
    }
    Ok(text)
}

/// A path as a file in `directory` names it.
fn seen_from(directory: &Path, path: &Path) -> Result<String, Error> {
    let whole = |path: &Path| path.canonicalize().map_err(Error::file(format!("{} cannot be found", path.display())));
    let (directory, path) = (whole(directory)?, whole(path)?);
    let shown = match path.strip_prefix(&directory) {
        Ok(inside) if inside.as_os_str().is_empty() => ".".to_owned(),
        Ok(inside) => inside.display().to_string(),
        Err(_) => match directory.strip_prefix(&path) {
            Ok(below) => vec![".."; below.components().count()].join("/"),
            Err(_) => path.display().to_string(),
        },
    };
    Ok(shown)
}

/// The telling files below a folder, by path; links are not followed.
fn sources(root: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    let mut open = vec![(root.to_owned(), 0)];
    let mut entries = 0;
    while let Some((folder, depth)) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            entries += 1;
            if entries > ENTRIES {
                return found;
            }
            let Ok(kind) = entry.file_type() else { continue };
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if kind.is_dir()
                && depth < DEPTH
                && !matches!(name.as_str(), ".git" | "node_modules" | "target" | "vendor" | "dist" | ".venv")
            {
                open.push((path, depth + 1));
            } else if kind.is_file() {
                let shown = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                if !detect::is_telling(&shown.to_lowercase()) {
                    continue;
                }
                let mut text = Vec::new();
                let read = std::fs::File::open(&path).and_then(|file| file.take(MOST as u64).read_to_end(&mut text));
                if read.is_ok() {
                    found.push(Source { path: shown, text: String::from_utf8_lossy(&text).into_owned() });
                }
            }
        }
    }
    found.sort_by(|left, right| left.path.cmp(&right.path));
    found
}
