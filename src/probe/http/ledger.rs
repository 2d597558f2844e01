//! Every request to an origin goes through its ledger, which keeps each send under the limit that the origin shows: no
//! question is blinded by another one's traffic.

mod guards;
mod measure;
mod state;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::tape::{Label, Mark};
use crate::detect::refusal::Claim;
use crate::evidence::Unseen;
use crate::evidence::http::Exchange;
use crate::period::Period;
use crate::target::Target;
pub(super) use guards::Permit;
use guards::Waiting;
use state::{State, Step};

/// Requests in flight at most, to one origin.
const IN_FLIGHT: u32 = 8;
/// The same while the limit is found out: as many at most are refused.
const FLOWING: u32 = 2;
/// How long nobody may want to send before a measurement begins.
const QUIET: Duration = Duration::from_millis(150);

/// What the policy says about the limit, before anything is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Prior {
    pub(crate) limit: u32,
    pub(crate) window: Duration,
}

impl Prior {
    /// Added to every wait, which is counted from an answer: the origin's clock and ours tick apart.
    fn slack(self) -> Duration {
        (self.window / 100).clamp(Duration::from_millis(15), Duration::from_millis(250))
    }

    /// The knobs of `rate-limit`; MCP-4's own 30 requests in 60 seconds without any.
    pub(crate) fn of(target: &Target) -> Self {
        let knobs = target.checks.get("rate-limit");
        let knob = |name: &str| knobs.and_then(|knobs| knobs.get(name));
        let limit = knob("limit").and_then(serde_json::Value::as_u64).and_then(|limit| u32::try_from(limit).ok());
        let window = knob("window").and_then(serde_json::Value::as_str).and_then(|text| text.parse::<Period>().ok());
        Self {
            limit: limit.unwrap_or(30).max(1),
            window: window.map_or(Duration::from_mins(1), Period::duration).max(Duration::from_millis(100)),
        }
    }
}

/// The ledgers of a run, by `host:port`: targets with the same origin share one.
#[derive(Default)]
pub(crate) struct Ledgers(Mutex<BTreeMap<String, Arc<Ledger>>>);

impl Ledgers {
    pub(super) fn of(&self, origin: &str, target: &Target) -> Arc<Ledger> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(origin.to_owned()).or_insert_with(|| {
            let burst = target.deployment.as_ref().and_then(|deployment| deployment.limits.burst);
            Arc::new(Ledger::new(origin, Prior::of(target), burst.map(|burst| burst.max(1))))
        }))
    }
}

pub(super) struct Ledger {
    origin: String,
    state: Mutex<State>,
    changed: Notify,
}

/// What a measurement waited for.
pub(super) enum Reached {
    Refusal(Refusal),
    /// One more request reaches the policy's limit.
    Edge,
    /// Every question was put and answered.
    End,
}

/// The refusal that ended a burst.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) exchange: Exchange,
    pub(super) sent: Instant,
}

/// What became of a send.
pub(super) enum Fate {
    Served {
        status: u16,
        claim: Option<Claim>,
        error: bool,
    },
    Refused {
        wait: Option<Duration>,
        claim: Option<Claim>,
        exchange: Exchange,
    },
    /// No answer, or one that says nothing about the limit.
    Lost,
}

impl Ledger {
    fn new(origin: &str, prior: Prior, burst: Option<u32>) -> Self {
        Self {
            origin: origin.to_owned(),
            state: Mutex::new(State {
                prior,
                served: VecDeque::new(),
                tape: Vec::new(),
                refusal: None,
                kept: Vec::new(),
                at_edge: false,
                past_edge: false,
                conducted: false,
                flowing: false,
                finished: false,
                burst,
                recent: VecDeque::new(),
                in_flight: 0,
                waiting: 0,
                last: None,
                limit: None,
                pace: None,
                closed: None,
                claim: None,
                claims_lie: false,
                knocks: Vec::new(),
                ever_served: false,
                given_up: BTreeMap::new(),
                stopped: None,
                errors: 0,
                denied: 0,
                measuring: false,
            }),
            changed: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one request may be sent. `left` is what remains of the audit's time.
    pub(super) async fn admit(&self, label: Label, left: Duration) -> Result<Permit<'_>, Unseen> {
        let _waiting = Waiting::new(self);
        let deadline = Instant::now() + left;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let step = {
                let mut state = self.state();
                let before = state.at_edge;
                let step = state.step(&label.path, Instant::now());
                if state.at_edge && !before {
                    self.changed.notify_waiters();
                }
                step
            };
            match step {
                Step::Go { knock } => {
                    let sent = Instant::now();
                    return Ok(Permit { ledger: self, label, sent, knock, held: true, settled: false });
                }
                Step::Never(unseen) => return Err(unseen),
                Step::At(at) if at >= deadline => {
                    return Err(Unseen::Limited(format!(
                        "{} refuses for longer than the audit has time (--max-time)",
                        self.origin
                    )));
                }
                Step::At(at) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(at.into()) => {}
                        () = &mut changed => {}
                    }
                }
                Step::Changed => changed.await,
            }
        }
    }

    /// Notes a request that was sent beside the schedule, by a measurement.
    pub(super) fn note(&self, mark: Mark) {
        let mut state = self.state();
        let now = mark.answered;
        let served = mark.served;
        state.last = Some(now);
        state.tape.push(mark);
        if served {
            state.served.push_back(now);
            state.ever_served = true;
        }
    }

    /// Every question was put: a measurement that waits for the first refusal must bring it about itself.
    pub(super) fn finish(&self) {
        self.state().finished = true;
        self.changed.notify_waiters();
    }

    /// Counts one request with a credential that must be denied.
    pub(super) fn deny(&self, most: Option<u32>) -> Result<(), Unseen> {
        let mut state = self.state();
        if let Some(most) = most
            && state.denied >= most
        {
            return Err(Unseen::NotAllowed(format!("`max-denied` of the target is reached ({most})")));
        }
        state.denied += 1;
        Ok(())
    }

    /// Sends nothing more to this origin.
    pub(super) fn stop(&self, unseen: Unseen) {
        self.state().stopped = Some(unseen);
        self.changed.notify_waiters();
    }

    /// Counts answers of 500 and above in a row.
    pub(super) fn errors_in_a_row(&self) -> u32 {
        self.state().errors
    }
}
