//! Probes answer asks; they are the only code that touches the audited system.

pub mod address;
mod api;
mod doors;
mod exec;
#[cfg(test)]
mod faults;
mod fetch;
pub mod fingerprint;
mod history;
pub(crate) mod http;
mod logs;
pub(crate) mod manifests;
pub(crate) mod mcp;
pub mod meter;
mod metrics;
pub mod repo;
mod revocation;
pub mod secret;
mod services;
mod sockets;
mod tcp;
pub(crate) mod tls;
pub(crate) mod token;

#[cfg(test)]
pub(crate) use http::rig as http_rig;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use {api::fuzz_description, metrics::fuzz_samples};

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tokio::sync::watch;

use crate::evidence::http::{Exchange, Free, Request};
use crate::evidence::{Answer, Ask, Question, Run, Seen, Sent, SentAs, Unseen};
use crate::target::Target;
use address::Class;
use meter::Meter;
use secret::Vault;

/// The addresses of one name, once they are known.
type Resolved = Arc<tokio::sync::OnceCell<Result<Vec<std::net::IpAddr>, Unseen>>>;

/// What the probes of one run share.
pub struct World {
    run: Run,
    pub vault: Vault,
    pub meter: Meter,
    started: Instant,
    deadline: Instant,
    stop: watch::Receiver<bool>,
    cut_short: AtomicBool,
    /// The farthest class of address that was contacted.
    vantage: Mutex<Option<Class>>,
    clients: http::Clients,
    /// What each name resolved to, the first time.
    resolved: Mutex<BTreeMap<String, Resolved>>,
    /// Where earlier runs are kept; `None` where no history is.
    pub history: Option<Box<dyn crate::history::Store>>,
    pub progress: Box<dyn Fn(&str) + Send + Sync>,
    /// Where what was found in repositories is kept for the next run; `None`: nowhere.
    pub cache: Option<std::path::PathBuf>,
}

impl World {
    /// `stop` turns true when the user interrupts; `max_time` bounds the whole gathering.
    pub fn new(run: Run, vault: Vault, max_time: Duration, stop: watch::Receiver<bool>) -> Self {
        let started = Instant::now();
        Self {
            run,
            vault,
            meter: Meter::default(),
            started,
            deadline: started + max_time,
            stop,
            cut_short: AtomicBool::new(false),
            vantage: Mutex::new(None),
            clients: http::Clients::default(),
            resolved: Mutex::default(),
            history: None,
            progress: Box::new(|_| {}),
            cache: None,
        }
    }

    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Milliseconds since the run began.
    pub fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// What is left of `--max-time`.
    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    pub fn was_cut_short(&self) -> bool {
        self.cut_short.load(Ordering::Relaxed)
    }

    /// From where the targets were looked at.
    pub fn vantage(&self) -> String {
        match self.vantage.lock().map(|vantage| *vantage) {
            Ok(Some(class)) => class.to_string(),
            Ok(None) | Err(_) => "none".into(),
        }
    }

    /// Where the addresses of the name are kept.
    fn resolved(&self, host: &str) -> Resolved {
        let Ok(mut known) = self.resolved.lock() else { return Resolved::default() };
        known.entry(host.to_owned()).or_default().clone()
    }

    pub(crate) fn saw_address(&self, class: Class) {
        if let Ok(mut vantage) = self.vantage.lock() {
            *vantage = (*vantage).max(Some(class));
        }
    }

    pub fn sent(&self, target: &str, ask: &Ask) -> Sent {
        self.meter.sent(target, ask)
    }

    /// Answers these asks, and takes it that no others come. What has no answer when the time is up, or when a probe
    /// breaks, is unseen.
    pub async fn answer(&self, target: &Target, asks: BTreeSet<Ask>, answers: &mut BTreeMap<Ask, Answer>) {
        let (bursts, others): (BTreeSet<Ask>, BTreeSet<Ask>) =
            asks.into_iter().partition(|ask| matches!(ask, Ask::Burst(_)));
        let round = Round { asks: others.into_iter().map(|ask| (ask, Free::default())).collect(), last: true };
        let others = async {
            let answered = self.round(target, round).await;
            self.nothing_more(target);
            answered
        };
        let (answered, measured) = tokio::join!(others, self.measure(target, bursts));
        answers.extend(answered.answers);
        answers.extend(measured);
    }

    /// Measures limits beside the rounds, listening to what they send; ends after [`World::nothing_more`].
    pub async fn measure(&self, target: &Target, bursts: BTreeSet<Ask>) -> BTreeMap<Ask, Answer> {
        let round = Round { asks: bursts.into_iter().map(|ask| (ask, Free::default())).collect(), last: true };
        self.round(target, round).await.answers
    }

    /// Every question about the target was put.
    pub fn nothing_more(&self, target: &Target) {
        http::finish(self, target);
    }

    /// Answers the asks of one round. What may be sent more cheaply together with asks of a later round is left over,
    /// unless the round is the last.
    pub async fn round(&self, target: &Target, round: Round) -> Answered {
        for ask in round.asks.keys() {
            self.meter.plan(target, ask);
        }
        let sink = Sink::default();
        let mut stop = self.stop.clone();
        let ending = tokio::select! {
            slow = Box::pin(self.dispatch(target, &round, &sink)) => {
                let mut answered = sink.take();
                for ask in round.asks.into_keys() {
                    if !answered.left_over.contains(&ask) {
                        answered.answers.entry(ask).or_insert_with_key(|ask| Err(unanswered(ask, &slow)));
                    }
                }
                return answered;
            }
            () = tokio::time::sleep_until(self.deadline.into()) => {
                self.cut_short.store(true, Ordering::Relaxed);
                Unseen::OverBudget("the time of the audit (--max-time) was up".into())
            }
            _ = stop.wait_for(|stop| *stop) => {
                self.cut_short.store(true, Ordering::Relaxed);
                Unseen::Interrupted
            }
        };
        let mut answered = sink.take();
        for ask in round.asks.into_keys() {
            if !answered.left_over.contains(&ask) {
                answered.answers.entry(ask).or_insert_with(|| Err(ending.clone()));
            }
        }
        answered
    }

    /// How long one family of probes may take in this round. What a slow one would take beyond that is kept for the
    /// questions of later rounds, whose checks it must not starve; after the last round nobody waits.
    fn share(&self, round: &Round) -> Duration {
        let left = self.time_left();
        // Beyond the end of the audit, which is told by its own name.
        if round.last { left.saturating_mul(2) } else { left / SHARE.1 * SHARE.0 }
    }

    /// One line per family of probes: they run side by side, and a family that panics or takes too long takes no other
    /// with it. Gives those that ran out of their own time.
    async fn dispatch(&self, target: &Target, round: &Round, sink: &Sink) -> Slow {
        let own = self.share(round);
        let asks: &BTreeSet<Ask> = &round.asks.keys().cloned().collect();
        let requests = round.asks.iter().filter_map(|(ask, free)| match ask {
            Ask::Http(request) => Some((request.clone(), *free)),
            _ => None,
        });
        let requests = http::Requests { requests: requests.collect(), last: round.last };
        let descriptions = pick(asks, |ask| if let Ask::Api(description) = ask { Some(description) } else { None });
        let earlier = pick(asks, |ask| if let Ask::Earlier(ask) = ask { Some(ask) } else { None });
        let revocations = pick(asks, |ask| if let Ask::Revocation(ask) = ask { Some(ask) } else { None });
        let bursts = pick(asks, |ask| if let Ask::Burst(burst) = ask { Some(burst) } else { None });
        let conversations = pick(asks, |ask| if let Ask::Mcp(asked) = ask { Some(asked) } else { None });
        let tokens = pick(asks, |ask| if let Ask::Token(asked) = ask { Some(asked) } else { None });
        let doors = pick(asks, |ask| if let Ask::Addresses(ask) = ask { Some(ask) } else { None });
        let services = pick(asks, |ask| if let Ask::Services(ask) = ask { Some(ask) } else { None });
        let sockets = pick(asks, |ask| if let Ask::Sockets(ask) = ask { Some(ask) } else { None });
        let canaries = pick(asks, |ask| if let Ask::Canary(ask) = ask { Some(ask) } else { None });
        let watches = pick(asks, |ask| if let Ask::Watch(ask) = ask { Some(ask) } else { None });
        let manifests = pick(asks, |ask| if let Ask::Manifests(ask) = ask { Some(ask) } else { None });
        let programs = pick(asks, |ask| if let Ask::Exec(ask) = ask { Some(ask) } else { None });
        let families: [(Family, Probing<'_>); 16] = [
            (Family::Limit, Box::pin(http::measure(self, target, bursts, sink))),
            (Family::Http, Box::pin(http::answer(self, target, requests, sink))),
            (Family::Api, Box::pin(api::answer(self, target, descriptions, sink))),
            (Family::History, Box::pin(history::answer(self, target, earlier, sink))),
            (Family::Mcp, Box::pin(mcp::answer(self, target, conversations, sink))),
            (Family::Tls, Box::pin(tls::answer(self, target, asks, sink))),
            (Family::Revocation, Box::pin(revocation::answer(self, target, revocations, sink))),
            (Family::Repository, Box::pin(repo::answer(self, target, repo::Asks::of(asks), own, sink))),
            (Family::Services, Box::pin(services::answer(self, target, services, sink))),
            (Family::Addresses, Box::pin(doors::answer(self, target, doors, sink))),
            (Family::Sockets, Box::pin(sockets::answer(self, sockets, sink))),
            (Family::Token, Box::pin(token::answer(self, target, tokens, sink))),
            (Family::Logs, Box::pin(logs::answer(self, target, canaries, sink))),
            (Family::Metrics, Box::pin(metrics::answer(self, target, watches, sink))),
            (Family::Manifests, Box::pin(manifests::answer(target, manifests, sink))),
            (Family::Programs, Box::pin(exec::answer(self, target, programs, sink))),
            // one line per family
        ];
        let ended = families.into_iter().map(|(family, probing)| guard(family, own, probing));
        Slow { families: futures_util::future::join_all(ended).await.into_iter().flatten().collect(), own }
    }
}

/// What a family may take of the time that is left, where more rounds may follow: three quarters.
const SHARE: (u32, u32) = (3, 4);

type Probing<'a> = std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What is asked in one way, and so may be slow in one way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Family {
    Limit,
    Http,
    Api,
    History,
    Mcp,
    Tls,
    Revocation,
    Repository,
    Services,
    Addresses,
    Sockets,
    Token,
    Logs,
    Metrics,
    Manifests,
    Programs,
}

impl Family {
    fn of(ask: &Ask) -> Self {
        match ask {
            Ask::Burst(_) => Self::Limit,
            Ask::Http(_) => Self::Http,
            Ask::Api(_) => Self::Api,
            Ask::Earlier(_) => Self::History,
            Ask::Mcp(_) => Self::Mcp,
            Ask::Hello(_) | Ask::Suites(_) | Ask::Chain(_) => Self::Tls,
            Ask::Revocation(_) => Self::Revocation,
            Ask::Scope(_) | Ask::Secrets(_) | Ask::EnvFiles(_) | Ask::Ignored(_) | Ask::Lines(_) => Self::Repository,
            Ask::Services(_) => Self::Services,
            Ask::Addresses(_) => Self::Addresses,
            Ask::Sockets(_) => Self::Sockets,
            Ask::Token(_) => Self::Token,
            Ask::Canary(_) => Self::Logs,
            Ask::Watch(_) => Self::Metrics,
            Ask::Manifests(_) => Self::Manifests,
            Ask::Exec(_) => Self::Programs,
        }
    }
}

/// The families that ran out of their own time in a round, and how much that was.
struct Slow {
    families: Vec<Family>,
    own: Duration,
}

/// Why a round left a question without an answer.
fn unanswered(ask: &Ask, slow: &Slow) -> Unseen {
    if slow.families.contains(&Family::of(ask)) {
        return Unseen::OverBudget(format!(
            "it ran out of its own time ({:.1} s, three quarters of what was left): the rest is for the other questions; \
             raise --max-time",
            slow.own.as_secs_f64()
        ));
    }
    Unseen::Bug("no probe answered".into())
}

/// The asks of one kind.
fn pick<T: Clone>(asks: &BTreeSet<Ask>, of: impl Fn(&Ask) -> Option<&T>) -> Vec<T> {
    asks.iter().filter_map(of).cloned().collect()
}

/// The family, if it ran out of its time.
async fn guard(family: Family, own: Duration, probing: Probing<'_>) -> Option<Family> {
    // A panic leaves the family's asks without an answer, and `unanswered` turns that into `Unseen::Bug`.
    match tokio::time::timeout(own, AssertUnwindSafe(probing).catch_unwind()).await {
        Ok(Ok(()) | Err(_)) => None,
        Err(_) => Some(family),
    }
}

/// The asks of one round, each with what it leaves free.
pub struct Round {
    pub asks: BTreeMap<Ask, Free>,
    /// Whether nothing will be asked after it.
    pub last: bool,
}

/// What came of a round.
#[derive(Default)]
pub struct Answered {
    pub answers: BTreeMap<Ask, Answer>,
    /// What was really sent for asks that shared a request.
    pub sent_as: SentAs,
    /// To be asked again in the next round.
    pub left_over: BTreeSet<Ask>,
}

/// Where probes put their answers as they come, so that an interruption keeps what was seen.
#[derive(Default)]
pub struct Sink(Mutex<Answered>);

impl Sink {
    pub fn put<Q: Question>(&self, question: &Q, answer: Result<Q::Seen, Unseen>) {
        if let Ok(mut answered) = self.0.lock() {
            let ask: Ask = question.clone().into();
            answered.sent_as.remove(&ask);
            answered.answers.insert(ask, answer.map(Into::<Seen>::into));
        }
    }

    /// The answer to a request that was sent as another one, which leaves nothing out that was asked.
    pub fn put_shared(&self, question: &Request, exchange: Exchange, sent: &Request) {
        if let Ok(mut answered) = self.0.lock() {
            let ask = Ask::from(question.clone());
            answered.sent_as.insert(ask.clone(), sent.clone());
            answered.answers.insert(ask, Ok(exchange.into()));
        }
    }

    pub fn leave_over(&self, question: &Request) {
        if let Ok(mut answered) = self.0.lock() {
            answered.left_over.insert(question.clone().into());
        }
    }

    fn take(&self) -> Answered {
        self.0.lock().map(|mut answered| std::mem::take(&mut *answered)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
