//! The report for people: the ten boxes, what fails, what was not seen, what was waived, what holds, what was covered.

use std::fmt::Write as _;

use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table, Width, presets};

use super::untrusted::{Untrusted, words};
use super::{FindingLine, Report, ResultLine};
use crate::check::Status;

/// How it may look.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Columns of the terminal.
    pub width: u16,
    pub colour: bool,
}

/// Findings shown per item; the rest is counted.
const FINDINGS: usize = 12;
/// Reasons shown per item that could not be seen.
const REASONS: usize = 6;
/// Characters of one text from outside.
const TEXT: usize = 600;

pub fn render(report: &Report, style: Style) -> String {
    let style = Style { width: style.width.clamp(40, 160), ..style };
    let mut out = Page { text: String::new(), style };
    head(&mut out, report);
    boxes(&mut out, report);
    failing(&mut out, report);
    not_seen(&mut out, report);
    excepted(&mut out, report);
    holding(&mut out, report);
    tail(&mut out, report);
    out.text
}

struct Page {
    text: String,
    style: Style,
}

impl Page {
    fn title(&mut self, title: &str) {
        let title = self.painted(title, "1");
        let _ = write!(self.text, "\n{title}\n");
    }

    /// One paragraph, wrapped; `first` begins it and the following lines stand under its end.
    fn paragraph(&mut self, first: &str, text: &Untrusted) {
        let indent = first.chars().count();
        let room = usize::from(self.style.width).saturating_sub(indent).max(20);
        let shown = text.bounded(TEXT).log();
        for (number, line) in wrapped(&shown, room).iter().enumerate() {
            if number == 0 {
                let _ = writeln!(self.text, "{first}{line}");
            } else {
                let _ = writeln!(self.text, "{}{line}", " ".repeat(indent));
            }
        }
    }

    fn painted(&self, text: &str, code: &str) -> String {
        if self.style.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Breaks at blanks, and inside words that are longer than a line.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > room {
            lines.push(String::new());
            used = 0;
        }
        if used > 0 {
            push(&mut lines, " ");
            used += 1;
        }
        for character in word.chars() {
            if used == room {
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                line.push(character);
            }
            used += 1;
        }
    }
    lines
}

fn push(lines: &mut [String], text: &str) {
    if let Some(line) = lines.last_mut() {
        line.push_str(text);
    }
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Pass => "holds",
        Status::Fail => "FAILS",
        Status::Inconclusive => "not seen",
        Status::NotApplicable => "does not apply",
        Status::Waived => "waived",
    }
}

fn colour(status: Status) -> Color {
    match status {
        Status::Pass => Color::Green,
        Status::Fail => Color::Red,
        Status::Inconclusive => Color::Yellow,
        Status::NotApplicable => Color::DarkGrey,
        Status::Waived => Color::Cyan,
    }
}

fn head(out: &mut Page, report: &Report) {
    let trust = if report.policy.trusted { "" } else { ", found and not trusted" };
    // The names of the embedded policies have their parentheses already.
    let file = report.policy.file.terminal();
    let file = file.trim_matches(['(', ')']);
    out.paragraph(
        "",
        &words!(
            "{} {}, policy `{}` ({}{}), run {} at {}{}",
            report.tool.name,
            report.tool.version,
            report.policy.name,
            file,
            trust,
            report.run.id,
            report.run.started.format("%Y-%m-%d %H:%M UTC"),
            if report.run.complete { "" } else { "; NOT COMPLETE: it was cut short" },
        ),
    );
    if let Some(by) = &report.run.authorised {
        out.paragraph("", &words!("authorised by {}", by));
    }
}

fn boxes(out: &mut Page, report: &Report) {
    out.title("THE TEN BOXES");
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(out.style.width);
    if out.style.colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(["", "Box", "Status", "Checks"]);
    for line in &report.boxes {
        let checks: Vec<String> = line.checks.iter().map(|check| mark(report, check)).collect();
        let mut status = Cell::new(word(line.status));
        if out.style.colour {
            status = status.fg(colour(line.status));
        }
        table.add_row(vec![Cell::new(line.number), Cell::new(line.text.log()), status, Cell::new(checks.join("\n"))]);
    }
    for (column, constraint) in [
        (0, ColumnConstraint::ContentWidth),
        (2, ColumnConstraint::LowerBoundary(Width::Fixed(10))),
        (3, ColumnConstraint::ContentWidth),
    ] {
        if let Some(column) = table.column_mut(column) {
            column.set_constraint(constraint);
        }
    }
    let _ = writeln!(out.text, "{table}");
    let summary = report.summary;
    out.paragraph(
        "",
        &words!(
            "{} hold, {} fail, {} not seen, {} waived, {} do not apply",
            summary.pass,
            summary.fail,
            summary.inconclusive,
            summary.waived,
            summary.not_applicable
        ),
    );
    for notice in &report.notices {
        out.paragraph("! ", notice);
    }
}

/// A check in the boxes' last column, with its own sign.
fn mark(report: &Report, check: &Untrusted) -> String {
    let status = Status::sum(report.results.iter().filter(|result| result.check == *check).map(|result| result.status));
    let ran = report.results.iter().any(|result| result.check == *check);
    let sign = match (ran, status) {
        (false, _) | (true, Status::Inconclusive) => '?',
        (true, Status::Pass) => '✓',
        (true, Status::Fail) => '✗',
        (true, Status::NotApplicable) => '-',
        (true, Status::Waived) => '~',
    };
    format!("{sign} {}", check.log())
}

/// `check on target`; the target only where there are several.
fn name(report: &Report, result: &ResultLine) -> String {
    let several = report.results.iter().any(|other| other.target != result.target);
    // A report that was stored or recorded is data from outside, ids included.
    let check = result.check.log();
    if several { format!("{check} on {}", result.target.log()) } else { check }
}

fn of(report: &Report, status: Status) -> Vec<&ResultLine> {
    report.results.iter().filter(|result| result.status == status).collect()
}

fn failing(out: &mut Page, report: &Report) {
    let mut results = of(report, Status::Fail);
    if results.is_empty() {
        return;
    }
    // The worst first; within a severity the order of the checklist stays.
    results.sort_by_key(|result| std::cmp::Reverse(result.severity));
    out.title("FAILS");
    for result in results {
        let painted = out.painted(&format!("✗ {}", name(report, result)), "31");
        let rest = words!("({}): {}", result.severity, result.title).log();
        let indent = name(report, result).chars().count() + 2;
        let room = usize::from(out.style.width).saturating_sub(indent).max(20);
        let mut rest = wrapped(&rest, room).into_iter();
        let _ = writeln!(out.text, "{painted} {}", rest.next().unwrap_or_default());
        for line in rest {
            let _ = writeln!(out.text, "    {line}");
        }
        let standing: Vec<_> = result.findings.iter().filter(|finding| !finding.waived).collect();
        for finding in standing.iter().take(FINDINGS) {
            out.paragraph("  - ", &finding.what);
            out.paragraph("    at ", &finding.place.words());
        }
        if standing.len() > FINDINGS {
            out.paragraph("  - ", &words!("and {} more (all in --format json)", standing.len() - FINDINGS));
        }
        for unseen in result.unseen.iter().take(REASONS) {
            out.paragraph("  ? ", unseen);
        }
        out.paragraph("  → ", &result.remediation);
    }
}

fn not_seen(out: &mut Page, report: &Report) {
    let results = of(report, Status::Inconclusive);
    if results.is_empty() {
        return;
    }
    out.title("NOT SEEN, SO NOT PASSED");
    for result in results {
        let painted = out.painted(&format!("? {}", name(report, result)), "33");
        let _ = writeln!(out.text, "{painted}");
        for unseen in result.unseen.iter().take(REASONS) {
            out.paragraph("  - ", unseen);
        }
        if result.unseen.len() > REASONS {
            out.paragraph("  - ", &words!("and {} more reasons", result.unseen.len() - REASONS));
        }
        for finding in result.findings.iter().filter(|finding| finding.waived) {
            out.paragraph("  ~ ", &words!("waived: {} at {}", finding.what, finding.place));
        }
    }
}

fn excepted(out: &mut Page, report: &Report) {
    let excepted: Vec<&ResultLine> =
        report.results.iter().filter(|result| !result.waivers().is_empty() || result.attestation.is_some()).collect();
    if excepted.is_empty() {
        return;
    }
    out.title("WAIVED AND ATTESTED");
    for result in excepted {
        for (waiver, _) in result.waivers() {
            out.paragraph(
                &format!("~ {}: ", name(report, result)),
                &words!("waived until {} by {}: {}", waiver.until, waiver.owner, waiver.reason),
            );
            let its =
                |finding: &&FindingLine| finding.waived && finding.waiver.as_ref().is_none_or(|its| its == waiver);
            for finding in result.findings.iter().filter(its).take(FINDINGS) {
                out.paragraph("  - ", &words!("{} at {}", finding.what, finding.place));
            }
        }
        if let Some(attestation) = &result.attestation {
            out.paragraph(
                &format!("~ {}: ", name(report, result)),
                &words!(
                    "attested, not measured, by {} on {}, until {}: {}",
                    attestation.by,
                    attestation.on,
                    attestation.until,
                    attestation.statement
                ),
            );
        }
    }
}

fn holding(out: &mut Page, report: &Report) {
    let results = of(report, Status::Pass);
    if !results.is_empty() {
        out.title("HOLDS");
    }
    for result in results {
        let painted = out.painted(&format!("✓ {}", name(report, result)), "32");
        let _ = writeln!(out.text, "{painted}");
        for grounds in result.grounds.iter().take(REASONS) {
            out.paragraph("  - ", grounds);
        }
        for note in result.notes.iter().take(REASONS) {
            out.paragraph("  note: ", note);
        }
    }
    let results = of(report, Status::NotApplicable);
    if !results.is_empty() {
        out.title("DOES NOT APPLY");
    }
    for result in results {
        out.paragraph(&format!("- {}: ", name(report, result)), &Untrusted::joined(&result.notes, "; "));
    }
}

fn tail(out: &mut Page, report: &Report) {
    out.title("COVERED");
    let coverage = &report.coverage;
    let mut parts = vec![format!("{} requests and {} bare connections sent", coverage.requests, coverage.connections)];
    if coverage.endpoints.known > 0 {
        parts.push(format!("{} of {} known endpoints answered", coverage.endpoints.judged, coverage.endpoints.known));
    }
    if coverage.commits + coverage.blobs > 0 {
        parts.push(format!("{} commits, {} blobs and {} bytes read", coverage.commits, coverage.blobs, coverage.bytes));
    }
    if !coverage.skipped.is_empty() {
        parts.push(format!("{} questions without an answer (named in --format json)", coverage.skipped.len()));
    }
    let mut parts: Vec<Untrusted> = parts.into_iter().map(Untrusted::from).collect();
    parts.push(if report.run.vantage == "none" {
        "no deployment was contacted".into()
    } else {
        words!("seen from here over {} addresses", report.run.vantage)
    });
    out.paragraph("", &Untrusted::joined(&parts, "; "));
}

#[cfg(test)]
mod tests;
