//! The report as Prometheus text (exposition format 0.0.4), for the textfile collector: what a dashboard and an alert on a
//! stuck audit need.

use std::fmt::Write as _;

use super::Report;
use super::csv::word;
use super::drift::State;
use super::untrusted::Untrusted;
use crate::check::{Severity, Status};

const SEVERITIES: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

pub fn render(report: &Report) -> String {
    let mut out = String::new();
    let version = [("version", report.tool.version.clone())];
    family(&mut out, "build_info", "The version of watertight.");
    sample(&mut out, "build_info", &version, "1");

    family(&mut out, "check_status", "Whether a check has the status on the target.");
    for result in &report.results {
        for status in Status::ALL {
            let labels = [
                ("check", result.check.clone()),
                ("target", result.target.clone()),
                ("severity", result.severity.to_string().into()),
                ("status", word(status).into()),
            ];
            sample(&mut out, "check_status", &labels, if result.status == status { "1" } else { "0" });
        }
    }
    family(&mut out, "box_status", "Whether a box of the checklist has the status.");
    for tick in &report.boxes {
        for status in Status::ALL {
            let labels = [("box", tick.number.to_string().into()), ("status", word(status).into())];
            sample(&mut out, "box_status", &labels, if tick.status == status { "1" } else { "0" });
        }
    }
    family(&mut out, "findings", "Findings by severity, open or waived.");
    let findings = || report.results.iter().flat_map(|result| &result.findings);
    for severity in SEVERITIES {
        for (state, waived) in [("open", false), ("waived", true)] {
            let count = findings().filter(|finding| finding.severity == severity && finding.waived == waived).count();
            let labels = [("severity", severity.to_string().into()), ("state", state.into())];
            sample(&mut out, "findings", &labels, &count.to_string());
        }
    }
    if let Some(drift) = &report.drift {
        family(&mut out, "changes", "Findings by how they stand against the last complete run.");
        for state in State::ALL {
            let count = drift.changes.iter().filter(|change| change.state == state).count();
            sample(&mut out, "changes", &[("state", state.word().into())], &count.to_string());
        }
    }
    family(&mut out, "waiver_expiry_timestamp_seconds", "When the waiver in effect ends.");
    for result in &report.results {
        // Of several by one owner, the first to end counts: two samples under the same labels are refused.
        let mut ends: std::collections::BTreeMap<&Untrusted, chrono::NaiveDate> = std::collections::BTreeMap::new();
        for (waiver, _) in result.waivers() {
            let end = ends.entry(&waiver.owner).or_insert(waiver.until);
            *end = (*end).min(waiver.until);
        }
        for (owner, until) in ends {
            let labels = [("check", result.check.clone()), ("target", result.target.clone()), ("owner", owner.clone())];
            // A waiver holds through its last day.
            let end = until.succ_opt().unwrap_or(until).and_time(chrono::NaiveTime::MIN).and_utc();
            sample(&mut out, "waiver_expiry_timestamp_seconds", &labels, &end.timestamp().to_string());
        }
    }
    family(&mut out, "attestation_expiry_timestamp_seconds", "When somebody's word that decides a check ends.");
    for result in &report.results {
        if let Some(attestation) = &result.attestation {
            let labels =
                [("check", result.check.clone()), ("target", result.target.clone()), ("by", attestation.by.clone())];
            let end = attestation.until.succ_opt().unwrap_or(attestation.until);
            let end = end.and_time(chrono::NaiveTime::MIN).and_utc();
            sample(&mut out, "attestation_expiry_timestamp_seconds", &labels, &end.timestamp().to_string());
        }
    }
    family(&mut out, "run_last_completion_timestamp_seconds", "When the run ended.");
    sample(&mut out, "run_last_completion_timestamp_seconds", &[], &report.run.finished.timestamp().to_string());
    family(&mut out, "run_duration_seconds", "How long the run took.");
    let took = (report.run.finished - report.run.started).num_milliseconds().max(0);
    sample(&mut out, "run_duration_seconds", &[], &format!("{}.{:03}", took / 1000, took % 1000));
    family(&mut out, "run_complete", "Whether the run was not cut short.");
    sample(&mut out, "run_complete", &[], if report.run.complete { "1" } else { "0" });
    out
}

fn family(out: &mut String, name: &str, help: &str) {
    let _ = writeln!(out, "# HELP watertight_{name} {help}\n# TYPE watertight_{name} gauge");
}

fn sample(out: &mut String, name: &str, labels: &[(&str, Untrusted)], value: &str) {
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", value.label())).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let _ = writeln!(out, "watertight_{name}{labels} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_exactly_one_status() {
        let text = render(&crate::report::sample::report());
        let ones = text.lines().filter(|line| line.starts_with("watertight_check_status{") && line.ends_with(" 1"));
        assert_eq!(ones.count(), 6);
        // 2027-02-01T00:00:00Z: the last day of the waiver is its own.
        assert!(text.contains("watertight_waiver_expiry_timestamp_seconds{check=\"cors-origins\",target=\"production\",owner=\"platform\"} 1801440000"), "{text}");
    }
}
