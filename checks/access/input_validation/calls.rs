//! The answers of MCP tools to invalid and valid arguments, weighed.

use crate::check::{Finding, Place};
use crate::checks::access::trials::{Call, Tools, bounded};
use crate::evidence::Unseen;
use crate::evidence::mcp::{self, Outcome, Transcript};
use crate::target::Target;

use super::conversation;
use super::court::Court;

impl Court<'_> {
    pub(super) fn server(&mut self, target: &Target, path: &str, transcript: &Transcript, tools: &Tools) {
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
        if !tools.unbroken.is_empty() {
            let kinds = tools.unbroken.join(", ");
            self.verdict.not_seen(Unseen::Partial(format!("no tool of {path} was called with an argument {kinds}")));
        }
        for of_one in heard.chunk_by(|(one, _), (other, _)| one.tool == other.tool) {
            self.tool(path, of_one, tools);
        }
    }

    fn tool(&mut self, path: &str, heard: &[(&Call, &mcp::Reply)], tools: &Tools) {
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
        let broken = heard.iter().filter(|(call, _)| call.broken.is_some()).count();
        let of = heard.first().and_then(|(call, _)| tools.constraints.get(&call.tool)).copied().unwrap_or(broken);
        let tried = format!("{broken} of {of} constraints tried");
        match refusal(valid) {
            Refusal::Served => {
                self.verdict.holds(format!(
                    "`{tool}`: invalid arguments are refused {}, valid ones admitted ({tried})",
                    ways.join(", ")
                ));
            }
            // It ran, and said why it could not: that is past validation, if validation speaks another way.
            Refusal::Tool if in_protocol => self.verdict.holds(format!(
                "`{tool}`: invalid arguments are refused {}, valid ones reach the tool ({tried})",
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
