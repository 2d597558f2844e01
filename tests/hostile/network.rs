//! Cases 1 to 28: servers. Raw listeners on loopback; what would leave the machine goes to 127.0.0.x stand-ins that must
//! stay unheard, and what needs a resolver or a broken route runs in a network namespace that holds only `lo`.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;

use crate::rig::{Audited, Outcome, Stage, say};
use crate::server::{Server, answer, endless, request, says, says_in_turn};
use crate::{case, confined, payload};

/// The deadline that each audit is given.
const WITHIN: Duration = Duration::from_secs(12);
/// Audits side by side: nearly all of their time is waiting.
const ABREAST: usize = 6;

type Trial = fn() -> Pin<Box<dyn Future<Output = Result<Outcome, String>> + Send>>;

macro_rules! trials {
    ($($number:literal => $trial:ident),* $(,)?) => {
        /// Each case of this room, by its number.
        pub(crate) const TRIALS: &[(u8, Trial)] = &[$(($number, || Box::pin($trial()))),*];
    };
}

trials! {
    1 => stall_after_accept, 2 => reset_after_accept, 3 => dripped_headers, 4 => dripped_body, 5 => endless_headers,
    6 => giant_header, 7 => endless_parts, 8 => endless_interim_answers, 9 => endless_chunks, 10 => bombs,
    11 => wrong_lengths, 12 => redirect_loop, 13 => redirect_with_the_token, 14 => redirect_elsewhere,
    15 => rebinding, 16 => mixed_addresses, 17 => hostile_resolver, 18 => control_characters, 19 => misleading_text,
    20 => other_protocols, 21 => http2_flood, 22 => broken_tls, 23 => giant_chain, 24 => broken_certificates,
    25 => self_connect, 26 => no_sockets_and_no_route, 27 => flips_its_answers, 28 => plays_dead,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_hostile_server_is_survived() {
    let wanted = std::env::var("HOSTILE_CASE").ok().and_then(|number| number.parse::<u8>().ok());
    let trials = TRIALS.iter().filter(|(number, _)| wanted.is_none_or(|wanted| wanted == *number));
    let running = futures_util::stream::iter(trials).map(|(number, trial)| async move { (*number, trial().await) });
    let results: Vec<_> = running.buffer_unordered(ABREAST).collect().await;
    case::compare(results);
}

/// A policy that points every network probe of the audit at one server.
pub(crate) fn policy(scheme: &str, host: &str, port: u16, more: &str) -> String {
    format!(
        "version: 1
name: hostile
targets:
  - name: trap
    environment: staging
    url: {scheme}://{host}:{port}
    plain: http://{host}:{port}
    endpoints: [/mcp, GET /api/items, POST /api/items]
    openapi: /openapi.json
    token: {{ env: HOSTILE_TOKEN{more} }}
    origins: ['https://app.example.com']
    tools: {{ allow: [add] }}
    hosts: [{{ name: {host}, ports: [{port}] }}]
    monitoring: {{ metrics: 'http://{host}:{port}/metrics', counter: denied, prometheus: 'http://{host}:{port}' }}
    logs: [{{ loki: {{ url: 'http://{host}:{port}', query: '{{a=\"b\"}}' }} }}]
checks:
  rate-limit: {{ limit: 30, window: 1s }}
"
    )
}

/// Audits one server, and holds the audit to the rules.
async fn audited(number: u8, scheme: &'static str, server: &Server, more: &'static str) -> Result<Audited, String> {
    let port = server.at.port();
    let host = server.at.ip().to_string();
    let audited = tokio::task::spawn_blocking(move || {
        let stage = Stage::new();
        std::fs::write(stage.path("named.yaml"), policy(scheme, &host, port, more)).unwrap();
        Audited::of(&stage, &["--policy", "named.yaml", "--scope", "deployment"], WITHIN)
    })
    .await
    .map_err(|error| error.to_string())??;
    if server.calls() == 0 {
        return Err("the server was never called, so this shows nothing".into());
    }
    let strangers: Vec<String> =
        audited.contacted().into_iter().filter(|host| *host != server.at.to_string()).collect();
    if !strangers.is_empty() {
        return Err(format!("others were contacted: {strangers:?}"));
    }
    say(number, &audited.ran, &audited.outcome());
    Ok(audited)
}

async fn outcome(number: u8, scheme: &'static str, server: &Server) -> Result<Outcome, String> {
    Ok(audited(number, scheme, server, "").await?.outcome())
}

async fn stall_after_accept() -> Result<Outcome, String> {
    let server = Server::new(|stream, _| {
        Box::pin(async move {
            std::future::pending::<()>().await;
            drop(stream);
            Ok(())
        })
    })
    .await;
    outcome(1, "http", &server).await
}

async fn reset_after_accept() -> Result<Outcome, String> {
    let server = Server::new(|stream, _| Box::pin(async move { stream.set_zero_linger() })).await;
    outcome(2, "http", &server).await
}

async fn dripped_headers() -> Result<Outcome, String> {
    let server = Server::new(endless("HTTP/1.1 200 OK\r\n", "x", Duration::from_millis(300))).await;
    outcome(3, "http", &server).await
}

async fn dripped_body() -> Result<Outcome, String> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{";
    let server = Server::new(endless(head, " ", Duration::from_millis(500))).await;
    outcome(4, "http", &server).await
}

async fn endless_headers() -> Result<Outcome, String> {
    let server = Server::new(endless("HTTP/1.1 200 OK\r\n", "x-a: b\r\n".repeat(500), Duration::ZERO)).await;
    outcome(5, "http", &server).await
}

async fn giant_header() -> Result<Outcome, String> {
    // As much of it as anyone reads; 100 MB would do.
    let server = Server::new(endless("HTTP/1.1 200 OK\r\nx-a: ", "a".repeat(65_536), Duration::ZERO)).await;
    outcome(6, "http", &server).await
}

async fn endless_parts() -> Result<Outcome, String> {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let firsts = ["HTTP/1.1 200 ".to_owned(), format!("{chunked}1;"), format!("{chunked}1\r\na\r\n0\r\n")];
    let agains = ["reason ".repeat(1000), "x=y;".repeat(1000), "x-a: b\r\n".repeat(1000)];
    let server = Server::new(move |mut stream, nth| {
        let (first, again) = (firsts[nth % 3].clone(), agains[nth % 3].clone());
        Box::pin(async move {
            request(&mut stream).await?;
            stream.write_all(first.as_bytes()).await?;
            loop {
                stream.write_all(again.as_bytes()).await?;
            }
        })
    })
    .await;
    outcome(7, "http", &server).await
}

async fn endless_interim_answers() -> Result<Outcome, String> {
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(100);
    let server = Server::new(endless("", hints, Duration::ZERO)).await;
    outcome(8, "http", &server).await
}

async fn endless_chunks() -> Result<Outcome, String> {
    let chunk = format!("1000\r\n{}\r\n", "a".repeat(0x1000)).repeat(16);
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let server = Server::new(endless(head, chunk, Duration::ZERO)).await;
    outcome(9, "http", &server).await
}

async fn bombs() -> Result<Outcome, String> {
    let coded = |coding: &str, body: Vec<u8>| {
        answer("200 OK", &format!("content-type: application/json\r\ncontent-encoding: {coding}\r\n"), &body)
    };
    let gzip = payload::gzip_bomb();
    let server = Server::new(says_in_turn(vec![
        coded("gzip", gzip.clone()),
        coded("br", payload::brotli_bomb()),
        coded("zstd", payload::zstd_bomb()),
        coded("gzip, gzip", payload::gzip(&gzip)),
    ]))
    .await;
    outcome(10, "http", &server).await
}

async fn wrong_lengths() -> Result<Outcome, String> {
    let with = |headers: &str| format!("HTTP/1.1 200 OK\r\n{headers}\r\n{{\"a\":1}}").into_bytes();
    let server = Server::new(says_in_turn(vec![
        with("content-length: 500\r\n"),
        with("content-length: 7\r\ncontent-length: 3\r\n"),
        with("content-length: 18446744073709551615\r\n"),
        with("content-length: 99999999999999999999999\r\n"),
        with("content-length: 3\r\ntransfer-encoding: chunked\r\n"),
        with("content-length: -1\r\n"),
    ]))
    .await;
    outcome(11, "http", &server).await
}

async fn redirect_loop() -> Result<Outcome, String> {
    let server = Server::new(|mut stream, nth| {
        Box::pin(async move {
            request(&mut stream).await?;
            let hop = answer("302 Found", &format!("location: /hop/{nth}\r\n"), b"");
            stream.write_all(&hop).await?;
            stream.shutdown().await
        })
    })
    .await;
    outcome(12, "http", &server).await
}

async fn redirect_with_the_token() -> Result<Outcome, String> {
    let stranger = Server::on("127.0.0.2:0", says(answer("200 OK", "", b"thank you"))).await;
    let location = format!("location: http://{}/take\r\n", stranger.at);
    let server = Server::new(says(answer("307 Temporary Redirect", &location, b""))).await;
    let audited = audited(13, "http", &server, ", header: X-API-Key").await?;
    unheard(&stranger)?;
    Ok(audited.outcome())
}

async fn redirect_elsewhere() -> Result<Outcome, String> {
    let stranger = Server::on("127.0.0.3:0", says(answer("200 OK", "", b"thank you"))).await;
    let to = |place: &str| answer("302 Found", &format!("location: {place}\r\nlink: <{place}>; rel=preload\r\n"), b"");
    let server = Server::new(says_in_turn(vec![
        to("file:///etc/passwd"),
        to("gopher://127.0.0.3:70/_x"),
        to(&format!("http://{}/", stranger.at)),
        to(&format!("//{}/", stranger.at)),
        to(&format!("http://user:word@{}/", stranger.at)),
    ]))
    .await;
    let outcome = outcome(14, "http", &server).await?;
    unheard(&stranger)?;
    Ok(outcome)
}

fn unheard(stranger: &Server) -> Result<(), String> {
    match stranger.calls() {
        0 => Ok(()),
        calls => Err(format!("{} was called {calls} times", stranger.at)),
    }
}

async fn rebinding() -> Result<Outcome, String> {
    confined::run(15).await
}

async fn mixed_addresses() -> Result<Outcome, String> {
    confined::run(16).await
}

async fn hostile_resolver() -> Result<Outcome, String> {
    confined::run(17).await
}

async fn control_characters() -> Result<Outcome, String> {
    let with = |header: &[u8]| {
        let mut bytes = b"HTTP/1.1 200 OK\r\n".to_vec();
        bytes.extend(header);
        bytes.extend(b"\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nok");
        bytes
    };
    let server = Server::new(says_in_turn(vec![
        with(b"x-a: a\x1b[2J\x1b]0;owned\x07b"),
        with(b"x-a: a\r\n folded\r\n\tagain"),
        with(b"x-a: a\0b"),
        with(b"x-a\x1b[31m: b"),
        with(b"x a : b"),
    ]))
    .await;
    outcome(18, "http", &server).await
}

async fn misleading_text() -> Result<Outcome, String> {
    let text = payload::misleading();
    let mut headers = b"server: a\xe9\xff\xc2\x9b31m".to_vec();
    headers.extend(b"\r\nset-cookie: s=\xe2\x80\xae\xe2\x81\xa6; Path=/\r\nx-powered-by: ");
    headers.extend(text.replace(['\n', '\r', '\0', '\u{1b}', '\u{7}', '\u{8}'], "").into_bytes());
    let body = format!("<title>{text}</title>Traceback (most recent call last):\n  File \"/srv/{text}.py\", line 1\n");
    let mut bytes = b"HTTP/1.1 500 Internal Server Error\r\ncontent-type: text/html\r\n".to_vec();
    bytes.extend(headers);
    bytes.extend(format!("\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes());
    let server = Server::new(says(bytes)).await;
    outcome(19, "http", &server).await
}

async fn other_protocols() -> Result<Outcome, String> {
    let server = Server::new(says_in_turn(vec![
        b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(),
        b"<html>HTTP/0.9 has no head</html>".to_vec(),
        b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0d\0\x04\0\0\xff\xff".to_vec(),
        b"220 mail ESMTP\r\n".to_vec(),
        b"ICY 200 OK\r\n\r\n".to_vec(),
        b"HTTP/9.9 200 OK\r\n\r\n".to_vec(),
        b"HTTP/1.1 200\xff OK\r\n\r\n".to_vec(),
        b"HTTP/1.1 2000 OK\r\n\r\n".to_vec(),
    ]))
    .await;
    outcome(20, "http", &server).await
}

async fn http2_flood() -> Result<Outcome, String> {
    // SETTINGS; then HEADERS without an end, CONTINUATION, PING, RST_STREAM and empty DATA frames.
    let settings = b"\0\0\0\x04\0\0\0\0\0".to_vec();
    let mut flood = b"\0\0\0\x01\0\0\0\0\x01".to_vec();
    for _ in 0..200 {
        flood.extend(b"\0\0\x01\x09\0\0\0\0\x01\x82");
        flood.extend(b"\0\0\x08\x06\0\0\0\0\0pingping");
        flood.extend(b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08");
        flood.extend(b"\0\0\0\0\0\0\0\0\x01");
    }
    let server = Server::new(endless(settings, flood, Duration::ZERO)).await;
    outcome(21, "http", &server).await
}

async fn broken_tls() -> Result<Outcome, String> {
    let garbage: Vec<u8> = (0..4096_u32).map(|n| u8::try_from(n * 31 % 251).unwrap()).collect();
    let mut garbage_record = b"\x16\x03\x03\x10\0".to_vec();
    garbage_record.extend(&garbage);
    let hello = payload::server_hello();
    let answers =
        [garbage, garbage_record, b"\x15\x03\x03\0\x02\x01\0".to_vec(), hello, b"HTTP/1.1 200 OK\r\n\r\n".to_vec()];
    let server = Server::new(move |mut stream, nth| {
        let answer = answers[nth % answers.len()].clone();
        Box::pin(async move {
            for byte in answer.chunks(if nth % 3 == 0 { 1 } else { 8192 }) {
                stream.write_all(byte).await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            stream.shutdown().await
        })
    })
    .await;
    outcome(22, "https", &server).await
}

async fn giant_chain() -> Result<Outcome, String> {
    let server = Server::new(payload::tls_server(payload::giant_chain())).await;
    outcome(23, "https", &server).await
}

async fn broken_certificates() -> Result<Outcome, String> {
    let servers = [
        Server::new(payload::tls_server(payload::many_names())).await,
        Server::new(payload::tls_server(payload::misleading_names())).await,
        Server::new(payload::flight_server()).await,
    ];
    let mut all = Outcome::default();
    for server in servers {
        all = all.and(outcome(24, "https", &server).await?);
    }
    Ok(all)
}

async fn self_connect() -> Result<Outcome, String> {
    let server = Server::new(says(answer("401 Unauthorized", "www-authenticate: Bearer\r\n", b""))).await;
    let port = server.at.port();
    // Ports of the ephemeral range on which nobody listens, and which a connect can meet itself on.
    let ports: Vec<String> = (33_000..36_000_u32).map(|port| port.to_string()).collect();
    let audited = tokio::task::spawn_blocking(move || {
        let stage = Stage::new();
        let hosts = format!("hosts: [{{ name: 127.0.0.9, reach: none, ports: [{}] }}]", ports.join(", "));
        let text = policy("http", "127.0.0.1", port, "").replace("hosts: [", &format!("{hosts}\n    #"));
        std::fs::write(stage.path("named.yaml"), text).unwrap();
        let arguments = ["--policy", "named.yaml", "--scope", "deployment", "--check", "llm-ports"];
        Audited::of(&stage, &arguments, Duration::from_secs(40))
    })
    .await
    .map_err(|error| error.to_string())??;
    say(25, &audited.ran, &audited.outcome());
    let findings: Vec<&serde_json::Value> =
        audited.results().iter().filter(|result| result["findings"].to_string().contains("127.0.0.9")).collect();
    if findings.is_empty() { Ok(audited.outcome()) } else { Err(format!("{findings:?}")) }
}

async fn no_sockets_and_no_route() -> Result<Outcome, String> {
    Ok(confined::few_descriptors().await?.and(confined::run(26).await?))
}

async fn flips_its_answers() -> Result<Outcome, String> {
    let deny = answer("401 Unauthorized", "www-authenticate: Bearer\r\n", b"");
    let admit = answer("200 OK", "content-type: application/json\r\n", b"{\"items\":[]}");
    let server = Server::new(says_in_turn(vec![deny, admit])).await;
    outcome(27, "http", &server).await
}

async fn plays_dead() -> Result<Outcome, String> {
    let server = Server::new(|mut stream, nth| {
        Box::pin(async move {
            let head = request(&mut stream).await?;
            if nth > 12 {
                std::future::pending::<()>().await;
            }
            let admitted = head.contains(&crate::rig::token());
            let body = b"{\"items\":[]}";
            let said = if admitted {
                answer("200 OK", "content-type: application/json\r\n", body)
            } else {
                answer("401 Unauthorized", "www-authenticate: Bearer\r\n", b"")
            };
            stream.write_all(&said).await?;
            stream.shutdown().await
        })
    })
    .await;
    outcome(28, "http", &server).await
}
