//! An MCP server, in each protocol era that it speaks: opening, listing and calling judged apart.

use super::{AuthEnforced, place};
use crate::check::{Finding, Severity, Verdict};
use crate::detect::answer::Says;
use crate::evidence::http::{Credential, Exchange, Request};
use crate::evidence::mcp::{Conversation, Era, EraAsked, Outcome, Reply, Session, Step, Transcript};
use crate::evidence::{Ask, Evidence, Unseen, api};
use crate::target::Target;

/// A tool that no server has: whoever calls it shows whether calls are let in, and nothing runs.
const NO_TOOL: &str = "watertight_no_such_tool";

/// What is asked of the server at `path` as far as its eras are known; nothing before the shared conversation is answered.
pub(super) fn asks(target: &Target, seen: &Evidence, path: &str) -> Vec<Ask> {
    let standard = Conversation::standard(target, path);
    let Ok(transcript) = seen.of(&standard) else { return Vec::new() };
    if standard.credential == Credential::None || !transcript.era.is_mcp() {
        return Vec::new();
    }
    let mut asks = Vec::new();
    if transcript.era == Era::Modern {
        asks.push(older(target, path).into());
    }
    for era in eras(target, seen, path, transcript) {
        asks.extend(in_era(target, path, era).into_iter().map(Ask::from));
        if let Ok(refused) = seen.of(&without(target, path, era))
            && let Some(metadata) = named_metadata(target, &refused.opening.exchange)
        {
            asks.push(metadata.into());
        }
    }
    asks
}

/// The description of the protected resource that a refusal names (RFC 9728 section 5.1), where it lies on the target itself.
fn named_metadata(target: &Target, refusal: &Exchange) -> Option<Request> {
    let challenge = refusal.header("www-authenticate")?;
    let (_, named) = challenge.split_once("resource_metadata=")?;
    let named = named.trim_start_matches('"').split(['"', ',', ' ']).next()?;
    let path = named.strip_prefix(target.deployment().ok()?.origin().as_str())?;
    // Only where such documents lie: the server does not send the audit elsewhere.
    path.starts_with("/.well-known/oauth-protected-resource").then(|| Request::get(path))
}

/// Every ask that any server may take.
pub(super) fn at_most(target: &Target, path: &str) -> Vec<Ask> {
    if Conversation::standard(target, path).credential == Credential::None {
        return Vec::new();
    }
    let spoken = [Spoken::Modern, Spoken::Legacy { session: true }, Spoken::Sse];
    let each = spoken.into_iter().flat_map(|era| in_era(target, path, era));
    let metadata = spoken.iter().map(|_| Ask::from(Request::get(path)));
    std::iter::once(older(target, path)).chain(each).map(Ask::from).chain(metadata).collect()
}

/// An era that the server speaks with the valid token.
#[derive(Clone, Copy)]
enum Spoken {
    Modern,
    Legacy { session: bool },
    Sse,
}

impl Spoken {
    fn asked(self) -> EraAsked {
        match self {
            Self::Modern => EraAsked::Modern,
            Self::Legacy { .. } => EraAsked::Legacy,
            Self::Sse => EraAsked::Sse,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Modern => "2026-07-28",
            Self::Legacy { .. } => "initialize",
            Self::Sse => "HTTP+SSE",
        }
    }

    fn slug(self) -> &'static str {
        match self {
            Self::Modern => "modern",
            Self::Legacy { .. } => "legacy",
            Self::Sse => "sse",
        }
    }

    fn has_session(self) -> bool {
        match self {
            Self::Modern => false,
            Self::Legacy { session } => session,
            Self::Sse => true,
        }
    }
}

/// The control of the older era, for a server that was recognised by the newer one and may guard that one only.
fn older(target: &Target, path: &str) -> Conversation {
    Conversation::standard(target, path).in_era(EraAsked::Legacy).taking([])
}

fn eras(target: &Target, seen: &Evidence, path: &str, standard: &Transcript) -> Vec<Spoken> {
    match standard.era {
        Era::Modern => {
            let mut eras = vec![Spoken::Modern];
            if let Ok(older) = seen.of(&older(target, path))
                && older.era == Era::Legacy
            {
                eras.push(Spoken::Legacy { session: older.session });
            }
            eras
        }
        Era::Legacy => vec![Spoken::Legacy { session: standard.session }],
        Era::Sse => vec![Spoken::Sse],
        Era::Denied | Era::NotMcp => Vec::new(),
    }
}

fn in_era(target: &Target, path: &str, era: Spoken) -> Vec<Conversation> {
    let mut asked = vec![without(target, path, era), mistaken(target, path, era)];
    if era.has_session() {
        asked.push(stolen(target, path, era));
    }
    if let Spoken::Legacy { session: true } = era {
        asked.push(forged(target, path, era));
    }
    asked
}

fn without(target: &Target, path: &str, era: Spoken) -> Conversation {
    Conversation::standard(target, path)
        .with(Credential::None)
        .in_era(era.asked())
        .in_session(Session::Regardless)
        .taking([Step::ListTools, no_tool()])
}

fn mistaken(target: &Target, path: &str, era: Spoken) -> Conversation {
    let steps = match era {
        // Each request stands for itself there.
        Spoken::Modern => vec![Step::ListTools],
        Spoken::Legacy { .. } | Spoken::Sse => Vec::new(),
    };
    without(target, path, era).with(api::mistaken(target)).taking(steps)
}

fn stolen(target: &Target, path: &str, era: Spoken) -> Conversation {
    without(target, path, era).in_session(Session::Stolen)
}

fn forged(target: &Target, path: &str, era: Spoken) -> Conversation {
    without(target, path, era).in_session(Session::Forged).taking([Step::ListTools])
}

fn no_tool() -> Step {
    Step::Call { tool: NO_TOOL.into(), arguments: "{}".into() }
}

/// The refusals of a server that is guarded, by era: what its class is told by.
pub(super) fn guarded<'a>(
    target: &Target,
    evidence: &'a Evidence,
    path: &str,
    standard: &Transcript,
) -> Vec<(EraAsked, &'a Exchange)> {
    eras(target, evidence, path, standard)
        .into_iter()
        .filter_map(|era| {
            let refused = evidence.of(&without(target, path, era)).ok()?;
            let denied = matches!(opening_part(&refused.opening), Part::Denied);
            denied.then_some((era.asked(), &refused.opening.exchange))
        })
        .collect()
}

pub(super) fn judge(
    verdict: &mut Verdict,
    check: &AuthEnforced,
    target: &Target,
    evidence: &Evidence,
    path: &str,
    standard: &Transcript,
) {
    if Conversation::standard(target, path).credential == Credential::None {
        judge_open(verdict, check, target, path, standard);
        return;
    }
    // The shared conversation is the positive control: the valid token was let in.
    if standard.era == Era::Modern
        && let Err(unseen) = evidence.of(&older(target, path))
    {
        verdict.not_seen(unseen);
    }
    for era in eras(target, evidence, path, standard) {
        let mut judging = Judging { verdict, check, target, path, era, denied: true };
        judging.era(evidence);
    }
}

/// No token is named: what opens without one is open, and what does not, nobody can hold against anything.
fn judge_open(verdict: &mut Verdict, check: &AuthEnforced, target: &Target, path: &str, standard: &Transcript) {
    let era = match standard.era {
        Era::Modern => Spoken::Modern,
        Era::Legacy => Spoken::Legacy { session: standard.session },
        Era::Sse => Spoken::Sse,
        Era::Denied | Era::NotMcp => return,
    };
    let mut judging = Judging { verdict, check, target, path, era, denied: true };
    judging.without(standard);
    verdict.not_seen(Unseen::NotConfigured(
        "no token named for the target (give `token: { env: NAME }`, or --token-env): what is denied could not be judged".into(),
    ));
}

struct Judging<'a> {
    verdict: &'a mut Verdict,
    check: &'a AuthEnforced,
    target: &'a Target,
    path: &'a str,
    era: Spoken,
    /// Whether everything so far was denied.
    denied: bool,
}

/// What one answer to somebody who should be denied is.
enum Part {
    Open,
    Denied,
    /// Refused, but not for want of a credential: 400 without a session, 404, an error of the protocol.
    Unclear(String),
}

impl Judging<'_> {
    fn era(&mut self, evidence: &Evidence) {
        match evidence.of(&without(self.target, self.path, self.era)) {
            Err(unseen) => self.unseen(unseen),
            Ok(transcript) => {
                self.without(transcript);
                self.steps_without(evidence, transcript);
            }
        }
        match evidence.of(&mistaken(self.target, self.path, self.era)) {
            Err(unseen) => self.unseen(unseen),
            Ok(transcript) => self.mistaken(transcript),
        }
        self.metadata(evidence);
        if let Spoken::Legacy { session: true } = self.era {
            match evidence.of(&forged(self.target, self.path, self.era)) {
                Err(unseen) => self.unseen(unseen),
                Ok(transcript) => {
                    if let Part::Open = part(&transcript.opening) {
                        self.fails("forged-session", "lists its tools in a made-up session without a credential", None);
                    }
                }
            }
        }
        if self.denied {
            self.verdict.holds(format!(
                "MCP {} ({}): the opening, tools/list and a call of a tool that does not exist denied without a credential, {} \
                 denied to a wrong token, the valid one let in; no other method was tried",
                self.path,
                self.era.name(),
                match self.era {
                    Spoken::Modern => "the opening and tools/list",
                    Spoken::Legacy { .. } | Spoken::Sse => "the opening",
                }
            ));
        }
    }

    /// The opening without a credential, and the steps where it was let in.
    fn without(&mut self, transcript: &Transcript) {
        match opening_part(&transcript.opening) {
            Part::Open => {
                self.open_discovery("open-opening", "opens without a credential");
                if let Some(Part::Open) = transcript.listing.as_ref().map(part) {
                    self.open_discovery("open-listing", "lists its tools without a credential");
                }
                if let Some(Part::Open) = transcript.calls.first().map(call_part) {
                    self.fails("open-calls", "takes calls without a credential", None);
                }
            }
            Part::Denied => {
                let status = transcript.opening.exchange.status;
                if status == 401 && transcript.opening.exchange.header("www-authenticate").is_none() {
                    self.verdict.notes(format!("MCP {}: 401 without WWW-Authenticate", self.path));
                } else if !matches!(status, 401 | 403) {
                    self.verdict
                        .notes(format!("MCP {}: refused with status {status} where 401 is expected", self.path));
                }
            }
            Part::Unclear(why) => self.unclear("opening without a credential", &why),
        }
    }

    /// Listing and calling where the opening was refused: they may have no guard of their own. In an era with sessions the
    /// stolen one tells.
    fn steps_without(&mut self, evidence: &Evidence, transcript: &Transcript) {
        if let Part::Open = part(&transcript.opening) {
            return;
        }
        for unseen in &transcript.unseen {
            self.unseen(unseen.clone());
        }
        let mut listing = transcript.listing.as_ref().map(part);
        let mut calling = transcript.calls.first().map(call_part);
        if let Some(Part::Open) = listing {
            self.open_discovery("open-listing", "lists its tools without a credential");
        }
        if let Some(Part::Open) = calling {
            self.fails("open-calls", "takes calls without a credential", None);
        }
        if self.era.has_session() {
            match evidence.of(&stolen(self.target, self.path, self.era)) {
                Err(unseen) => {
                    self.unseen(unseen);
                    return;
                }
                Ok(stolen) => {
                    for unseen in &stolen.unseen {
                        self.unseen(unseen.clone());
                    }
                    listing = stolen.listing.as_ref().map(part);
                    calling = stolen.calls.first().map(call_part);
                    let open = matches!(listing, Some(Part::Open)) || matches!(calling, Some(Part::Open));
                    if open {
                        let what = "serves requests without a credential in a session that the valid token opened";
                        self.fails("stolen-session", what, Some(Severity::High));
                    }
                }
            }
        }
        for (step, what) in [(listing, "listing"), (calling, "calling")] {
            match step {
                Some(Part::Denied | Part::Open) => {}
                Some(Part::Unclear(why)) => self.unclear(&format!("{what} without a credential"), &why),
                None => self.unclear(&format!("{what} without a credential"), "was not answered"),
            }
        }
    }

    fn mistaken(&mut self, transcript: &Transcript) {
        let listed = matches!(transcript.listing.as_ref().map(part), Some(Part::Open));
        match opening_part(&transcript.opening) {
            Part::Open => self.fails("wrong-token", "admits a wrong token", None),
            Part::Denied | Part::Unclear(_) if listed => {
                self.fails("wrong-token", "lists its tools to a wrong token", None);
            }
            Part::Denied => {
                for unseen in &transcript.unseen {
                    self.unseen(unseen.clone());
                }
            }
            Part::Unclear(why) => self.unclear("opening with a wrong token", &why),
        }
    }

    /// What clients of an authorization server would look for. A token that operators hand out needs none of it, so it is
    /// only told.
    fn metadata(&mut self, evidence: &Evidence) {
        let Ok(refused) = evidence.of(&without(self.target, self.path, self.era)) else { return };
        let refusal = &refused.opening.exchange;
        if refusal.status != 401 || refusal.header("www-authenticate").is_none() {
            return;
        }
        let path = self.path;
        let Some(metadata) = named_metadata(self.target, refusal) else {
            self.verdict.notes(format!(
                "MCP {path}: its 401 names no resource_metadata on this host (RFC 9728): a static token needs none, an OAuth \
                 client does"
            ));
            return;
        };
        let told = match evidence.of(&metadata) {
            Err(unseen) => format!("was not seen: {unseen}"),
            Ok(answer) if !answer.is_success() => format!("answers {}", answer.status),
            Ok(answer) => match serde_json::from_str::<serde_json::Value>(&answer.body.text) {
                Ok(described) if described.get("resource").is_some_and(serde_json::Value::is_string) => {
                    "describes the resource".to_owned()
                }
                Ok(_) | Err(_) => "names no `resource`".to_owned(),
            },
        };
        self.verdict.notes(format!("MCP {path}: the metadata at {} (RFC 9728) {told}", metadata.path));
    }

    fn open_discovery(&mut self, aspect: &str, what: &str) {
        if self.check.open_discovery {
            self.verdict.notes(format!("MCP {} {what}, as `open-discovery` allows", self.path));
        } else {
            self.fails(aspect, what, Some(Severity::High));
        }
    }

    fn fails(&mut self, aspect: &str, what: &str, severity: Option<Severity>) {
        self.denied = false;
        let finding =
            Finding::new(format!("the MCP server ({}) {what}", self.era.name()), place(self.target, self.path))
                .aspect(format!("{}-{aspect}", self.era.slug()));
        self.verdict.finds(match severity {
            Some(severity) => finding.of_severity(severity),
            None => finding,
        });
    }

    fn unseen(&mut self, unseen: Unseen) {
        self.denied = false;
        self.verdict.not_seen(unseen);
    }

    fn unclear(&mut self, what: &str, why: &str) {
        self.unseen(Unseen::NotComparable(format!("MCP {} ({}): {what} {why}", self.path, self.era.name())));
    }
}

/// The opening: the valid token was let in by the same request, so that any 3xx or 4xx keeps others out.
fn opening_part(reply: &Reply) -> Part {
    match part(reply) {
        Part::Unclear(_) if matches!(Says::of(&reply.exchange), Says::Hidden | Says::Rejected | Says::Elsewhere) => {
            Part::Denied
        }
        other => other,
    }
}

fn part(reply: &Reply) -> Part {
    match Says::of(&reply.exchange) {
        Says::Denied => return Part::Denied,
        Says::Nothing(unseen) => return Part::Unclear(unseen.to_string()),
        Says::Served | Says::Hidden | Says::Rejected | Says::Elsewhere | Says::Broken => {}
    }
    match &reply.outcome {
        Outcome::Result => Part::Open,
        Outcome::ToolError { text } | Outcome::RpcError { message: text, .. } if speaks_of_credentials(text) => {
            Part::Denied
        }
        Outcome::ToolError { .. } => Part::Unclear("was answered by an error of the tool".into()),
        Outcome::RpcError { code, .. } => {
            Part::Unclear(format!("was answered by error {code} ({})", reply.exchange.status))
        }
        // The event stream itself is the opening of HTTP+SSE.
        Outcome::Http => Part::Unclear(format!("was answered with {}", reply.exchange.status)),
    }
}

/// A call of a tool that does not exist: whoever says so has let the call in.
fn call_part(reply: &Reply) -> Part {
    let names_it = |text: &str| text.contains(NO_TOOL);
    match &reply.outcome {
        _ if Says::of(&reply.exchange) == Says::Denied => Part::Denied,
        Outcome::ToolError { text } | Outcome::RpcError { message: text, .. } if names_it(text) => Part::Open,
        // JSON-RPC 2.0: invalid params, which is how a server says that it has no such tool.
        Outcome::RpcError { code: -32602, message } if !speaks_of_credentials(message) => Part::Open,
        Outcome::ToolError { .. } | Outcome::RpcError { .. } | Outcome::Result | Outcome::Http => part(reply),
    }
}

fn speaks_of_credentials(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["unauthorized", "unauthorised", "unauthenticated", "authentication", "authorization", "forbidden", "credential"]
        .iter()
        .any(|word| text.contains(word))
}
