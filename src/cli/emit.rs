//! Where output goes: the standard output, or a file that is whole or not there.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use super::Error;
use crate::check::Severity;
use crate::report::{
    Outcome, Report, checklist_document, csv, html, json, junit, markdown, nagios, oscal, prometheus, sarif, table,
};

/// One `--format`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Format {
    pub(super) kind: Kind,
    /// `None`: the standard output.
    pub(super) file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Table,
    Json,
    Sarif,
    Junit,
    Markdown,
    Html,
    Oscal,
    Csv,
    Prometheus,
    Nagios,
    Checklist,
}

/// Every format by name, in the order of the help.
pub(super) const KINDS: [(&str, Kind); 11] = [
    ("table", Kind::Table),
    ("json", Kind::Json),
    ("sarif", Kind::Sarif),
    ("junit", Kind::Junit),
    ("markdown", Kind::Markdown),
    ("html", Kind::Html),
    ("oscal", Kind::Oscal),
    ("csv", Kind::Csv),
    ("prometheus", Kind::Prometheus),
    ("nagios", Kind::Nagios),
    ("checklist", Kind::Checklist),
];

pub(super) fn parse(text: &str) -> Result<Format, String> {
    let (name, file) = match text.split_once('=') {
        Some((_, "")) => return Err("the file after `=` is missing".into()),
        Some((name, file)) => (name, Some(PathBuf::from(file))),
        None => (text, None),
    };
    if let Some((_, kind)) = KINDS.iter().find(|(known, _)| *known == name) {
        Ok(Format { kind: *kind, file })
    } else {
        let names: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
        Err(format!("no such format; there are {}", names.join(", ")))
    }
}

/// At most one format can have the standard output, and each file holds one thing.
pub(super) fn agree(formats: &[Format], evidence: Option<&Path>) -> Result<(), Error> {
    if formats.iter().filter(|format| format.file.is_none()).count() > 1 {
        return Err(Error::Usage(
            "two formats for the standard output: give one of them a file, as in json=FILE".into(),
        ));
    }
    let mut taken: Vec<PathBuf> = Vec::new();
    for file in formats.iter().filter_map(|format| format.file.as_deref()).chain(evidence) {
        let whole = whole(file);
        // A device or a pipe takes one output after another; a file would keep the last alone.
        let is_special = std::fs::metadata(&whole).is_ok_and(|known| !known.is_file() && !known.is_dir());
        if !is_special && taken.contains(&whole) {
            return Err(Error::Usage(format!("two outputs for the file {}: give each its own", file.display())));
        }
        taken.push(whole);
    }
    Ok(())
}

/// The file by a name that is the same however it was spelled, where that can be told before it is there.
fn whole(file: &Path) -> PathBuf {
    let known = std::fs::canonicalize(file).ok();
    known.unwrap_or_else(|| {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match (std::fs::canonicalize(folder), file.file_name()) {
            (Ok(folder), Some(name)) => folder.join(name),
            (Ok(_) | Err(_), _) => file.to_owned(),
        }
    })
}

/// How a run ended, for the formats that say so themselves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    pub(super) outcome: Outcome,
    pub(super) fail_on: Severity,
}

/// Writes every format. The exit code is the same whatever they are, but for the monitoring-plugin convention alone, which
/// has codes of its own.
pub(super) fn report(report: &Report, formats: &[Format], ending: Ending) -> Result<Option<u8>, Error> {
    for format in formats {
        match &format.file {
            None => {
                let style = table::Style { width: width(), colour: colour() };
                print(&render(report, format.kind, style, ending)?)?;
            }
            Some(file) => {
                let style = table::Style { width: 80, colour: false };
                write(file, &render(report, format.kind, style, ending)?)?;
            }
        }
    }
    let alone = matches!(formats, [Format { kind: Kind::Nagios, .. }]);
    Ok(alone.then(|| nagios::render(report, ending.outcome, ending.fail_on).1))
}

fn render(report: &Report, kind: Kind, style: table::Style, ending: Ending) -> Result<String, Error> {
    match kind {
        Kind::Table => Ok(table::render(report, style)),
        Kind::Checklist => Ok(checklist_document::render(report)),
        Kind::Json => json::render(report).map_err(Error::json("the report")),
        Kind::Sarif => sarif::render(report).map_err(Error::json("the report")),
        Kind::Junit => Ok(junit::render(report)),
        Kind::Markdown => Ok(markdown::render(report)),
        Kind::Html => Ok(html::render(report)),
        Kind::Oscal => oscal::render(report).map_err(Error::json("the report")),
        Kind::Csv => Ok(csv::render(report)),
        Kind::Prometheus => Ok(prometheus::render(report)),
        Kind::Nagios => Ok(nagios::render(report, ending.outcome, ending.fail_on).0),
    }
}

/// A reader that went away (`| head`) is no fault of the audit.
pub(super) fn print(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::File { what: "the standard output".into(), source: error })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// One message to the standard error; it was escaped where it was made.
pub(super) fn complain(message: &str) {
    // Nothing can be done where even this cannot be written.
    let _ = writeln!(std::io::stderr().lock(), "error: {}", message.trim_end());
}

pub(super) fn note(message: &str) {
    let _ = writeln!(std::io::stderr().lock(), "note: {}", crate::report::escape::terminal(message));
}

/// Writes beside the file, syncs and renames: a reader sees the old file or the new one. Mode 0600, since a report
/// tells where a deployment is weak.
pub(super) fn write(file: &Path, text: &str) -> Result<(), Error> {
    let wrong = || Error::file(format!("{} cannot be written", file.display()));
    // A device, a pipe or a socket is written to; a rename would put a file in its place.
    if std::fs::metadata(file).is_ok_and(|known| !known.is_file() && !known.is_dir()) {
        let mut open = std::fs::OpenOptions::new().write(true).open(file).map_err(wrong())?;
        return open.write_all(text.as_bytes()).and_then(|()| open.flush()).map_err(wrong());
    }
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    // `tempfile` makes its files with mode 0600.
    let mut temporary = tempfile::Builder::new().prefix(".watertight-").tempfile_in(directory).map_err(wrong())?;
    temporary.write_all(text.as_bytes()).map_err(wrong())?;
    temporary.as_file().sync_all().map_err(wrong())?;
    temporary.persist(file).map_err(|error| error.error).map_err(wrong())?;
    Ok(())
}

/// <https://no-color.org>: set and not empty means no colour.
fn colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn width() -> u16 {
    if std::io::stdout().is_terminal() { comfy_table::Table::new().width().unwrap_or(80) } else { 80 }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::FileTypeExt as _;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn what_is_no_file_is_never_replaced_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("special");
        let _listener = UnixListener::bind(&path).unwrap();
        // A socket cannot be opened for writing, so this must fail and leave it alone.
        assert!(write(&path, "report").is_err());
        assert!(std::fs::metadata(&path).unwrap().file_type().is_socket());
    }

    #[test]
    fn two_outputs_never_share_a_file_however_it_is_spelled() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let to = |kind, name: &str| Format { kind, file: Some(at(name)) };
        assert!(agree(&[to(Kind::Json, "o"), to(Kind::Html, "./o")], None).is_err());
        assert!(agree(&[to(Kind::Json, "o")], Some(&at("o"))).is_err());
        assert!(agree(&[to(Kind::Json, "o"), to(Kind::Html, "p")], Some(&at("q"))).is_ok());
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        std::fs::write(&path, "an older and longer report").unwrap();
        write(&path, "report").unwrap();
        let mut text = String::new();
        std::fs::File::open(&path).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "report");
    }
}
