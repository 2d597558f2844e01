//! The embedded deployment's service: limit, gate, authenticate, validate, answer, log; in that order.

mod activity;
mod answer;
mod api;
pub(super) mod limiter;
pub(super) mod listen;
mod mcp;
pub(super) mod model;
pub(super) mod observe;
mod openapi;
pub(super) mod plain;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};

use serde_json::Value;

use super::fault::{Fault, Faults};
use crate::probe::mcp::tool_hash;
use crate::probe::secret::Secret;
use activity::{Activity, Entry};
use answer::Answer;
use limiter::{LIMIT, Limiter};

/// The one origin whose pages may call the API.
pub(super) const ORIGIN: &str = "https://app.example.test";

/// Bytes of a body at most.
const BODY: usize = 64 * 1024;

/// The service, shared by its listeners.
pub(super) struct Site {
    faults: Faults,
    token: Secret,
    /// `https://host:port`
    pub(super) origin: String,
    limiter: Limiter,
    activity: Activity,
    sessions: mcp::Sessions,
    items: api::Items,
    requests: AtomicU32,
    security_txt: String,
}

/// What the service is made of.
pub(super) struct Making<'a> {
    pub(super) faults: Faults,
    pub(super) token: Secret,
    pub(super) origin: String,
    pub(super) log: &'a Path,
    pub(super) security_txt: String,
}

/// A request, read in full.
pub(super) struct Received {
    method: String,
    path: String,
    query: Option<String>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Received {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn parameter(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_deref().unwrap_or_default().as_bytes())
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    }
}

impl Site {
    pub(super) fn new(making: Making<'_>) -> anyhow::Result<Self> {
        let Making { faults, token, origin, log, security_txt } = making;
        Ok(Self {
            limiter: Limiter::of(if faults.has(Fault::LimitDoubled) { 2 * LIMIT } else { LIMIT }),
            activity: Activity::new(log, &faults)?,
            sessions: mcp::Sessions::default(),
            items: api::Items::stocked(),
            requests: AtomicU32::new(0),
            faults,
            token,
            origin,
            security_txt,
        })
    }

    /// Answers one request of `peer`.
    pub(super) async fn serve(self: Arc<Self>, peer: SocketAddr, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let headers = parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let body = axum::body::to_bytes(body, BODY).await;
        let received = Received {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            headers,
            body: body.as_ref().map(|body| body.to_vec()).unwrap_or_default(),
        };
        let caller = peer.ip();
        let answer = match self.limited(&received, caller) {
            Some(answer) => answer,
            None if body.is_err() => Answer::failure(413, "too_large", "The body is too large.").outcome("invalid"),
            None => self.answer(&received),
        };
        self.log(&received, caller, &answer);
        self.dress(&received, answer).into_response()
    }

    fn limited(&self, received: &Received, caller: IpAddr) -> Option<Answer> {
        let faults = &self.faults;
        if faults.has(Fault::AlwaysLimited) {
            return Some(refused_by_limiter(429, Duration::from_mins(1)));
        }
        let exempt = faults.has(Fault::LimiterOff)
            || (faults.has(Fault::LimiterSkipsOne) && received.path == "/api/status")
            || (faults.has(Fault::LimiterSkipsMcp) && received.path == "/mcp")
            || (faults.has(Fault::LimiterSkipsAnonymous) && received.header("authorization").is_none());
        if exempt {
            return None;
        }
        let mut client = caller.to_string();
        if faults.has(Fault::LimiterTrustsForwardedFor)
            && let Some(forwarded) = received.header("x-forwarded-for")
        {
            forwarded.clone_into(&mut client);
        }
        let status = if faults.has(Fault::LimiterSays503) { 503 } else { 429 };
        self.limiter.count(&client).err().map(|left| refused_by_limiter(status, left))
    }

    fn answer(&self, received: &Received) -> Answer {
        let faults = &self.faults;
        if faults.has(Fault::AlwaysDenied) {
            return Answer::denied();
        }
        if faults.has(Fault::AlwaysWelcome) {
            return Answer::json(200, &serde_json::json!({ "status": "ok" }));
        }
        if faults.has(Fault::FirewallPage) {
            return Answer::text(403, "<html><title>Attention Required! | Cloudflare</title></html>")
                .header("server", "cloudflare")
                .header("cf-ray", "8a1b2c3d4e5f6789-FRA");
        }
        if received.method == "OPTIONS" && received.header("access-control-request-method").is_some() {
            return Answer::empty(204);
        }
        match received.path.as_str() {
            "/health" => return Answer::json(200, &serde_json::json!({ "status": "ok" })),
            "/.well-known/security.txt" => {
                return Answer::text(200, self.security_txt.clone());
            }
            // A page that another site controls must not reach a server on the user's machine (DNS rebinding); the
            // specification of MCP asks for 403, whatever the token.
            "/mcp" if !faults.has(Fault::McpOriginUnchecked) => {
                if let Some(origin) = received.header("origin")
                    && origin != ORIGIN
                {
                    return Answer::failure(403, "forbidden", "This origin is not allowed.").outcome("denied");
                }
            }
            _ => {}
        }
        if faults.has(Fault::RouteForgotten) && received.path == "/debug/state" {
            return Answer::json(200, &serde_json::json!({ "sessions": 3, "queue": [] }));
        }
        if !self.admits(received) {
            return match received.path.as_str() {
                _ if faults.has(Fault::RefusalRedirects) => {
                    Answer::empty(302).header("location", "/login").outcome("denied")
                }
                "/api/status" if faults.has(Fault::RefusalHoldsContent) => {
                    Answer::json(401, &serde_json::json!({ "status": "ok" })).outcome("denied")
                }
                _ => Answer::denied(),
            };
        }
        let received = &normalised(faults, received);
        if received.path == "/mcp" {
            mcp::answer(faults, &self.sessions, received)
        } else {
            api::answer(faults, &self.items, received)
        }
    }

    /// Whether the request carries the token, as a bearer token and nowhere else.
    fn admits(&self, received: &Received) -> bool {
        let faults = &self.faults;
        let mut given = received.headers.iter().filter(|(name, _)| name == "authorization");
        let authorization = given.next().map(|(_, value)| value.as_str());
        let repeated = given.next().is_some();
        let open = faults.has(Fault::AuthOff)
            || (faults.has(Fault::EndpointOpen) && received.path == "/api/status")
            || (faults.has(Fault::OverrideHeaderOpens) && received.header("x-original-url").is_some())
            || (faults.has(Fault::SlashesOpen) && received.path.starts_with("//"))
            || (received.path == "/mcp" && mcp::is_open_by_fault(faults, received, &self.sessions));
        if open {
            return true;
        }
        if faults.has(Fault::TokenInQueryAccepted)
            && let Some(token) = received.parameter("access_token")
        {
            return self.is_token(&token);
        }
        if faults.has(Fault::TokenInCookieAccepted)
            && let Some(cookie) = received.header("cookie")
        {
            return cookie
                .split(';')
                .filter_map(|pair| pair.trim().split_once('='))
                .any(|(_, value)| self.is_token(value));
        }
        let Some((scheme, token)) = authorization.and_then(|value| value.split_once(' ')) else { return false };
        let token = token.trim_matches(' ');
        if faults.has(Fault::AnyTokenAccepted) && scheme.eq_ignore_ascii_case("bearer") {
            return !token.is_empty();
        }
        if faults.has(Fault::HalfTokenAccepted) && token.len() >= 16 && self.token.expose().starts_with(token) {
            return true;
        }
        scheme.eq_ignore_ascii_case("bearer") && !repeated && self.is_token(token)
    }

    /// Compares digests, so that the time taken tells nothing of the token.
    fn is_token(&self, given: &str) -> bool {
        use sha2::{Digest as _, Sha256};
        Sha256::digest(given.as_bytes()) == Sha256::digest(self.token.expose().as_bytes())
    }

    fn log(&self, received: &Received, caller: IpAddr, answer: &Answer) {
        let faults = &self.faults;
        let count = self.requests.fetch_add(1, Ordering::Relaxed);
        let short = |text: &str| text.chars().take(200).collect::<String>();
        let named = received.header("x-request-id").map_or_else(|| format!("{count:08}"), short);
        self.activity.record(&Entry {
            address: if faults.has(Fault::LogAddressless) { String::new() } else { caller.to_string() },
            method: received.method.clone(),
            path: short(&received.path),
            tool: answer.tool.clone(),
            outcome: answer.outcome,
            status: answer.status,
            user_agent: received.header("user-agent").map(short).unwrap_or_default(),
            client: answer.client.clone(),
            request_id: named,
            authorization: faults
                .has(Fault::LogHoldsToken)
                .then(|| received.header("authorization").map(str::to_owned))
                .flatten(),
        });
    }

    /// The headers that every answer carries.
    fn dress(&self, received: &Received, mut answer: Answer) -> Answer {
        let faults = &self.faults;
        let mut add = |name: &'static str, value: &str| answer.headers.push((name, value.to_owned()));
        // RFC 6797: two years.
        add("strict-transport-security", "max-age=63072000; includeSubDomains");
        add("x-content-type-options", "nosniff");
        if faults.has(Fault::CorsWithoutVary) {
            add("cache-control", "public, max-age=600");
        } else {
            add("cache-control", "no-store");
            add("vary", "Origin");
        }
        if let Some(granted) = self.grants(received, answer.status) {
            answer.headers.push(("access-control-allow-origin", granted));
            if received.method == "OPTIONS" {
                answer.headers.push(("access-control-allow-methods", "GET, POST, DELETE".into()));
                let allowed = "Authorization, Content-Type, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name";
                answer.headers.push(("access-control-allow-headers", allowed.into()));
                answer.headers.push(("access-control-max-age", "600".into()));
            }
        }
        answer
    }

    /// The origin that CORS grants to this request.
    fn grants(&self, received: &Received, status: u16) -> Option<String> {
        let faults = &self.faults;
        if faults.has(Fault::CorsWildcard) {
            return Some("*".into());
        }
        let origin = received.header("origin")?;
        let granted = origin == ORIGIN
            || faults.has(Fault::CorsReflects)
            || (faults.has(Fault::CorsReflectsOnErrors) && status >= 400)
            || (faults.has(Fault::CorsGrantsLocal) && origin.starts_with("http://localhost:"))
            || (faults.has(Fault::CorsGrantsNull) && origin == "null")
            || (faults.has(Fault::CorsGrantsPrefix) && origin.starts_with(ORIGIN))
            || (faults.has(Fault::CorsGrantsSuffix) && origin.ends_with("example.test"))
            || (faults.has(Fault::CorsGrantsPlainTwin) && origin == ORIGIN.replacen("https", "http", 1));
        granted.then(|| origin.to_owned())
    }

    pub(super) fn denials(&self) -> u64 {
        if self.faults.has(Fault::CounterStuck) { 0 } else { self.activity.denied.load(Ordering::Relaxed) }
    }

    pub(super) fn served(&self) -> u64 {
        self.activity.served.load(Ordering::Relaxed)
    }
}

/// SHA-256 of description and schema of the sound tools, by name: what the policy pins.
pub(super) fn tool_pins() -> BTreeMap<String, String> {
    let text = |tool: &Value, key: &str| tool.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    mcp::tools(&Faults::default())
        .iter()
        .map(|tool| {
            let schema = tool.get("inputSchema").unwrap_or(&Value::Null);
            (text(tool, "name"), tool_hash(&text(tool, "description"), schema))
        })
        .collect()
}

/// What a sloppy proxy makes of the path before the service sees it; a sound one leaves it alone.
fn normalised(faults: &Faults, received: &Received) -> Received {
    let mut path = received.path.clone();
    if faults.has(Fault::SlashesOpen) {
        path = format!("/{}", path.trim_start_matches('/'));
    }
    if faults.has(Fault::OverrideHeaderOpens)
        && let Some(original) = received.header("x-original-url")
        && original.starts_with('/')
    {
        original.clone_into(&mut path);
    }
    Received {
        method: received.method.clone(),
        path,
        query: received.query.clone(),
        headers: received.headers.clone(),
        body: received.body.clone(),
    }
}

fn refused_by_limiter(status: u16, left: Duration) -> Answer {
    // Whole seconds, rounded up: who comes back after them is served.
    let seconds = left.as_millis().div_ceil(1000).max(1);
    Answer::failure(status, "too_many_requests", "Too many requests.")
        .header("retry-after", seconds.to_string())
        .outcome("limited")
}
