//! Agents get the tools that the policy allows, none of them a shell, and nothing runs unasked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::risk::{self, Risk};
use crate::check::{About, Check, DecidedFrom, Finding, Place, Severity, Verdict};
use crate::evidence::manifest::{Manifests, Subject, Weight};
use crate::evidence::mcp::{self, Conversation, Era, Outcome, Tool, Transcript};
use crate::evidence::{Ask, Evidence, Unseen};
use crate::target::{AllowedTool, Target};

#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct AgentCapabilities {}

impl Check for AgentCapabilities {
    const ABOUT: About = About {
        id: "agent-capabilities",
        title: "Agents have the least capabilities they need",
        statements: &["AGT-1", "AGT-2"],
        severity: Severity::High,
        decided_from: DecidedFrom::Both,
        attestable: false,
        remediation: "List the tools that agents need under `tools: { allow: [..] }` and take every other one off the \
                      server, first of all those that run commands. In the agents' settings, allow single commands \
                      instead of all of them, let the agent ask, and pin the versions of the servers it starts.",
        references: &["OWASP LLM06:2025", "CWE-250", "MCP 2025-11-25, tools: annotations are untrusted"],
    };

    fn asks(&self, target: &Target, _seen: &Evidence) -> Vec<Ask> {
        let conversations = mcp::candidates(target).into_iter().map(|path| Conversation::standard(target, path).into());
        let settings = target.repository().is_ok().then(|| settings().into());
        conversations.chain(settings).collect()
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        let mut verdict = Verdict::default();
        let servers = match target.deployment() {
            Ok(_) => judge_servers(target, evidence, &mut verdict),
            Err(absent) if absent.is_out_of_scope() => 0,
            Err(absent) => {
                verdict.not_seen(Unseen::NotNamed(absent.to_string()));
                0
            }
        };
        let files = match target.repository() {
            Ok(_) => judge_settings(evidence, &mut verdict),
            Err(absent) if absent.is_out_of_scope() => 0,
            Err(absent) => {
                verdict.notes(absent.to_string());
                0
            }
        };
        let nothing = verdict.findings().is_empty() && verdict.unseen().is_empty() && verdict.grounds().is_empty();
        if servers == 0 && files == 0 && nothing {
            return Verdict::not_applicable(
                "no MCP server among the endpoints, and no agent settings in the repository",
            );
        }
        verdict
    }
}

fn settings() -> Manifests {
    Manifests { about: Subject::Agents }
}

/// Judges every endpoint that may be an MCP server; how many were.
fn judge_servers(target: &Target, evidence: &Evidence, verdict: &mut Verdict) -> usize {
    let mut servers = 0;
    let allowed = target.deployment.as_ref().and_then(|deployment| deployment.tools.as_deref());
    for path in mcp::candidates(target) {
        let url = target.deployment.as_ref().map_or_else(|| path.clone(), |deployment| deployment.at(&path));
        match evidence.of(&Conversation::standard(target, path)) {
            Ok(transcript) => match transcript.era {
                Era::Modern | Era::Legacy | Era::Sse => {
                    servers += 1;
                    judge_server(&url, transcript, allowed, verdict);
                }
                Era::Denied => verdict.not_seen(Unseen::NotComparable(format!(
                    "{url} does not admit the valid token, so its tools cannot be listed"
                ))),
                Era::NotMcp => verdict.notes(format!("{url} speaks no MCP")),
            },
            Err(unseen) => verdict.not_seen(unseen),
        }
    }
    servers
}

fn judge_server(url: &str, transcript: &Transcript, allowed: Option<&[AllowedTool]>, verdict: &mut Verdict) {
    match &transcript.listing {
        Some(listing) if listing.outcome == Outcome::Result => {}
        // An empty list that nobody sent is no empty list.
        Some(listing) => {
            verdict
                .not_seen(Unseen::NotComparable(format!("{url} answered tools/list with {}", listing.exchange.status)));
            return;
        }
        None => {
            verdict.not_seen(Unseen::NotComparable(format!("{url} gave no answer to tools/list")));
            return;
        }
    }
    if !transcript.tools_complete {
        verdict.not_seen(Unseen::Partial(format!("{url} lists more tools than are read")));
    }
    if let Some(unseen) = &transcript.further_unseen {
        verdict.not_seen(unseen.clone());
    }
    for tool in &transcript.tools {
        judge_tool(url, tool, allowed, verdict);
    }
    if !transcript.further.is_empty() {
        verdict.notes(format!("{url} lists {} tools otherwise after initialize", transcript.further.len()));
        for tool in &transcript.further {
            judge_tool(url, tool, allowed, verdict);
        }
    }
    match allowed {
        Some(allowed) => {
            verdict.holds(format!("{url} lists {} tools; {} are allowed", transcript.tools.len(), allowed.len()));
            for missing in allowed.iter().filter(|allowed| {
                transcript.tools.iter().chain(&transcript.further).all(|tool| tool.name != allowed.name)
            }) {
                verdict.notes(format!("the tool {} is allowed, but not offered", missing.name));
            }
        }
        None => verdict.not_seen(Unseen::NotConfigured(format!(
            "{url} lists {} tools, and the policy does not say which are allowed (`tools: {{ allow: [..] }}`)",
            transcript.tools.len()
        ))),
    }
}

fn judge_tool(url: &str, tool: &Tool, allowed: Option<&[AllowedTool]>, verdict: &mut Verdict) {
    let name: String = tool.name.chars().take(100).collect();
    let risk = risk::of(tool);
    let looks = risk.as_ref().map_or_else(String::new, |(risk, why)| format!(", which {} ({why})", risk.what()));
    let mut finds = |severity: Severity, aspect: String, what: String| {
        verdict.finds(Finding::new(what, Place::url(url)).of_severity(severity).aspect(aspect));
    };
    let listed = allowed.map(|allowed| allowed.iter().find(|allowed| allowed.name == tool.name));
    match (&listed, &risk) {
        // A shell is a shell, whoever allowed it.
        (_, Some((Risk::Commands, _))) => {
            let by = if matches!(listed, Some(Some(_))) { "allowed" } else { "offered" };
            finds(Severity::Critical, format!("runs-commands:{name}"), format!("the tool {name} is {by}{looks}"));
        }
        (Some(None), _) => {
            finds(
                Severity::High,
                format!("not-allowed:{name}"),
                format!("the tool {name} is offered, but not allowed{looks}"),
            );
        }
        (None, Some((risk @ (Risk::Secrets | Risk::ChangesFiles), _))) => {
            finds(Severity::High, format!("{}:{name}", risk.word()), format!("the tool {name} is offered{looks}"));
        }
        (Some(Some(_)) | None, Some((_, _))) => verdict.notes(format!("the tool {name} is offered{looks}")),
        (Some(Some(_)) | None, None) => {}
    }
    if let Some(Some(AllowedTool { sha256: Some(pinned), .. })) = listed
        && !pinned.eq_ignore_ascii_case(&tool.sha256)
    {
        let what = format!("description or schema of the tool {name} is not the pinned one: now {}", tool.sha256);
        let finding = Finding::new(what, Place::url(url)).of_severity(Severity::High).aspect(format!("changed:{name}"));
        verdict.finds(finding);
    }
    let promised = tool.annotations.get("readOnlyHint").and_then(serde_json::Value::as_bool) == Some(true);
    if let (true, Some((Risk::Commands | Risk::ChangesFiles, _))) = (promised, &risk) {
        verdict.notes(format!("the tool {name} calls itself read-only, which it does not look like"));
    }
}

fn judge_settings(evidence: &Evidence, verdict: &mut Verdict) -> u32 {
    let found = match evidence.of(&settings()) {
        Ok(found) => found,
        Err(unseen) => {
            verdict.not_seen(unseen);
            return 0;
        }
    };
    for mark in &found.marks {
        let place = Place::file(mark.file.clone(), mark.line);
        match mark.weight {
            Weight::Fault => {
                let severity = if mark.aspect == "unpinned" { Severity::Medium } else { Severity::High };
                let finding = Finding::new(mark.what.clone(), place).of_severity(severity).aspect(mark.subject());
                verdict.finds(finding);
            }
            Weight::Unread => verdict.not_seen(Unseen::Malformed(format!("{}: {}", place.words().data(), mark.what))),
            Weight::Note => verdict.notes(format!("{}: {}", place.words().data(), mark.what)),
        }
    }
    for skipped in &found.skipped {
        verdict.not_seen(Unseen::Malformed(skipped.clone()));
    }
    if found.files > 0 {
        verdict.holds(format!("{} files of agent settings were read", found.files));
    }
    found.files
}

#[cfg(test)]
mod tests;
