//! Without a credential, no trick of path, header or method gets past the guard.
//!
//! A trick counts as a bypass only where it gets what the valid token gets and the same trick on a path that no route has does
//! not. What is served otherwise, and cannot be told, is unseen.

mod list;

use serde_json::json;

use super::{AuthEnforced, endpoint, place, variation};
use crate::check::{Finding, Verdict};
use crate::detect::answer::{Says, alike};
use crate::evidence::http::{Exchange, Request};
use crate::evidence::mcp::EraAsked;
use crate::evidence::{Evidence, Unseen};
use crate::target::Target;
use list::{Trick, tricks};

/// The tricks, and what the answers to them leave in doubt.
pub(super) fn asks(check: &AuthEnforced, target: &Target, seen: &Evidence, request: &Request) -> Vec<Request> {
    let (tricks, _) = most_telling(check, tricks_of(target, seen, request));
    let beside = beside(target, seen, request);
    let Ok(control) = seen.of(&endpoint::valid(request)) else { return Vec::new() };
    let mut asks: Vec<Request> = tricks.iter().map(|trick| trick.request.clone()).collect();
    for trick in &tricks {
        let Ok(answer) = seen.of(&trick.request) else { continue };
        match look(trick, answer, control) {
            Look::Admitted if trick.is_plain() => {}
            Look::Admitted => asks.extend(twin(&beside, trick).cloned()),
            Look::Other if trick.is_path() => asks.push(endpoint::made_up(seen, request)),
            Look::Other => asks.extend(twin(&beside, trick).cloned()),
            Look::Nothing(_) | Look::KeptOut => {}
        }
    }
    asks
}

/// Every request that the tricks on one endpoint may take.
pub(super) fn at_most(check: &AuthEnforced, target: &Target, request: &Request) -> Vec<Request> {
    let tricks = most_telling(check, tricks(target, request)).0;
    // Each once, each once more on a made-up path, and that path as it is.
    let twice = tricks.iter().chain(&tricks).map(|trick| trick.request.clone());
    twice.chain([request.clone()]).collect()
}

pub(super) fn judge(
    verdict: &mut Verdict,
    check: &AuthEnforced,
    target: &Target,
    evidence: &Evidence,
    request: &Request,
) {
    let name = format!("{} {}", request.method, request.path);
    let (tricks, all) = most_telling(check, tricks_of(target, evidence, request));
    if tricks.is_empty() {
        verdict.not_seen(Unseen::NotComparable(format!(
            "{name}, which stands for what denies like it, shows no content by which a trick of path or header could be told: \
             name an endpoint that can be read, or allow `writes`"
        )));
        return;
    }
    let Ok(control) = evidence.of(&endpoint::valid(request)) else { return };
    let beside = beside(target, evidence, request);
    let made_up = endpoint::made_up(evidence, request);
    let tried = tricks.len();
    let mut kept_out = 0;
    for trick in &tricks {
        let answer = match evidence.of(&trick.request) {
            Ok(answer) => answer,
            Err(unseen) => {
                verdict.not_seen(unseen);
                continue;
            }
        };
        let look = look(trick, answer, control);
        let other = match &look {
            Look::Nothing(unseen) => {
                verdict.not_seen(unseen.clone());
                continue;
            }
            Look::KeptOut => {
                kept_out += 1;
                continue;
            }
            Look::Admitted if trick.is_plain() => None,
            Look::Other if trick.is_path() => Some(&made_up),
            Look::Admitted | Look::Other => twin(&beside, trick),
        };
        let nowhere = match other.map(|other| evidence.of(other)).transpose() {
            Ok(nowhere) => nowhere,
            Err(unseen) => {
                verdict.not_seen(unseen);
                continue;
            }
        };
        // A page for everything, or a parser before every route.
        let is_everywhere =
            |nowhere: &Exchange| nowhere.status == answer.status && (trick.is_bodiless() || alike(nowhere, answer));
        if nowhere.is_some_and(is_everywhere) {
            kept_out += 1;
            continue;
        }
        let admitted = matches!(look, Look::Admitted)
            || (nowhere.is_none_or(|nowhere| Says::of(nowhere) != Says::Served)
                && variation::is_of_volatile(evidence, request, answer));
        if admitted {
            let what = match Says::of(answer) {
                Says::Served => format!("{name} is served without a credential to {}", trick.what),
                _ => format!(
                    "{name} reads its input without a credential, answering {}, to {}",
                    answer.status, trick.what
                ),
            };
            verdict.finds(Finding::new(what, place(target, &request.path)).aspect(trick.aspect));
        } else {
            verdict.not_seen(Unseen::NotComparable(format!(
                "{name} is answered {} without a credential to {}, with another body than the valid token gets",
                answer.status, trick.what
            )));
        }
    }
    verdict.holds(format!("{}: {kept_out} of {tried} tricks of path and header let nobody in", request.path));
    if tried < all {
        verdict.not_seen(Unseen::Partial(format!(
            "{}: {tried} of {all} tricks of path and header were tried (`max-tricks`)",
            request.path
        )));
    }
}

/// What the answer to a trick looks like beside what the valid token gets.
enum Look {
    Admitted,
    /// Something was served, and it is something else.
    Other,
    KeptOut,
    Nothing(Unseen),
}

fn look(trick: &Trick, answer: &Exchange, control: &Exchange) -> Look {
    match Says::of(answer) {
        Says::Nothing(unseen) => Look::Nothing(unseen),
        // An answer to HEAD has no body to tell by (RFC 9110 section 9.3.2).
        Says::Served if trick.is_bodiless() && answer.status == control.status => Look::Admitted,
        Says::Served if trick.is_bodiless() => Look::Other,
        Says::Served if Says::of(control) == Says::Served && alike(answer, control) => Look::Admitted,
        // What OPTIONS is for (RFC 9110 section 9.3.7): which methods there are, or nothing.
        Says::Served
            if trick.request.method == "OPTIONS" && (answer.body.length == 0 || answer.header("allow").is_some()) =>
        {
            Look::KeptOut
        }
        Says::Served => Look::Other,
        // The body was refused as that of the valid token is: the guard was passed.
        Says::Rejected if answer.status == control.status && control.body.length > 0 && alike(answer, control) => {
            Look::Admitted
        }
        // Without a body, or with another one, it may be whoever refuses paths of this form.
        Says::Rejected if answer.status == control.status && !trick.is_path() => Look::Other,
        // The protocol was changed; whether a credential is asked for within it is not told.
        Says::Broken if answer.status == 101 => Look::Other,
        Says::Denied | Says::Hidden | Says::Rejected | Says::Elsewhere | Says::Broken => Look::KeptOut,
    }
}

/// The tricks for an endpoint whose content tells who is let in: what can be read, and what reads a body.
fn tricks_of(target: &Target, evidence: &Evidence, request: &Request) -> Vec<Trick> {
    let says = evidence.of(&endpoint::valid(request)).ok().map(Says::of);
    let telling = match request.method.as_str() {
        "GET" => says == Some(Says::Served),
        "POST" | "PUT" | "PATCH" => matches!(says, Some(Says::Served | Says::Rejected)),
        _ => false,
    };
    if telling { tricks(target, request) } else { Vec::new() }
}

/// The same tricks on a path that no route has.
fn beside(target: &Target, evidence: &Evidence, request: &Request) -> Vec<Trick> {
    tricks(target, &endpoint::made_up(evidence, request))
}

fn twin<'a>(beside: &'a [Trick], trick: &Trick) -> Option<&'a Request> {
    beside.iter().find(|other| other.aspect == trick.aspect).map(|other| &other.request)
}

/// The first `max-tricks` of them by yield, and how many there are.
fn most_telling(check: &AuthEnforced, mut tricks: Vec<Trick>) -> (Vec<Trick>, usize) {
    let all = tricks.len();
    tricks.sort_by_key(Trick::rank);
    tricks.truncate(usize::try_from(check.max_tricks).unwrap_or(usize::MAX));
    (tricks, all)
}

/// The opening of an MCP server without a credential, by every trick.
pub(super) fn at_server(
    check: &AuthEnforced,
    target: &Target,
    path: &str,
    era: EraAsked,
) -> impl Iterator<Item = Request> {
    most_telling(check, of_opening(target, path, era)).0.into_iter().map(|trick| trick.request)
}

pub(super) fn judge_server(
    verdict: &mut Verdict,
    check: &AuthEnforced,
    target: &Target,
    evidence: &Evidence,
    path: &str,
    era: EraAsked,
) {
    let (tricks, all) = most_telling(check, of_opening(target, path, era));
    let tried = tricks.len();
    let mut kept_out = 0;
    for trick in &tricks {
        match evidence.of(&trick.request) {
            Err(unseen) => verdict.not_seen(unseen),
            Ok(answer) => match Says::of(answer) {
                Says::Nothing(unseen) => verdict.not_seen(unseen),
                Says::Served if opens(answer) => {
                    let what = format!("the MCP server opens without a credential to {}", trick.what);
                    verdict.finds(Finding::new(what, place(target, path)).aspect(trick.aspect));
                }
                Says::Served | Says::Denied | Says::Hidden | Says::Rejected | Says::Elsewhere | Says::Broken => {
                    kept_out += 1;
                }
            },
        }
    }
    verdict.holds(format!("MCP {path}: {kept_out} of {tried} tricks of path and header opened nothing"));
    if tried < all {
        verdict.not_seen(Unseen::Partial(format!(
            "MCP {path}: {tried} of {all} tricks of path and header were tried (`max-tricks`)"
        )));
    }
}

/// The tricks of path and header: no other method opens anything.
fn of_opening(target: &Target, path: &str, era: EraAsked) -> Vec<Trick> {
    let mut tricks = tricks(target, &opening(path, era));
    tricks.retain(|trick| !trick.is_of_method() && !trick.is_of_caller());
    tricks
}

/// A JSON-RPC result, as a document or in a stream; or the stream of HTTP+SSE itself.
fn opens(answer: &Exchange) -> bool {
    answer.body.text.starts_with("event: endpoint")
        || answer.body.text.contains("\"jsonrpc\"") && answer.body.text.contains("\"result\"")
}

/// The opening of the era as one plain request.
fn opening(path: &str, era: EraAsked) -> Request {
    const MODERN: &str = "2026-07-28";
    let client = json!({"name": "watertight", "version": "1"});
    let request = Request::new("POST", path).header("Accept", "application/json, text/event-stream");
    let message = |method: &str, params: serde_json::Value| {
        json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
    };
    match era {
        EraAsked::Modern | EraAsked::Any => {
            let meta = json!({
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientInfo": client,
                "io.modelcontextprotocol/clientCapabilities": {},
            });
            let headed = request.header("MCP-Protocol-Version", MODERN).header("Mcp-Method", "server/discover");
            headed.json(message("server/discover", json!({"_meta": meta})))
        }
        EraAsked::Legacy => {
            let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
            request.json(message("initialize", params))
        }
        // Where it is opened it has no end, and runs out of time: unseen, and no pass.
        EraAsked::Sse => Request::get(path).header("Accept", "text/event-stream"),
    }
}
