//! The report as JUnit XML, as Jenkins and GitLab read it: a suite a target, a case a check. Names never change with the
//! text of a finding, so that what is new can be told.

use std::fmt::Write as _;

use super::untrusted::{Untrusted, words};
use super::{Report, ResultLine};
use crate::check::Status;

pub fn render(report: &Report) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let count = |status: Status| report.results.iter().filter(|result| result.status == status).count();
    let time = seconds(report);
    // No attribute for what was skipped: the schemas in use know none here.
    let _ = writeln!(
        out,
        "<testsuites name=\"{}\" time=\"{time}\" tests=\"{}\" failures=\"{}\" errors=\"{}\">",
        report.policy.name.xml(),
        report.results.len(),
        count(Status::Fail),
        count(Status::Inconclusive),
    );
    for target in targets(report) {
        let results: Vec<&ResultLine> = report.results.iter().filter(|result| result.target == *target).collect();
        let attested = results.iter().filter(|result| result.attestation.is_some()).count();
        let count = |wanted: &[Status]| results.iter().filter(|result| wanted.contains(&result.status)).count();
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" timestamp=\"{}\">",
            target.xml(),
            results.len(),
            count(&[Status::Fail]),
            count(&[Status::Inconclusive]),
            count(&[Status::NotApplicable, Status::Waived]) + attested,
            report.run.started.format("%Y-%m-%dT%H:%M:%S"),
        );
        for result in results {
            case(&mut out, result);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn case(out: &mut String, result: &ResultLine) {
    let name = format!("name=\"{}\" classname=\"watertight.{}\"", result.check.xml(), result.target.xml());
    let (element, kind, message, lines) = match result.status {
        Status::Pass if let Some(attestation) = &result.attestation => {
            let said = words!(
                "attested, not measured, by {} on {}: {}",
                attestation.by,
                attestation.on,
                attestation.statement
            );
            let _ = writeln!(
                out,
                "    <testcase {name}>\n      <skipped type=\"attested\" message=\"{}\"/>\n    </testcase>",
                said.xml()
            );
            return;
        }
        Status::Pass => {
            let _ = writeln!(out, "    <testcase {name}/>");
            return;
        }
        Status::Fail => {
            let lines = result.findings.iter().filter(|finding| !finding.waived);
            let lines: Vec<Untrusted> = lines.map(|finding| words!("{} at {}", finding.what, finding.place)).collect();
            ("failure", result.severity.to_string(), lines.first().cloned().unwrap_or_default(), lines)
        }
        Status::Inconclusive => {
            ("error", "not seen".to_owned(), result.unseen.first().cloned().unwrap_or_default(), result.unseen.clone())
        }
        Status::NotApplicable => {
            ("skipped", "not applicable".to_owned(), Untrusted::joined(&result.notes, "; "), Vec::new())
        }
        Status::Waived => {
            let said: Vec<Untrusted> = result
                .waivers()
                .iter()
                .map(|(waiver, _)| words!("waived by {} until {}: {}", waiver.owner, waiver.until, waiver.reason))
                .collect();
            ("skipped", "waived".to_owned(), Untrusted::joined(&said, "; "), Vec::new())
        }
    };
    let text: Vec<String> = lines.iter().map(Untrusted::xml).collect();
    let _ = writeln!(
        out,
        "    <testcase {name}>\n      <{element} type=\"{}\" message=\"{}\">{}</{element}>\n    </testcase>",
        Untrusted::from(kind).xml(),
        message.xml(),
        text.join("\n")
    );
}

/// The targets in the report's order, each once.
pub(super) fn targets(report: &Report) -> Vec<&Untrusted> {
    let mut targets: Vec<&Untrusted> = Vec::new();
    for result in &report.results {
        if !targets.contains(&&result.target) {
            targets.push(&result.target);
        }
    }
    targets
}

/// How long the run took, in seconds with three decimals: more are refused by the schema in use.
fn seconds(report: &Report) -> String {
    let took = (report.run.finished - report.run.started).num_milliseconds().max(0);
    format!("{}.{:03}", took / 1000, took % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_element() {
        let text = render(&crate::report::sample::report());
        for element in [
            "<skipped type=\"attested\" message=\"attested, not measured, by security lead",
            "<failure ",
            "<error ",
            "<skipped type=\"waived\"",
            "<skipped type=\"not applicable\"",
            "/>",
        ] {
            assert!(text.contains(element), "{element}: {text}");
        }
        assert!(text.contains("tests=\"6\" failures=\"1\" errors=\"1\""), "{text}");
    }
}
