//! Every call of an agent, allowed or denied, stands in the log with time, address, tool and outcome, and without the
//! token.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{About, Check, DecidedFrom, Finding, Place, Reserve, Severity, Verdict};
use crate::evidence::http::{Credential, Exchange, Request};
use crate::evidence::logs::{Canary, LogLine, LogRead, Trace};
use crate::evidence::mcp::{self, Conversation, Era, Step};
use crate::evidence::{Ask, Evidence, Question, Unseen};
use crate::period::Period;
use crate::target::{Deployment, Target};

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ActivityLog {
    /// How long a line may take to appear in the log.
    pub deadline: Period,
}

impl Default for ActivityLog {
    fn default() -> Self {
        Self { deadline: Period::seconds(5) }
    }
}

impl Check for ActivityLog {
    const ABOUT: About = About {
        id: "activity-log",
        title: "Every agent interaction is logged, without the token",
        statements: &["AGT-3", "OPS-1"],
        severity: Severity::High,
        decided_from: DecidedFrom::Deployment,
        attestable: false,
        remediation: "Log every call, denied ones included: time, the caller's address, the tool, the outcome, and who \
                      called (User-Agent, client name, request id); never the Authorization header.",
        references: &["OWASP A09:2025", "CWE-778", "CWE-532", "OWASP ASVS 5.0 V16.2"],
    };

    fn asks(&self, target: &Target, seen: &Evidence) -> Vec<Ask> {
        let Some((deployment, marks)) = subject(target, seen) else { return Vec::new() };
        let denied = denied(target, deployment, &marks);
        let conversation = conversation(target, &marks);
        let mut asks = vec![Ask::from(denied.clone())];
        asks.extend(conversation.clone().map(Ask::from));
        let mut sent = seen.of(&denied) != Err(Unseen::NotAsked);
        match &conversation {
            Some(conversation) => match seen.of(conversation) {
                Ok(transcript) if transcript.era == Era::NotMcp => {
                    if let Some(allowed) = allowed(deployment, &marks) {
                        sent &= seen.of(&allowed) != Err(Unseen::NotAsked);
                        asks.push(allowed.into());
                    }
                }
                Ok(_) => {}
                Err(unseen) => sent &= unseen != Unseen::NotAsked,
            },
            None => {
                if let Some(allowed) = allowed(deployment, &marks) {
                    sent &= seen.of(&allowed) != Err(Unseen::NotAsked);
                    asks.push(allowed.into());
                }
            }
        }
        if sent {
            asks.push(self.search(deployment, &marks, speaks_mcp(target, seen, &marks)).into());
        }
        asks
    }

    fn reserves(&self, target: &Target) -> Vec<Reserve> {
        let Some((deployment, marks)) = subject(target, &Evidence::at(chrono::DateTime::UNIX_EPOCH)) else {
            return Vec::new();
        };
        let search = self.search(deployment, &marks, true);
        let allowed = allowed(deployment, &marks).map_or(0, |request| request.ceiling(target));
        vec![Reserve {
            what: "an allowed call where the endpoint speaks no MCP, then the search for the canaries in the log"
                .into(),
            asks: 2,
            sends: search.ceiling(target) + allowed,
        }]
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        let mut verdict = Verdict::default();
        let deployment = match target.deployment() {
            Ok(deployment) => deployment,
            Err(absent) => return Verdict::absent(absent),
        };
        if deployment.logs.is_empty() {
            verdict.not_seen(Unseen::NotConfigured(
                "no log named for the target: give `logs: [{ file: /var/log/app.log }]`, or `journald`, `command`, `loki`, \
                 `elasticsearch`"
                    .into(),
            ));
            return verdict;
        }
        let Some((_, marks)) = subject(target, evidence) else {
            verdict.not_seen(Unseen::NotConfigured("no endpoint named that could be called".into()));
            return verdict;
        };
        let trace = match evidence.of(&self.search(deployment, &marks, speaks_mcp(target, evidence, &marks))) {
            Ok(trace) => trace,
            Err(unseen) => {
                verdict.not_seen(unseen);
                return verdict;
            }
        };
        let sources = sources(trace);
        for source in &trace.sources {
            match &source.read {
                Ok(read) if read.token_lines > 0 => verdict.finds(
                    Finding::new(
                        format!("the valid token, or half of it, stands in {} lines of the log", read.token_lines),
                        Place::host(source.source.clone()),
                    )
                    .of_severity(Severity::Critical)
                    .aspect("token"),
                ),
                Ok(LogRead { token_known: true, cut: Some(cut), .. }) => {
                    verdict.not_seen(Unseen::Partial(format!("whether the token is in the log: {cut}")));
                }
                Ok(read) if read.token_known => {
                    verdict.holds(format!("the token is not in the {} bytes read of {}", read.bytes, source.source));
                }
                Ok(_) => {}
                Err(unseen) => verdict.not_seen(unseen.clone()),
            }
        }
        let blind = trace.sources.iter().all(|source| source.read.is_err());
        match sent_denied(target, deployment, evidence, &marks) {
            Ok(_) if blind => {}
            Ok(is_denied) => {
                let call = Call { name: "the denied call", canaries: vec![&marks.denied], tool: None, is_denied };
                self.judge_call(&call, trace, &sources, &mut verdict);
            }
            Err(unseen) => verdict.not_seen(unseen),
        }
        match sent_allowed(target, deployment, evidence, &marks) {
            Ok(_) if blind => {}
            Ok(tool) => {
                let call = Call {
                    name: "the allowed call",
                    canaries: vec![&marks.tool, &marks.client, &marks.allowed],
                    tool: tool.then_some(&marks.tool),
                    is_denied: false,
                };
                self.judge_call(&call, trace, &sources, &mut verdict);
            }
            Err(unseen) => verdict.not_seen(unseen),
        }
        verdict
    }
}

impl ActivityLog {
    fn search(&self, deployment: &Deployment, marks: &Marks, speaks_mcp: bool) -> Canary {
        let (allowed, beside) =
            if speaks_mcp { (&marks.tool, vec![marks.client.clone()]) } else { (&marks.allowed, Vec::new()) };
        Canary {
            sources: deployment.logs.clone(),
            canaries: vec![marks.denied.clone(), allowed.clone()],
            beside,
            deadline: self.deadline,
        }
    }

    /// Whether a call is in the log, with all that must be said of it.
    fn judge_call(&self, call: &Call<'_>, trace: &Trace, sources: &str, verdict: &mut Verdict) {
        let word = call.name.replace("the ", "").replace(' ', "-");
        let mut finds = |aspect: &str, what: String| {
            let finding = Finding::new(what, Place::host(sources.to_owned())).aspect(format!("{word}:{aspect}"));
            verdict.finds(finding);
        };
        let said = call.canaries.iter().filter_map(|canary| Said::of(trace, canary, call.tool)).max_by_key(Said::score);
        let Some(said) = said else {
            let cut = trace.sources.iter().find_map(|source| source.read.as_ref().ok()?.cut.as_ref());
            match cut {
                Some(cut) => verdict.not_seen(Unseen::Partial(format!("{} was not found: {cut}", call.name))),
                // One log of several that could not be read may hold it.
                None if trace.sources.iter().any(|source| source.read.is_err()) => {}
                None => finds("absent", format!("{} was not in the log within {}", call.name, self.deadline)),
            }
            return;
        };
        let wrong = call.is_denied && said.admitted == Some(true);
        if wrong {
            finds("wrong-outcome", format!("{} is logged as if it had been admitted", call.name));
        }
        let mut missing = Vec::new();
        for (there, name) in [(said.time, "time"), (said.address, "address"), (said.outcome, "outcome")] {
            if !there {
                missing.push(name);
            }
        }
        if call.tool.is_some() && !said.tool {
            missing.push("tool");
        }
        for name in &missing {
            finds(name, format!("{} is logged without its {name}", call.name));
        }
        if missing.is_empty() && !wrong {
            let what =
                if call.tool.is_some() { "time, address, tool and outcome" } else { "time, address and outcome" };
            verdict.holds(format!("{} is in the log with {what}", call.name));
        }
    }
}

/// A call that was sent, and by what its lines are known.
struct Call<'a> {
    name: &'static str,
    canaries: Vec<&'a String>,
    /// The canary that names its tool.
    tool: Option<&'a String>,
    is_denied: bool,
}

/// What the lines with one canary say together: a server may write more than one about a call, and the canary, which is
/// the request's own id, joins them.
#[expect(clippy::struct_excessive_bools, reason = "four independent facts about one call")]
struct Said {
    time: bool,
    address: bool,
    tool: bool,
    outcome: bool,
    admitted: Option<bool>,
}

impl Said {
    fn of(trace: &Trace, canary: &String, tool: Option<&String>) -> Option<Self> {
        let reads = trace.sources.iter().filter_map(|source| source.read.as_ref().ok());
        let lines: Vec<&LogLine> =
            reads.flat_map(|read| &read.lines).filter(|line| line.canaries.contains(canary)).collect();
        let some = |says: &dyn Fn(&LogLine) -> bool| lines.iter().any(|line| says(line));
        let admitted = some(&|line| line.admitted == Some(true));
        let kept_out = some(&|line| line.admitted == Some(false));
        (!lines.is_empty()).then(|| Self {
            time: some(&|line| line.time),
            address: some(&|line| line.address),
            tool: some(&|line| line.tool || tool.is_some_and(|tool| line.canaries.contains(tool))),
            outcome: some(&|line| line.outcome),
            admitted: (admitted != kept_out).then_some(admitted),
        })
    }

    fn score(&self) -> usize {
        [self.time, self.address, self.tool, self.outcome].iter().filter(|has| **has).count()
    }
}

// --- named questions ---------------------------------------------------------------------------------------------

/// The canaries of one run; no word in them could pass for an outcome.
struct Marks {
    denied: String,
    /// In the name of a tool that nobody has: calling it runs nothing.
    tool: String,
    client: String,
    allowed: String,
}

impl Marks {
    fn of(seed: u64) -> Self {
        // The seed tells runs apart; the letter, the calls of one run.
        let canary = |call: char| format!("wtcanary{:016x}{call}", seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Self { denied: canary('d'), tool: canary('t'), client: canary('c'), allowed: canary('g') }
    }
}

fn subject<'a>(target: &'a Target, seen: &Evidence) -> Option<(&'a Deployment, Marks)> {
    let deployment = target.deployment().ok()?;
    let judged = !deployment.logs.is_empty() && deployment.endpoints.iter().any(|endpoint| endpoint.public.is_none());
    judged.then(|| (deployment, Marks::of(seen.seed)))
}

/// Whether the allowed call goes over MCP: where it could not be made, as far as the endpoint promises it.
fn speaks_mcp(target: &Target, evidence: &Evidence, marks: &Marks) -> bool {
    conversation(target, marks)
        .is_some_and(|conversation| !evidence.of(&conversation).is_ok_and(|transcript| transcript.era == Era::NotMcp))
}

fn marked(request: Request, canary: &str) -> Request {
    request.header("user-agent", canary).header("x-request-id", canary)
}

/// A call that must be denied, to the endpoint that the allowed call goes to.
fn denied(target: &Target, deployment: &Deployment, marks: &Marks) -> Request {
    let request = match mcp::candidates(target).into_iter().next() {
        Some(path) => {
            let call = format!(
                r#"{{"jsonrpc":"2.0","id":"{id}","method":"tools/call","params":{{"name":"{id}","arguments":{{}}}}}}"#,
                id = marks.denied
            );
            Request::new("POST", path).header("accept", "application/json, text/event-stream").json(call)
        }
        None => Request::get(readable(deployment).map_or("/", |path| path)),
    };
    marked(request, &marks.denied)
}

/// The allowed call where MCP is spoken: a tool that does not exist, so that nothing is run.
fn conversation(target: &Target, marks: &Marks) -> Option<Conversation> {
    let path = mcp::candidates(target).into_iter().next()?;
    let mut conversation = Conversation::standard(target, path);
    conversation.client_name = Some(marks.client.clone());
    conversation.steps = vec![Step::Call { tool: marks.tool.clone(), arguments: "{}".into() }];
    Some(conversation)
}

/// The allowed call where it is not.
fn allowed(deployment: &Deployment, marks: &Marks) -> Option<Request> {
    Some(marked(Request::get(readable(deployment)?).with(Credential::Valid), &marks.allowed))
}

fn readable(deployment: &Deployment) -> Option<&str> {
    let readable = |endpoint: &&crate::target::Endpoint| endpoint.method == "GET" && endpoint.public.is_none();
    // An endpoint whose method was named is surely no MCP endpoint.
    let named = deployment.endpoints.iter().filter(readable).find(|endpoint| endpoint.method_named);
    named.or_else(|| deployment.endpoints.iter().find(readable)).map(|endpoint| endpoint.path.as_str())
}

// --- judging -----------------------------------------------------------------------------------------------------

fn sources(trace: &Trace) -> String {
    trace.sources.iter().map(|source| source.source.as_str()).collect::<Vec<_>>().join(", ")
}

/// Whether the call that must be denied was, or why it cannot be in the log.
fn sent_denied(target: &Target, deployment: &Deployment, evidence: &Evidence, marks: &Marks) -> Result<bool, Unseen> {
    evidence.of(&denied(target, deployment, marks)).map(Exchange::is_denied)
}

/// Whether the allowed call was made, and whether it named a tool.
fn sent_allowed(target: &Target, deployment: &Deployment, evidence: &Evidence, marks: &Marks) -> Result<bool, Unseen> {
    if let Some(conversation) = conversation(target, marks) {
        let transcript = evidence.of(&conversation)?;
        match transcript.era {
            Era::Modern | Era::Legacy | Era::Sse if !transcript.calls.is_empty() => return Ok(true),
            Era::Modern | Era::Legacy | Era::Sse => {
                return Err(Unseen::NotComparable("the server gave no answer to the call of a tool".into()));
            }
            Era::Denied => {
                return Err(Unseen::NotComparable(
                    "the valid token is not admitted, so no allowed call was made".into(),
                ));
            }
            Era::NotMcp => {}
        }
    }
    let Some(allowed) = allowed(deployment, marks) else {
        return Err(Unseen::NotConfigured("no endpoint named that a GET could be sent to".into()));
    };
    let exchange = evidence.of(&allowed)?;
    if exchange.is_denied() {
        return Err(Unseen::NotComparable("the valid token is not admitted, so no allowed call was made".into()));
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
