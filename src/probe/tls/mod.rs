//! TLS without a TLS library: hellos of every age, and what came back in clear.

mod chain;
mod hello;
mod reader;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::evidence::http::Listener;
use crate::evidence::tls::{
    ADDRESSES, Chain, Chosen, ChosenAt, Greeted, Greeting, Hello, Outcome, Presented, PresentedAt, Strictness, Suites,
    Version,
};
use crate::evidence::{Ask, Unseen};
use crate::probe::meter::Kind;
use crate::probe::{Sink, World, address, pick};
use crate::target::Target;
use crate::tls::suites;
use hello::Offer;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use reader::fuzz_flight;
use reader::{Flight, Reader, Stranger};

/// For a TCP connection.
const CONNECTING: Duration = Duration::from_secs(5);
/// For the first try of a hello. A server that needs longer is asked again with [`PATIENT`].
const PROMPT: Duration = Duration::from_secs(3);
/// For the second try: servers that take four seconds to answer are real, and no scanner's three seconds judge them.
const PATIENT: Duration = Duration::from_secs(12);
/// Before a wordless end is asked about again: a server that takes few connections at a time has to see the last one go.
const PAUSE: Duration = Duration::from_millis(250);
/// Addresses looked at side by side.
const ABREAST: usize = 4;

/// Answers every ask about TLS; one sweep over the versions serves the hellos and the chain.
pub(super) async fn answer(world: &World, target: &Target, asks: &BTreeSet<Ask>, sink: &Sink) {
    let asked = Asked {
        hello: pick(asks, |ask| if let Ask::Hello(hello) = ask { Some(hello) } else { None }).pop(),
        suites: pick(asks, |ask| if let Ask::Suites(suites) = ask { Some(suites) } else { None }),
        chain: pick(asks, |ask| if let Ask::Chain(chain) = ask { Some(chain) } else { None }).pop(),
    };
    if asked.hello.is_none() && asked.suites.is_empty() && asked.chain.is_none() {
        return;
    }
    if let Err(unseen) = look(world, target, &asked, sink).await {
        asked.refuse(&unseen, sink);
    }
}

/// What this round asks about TLS.
struct Asked {
    hello: Option<Hello>,
    suites: Vec<Suites>,
    chain: Option<Chain>,
}

impl Asked {
    fn refuse(&self, unseen: &Unseen, sink: &Sink) {
        if let Some(hello) = &self.hello {
            sink.put(hello, Err(unseen.clone()));
        }
        for suites in &self.suites {
            sink.put(suites, Err(unseen.clone()));
        }
        if let Some(chain) = &self.chain {
            sink.put(chain, Err(unseen.clone()));
        }
    }
}

/// What one address showed.
struct Looked {
    greeted: Option<Greeted>,
    chosen: Vec<ChosenAt>,
    presented: Option<PresentedAt>,
}

async fn look(world: &World, target: &Target, asked: &Asked, sink: &Sink) -> Result<(), Unseen> {
    let deployment = target.deployment().map_err(|absent| Unseen::NotNamed(absent.to_string()))?;
    if deployment.proxy.is_some() {
        return Err(Unseen::NotComparable(
            "the target is reached through a proxy, and a TLS hello past it would judge another path".into(),
        ));
    }
    let mut addresses = address::addresses(world, target, deployment.host(), deployment.port()).await?;
    let left_out = addresses.split_off(addresses.len().min(ADDRESSES as usize));
    let line = Line {
        world,
        target,
        name: deployment.host().parse::<std::net::IpAddr>().is_err().then(|| deployment.host()),
        host: Listener::Main.host(target).unwrap_or_default(),
    };
    let looked: Vec<Looked> =
        stream::iter(&addresses).map(|address| line.look(*address, asked)).buffered(ABREAST).collect().await;
    let mut greeting = Greeting { addresses: Vec::new(), left_out: left_out.iter().map(ToString::to_string).collect() };
    let mut chosen: Vec<Chosen> = asked.suites.iter().map(|_| Chosen::default()).collect();
    let mut presented = Presented::default();
    for at in looked {
        greeting.addresses.extend(at.greeted);
        for (chosen, at) in chosen.iter_mut().zip(at.chosen) {
            chosen.addresses.push(at);
        }
        presented.addresses.extend(at.presented);
    }
    if let Some(hello) = &asked.hello {
        sink.put(hello, Ok(greeting));
    }
    for (suites, chosen) in asked.suites.iter().zip(chosen) {
        sink.put(suites, Ok(chosen));
    }
    if let Some(chain) = &asked.chain {
        let roots = match &deployment.ca {
            Some(path) => chain::roots(path).await.map(Some),
            None => Ok(None),
        };
        sink.put(chain, roots.map(|roots| Presented { roots, ..presented }));
    }
    Ok(())
}

/// What one hello met, and what came with it.
#[derive(Clone, Debug)]
struct Met {
    outcome: Outcome,
    flight: Flight,
}

impl From<Outcome> for Met {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, flight: Flight::default() }
    }
}

/// How the hellos of one target are sent.
struct Line<'a> {
    world: &'a World,
    target: &'a Target,
    /// The name for SNI.
    name: Option<&'a str>,
    /// `host:port`, as the plan has it.
    host: String,
}

impl Line<'_> {
    async fn look(&self, address: SocketAddr, asked: &Asked) -> Looked {
        let sweep = match &asked.hello {
            Some(hello) => Some(self.sweep(address, &hello.clone().into()).await),
            None => None,
        };
        let mute = sweep.as_ref().and_then(|sweep| mute(sweep));
        let presented = match &asked.chain {
            Some(ask) => Some(self.chain(address, &ask.clone().into(), sweep.as_deref(), mute.as_ref()).await),
            None => None,
        };
        let mut chosen = Vec::new();
        for ask in &asked.suites {
            chosen.push(self.suites(address, ask, mute.clone()).await);
        }
        let greeted = match (sweep, &asked.hello) {
            (Some(sweep), Some(hello)) => Some(self.greeted(address, &hello.clone().into(), sweep).await),
            (Some(_) | None, _) => None,
        };
        Looked { greeted, chosen, presented }
    }

    /// One hello a version, side by side; what stayed without a word is asked once more.
    async fn sweep(&self, address: SocketAddr, ask: &Ask) -> Vec<(Version, Met)> {
        let hellos = Version::ALL.map(|version| async move {
            let every = hello::every_suite(version);
            (version, self.send(address, ask, version, &every, PROMPT).await)
        });
        let mut sweep = join_all(hellos).await;
        let closed_port = sweep.iter().all(|(_, met)| met.outcome == Outcome::NotListening);
        if closed_port {
            return sweep;
        }
        // Slow answers side by side; connections that were dropped, one by one: five at once may have been too many.
        let patient = sweep.iter().filter(|(_, met)| matches!(met.outcome, Outcome::Silent(_))).map(|(version, _)| {
            let version = *version;
            async move {
                let every = hello::every_suite(version);
                (version, self.send(address, ask, version, &every, PATIENT).await)
            }
        });
        let patient = join_all(patient).await;
        for (version, met) in &mut sweep {
            if let Some((_, later)) = patient.iter().find(|(asked, _)| asked == version) {
                met.clone_from(later);
            } else if is_wordless(&met.outcome) {
                tokio::time::sleep(PAUSE).await;
                let every = hello::every_suite(*version);
                *met = self.send(address, ask, *version, &every, PATIENT).await;
            }
        }
        sweep
    }

    /// The sweep as evidence, with the newest accepted version asked once more where anything was refused.
    async fn greeted(&self, address: SocketAddr, ask: &Ask, sweep: Vec<(Version, Met)>) -> Greeted {
        let newest = sweep.iter().rev().find(|(_, met)| met.outcome.is_accepted()).map(|(version, _)| *version);
        let control = match newest {
            Some(version) => {
                let every = hello::every_suite(version);
                Some(self.insist(address, ask, version, &every).await.outcome)
            }
            None => None,
        };
        let hellos = sweep.into_iter().map(|(version, met)| (version, met.outcome)).collect();
        Greeted { address: address.to_string(), hellos, control }
    }

    async fn suites(&self, address: SocketAddr, question: &Suites, mute: Option<Outcome>) -> ChosenAt {
        let mut at = ChosenAt {
            address: address.to_string(),
            suites: Vec::new(),
            last: mute.unwrap_or(Outcome::Closed),
            group_bits: None,
            group: None,
        };
        if !matches!(at.last, Outcome::Closed) {
            return at;
        }
        let ask: Ask = question.clone().into();
        let mut offered = suites::forbidden(question.strictness);
        while !offered.is_empty() {
            let met = self.insist(address, &ask, Version::Tls12, &offered).await;
            let chosen = match &met.outcome {
                Outcome::Accepted { suite } | Outcome::Downgraded { suite, .. } if offered.contains(suite) => *suite,
                _ => {
                    at.last = met.outcome;
                    break;
                }
            };
            at.suites.push(chosen);
            at.last = met.outcome;
            let kind = suites::find(chosen).map(|suite| suite.kind);
            offered.retain(|number| suites::find(*number).map(|suite| suite.kind) != kind);
        }
        if question.strictness == Strictness::Sane {
            let groups: Vec<u16> = suites::ALL
                .iter()
                .filter(|suite| suite.kind == suites::Kind::Sound && suites::is_finite_field(suite.number))
                .map(|suite| suite.number)
                .collect();
            let met = self.insist(address, &ask, Version::Tls12, &groups).await;
            at.group_bits = met.flight.group_bits.and_then(|bits| u32::try_from(bits).ok());
            at.group = Some(met.outcome);
        }
        at
    }

    /// The chain out of the sweep, else out of a hello of its own, else through a handshake of TLS 1.3.
    async fn chain(
        &self,
        address: SocketAddr,
        ask: &Ask,
        sweep: Option<&[(Version, Met)]>,
        mute: Option<&Outcome>,
    ) -> PresentedAt {
        let seen = |chain| PresentedAt { address: address.to_string(), chain };
        if let Some(outcome) = mute {
            return seen(Err(why_mute(outcome, address)));
        }
        let mut last = None;
        let in_clear = sweep.into_iter().flatten().rev().find_map(|(_, met)| chain::of(&met.flight));
        if let Some(sent) = in_clear {
            return seen(Ok(sent));
        }
        let refused = sweep.into_iter().flatten().any(|(version, met)| {
            *version == Version::Tls12 && matches!(met.outcome, Outcome::Alert(_) | Outcome::Closed | Outcome::Reset)
        });
        if !refused {
            let met = self.insist(address, ask, Version::Tls12, &hello::every_suite(Version::Tls12)).await;
            if let Some(sent) = chain::of(&met.flight) {
                return seen(Ok(sent));
            }
            last = Some(met.outcome);
        }
        if let Some(outcome @ (Outcome::NotListening | Outcome::Unreachable(_) | Outcome::Silent(_))) = &last {
            return seen(Err(why_mute(outcome, address)));
        }
        let mut shaken = self.handshake(address, ask, PROMPT).await;
        if let Err(Unseen::TimedOut(_)) = shaken {
            shaken = self.handshake(address, ask, PATIENT).await;
        }
        seen(match (shaken, last) {
            (Err(Unseen::Malformed(why)), Some(outcome)) => {
                Err(Unseen::Malformed(format!("no chain from {address}: TLS 1.2 {outcome}; TLS 1.3: {why}")))
            }
            (shaken, _) => shaken,
        })
    }

    async fn handshake(
        &self,
        address: SocketAddr,
        ask: &Ask,
        within: Duration,
    ) -> Result<crate::evidence::tls::Sent, Unseen> {
        self.world.meter.send(self.target, ask, Kind::Connection, &self.host)?;
        let host = self.name.map_or_else(|| address.ip().to_string(), ToOwned::to_owned);
        match timeout(within, chain::shake_hands(address, &host)).await {
            Ok(chain) => chain,
            Err(_) => Err(Unseen::TimedOut(format!("{address} shook no hands within {} s", within.as_secs()))),
        }
    }

    /// A hello, and once more with patience where it met no word.
    async fn insist(&self, address: SocketAddr, ask: &Ask, version: Version, suites: &[u16]) -> Met {
        let met = self.send(address, ask, version, suites, PROMPT).await;
        if is_wordless(&met.outcome) {
            tokio::time::sleep(PAUSE).await;
            return self.send(address, ask, version, suites, PATIENT).await;
        }
        if matches!(met.outcome, Outcome::Silent(_)) {
            return self.send(address, ask, version, suites, PATIENT).await;
        }
        met
    }

    /// One connection, one hello, and the server's first flight.
    async fn send(&self, address: SocketAddr, ask: &Ask, version: Version, suites: &[u16], within: Duration) -> Met {
        if let Err(unseen) = self.world.meter.send(self.target, ask, Kind::Connection, &self.host) {
            return Outcome::Unreachable(unseen.to_string()).into();
        }
        let mut stream = match timeout(CONNECTING, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => return Outcome::NotListening.into(),
            Ok(Err(error)) => return Outcome::Unreachable(error.to_string()).into(),
            Err(_) => return Outcome::Unreachable(format!("no answer within {} s", CONNECTING.as_secs())).into(),
        };
        // A delayed hello is a slower hello; whether the option can be set decides nothing.
        let _ = stream.set_nodelay(true);
        let random = self.random(address, version, suites);
        let hello = hello::write(&Offer { version, suites, name: self.name, random });
        let started = Instant::now();
        let mut reader = Reader::default();
        let ended = timeout(within, exchange(&mut stream, &hello, &mut reader)).await.ok();
        let waited = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Met { outcome: outcome(version, &reader, ended, waited), flight: reader.seen }
    }

    /// Random enough for a hello that becomes no session, and the same on every run with the same seed.
    fn random(&self, address: SocketAddr, version: Version, suites: &[u16]) -> [u8; 64] {
        let mut random = [0; 64];
        for (half, number) in random.chunks_exact_mut(32).zip(0u8..) {
            let digest = Sha256::new()
                .chain_update(self.world.run().seed.to_be_bytes())
                .chain_update(format!("{address} {version} {} {number}", suites.len()))
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
fn is_wordless(outcome: &Outcome) -> bool {
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

/// The outcome of every hello of the sweep, where none of them met TLS at all: nothing further is worth asking.
fn mute(sweep: &[(Version, Met)]) -> Option<Outcome> {
    let speaks = |outcome: &Outcome| match outcome {
        Outcome::Accepted { .. }
        | Outcome::Downgraded { .. }
        | Outcome::Alert(_)
        | Outcome::Closed
        | Outcome::Reset => true,
        Outcome::PlainHttp
        | Outcome::NotTls(_)
        | Outcome::Silent(_)
        | Outcome::NotListening
        | Outcome::Unreachable(_) => false,
    };
    if sweep.iter().any(|(_, met)| speaks(&met.outcome)) {
        return None;
    }
    sweep.last().map(|(_, met)| met.outcome.clone())
}

fn why_mute(outcome: &Outcome, address: SocketAddr) -> Unseen {
    let what = format!("{address}: {outcome}");
    match outcome {
        Outcome::Silent(_) => Unseen::TimedOut(what),
        Outcome::NotListening | Outcome::Unreachable(_) => Unseen::Unreachable(what),
        Outcome::Accepted { .. }
        | Outcome::Downgraded { .. }
        | Outcome::Alert(_)
        | Outcome::Closed
        | Outcome::Reset
        | Outcome::PlainHttp
        | Outcome::NotTls(_) => Unseen::Malformed(what),
    }
}
