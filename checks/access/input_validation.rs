//! Every input is validated against its schema: what is invalid is refused, what is valid is admitted.

use std::collections::BTreeMap;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::trials::{self, Call, Tools, Trial, bounded};
use crate::check::{About, Check, DecidedFrom, Finding, Place, Reserve, Severity, Verdict};
use crate::detect::answer::{Says, alike};
use crate::evidence::api::{self, Description, Operation};
use crate::evidence::http::{Exchange, Free, Request};
use crate::evidence::mcp::{self, Conversation, Era, EraAsked, Outcome, Step, Transcript};
use crate::evidence::repo::Lines;
use crate::evidence::{Ask, Evidence, Question as _, Unseen};
use crate::target::{Deployment, Target};

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct InputValidation {
    /// Invalid requests for each operation's body, as many for its parameters, and as many for each tool; more where an
    /// operation has more inputs, so that each is broken once.
    pub cases: u8,
    /// Bodies that are no sound JSON at all, for one operation that stands for the parser of them all.
    pub parser_cases: u8,
    /// Operations of the OpenAPI description that are tried at most.
    pub operations: u8,
    /// Tools of each MCP server that are tried at most.
    pub tools: u8,
}

impl Default for InputValidation {
    fn default() -> Self {
        Self { cases: 3, parser_cases: 2, operations: 40, tools: 20 }
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
        for trial in self.trials(target, seen) {
            let crashed = |request: &Request| seen.of(request).is_ok_and(|answer| answer.status >= 500);
            for invalid in &trial.invalid {
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
        let (cases, operations, tools) = (u32::from(self.cases), u32::from(self.operations), u32::from(self.tools));
        let mut reserves = Vec::new();
        if Description::of(target).is_some() {
            // Body cases, parameter cases, the valid sibling; and crashes repeated on a quarter of them, or what a made-up
            // path gets where they are served.
            let most = u32::try_from(trials::MOST).unwrap_or(u32::MAX).max(cases);
            let asks = operations.saturating_mul(2 * most + 1) * 5 / 4 + 16;
            let what = "invalid requests and their valid siblings for the described operations".into();
            reserves.push(Reserve { what, asks, sends: asks.saturating_mul(each) });
        }
        let servers = u32::try_from(mcp::candidates(target).len()).unwrap_or(u32::MAX);
        if servers > 0 {
            let calls = tools.saturating_mul(cases + 1);
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
        for trial in self.trials(target, evidence) {
            court.operation(&trial);
        }
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

/// Operations with inputs of one kind that get every case; the others of the kind get one.
const FULL: usize = 1;

impl InputValidation {
    fn trials(&self, target: &Target, seen: &Evidence) -> Vec<Trial> {
        let Some(Ok(operations)) = Description::of(target).map(|description| seen.of(&description)) else {
            return Vec::new();
        };
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        let tried = operations.operations.iter().take(self.operations.into());
        // One stands for the parser of them all; the costly ones stand for nothing.
        let parser = operations
            .operations
            .iter()
            .take(self.operations.into())
            .find(|operation| operation.body.is_some() && api::has_body(&operation.method));
        tried
            .filter_map(|operation| {
                let alike = kinds.entry(trials::kind(operation)).or_default();
                *alike += 1;
                let mut trial = trials::trial(target, operation, self.cases.into())?;
                // The same inputs again are validated by the same code: one case shows whether it is called.
                if *alike > FULL {
                    trial.invalid.truncate(1);
                }
                if parser == Some(operation) {
                    trial.invalid.extend(trials::hostile(target, operation).into_iter().take(self.parser_cases.into()));
                }
                Some(trial)
            })
            .collect()
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

struct Court<'a> {
    deployment: &'a Deployment,
    evidence: &'a Evidence,
    verdict: Verdict,
    /// Operations and tools that were judged.
    judged: usize,
}

impl Court<'_> {
    fn operation(&mut self, trial: &Trial) {
        self.judged += 1;
        let place = || Place::url(self.deployment.at(bare(&trial.path)));
        let mut refused: Vec<&Exchange> = Vec::new();
        let mut named: Vec<(&str, &Exchange)> = Vec::new();
        let mut findings = Vec::new();
        for invalid in &trial.invalid {
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
        if trial.left_out > 0 {
            self.verdict.not_seen(Unseen::Partial(format!(
                "{} inputs of {} were not broken: there are more than {}",
                trial.left_out,
                trial.name,
                trials::MOST
            )));
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
        let refusals = format!("{} refuses {} invalid requests with {}", trial.name, refused.len(), statuses.join("/"));
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
    fn malformed(&mut self, request: &Request, is_mcp: bool) {
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

    fn server(&mut self, target: &Target, path: &str, transcript: &Transcript, tools: &Tools) {
        if !transcript.tools_complete {
            self.verdict.not_seen(Unseen::Partial(format!("the tools of {path} were not all listed")));
        }
        for (names, why) in [
            (&tools.not_allowed, "are not named under `tools: allow`, and were not called"),
            (&tools.unsafe_to_call, "are not marked readOnlyHint: `writes: allow` lets a valid call be sent"),
        ] {
            if !names.is_empty() {
                self.verdict.not_seen(Unseen::NotAllowed(format!("tools of {path}: {} {why}", names.join(", "))));
            }
        }
        if !tools.unreadable.is_empty() {
            self.verdict.not_seen(Unseen::Malformed(format!(
                "no valid arguments could be made from the input schema of {}",
                tools.unreadable.join(", ")
            )));
        }
        if tools.left_out > 0 {
            self.verdict
                .not_seen(Unseen::Partial(format!("{} tools of {path} were not tried (`tools`)", tools.left_out)));
        }
        if tools.calls.is_empty() {
            return;
        }
        let replies = match self.evidence.of(&conversation(target, path, transcript.era, tools)) {
            Ok(held) => &held.calls,
            Err(unseen) => return self.verdict.not_seen(unseen),
        };
        if replies.len() < tools.calls.len() {
            self.verdict.not_seen(Unseen::Partial(format!(
                "{} of {} calls on {path} were answered",
                replies.len(),
                tools.calls.len()
            )));
        }
        let heard: Vec<(&Call, &mcp::Reply)> = tools.calls.iter().zip(replies).collect();
        for of_one in heard.chunk_by(|(one, _), (other, _)| one.tool == other.tool) {
            self.tool(path, of_one);
        }
    }

    fn tool(&mut self, path: &str, heard: &[(&Call, &mcp::Reply)]) {
        self.judged += 1;
        let Some(tool) = heard.first().map(|(call, _)| bounded(&call.tool)) else { return };
        let mut ways = std::collections::BTreeSet::new();
        let mut in_protocol = true;
        for (call, reply) in heard {
            let Some(broken) = &call.broken else { continue };
            match refusal(reply) {
                Refusal::Served => self.verdict.finds(
                    Finding::new(format!("the tool `{tool}` accepts {broken}"), Place::url(self.deployment.at(path)))
                        .aspect(format!("tool {tool} accepts {broken}")),
                ),
                Refusal::Schema(way) => drop(ways.insert(way)),
                Refusal::Tool => {
                    in_protocol = false;
                    ways.insert("in band (isError)".to_owned());
                }
                Refusal::Unclear(why) => self.verdict.not_seen(Unseen::NotComparable(format!(
                    "the tool `{tool}` answers {why} to {broken}, which says nothing about validation"
                ))),
            }
        }
        let Some((_, valid)) = heard.iter().find(|(call, _)| call.broken.is_none()) else { return };
        if ways.is_empty() {
            return;
        }
        let ways: Vec<String> = ways.into_iter().collect();
        match refusal(valid) {
            Refusal::Served => {
                self.verdict
                    .holds(format!("`{tool}`: invalid arguments are refused {}, valid ones admitted", ways.join(", ")));
            }
            // It ran, and said why it could not: that is past validation, if validation speaks another way.
            Refusal::Tool if in_protocol => self.verdict.holds(format!(
                "`{tool}`: invalid arguments are refused {}, valid ones reach the tool",
                ways.join(", ")
            )),
            Refusal::Tool | Refusal::Schema(_) | Refusal::Unclear(_) => self.verdict.not_seen(Unseen::NotComparable(
                format!("the tool `{tool}` refuses valid arguments too, as far as can be told"),
            )),
        }
    }
}

/// How a call was answered.
enum Refusal {
    Served,
    /// By the protocol's or the validator's own word; says how.
    Schema(String),
    /// A tool error that does not say whether validation or the tool raised it.
    Tool,
    Unclear(String),
}

fn refusal(reply: &mcp::Reply) -> Refusal {
    match &reply.outcome {
        Outcome::Result => Refusal::Served,
        // JSON-RPC 2.0 section 5.1: invalid params, invalid request.
        Outcome::RpcError { code: code @ (-32602 | -32600), .. } => {
            Refusal::Schema(format!("by the protocol's own error ({code})"))
        }
        Outcome::RpcError { code, .. } => Refusal::Unclear(format!("the JSON-RPC error {code}")),
        Outcome::ToolError { text } if says_invalid(text) => Refusal::Schema("in band (isError)".into()),
        Outcome::ToolError { .. } => Refusal::Tool,
        Outcome::Http => match reply.exchange.status {
            status @ (400 | 422) => Refusal::Schema(format!("with {status}")),
            status => Refusal::Unclear(status.to_string()),
        },
    }
}

fn says_invalid(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["-32602", "validation", "invalid argument", "invalid input", "invalid param", "invalid type", "invalid request"]
        .iter()
        .any(|words| text.contains(words))
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
#[path = "input_validation_tests.rs"]
mod tests;
