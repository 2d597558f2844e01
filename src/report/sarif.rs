//! The report as SARIF 2.1.0, as GitHub's code scanning takes it: one result a finding, each with a fingerprint of its own.
//!
//! A live finding has no line of source: it stands at the policy, with its address as a logical location.
//!
//! GitHub makes an alert of every result and does not read its `kind` (measured by others: microsoft/PSRule #955), so what
//! holds or does not apply is no result, `kind: pass` of the specification (3.27.9) notwithstanding: how every item stands
//! is told in the run's own properties. What was not seen is a result (`open`), since an item that nobody saw must not look
//! quiet; and what an earlier run found and this one could not see is one under its old fingerprint, or its alert would be
//! closed as fixed. What was waived is left out, while its rule and the run stay, so that no old alert does.

use serde_json::{Value, json};

use super::drift::{Change, State};
use super::untrusted::{Untrusted, words};
use super::{FindingLine, Report, ResultLine};
use crate::check::{Place, Severity, Status};

/// Results at most: GitHub takes 25,000 a run.
const RESULTS: usize = 25_000;
/// Characters of a message.
const TEXT: usize = 1_000;

pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    let mut rules: Vec<&ResultLine> = Vec::new();
    for result in &report.results {
        if rules.iter().all(|known| known.check != result.check) {
            rules.push(result);
        }
    }
    let index = |check: &Untrusted| rules.iter().position(|rule| rule.check == *check).unwrap_or(0);
    let mut results: Vec<Value> = Vec::new();
    for result in &report.results {
        let at = index(&result.check);
        match result.status {
            Status::Fail | Status::Waived => {
                let open = result.findings.iter().filter(|finding| !finding.waived);
                results.extend(open.map(|finding| alert(report, result, finding, at)));
            }
            Status::Inconclusive => results.push(unseen(report, result, at)),
            Status::Pass | Status::NotApplicable => {}
        }
    }
    let carried =
        report.drift.iter().flat_map(|drift| &drift.changes).filter(|change| change.state == State::NotEvaluated);
    for change in carried {
        // Without its rule, as where only some checks ran, it is no result that GitHub takes.
        if let Some(at) = rules.iter().position(|rule| rule.check == change.check) {
            results.push(not_evaluated(report, change, at));
        }
    }
    let left_out = results.len().saturating_sub(RESULTS);
    results.truncate(RESULTS);
    let mut invocation = json!({
        "executionSuccessful": report.run.complete,
        "startTimeUtc": report.run.started.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        "endTimeUtc": report.run.finished.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
    });
    let mut said: Vec<(Untrusted, &str)> = report.notices.iter().map(|notice| (notice.clone(), "warning")).collect();
    if left_out > 0 {
        said.push((
            words!("{} results are left out: GitHub takes {} a run; the JSON report has all", left_out, RESULTS),
            "error",
        ));
    }
    if !said.is_empty() {
        let said: Vec<Value> =
            said.iter().map(|(text, level)| json!({ "message": { "text": message(text) }, "level": level })).collect();
        invocation["toolExecutionNotifications"] = json!(said);
    }
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": report.tool.name,
                "version": report.tool.version,
                "semanticVersion": report.tool.version,
                "rules": rules.iter().map(|result| rule(result)).collect::<Vec<_>>(),
            } },
            "automationDetails": { "id": format!("watertight/{}/", report.policy.name.relative_uri()) },
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation],
            "properties": { "summary": report.summary, "items": report.results.iter().map(item).collect::<Vec<_>>() },
            "results": results,
        }],
    });
    super::json::pretty(&document)
}

fn rule(result: &ResultLine) -> Value {
    // The gravest of what was found; the item's own where nothing was.
    let severity = result.severity;
    let tags: Vec<String> = std::iter::once("security".to_owned())
        .chain(result.statements.iter().map(Untrusted::terminal))
        .take(20)
        .collect();
    let references: Vec<String> = result.references.iter().map(Untrusted::markdown).collect();
    json!({
        "id": result.check,
        "name": pascal(&result.check.terminal()),
        "shortDescription": { "text": sentence(&result.title) },
        "fullDescription": { "text": sentence(&words!("{} ({})", result.title, Untrusted::joined(&result.statements, ", "))) },
        "help": {
            "text": words!("{} ({})", result.remediation, Untrusted::joined(&result.references, ", ")).terminal(),
            "markdown": format!("{}\n\n{}", result.remediation.markdown(), references.join(", ")),
        },
        "defaultConfiguration": { "level": level(severity) },
        "properties": {
            "precision": "high",
            "security-severity": score(severity),
            "tags": tags,
        },
    })
}

fn alert(report: &Report, result: &ResultLine, finding: &FindingLine, rule: usize) -> Value {
    let mut value = json!({
        "ruleId": result.check,
        "ruleIndex": rule,
        "kind": "fail",
        "level": level(finding.severity),
        "message": { "text": message(&words!("{}: {} at {}", result.target, finding.what, finding.place)) },
        "locations": [location(report, &finding.place)],
        "partialFingerprints": fingerprints(&finding.id),
        "properties": { "security-severity": score(finding.severity), "target": result.target.terminal() },
    });
    if let Some(standing) = &finding.standing {
        let state = match standing.state {
            State::New | State::Reopened | State::RuleChanged => "new",
            State::Graver | State::WaiverExpired | State::NewlyWaived | State::NotEvaluated => "updated",
            State::Still | State::Fixed => "unchanged",
        };
        value["baselineState"] = json!(state);
    }
    value
}

/// Not seen is no fault, and no pass either: it stays open.
fn unseen(report: &Report, result: &ResultLine, rule: usize) -> Value {
    json!({
        "ruleId": result.check,
        "ruleIndex": rule,
        "kind": "open",
        "level": "none",
        "message": { "text": message(&words!("{}: could not be seen: {}", result.target, Untrusted::joined(&result.unseen, "; "))) },
        "locations": [location(report, &Place::Policy { policy: report.policy.file.clone(), line: None })],
        "partialFingerprints": fingerprints(&words!("unseen {} {}", result.check, result.target)),
    })
}

/// What an earlier run found, and this one could not look at: it stands until somebody sees that it does not.
fn not_evaluated(report: &Report, change: &Change, rule: usize) -> Value {
    json!({
        "ruleId": change.check,
        "ruleIndex": rule,
        "kind": "open",
        "level": "none",
        "message": { "text": message(&words!(
            "{}: not evaluated in this run; it was found before: {} at {}",
            change.target,
            change.what,
            change.place
        )) },
        "locations": [location(report, &Place::Policy { policy: report.policy.file.clone(), line: None })],
        "partialFingerprints": fingerprints(&change.id),
        "baselineState": "unchanged",
    })
}

/// GitHub goes by the second alone, with the rule and the file; it would else be made of the policy's first line, and be
/// the same for all that has no line of its own.
fn fingerprints(id: &Untrusted) -> Value {
    json!({ "watertightFinding/v1": id.terminal(), "primaryLocationLineHash": format!("{}:1", id.terminal()) })
}

/// How an item stands, whether it has a result of its own or not.
fn item(result: &ResultLine) -> Value {
    json!({
        "check": result.check.terminal(),
        "target": result.target.terminal(),
        "status": result.status,
        "attested": result.attestation.is_some(),
    })
}

fn location(report: &Report, place: &Place) -> Value {
    let policy = || {
        // The embedded policies are called by a name in parentheses.
        let embedded = report.policy.file.terminal().starts_with('(');
        if embedded { "policy.yaml".to_owned() } else { below(&report.policy.file) }
    };
    let (uri, line) = match place {
        Place::File { file, line } | Place::Commit { file, line, .. } => (below(file), *line),
        Place::Url { .. } | Place::Host { .. } => (policy(), None),
        Place::Policy { line, .. } => (policy(), *line),
    };
    let mut value = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri, "uriBaseId": "%SRCROOT%" },
            "region": { "startLine": line.unwrap_or(1).max(1) },
        },
    });
    match place {
        Place::Url { url: name } | Place::Host { host: name } => {
            value["logicalLocations"] = json!([{ "fullyQualifiedName": named(name), "kind": "resource" }]);
        }
        Place::Commit { commit, .. } => {
            value["logicalLocations"] = json!([{ "fullyQualifiedName": named(commit), "kind": "commit" }]);
        }
        Place::File { .. } | Place::Policy { .. } => {}
    }
    value
}

/// An absolute path says where this machine keeps its files, and nothing to a reader elsewhere: the name is enough.
fn below(path: &Untrusted) -> String {
    let path = path.data();
    let absolute = path.starts_with(['/', '\\']) || path.get(1..2) == Some(":");
    let path = if absolute { path.rsplit(['/', '\\']).next().unwrap_or(path) } else { path };
    Untrusted::from(path).relative_uri()
}

fn message(text: &Untrusted) -> String {
    text.bounded(TEXT).message()
}

/// A name is no message: nothing in it is a placeholder or a link, so `[::1]` stays as it is.
fn named(name: &Untrusted) -> String {
    let name = name.bounded(TEXT).terminal();
    if name.is_empty() { "unknown".into() } else { name }
}

fn sentence(text: &Untrusted) -> String {
    let text = text.terminal();
    if text.ends_with('.') { text } else { format!("{text}.") }
}

fn pascal(id: &str) -> String {
    id.split('-')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
        })
        .collect()
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// GitHub's bands: over 9.0 critical, from 7.0 high, from 4.0 medium, from 0.1 low.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.5",
    }
}

#[cfg(test)]
mod tests;
