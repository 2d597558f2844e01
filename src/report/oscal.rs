//! The report as OSCAL assessment results (1.1.2). OSCAL knows satisfied and not satisfied only: what could not be seen,
//! what does not apply and what somebody attests is never written as satisfied by a test.

use serde_json::{Value, json};
use uuid::Uuid;

use super::untrusted::{Untrusted, words};
use super::{Report, ResultLine};
use crate::check::Status;

pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    let id = |parts: &[&Untrusted]| {
        // Version 5, so that the same run gives the same document (RFC 9562 section 5.5).
        let mut name = report.run.id.data().to_owned();
        for part in parts {
            name.push('\n');
            name.push_str(part.data());
        }
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
    };
    let time = |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let of = |kind: &str, at: usize, result: &ResultLine| {
        // A report that was read back may name a check twice on one target; two things under one UUID are refused.
        let before = report.results.iter().take(at);
        let twins = before.filter(|other| other.check == result.check && other.target == result.target).count();
        id(&[&kind.into(), &result.target, &result.check, &twins.to_string().into()])
    };
    let plan = id(&[&"assessment plan".into()]);
    let observations: Vec<Value> = report
        .results
        .iter()
        .enumerate()
        .map(|(at, result)| {
            json!({
                "uuid": of("observation", at, result),
                "title": text(&result.title),
                "description": text(&described(result)),
                "methods": [method(result)],
                "collected": time(report.run.started),
                "props": props(result),
            })
        })
        .collect();
    let risks: Vec<Value> = report
        .results
        .iter()
        .enumerate()
        .filter(|(_, result)| matches!(result.status, Status::Fail | Status::Waived))
        .map(|(at, result)| {
            let mut risk = json!({
                "uuid": of("risk", at, result),
                "title": text(&result.title),
                "description": text(&described(result)),
                "statement": text(&words!("The requirement does not hold on {}. {}", result.target, result.remediation)),
                "status": if result.status == Status::Waived { "deviation-approved" } else { "open" },
                "related-observations": [{ "observation-uuid": of("observation", at, result) }],
            });
            // The first of the waivers that ends is when the risk has to be looked at again.
            if let Some(until) = result.waivers().iter().map(|(waiver, _)| waiver.until).min() {
                risk["deadline"] = json!(format!("{until}T23:59:59Z"));
            }
            risk
        })
        .collect();
    let findings: Vec<Value> = report
        .results
        .iter()
        .enumerate()
        .map(|(at, result)| {
            let (state, reason) = match result.status {
                Status::Pass if result.attestation.is_some() => ("satisfied", "other"),
                Status::Pass => ("satisfied", "pass"),
                Status::Fail => ("not-satisfied", "fail"),
                Status::Inconclusive | Status::NotApplicable | Status::Waived => ("not-satisfied", "other"),
            };
            let mut finding = json!({
                "uuid": of("finding", at, result),
                "title": text(&words!("{} on {}", result.check, result.target)),
                "description": text(&described(result)),
                "target": {
                    "type": "objective-id",
                    "target-id": text(&result.check),
                    "status": { "state": state, "reason": reason },
                },
                "props": props(result),
                "related-observations": [{ "observation-uuid": of("observation", at, result) }],
            });
            if matches!(result.status, Status::Fail | Status::Waived) {
                finding["related-risks"] = json!([{ "risk-uuid": of("risk", at, result) }]);
            }
            finding
        })
        .collect();
    let mut outcome = json!({
        "uuid": id(&[&"result".into()]),
        "title": text(&report.policy.name),
        "description": text(&words!("{} {} against {}", report.tool.name, report.tool.version, report.policy.name)),
        "start": time(report.run.started),
        "end": time(report.run.finished),
        "reviewed-controls": { "control-selections": [{ "include-all": {} }] },
    });
    // OSCAL has no empty lists.
    for (key, list) in [("observations", observations), ("risks", risks), ("findings", findings)] {
        if !list.is_empty() {
            outcome[key] = json!(list);
        }
    }
    let document = json!({ "assessment-results": {
        "uuid": id(&[&"assessment results".into()]),
        "metadata": {
            "title": text(&words!("Audit under {}", report.policy.name)),
            "last-modified": time(report.run.finished),
            "version": text(&report.run.id),
            "oscal-version": "1.1.2",
        },
        "import-ap": { "href": format!("#{plan}") },
        "results": [outcome],
        "back-matter": { "resources": [{
            "uuid": plan,
            "title": text(&words!("The policy {} (SHA-256 {})", report.policy.name, report.policy.sha256)),
        }] },
    } });
    super::json::pretty(&document)
}

/// A test looked at the system; an examination at somebody's word.
fn method(result: &ResultLine) -> &'static str {
    if result.attestation.is_some() { "EXAMINE" } else { "TEST" }
}

fn props(result: &ResultLine) -> Value {
    let status = super::csv::word(result.status).replace('_', "-");
    json!([
        { "name": "watertight-status", "value": status, "ns": "urn:watertight" },
        { "name": "severity", "value": result.severity.to_string(), "ns": "urn:watertight" },
    ])
}

fn described(result: &ResultLine) -> Untrusted {
    let lines: Vec<Untrusted> = match result.status {
        Status::Pass => result.grounds.clone(),
        Status::Fail | Status::Waived => {
            result.findings.iter().map(|finding| words!("{} at {}", finding.what, finding.place)).collect()
        }
        Status::Inconclusive => result.unseen.clone(),
        Status::NotApplicable => result.notes.clone(),
    };
    let attested = result
        .attestation
        .as_ref()
        .map(|attestation| words!("attested by {} on {}: {}", attestation.by, attestation.on, attestation.statement));
    let waivers = result.waivers();
    let waived = waivers
        .iter()
        .map(|(waiver, _)| words!("waived by {} until {}: {}", waiver.owner, waiver.until, waiver.reason));
    let all: Vec<Untrusted> = lines.into_iter().chain(attested).chain(waived).collect();
    if all.is_empty() { words!("{}: nothing more to say", result.title) } else { Untrusted::joined(&all, "; ") }
}

/// One line, never empty: OSCAL refuses empty strings and line breaks in titles.
fn text(text: &Untrusted) -> String {
    let text = text.terminal().trim().to_owned();
    if text.is_empty() { "(none)".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_pass_is_satisfied() {
        let report = crate::report::sample::report();
        let document: Value = serde_json::from_str(&render(&report).unwrap()).unwrap();
        let findings = document["assessment-results"]["results"][0]["findings"].as_array().unwrap().clone();
        for (result, finding) in report.results.iter().zip(findings) {
            let satisfied = finding["target"]["status"]["state"] == "satisfied";
            assert_eq!(satisfied, result.status == Status::Pass, "{:?}", result.check);
        }
        assert_eq!(render(&report).unwrap(), render(&report).unwrap());
    }
}
