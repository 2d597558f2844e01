use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Response, Uri};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::*;
use crate::evidence::mcp::{Outcome, Session};
use crate::evidence::{Answer as Given, Run, Seen};
use crate::probe::secret::{Secret, Vault};
use crate::target::{Deployment, Environment, Limits, Scope, Token, TokenSource, Writes};

const TOKEN: &str = "token-of-the-test-which-is-long-enough";

/// One request as the test's server got it.
#[derive(Clone)]
struct Got {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Value,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn is_admitted(&self) -> bool {
        self.header("authorization") == Some(&format!("Bearer {TOKEN}"))
    }

    fn rpc(&self) -> &str {
        self.body["method"].as_str().unwrap_or_default()
    }

    fn result(&self, result: Value) -> Value {
        let mut answer = json!({ "jsonrpc": "2.0", "id": self.body["id"] });
        answer["result"] = result;
        answer
    }
}

type Log = Arc<Mutex<Vec<String>>>;

async fn serve(respond: impl Fn(Got) -> Response<Body> + Clone + Send + Sync + 'static) -> (Target, Log) {
    let log = Log::default();
    let seen = log.clone();
    let router = Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
        let got = Got { method, uri, headers, body: serde_json::from_slice(&body).unwrap_or_default() };
        seen.lock().unwrap().push(format!("{} {}", got.method, got.rpc()).trim().to_owned());
        let response = respond(got);
        async move { response }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (target(&format!("http://{address}")), log)
}

fn target(url: &str) -> Target {
    Target {
        name: "test".into(),
        environment: Environment::Production,
        scope: Scope::Both,
        repository: None,
        checks: BTreeMap::new(),
        deployment: Some(Deployment {
            url: url.parse().unwrap(),
            plain: None,
            authorised: None,
            endpoints: Vec::new(),
            openapi: None,
            token: Some(Token { source: TokenSource::Demo, header: "Authorization".into(), disposable: true }),
            client_cert: None,
            headers: BTreeMap::new(),
            proxy: None,
            resolve: BTreeMap::new(),
            origins: None,
            hosts: Vec::new(),
            tools: None,
            ca: None,
            system_roots: false,
            pins: Vec::new(),
            logs: Vec::new(),
            monitoring: None,
            writes: Writes::Deny,
            limits: Limits::default(),
            never: Vec::new(),
            costly: Vec::new(),
            exempt: None,
        }),
    }
}

async fn ask(target: &Target, asked: Conversation) -> Result<Transcript, Unseen> {
    let run = Run {
        id: "run".into(),
        seed: 7,
        taken_at: chrono::DateTime::UNIX_EPOCH,
        finished: chrono::DateTime::UNIX_EPOCH,
        complete: true,
        scheduled: false,
        vantage: String::new(),
        authorised: None,
    };
    let vault = Vault::default();
    vault.set_token("test", Secret::new(TOKEN.into()));
    let (_stopping, stop) = watch::channel(false);
    let world = World::new(run, vault, Duration::from_secs(30), stop);
    let mut answers: BTreeMap<Ask, Given> = BTreeMap::new();
    let ask = Ask::from(asked);
    world.answer(target, [ask.clone()].into(), &mut answers).await;
    match answers.remove(&ask).unwrap()? {
        Seen::Mcp(transcript) => Ok(transcript),
        other => panic!("{other:?}"),
    }
}

fn standard(target: &Target) -> Conversation {
    Conversation::standard(target, "/mcp")
}

fn respond(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}

fn as_json(value: &Value) -> Response<Body> {
    respond(200, &[("content-type", "application/json")], value.to_string())
}

/// An event stream that stays open behind what it said.
fn as_stream(session: &str, value: &Value) -> Response<Body> {
    let note = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": {} });
    let said = format!(": ping\n\nevent: message\ndata: {note}\n\ndata: {value}\n\n");
    let open = futures_util::stream::iter([Ok::<_, Infallible>(said)]).chain(futures_util::stream::pending());
    respond(200, &[("content-type", "text/event-stream"), ("mcp-session-id", session)], Body::from_stream(open))
}

const SESSION_ID: &str = "5e551011-0000-4000-8000-0123456789ab";

/// A server of the older era with sessions; `guard` says whether a request is let in.
fn legacy_server(got: &Got, streams: bool, guard: impl Fn(&Got) -> bool) -> Response<Body> {
    if !guard(got) {
        return respond(401, &[("www-authenticate", "Bearer")], "");
    }
    let answer = match got.rpc() {
        "initialize" => got.result(json!({
            "protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": { "name": "older", "version": "1.2" }
        })),
        "notifications/initialized" => return respond(202, &[], ""),
        _ if got.header("mcp-session-id") != Some(SESSION_ID) => {
            return respond(400, &[], r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no session"}}"#);
        }
        "tools/list" if got.body["params"]["cursor"].is_null() => got.result(json!({
            "tools": [{ "name": "add", "description": format!("adds; {TOKEN}"), "inputSchema": { "type": "object" } }],
            "nextCursor": "2",
        })),
        "tools/list" => got.result(json!({ "tools": [{ "name": "sub", "inputSchema": {} }] })),
        "tools/call" => got.result(json!({ "isError": true, "content": [{ "type": "text", "text": "unknown tool" }] })),
        _ => return respond(200, &[], ""),
    };
    if streams {
        as_stream(SESSION_ID, &answer)
    } else {
        respond(200, &[("mcp-session-id", SESSION_ID)], answer.to_string())
    }
}

fn modern_server(got: &Got) -> Response<Body> {
    if !got.is_admitted() {
        return respond(401, &[], "");
    }
    let meta = &got.body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"];
    let named = got.header("mcp-method") == Some(got.rpc())
        && got.header("mcp-protocol-version") == Some("2026-07-28")
        && meta == "2026-07-28";
    if !named {
        let error =
            json!({ "jsonrpc": "2.0", "id": got.body["id"], "error": { "code": -32020, "message": "mismatch" } });
        return respond(400, &[], error.to_string());
    }
    match got.rpc() {
        "server/discover" => as_json(&got.result(json!({
            "supportedVersions": ["2026-07-28"], "resultType": "complete",
            "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "newer", "version": "2" } },
        }))),
        "tools/list" => as_json(&got.result(json!({ "tools": [] }))),
        "tools/call" if got.header("mcp-name") == Some("nothing") => as_json(&json!({
            "jsonrpc": "2.0", "id": got.body["id"], "error": { "code": -32602, "message": "Unknown tool: nothing" },
        })),
        _ => respond(404, &[], ""),
    }
}

fn nothing() -> Step {
    Step::Call { tool: "nothing".into(), arguments: "{}".into() }
}

#[tokio::test]
async fn an_older_server_is_opened_listed_and_closed() {
    for streams in [false, true] {
        let (target, log) = serve(move |got| legacy_server(&got, streams, Got::is_admitted)).await;
        let began = std::time::Instant::now();
        let transcript = ask(&target, standard(&target).taking([Step::ListTools, nothing()])).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(3), "open streams must not hold it up");
        assert_eq!(transcript.era, Era::Legacy);
        assert!(transcript.session);
        assert_eq!(transcript.server.as_deref(), Some("older 1.2"));
        assert!(transcript.tools_complete);
        let names: Vec<&str> = transcript.tools.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, ["add", "sub"]);
        assert_eq!(transcript.tools.first().unwrap().description, "adds; [masked]");
        assert!(
            matches!(&transcript.calls.first().unwrap().outcome, Outcome::ToolError { text } if text == "unknown tool")
        );
        assert_eq!(transcript.unseen, []);
        assert_eq!(
            *log.lock().unwrap(),
            [
                "POST server/discover",
                "POST initialize",
                "POST notifications/initialized",
                "POST tools/list",
                "POST tools/list",
                "POST tools/call",
                "DELETE"
            ]
        );
        let recorded = serde_json::to_string(&transcript).unwrap();
        assert!(!recorded.contains(SESSION_ID), "{recorded}");
        assert!(!recorded.contains(TOKEN), "{recorded}");
        assert_eq!(serde_json::from_str::<Transcript>(&recorded).unwrap(), transcript);
    }
}

#[tokio::test]
async fn a_newer_server_needs_no_opening() {
    let (target, log) = serve(|got| modern_server(&got)).await;
    let transcript = ask(&target, standard(&target).taking([Step::ListTools, nothing()])).await.unwrap();
    assert_eq!(transcript.era, Era::Modern);
    assert_eq!(transcript.server.as_deref(), Some("newer 2"));
    assert!(transcript.tools_complete);
    assert!(matches!(transcript.calls.first().unwrap().outcome, Outcome::RpcError { code: -32602, .. }));
    assert_eq!(*log.lock().unwrap(), ["POST server/discover", "POST tools/list", "POST tools/call"]);
}

#[tokio::test]
async fn a_refusal_tells_no_era_and_steps_go_out_only_when_told_to() {
    let (target, log) = serve(|got| modern_server(&got)).await;
    let bare = standard(&target).with(Credential::None);
    let transcript = ask(&target, bare.clone()).await.unwrap();
    assert_eq!(transcript.era, Era::Denied);
    assert!(transcript.listing.is_none());
    assert_eq!(*log.lock().unwrap(), ["POST server/discover", "POST initialize"]);
    let regardless = ask(&target, bare.in_era(EraAsked::Modern).in_session(Session::Regardless)).await.unwrap();
    assert_eq!(regardless.listing.unwrap().exchange.status, 401);
}

#[tokio::test]
async fn a_stolen_session_shows_whether_the_token_is_asked_for_each_time() {
    let guards_opening_only = |got: &Got| got.rpc() != "initialize" || got.is_admitted();
    let (careless, log) = serve(move |got| legacy_server(&got, false, guards_opening_only)).await;
    let stolen = standard(&careless).with(Credential::None).in_era(EraAsked::Legacy).in_session(Session::Stolen);
    let transcript = ask(&careless, stolen.clone()).await.unwrap();
    assert_eq!(transcript.era, Era::Legacy);
    assert_eq!(transcript.listing.unwrap().outcome, Outcome::Result);
    assert_eq!(log.lock().unwrap().last().map(String::as_str), Some("DELETE"));
    let (careful, _) = serve(move |got| legacy_server(&got, false, Got::is_admitted)).await;
    assert_eq!(ask(&careful, stolen.clone()).await.unwrap().listing.unwrap().exchange.status, 401);
    let forged = ask(&careful, stolen.in_session(Session::Forged)).await.unwrap();
    assert_eq!(forged.era, Era::Denied);
}

/// HTTP+SSE: the GET names the endpoint, answers to posts come over it.
async fn stream_server(guarded: bool, other_origin: bool) -> (Target, Log) {
    let open: Arc<Mutex<Option<mpsc::UnboundedSender<String>>>> = Arc::default();
    serve(move |got| {
        if guarded && !got.is_admitted() {
            return respond(401, &[], "");
        }
        match (got.method.as_str(), got.uri.path()) {
            ("GET", "/mcp") => {
                let (said, saying) = mpsc::unbounded_channel();
                let origin = if other_origin { "http://127.0.0.9:1" } else { "" };
                said.send(format!("event: endpoint\ndata: {origin}/messages?sessionId={SESSION_ID}\n\n")).unwrap();
                *open.lock().unwrap() = Some(said);
                let stream = futures_util::stream::unfold(saying, |mut saying| async {
                    saying.recv().await.map(|text| (Ok::<_, Infallible>(text), saying))
                });
                respond(200, &[("content-type", "text/event-stream")], Body::from_stream(stream))
            }
            ("POST", "/messages") => {
                let answer = match got.rpc() {
                    "initialize" => got.result(json!({ "protocolVersion": "2024-11-05", "capabilities": {} })),
                    "tools/list" => got.result(json!({ "tools": [{ "name": "add", "inputSchema": {} }] })),
                    _ => return respond(202, &[], "Accepted"),
                };
                let said = open.lock().unwrap();
                said.as_ref().unwrap().send(format!("event: message\ndata: {answer}\n\n")).unwrap();
                respond(202, &[], "Accepted")
            }
            _ => respond(404, &[], "Cannot POST /mcp"),
        }
    })
    .await
}

#[tokio::test]
async fn the_oldest_transport_is_spoken_over_its_stream() {
    let (target, _) = stream_server(true, false).await;
    let transcript = ask(&target, standard(&target)).await.unwrap();
    assert_eq!(transcript.era, Era::Sse);
    assert!(transcript.tools_complete);
    assert_eq!(transcript.tools.len(), 1);
    let recorded = serde_json::to_string(&transcript).unwrap();
    assert!(!recorded.contains(SESSION_ID), "{recorded}");
    let stolen = standard(&target).with(Credential::None).in_era(EraAsked::Sse).in_session(Session::Stolen);
    assert_eq!(ask(&target, stolen.clone()).await.unwrap().listing.unwrap().exchange.status, 401);
    let refused = ask(&target, stolen.in_session(Session::Own)).await.unwrap();
    assert_eq!(refused.era, Era::Denied);
}

#[tokio::test]
async fn a_stream_may_not_send_the_token_elsewhere() {
    let (target, _) = stream_server(true, true).await;
    assert!(matches!(ask(&target, standard(&target)).await, Err(Unseen::Malformed(_))));
}

#[tokio::test]
async fn what_is_no_mcp_server_is_none() {
    for (status, kind, body) in [
        (200, "text/html", "<html>"),
        (200, "", "<html>"),
        (404, "", ""),
        (200, "application/json", r#"{"items":[]}"#),
        (200, "application/json", ""),
        (200, "text/event-stream", "data: {}\n\n"),
        (404, "application/json", r#"{"id":"#),
        (204, "", ""),
    ] {
        let (target, _) = serve(move |_| respond(status, &[("content-type", kind)], body)).await;
        let transcript = ask(&target, standard(&target)).await.unwrap();
        assert_eq!(transcript.era, Era::NotMcp, "{status} {kind} {body}");
        assert!(!transcript.tools_complete);
    }
}

#[tokio::test]
async fn what_should_be_a_message_and_cannot_be_read_tells_nothing() {
    for (kind, body) in [
        ("", &br#"{"id":"#[..]),
        ("application/json", b"<html>"),
        ("application/json; charset=utf-8", b"{\xa5\xa5"),
        ("text/event-stream", b"data: {\n\n"),
        ("", b"[[[["),
        ("", b"\xde\x87\xcf"),
    ] {
        let (target, _) = serve(move |_| respond(200, &[("content-type", kind)], body)).await;
        let seen = ask(&target, standard(&target)).await;
        assert!(matches!(seen, Err(Unseen::Malformed(_))), "{kind} {body:?}: {seen:?}");
    }
}

#[tokio::test]
async fn odd_listings_are_never_complete() {
    for result in
        [json!({}), json!({ "tools": 1 }), json!({ "tools": [{}] }), json!({ "tools": [], "nextCursor": "x" })]
    {
        let (target, _) =
            serve(
                move |got| {
                    if got.rpc() == "tools/list" { as_json(&got.result(result.clone())) } else { modern_server(&got) }
                },
            )
            .await;
        let transcript = ask(&target, standard(&target)).await.unwrap();
        assert!(!transcript.tools_complete);
        assert_eq!(transcript.unseen.len(), 1);
    }
}

#[tokio::test]
async fn a_refusal_by_the_limiter_is_no_answer() {
    let (target, log) = serve(|_| respond(429, &[], "")).await;
    assert!(matches!(ask(&target, standard(&target)).await, Err(Unseen::Limited(_))));
    assert!(log.lock().unwrap().len() <= 3);
}

#[tokio::test]
async fn a_server_that_hangs_is_no_answer() {
    let (target, _) = serve(|_| {
        let open = futures_util::stream::pending::<Result<String, Infallible>>();
        respond(200, &[("content-type", "text/event-stream")], Body::from_stream(open))
    })
    .await;
    let began = std::time::Instant::now();
    assert!(matches!(ask(&target, standard(&target)).await, Err(Unseen::TimedOut(_))));
    assert!(began.elapsed() < Duration::from_secs(25));
}
