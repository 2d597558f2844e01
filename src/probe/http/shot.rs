//! Which request measures an endpoint: cheap, understood by the service, and without effect.

use super::burst::{Gunner, Shot};
use super::client::Route;
use crate::evidence::Unseen;
use crate::evidence::http::{Credential, Request};
use crate::evidence::limit::Subject;

/// The request for the burst, and its description. Where only a path is declared, the first that the service
/// understands: a plain GET, else the openings of both MCP eras.
pub(super) async fn choose(
    gunner: &Gunner<'_>,
    subject: &Subject,
    credential: &Credential,
) -> Result<(Request, String), Unseen> {
    if subject.named {
        let (request, in_words, _) = sibling(subject, credential);
        return Ok((request, in_words));
    }
    let get = Request::get(&subject.path).with(credential.clone());
    let candidates = [
        (get.clone(), format!("GET {}", subject.path)),
        (discover(&subject.path).with(credential.clone()), format!("server/discover on {}", subject.path)),
        (initialize(&subject.path).with(credential.clone()), format!("initialize on {}", subject.path)),
    ];
    for (request, in_words) in candidates {
        match gunner.shoot(&request, Route::FRESH).await {
            Ok(Shot::Served(exchange)) => {
                let streams = exchange.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
                let understood = if request.method == "GET" {
                    !streams
                } else {
                    exchange.body.text.contains("\"jsonrpc\"") && exchange.body.text.contains("\"result\"")
                };
                if exchange.is_success() && understood {
                    return Ok((request, in_words));
                }
            }
            Ok(Shot::Refused(exchange)) => {
                return Err(Unseen::Limited(format!(
                    "{} was refused with {} before any burst began",
                    subject.path, exchange.status
                )));
            }
            // A stream that does not end is no answer, but the next candidate may have one.
            Err(Unseen::TimedOut(_)) => {}
            Err(unseen) => return Err(unseen),
        }
    }
    Ok((get, format!("GET {}", subject.path)))
}

/// The one request that shows whether an endpoint shares the count of another; true where it stands in for one that
/// would have an effect and is never sent.
pub(super) fn sibling(subject: &Subject, credential: &Credential) -> (Request, String, bool) {
    let path = &subject.path;
    if !subject.named {
        // A GET has no effect; where the endpoint speaks MCP it is refused or not before the method matters.
        return (Request::get(path).with(credential.clone()), format!("GET {path}"), false);
    }
    match subject.method.as_str() {
        "GET" | "HEAD" | "OPTIONS" => {
            let request = Request::new(&subject.method, path).with(credential.clone());
            (request, subject.to_string(), false)
        }
        // A body that cannot be valid JSON cannot be carried out.
        "POST" | "PUT" | "PATCH" => {
            let request = Request::new(&subject.method, path).with(credential.clone()).json("{");
            (request, format!("{subject} with a body that is no JSON"), false)
        }
        _ => (Request::get(path).with(credential.clone()), format!("GET {path} in place of {subject}"), true),
    }
}

/// The opening of the protocol version 2026-07-28.
fn discover(path: &str) -> Request {
    let body = serde_json::json!({
        "jsonrpc": "2.0", "id": 1, "method": "server/discover",
        "params": { "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "watertight", "version": env!("CARGO_PKG_VERSION") },
            "io.modelcontextprotocol/clientCapabilities": {},
        }},
    });
    Request::new("POST", path)
        .header("Accept", "application/json, text/event-stream")
        .header("MCP-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", "server/discover")
        .json(body.to_string())
}

/// The opening of the earlier versions.
fn initialize(path: &str) -> Request {
    let body = serde_json::json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": { "name": "watertight", "version": env!("CARGO_PKG_VERSION") },
        },
    });
    Request::new("POST", path).header("Accept", "application/json, text/event-stream").json(body.to_string())
}
