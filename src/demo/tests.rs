//! The embedded deployment, asked by a client that knows nothing of it but its policy.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::*;

struct Client {
    http: reqwest::Client,
    origin: String,
    token: String,
}

fn client(demo: &Demo) -> Client {
    let deployment = demo.policy.targets[0].deployment.as_ref().unwrap();
    let root = std::fs::read(deployment.ca.as_ref().unwrap()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    for certificate in <rustls::pki_types::CertificateDer as rustls::pki_types::pem::PemObject>::pem_slice_iter(&root) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .resolve(HOST, SocketAddr::new(deployment.resolve[HOST], 0))
        .no_proxy()
        .build()
        .unwrap();
    Client { http, origin: deployment.origin(), token: demo.token.expose().to_owned() }
}

impl Client {
    async fn status(&self, path: &str) -> u16 {
        self.http.get(format!("{}{path}", self.origin)).bearer_auth(&self.token).send().await.unwrap().status().as_u16()
    }

    async fn mcp(&self, message: &Value, session: Option<&str>) -> (u16, Option<String>, Value) {
        let mut request = self.http.post(format!("{}/mcp", self.origin)).bearer_auth(&self.token);
        if let Some(session) = session {
            request = request.header("mcp-session-id", session);
        }
        let answer = request.header("content-type", "application/json").body(message.to_string()).send().await.unwrap();
        let session = answer.headers().get("mcp-session-id").map(|value| value.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        (status, session, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
    }
}

#[tokio::test]
async fn the_sound_deployment_denies_admits_validates_and_limits() {
    let demo = sound().await.unwrap();
    let client = client(&demo);
    let get = |path: &str| client.http.get(format!("{}{path}", client.origin));
    assert_eq!(get("/health").send().await.unwrap().status(), 200);
    let denied = get("/api/items").send().await.unwrap();
    assert_eq!((denied.status().as_u16(), &denied.headers()["www-authenticate"]), (401, &"Bearer".parse().unwrap()));
    for (path, expected) in [
        ("/api/items", 200),
        ("/api/items?limit=10", 200),
        ("/api/items?limit=abc", 400),
        ("/api/items/1", 200),
        ("/api/items/x", 400),
        ("/api/search?q=bolt", 200),
        ("/api/search", 400),
        ("/api/status", 200),
        ("/openapi.json", 200),
        ("/nothing", 404),
        ("//api/items", 404),
    ] {
        assert_eq!(client.status(path).await, expected, "{path}");
    }
    let hostile = get("/api/items").header("origin", "https://evil.example").send().await.unwrap();
    assert!(hostile.headers().get("access-control-allow-origin").is_none());
    let allowed = get("/api/items").header("origin", site::ORIGIN).send().await.unwrap();
    assert_eq!(allowed.headers()["access-control-allow-origin"], site::ORIGIN);
    let mut last = 0;
    for _ in 0..20 {
        last = client.status("/api/status").await;
    }
    assert_eq!(last, 429);
}

#[tokio::test]
async fn the_sound_mcp_endpoint_speaks_both_eras() {
    let demo = sound().await.unwrap();
    let client = client(&demo);
    let opening = json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": { "protocolVersion": "2025-06-18", "clientInfo": { "name": "canary", "version": "1" } }
    });
    let (status, session, opened) = client.mcp(&opening, None).await;
    assert_eq!((status, &opened["result"]["protocolVersion"]), (200, &json!("2025-06-18")));
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    assert_eq!(client.mcp(&list, None).await.0, 400);
    let (_, _, listed) = client.mcp(&list, session.as_deref()).await;
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 2);
    let call = |arguments: Value| {
        json!({
            "jsonrpc": "2.0", "id": 3, "method": "tools/call",
            "params": {
                "name": "add", "arguments": arguments,
                "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28" }
            }
        })
    };
    let (_, _, sum) = client.mcp(&call(json!({ "a": 1, "b": 2 })), None).await;
    assert_eq!(sum["result"]["content"][0]["text"], "3");
    let (status, _, refused) = client.mcp(&call(json!({ "a": "1" })), None).await;
    assert_eq!((status, &refused["error"]["code"]), (400, &json!(-32602)));
    let discover = json!({ "jsonrpc": "2.0", "id": 4, "method": "server/discover", "params": {} });
    assert_eq!(client.mcp(&discover, None).await.0, 200);
}

#[tokio::test]
async fn plain_http_redirects_to_the_same_place_and_the_log_holds_no_token() {
    let demo = sound().await.unwrap();
    let client = client(&demo);
    let deployment = demo.policy.targets[0].deployment.as_ref().unwrap();
    let plain = deployment.plain.as_ref().unwrap().join("/api/items?limit=3").unwrap();
    let answer = client.http.get(plain).send().await.unwrap();
    let expected = format!("{}/api/items?limit=3", client.origin);
    assert_eq!((answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()), (308, expected.as_str()));
    assert_eq!(client.status("/api/items").await, 200);
    let crate::target::LogSource::File(log) = &deployment.logs[0] else { panic!("a log file") };
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains(r#""outcome":"allowed""#), "{log}");
    assert!(!log.contains(&client.token), "the token is logged");
}

#[tokio::test]
async fn the_repository_is_one_that_git_reads_and_goes_with_the_demo() {
    let demo = sound().await.unwrap();
    let path = demo.policy.targets[0].repository.as_ref().unwrap().path.clone();
    let repository = gix::open_opts(&path, gix::open::Options::isolated()).unwrap();
    let head = repository.head_id().unwrap();
    assert_eq!(head.ancestors().all().unwrap().count(), 4);
    assert!(repository.index().unwrap().entries().len() > 10);
    assert!(path.join(".env.production").exists());
    drop(demo);
    assert!(!path.exists());
}

#[tokio::test]
async fn every_fault_can_be_started() {
    for case in fault::CASES {
        start(&[case.fault]).await.unwrap_or_else(|error| panic!("{:?}: {error:#}", case.fault));
    }
    leaky().await.unwrap();
}
