//! The report as Markdown: a pull request's comment. It opens with the ten boxes and what changed.

use std::fmt::Write as _;

use super::drift::State;
use super::untrusted::Untrusted;
use super::{FindingLine, Report, ResultLine, WaiverLine};
use crate::check::Status;

/// Characters of one text from outside.
const TEXT: usize = 400;
/// Findings shown per item; the rest is counted.
const FINDINGS: usize = 20;
/// GitHub's comments end at 65,536 characters; the rest of a longer report is in the other formats.
const COMMENT: usize = 60_000;

pub fn render(report: &Report) -> String {
    let mut out = String::new();
    head(&mut out, report);
    boxes(&mut out, report);
    changes(&mut out, report);
    waivers(&mut out, report);
    failing(&mut out, report);
    unseen(&mut out, report);
    waived(&mut out, report);
    holding(&mut out, report);
    if out.chars().count() > COMMENT {
        out = out.chars().take(COMMENT).collect();
        // At the end of a line, so that no mark is cut in two; whatever section the cut left open ends here.
        out.truncate(out.rfind('\n').unwrap_or(0));
        out.push_str("\n\n</details>\n\n**Cut here: the report is longer than a comment may be.**\n");
    }
    out
}

fn head(out: &mut String, report: &Report) {
    let count = report.summary;
    let _ = writeln!(
        out,
        "## Audit under {}\n\n**{} fail, {} not seen,** {} hold, {} waived, {} do not apply.",
        text(&report.policy.name),
        count.fail,
        count.inconclusive,
        count.pass,
        count.waived,
        count.not_applicable,
    );
    let _ = writeln!(
        out,
        "\nRun `{}` at {}, {} {}, seen from {} addresses.",
        plain(&report.run.id),
        report.run.started.format("%Y-%m-%d %H:%M UTC"),
        text(&report.tool.name),
        text(&report.tool.version),
        text(&report.run.vantage),
    );
    if !report.run.complete {
        out.push_str("\n**Not complete: the run was cut short.**\n");
    }
    for notice in &report.notices {
        let _ = writeln!(out, "\n> {}", text(notice));
    }
}

fn boxes(out: &mut String, report: &Report) {
    out.push_str("\n### The ten boxes\n\n| | box | status | checks |\n|---|---|---|---|\n");
    for tick in &report.boxes {
        let _ = writeln!(
            out,
            "| {} | {} | {} {} | {} |",
            tick.number,
            text(&tick.text),
            sign(tick.status),
            word(tick.status),
            tick.checks.iter().map(text).collect::<Vec<_>>().join(", "),
        );
    }
}

fn changes(out: &mut String, report: &Report) {
    let Some(drift) = &report.drift else { return };
    let Some(baseline) = &drift.baseline else {
        out.push_str("\n### Changes\n\nThis is the first complete run of these targets under this policy.\n");
        return;
    };
    let _ = writeln!(
        out,
        "\n### Changes since {} (run `{}`)\n",
        baseline.started.format("%Y-%m-%d %H:%M UTC"),
        plain(&baseline.run)
    );
    let shown: Vec<_> = drift.changes.iter().filter(|change| change.state != State::Still).collect();
    if shown.is_empty() {
        let _ = writeln!(out, "Nothing changed; {} findings stand as they did.", drift.changes.len());
        return;
    }
    for change in shown.iter().take(FINDINGS) {
        let _ = writeln!(
            out,
            "- **{}**: {} on {}: {} ({})",
            change.state.word(),
            text(&change.check),
            text(&change.target),
            text(&change.what),
            text(&change.place)
        );
    }
    if shown.len() > FINDINGS {
        let _ = writeln!(out, "- and {} more", shown.len() - FINDINGS);
    }
    let _ = writeln!(out, "\n{} others stand as they did.", drift.changes.len() - shown.len());
}

/// Who owns what is waived, and until when, the first to end first.
fn waivers(out: &mut String, report: &Report) {
    let mut waivers: Vec<(&ResultLine, &WaiverLine, usize)> = report
        .results
        .iter()
        .flat_map(|result| result.waivers().into_iter().map(move |(waiver, count)| (result, waiver, count)))
        .collect();
    if waivers.is_empty() {
        return;
    }
    waivers.sort_by_key(|(_, waiver, _)| waiver.until);
    out.push_str(
        "\n### Who bears what, until when\n\n| item | owner | until | covers | reason |\n|---|---|---|---|---|\n",
    );
    for (result, waiver, count) in waivers.iter().take(FINDINGS) {
        let covers = if *count == 0 { "what was not seen".to_owned() } else { format!("{count} findings") };
        let _ = writeln!(
            out,
            "| {} on {} | {} | {} | {covers} | {} |",
            text(&result.check),
            text(&result.target),
            text(&waiver.owner),
            waiver.until,
            text(&waiver.reason)
        );
    }
    if waivers.len() > FINDINGS {
        let _ = writeln!(out, "\nand {} more", waivers.len() - FINDINGS);
    }
}

fn failing(out: &mut String, report: &Report) {
    section(out, report, Status::Fail, "Fails", |out, result| {
        findings(out, report, result, false);
        let _ = writeln!(out, "\n  Remedy: {}", text(&result.remediation));
    });
}

fn unseen(out: &mut String, report: &Report) {
    section(out, report, Status::Inconclusive, "Not seen, so not passed", |out, result| {
        for why in result.unseen.iter().take(FINDINGS) {
            let _ = writeln!(out, "  - {}", text(why));
        }
    });
}

fn waived(out: &mut String, report: &Report) {
    section(out, report, Status::Waived, "Waived", |out, result| {
        for (waiver, _) in result.waivers() {
            let _ = writeln!(out, "  - by {} until {}: {}", text(&waiver.owner), waiver.until, text(&waiver.reason));
        }
        findings(out, report, result, true);
    });
}

fn holding(out: &mut String, report: &Report) {
    let holds: Vec<&ResultLine> = report.results.iter().filter(|result| result.status == Status::Pass).collect();
    if holds.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n<details><summary>Holds ({})</summary>\n", holds.len());
    for result in holds {
        let _ = writeln!(out, "- ✅ **{}** on {}: {}", text(&result.check), text(&result.target), text(&result.title));
        if let Some(attestation) = &result.attestation {
            let _ = writeln!(
                out,
                "  - attested, not measured: {} on {} until {}: {}",
                text(&attestation.by),
                attestation.on,
                attestation.until,
                text(&attestation.statement)
            );
        }
        for ground in result.grounds.iter().take(FINDINGS) {
            let _ = writeln!(out, "  - {}", text(ground));
        }
    }
    out.push_str("\n</details>\n");
}

fn section(
    out: &mut String,
    report: &Report,
    status: Status,
    title: &str,
    mut body: impl FnMut(&mut String, &ResultLine),
) {
    let results: Vec<&ResultLine> = report.results.iter().filter(|result| result.status == status).collect();
    if results.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n### {title}\n");
    for result in results {
        let _ = writeln!(
            out,
            "- {} **{}** ({}) on {}: {}",
            sign(status),
            text(&result.check),
            result.severity,
            text(&result.target),
            text(&result.title)
        );
        body(out, result);
    }
}

fn findings(out: &mut String, report: &Report, result: &ResultLine, waived: bool) {
    let findings: Vec<&FindingLine> = result.findings.iter().filter(|finding| finding.waived == waived).collect();
    for finding in findings.iter().take(FINDINGS) {
        let since = finding.standing.as_ref().map_or_else(String::new, |standing| match standing.state {
            State::New | State::Reopened | State::Graver | State::RuleChanged | State::WaiverExpired => {
                format!(" (**{}**)", standing.state.word())
            }
            State::Still | State::NewlyWaived | State::Fixed | State::NotEvaluated => {
                let days = (report.run.started - standing.since).num_days().max(0);
                format!(" (since {}, {days} days)", standing.since.format("%Y-%m-%d"))
            }
        });
        let _ = writeln!(out, "  - {} at {}{since}", text(&finding.what), text(&finding.place.words()));
    }
    if findings.len() > FINDINGS {
        let _ = writeln!(out, "  - and {} more", findings.len() - FINDINGS);
    }
}

fn text(text: &Untrusted) -> String {
    text.bounded(TEXT).markdown()
}

/// Inside a code span.
fn plain(text: &Untrusted) -> String {
    text.terminal().chars().filter(char::is_ascii_alphanumeric).collect()
}

fn sign(status: Status) -> &'static str {
    match status {
        Status::Pass => "✅",
        Status::Fail => "❌",
        Status::Inconclusive => "❔",
        Status::NotApplicable => "➖",
        Status::Waived => "🕓",
    }
}

/// A status as the reader hears it.
pub(super) fn word(status: Status) -> &'static str {
    match status {
        Status::Pass => "holds",
        Status::Fail => "fails",
        Status::Inconclusive => "not seen",
        Status::NotApplicable => "does not apply",
        Status::Waived => "waived",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn it_opens_with_the_boxes_and_ends_with_what_holds() {
        let text = render(&sample::report());
        let order = ["### The ten boxes", "### Fails", "### Not seen", "### Waived", "<summary>Holds"];
        let places: Vec<usize> = order.iter().map(|part| text.find(part).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");
    }

    #[test]
    fn a_table_cell_and_a_fence_cannot_be_broken() {
        let mut report = sample::report();
        report.results[0].findings[0].what = "```\n| x | <img src=x onerror=alert(1)> @team [a](b)".into();
        let text = render(&report);
        assert!(!text.contains("<img") && !text.contains("\n|  x") && !text.contains("@team"), "{text}");
        assert!(!text.contains("```"), "{text}");
    }

    #[test]
    fn a_long_report_is_cut_and_says_so() {
        let mut report = sample::report();
        report.results = vec![report.results[0].clone(); 500];
        let text = render(&report);
        assert!(text.chars().count() < 65_536 && text.contains("Cut here"));
    }
}
