//! Listeners of the embedded deployment: each serves until it is dropped.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, Response};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// Everything that runs, ended when dropped.
#[derive(Default)]
pub(in crate::demo) struct Running(Vec<AbortHandle>);

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

impl Running {
    /// Accepts on `listener` and hands each connection to `connection`; ending the listener ends its connections.
    pub(in crate::demo) fn accept<F, Fut>(&mut self, listener: TcpListener, connection: F)
    where
        F: Fn(TcpStream, SocketAddr) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let accepting = async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((stream, peer)) => {
                            connections.spawn(connection(stream, peer));
                        }
                        // Out of descriptors, most likely: let some connections end first.
                        Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
                    },
                    Some(_) = connections.join_next() => {}
                }
            }
        };
        self.0.push(tokio::spawn(accepting).abort_handle());
    }
}

/// A listener on a port that the system picks.
pub(in crate::demo) async fn bind(address: IpAddr) -> std::io::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((address, 0)).await?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// Serves HTTP/1.1 on one connection.
pub(in crate::demo) async fn http<S, F, Fut>(stream: S, serve: F)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Body>) -> Fut,
    Fut: Future<Output = Response<Body>>,
{
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let answering = serve(request.map(Body::new));
        async move { Ok::<_, std::convert::Infallible>(answering.await) }
    });
    // A connection that breaks is the client's affair.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Serves HTTP/1.1 in clear with a function of the request alone.
pub(in crate::demo) fn plainly<F>(running: &mut Running, listener: TcpListener, serve: F)
where
    F: Fn(SocketAddr, &Request<Body>) -> Response<Body> + Send + Sync + 'static,
{
    let serve = Arc::new(serve);
    running.accept(listener, move |stream, peer| {
        let serve = serve.clone();
        async move {
            http(stream, move |request| {
                let answer = serve(peer, &request);
                async move { answer }
            })
            .await;
        }
    });
}
