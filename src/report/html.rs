//! The report as one page that needs nothing else: no script, no font, no image from elsewhere. It opens with what a
//! manager asks (the ten boxes, what changed, who waived what until when, how long each failure has stood); the items
//! follow, filtered by status with style sheets alone.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::csv::word as class;
use super::drift::{Drift, Point, State};
use super::markdown::word;
use super::untrusted::{Untrusted, words};
use super::{FindingLine, Report, ResultLine, WaiverLine};
use crate::check::Status;

const STYLE: &str = include_str!("html.css");
/// Characters of one text from outside.
const TEXT: usize = 2_000;
/// Lines of one list; the rest is counted.
const LINES: usize = 100;

/// The statuses in the order of the page.
const ORDER: [Status; 5] = [Status::Fail, Status::Inconclusive, Status::Waived, Status::Pass, Status::NotApplicable];

pub fn render(report: &Report) -> String {
    let title = words!("Audit under {}", report.policy.name);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // Nothing is loaded, run or sent, whatever a text from outside tries.
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
                meta name="referrer" content="no-referrer";
                title { (shown(&title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { (head(report)) }
                main {
                    (boxes(report))
                    (changes(report))
                    (waivers(report))
                    (standing(report))
                    (items(report))
                    (statements(report))
                    (coverage(report))
                }
            }
        }
    };
    page.into_string() + "\n"
}

/// One text of the report, bounded; how maud writes it is the type's affair.
fn shown(text: &Untrusted) -> Untrusted {
    text.bounded(TEXT)
}

fn head(report: &Report) -> Markup {
    let count = report.summary;
    let counts = [
        (Status::Fail, count.fail, "fail"),
        (Status::Inconclusive, count.inconclusive, "not seen"),
        (Status::Waived, count.waived, "waived"),
        (Status::Pass, count.pass, "hold"),
        (Status::NotApplicable, count.not_applicable, "do not apply"),
    ];
    html! {
        h1 { "Audit under " (shown(&report.policy.name)) }
        p.soft {
            (report.run.started.format("%-d %B %Y, %H:%M UTC")) ", run " code { (shown(&report.run.id)) } ", "
            (shown(&report.tool.name)) " " (shown(&report.tool.version)) ", seen from " (shown(&report.run.vantage))
            " addresses"
            @if let Some(by) = &report.run.authorised { ", authorised by " (shown(by)) }
        }
        ul.counts aria-label="Results" {
            @for (status, count, name) in counts { li class=(class(status)) { (count) " " (name) } }
        }
        @if !report.run.complete { p.notice { strong { "Not complete: " } "the run was cut short." } }
        @for notice in report.notices.iter().take(LINES) { p.notice { (shown(notice)) } }
    }
}

fn boxes(report: &Report) -> Markup {
    let trend = report.drift.as_ref().map(|drift| drift.trend.as_slice()).unwrap_or_default();
    html! {
        section aria-labelledby="boxes" {
            h2 id="boxes" { "The ten boxes" }
            ol.boxes {
                @for (at, tick) in report.boxes.iter().enumerate() {
                    li {
                        div.top {
                            h3 { (tick.number) ". " (shown(&tick.text)) }
                            (badge(tick.status))
                        }
                        span.soft.small { (shown(&Untrusted::joined(&tick.checks, ", "))) }
                        @if trend.len() > 1 { (chart(trend, at)) }
                    }
                }
            }
        }
    }
}

/// A bar a run, as high as the box stood well.
fn chart(trend: &[Point], at: usize) -> Markup {
    const BAR: usize = 6;
    let runs: Vec<(char, &Point)> =
        trend.iter().rev().take(40).rev().map(|point| (point.boxes.chars().nth(at).unwrap_or('i'), point)).collect();
    let width = runs.len() * BAR;
    let failed = runs.iter().filter(|(letter, _)| *letter == 'f').count();
    html! {
        svg.trend width=(width) height="18" viewBox=(format!("0 0 {width} 18")) role="img"
            aria-label=(format!("{failed} of the last {} runs failed", runs.len())) {
            @for (number, (letter, point)) in runs.iter().enumerate() {
                @let height = match letter { 'p' => 16, 'w' => 12, 'n' => 8, 'i' => 6, _ => 16 };
                rect class=(letter) x=(number * BAR) y=(17 - height) width=(BAR - 2) height=(height) {
                    title { (point.started.format("%Y-%m-%d %H:%M")) }
                }
            }
        }
    }
}

fn changes(report: &Report) -> Markup {
    let Some(drift) = &report.drift else { return html! {} };
    html! {
        section aria-labelledby="changes" {
            h2 id="changes" { "What changed" }
            @match &drift.baseline {
                None => p { "This is the first complete run of these targets under this policy." },
                Some(baseline) => {
                    p.soft {
                        "Since the last complete run, " (baseline.started.format("%-d %B %Y, %H:%M UTC")) " ("
                        code { (shown(&baseline.run)) } "): " (counted(drift)) "."
                    }
                    (changed(drift))
                }
            }
        }
    }
}

fn counted(drift: &Drift) -> String {
    let counts: Vec<String> = State::ALL
        .iter()
        .filter_map(|state| {
            let count = drift.changes.iter().filter(|change| change.state == *state).count();
            (count > 0).then(|| format!("{count} {}", state.word()))
        })
        .collect();
    if counts.is_empty() { "nothing was found then or now".into() } else { counts.join(", ") }
}

fn changed(drift: &Drift) -> Markup {
    let shown_changes: Vec<_> = drift.changes.iter().filter(|change| change.state != State::Still).collect();
    if shown_changes.is_empty() {
        return html! {};
    }
    html! {
        div.scroll tabindex="0" role="region" aria-label="Changes" {
            table {
                thead { tr { th { "State" } th { "Item" } th { "Finding" } th { "Stands since" } } }
                tbody {
                    @for change in shown_changes.iter().take(LINES) {
                        tr {
                            td { span.news[change.state.is_news()] { (change.state.word()) } }
                            td { (shown(&change.check)) br; span.soft.small { (shown(&change.target)) } }
                            td { (shown(&change.what)) br; span.soft.small { (shown(&change.place)) } }
                            td { (change.since.format("%Y-%m-%d")) }
                        }
                    }
                }
            }
        }
        @if shown_changes.len() > LINES { p.soft { "and " (shown_changes.len() - LINES) " more" } }
    }
}

fn waivers(report: &Report) -> Markup {
    let mut waived: Vec<(&ResultLine, &WaiverLine, usize)> = report
        .results
        .iter()
        .flat_map(|result| result.waivers().into_iter().map(move |(waiver, count)| (result, waiver, count)))
        .collect();
    waived.sort_by_key(|(_, waiver, _)| waiver.until);
    if waived.is_empty() {
        return html! {};
    }
    html! {
        section aria-labelledby="waivers" {
            h2 id="waivers" { "What is waived, by whom, until when" }
            div.scroll tabindex="0" role="region" aria-label="Waivers" {
                table {
                    thead { tr { th { "Item" } th { "Owner" } th { "Until" } th { "Covers" } th { "Reason" } } }
                    tbody {
                        @for (result, waiver, count) in waived {
                            tr {
                                td { (shown(&result.check)) br; span.soft.small { (shown(&result.target)) } }
                                td { (shown(&waiver.owner)) }
                                td { (waiver.until) }
                                td { @if count == 0 { "what was not seen" } @else { (count) " findings" } }
                                td { (shown(&waiver.reason)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How long each failure has stood.
fn standing(report: &Report) -> Markup {
    let mut open: Vec<(&ResultLine, &FindingLine)> = report
        .results
        .iter()
        .filter(|result| result.status == Status::Fail)
        .flat_map(|result| result.findings.iter().map(move |finding| (result, finding)))
        .filter(|(_, finding)| !finding.waived && finding.standing.is_some())
        .collect();
    if open.is_empty() {
        return html! {};
    }
    open.sort_by_key(|(_, finding)| finding.standing.as_ref().map(|standing| standing.since));
    html! {
        section aria-labelledby="standing" {
            h2 id="standing" { "How long each failure has stood" }
            div.scroll tabindex="0" role="region" aria-label="Failures by age" {
                table {
                    thead { tr { th { "Days" } th { "Item" } th { "Finding" } } }
                    tbody {
                        @for (result, finding) in open.iter().take(LINES) {
                            @if let Some(standing) = &finding.standing {
                                tr {
                                    td { ((report.run.started - standing.since).num_days().max(0)) }
                                    td { (shown(&result.check)) br; span.soft.small { (shown(&result.target)) } }
                                    td { (shown(&finding.what)) }
                                }
                            }
                        }
                    }
                }
            }
            @if open.len() > LINES { p.soft { "and " (open.len() - LINES) " more" } }
        }
    }
}

fn items(report: &Report) -> Markup {
    html! {
        section id="items" aria-labelledby="items-title" {
            h2 id="items-title" { "The items" }
            fieldset {
                legend { "Show" }
                input type="radio" name="only" id="only-all" checked;
                label for="only-all" { "all" }
                @for status in ORDER {
                    @let id = format!("only-{}", class(status));
                    input type="radio" name="only" id=(id);
                    label for=(id) { (word(status)) }
                }
            }
            @for status in ORDER {
                @for result in report.results.iter().filter(|result| result.status == status) { (item(result)) }
            }
        }
    }
}

fn item(result: &ResultLine) -> Markup {
    html! {
        article data-status=(class(result.status)) {
            header {
                (badge(result.status))
                @if result.attestation.is_some() { span.soft { "attested, not measured" } }
                h3 { (shown(&result.title)) }
                span.soft.small { code { (shown(&result.check)) } " on " (shown(&result.target)) ", " (result.severity) ", "
                    (shown(&Untrusted::joined(&result.statements, ", "))) }
            }
            @for (waiver, _) in result.waivers() {
                p { "Waived by " (shown(&waiver.owner)) " until " (waiver.until) ": " (shown(&waiver.reason)) }
            }
            @if let Some(attestation) = &result.attestation {
                p { "Attested, not measured: " (shown(&attestation.by)) " on " (attestation.on) " until " (attestation.until)
                    ": " (shown(&attestation.statement)) }
            }
            @if !result.findings.is_empty() {
                ul { @for finding in result.findings.iter().take(LINES) { li { (found(finding)) } } }
                @if result.findings.len() > LINES { p.soft { "and " (result.findings.len() - LINES) " more" } }
            }
            (list("Not seen", &result.unseen))
            (list("Grounds", &result.grounds))
            (list("Notes", &result.notes))
            @if result.status == Status::Fail {
                p.remedy { strong { "Remedy: " } (shown(&result.remediation)) }
                p.soft.small { (shown(&Untrusted::joined(&result.references, ", "))) }
            }
        }
    }
}

fn found(finding: &FindingLine) -> Markup {
    html! {
        (shown(&finding.what)) " " span.soft.small { "at " (shown(&finding.place.words())) ", " (finding.severity)
            @if finding.waived { ", waived" }
            @if let Some(standing) = &finding.standing {
                @if standing.state.is_news() { ", " span.news { (standing.state.word()) } }
                @else { ", since " (standing.since.format("%Y-%m-%d")) }
            }
        }
    }
}

fn list(title: &str, lines: &[Untrusted]) -> Markup {
    html! {
        @if !lines.is_empty() {
            p.soft.small { (title) }
            ul {
                @for line in lines.iter().take(LINES) { li { (shown(line)) } }
                @if lines.len() > LINES { li.soft { "and " (lines.len() - LINES) " more" } }
            }
        }
    }
}

fn statements(report: &Report) -> Markup {
    html! {
        section aria-labelledby="statements" {
            h2 id="statements" { "The policy, statement by statement" }
            div.scroll tabindex="0" role="region" aria-label="Statements" {
                table {
                    thead { tr { th { "Statement" } th { "Status" } th { "Checks" } } }
                    tbody {
                        @for statement in &report.statements {
                            tr {
                                td { code { (shown(&statement.id)) } " " (shown(&statement.text)) }
                                td { (badge(statement.status)) }
                                td.small { (shown(&Untrusted::joined(&statement.checks, ", "))) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn coverage(report: &Report) -> Markup {
    let coverage = &report.coverage;
    html! {
        section aria-labelledby="coverage" {
            h2 id="coverage" { "What was covered" }
            p {
                (coverage.requests) " requests and " (coverage.connections) " bare connections sent; "
                (coverage.endpoints.judged) " of " (coverage.endpoints.known) " endpoints judged; " (coverage.commits)
                " commits, " (coverage.blobs) " blobs, " (coverage.bytes) " bytes of the repository read."
            }
            @if !coverage.skipped.is_empty() {
                details {
                    summary { (coverage.skipped.len()) " questions without an answer" }
                    ul { @for line in coverage.skipped.iter().take(LINES * 2) { li.small { (shown(line)) } } }
                }
            }
            p.soft.small { "Policy " code { (shown(&report.policy.file)) } ", SHA-256 " code { (shown(&report.policy.sha256)) } }
        }
    }
}

fn badge(status: Status) -> Markup {
    html! { span class=(format!("badge {}", class(status))) { (word(status)) } }
}

#[cfg(test)]
mod tests;
