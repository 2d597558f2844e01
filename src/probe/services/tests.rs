//! Stubs (named so) that answer as the products do, on loopback.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use chrono::Utc;
use tokio::sync::watch;

use super::*;
use crate::evidence::{Evidence, Run};
use crate::probe::secret::Vault;
use crate::target::{Environment, Scope};

fn target() -> Target {
    Target {
        name: "stub".into(),
        environment: Environment::Development,
        scope: Scope::Both,
        deployment: None,
        repository: None,
        checks: BTreeMap::new(),
    }
}

async fn serve(router: Router) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

async fn look(ports: Vec<u16>) -> Listening {
    let taken_at = Utc::now();
    let run = Run {
        id: "test".into(),
        seed: 7,
        taken_at,
        finished: taken_at,
        complete: true,
        scheduled: false,
        vantage: String::new(),
        authorised: None,
    };
    let (_stop, stopping) = watch::channel(false);
    let world = World::new(run, Vault::default(), Duration::from_secs(30), stopping);
    let ask = Services { host: "127.0.0.1".into(), addresses: Vec::new(), ports };
    let mut answers = BTreeMap::new();
    Box::pin(world.answer(&target(), BTreeSet::from([Ask::from(ask.clone())]), &mut answers)).await;
    let mut evidence = Evidence::at(taken_at);
    for (ask, answer) in answers {
        evidence.record(ask, answer);
    }
    evidence.of(&ask).unwrap().clone()
}

async fn service(router: Router) -> Service {
    let port = serve(router).await;
    look(vec![port]).await.addresses[0].ports[0].service.clone().unwrap()
}

fn stub_ollama() -> Router {
    Router::new()
        .route("/", get(async || "Ollama is running"))
        .route("/api/version", get(async || "{\"version\":\"0.12.0\"}"))
        .route("/api/tags", get(async || "{\"models\":[]}"))
}

#[tokio::test]
async fn a_stub_of_a_fresh_ollama_is_open() {
    let seen = service(stub_ollama()).await;
    assert_eq!((seen.product.as_deref(), seen.access), (Some("Ollama"), Access::Open));
}

#[tokio::test]
async fn a_stub_of_an_ollama_behind_a_proxy_with_a_key_is_denied() {
    let seen = service(Router::new().fallback(async || (StatusCode::UNAUTHORIZED, "key, please"))).await;
    assert_eq!((seen.product, seen.access), (None, Access::Denied));
}

#[tokio::test]
async fn stubs_of_jupyter_with_and_without_a_token_are_told_apart() {
    let jupyter = |kernels: (StatusCode, &'static str)| {
        let tornado = [("server", "TornadoServer/6.5.2")];
        Router::new()
            .route("/api", get(async move || (tornado, "{\"version\":\"2.21.1\"}")))
            .route("/api/kernels", get(async move || (kernels.0, tornado, kernels.1)))
    };
    let seen = service(jupyter((StatusCode::FORBIDDEN, "{\"message\":\"Forbidden\"}"))).await;
    assert_eq!((seen.product.as_deref(), seen.access), (Some("Jupyter Server"), Access::Denied));
    let seen = service(jupyter((StatusCode::OK, "[]"))).await;
    assert_eq!((seen.product.as_deref(), seen.access), (Some("Jupyter Server"), Access::Open));
}

#[tokio::test]
async fn a_stub_of_a_litellm_that_breaks_is_unclear() {
    let litellm = Router::new()
        .route("/health/readiness", get(async || "{\"status\":\"healthy\",\"db\":\"Not connected\"}"))
        .route("/v1/models", get(async || (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")));
    let seen = service(litellm).await;
    assert_eq!((seen.product.as_deref(), seen.access), (Some("LiteLLM proxy"), Access::Unclear));
}

#[tokio::test]
async fn a_web_page_is_no_product_and_not_cleared() {
    let seen = service(Router::new().route("/", get(async || "<h1>hello</h1>"))).await;
    assert_eq!((seen.speaks, seen.product, seen.access), (Speaks::Http, None, Access::Unclear));
}

#[tokio::test]
async fn a_mute_listener_is_open_and_unknown() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = look(vec![port]).await.addresses[0].ports[0].clone();
    drop(listener);
    assert_eq!(seen.state, PortState::Open);
    assert_eq!(seen.service.map(|service| service.speaks), Some(Speaks::NoHttp));
}

#[tokio::test]
async fn nothing_there_is_closed() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let seen = look(vec![port]).await;
    assert_eq!(seen.addresses[0].ports[0].state, PortState::Closed);
    assert_eq!(seen.addresses[0].class, Reach::Loopback);
    assert!(seen.addresses[0].same_machine);
}

#[tokio::test]
async fn a_stub_that_denies_only_what_comes_first_is_not_denied() {
    let asked = Arc::new(AtomicU32::new(0));
    let tags = move || {
        let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            if first {
                (StatusCode::UNAUTHORIZED, "")
            } else {
                (StatusCode::OK, "{\"models\":[{\"name\":\"a\",\"digest\":\"b\",\"details\":{}}]}")
            }
        }
    };
    let seen = service(Router::new().route("/api/tags", get(tags))).await;
    assert_eq!((seen.product.as_deref(), seen.access), (Some("Ollama"), Access::Open));
}
