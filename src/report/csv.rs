//! The report as CSV (RFC 4180), a line a finding; a result without findings has one line of its own.

use super::untrusted::Untrusted;
use super::{FindingLine, Report, ResultLine};
use crate::check::Status;

const COLUMNS: [&str; 14] = [
    "target",
    "check",
    "title",
    "status",
    "severity",
    "finding",
    "place",
    "id",
    "state",
    "since",
    "detail",
    "waiver_owner",
    "waiver_until",
    "remediation",
];

pub fn render(report: &Report) -> String {
    let mut out = line(&COLUMNS.map(Untrusted::from));
    for result in &report.results {
        if result.findings.is_empty() {
            out.push_str(&line(&row(result, None)));
        }
        for finding in &result.findings {
            out.push_str(&line(&row(result, Some(finding))));
        }
    }
    out
}

fn row(result: &ResultLine, finding: Option<&FindingLine>) -> [Untrusted; 14] {
    let standing = finding.and_then(|finding| finding.standing.as_ref());
    let waiver = match finding {
        Some(finding) if finding.waived => finding.waiver.as_ref().or(result.waiver.as_ref()),
        Some(_) => None,
        None => result.waiver.as_ref(),
    };
    let status = match finding {
        Some(finding) if finding.waived => Status::Waived,
        Some(_) | None => result.status,
    };
    let detail = match result.status {
        Status::Pass => Untrusted::joined(&result.grounds, "; "),
        Status::Inconclusive => Untrusted::joined(&result.unseen, "; "),
        Status::Fail | Status::Waived => waiver.map(|waiver| waiver.reason.clone()).unwrap_or_default(),
        Status::NotApplicable => Untrusted::joined(&result.notes, "; "),
    };
    [
        result.target.clone(),
        result.check.clone(),
        result.title.clone(),
        word(status).into(),
        finding.map_or(result.severity, |finding| finding.severity).to_string().into(),
        finding.map(|finding| finding.what.clone()).unwrap_or_default(),
        finding.map(|finding| finding.place.words()).unwrap_or_default(),
        finding.map(|finding| finding.id.clone()).unwrap_or_default(),
        standing.map(|standing| Untrusted::from(standing.state.word())).unwrap_or_default(),
        standing.map(|standing| Untrusted::from(standing.since.format("%Y-%m-%d").to_string())).unwrap_or_default(),
        detail,
        waiver.map(|waiver| waiver.owner.clone()).unwrap_or_default(),
        waiver.map(|waiver| Untrusted::from(waiver.until.to_string())).unwrap_or_default(),
        result.remediation.clone(),
    ]
}

fn line(cells: &[Untrusted]) -> String {
    let cells: Vec<String> = cells.iter().map(Untrusted::csv).collect();
    format!("{}\r\n", cells.join(","))
}

/// A status as the JSON report writes it.
pub(super) fn word(status: Status) -> &'static str {
    match status {
        Status::Pass => "pass",
        Status::Fail => "fail",
        Status::Inconclusive => "inconclusive",
        Status::NotApplicable => "not_applicable",
        Status::Waived => "waived",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_every_column() {
        let text = render(&crate::report::sample::report());
        assert_eq!(text.lines().count(), 7);
        assert!(text.lines().all(|line| line.matches("\",\"").count() == COLUMNS.len() - 1), "{text}");
    }
}
