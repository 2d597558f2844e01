//! Questions about an MCP server: a whole conversation is one ask.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::http::{Credential, Exchange, Listener};
use super::{Evidence, Question, Unseen};
use crate::seen_as;
use crate::target::Target;

/// One conversation with an endpoint that may be an MCP server: opening (which tells the protocol era), then the steps.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Conversation {
    pub path: String,
    pub credential: Credential,
    /// The `Origin` header. On MCP, origin and a credential that must be denied never share a request: a conforming
    /// server refuses a hostile Origin whatever the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    pub era: EraAsked,
    pub steps: Vec<Step>,
    /// Names the client: a canary for the log, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// Uses the session that the valid token opened, but sends `credential` from the first step on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub steal_session: bool,
}

impl Conversation {
    /// The conversation that every check shares: with the valid token, in whatever era the server speaks, listing the
    /// tools. Without a token configured the credential is `None`.
    pub fn standard(target: &Target, path: impl Into<String>) -> Self {
        let has_token = target.deployment.as_ref().is_some_and(|deployment| deployment.token.is_some());
        Self {
            path: path.into(),
            credential: if has_token { Credential::Valid } else { Credential::None },
            origin: None,
            era: EraAsked::Any,
            steps: vec![Step::ListTools],
            client_name: None,
            steal_session: false,
        }
    }

    #[must_use]
    pub fn with(mut self, credential: Credential) -> Self {
        self.credential = credential;
        self
    }
}

impl Question for Conversation {
    seen_as!(Mcp => Transcript);

    /// Opening in each era it may speak (modern, legacy with its `initialized` notification, SSE), the steps, the close
    /// of the session; each may be requeued once.
    fn ceiling(&self, _target: &Target) -> u32 {
        let opening = match self.era {
            EraAsked::Any => 5,
            EraAsked::Modern => 1,
            EraAsked::Legacy | EraAsked::Sse => 3,
        };
        let stolen = if self.steal_session { 3 } else { 0 };
        // A listing may take several pages; ten at most are read.
        let steps: u32 = self
            .steps
            .iter()
            .map(|step| match step {
                Step::ListTools => 10,
                Step::Call { .. } => 1,
            })
            .sum();
        2 * (opening + stolen + steps + 1)
    }

    fn hosts(&self, target: &Target) -> BTreeSet<String> {
        Listener::Main.host(target).into_iter().collect()
    }

    fn describe(&self) -> String {
        let era = match self.era {
            EraAsked::Any => "any era",
            EraAsked::Modern => "2026-07-28",
            EraAsked::Legacy => "initialize",
            EraAsked::Sse => "HTTP+SSE",
        };
        let origin = self.origin.as_deref().map_or(String::new(), |origin| format!(", Origin {origin}"));
        let steps: String = self
            .steps
            .iter()
            .map(|step| match step {
                Step::ListTools => ", tools/list".to_owned(),
                Step::Call { tool, .. } => format!(", tools/call {tool}"),
            })
            .collect();
        let stolen = if self.steal_session { " in a session of the valid token" } else { "" };
        format!("MCP ({era}) on {} with {}{stolen}{origin}{steps}", self.path, self.credential)
    }
}

/// Which protocol era is spoken to the server.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EraAsked {
    /// Modern first, then `initialize`, then SSE, until one is recognised.
    Any,
    Modern,
    Legacy,
    Sse,
}

#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    ListTools,
    /// `arguments` is JSON text.
    Call {
        tool: String,
        arguments: String,
    },
}

/// What the server showed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Transcript {
    pub era: Era,
    /// The answer to the request that told the era, or to the last one tried.
    pub opening: Reply,
    /// `serverInfo`, masked: name and version.
    #[serde(default)]
    pub server: Option<String>,
    /// The answer to `tools/list` (its last page), where it was asked and the opening let us in.
    #[serde(default)]
    pub listing: Option<Reply>,
    #[serde(default)]
    pub tools: Vec<Tool>,
    /// False where there were more pages than are read.
    pub tools_complete: bool,
    /// The answers to the calls, in the order of the steps.
    #[serde(default)]
    pub calls: Vec<Reply>,
}

/// Which protocol the server was recognised by.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Era {
    /// 2026-07-28: stateless, `server/discover`.
    Modern,
    /// `initialize`, with or without a session.
    Legacy,
    /// HTTP+SSE (2024-11-05).
    Sse,
    /// Denied before any era could show: a 401 or 403 tells none.
    Denied,
    /// Answers, but speaks none of them.
    NotMcp,
}

impl Era {
    pub fn is_mcp(self) -> bool {
        match self {
            Self::Modern | Self::Legacy | Self::Sse => true,
            Self::Denied | Self::NotMcp => false,
        }
    }
}

/// One answer within the conversation.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Reply {
    pub exchange: Exchange,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A JSON-RPC result that is no tool error.
    Result,
    /// A tool result with `isError: true`: refused in band. The text is masked and bounded.
    ToolError { text: String },
    /// A JSON-RPC error.
    RpcError { code: i64, message: String },
    /// No JSON-RPC at all: the HTTP status speaks.
    Http,
}

/// One tool as the server lists it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Tool {
    pub name: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub input_schema: serde_json::Value,
    /// Hints from the server, not to be trusted.
    #[serde(default)]
    pub annotations: serde_json::Value,
    /// SHA-256 (hex) of description and schema in canonical JSON: what an allow-list may pin.
    pub sha256: String,
}

/// The endpoints of the target that may be MCP servers: those declared without a method.
pub fn candidates(target: &Target) -> Vec<String> {
    let Ok(deployment) = target.deployment() else { return Vec::new() };
    let mut paths: Vec<String> = deployment
        .endpoints
        .iter()
        .filter(|endpoint| !endpoint.method_named && endpoint.public.is_none())
        .map(|endpoint| endpoint.path.clone())
        .collect();
    paths.dedup();
    paths
}

/// The candidates that were recognised as MCP by their protocol, with the shared conversation's transcript; and what
/// could not be told.
pub fn servers<'a>(target: &Target, seen: &'a Evidence) -> (Vec<(String, &'a Transcript)>, Vec<Unseen>) {
    let mut servers = Vec::new();
    let mut unseen = Vec::new();
    for path in candidates(target) {
        match seen.of(&Conversation::standard(target, path.clone())) {
            Ok(transcript) if transcript.era.is_mcp() => servers.push((path, transcript)),
            Ok(_) => {}
            Err(why) => unseen.push(why),
        }
    }
    (servers, unseen)
}
