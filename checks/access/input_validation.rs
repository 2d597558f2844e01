//! Every input is validated against its schema: what is invalid is refused, what is valid is admitted.
//!
//! Every operation gets an invalid request of its own, every kind of constraint is broken somewhere, and every input of what is
//! described in another way once, as far as `requests` goes; how many of the constraints were tried is said in the grounds.

mod calls;
mod court;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::trials::{self, Extent, Tools, Trial, bounded};
use crate::check::{About, Check, DecidedFrom, Reserve, Severity, Verdict};
use crate::evidence::api::{self, Description, Operation};
use crate::evidence::http::{Exchange, Free, Request};
use crate::evidence::mcp::{self, Conversation, Era, EraAsked, Step, Transcript};
use crate::evidence::repo::Lines;
use crate::evidence::{Ask, Evidence, Question as _, Unseen};
use crate::target::{Deployment, Target};
use court::Court;

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct InputValidation {
    /// Invalid requests at least for each operation that is described as no other is, and for each tool; more until each of
    /// its inputs, and each kind of constraint, is broken once.
    pub cases: u8,
    /// Invalid requests for the described operations at most, beside one for every operation.
    pub requests: u16,
    /// Bodies that are no sound JSON at all, for one operation that stands for the parser of them all.
    pub parser_cases: u8,
    /// Operations of the OpenAPI description that are tried at most.
    pub operations: u8,
    /// Tools of each MCP server that are tried at most.
    pub tools: u8,
}

impl Default for InputValidation {
    fn default() -> Self {
        Self { cases: 3, requests: 120, parser_cases: 3, operations: 200, tools: 20 }
    }
}

impl Check for InputValidation {
    const ABOUT: About = About {
        id: "input-validation",
        title: "Every input is validated against a schema",
        statements: &["MCP-7", "MCP-8"],
        severity: Severity::High,
        decided_from: DecidedFrom::Deployment,
        attestable: false,
        remediation: "Validate body, query, path and tool arguments against a schema (zod, pydantic, JSON Schema) before anything else uses them, and answer 400 or 422 (MCP: an error result) with a message of your own.",
        references: &["CWE-20", "OWASP ASVS 5.0 2.2.1", "MCP specification 2025-11-25, Tools, Error Handling"],
    };

    fn asks(&self, target: &Target, seen: &Evidence) -> Vec<Ask> {
        let Ok(deployment) = target.deployment() else { return Vec::new() };
        let mut asks: Vec<Ask> = Description::of(target).map(Ask::from).into_iter().collect();
        asks.extend(mcp::candidates(target).into_iter().map(|path| Conversation::standard(target, path).into()));
        for (method, path) in declared_writes(deployment) {
            let malformed = api::malformed(target, method, path);
            asks.extend(beside(seen, &malformed).map(Ask::from));
            asks.push(malformed.into());
        }
        if target.repository().is_ok() {
            asks.push(libraries().into());
        }
        for trial in self.trials(target, seen).0 {
            let crashed = |request: &Request| seen.of(request).is_ok_and(|answer| answer.status >= 500);
            for invalid in trial.sent(seen) {
                asks.push(invalid.request.clone().into());
                asks.extend(beside(seen, &invalid.request).map(Ask::from));
                // A crash counts only if it happens again, between good controls.
                if let (true, Some(valid)) = (crashed(&invalid.request), &trial.valid) {
                    asks.extend([invalid.request.clone().again(1), valid.clone().again(1)].map(Ask::from));
                }
            }
            asks.extend(trial.valid.map(Ask::from));
        }
        for (path, transcript) in mcp::servers(target, seen).0 {
            let malformed = api::malformed(target, "POST", &path);
            asks.extend(beside(seen, &malformed).map(Ask::from));
            asks.push(malformed.into());
            let tools = self.tools(target, transcript);
            if !tools.calls.is_empty() {
                asks.push(conversation(target, &path, transcript.era, &tools).into());
            }
        }
        asks
    }

    fn leaves_free(&self, _target: &Target, ask: &Ask) -> Free {
        match ask {
            Ask::Http(request) => Free { origin: request.origin.is_none(), ..Free::default() },
            _ => Free::default(),
        }
    }

    fn reserves(&self, target: &Target) -> Vec<Reserve> {
        if target.deployment().is_err() {
            return Vec::new();
        }
        let each = Request::get("/").ceiling(target);
        let (operations, tools) = (u32::from(self.operations), u32::from(self.tools));
        let mut reserves = Vec::new();
        if Description::of(target).is_some() {
            // One or two cases and the valid sibling of each, the further cases; and crashes repeated on a quarter of them, or
            // what a made-up path gets where they are served.
            let most = operations.saturating_mul(3).saturating_add(u32::from(self.requests));
            let asks = most.saturating_mul(2).saturating_add(32);
            let what = "invalid requests and their valid siblings for the described operations".into();
            reserves.push(Reserve { what, asks, sends: asks.saturating_mul(each) });
        }
        let servers = u32::try_from(mcp::candidates(target).len()).unwrap_or(u32::MAX);
        if servers > 0 {
            let calls = tools.saturating_mul(u32::from(self.cases).max(trials::CALLS) + 1);
            let step = Step::Call { tool: String::new(), arguments: String::new() };
            let steps = (0..calls).map(|_| step.clone()).collect();
            let era = EraAsked::Legacy;
            let longest = Conversation { era, steps, ..Conversation::standard(target, "/") }.ceiling(target);
            reserves.push(Reserve {
                what: "a malformed request and calls of the allowed tools on each MCP server".into(),
                asks: servers.saturating_mul(3),
                sends: servers.saturating_mul(longest + 2 * each),
            });
        }
        reserves
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        let deployment = match target.deployment() {
            Ok(deployment) => deployment,
            Err(absent) => return Verdict::absent(absent),
        };
        let mut court = Court { deployment, evidence, verdict: Verdict::default(), judged: 0 };
        let described = self.described(target, &mut court);
        let (trials, untried) = self.trials(target, evidence);
        for trial in &trials {
            court.operation(trial);
        }
        court.untried(&untried);
        for (method, path) in declared_writes(deployment) {
            court.malformed(&api::malformed(target, method, path), false);
            if !described.iter().any(|operation| operation.method == method && bare(&operation.path) == bare(path)) {
                court.verdict.not_seen(Unseen::NotConfigured(format!(
                    "the inputs of {method} {path} are not described: give `openapi:`"
                )));
            }
        }
        let (servers, unseen) = mcp::servers(target, evidence);
        for unseen in unseen {
            court.verdict.not_seen(unseen);
        }
        for (path, transcript) in servers {
            court.malformed(&api::malformed(target, "POST", &path), true);
            court.server(target, &path, transcript, &self.tools(target, transcript));
        }
        if court.judged == 0 && court.verdict.findings().is_empty() {
            court.verdict.not_seen(Unseen::NoEvidence(
                "no operation with inputs could be tried: give `openapi:`, or name MCP tools under `tools: allow`"
                    .into(),
            ));
        }
        if target.repository().is_ok() {
            in_repository(evidence, &mut court.verdict);
        }
        court.verdict
    }
}

impl InputValidation {
    /// What is sent to the described operations, and the kinds of constraint that are broken nowhere.
    fn trials(&self, target: &Target, seen: &Evidence) -> (Vec<Trial>, Vec<trials::Kind>) {
        let Some(Ok(operations)) = Description::of(target).map(|description| seen.of(&description)) else {
            return (Vec::new(), Vec::new());
        };
        let most = operations.operations.len().min(self.operations.into());
        let extent =
            Extent { cases: self.cases.into(), parser_cases: self.parser_cases.into(), requests: self.requests.into() };
        trials::trials(target, operations.operations.get(..most).unwrap_or_default(), extent)
    }

    fn tools(&self, target: &Target, transcript: &Transcript) -> Tools {
        trials::tools(target, &transcript.tools, self.tools.into(), self.cases.into())
    }

    /// The described operations, and what of the description could not be tried.
    fn described<'a>(&self, target: &Target, court: &mut Court<'a>) -> &'a [Operation] {
        let Some(description) = Description::of(target) else { return &[] };
        let operations = match court.evidence.of(&description) {
            Ok(operations) => operations,
            Err(unseen) => {
                court.verdict.not_seen(unseen);
                return &[];
            }
        };
        for unread in &operations.unread {
            court.verdict.not_seen(Unseen::Partial(bounded(unread)));
        }
        let all = operations.operations.len();
        if all > self.operations.into() {
            court.verdict.not_seen(Unseen::Partial(format!(
                "{} of {all} operations were tried (`operations`)",
                self.operations
            )));
        }
        let withheld: Vec<String> = operations
            .operations
            .iter()
            .filter(|operation| trials::withheld(target, operation))
            .map(|operation| format!("{} {}", operation.method, bounded(&operation.template)))
            .collect();
        if !withheld.is_empty() {
            court.verdict.not_seen(Unseen::NotAllowed(format!(
                "{} could write whatever its parameters: `writes: allow` lets them be tried",
                withheld.join(", ")
            )));
        }
        for why in operations.operations.iter().filter_map(|operation| trials::unbreakable(target, operation)) {
            court.verdict.not_seen(Unseen::NotComparable(why));
        }
        &operations.operations
    }
}

/// What a made-up path gets for the same request, asked where the request succeeds that should not.
fn beside(seen: &Evidence, request: &Request) -> Option<Request> {
    seen.of(request).is_ok_and(Exchange::is_success).then(|| trials::nowhere(request))
}

fn declared_writes(deployment: &Deployment) -> impl Iterator<Item = (&str, &str)> {
    deployment
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.method_named && api::has_body(&endpoint.method))
        .map(|endpoint| (endpoint.method.as_str(), endpoint.path.as_str()))
}

fn bare(path: &str) -> &str {
    path.split('?').next().unwrap_or(path)
}

/// One conversation for all tools: the opening is paid once.
fn conversation(target: &Target, path: &str, era: Era, tools: &Tools) -> Conversation {
    let era = match era {
        Era::Modern => EraAsked::Modern,
        Era::Sse => EraAsked::Sse,
        Era::Legacy | Era::Denied | Era::NotMcp => EraAsked::Legacy,
    };
    let steps = tools.calls.iter().map(|call| call.step.clone()).collect();
    Conversation { era, steps, ..Conversation::standard(target, path) }
}

/// Where a schema library comes in.
fn libraries() -> Lines {
    const NAMES: &str = "zod|joi|ajv|yup|valibot|superstruct|class-validator|@sinclair/typebox|express-validator|pydantic|marshmallow|cerberus|voluptuous|jsonschema|dry-validation|go-playground/validator";
    Lines {
        globs: ["*.js", "*.mjs", "*.cjs", "*.ts", "*.tsx", "*.py", "*.go", "*.rb", "*.rs"].map(str::to_owned).to_vec(),
        pattern: format!(r#"^\s*(?:import|from|use|require|const|let|var|")\b?.*\b(?:{NAMES})\b"#),
    }
}

fn in_repository(evidence: &Evidence, verdict: &mut Verdict) {
    match evidence.of(&libraries()) {
        Ok(matches) => match matches.lines.first() {
            Some(line) => verdict.notes(format!(
                "a schema library comes in at {} place(s) of the repository, first at {}:{}",
                matches.lines.len(),
                line.path,
                line.line
            )),
            None => verdict.notes("no schema library is imported in the repository's code"),
        },
        Err(unseen) => verdict.notes(format!("whether the repository uses a schema library was not seen: {unseen}")),
    }
}

#[cfg(test)]
mod tests;
