//! One connection, one hello, one outcome: how the hellos of one address are sent, and how long they wait.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::chain;
use crate::evidence::tls::{Outcome, Version};
use crate::evidence::{Ask, Unseen};
use crate::probe::World;
use crate::probe::meter::Kind;
use crate::target::Target;
use crate::tls::hello::{self, Offer};
use crate::tls::reader::{Flight, Reader, Stranger};

/// For a TCP connection.
const CONNECTING: Duration = Duration::from_secs(5);
/// For the first try of a hello. A server that needs longer is asked again with [`PATIENT`].
pub(super) const PROMPT: Duration = Duration::from_secs(3);
/// For the second try: servers that take four seconds to answer are real, and no scanner's three seconds judge them.
pub(super) const PATIENT: Duration = Duration::from_secs(12);
/// Before a wordless end is asked about again: a server that takes few connections at a time has to see the last one go.
pub(super) const PAUSE: Duration = Duration::from_millis(250);

/// What one hello met, and what came with it.
#[derive(Clone, Debug)]
pub(super) struct Met {
    pub(super) outcome: Outcome,
    pub(super) flight: Flight,
    /// Whether the time was up in the middle of an answer that had begun well.
    pub(super) cut: bool,
}

impl From<Outcome> for Met {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, flight: Flight::default(), cut: false }
    }
}

/// How hellos reach one address of a target.
pub(super) struct Line<'a> {
    pub(super) world: &'a World,
    pub(super) target: &'a Target,
    /// The name for SNI; `None` where the host is an address.
    pub(super) name: Option<&'a str>,
    /// `host:port`, as the plan has it.
    pub(super) host: &'a str,
    pub(super) address: SocketAddr,
    /// Whether this server was met that answers, and takes longer than [`PROMPT`] for it.
    pub(super) slow: AtomicBool,
}

impl Line<'_> {
    /// A hello, and once more with patience where it met no word, or was cut in the middle of one.
    pub(super) async fn insist(&self, ask: &Ask, version: Version, suites: &[u16]) -> Met {
        let met = self.send(ask, version, suites, self.prompt()).await;
        if is_wordless(&met.outcome) {
            tokio::time::sleep(PAUSE).await;
            return self.send(ask, version, suites, PATIENT).await;
        }
        if met.cut || matches!(met.outcome, Outcome::Silent(_)) {
            return self.send(ask, version, suites, PATIENT).await;
        }
        met
    }

    /// How long the first try waits: no one waits in vain twice for a server that is known to be slow.
    fn prompt(&self) -> Duration {
        if self.slow.load(Ordering::Relaxed) { PATIENT } else { PROMPT }
    }

    /// One connection, one hello, and the server's first flight.
    pub(super) async fn send(&self, ask: &Ask, version: Version, suites: &[u16], within: Duration) -> Met {
        if let Err(unseen) = self.world.meter.send(self.target, ask, Kind::Connection, self.host) {
            return Outcome::Unreachable(unseen.to_string()).into();
        }
        let mut stream = match timeout(CONNECTING, TcpStream::connect(self.address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => return Outcome::NotListening.into(),
            // A machine without IPv6 has no ::1, so nothing can listen there.
            Ok(Err(error)) if error.kind() == io::ErrorKind::AddrNotAvailable && self.address.ip().is_loopback() => {
                return Outcome::NotListening.into();
            }
            Ok(Err(error)) => return Outcome::Unreachable(error.to_string()).into(),
            Err(_) => return Outcome::Unreachable(format!("no answer within {} s", CONNECTING.as_secs())).into(),
        };
        // A delayed hello is a slower hello; whether the option can be set decides nothing.
        let _ = stream.set_nodelay(true);
        let hello = hello::write(&Offer { version, suites, name: self.name, random: self.random(version, suites) });
        let started = Instant::now();
        let mut reader = Reader::default();
        let ended = timeout(within, exchange(&mut stream, &hello, &mut reader)).await.ok();
        let waited = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let cut = ended.is_none() && reader.is_cut();
        if ended.is_some() && started.elapsed() > PROMPT {
            self.slow.store(true, Ordering::Relaxed);
        }
        Met { outcome: outcome(version, &reader, ended, waited), flight: reader.seen, cut }
    }

    /// The chain through a handshake of TLS 1.3, with patience where it needs some.
    pub(super) async fn shake_hands(&self, ask: &Ask, keys: chain::Keys) -> Result<chain::Shown, chain::Failed> {
        match self.handshake(ask, keys, self.prompt()).await {
            Err(chain::Failed { unseen: Unseen::TimedOut(_), .. }) => self.handshake(ask, keys, PATIENT).await,
            shaken => shaken,
        }
    }

    async fn handshake(&self, ask: &Ask, keys: chain::Keys, within: Duration) -> Result<chain::Shown, chain::Failed> {
        self.world.meter.send(self.target, ask, Kind::Connection, self.host)?;
        let host = self.name.map_or_else(|| self.address.ip().to_string(), ToOwned::to_owned);
        match timeout(within, chain::shake_hands(self.address, &host, keys)).await {
            Ok(chain) => chain,
            Err(_) => {
                Err(Unseen::TimedOut(format!("{} shook no hands within {} s", self.address, within.as_secs())).into())
            }
        }
    }

    /// Random enough for a hello that becomes no session, and the same on every run with the same seed.
    fn random(&self, version: Version, suites: &[u16]) -> [u8; 64] {
        let mut random = [0; 64];
        for (half, number) in random.chunks_exact_mut(32).zip(0u8..) {
            let digest = Sha256::new()
                .chain_update(self.world.run().seed.to_be_bytes())
                .chain_update(format!("{} {version} {} {number}", self.address, suites.len()))
                .finalize();
            half.copy_from_slice(&digest);
        }
        random
    }
}

/// How a conversation ended.
enum Ended {
    Understood,
    Closed,
    Reset,
    Broken(String),
}

async fn exchange(stream: &mut TcpStream, hello: &[u8], reader: &mut Reader) -> Ended {
    if let Err(error) = stream.write_all(hello).await {
        return broken(&error);
    }
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => return Ended::Closed,
            Ok(count) => {
                if reader.take(&buffer[..count]) {
                    return Ended::Understood;
                }
            }
            Err(error) => return broken(&error),
        }
    }
}

fn broken(error: &io::Error) -> Ended {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => Ended::Reset,
        _ => Ended::Broken(error.to_string()),
    }
}

/// What the conversation amounts to; `ended` is `None` where the time was up.
fn outcome(asked: Version, reader: &Reader, ended: Option<Ended>, waited: u64) -> Outcome {
    let seen = &reader.seen;
    if let Some(hello) = &seen.hello {
        return match Version::of_wire(hello.version) {
            Some(version) if version == asked => Outcome::Accepted { suite: hello.suite },
            Some(to) => Outcome::Downgraded { to, suite: hello.suite },
            None => Outcome::NotTls(format!("version {:#06x}", hello.version)),
        };
    }
    if let Some(number) = seen.alert {
        return Outcome::Alert(number);
    }
    match &seen.stranger {
        Some(Stranger::PlainHttp) => return Outcome::PlainHttp,
        Some(Stranger::Other(bytes)) => return Outcome::NotTls(hex(bytes)),
        None => {}
    }
    match ended {
        None => Outcome::Silent(waited),
        Some(Ended::Understood) => Outcome::NotTls("a malformed ServerHello".into()),
        Some(Ended::Closed) if reader.is_untouched() => Outcome::Closed,
        Some(Ended::Closed) => Outcome::NotTls("closed in the middle of an answer".into()),
        Some(Ended::Reset) => Outcome::Reset,
        Some(Ended::Broken(why)) => Outcome::Unreachable(why),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the connection ended, or never began, without a word of TLS.
pub(super) fn is_wordless(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Closed | Outcome::Reset | Outcome::NotListening | Outcome::Unreachable(_) => true,
        Outcome::Accepted { .. }
        | Outcome::Downgraded { .. }
        | Outcome::Alert(_)
        | Outcome::PlainHttp
        | Outcome::NotTls(_)
        | Outcome::Silent(_) => false,
    }
}
