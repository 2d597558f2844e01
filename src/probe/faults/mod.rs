//! A good conversation breaks at every byte, in every way: whatever comes of it, nothing is taken for seen that was not.

mod relay;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::http_rig::{judged, serve, target, world};
use crate::check::{Check, Status};
use crate::checks::agents::agent_capabilities::AgentCapabilities;
use crate::checks::tls::tls_version::TlsVersion;
use crate::evidence::http::{Exchange, Request};
use crate::evidence::mcp::{Conversation, Era, Transcript};
use crate::evidence::{Answer, Ask, Seen, Unseen};
use crate::target::{AllowedTool, Target};
use relay::{Break, Counted, Fault, Relay, in_virtual_time};

/// Conversations side by side: each holds a handful of connections.
const ABREAST: usize = 100;

/// Runs `talk` over the unbroken relay, then once for every byte and fault; hands every result to `right` with the whole.
async fn broken_everywhere<T: Send, F: Future<Output = T>>(
    name: &str,
    upstream: SocketAddr,
    counted: Counted,
    each: bool,
    talk: impl Fn(SocketAddr) -> F + Copy,
    right: impl Fn(&T, &T, Fault, usize) -> Result<(), String>,
) -> T {
    let whole = Relay::new(upstream, Break { fault: Fault::Cut, at: usize::MAX, counted, each: false }).await;
    let good = in_virtual_time(Duration::from_secs(2), talk(whole.address)).await;
    let sent = if each { &whole.sent.at_most_on_one } else { &whole.sent.in_all };
    let bytes = sent.load(Ordering::SeqCst);
    assert!(bytes > 0, "{name}: the server was sent nothing");
    let breaks = (0..bytes).flat_map(|at| Fault::ALL.map(|fault| Break { fault, at, counted, each }));
    let mut talks = stream::iter(breaks)
        .map(|broken| async move {
            let relay = Relay::new(upstream, broken).await;
            (broken, talk(relay.address).await)
        })
        .buffer_unordered(ABREAST);
    let mut count = BTreeMap::new();
    let wrong = in_virtual_time(Duration::from_millis(20), async {
        let mut wrong = Vec::new();
        while let Some((broken, came)) = talks.next().await {
            *count.entry(format!("{:?}", broken.fault)).or_insert(0) += 1;
            if let Err(why) = right(&came, &good, broken.fault, broken.at) {
                wrong.push(format!("{:?} at byte {} of {bytes}: {why}", broken.fault, broken.at));
            }
        }
        wrong
    })
    .await;
    println!("{name}: {bytes} bytes, broken at every one: {count:?}");
    assert!(
        wrong.is_empty(),
        "{name}: {} wrong, the first of them:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(8)].join("\n")
    );
    good
}

async fn answer(target: &Target, ask: Ask) -> Answer {
    let world = world(600);
    let mut answers = BTreeMap::new();
    world.answer(target, [ask.clone()].into(), &mut answers).await;
    answers.remove(&ask).unwrap()
}

const ITEMS: &str = r#"{"items":[{"id":1,"owner":"ada"}],"next":null}"#;

/// Answers whose end they tell themselves.
const WHOLE: [&str; 3] = [
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 46\r\nconnection: close\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n2e\r\n",
    "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
];

/// Bytes up to the end of the status.
const STATUS: usize = "HTTP/1.1 200".len() - 1;

fn whole(head: &str) -> String {
    match head {
        head if head.contains("chunked") => format!("{head}{ITEMS}\r\n0\r\n\r\n"),
        head if head.contains(": 0") => head.to_owned(),
        head => format!("{head}{ITEMS}"),
    }
}

fn same(one: &Exchange, other: &Exchange) -> bool {
    (one.status, &one.body, &one.headers) == (other.status, &other.body, &other.headers)
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_at_any_byte_is_no_answer() {
    for head in WHOLE {
        let upstream = serve(move |_| whole(head)).await;
        for exact in [false, true] {
            let talk = |address: SocketAddr| async move {
                let request = if exact { Request::get("/items").exact() } else { Request::get("/items") };
                match answer(&target(&format!("http://{address}"), &[]), request.into()).await {
                    Ok(Seen::Http(exchange)) => Ok(exchange),
                    Ok(other) => panic!("{other:?}"),
                    Err(unseen) => Err(unseen),
                }
            };
            let right = |came: &Result<Exchange, Unseen>, good: &Result<Exchange, Unseen>, fault, at| {
                let good = good.as_ref().map_err(|unseen| format!("the whole answer was unseen: {unseen}"))?;
                match came {
                    Err(_) => Ok(()),
                    Ok(came) if same(came, good) => Ok(()),
                    // Nothing tells that a byte is another; but the status must have come.
                    Ok(came) if fault == Fault::Garbage && came.status == good.status && at > STATUS => Ok(()),
                    Ok(came) => Err(format!("taken for whole: {} {:?}", came.status, came.body)),
                }
            };
            let name =
                format!("HTTP, {} bytes of head, {}", head.len(), if exact { "by hand" } else { "by the library" });
            broken_everywhere(&name, upstream, |_| true, false, talk, right).await.unwrap();
        }
    }
}

/// Two pages of tools; `last` is the one on the second.
fn mcp(body: &Value, last: &str) -> Option<Value> {
    let schema = json!({ "type": "object", "properties": { "a": { "type": "number" } } });
    let result = match body["method"].as_str()? {
        "initialize" => json!({
            "protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": { "name": "relayed", "version": "1" }
        }),
        "tools/list" if body["params"]["cursor"].is_null() => {
            json!({ "tools": [{ "name": "add", "description": "adds", "inputSchema": schema }], "nextCursor": "2" })
        }
        "tools/list" => json!({ "tools": [{ "name": last, "description": "runs it", "inputSchema": schema }] }),
        _ => return None,
    };
    Some(json!({ "jsonrpc": "2.0", "id": body["id"], "result": result }))
}

async fn mcp_server(last: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().fallback(move |body: axum::body::Bytes| async move {
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        match mcp(&body, last) {
            Some(answer) => axum::response::Response::builder()
                .header("content-type", "application/json")
                .body(axum::body::Body::from(answer.to_string())),
            None if body["id"].is_null() => {
                axum::response::Response::builder().status(202).body(axum::body::Body::empty())
            }
            None => axum::response::Response::builder().status(400).body(axum::body::Body::empty()),
        }
        .unwrap()
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn mcp_target(address: SocketAddr) -> Target {
    let mut target = target(&format!("http://{address}"), &["/mcp"]);
    let allowed = ["add", "sub"].map(|name| AllowedTool { name: name.into(), sha256: None });
    target.deployment.as_mut().unwrap().tools = Some(allowed.into());
    target
}

async fn transcript(address: SocketAddr) -> Result<Transcript, Unseen> {
    let target = mcp_target(address);
    match answer(&target, Conversation::standard(&target, "/mcp").into()).await? {
        Seen::Mcp(transcript) => Ok(transcript),
        other => panic!("{other:?}"),
    }
}

async fn status_of<C: Check + Default>(target: Target) -> (Status, String) {
    let verdict = judged(C::default(), &target, &world(600), Vec::new()).await.0;
    (verdict.status(), format!("{:?} {:?}", verdict.grounds(), verdict.unseen()))
}

#[tokio::test(start_paused = true)]
async fn a_conversation_over_mcp_that_breaks_at_any_byte_lists_nothing_that_was_not_listed() {
    let upstream = mcp_server("sub").await;
    let right = |came: &Result<Transcript, Unseen>, good: &Result<Transcript, Unseen>, fault, _| {
        let good = good.as_ref().map_err(|unseen| format!("the whole conversation was unseen: {unseen}"))?;
        let Ok(came) = came else { return Ok(()) };
        let same = |one: &Transcript, other: &Transcript| one.tools == other.tools;
        match came.era {
            Era::Denied => Err("a denial that nobody sent".into()),
            Era::NotMcp | Era::Modern | Era::Legacy | Era::Sse if !came.tools_complete || same(came, good) => Ok(()),
            // A letter that was garbled on the way is a letter of the name.
            Era::NotMcp | Era::Modern | Era::Legacy | Era::Sse if fault == Fault::Garbage => Ok(()),
            Era::NotMcp | Era::Modern | Era::Legacy | Era::Sse => Err(format!("other tools: {:?}", came.tools)),
        }
    };
    let good = broken_everywhere("MCP", upstream, |_| true, false, transcript, right).await.unwrap();
    assert_eq!(good.tools.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn no_tool_is_allowed_by_a_conversation_that_broke() {
    for (last, whole) in [("sub", Status::Pass), ("run_shell", Status::Fail)] {
        let upstream = mcp_server(last).await;
        let talk = |address: SocketAddr| status_of::<AgentCapabilities>(mcp_target(address));
        let right = |came: &(Status, String), _: &(Status, String), _, _| match came.0 {
            Status::Inconclusive => Ok(()),
            // What was garbled is another tool, and no allowed one.
            status if status == whole || status == Status::Fail => Ok(()),
            status => Err(format!("{status:?} on {}", came.1)),
        };
        let good =
            broken_everywhere(&format!("the tools, {last} the last"), upstream, |_| true, false, talk, right).await;
        assert_eq!(good.0, whole, "{}", good.1);
    }
}

/// Speaks TLS 1.2 and 1.3; and TLS 1.0 in clear up to the server's last word, where it is told to.
async fn tls_server(with_old: bool) -> SocketAddr {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".into()]).unwrap();
    let certificate = made.cert.der().to_vec();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone().into()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (acceptor, certificate) = (acceptor.clone(), certificate.clone());
            tokio::spawn(async move {
                let mut first = [0; 11];
                stream.peek(&mut first).await?;
                if with_old && first[9..] == [3, 1] {
                    stream.write_all(&old_flight(&certificate)).await?;
                    stream.read_to_end(&mut Vec::new()).await?;
                } else {
                    acceptor.accept(stream).await?;
                }
                Ok::<(), std::io::Error>(())
            });
        }
    });
    address
}

/// ServerHello, Certificate and ServerHelloDone of TLS 1.0 (RFC 2246 section 7.4), TLS_RSA_WITH_AES_128_CBC_SHA.
fn old_flight(certificate: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_be_bytes()[1..].to_vec();
    let message = |kind: u8, body: &[u8]| [vec![kind], length(body), body.to_vec()].concat();
    let hello = [&[3, 1][..], &[7; 32], &[0, 0, 0x2f, 0]].concat();
    let one = [length(certificate), certificate.to_vec()].concat();
    let chain = [length(&one), one].concat();
    let body = [message(2, &hello), message(11, &chain), message(14, &[])].concat();
    [vec![22, 3, 1], u16::try_from(body.len()).unwrap().to_be_bytes().to_vec(), body].concat()
}

/// Whether the hello offers TLS 1.3 (RFC 8446 section 4.2.1), which its own version does not tell.
fn offers_1_3(hello: &[u8]) -> bool {
    hello.windows(7).any(|bytes| bytes == [0, 0x2b, 0, 3, 2, 3, 4])
}

const HELLOS: [(&str, Counted); 3] = [
    ("TLS 1.0", |hello| hello.get(9..11) == Some(&[3, 1])),
    ("TLS 1.2", |hello| hello.get(9..11) == Some(&[3, 3]) && !offers_1_3(hello)),
    ("TLS 1.3", offers_1_3),
];

#[tokio::test(start_paused = true)]
async fn an_old_version_is_refused_only_by_a_refusal_that_came_whole() {
    hello_breaks(HELLOS[0], |fault, at| at >= ALERT || (fault == Fault::Cut && at == 0)).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "a minute and a half: tests/run --all"]
async fn a_new_version_whose_hello_breaks_is_no_fault_of_the_server() {
    for hello in &HELLOS[1..] {
        hello_breaks(*hello, |_, _| true).await;
    }
}

/// A sound server, one of whose hellos breaks: `may_pass` where the break leaves enough to pass on.
async fn hello_breaks((version, counted): (&str, Counted), may_pass: fn(Fault, usize) -> bool) {
    let upstream = tls_server(false).await;
    let right = |came: &(Status, String), _: &(Status, String), fault, at| match came.0 {
        Status::Inconclusive => Ok(()),
        // A close without a word is how many servers refuse an old version.
        Status::Pass if may_pass(fault, at) => Ok(()),
        status => Err(format!("{status:?} on {}", came.1)),
    };
    let good =
        broken_everywhere(&format!("TLS, the hello of {version}"), upstream, counted, true, versions, right).await;
    assert_eq!(good.0, Status::Pass, "{}", good.1);
}

#[tokio::test(start_paused = true)]
async fn an_old_version_that_is_spoken_is_never_refused() {
    let upstream = tls_server(true).await;
    let right = |came: &(Status, String), _: &(Status, String), fault, at| match came.0 {
        Status::Inconclusive | Status::Fail => Ok(()),
        Status::Pass if fault == Fault::Cut && at == 0 => Ok(()),
        status => Err(format!("{status:?} on {}", came.1)),
    };
    let good = broken_everywhere("TLS, 1.0 spoken", upstream, HELLOS[0].1, true, versions, right).await;
    assert_eq!(good.0, Status::Fail, "{}", good.1);
}

async fn versions(address: SocketAddr) -> (Status, String) {
    status_of::<TlsVersion>(target(&format!("https://{address}"), &[])).await
}

/// Bytes of a record with one alert (RFC 8446 sections 5.1 and 6).
const ALERT: usize = 7;
