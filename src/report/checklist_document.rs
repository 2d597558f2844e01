//! The user's own document, given back: a box is ticked where everything behind it passed, and beneath it stands why.

use std::fmt::Write as _;

use super::checklist::BOXES;
use super::untrusted::{Untrusted, words};
use super::{FindingLine, Report, ResultLine, WaiverLine};
use crate::check::Status;
use crate::policy::import::{self, document::Tick};

/// Reasons shown beneath a box for one check and target at most.
const REASONS: usize = 5;
const LONGEST: usize = 400;

/// The document that the policy names, or the ten boxes where it names none or none could be read. Nothing of the
/// document changes but its boxes and the lines beneath them.
pub fn render(report: &Report) -> String {
    let mut text = given_back(report);
    let told = told(report);
    if !told.is_empty() {
        let gap = if text.ends_with('\n') { "\n" } else { "\n\n" };
        let _ = writeln!(text, "{gap}## About this audit\n\n- {}", told.join("\n- "));
    }
    text
}

fn given_back(report: &Report) -> String {
    let Some(document) = &report.document else { return ten_boxes(report, None) };
    let Some(source) = &document.text else {
        let why = document.unread.as_deref().unwrap_or("it has no text");
        return ten_boxes(report, Some(&words!("{} could not be read: {}", document.file, why)));
    };
    let mut edits: Vec<Edit> = Vec::new();
    for (tick, _, text, recognised) in import::import(source).boxes() {
        // Of boxes with the same words, each waits for the checks of all.
        let mut named = document.boxes.iter().filter(|known| known.text == text).peekable();
        let checks: Vec<&str> = match named.peek() {
            Some(_) => named.flat_map(|known| &known.checks).map(String::as_str).collect(),
            None => recognised,
        };
        edits.extend(beneath(report, source, tick, &checks));
    }
    if edits.is_empty() {
        // Without a box there is nothing to tick in it; the built-in ones follow it.
        let gap = if source.ends_with('\n') { "\n" } else { "\n\n" };
        return format!(
            "{source}{gap}{}",
            ten_boxes(report, Some(&words!("{} has no checkboxes of its own", document.file)))
        );
    }
    edits.sort_by_key(|edit| edit.at);
    let mut text = String::with_capacity(source.len() * 2);
    let mut from = 0;
    for edit in edits {
        text.push_str(source.get(from..edit.at).unwrap_or_default());
        text.push_str(&edit.text);
        from = edit.at + edit.replaces;
    }
    text.push_str(source.get(from..).unwrap_or_default());
    text
}

/// One change of the document.
struct Edit {
    at: usize,
    replaces: usize,
    text: String,
}

/// The tick of one box, and the lines beneath its item.
fn beneath(report: &Report, source: &str, tick: Tick, checks: &[&str]) -> Vec<Edit> {
    let status = status(report, checks);
    let mark = if status == Some(Status::Pass) { "x" } else { " " };
    let old = source.get(tick.at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
    let mut edits = Vec::new();
    if source.get(tick.at..tick.at + old) != Some(mark) && (status == Some(Status::Pass) || tick.checked) {
        edits.push(Edit { at: tick.at, replaces: old, text: mark.to_owned() });
    }
    let begins = source.get(..tick.at).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let prefix = source.get(begins..tick.at.saturating_sub(1)).unwrap_or_default();
    // Quotation marks go on; the item's own mark becomes blanks, so that the lines stand inside it.
    let indent: String =
        prefix.chars().map(|character| if character == '>' || character == '\t' { character } else { ' ' }).collect();
    let break_ = if source.contains("\r\n") { "\r\n" } else { "\n" };
    let ends = end_of_paragraph(source, tick.at);
    let text = lines(report, checks, tick.checked).iter().fold(String::new(), |mut text, line| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{break_}{indent}- {line}");
        text
    });
    edits.push(Edit { at: ends, replaces: 0, text });
    edits
}

/// Where the item's own text ends: at its block's last line, as the parser sees it.
fn end_of_paragraph(source: &str, at: usize) -> usize {
    let block = import::document::blocks(source).into_iter().find(|block| block.tick.is_some_and(|tick| tick.at == at));
    let from = block.map_or(at, |block| block.range.end);
    let rest = source.get(from..).unwrap_or_default();
    let end = from + rest.find('\n').unwrap_or(rest.len());
    if source.get(..end).is_some_and(|before| before.ends_with('\r')) { end - 1 } else { end }
}

/// How everything behind a box stands; `None` where no check is behind it.
fn status(report: &Report, checks: &[&str]) -> Option<Status> {
    if checks.is_empty() {
        return None;
    }
    Some(Status::sum(checks.iter().flat_map(|check| {
        let mut statuses: Vec<Status> =
            report.results.iter().filter(|result| result.check == *check).map(|result| result.status).collect();
        if statuses.is_empty() {
            statuses.push(Status::Inconclusive);
        }
        statuses
    })))
}

fn lines(report: &Report, checks: &[&str], was_ticked: bool) -> Vec<String> {
    if checks.is_empty() {
        let ticked = if was_ticked { "; it was ticked by hand, and an audit ticks only what it saw" } else { "" };
        return vec![format!("no check judges this: it is for a person to say{ticked}")];
    }
    let mut lines = Vec::new();
    for check in checks {
        let results: Vec<&ResultLine> = report.results.iter().filter(|result| result.check == *check).collect();
        if results.is_empty() {
            lines.push(format!("**not seen** {}: not part of this audit", shown(&(*check).into())));
        }
        lines.extend(results.into_iter().map(line));
    }
    lines
}

/// One check on one target: how it stands, and on what grounds.
fn line(result: &ResultLine) -> String {
    let (word, reasons) = match result.status {
        Status::Pass if result.attestation.is_some() => ("attested", result.grounds.clone()),
        Status::Pass => ("holds", result.grounds.clone()),
        Status::Fail => ("fails", findings(result)),
        Status::Inconclusive => {
            let borne = result.findings.iter().filter(|finding| finding.waived).map(|finding| found(result, finding));
            ("not seen", result.unseen.iter().cloned().chain(borne).collect())
        }
        Status::NotApplicable => ("does not apply", result.notes.clone()),
        // Who bears it stands first, and by each finding that it covers.
        Status::Waived => {
            let waivers = result.waivers();
            let borne = waivers.iter().map(|(waiver, _)| borne(waiver));
            let what: Vec<Untrusted> = if result.findings.is_empty() {
                result.unseen.iter().map(|unseen| words!("not seen: {}", unseen)).collect()
            } else {
                findings(result)
            };
            ("waived", borne.chain(what).collect())
        }
    };
    let more = reasons.len().saturating_sub(REASONS);
    let mut text = reasons.iter().take(REASONS).map(shown).collect::<Vec<_>>().join("; ");
    if more > 0 {
        let _ = write!(text, "; and {more} more");
    }
    format!("**{word}** {} on {}: {text}", shown(&result.check), shown(&result.target))
}

/// What stands first, what is borne after it and marked as such.
fn findings(result: &ResultLine) -> Vec<Untrusted> {
    let (borne, open): (Vec<&FindingLine>, Vec<&FindingLine>) =
        result.findings.iter().partition(|finding| finding.waived);
    open.into_iter().chain(borne).map(|finding| found(result, finding)).collect()
}

fn found(result: &ResultLine, finding: &FindingLine) -> Untrusted {
    let text = words!("{} ({})", finding.what, finding.place);
    let waiver = finding.waiver.as_ref().or(result.waiver.as_ref());
    match (finding.waived, waiver) {
        (false, _) => text,
        // The waiver of the whole item stands before its findings already.
        (true, Some(_)) if result.status == Status::Waived && result.waivers().len() == 1 => text,
        (true, Some(waiver)) => words!("{}, {}", text, borne(waiver)),
        (true, None) => words!("{}, waived", text),
    }
}

fn borne(waiver: &WaiverLine) -> Untrusted {
    words!("waived by {} until {}: {}", waiver.owner, waiver.until, waiver.reason)
}

/// What whoever reads the ticks must know of the whole run: it stands behind the document, whose text stays as it is.
fn told(report: &Report) -> Vec<String> {
    let cut = (!report.run.complete).then(|| "**the run was cut short**: it decides nothing as a whole".to_owned());
    cut.into_iter().chain(report.notices.iter().map(shown)).collect()
}

fn shown(text: &Untrusted) -> String {
    text.bounded(LONGEST).document()
}

fn ten_boxes(report: &Report, why: Option<&Untrusted>) -> String {
    let mut text = String::from("## Security Checklist\n\n");
    if let Some(why) = why {
        let _ = write!(text, "{}; these are the ten boxes of the built-in policy.\n\n", shown(why));
    }
    for tick in &BOXES {
        let mark = if status(report, tick.checks) == Some(Status::Pass) { 'x' } else { ' ' };
        let _ = writeln!(text, "- [{mark}] {}", tick.text);
        for line in lines(report, tick.checks, false) {
            let _ = writeln!(text, "  - {line}");
        }
    }
    text
}

#[cfg(test)]
mod tests;
