//! Raw listeners on loopback that answer as no honest server would.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

type Answering = Pin<Box<dyn Future<Output = std::io::Result<()>> + Send>>;

/// One server: where it listens and how often it was called.
pub(crate) struct Server {
    pub(crate) at: SocketAddr,
    calls: Arc<AtomicUsize>,
}

impl Server {
    /// Every connection is answered by `answer`, which gets its number from 0.
    pub(crate) async fn on(at: &str, answer: impl Fn(TcpStream, usize) -> Answering + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(at).await.unwrap();
        let at = listener.local_addr().unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A peer that went away is what most of these servers are there for.
                tokio::spawn(answer(stream, counted.fetch_add(1, Ordering::SeqCst)));
            }
        });
        Self { at, calls }
    }

    pub(crate) async fn new(answer: impl Fn(TcpStream, usize) -> Answering + Send + Sync + 'static) -> Self {
        Self::on("127.0.0.1:0", answer).await
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

/// Reads one request, head and announced body; its head.
pub(crate) async fn request(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut text = String::new();
    let mut bytes = [0; 8192];
    loop {
        let count = stream.read(&mut bytes).await?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        text.push_str(&String::from_utf8_lossy(bytes.get(..count).unwrap_or_default()));
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, value)| value.trim().parse::<usize>().ok());
        if body.len() >= length.unwrap_or(0) {
            return Ok(head.to_owned());
        }
    }
}

/// Every request gets these bytes, and then the connection ends.
pub(crate) fn says(bytes: impl Into<Vec<u8>>) -> impl Fn(TcpStream, usize) -> Answering + Send + Sync + 'static {
    says_in_turn(vec![bytes.into()])
}

/// These paths get their answers, every other one that nothing is there: what says the same whatever it is asked says
/// nothing.
pub(crate) fn says_at(
    answers: Vec<(&'static str, Vec<u8>)>,
) -> impl Fn(TcpStream, usize) -> Answering + Send + Sync + 'static {
    let answers = Arc::new(answers);
    move |mut stream, _| {
        let answers = Arc::clone(&answers);
        Box::pin(async move {
            let asked = request(&mut stream).await?;
            let path = asked.split(' ').nth(1).unwrap_or_default();
            let nothing = answer("404 Not Found", "connection: close\r\n", b"");
            let found = answers.iter().find(|(known, _)| *known == path).map_or(&nothing, |(_, bytes)| bytes);
            stream.write_all(found).await?;
            stream.shutdown().await
        })
    }
}

/// Connections get these answers in turn.
pub(crate) fn says_in_turn(answers: Vec<Vec<u8>>) -> impl Fn(TcpStream, usize) -> Answering + Send + Sync + 'static {
    let answers: Vec<Arc<Vec<u8>>> = answers.into_iter().map(Arc::new).collect();
    move |mut stream, nth| {
        let answer = Arc::clone(answers.get(nth % answers.len()).unwrap());
        Box::pin(async move {
            request(&mut stream).await?;
            stream.write_all(&answer).await?;
            stream.shutdown().await
        })
    }
}

/// After the request `first`, then `again` without end, a pause between.
pub(crate) fn endless(
    first: impl Into<Vec<u8>>,
    again: impl Into<Vec<u8>>,
    pause: Duration,
) -> impl Fn(TcpStream, usize) -> Answering + Send + Sync + 'static {
    let (first, again) = (Arc::new(first.into()), Arc::new(again.into()));
    move |mut stream, _| {
        let (first, again) = (Arc::clone(&first), Arc::clone(&again));
        Box::pin(async move {
            request(&mut stream).await?;
            stream.write_all(&first).await?;
            loop {
                stream.write_all(&again).await?;
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
            }
        })
    }
}

/// An answer of HTTP/1.1.
pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend(body);
    bytes
}
