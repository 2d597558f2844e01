//! The question about the rate limiter: how many requests are served in a window, and what gets around it.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::http::{Credential, Exchange, Listener};
use super::{Question, Shared, Unseen};
use crate::period::Period;
use crate::seen_as;
use crate::target::{Endpoint, Target};

/// The measurement of the limiter: a burst on the first subject until it is refused, a watch over the whole window,
/// then the rest of what may count apart while the first is refused.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Burst {
    pub subjects: Vec<Subject>,
    /// The policy's limit: requests in a window.
    pub limit: u32,
    pub window: Period,
}

/// How many buckets of their own are measured at most; more are said to be unmeasured.
pub const BUCKETS: usize = 12;

/// One endpoint as the measurement sends to it.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Subject {
    pub method: String,
    pub path: String,
    /// False where only the path is declared: the probe then chooses a cheap request that the service understands, MCP
    /// included.
    pub named: bool,
    /// Expensive by the policy: one request, and no burst.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub costly: bool,
}

impl Subject {
    pub fn of(endpoint: &Endpoint, target: &Target) -> Self {
        let costly = target
            .deployment
            .as_ref()
            .is_some_and(|deployment| deployment.costly.iter().any(|path| endpoint.path.starts_with(path.as_str())));
        Self { method: endpoint.method.clone(), path: endpoint.path.clone(), named: endpoint.method_named, costly }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.named { write!(f, "{} {}", self.method, self.path) } else { f.write_str(&self.path) }
    }
}

impl Burst {
    /// Sends at most. Each bucket takes at most twice the limit and one (a decisive burst without any refusal), one and
    /// a half times the limit over the window where it refills steadily, the limit again after it and twice in between,
    /// and some looks; each subject three to choose its request, and the rest while the limit is reached.
    pub fn sends(subjects: usize, limit: u32) -> u32 {
        let buckets = u32::try_from(subjects.saturating_add(1).min(BUCKETS)).unwrap_or(u32::MAX);
        let subjects = u32::try_from(subjects).unwrap_or(u32::MAX);
        let bucket = limit.saturating_mul(9).saturating_add(40);
        buckets.saturating_mul(bucket).saturating_add(subjects.saturating_mul(12)).saturating_add(200)
    }
}

impl Question for Burst {
    seen_as!(Burst => Measured);

    fn ceiling(&self, _target: &Target) -> u32 {
        Self::sends(self.subjects.len(), self.limit)
    }

    fn hosts(&self, target: &Target) -> BTreeSet<String> {
        Listener::Main.host(target).into_iter().collect()
    }

    fn describe(&self) -> String {
        let first = self.subjects.first().map_or_else(String::new, ToString::to_string);
        let rest = match self.subjects.len() {
            0 | 1 => String::new(),
            more => format!(" and {} more", more - 1),
        };
        format!("burst on {first}{rest}: the limit of {} in {}", self.limit, self.window)
    }
}

/// What the measurement showed.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Measured {
    /// The first subject's bucket, then those that were found to count apart.
    pub buckets: Vec<Bucket>,
    /// What was tried while the first bucket was refused.
    pub asides: Vec<Aside>,
    /// Subjects that could not be measured.
    pub unmeasured: Vec<(Subject, Unseen)>,
    /// Refusals of requests with a foreign Origin, preflights among them: what a 429 itself grants and tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limited: Vec<Shared>,
    /// Which kinds of requests were shown to be counted. What is refused while the limit is reached may still not be
    /// counted itself, and is then unlimited for whoever sends nothing else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tallies: Vec<Tally>,
    /// Requests (in words, with the status) whose refusal carried the very data that the valid token gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given_away: Vec<(String, u16)>,
    /// What was sent again without the operator's exemption, and whether it was answered alike.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spot_checks: Vec<(String, bool)>,
}

/// One count that the limiter keeps.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Bucket {
    pub subject: Subject,
    pub credential: Credential,
    /// The request that was sent, in words.
    pub request: String,
    /// The status of what was served.
    pub status: u16,
    /// Requests sent until the first refusal, or until the burst proved that there is no limit.
    pub sent: u32,
    /// How many of these were served: the upper end of the limit.
    pub served: u32,
    /// How many of the served may not have been counted; the limit lies between `served` less these and `served`.
    #[serde(default)]
    pub uncounted: u32,
    /// Milliseconds that the burst took.
    pub took: u64,
    /// The first refusal, if any.
    pub refusal: Option<Exchange>,
    /// The most that was served within one window after a refusal. Every limiter of `limit` in `window`, of whatever
    /// make (fixed from the first request, aligned to the clock, sliding, refilling), serves at most `limit` then.
    pub after: u32,
    /// Whether it refills steadily rather than by windows; then `after` may exceed the limit by a request or two.
    pub steady: bool,
    /// Milliseconds from the first request to the last look at the window.
    pub watched: u64,
    /// Milliseconds from the first request to the first one served after the wait.
    pub recovered: Option<u64>,
    /// Refusals in all.
    pub refused: u32,
    /// How many were served at once after three idle windows, where more than the policy's limit was served at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rested: Option<u32>,
}

/// A kind of requests, as a limiter may count it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The measured request itself.
    Plain,
    /// Without any credential.
    Anonymous,
    /// With a made-up token.
    MadeUp,
    Sibling(Subject),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("the measured request itself"),
            Self::Anonymous => f.write_str("requests without a credential"),
            Self::MadeUp => f.write_str("requests with a made-up token"),
            Self::Sibling(subject) => subject.fmt(f),
        }
    }
}

/// Whether a kind of requests was shown to be counted.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Tally {
    pub kind: Kind,
    /// How it was shown, or why it was not.
    pub counted: Result<(), Unseen>,
}

/// One variation, tried while the first bucket was refused.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Aside {
    pub varied: Varied,
    pub outcome: Outcome,
}

/// What was varied.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Varied {
    Sibling {
        subject: Subject,
        /// The request that stood in for one that is never sent, in words.
        #[serde(default)]
        stand_in: Option<String>,
    },
    /// No credential instead of the valid one.
    Anonymous,
    /// A made-up token instead of the valid one.
    MadeUp,
    /// A header that claims another client address.
    Spoofed(String),
    /// Another spelling of the path.
    Spelled(String),
    /// Another address of the host; whether it is of the same family (a client has another address in the other one).
    Address { address: String, same_family: bool },
    /// Another client address.
    Source(String),
    /// A query that was never sent before.
    Query(String),
    /// What tells clients apart beside their address: these headers.
    Client(String),
    /// Another method on the same path.
    Method(String),
}

/// What came of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Refused like the rest: it shares the count.
    Refused,
    /// Served, while the plain request just after it was refused.
    Served {
        status: u16,
        count: u32,
    },
    Unclear(Unseen),
}
