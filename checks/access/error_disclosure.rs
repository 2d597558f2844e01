//! No error answer tells what only the operator should know.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{About, Check, DecidedFrom, Finding, Place, Reserve, Severity, Verdict};
use crate::detect::disclosure::{self, Kind, Leak, MASK};
use crate::detect::refusal::{Answered, answered};
use crate::evidence::api::{self, Description};
use crate::evidence::http::{Body, Exchange, Free, Listener, Request};
use crate::evidence::mcp::{self, Conversation, Outcome, Reply, Step};
use crate::evidence::{Ask, Evidence, Question as _, Seen, Unseen};
use crate::target::{Deployment, Target};

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ErrorDisclosure {
    /// Error answers that must have been seen for a pass.
    pub answers: u32,
    /// Kinds of errors (denied, absent, bad input, server error) that must be among them.
    pub classes: u32,
}

impl Default for ErrorDisclosure {
    fn default() -> Self {
        Self { answers: 3, classes: 2 }
    }
}

impl Check for ErrorDisclosure {
    const ABOUT: About = About {
        id: "error-disclosure",
        title: "Errors tell nothing internal",
        statements: &["MCP-8"],
        severity: Severity::Medium,
        decided_from: DecidedFrom::Deployment,
        attestable: false,
        remediation: "Answer errors with a fixed message and a reference number; log the rest. Set NODE_ENV=production (or the framework's like), turn debug pages off, and do not pass on messages of the database, the validator or an upstream.",
        references: &["CWE-209", "CWE-497", "OWASP ASVS 5.0 16.5.1"],
    };

    fn asks(&self, target: &Target, seen: &Evidence) -> Vec<Ask> {
        if target.deployment().is_err() {
            return Vec::new();
        }
        let mut asks: Vec<Ask> = Description::of(target).map(Ask::from).into_iter().collect();
        asks.extend(provoking(target, seen).into_iter().map(Ask::from));
        asks
    }

    fn leaves_free(&self, _target: &Target, ask: &Ask) -> Free {
        match ask {
            Ask::Http(request) => Free { origin: request.origin.is_none(), ..Free::default() },
            _ => Free::default(),
        }
    }

    fn reserves(&self, target: &Target) -> Vec<Reserve> {
        if Description::of(target).is_none() {
            return Vec::new();
        }
        let sends = 2 * Request::get("/").ceiling(target);
        vec![Reserve { what: "two malformed bodies to a described operation".into(), asks: 2, sends }]
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        let deployment = match target.deployment() {
            Ok(deployment) => deployment,
            Err(absent) => return Verdict::absent(absent),
        };
        let mut court = Court { target, deployment, verdict: Verdict::default(), seen: BTreeMap::new() };
        for request in provoking(target, evidence) {
            if let Err(unseen) = evidence.of(&request) {
                court.verdict.not_seen(unseen);
            }
        }
        for (request, answer) in evidence.exchanges() {
            court.exchange(request, answer);
        }
        for (ask, answer) in evidence.answers() {
            if let (Ask::Mcp(conversation), Ok(Seen::Mcp(transcript))) = (ask, answer) {
                let replies = [Some(&transcript.opening), transcript.listing.as_ref()];
                for reply in replies.into_iter().flatten().chain(&transcript.calls) {
                    court.reply(conversation, reply);
                }
            }
        }
        for answer in evidence.answers().values() {
            let Ok(Seen::Burst(measured)) = answer else { continue };
            // What the limiter answers in its refusals, which nothing else sees.
            for bucket in &measured.buckets {
                let place = Place::url(court.deployment.at(&bucket.subject.path));
                if let Some(refusal) = &bucket.refusal {
                    court.answer(refusal, &[&bucket.subject.path], &place);
                }
            }
        }
        variance(target, evidence, &mut court.verdict);
        self.conclude(court)
    }
}

impl ErrorDisclosure {
    fn conclude(&self, court: Court<'_>) -> Verdict {
        let Court { mut verdict, seen, .. } = court;
        let total: u32 = seen.values().sum();
        // The limiter's own words are no error of the service.
        let classes: BTreeSet<&str> =
            seen.keys().filter(|status| **status != 429).map(|status| class(*status)).collect();
        let listed: Vec<String> = seen.iter().map(|(status, count)| format!("{count} x {status}")).collect();
        // Knobs of zero pass nothing on nothing.
        if total < self.answers.max(1) || classes.len() < usize::try_from(self.classes).unwrap_or(usize::MAX) {
            verdict.not_seen(Unseen::NoEvidence(format!(
                "too few error answers were seen to judge by: {}",
                if listed.is_empty() { "none".to_owned() } else { listed.join(", ") }
            )));
        } else {
            verdict.holds(format!("{total} error answers tell nothing internal ({})", listed.join(", ")));
        }
        verdict
    }
}

fn class(status: u16) -> &'static str {
    match status {
        401 | 403 | 407 => "denied",
        404 | 405 | 410 => "absent",
        500.. => "server error",
        _ => "bad input",
    }
}

/// Put into a query, to see whether it comes back unescaped in a page.
const CANARY: &str = "<wt7canary>";

fn canary(target: &Target) -> Request {
    let absent = api::absent(target);
    Request { path: format!("{}?echo=%3Cwt7canary%3E", absent.path), ..absent }
}

/// A path whose escapes are none (RFC 3986 section 2.1), over which a decoder may stumble.
fn misspelt(target: &Target) -> Request {
    let absent = api::absent(target);
    Request { path: format!("{}%zz%", absent.path), ..absent }.exact()
}

/// What makes errors, so that at least some are seen whatever else is asked: no credential, no such path, no JSON.
fn provoking(target: &Target, seen: &Evidence) -> Vec<Request> {
    let Ok(deployment) = target.deployment() else { return Vec::new() };
    let mut requests =
        vec![Request::get(deployment.representative()), api::absent(target), canary(target), misspelt(target)];
    if let Some((method, path)) = reader(target, deployment, seen) {
        requests.push(api::malformed(target, &method, &path));
        let text = Body { content_type: "text/plain".into(), text: "watertight".into() };
        requests.push(Request { body: Some(text), ..api::malformed(target, &method, &path) });
    }
    requests
}

/// An endpoint that reads a body: declared, else one that may be MCP, else a described one.
fn reader(target: &Target, deployment: &Deployment, seen: &Evidence) -> Option<(String, String)> {
    let declared = deployment.endpoints.iter().find(|endpoint| api::has_body(&endpoint.method));
    if let Some(endpoint) = declared {
        return Some((endpoint.method.clone(), endpoint.path.clone()));
    }
    if let Some(path) = mcp::candidates(target).into_iter().next() {
        return Some(("POST".into(), path));
    }
    let operations = seen.of(&Description::of(target)?).ok()?;
    let operation = operations.operations.iter().find(|operation| api::has_body(&operation.method))?;
    Some((operation.method.clone(), operation.path.clone()))
}

struct Court<'a> {
    target: &'a Target,
    deployment: &'a Deployment,
    verdict: Verdict,
    /// How many error answers of each status were looked through.
    seen: BTreeMap<u16, u32>,
}

impl Court<'_> {
    fn exchange(&mut self, request: &Request, answer: &Exchange) {
        if answer.status < 400 {
            return;
        }
        let mut own: Vec<&str> = vec![&request.path, CANARY];
        own.extend(request.headers.iter().map(|(_, value)| value.as_str()));
        own.extend(request.origin.as_deref());
        own.extend(request.body.as_ref().map(|body| body.text.as_str()));
        let url = request.url(self.target);
        let place = Place::url(url.split('?').next().unwrap_or(&url));
        self.answer(answer, &own, &place);
        if let Some(body) = &request.body
            && repeats(&answer.body.text, &body.text)
        {
            let leak = Leak { kind: Kind::Echo, shown: "the whole body, word for word".into() };
            self.tells(&leak, &format!("a {} answer", answer.status), &place);
        }
    }

    fn reply(&mut self, conversation: &Conversation, reply: &Reply) {
        let mut own: Vec<&str> = vec![&conversation.path];
        own.extend(conversation.origin.as_deref());
        own.extend(conversation.client_name.as_deref());
        own.extend(conversation.steps.iter().filter_map(|step| match step {
            Step::ListTools => None,
            Step::Call { arguments, .. } => Some(arguments.as_str()),
        }));
        let place = Place::url(self.deployment.at(&conversation.path));
        if reply.exchange.status >= 400 {
            self.answer(&reply.exchange, &own, &place);
        }
        match &reply.outcome {
            Outcome::ToolError { text } | Outcome::RpcError { message: text, .. } => {
                for leak in disclosure::leaks(text, &own) {
                    self.tells(&leak, "an MCP error", &place);
                }
            }
            Outcome::Result | Outcome::Http => {}
        }
    }

    fn answer(&mut self, answer: &Exchange, own: &[&str], place: &Place) {
        // A limiter's refusal is looked through and counts for nothing: it is no error of the service.
        if answered(answer) == Answered::Service {
            *self.seen.entry(answer.status).or_default() += 1;
        }
        let which = format!("a {} answer", answer.status);
        if answer.is_cut() {
            self.verdict.not_seen(Unseen::Partial(format!(
                "{which} on {place} has {} bytes, of which the first {} were looked through",
                answer.body.length,
                answer.body.text.len()
            )));
        }
        // Where the answer came from is no secret to whoever asked there.
        let host = self.deployment.host();
        let authority = [Listener::Main, Listener::Plain, Listener::Clear]
            .map(|listener| listener.host(self.target).unwrap_or_default());
        let mut own = own.to_vec();
        own.extend([host, answer.address.as_str()]);
        own.extend(authority.iter().map(String::as_str));
        let mut leaks = disclosure::leaks(&answer.body.text, &own);
        for (name, value) in &answer.headers {
            leaks.extend(disclosure::header_leaks(name, value));
            // A cookie is a credential by its nature, and its owner's own.
            if !name.eq_ignore_ascii_case("set-cookie") {
                leaks.extend(disclosure::leaks(value, &own));
            }
        }
        let is_page = answer.header("content-type").is_some_and(|kind| kind.contains("html"));
        if is_page && answer.body.text.contains(CANARY) {
            leaks.push(Leak { kind: Kind::Echo, shown: CANARY.into() });
        }
        for leak in leaks {
            self.tells(&leak, &which, place);
        }
        if answer.body.text.contains(MASK) || answer.headers.iter().any(|(_, value)| value.contains(MASK)) {
            self.verdict.finds(
                Finding::new(format!("{which} repeats a credential of the request"), place.clone())
                    .aspect("credential")
                    .of_severity(Severity::Critical),
            );
        }
    }

    fn tells(&mut self, leak: &Leak, which: &str, place: &Place) {
        if leak.kind.is_note() {
            return self.verdict.notes(format!("errors tell {}: {}", leak.kind, leak.shown));
        }
        let aspect = leak.kind.word();
        let told = self.verdict.findings().iter().any(|finding| finding.aspect == aspect && finding.place == *place);
        if told {
            return;
        }
        let severity = match leak.kind {
            Kind::Key => Severity::Critical,
            Kind::Echo => Severity::High,
            Kind::Stack
            | Kind::Exception
            | Kind::Query
            | Kind::Database
            | Kind::Path
            | Kind::InternalAddress
            | Kind::DebugPage => Severity::Medium,
            Kind::Validator | Kind::Version | Kind::Banner | Kind::Issues => Severity::Low,
        };
        let what = format!("{which} tells {}: {}", leak.kind, leak.shown);
        self.verdict.finds(Finding::new(what, place.clone()).aspect(aspect).of_severity(severity));
    }
}

/// Whether an answer gives back a whole body, as it was or inside a JSON string. Short ones may come back by chance.
fn repeats(answer: &str, body: &str) -> bool {
    let quoted = serde_json::Value::String(body.to_owned()).to_string();
    body.len() >= 12 && (answer.contains(body) || answer.contains(quoted.trim_matches('"')))
}

/// Two errors of one kind should differ in what was asked, and in nothing else.
fn variance(target: &Target, evidence: &Evidence, verdict: &mut Verdict) {
    let (absent, canary) = (api::absent(target), canary(target));
    let (Ok(first), Ok(second)) = (evidence.of(&absent), evidence.of(&canary)) else { return };
    let shape = |answer: &Exchange| -> String {
        let text = answer.body.text.replace(&canary.path, "").replace(&absent.path, "").replace("?echo=", "");
        // Times, numbers of requests and the echoed canary, in whatever encoding, may differ.
        text.replace("wt7canary", "").chars().filter(|letter| letter.is_alphabetic()).take(400).collect()
    };
    if first.status >= 400 && first.status == second.status && shape(first).len().abs_diff(shape(second).len()) > 40 {
        verdict.notes(format!("two {} answers to missing paths differ in more than what was asked", first.status));
    }
}

#[cfg(test)]
mod tests;
