//! The plain-HTTP listener: it sends everything to HTTPS, same host and path, before anything else happens.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, Response};
use tokio::net::TcpListener;

use super::Site;
use super::answer::Answer;
use super::listen::{self, Running};
use crate::demo::fault::{Fault, Faults};

pub(in crate::demo) fn start(running: &mut Running, listener: TcpListener, site: &Arc<Site>, faults: &Faults) {
    if faults.has(Fault::PlainSilent) {
        running.accept(listener, |stream, _| async move {
            let _open = stream;
            std::future::pending::<()>().await;
        });
        return;
    }
    let (site, faults) = (site.clone(), faults.clone());
    running.accept(listener, move |stream, peer| {
        let (site, faults) = (site.clone(), faults.clone());
        listen::http(stream, move |request| answer(site.clone(), faults.clone(), peer, request))
    });
}

async fn answer(site: Arc<Site>, faults: Faults, peer: SocketAddr, request: Request<Body>) -> Response<Body> {
    let carries = request.headers().contains_key("authorization");
    if faults.has(Fault::PlainServes)
        || (faults.has(Fault::PlainServesOne) && request.uri().path() == "/mcp")
        || (faults.has(Fault::PlainReadsCredential) && carries)
    {
        return site.serve(peer, request).await;
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let origin = if faults.has(Fault::PlainRedirectsElsewhere) {
        "https://elsewhere.example.test".into()
    } else if faults.has(Fault::PlainRedirectsToPlain) {
        site.origin.replacen("https", "http", 1)
    } else {
        site.origin.clone()
    };
    let path = if faults.has(Fault::PlainDropsPath) { "/".to_owned() } else { path };
    Answer::empty(308).header("location", format!("{origin}{path}")).into_response()
}
