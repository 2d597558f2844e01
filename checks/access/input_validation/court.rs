//! The answers of operations to invalid and valid requests, weighed.

use regex::Regex;

use crate::check::{Finding, Place, Severity, Verdict};
use crate::checks::access::trials::{self, Kind, Trial};
use crate::detect::answer::{Says, alike};
use crate::evidence::http::{Exchange, Request};
use crate::evidence::{Evidence, Unseen};
use crate::target::Deployment;

use super::bare;

pub(super) struct Court<'a> {
    pub(super) deployment: &'a Deployment,
    pub(super) evidence: &'a Evidence,
    pub(super) verdict: Verdict,
    /// Operations and tools that were judged.
    pub(super) judged: usize,
}

impl Court<'_> {
    /// What no request broke anywhere: a validator may not check it at all.
    pub(super) fn untried(&mut self, kinds: &[Kind]) {
        if !kinds.is_empty() {
            let named: Vec<String> = kinds.iter().map(ToString::to_string).collect();
            self.verdict
                .not_seen(Unseen::Partial(format!("no request was sent with {} (`requests`)", named.join(", "))));
        }
    }

    pub(super) fn operation(&mut self, trial: &Trial) {
        self.judged += 1;
        let place = || Place::url(self.deployment.at(bare(&trial.path)));
        let mut refused: Vec<&Exchange> = Vec::new();
        let mut named: Vec<(&str, &Exchange)> = Vec::new();
        let mut findings = Vec::new();
        for invalid in trial.sent(self.evidence) {
            let answer = match self.evidence.of(&invalid.request) {
                Ok(answer) => answer,
                Err(unseen) => {
                    self.verdict.not_seen(unseen);
                    continue;
                }
            };
            if let Some(unseen) = self.of_another(&invalid.request, answer) {
                self.verdict.not_seen(unseen);
                continue;
            }
            match answer.status {
                400 | 422 => {
                    refused.push(answer);
                    named.push((&invalid.subject, answer));
                }
                // 415 for a body that is no JSON is a refusal of its kind (RFC 9110 section 15.5.16).
                413..=415 => refused.push(answer),
                200..=299 => findings.push(
                    Finding::new(format!("{} is accepted ({})", invalid.what, answer.status), place())
                        .aspect(format!("accepts {} {}", trial.name, invalid.what)),
                ),
                500.. if self.crashes_again(trial, &invalid.request) => findings.push(
                    Finding::new(
                        format!("{} makes the service fail ({}) every time", invalid.what, answer.status),
                        place(),
                    )
                    .aspect(format!("crash {} {}", trial.name, invalid.what))
                    .of_severity(Severity::Medium),
                ),
                status => self.verdict.not_seen(Unseen::NotComparable(format!(
                    "{} answers {status} to {}, which says nothing about validation",
                    trial.name, invalid.what
                ))),
            }
        }
        let failed = !findings.is_empty();
        for finding in findings {
            self.verdict.finds(finding);
        }
        if refused.is_empty() {
            return;
        }
        let statuses: std::collections::BTreeSet<u16> = refused.iter().map(|answer| answer.status).collect();
        let statuses: Vec<String> = statuses.iter().map(u16::to_string).collect();
        let inputs = if trial.broken < trial.inputs {
            format!(", on {} of its {} inputs", trial.broken, trial.inputs)
        } else {
            String::new()
        };
        let refusals = format!(
            "{} refuses {} invalid requests with {} ({} of {} constraints tried{inputs})",
            trial.name,
            refused.len(),
            statuses.join("/"),
            trial.invalid.len(),
            trial.constraints
        );
        match &trial.valid {
            Some(valid) => match self.evidence.of(valid) {
                // Past validation is admitted: the example's item need not exist.
                Ok(answer) if answer.is_success() || matches!(answer.status, 404 | 409) => {
                    self.verdict.holds(format!("{refusals} and admits a valid one ({})", answer.status));
                }
                Ok(answer) => self.verdict.not_seen(Unseen::NotComparable(format!(
                    "{} answers {} to a valid request too",
                    trial.name, answer.status
                ))),
                Err(unseen) => self.verdict.not_seen(unseen),
            },
            None if tells_apart(&named) => {
                self.verdict.holds(format!("{refusals}, each naming the broken input and no other"));
            }
            None if failed => {}
            // It may refuse everything, for a reason of its own: what other operations admit says nothing about this one.
            None => self.verdict.not_seen(Unseen::NotAllowed(format!(
                "{refusals}, but a valid one, which would show that it refuses nothing else, could write: `writes: allow` lets \
                 it be sent"
            ))),
        }
    }

    /// Why the answer shows nothing of this operation: another answered in its place, or anything at all gets this success, so
    /// that nothing was read and nothing accepted.
    fn of_another(&self, request: &Request, answer: &Exchange) -> Option<Unseen> {
        if let Says::Nothing(unseen) = Says::of(answer) {
            return Some(unseen);
        }
        if !answer.is_success() {
            return None;
        }
        match self.evidence.of(&trials::nowhere(request)) {
            Err(unseen) => Some(unseen),
            Ok(nowhere) if nowhere.is_success() && alike(nowhere, answer) => Some(Unseen::NotComparable(format!(
                "{} {} answers {} as a path that does not exist does: the server answers everything alike",
                request.method,
                bare(&request.path),
                answer.status
            ))),
            Ok(_) => None,
        }
    }

    fn crashes_again(&self, trial: &Trial, invalid: &Request) -> bool {
        let Some(valid) = &trial.valid else { return false };
        let good = |request: &Request| self.evidence.of(request).is_ok_and(Exchange::is_success);
        self.evidence.of(&invalid.clone().again(1)).is_ok_and(|answer| answer.status >= 500)
            && good(valid)
            && good(&valid.clone().again(1))
    }

    /// A body that is no JSON.
    pub(super) fn malformed(&mut self, request: &Request, is_mcp: bool) {
        let name = format!("{} {}", request.method, request.path);
        let answer = match self.evidence.of(request) {
            Err(unseen) => return self.verdict.not_seen(unseen),
            Ok(answer) => answer,
        };
        match self.of_another(request, answer) {
            Some(unseen) => self.verdict.not_seen(unseen),
            None => match answer.status {
                400 | 415 | 422 => self.verdict.holds(format!("{name} refuses malformed JSON with {}", answer.status)),
                200..=299 if is_mcp && is_rpc_error(answer) => {
                    self.verdict.holds(format!("{name} refuses malformed JSON in band (JSON-RPC error)"));
                }
                200..=299 => self.verdict.finds(
                    Finding::new(
                        format!("malformed JSON is accepted ({})", answer.status),
                        Place::url(self.deployment.at(bare(&request.path))),
                    )
                    .aspect(format!("accepts malformed {}", request.method)),
                ),
                status => self.verdict.not_seen(Unseen::NotComparable(format!(
                    "{name} answers {status} to malformed JSON, which says nothing about validation"
                ))),
            },
        }
    }
}

fn is_rpc_error(answer: &Exchange) -> bool {
    answer.body.text.contains("\"error\"") && answer.body.text.contains("-32")
}

/// Whether two refusals each name their own broken input and not the other's: then it is the input that was refused.
fn tells_apart(named: &[(&str, &Exchange)]) -> bool {
    let tells = |answer: &Exchange, subject: &str| {
        Regex::new(&format!(r"\b{}\b", regex::escape(subject))).is_ok_and(|word| word.is_match(&answer.body.text))
    };
    named.iter().any(|(one, first)| {
        named.iter().any(|(other, second)| {
            one != other
                && !one.is_empty()
                && !other.is_empty()
                && tells(first, one)
                && !tells(first, other)
                && tells(second, other)
                && !tells(second, one)
        })
    })
}
