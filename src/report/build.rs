//! From verdicts to the report: pure, so that a replay gives the same, byte for byte.

use std::collections::{BTreeSet, HashMap};

use sha2::{Digest as _, Sha256};

use super::checklist::{BOXES, STATEMENTS};
use super::untrusted::{Untrusted, words};
use super::{
    BoxLine, Coverage, FindingLine, PolicyLine, Report, ResultLine, RunLine, StatementLine, Summary, Tool, exception,
};
use crate::audit::Judged;
use crate::check::{Finding, Severity, Status};
use crate::checks::ALL;
use crate::evidence::api::endpoints;
use crate::evidence::{Ask, Recorded, Recording, Seen};
use crate::policy::Policy;
use crate::target::Target;

/// Questions listed per result at most.
const EVIDENCE: usize = 200;

impl Report {
    pub fn of(policy: &Policy, recording: &Recording, judged: &[Judged]) -> Self {
        let mut results: Vec<ResultLine> = judged.iter().map(|judged| result(judged, policy, recording)).collect();
        tell_apart(&mut results);
        let mut notices: Vec<Untrusted> = policy.source.withheld.iter().map(Untrusted::from).collect();
        if !policy.source.trusted {
            notices.insert(0, "the policy was found, not named by --policy: it is not trusted".into());
        }
        notices.extend(exception::apply(policy, recording.run.taken_at.date_naive(), &mut results));
        let run = &recording.run;
        Self {
            version: Self::VERSION,
            tool: Tool { name: recording.tool.name.as_str().into(), version: recording.tool.version.as_str().into() },
            policy: PolicyLine {
                name: policy.name.as_str().into(),
                file: policy.source.file.as_str().into(),
                sha256: policy.sha256.as_str().into(),
                trusted: policy.source.trusted,
            },
            run: RunLine {
                id: run.id.as_str().into(),
                started: run.taken_at,
                finished: run.finished,
                complete: run.complete,
                scheduled: run.scheduled,
                vantage: run.vantage.as_str().into(),
                authorised: run.authorised.as_deref().map(Untrusted::from),
            },
            summary: summary(&results),
            boxes: BOXES
                .iter()
                .map(|tick| BoxLine {
                    number: tick.number,
                    text: tick.text.into(),
                    status: sum(tick.checks, &results),
                    checks: tick.checks.iter().copied().map(Untrusted::from).collect(),
                })
                .collect(),
            statements: STATEMENTS
                .iter()
                .map(|statement| {
                    let own = policy.exec.iter().filter(|own| own.statements.iter().any(|id| id == statement.id));
                    let checks: Vec<&str> = ALL
                        .iter()
                        .filter(|module| module.about.statements.contains(&statement.id))
                        .map(|module| module.about.id)
                        .chain(own.map(|own| own.id.as_str()))
                        .collect();
                    StatementLine {
                        id: statement.id.into(),
                        text: statement.text.into(),
                        status: sum(&checks, &results),
                        checks: checks.into_iter().map(Untrusted::from).collect(),
                    }
                })
                .collect(),
            coverage: coverage(policy, recording),
            results,
            notices,
            document: policy.document.clone(),
            drift: None,
        }
    }
}

/// How a box or a statement stands: a check that did not run leaves it undecided, whatever the others say.
fn sum(checks: &[&str], results: &[ResultLine]) -> Status {
    if checks.is_empty() {
        return Status::Inconclusive;
    }
    Status::sum(checks.iter().flat_map(|check| {
        let mut statuses: Vec<Status> =
            results.iter().filter(|result| result.check == *check).map(|result| result.status).collect();
        if statuses.is_empty() {
            statuses.push(Status::Inconclusive);
        }
        statuses
    }))
}

fn summary(results: &[ResultLine]) -> Summary {
    results.iter().fold(Summary::default(), |mut summary, result| {
        match result.status {
            Status::Pass => summary.pass += 1,
            Status::Fail => summary.fail += 1,
            Status::Inconclusive => summary.inconclusive += 1,
            Status::NotApplicable => summary.not_applicable += 1,
            Status::Waived => summary.waived += 1,
        }
        summary
    })
}

fn result(judged: &Judged, policy: &Policy, recording: &Recording) -> ResultLine {
    let Judged { check, target, verdict } = judged;
    let about = check.about();
    let findings: Vec<FindingLine> = verdict
        .findings()
        .iter()
        .map(|finding| FindingLine {
            what: finding.what.as_str().into(),
            severity: finding.severity.unwrap_or(about.severity),
            place: finding.place.clone(),
            id: identity(about.id, &target.name, finding).into(),
            waived: false,
            waiver: None,
            standing: None,
        })
        .collect();
    let mut notes: Vec<Untrusted> = verdict.all_notes().iter().map(Untrusted::from).collect();
    notes.extend(verdict.why_not_applicable().map(Untrusted::from));
    let mut unseen: Vec<Untrusted> = verdict.unseen().iter().map(|unseen| unseen.to_string().into()).collect();
    if verdict.status() == Status::Inconclusive && unseen.is_empty() {
        unseen.push("nothing was observed that would decide it".into());
    }
    let evidence = recording
        .targets
        .iter()
        .find(|record| record.target == target.name)
        .map(|record| {
            let known: BTreeSet<&Ask> = record.answers.iter().map(|seen| &seen.ask).collect();
            let evidence = record.evidence(&recording.run, policy.declared());
            let asked: BTreeSet<Ask> = crate::plan::asks_of(check.as_ref(), target, &evidence)
                .unwrap_or_default()
                .into_iter()
                .filter(|ask| known.contains(ask))
                .collect();
            asked.iter().take(EVIDENCE).map(|ask| ask.to_string().into()).collect()
        })
        .unwrap_or_default();
    let severity: Severity = findings.iter().map(|finding| finding.severity).max().unwrap_or(about.severity);
    ResultLine {
        check: about.id.into(),
        title: about.title.into(),
        target: target.name.as_str().into(),
        status: verdict.status(),
        severity,
        statements: about.statements.iter().copied().map(Untrusted::from).collect(),
        grounds: verdict.grounds().iter().map(Untrusted::from).collect(),
        unseen,
        notes,
        findings,
        set_aside: verdict.set_aside().iter().map(|of| identity(about.id, &target.name, of).into()).collect(),
        remediation: about.remediation.into(),
        references: about.references.iter().copied().map(Untrusted::from).collect(),
        waiver: None,
        attestation: None,
        evidence,
        rule: rule(&recording.tool.version, about.id, &check.knobs()),
        scope: scope(target),
    }
}

/// What is looked at. Where it lies, how it is reached and who allowed it change nothing of that.
fn scope(target: &Target) -> String {
    // Allowlists of one's own take things out of sight, too.
    let repository = target.repository.as_ref().map(|of| (of.extent, of.gitleaks.is_some()));
    let seen = match &target.deployment {
        Some(of) => serde_json::json!({
            "roots": [of.ca.is_some(), of.system_roots], "endpoints": of.endpoints, "openapi": of.openapi, "origins": of.origins, "hosts": of.hosts, "tools": of.tools,
            "logs": of.logs, "monitoring": of.monitoring, "pins": of.pins, "never": of.never, "costly": of.costly,
        }),
        None => serde_json::Value::Null,
    };
    let whole = serde_json::json!([target.environment, target.scope, repository, seen]).to_string();
    short(Sha256::digest(whole.as_bytes()).as_slice())
}

/// Twelve digits tell a handful of rules or scopes apart.
fn short(digest: &[u8]) -> String {
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Findings of one kind in one place are told apart by their words without their numbers, so that none takes the place
/// of another when the order changes; only those whose words are the same are numbered.
fn tell_apart(results: &mut [ResultLine]) {
    let mut alike: HashMap<Untrusted, u32> = HashMap::new();
    for finding in results.iter().flat_map(|result| &result.findings) {
        *alike.entry(finding.id.clone()).or_default() += 1;
    }
    let mut known: HashMap<Untrusted, u32> = HashMap::new();
    for finding in results.iter_mut().flat_map(|result| &mut result.findings) {
        if alike.get(&finding.id).is_none_or(|count| *count < 2) {
            continue;
        }
        let stable: String = finding.what.data().chars().filter(|character| !character.is_numeric()).collect();
        finding.id = words!("{}-{}", finding.id, short(Sha256::digest(stable.as_bytes()).as_slice()));
        let count = known.entry(finding.id.clone()).or_default();
        *count += 1;
        if *count > 1 {
            finding.id = words!("{}-{}", finding.id, count);
        }
    }
}

/// What judged: the version of the tool and the knobs of the check.
fn rule(version: &str, check: &str, knobs: &str) -> String {
    let mut digest = Sha256::new();
    for part in [version, check, knobs] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    short(digest.finalize().as_slice())
}

/// What stays when texts and lines change: check, target, place, aspect.
fn identity(check: &str, target: &str, finding: &Finding) -> String {
    let mut digest = Sha256::new();
    for part in [check, target, &finding.place.stable(), &finding.aspect] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn coverage(policy: &Policy, recording: &Recording) -> Coverage {
    let mut coverage = Coverage::default();
    for target in &policy.targets {
        let Some(record) = recording.targets.iter().find(|record| record.target == target.name) else { continue };
        let evidence = record.evidence(&recording.run, policy.declared());
        let known: BTreeSet<String> =
            endpoints(target, &evidence).0.iter().map(|endpoint| path_of(&endpoint.path)).collect();
        let mut answered = BTreeSet::new();
        for observation in &record.answers {
            coverage.requests += u64::from(observation.sent.requests);
            coverage.connections += u64::from(observation.sent.connections);
            match &observation.answer {
                Recorded::Seen(seen) => count(seen, &mut coverage),
                Recorded::Shared(_) => {}
                Recorded::Unseen(unseen) => {
                    coverage.skipped.push(words!("{}: {}: {}", target.name, observation.ask, unseen));
                }
            }
            if let (Ask::Http(request), Recorded::Seen(_) | Recorded::Shared(_)) =
                (&observation.ask, &observation.answer)
            {
                answered.insert(path_of(&request.path));
            }
            if let (Ask::Mcp(conversation), Recorded::Seen(_)) = (&observation.ask, &observation.answer) {
                answered.insert(path_of(&conversation.path));
            }
        }
        coverage.endpoints.known += known.len() as u64;
        coverage.endpoints.judged += known.intersection(&answered).count() as u64;
    }
    coverage
}

fn path_of(path: &str) -> String {
    path.split('?').next().unwrap_or_default().to_owned()
}

/// How much of the repository was read.
fn count(seen: &Seen, coverage: &mut Coverage) {
    if let Seen::Scope(read) = seen {
        coverage.commits += u64::from(read.commits);
        coverage.blobs += u64::from(read.blobs);
        coverage.bytes += read.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Place;
    use crate::report::sample;

    fn ids(texts: &[&str]) -> Vec<String> {
        let mut result = sample::report().results.remove(0);
        result.findings = texts
            .iter()
            .map(|text| FindingLine {
                what: (*text).into(),
                severity: Severity::High,
                place: Place::file("compose.yaml", Some(3)),
                id: "same".into(),
                waived: false,
                waiver: None,
                standing: None,
            })
            .collect();
        let mut results = vec![result];
        tell_apart(&mut results);
        results.iter().flat_map(|result| &result.findings).map(|finding| finding.id.data().to_owned()).collect()
    }

    #[test]
    fn findings_that_share_an_id_are_told_apart_by_their_words_whatever_their_order() {
        let (one, other) = (ids(&["ollama at 3", "qdrant at 7"]), ids(&["qdrant at 9", "ollama at 1"]));
        assert_eq!(one, [other[1].clone(), other[0].clone()]);
        assert!(one[0] != one[1] && !one.contains(&"same".to_owned()), "{one:?}");
        assert_eq!(ids(&["ollama"]), ["same"]);
        let twice = ids(&["ollama at 3", "ollama at 4"]);
        assert_eq!(twice[1], format!("{}-2", twice[0]));
    }
}
