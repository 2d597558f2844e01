//! Small servers on loopback that misbehave on purpose, and what is needed to ask them.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::check::{Bound, Check, Verdict};
use crate::evidence::{Ask, Evidence, Run};
use crate::probe::World;
use crate::probe::secret::{Secret, Vault};
use crate::target::{Deployment, Endpoint, Limits, Scope, Target, Token, TokenSource, Writes};

/// A request as it came in.
pub(crate) struct Incoming {
    pub(super) peer: IpAddr,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) head: String,
}

impl Incoming {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Serves `answer` on a port of its own for as long as the runtime lives.
pub(crate) async fn serve(answer: impl Fn(&Incoming) -> String + Send + Sync + 'static) -> SocketAddr {
    serve_on("127.0.0.1:0", answer).await
}

pub(super) async fn serve_on(at: &str, answer: impl Fn(&Incoming) -> String + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind(at).await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let _ = converse(stream, peer, &*answer).await;
            });
        }
    });
    address
}

async fn converse(
    mut stream: TcpStream,
    peer: SocketAddr,
    answer: &(dyn Fn(&Incoming) -> String + Send + Sync),
) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
        let incoming = Incoming { peer: peer.ip(), method, path, head: head.clone() };
        let length: usize = incoming.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        while buffer.len() < end + length {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
        buffer.drain(..end + length);
        stream.write_all(answer(&incoming).as_bytes()).await?;
        stream.flush().await?;
        if incoming.header("connection") == Some("close") {
            return Ok(());
        }
    }
}

pub(super) fn response(status: u16, headers: &[(&str, String)], body: &str) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {status} Status\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// The makes of limiters.
#[derive(Clone, Copy)]
pub(super) enum Make {
    FromFirst,
    Aligned,
    Sliding,
    /// So many at once, refilled at the limiter's own rate.
    Bucket {
        burst: u32,
    },
}

pub(super) struct Limiter {
    make: Make,
    limit: u32,
    window: Duration,
    started: Instant,
    counts: Mutex<BTreeMap<String, Count>>,
}

#[derive(Default)]
struct Count {
    served: VecDeque<Instant>,
    window: Option<(Instant, u128, u32)>,
    level: Option<(f64, Instant)>,
}

impl Limiter {
    pub(super) fn new(make: Make, limit: u32, window: Duration) -> Self {
        Self { make, limit, window, started: Instant::now(), counts: Mutex::default() }
    }

    /// How long nothing more is served, without counting anything; windows from the first request only.
    pub(super) fn full(&self, key: &str) -> Option<Duration> {
        let counts = self.counts.lock().unwrap();
        let (start, _, served) = counts.get(key)?.window?;
        let left = self.window.saturating_sub(start.elapsed());
        (served >= self.limit && !left.is_zero()).then_some(left)
    }

    /// Whether one more is served; else the wait.
    pub(super) fn take(&self, key: &str) -> Result<(), Duration> {
        let now = Instant::now();
        let mut counts = self.counts.lock().unwrap();
        let count = counts.entry(key.to_owned()).or_default();
        match self.make {
            Make::FromFirst | Make::Aligned => {
                let epoch = now.duration_since(self.started).as_millis() / self.window.as_millis();
                let over = |(start, of, _): (Instant, u128, u32)| match self.make {
                    Make::Aligned => of != epoch,
                    Make::FromFirst | Make::Sliding | Make::Bucket { .. } => now.duration_since(start) >= self.window,
                };
                if count.window.is_none_or(over) {
                    count.window = Some((now, epoch, 0));
                }
                let (start, _, served) = count.window.as_mut().unwrap();
                *served += 1;
                if *served <= self.limit { Ok(()) } else { Err(self.window.saturating_sub(now - *start)) }
            }
            Make::Sliding => {
                while count.served.front().is_some_and(|first| now.duration_since(*first) >= self.window) {
                    count.served.pop_front();
                }
                if count.served.len() < self.limit as usize {
                    count.served.push_back(now);
                    return Ok(());
                }
                Err(self.window.saturating_sub(now.duration_since(*count.served.front().unwrap())))
            }
            Make::Bucket { burst } => {
                let rate = f64::from(self.limit) / self.window.as_secs_f64();
                let (level, at) = count.level.unwrap_or((f64::from(burst), now));
                let level = (level + rate * (now - at).as_secs_f64()).min(f64::from(burst));
                let served = level >= 1.0;
                count.level = Some((if served { level - 1.0 } else { level }, now));
                if served { Ok(()) } else { Err(Duration::from_secs_f64((1.0 - level) / rate)) }
            }
        }
    }
}

pub(super) const TOKEN: &str = "rig-token-that-is-long-enough-for-it";

/// A target with the rig's token, whose endpoints are given as `GET /path` or as a bare path.
pub(crate) fn target(url: &str, endpoints: &[&str]) -> Target {
    let endpoints = endpoints
        .iter()
        .map(|endpoint| {
            let (method, path) = endpoint.split_once(' ').unwrap_or(("GET", endpoint));
            Endpoint { method: method.into(), path: path.into(), public: None, method_named: endpoint.contains(' ') }
        })
        .collect();
    Target {
        name: "rig".into(),
        environment: crate::target::Environment::Production,
        scope: Scope::Deployment,
        deployment: Some(Deployment {
            url: url.parse().unwrap(),
            plain: None,
            authorised: None,
            endpoints,
            openapi: None,
            token: Some(Token { source: TokenSource::Demo, header: "Authorization".into(), disposable: false }),
            client_cert: None,
            headers: BTreeMap::new(),
            proxy: None,
            resolve: BTreeMap::new(),
            origins: None,
            hosts: Vec::new(),
            tools: None,
            ca: None,
            system_roots: false,
            pins: Vec::new(),
            logs: Vec::new(),
            monitoring: None,
            writes: Writes::Deny,
            limits: Limits::default(),
            never: Vec::new(),
            costly: Vec::new(),
            exempt: None,
        }),
        repository: None,
        checks: BTreeMap::new(),
    }
}

/// A world that ends after `seconds`.
pub(crate) fn world(seconds: u64) -> World {
    let run = Run {
        id: "rig".into(),
        seed: 7,
        taken_at: chrono::DateTime::UNIX_EPOCH,
        finished: chrono::DateTime::UNIX_EPOCH,
        complete: true,
        scheduled: false,
        vantage: "loopback".into(),
        authorised: None,
    };
    let (keep, stop) = tokio::sync::watch::channel(false);
    // The channel must outlive the world: closing it is an interruption.
    std::mem::forget(keep);
    let vault = Vault::default();
    vault.set_token("rig", Secret::new(TOKEN.into()));
    World::new(run, vault, Duration::from_secs(seconds), stop)
}

/// What `check` says of the target, its asks answered by the probes.
pub(crate) async fn judged<C: Check>(
    check: C,
    target: &Target,
    world: &World,
    beside: Vec<Ask>,
) -> (Verdict, Evidence) {
    let mut target = target.clone();
    target.checks.insert(C::ABOUT.id.into(), serde_json::to_value(&check).unwrap());
    let mut answers = BTreeMap::new();
    let mut asks: std::collections::BTreeSet<Ask> = beside.into_iter().collect();
    for _ in 0..3 {
        let seen = Evidence::new(world.run(), crate::evidence::Declared::default(), answers.clone());
        asks.extend(Bound::asks(&check, &target, &seen).into_iter().filter(|ask| !answers.contains_key(ask)));
        if asks.is_empty() {
            break;
        }
        world.answer(&target, std::mem::take(&mut asks), &mut answers).await;
    }
    let evidence = Evidence::new(world.run(), crate::evidence::Declared::default(), answers);
    (Bound::judge(&check, &target, &evidence), evidence)
}
