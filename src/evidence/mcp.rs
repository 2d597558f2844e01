//! Questions about an MCP server: a whole conversation is one ask.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::http::{Credential, Exchange, Listener};
use super::{Evidence, Question, Unseen};
use crate::seen_as;
use crate::target::{Deployment, Target};

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
    #[serde(default, skip_serializing_if = "Session::is_own")]
    pub session: Session,
}

/// In which session the steps are sent.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Session {
    /// In the one that `credential` opens; nothing more is sent where the opening is refused.
    #[default]
    Own,
    /// As [`Session::Own`], and where the opening is refused the steps are sent all the same, outside any session.
    Regardless,
    /// Nothing is opened; the steps carry a session id that was made up.
    Forged,
    /// In one that the valid token opened from no origin, with `credential` and `origin` from the first step on.
    Stolen,
}

impl Session {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_own(&self) -> bool {
        *self == Self::Own
    }
}

impl Conversation {
    /// The conversation that every check shares: with the valid token, in whatever era the server speaks, listing the
    /// tools. Without a token configured the credential is `None`.
    pub fn standard(target: &Target, path: impl Into<String>) -> Self {
        let has_token = target.deployment.as_ref().is_some_and(Deployment::has_credential);
        Self {
            path: path.into(),
            credential: if has_token { Credential::Valid } else { Credential::None },
            origin: None,
            era: EraAsked::Any,
            steps: vec![Step::ListTools],
            client_name: None,
            session: Session::Own,
        }
    }

    #[must_use]
    pub fn with(mut self, credential: Credential) -> Self {
        self.credential = credential;
        self
    }

    #[must_use]
    pub fn in_era(mut self, era: EraAsked) -> Self {
        self.era = era;
        self
    }

    #[must_use]
    pub fn in_session(mut self, session: Session) -> Self {
        self.session = session;
        self
    }

    #[must_use]
    pub fn taking(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.steps = steps.into_iter().collect();
        self
    }
}

/// Pages of a listing that are read at most.
pub const PAGES: u32 = 10;

/// Tools that are kept at most, over all pages.
pub const TOOLS: usize = 256;

impl Question for Conversation {
    seen_as!(Mcp => Transcript);

    /// Opening in each era it may speak (modern, legacy with its `initialized` notification, SSE with the same), the
    /// steps, the close of the session; each may be requeued once.
    fn ceiling(&self, _target: &Target) -> u32 {
        let opening = match self.era {
            EraAsked::Any => 6,
            EraAsked::Modern => 1,
            EraAsked::Legacy => 2,
            EraAsked::Sse => 3,
        };
        let steps: u32 = self
            .steps
            .iter()
            .map(|step| match step {
                Step::ListTools => PAGES,
                Step::Call { .. } => 1,
            })
            .sum();
        // A server that speaks two eras lists its tools in both.
        let second = if self.era == EraAsked::Any && self.steps == [Step::ListTools] { PAGES } else { 0 };
        2 * (opening + steps + second + 1)
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
        let session = match self.session {
            Session::Own => "",
            Session::Regardless => ", even if refused",
            Session::Forged => " in a made-up session",
            Session::Stolen => " in a session of the valid token",
        };
        let name = self.client_name.as_deref().map_or(String::new(), |name| format!(", as {name}"));
        format!("MCP ({era}) on {} with {}{session}{origin}{name}{steps}", self.path, self.credential)
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
    /// The answer to the request that told the era, or to the last one tried; to the first step where nothing was
    /// opened ([`Session::Forged`]).
    pub opening: Reply,
    /// Whether the server opened a session (`Mcp-Session-Id`, or the endpoint of an event stream).
    #[serde(default)]
    pub session: bool,
    /// `serverInfo`, masked: name and version.
    #[serde(default)]
    pub server: Option<String>,
    /// The answer to `tools/list` (its last page), where it was asked and sent.
    #[serde(default)]
    pub listing: Option<Reply>,
    #[serde(default)]
    pub tools: Vec<Tool>,
    /// Whether every tool was read: false without a listing, and where it was longer than is read.
    #[serde(default)]
    pub tools_complete: bool,
    /// What a second era of the protocol lists otherwise than the one that was spoken, where the server speaks both.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<Tool>,
    /// Why it is not known what a second era lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub further_unseen: Option<Unseen>,
    /// The answers to the calls, in the order of the steps.
    #[serde(default)]
    pub calls: Vec<Reply>,
    /// Why a step has no answer; the steps after it were not sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<Unseen>,
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
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
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
    let mut paths: Vec<String> = Vec::new();
    for endpoint in &deployment.endpoints {
        if !endpoint.method_named && endpoint.public.is_none() && !paths.contains(&endpoint.path) {
            paths.push(endpoint.path.clone());
        }
    }
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
