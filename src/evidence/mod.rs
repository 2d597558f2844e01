//! What was observed, and how to ask for it. Everything here is plain data.

pub mod address;
pub mod api;
pub mod catalogue;
pub mod declared;
pub mod exec;
pub mod history;
pub mod http;
pub mod limit;
pub mod logs;
pub mod manifest;
pub mod mcp;
pub mod repo;
pub mod revocation;
pub mod service;
pub mod tls;
pub mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::policy::Policy;
use crate::target::Target;
pub use declared::Declared;

/// One kind of ask, and the type of its answer. Asking twice costs once: equal asks share one observation.
///
/// An ask is symbolic: it names credentials, origins and canaries, never a secret's value.
pub trait Question: Clone + Into<Ask> {
    type Seen: Into<Seen>;

    fn read(seen: &Seen) -> Option<&Self::Seen>;

    /// Sends at most: HTTP requests plus bare connections; controls, top-up, requeues, retries and reruns included.
    /// Nothing that stays on this machine's disk counts.
    fn ceiling(&self, target: &Target) -> u32;

    /// The hosts that may be contacted for it, as `host:port`.
    fn hosts(&self, target: &Target) -> BTreeSet<String>;

    /// The question in one line, as `plan` prints it.
    fn describe(&self) -> String;
}

/// One line per kind of ask: `kind: question => answer`.
macro_rules! questions {
    ($($kind:ident: $ask:ty => $seen:ty),* $(,)?) => {
        /// Every question that the probes can answer; the plan is a set of these.
        #[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Ask { $($kind($ask)),* }

        /// Every kind of answer, as recorded and replayed.
        #[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Seen { $($kind($seen)),* }

        impl Ask {
            pub fn ceiling(&self, target: &Target) -> u32 {
                match self { $(Self::$kind(ask) => Question::ceiling(ask, target)),* }
            }

            pub fn hosts(&self, target: &Target) -> BTreeSet<String> {
                match self { $(Self::$kind(ask) => Question::hosts(ask, target)),* }
            }
        }

        impl fmt::Display for Ask {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $(Self::$kind(ask) => f.write_str(&Question::describe(ask))),* }
            }
        }

        $(
            impl From<$ask> for Ask { fn from(ask: $ask) -> Self { Self::$kind(ask) } }
            impl From<$seen> for Seen { fn from(seen: $seen) -> Self { Self::$kind(seen) } }
        )*
    };
}
/// The two functions of [`Question`] that only tie a question to its variant.
#[macro_export]
macro_rules! seen_as {
    ($kind:ident => $seen:ty) => {
        type Seen = $seen;

        fn read(seen: &$crate::evidence::Seen) -> Option<&$seen> {
            match seen {
                $crate::evidence::Seen::$kind(seen) => Some(seen),
                _ => None,
            }
        }
    };
}

questions! {
    Http: http::Request => http::Exchange,
    Burst: limit::Burst => limit::Measured,
    Api: api::Description => api::Operations,
    Mcp: mcp::Conversation => mcp::Transcript,
    Hello: tls::Hello => tls::Greeting,
    Suites: tls::Suites => tls::Chosen,
    Chain: tls::Chain => tls::Presented,
    Revocation: revocation::Revocation => revocation::Listed,
    Services: service::Services => service::Listening,
    Sockets: service::Sockets => service::LocalSockets,
    Addresses: address::Addresses => address::Doors,
    Token: token::TokenAsk => token::TokenFacts,
    Earlier: history::Earlier => history::Runs,
    Scope: repo::ScopeAsk => repo::Coverage,
    Secrets: repo::SecretsAsk => repo::Leaks,
    EnvFiles: repo::EnvFilesAsk => repo::EnvFiles,
    Ignored: repo::IgnoredAsk => repo::Ignored,
    Lines: repo::Lines => repo::Matches,
    Manifests: manifest::Manifests => manifest::Found,
    Canary: logs::Canary => logs::Trace,
    Watch: logs::Watch => logs::Watched,
    Exec: exec::Exec => exec::Said,
}

/// The answer to an ask: what was seen, or why nothing was.
pub type Answer = Result<Seen, Unseen>;

/// Why an ask has no answer. It makes the item inconclusive unless a fault is proven elsewhere.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unseen {
    /// Nobody asked; on replay under another policy, what was never observed.
    NotAsked,
    /// The target lacks what the item is decided from.
    NotNamed(String),
    /// The policy or the target lacks a setting; says which.
    NotConfigured(String),
    /// The policy's safety knobs do not allow the ask; says which would.
    NotAllowed(String),
    TimedOut(String),
    Unreachable(String),
    /// A limiter, a load shedder or a WAF answered instead of the service.
    Limited(String),
    /// The controls beside the ask did not hold, or what was sent is not what was asked.
    NotComparable(String),
    /// Ceiling, budget or time is used up.
    OverBudget(String),
    /// Something was read, but not all of it.
    Partial(String),
    /// It answered, but not in a form that can be read.
    Malformed(String),
    /// Nothing is stored, declared or present that would decide it.
    NoEvidence(String),
    Interrupted,
    /// A bug of watertight's own; never a pass.
    Bug(String),
}

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.write_str("not asked in this run"),
            Self::NotNamed(what) | Self::NotConfigured(what) | Self::NoEvidence(what) => f.write_str(what),
            Self::NotAllowed(what) => write!(f, "not allowed: {what}"),
            Self::TimedOut(what) => write!(f, "timed out: {what}"),
            Self::Unreachable(what) => write!(f, "unreachable: {what}"),
            Self::Limited(what) => write!(f, "limited: {what}"),
            Self::NotComparable(what) => write!(f, "not comparable: {what}"),
            Self::OverBudget(what) => write!(f, "over budget: {what}"),
            Self::Partial(what) => write!(f, "only partly seen: {what}"),
            Self::Malformed(what) => write!(f, "malformed answer: {what}"),
            Self::Interrupted => f.write_str("interrupted before it was seen"),
            Self::Bug(what) => write!(f, "internal fault (please report it): {what}"),
        }
    }
}

/// Everything observed about one target in one run; the only thing a check may look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// When it was gathered. This is the only clock a check has.
    pub taken_at: DateTime<Utc>,
    /// Makes canaries and wrong credentials reproducible.
    pub seed: u64,
    /// What the policy declares beside its targets.
    pub declared: Declared,
    answers: BTreeMap<Ask, Answer>,
    sent_as: SentAs,
}

/// What was really sent for asks that shared a request.
pub type SentAs = BTreeMap<Ask, http::Request>;

impl Evidence {
    pub fn at(taken_at: DateTime<Utc>) -> Self {
        let answers = BTreeMap::new();
        Self { taken_at, seed: 0, declared: Declared::default(), answers, sent_as: SentAs::new() }
    }

    pub fn new(run: &Run, declared: Declared, answers: BTreeMap<Ask, Answer>) -> Self {
        Self { taken_at: run.taken_at, seed: run.seed, declared, answers, sent_as: SentAs::new() }
    }

    /// With what was really sent for asks that shared a request.
    #[must_use]
    pub fn sent_as(mut self, sent_as: SentAs) -> Self {
        self.sent_as = sent_as;
        self
    }

    #[must_use]
    pub fn with<Q: Question>(mut self, question: Q, seen: Q::Seen) -> Self {
        self.answers.insert(question.into(), Ok(seen.into()));
        self
    }

    #[must_use]
    pub fn without<Q: Question>(mut self, question: Q, unseen: Unseen) -> Self {
        self.answers.insert(question.into(), Err(unseen));
        self
    }

    pub fn record(&mut self, ask: Ask, answer: Answer) {
        self.answers.insert(ask, answer);
    }

    /// The answer to `question`, or why there is none.
    pub fn of<Q: Question>(&self, question: &Q) -> Result<&Q::Seen, Unseen> {
        match self.answers.get(&question.clone().into()) {
            Some(Ok(seen)) => Q::read(seen)
                .ok_or_else(|| Unseen::Bug(format!("the answer to `{}` is of another kind", question.describe()))),
            Some(Err(unseen)) => Err(unseen.clone()),
            None => Err(Unseen::NotAsked),
        }
    }

    pub fn answers(&self) -> &BTreeMap<Ask, Answer> {
        &self.answers
    }

    /// Every HTTP exchange of the run with this target, whoever asked for it, with the request as it was really sent:
    /// what passive checks look through.
    pub fn exchanges(&self) -> impl Iterator<Item = (&http::Request, &http::Exchange)> {
        let mut shared = BTreeSet::new();
        self.answers.iter().filter_map(move |(ask, answer)| match (ask, answer) {
            (Ask::Http(request), Ok(Seen::Http(exchange))) => match self.sent_as.get(ask) {
                None => Some((request, exchange)),
                Some(sent) => shared.insert(sent).then_some((sent, exchange)),
            },
            _ => None,
        })
    }
}

/// One run of the audit.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Run {
    /// Sent with every request as `X-Watertight-Run`.
    pub id: String,
    pub seed: u64,
    pub taken_at: DateTime<Utc>,
    pub finished: DateTime<Utc>,
    /// False after an interruption or when the time ran out.
    pub complete: bool,
    /// Whether the run was marked `--scheduled`.
    pub scheduled: bool,
    /// From where the target was looked at: `loopback`, `private`, `public`, or `none` without a deployment.
    pub vantage: String,
    /// Who allowed the audit of a public address.
    pub authorised: Option<String>,
}

/// The evidence of a whole run, as `--evidence` writes it and `replay` reads it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Recording {
    /// Version of this format.
    pub version: u32,
    pub tool: Tool,
    pub run: Run,
    /// The policy as meant, targets included.
    pub policy: Policy,
    pub targets: Vec<TargetRecord>,
    /// What the history said of this run, so that a replay says it, too. Another policy is not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<crate::report::drift::Drift>,
}

impl Recording {
    pub const VERSION: u32 = 1;
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Tool {
    pub name: String,
    pub version: String,
}

impl Tool {
    pub fn this() -> Self {
        Self { name: env!("CARGO_PKG_NAME").into(), version: env!("CARGO_PKG_VERSION").into() }
    }
}

/// What was asked and seen of one target.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct TargetRecord {
    pub target: String,
    pub answers: Vec<Observation>,
    /// Exchanges that answer several asks, or asks that left a factor free; the answers point here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<Shared>,
}

/// One exchange, and the request as it was really sent.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Shared {
    pub request: http::Request,
    pub exchange: http::Exchange,
}

impl TargetRecord {
    /// The record of these answers, each shared exchange written once. `sent` says what an ask cost.
    pub fn of(target: &str, answers: BTreeMap<Ask, Answer>, sent_as: &SentAs, sent: impl Fn(&Ask) -> Sent) -> Self {
        let mut record = Self { target: target.to_owned(), answers: Vec::new(), shared: Vec::new() };
        let mut places: BTreeMap<&http::Request, usize> = BTreeMap::new();
        for (ask, answer) in answers {
            let answer = match (sent_as.get(&ask), answer) {
                (Some(request), Ok(Seen::Http(exchange))) => {
                    let place = *places.entry(request).or_insert(record.shared.len());
                    if place == record.shared.len() {
                        record.shared.push(Shared { request: request.clone(), exchange });
                    }
                    Recorded::Shared(place)
                }
                (_, answer) => answer.into(),
            };
            record.answers.push(Observation { sent: sent(&ask), ask, answer });
        }
        record
    }

    /// What was answered, shared exchanges put in their place.
    pub fn answer(&self, recorded: &Recorded) -> Answer {
        match recorded {
            Recorded::Seen(seen) => Ok(seen.clone()),
            Recorded::Unseen(unseen) => Err(unseen.clone()),
            Recorded::Shared(place) => self
                .shared
                .get(*place)
                .map(|shared| Seen::Http(shared.exchange.clone()))
                .ok_or_else(|| Unseen::Malformed("the evidence points to an exchange that it does not hold".into())),
        }
    }

    /// The evidence as checks see it.
    pub fn evidence(&self, run: &Run, declared: Declared) -> Evidence {
        let answers = self.answers.iter().map(|seen| (seen.ask.clone(), self.answer(&seen.answer))).collect();
        let sent_as = self.answers.iter().filter_map(|seen| match &seen.answer {
            Recorded::Shared(place) => Some((seen.ask.clone(), self.shared.get(*place)?.request.clone())),
            Recorded::Seen(_) | Recorded::Unseen(_) => None,
        });
        Evidence::new(run, declared, answers).sent_as(sent_as.collect())
    }
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Observation {
    pub ask: Ask,
    #[serde(flatten)]
    pub answer: Recorded,
    /// What was really sent for it.
    pub sent: Sent,
}

/// An [`Answer`] as it is written.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recorded {
    Seen(Seen),
    Unseen(Unseen),
    /// The exchange at this place of the record's `shared`.
    Shared(usize),
}

impl From<Answer> for Recorded {
    fn from(answer: Answer) -> Self {
        match answer {
            Ok(seen) => Self::Seen(seen),
            Err(unseen) => Self::Unseen(unseen),
        }
    }
}

/// What one ask cost on the wire.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Sent {
    /// HTTP requests.
    pub requests: u32,
    /// Bare connections: TCP connects and TLS hellos that carry no HTTP request.
    pub connections: u32,
    /// `host:port` of every send.
    pub hosts: BTreeSet<String>,
}

impl Sent {
    pub fn total(&self) -> u32 {
        self.requests + self.connections
    }
}
