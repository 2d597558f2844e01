//! A folder of the corpus, read: each case with its labels checked against its lines. The format: tests/corpus/README.md.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use super::fill::Filler;

/// One file of the corpus, its templates filled in.
pub(crate) struct Case {
    pub(crate) name: String,
    /// The path it has in its repository.
    pub(crate) path: String,
    pub(crate) format: String,
    pub(crate) text: String,
    /// For each line of `text`, the line as written.
    pub(crate) lines: Vec<usize>,
    pub(crate) labels: Vec<Label>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Secret,
    Decoy,
    Either,
}

pub(crate) struct Label {
    pub(crate) kind: Kind,
    pub(crate) lines: RangeInclusive<usize>,
}

/// Every case of a folder, by name; an empty or absent folder has none.
pub(crate) fn read(folder: &Path, seed: u64) -> Result<Vec<Case>, String> {
    let Ok(listing) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut names: Vec<String> = listing
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".txt").map(str::to_owned))
        .collect();
    names.sort();
    names.iter().map(|name| case(folder, name, seed).map_err(|why| format!("{name}: {why}"))).collect()
}

fn case(folder: &Path, name: &str, seed: u64) -> Result<Case, String> {
    let file = |extension: &str| {
        fs::read_to_string(folder.join(format!("{name}.{extension}"))).map_err(|error| format!(".{extension}: {error}"))
    };
    let (written, labels) = (file("txt")?, file("labels")?);
    let mut filler = Filler::new(name, seed);
    let mut case = Case {
        name: name.into(),
        path: String::new(),
        format: String::new(),
        text: String::new(),
        lines: Vec::new(),
        labels: Vec::new(),
    };
    let written: Vec<&str> = written.split_inclusive('\n').collect();
    for (index, line) in written.iter().enumerate() {
        let filled = filler.line(line).map_err(|why| format!("line {}: {why}", index + 1))?;
        case.lines.extend(filled.split_inclusive('\n').map(|_| index + 1));
        case.text.push_str(&filled);
    }
    for (index, line) in labels.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let place = |why: String| format!("line {} of the labels: {why}: {line}", index + 1);
        let (what, text) = line.split_once(':').ok_or_else(|| place("no colon".into()))?;
        let text = text.trim();
        match what.split_once(' ') {
            None if what == "path" => case.path = text.into(),
            None if what == "format" => case.format = text.into(),
            Some((kind, lines)) => {
                let kind = match kind {
                    "secret" => Kind::Secret,
                    "decoy" => Kind::Decoy,
                    "either" => Kind::Either,
                    other => return Err(place(format!("expected secret, decoy or either, found {other}"))),
                };
                let (first, last) = lines.split_once('-').unwrap_or((lines, lines));
                let number = |digits: &str| {
                    digits.parse::<usize>().ok().filter(|line| (1..=written.len()).contains(line)).ok_or_else(|| {
                        place(format!("expected a line between 1 and {}, found {digits}", written.len()))
                    })
                };
                let (first, last) = (number(first)?, number(last)?);
                if text.is_empty() || !written[first - 1].contains(text) {
                    return Err(place(format!("line {first} of the text does not hold this piece")));
                }
                case.labels.push(Label { kind, lines: first..=last });
            }
            None => return Err(place("expected path:, format:, secret, decoy or either".into())),
        }
    }
    if case.path.is_empty() || case.format.is_empty() {
        return Err("the labels name no path: or no format:".into());
    }
    Ok(case)
}
