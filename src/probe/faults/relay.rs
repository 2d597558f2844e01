//! A relay that breaks a good conversation at one byte, and a clock that lets stalls pass without being waited for.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What happens at the byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// The connection is closed.
    Cut,
    /// Nothing more comes, and nothing is closed.
    Stall,
    /// From there on every byte is another.
    Garbage,
}

impl Fault {
    pub(super) const ALL: [Self; 3] = [Self::Cut, Self::Stall, Self::Garbage];
}

/// Whether a connection, known by the first bytes that the client sends, is one whose bytes are counted.
pub(super) type Counted = fn(&[u8]) -> bool;

/// Where a conversation breaks.
#[derive(Clone, Copy)]
pub(super) struct Break {
    pub(super) fault: Fault,
    /// So many bytes of the server's come through, over all counted connections together.
    pub(super) at: usize,
    pub(super) counted: Counted,
    /// Whether the count begins anew with each connection, so that a second try meets the same fault.
    pub(super) each: bool,
}

/// What came from the server on counted connections, in bytes.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) in_all: AtomicUsize,
    pub(super) at_most_on_one: AtomicUsize,
}

/// Relays to a server for as long as it is kept.
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    /// Bytes of the server's on counted connections.
    pub(super) sent: Arc<Sent>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Relays to `upstream`, and breaks there.
    pub(super) async fn new(upstream: SocketAddr, broken: Break) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sent = Arc::<Sent>::default();
        let counter = Arc::clone(&sent);
        let task = tokio::spawn(async move {
            let mut carried = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let counter = Arc::clone(&counter);
                // A connection that ends is what this is about.
                carried.spawn(async move { carry(client, upstream, broken, &counter).await.ok() });
            }
        });
        Self { address, sent, task }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut client: TcpStream, upstream: SocketAddr, broken: Break, sent: &Sent) -> std::io::Result<()> {
    let mut server = TcpStream::connect(upstream).await?;
    let mut first = vec![0; 16 * 1024];
    let length = client.read(&mut first).await?;
    stir();
    server.write_all(&first[..length]).await?;
    let counts = (broken.counted)(&first[..length]);
    let mut own = 0;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let up = async {
        tokio::io::copy(&mut from_client, &mut to_server).await?;
        to_server.shutdown().await
    };
    let down = async {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let read = from_server.read(&mut buffer).await?;
            stir();
            if read == 0 {
                return to_client.shutdown().await;
            }
            let piece = &mut buffer[..read];
            if !counts {
                to_client.write_all(piece).await?;
                continue;
            }
            let all = sent.in_all.fetch_add(read, Ordering::SeqCst);
            let before = if broken.each { own } else { all };
            own += read;
            sent.at_most_on_one.fetch_max(own, Ordering::SeqCst);
            if broken.at < before || broken.at >= before + read {
                if broken.fault == Fault::Garbage && before > broken.at {
                    garble(piece);
                }
                to_client.write_all(piece).await?;
                continue;
            }
            let (good, rest) = piece.split_at_mut(broken.at - before);
            to_client.write_all(good).await?;
            match broken.fault {
                Fault::Cut => return to_client.shutdown().await,
                Fault::Stall => std::future::pending::<()>().await,
                Fault::Garbage => {
                    garble(rest);
                    to_client.write_all(rest).await?;
                }
            }
        }
    };
    // A client that closes has what it wanted.
    tokio::select! {
        ended = down => ended,
        ended = up => ended,
    }
}

/// Every byte becomes another.
fn garble(bytes: &mut [u8]) {
    for byte in bytes {
        *byte ^= 0xa5;
    }
}

/// When a byte last moved, in microseconds since the first look.
static STIRRED: AtomicU64 = AtomicU64::new(0);

fn now() -> u64 {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    u64::try_from(BEGAN.get_or_init(Instant::now).elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn stir() {
    STIRRED.store(now(), Ordering::SeqCst);
}

/// Runs `conversations` on the paused clock of their test (`start_paused`): wherever nothing has moved for a while, a second passes at once. So a
/// deadline comes due as it would, and nobody waits for it.
///
/// `quiet` is that while. Where a machine needs longer for a byte, a deadline comes due early: one more stall.
pub(super) async fn in_virtual_time<T>(quiet: Duration, conversations: impl Future<Output = T>) -> T {
    let passing = async {
        loop {
            // Never idle: an idle runtime would move the paused clock whenever a byte is under way.
            tokio::task::yield_now().await;
            if now().saturating_sub(STIRRED.load(Ordering::SeqCst)) > u64::try_from(quiet.as_micros()).unwrap_or(0) {
                tokio::time::advance(Duration::from_secs(1)).await;
                stir();
            }
        }
    };
    tokio::select! {
        done = conversations => done,
        () = passing => unreachable!("time does not end"),
    }
}
