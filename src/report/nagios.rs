//! The report as one line of the monitoring-plugin convention, with that convention's own exit codes.

use chrono::Days;

use super::untrusted::{Untrusted, words};
use super::{Outcome, Report, ResultLine};
use crate::check::{Severity, Status};

/// A waiver that ends within so many days is a warning: its owner has to hear of it in time.
const SOON: u64 = 14;
/// Characters of the first line, before the performance data: pagers and short messages cut there.
const LINE: usize = 80;

/// The line, the lines below it, and the exit code: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
pub fn render(report: &Report, outcome: Outcome, fail_on: Severity) -> (String, u8) {
    let (word, code) = match outcome {
        Outcome::Fails => ("CRITICAL", 2),
        Outcome::Inconclusive => ("UNKNOWN", 3),
        Outcome::Holds if warns(report, fail_on) => ("WARNING", 1),
        Outcome::Holds => ("OK", 0),
    };
    let count = report.summary;
    let took = (report.run.finished - report.run.started).num_milliseconds().max(0);
    let name: String = plain(&report.policy.name).chars().take(LINE / 2).collect();
    let first = format!(
        "WATERTIGHT {word} - {} fail, {} unseen, {} pass, {} waived ({name})",
        count.fail, count.inconclusive, count.pass, count.waived,
    );
    let data = format!(
        "fail={};0;0;0 unseen={};0;;0 pass={};;;0 waived={};;;0 duration={}.{:03}s",
        count.fail,
        count.inconclusive,
        count.pass,
        count.waived,
        took / 1000,
        took % 1000
    );
    let mut lines = vec![format!("{first} | {data}")];
    for result in &report.results {
        match result.status {
            Status::Fail => lines.extend(result.findings.iter().filter(|finding| !finding.waived).map(|finding| {
                plain(&words!("{} {}: {} at {}", result.target, result.check, finding.what, finding.place))
            })),
            Status::Inconclusive => {
                let why = result.unseen.first().cloned().unwrap_or_else(|| "not seen".into());
                lines.push(plain(&words!("{} {}: not seen: {}", result.target, result.check, why)));
            }
            Status::Pass | Status::NotApplicable | Status::Waived => {}
        }
    }
    (lines.join("\n") + "\n", code)
}

/// A failure below the bar, or a waiver that is about to end.
fn warns(report: &Report, fail_on: Severity) -> bool {
    let below = report.results.iter().any(|result| result.status == Status::Fail && result.severity < fail_on);
    let today = report.run.started.date_naive();
    let ends = report
        .results
        .iter()
        .flat_map(ResultLine::waivers)
        .any(|(waiver, _)| today.checked_add_days(Days::new(SOON)).is_none_or(|soon| waiver.until <= soon));
    below || ends
}

/// Without the sign that begins performance data.
fn plain(text: &Untrusted) -> String {
    text.log().replace('|', "/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_convention_has_codes_of_its_own() {
        let report = sample::report();
        let (text, code) = render(&report, Outcome::Fails, Severity::Low);
        assert_eq!(code, 2);
        assert!(text.starts_with(
            "WATERTIGHT CRITICAL - 1 fail, 1 unseen, 2 pass, 1 waived (MCP server security policy) | fail=1;0;0;0 "
        ));
        assert_eq!(render(&report, Outcome::Inconclusive, Severity::Low).1, 3);
        let mut holds = report;
        holds.results.retain(|result| matches!(result.status, Status::Pass | Status::Waived));
        assert_eq!(render(&holds, Outcome::Holds, Severity::Low).1, 0);
        holds.results[0].waiver.as_mut().unwrap().until = holds.run.started.date_naive();
        assert_eq!(render(&holds, Outcome::Holds, Severity::Low).1, 1);
    }
}
