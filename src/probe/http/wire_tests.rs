//! Hostile servers, exact bytes, and a token that goes nowhere it should not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::Sender;
use super::rig::{TOKEN, response, serve, target, world};
use crate::evidence::http::{Credential, Exchange, Mutation, Request};
use crate::evidence::{Ask, Unseen};
use crate::target::Target;

async fn send(target: &Target, request: &Request) -> Result<Exchange, Unseen> {
    let world = world(60);
    let ask = Ask::from(request.clone());
    world.meter.plan(target, &ask);
    let sender = Sender { world: &world, target, ask: &ask };
    Box::pin(sender.send(request)).await
}

/// Answers every connection with `first`, then `again` without end.
async fn hostile(first: &'static [u8], again: &'static [u8], pause: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let mut written = stream.write_all(first).await;
                while written.is_ok() && !again.is_empty() {
                    tokio::time::sleep(pause).await;
                    written = stream.write_all(again).await;
                }
            });
        }
    });
    address
}

/// What both writers make of the server.
async fn both(first: &'static [u8], again: &'static [u8]) -> [Result<Exchange, Unseen>; 2] {
    let address = hostile(first, again, Duration::ZERO).await;
    let target = target(&format!("http://{address}"), &[]);
    let (plain, exact) = (Request::get("/"), Request::get("/").exact());
    let (plain, exact) = tokio::join!(send(&target, &plain), send(&target, &exact));
    [plain, exact]
}

async fn echo() -> Target {
    let address = serve(|request| response(200, &[], &request.head)).await;
    target(&format!("http://{address}"), &[])
}

#[tokio::test]
async fn a_path_goes_out_byte_for_byte() {
    let target = echo().await;
    for path in ["/a/../b", "/public/..%2fadmin", "/%2e%2e/x", "/a//b", "/a;x=1", "/a%252e", "//a", "/a#b", "/{id}"] {
        for request in [Request::get(path), Request::get(path).exact()] {
            let body = send(&target, &request).await.unwrap().body.text;
            assert!(body.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{path}: {body}");
        }
    }
}

#[tokio::test]
async fn repeated_headers_and_another_host_go_out_as_listed() {
    let target = echo().await;
    let request = Request::get("/").header("X-A", "1").header("X-A", "2").header("Host", "other.example").exact();
    let body = send(&target, &request).await.unwrap().body.text;
    assert!(body.contains("X-A: 1\r\nX-A: 2\r\nHost: other.example\r\n"), "{body}");
    assert_eq!(body.matches("Host:").count(), 1, "{body}");
    assert!(body.contains("X-Watertight-Run: rig\r\n") && body.contains("User-Agent: watertight/"), "{body}");
}

#[tokio::test]
async fn a_line_break_makes_no_second_request() {
    let target = echo().await;
    for request in [
        Request::get("/a HTTP/1.1\r\nX: y").exact(),
        Request::get("/a\nb"),
        Request::get("/").header("X", "a\r\nAuthorization: b").exact(),
        Request::get("/").header("X", "a\r\nAuthorization: b"),
    ] {
        assert!(matches!(send(&target, &request).await, Err(Unseen::NotComparable(_))), "{request:?}");
    }
}

#[tokio::test]
async fn an_answer_shorter_than_it_says_is_no_answer() {
    for answer in both(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", b"").await {
        assert!(matches!(answer, Err(Unseen::Malformed(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn an_endless_body_is_cut_and_said_to_be() {
    static ENDLESS: std::sync::LazyLock<Vec<u8>> =
        std::sync::LazyLock::new(|| [b"1000\r\n".as_slice(), &[b'a'; 0x1000], b"\r\n"].concat());
    for answer in both(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", &ENDLESS).await {
        let body = answer.unwrap().body;
        assert!(!body.complete);
        assert_eq!(body.length, 1024 * 1024);
    }
}

#[tokio::test]
async fn what_is_not_http_is_no_answer() {
    for bytes in [&b"SSH-2.0-OpenSSH_9.6\r\n\r\n"[..], b"", b"HTTP/1.1 20 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX:"] {
        for answer in both(bytes, b"").await {
            assert!(matches!(answer, Err(Unseen::Malformed(_) | Unseen::Unreachable(_))), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn the_raw_reader_shows_what_a_strict_one_refuses() {
    let [plain, exact] =
        both(b"HTTP/1.1 200 OK\r\nX-A: \x1b[31mred\r\nX-B: one\r\n two\r\nContent-Length: 2\r\n\r\nok", b"").await;
    assert!(matches!(plain, Err(Unseen::Malformed(_))), "{plain:?}");
    let exact = exact.unwrap();
    assert_eq!(exact.header("x-b"), Some("one two"));
    assert_eq!(exact.body.text, "ok");
}

#[tokio::test]
async fn deadlines_hold_for_drips_and_endless_interim_answers() {
    let started = Instant::now();
    let interim = both(b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n");
    let drip = async {
        let address =
            hostile(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", b"x", Duration::from_millis(300)).await;
        let target = target(&format!("http://{address}"), &[]);
        let (plain, exact) = (Request::get("/"), Request::get("/").exact());
        tokio::join!(send(&target, &plain), send(&target, &exact))
    };
    let ([plain, exact], (drip, drip_exact)) = tokio::join!(interim, drip);
    assert!(plain.is_err() && exact.is_err() && drip.is_err() && drip_exact.is_err());
    assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_redirect_is_shown_and_not_followed() {
    let elsewhere = serve(|_| response(200, &[], "followed")).await;
    let address = serve(move |_| response(307, &[("Location", format!("http://{elsewhere}/"))], "")).await;
    let target = target(&format!("http://{address}"), &[]);
    assert_eq!(send(&target, &Request::get("/").with(Credential::Valid)).await.unwrap().status, 307);
}

#[tokio::test]
async fn an_echoed_token_is_masked_and_so_are_its_mutations() {
    let target = echo().await;
    for credential in [
        Credential::Valid,
        Credential::Mutated(Mutation::OneCharacter),
        Credential::Mutated(Mutation::BasicScheme),
        Credential::Mutated(Mutation::Cookie("token".into())),
        Credential::Mutated(Mutation::ValidThenInvalid),
    ] {
        let request = Request::get("/").with(credential);
        let body = send(&target, &request).await.unwrap().body.text;
        assert!(body.contains("[masked]") && !body.contains(TOKEN) && !body.contains(&TOKEN[..20]), "{body}");
    }
}

#[tokio::test]
async fn the_token_goes_into_a_query_or_a_form_only_where_it_is_disposable() {
    let mut target = echo().await;
    let query = Request::get("/x").with(Credential::Mutated(Mutation::Query("access_token".into())));
    let form = Request::new("POST", "/x").with(Credential::Mutated(Mutation::Form("access_token".into())));
    for request in [&query, &form] {
        assert!(matches!(send(&target, request).await, Err(Unseen::NotAllowed(_))));
    }
    target.deployment.as_mut().unwrap().token.as_mut().unwrap().disposable = true;
    let body = send(&target, &query).await.unwrap().body.text;
    assert!(body.starts_with("GET /x?access_token=[masked] HTTP/1.1"), "{body}");
    assert!(send(&target, &form).await.unwrap().body.text.contains("application/x-www-form-urlencoded"));
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_gets_no_token() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into(), "127.0.0.1".into()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(response(200, &[("Connection", "close".into())], "ok").as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    let target = target(&format!("https://{address}"), &[]);
    for request in [Request::get("/"), Request::get("/").exact()] {
        assert_eq!(send(&target, &request).await.unwrap().status, 200);
        let secret = send(&target, &request.clone().with(Credential::Valid)).await;
        assert!(matches!(secret, Err(Unseen::Unreachable(_))), "{secret:?}");
    }
    let plain = send(&target, &Request::get("/").plain().with(Credential::Valid)).await;
    assert!(matches!(plain, Err(Unseen::NotAllowed(_))), "{plain:?}");
}

#[tokio::test]
async fn the_safety_limits_hold() {
    let mut target = echo().await;
    let deployment = target.deployment.as_mut().unwrap();
    deployment.never = vec!["/admin".into()];
    deployment.costly = vec!["/report".into()];
    deployment.limits.max_denied = Some(1);
    assert!(matches!(send(&target, &Request::get("/x/../admin").exact()).await, Err(Unseen::NotAllowed(_))));
    assert!(send(&target, &Request::get("/report")).await.is_ok());
    assert!(matches!(send(&target, &Request::get("/report").again(1)).await, Err(Unseen::NotAllowed(_))));
    let world = world(60);
    let mut denied = Vec::new();
    for nth in 0..3 {
        let request = Request::get("/").with(Credential::Wrong).again(nth);
        let ask = Ask::from(request.clone());
        world.meter.plan(&target, &ask);
        denied.push(Sender { world: &world, target: &target, ask: &ask }.send(&request).await.is_ok());
    }
    assert_eq!(denied, [true, false, false]);
}

#[tokio::test]
async fn errors_in_a_row_stop_the_audit_of_an_origin() {
    let address = serve(|_| response(500, &[], "")).await;
    let mut target = target(&format!("http://{address}"), &[]);
    target.deployment.as_mut().unwrap().limits.stop_on_errors = 3;
    let world = world(60);
    let mut answered = 0;
    for nth in 0..6 {
        let request = Request::get("/").again(nth);
        let ask = Ask::from(request.clone());
        world.meter.plan(&target, &ask);
        answered += u32::from(Sender { world: &world, target: &target, ask: &ask }.send(&request).await.is_ok());
    }
    assert_eq!(answered, 3);
}
