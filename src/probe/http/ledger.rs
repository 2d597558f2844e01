//! Every request to an origin goes through its ledger, which keeps each send under the limit that the origin shows: no
//! question is blinded by another one's traffic.

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

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the origin, in any combination")]
struct State {
    prior: Prior,
    /// When each served request of the last window was sent.
    served: VecDeque<Instant>,
    in_flight: u32,
    /// Senders that want to send and may not yet.
    waiting: u32,
    last: Option<Instant>,
    /// Every request to the origin that the limiter may have counted, in the order of the answers.
    tape: Vec<Mark>,
    /// The refusal that ended the last burst.
    refusal: Option<Refusal>,
    /// Answers of the limiter, and the measurement's own successes: the first few of each kind.
    kept: Vec<(Label, Exchange)>,
    /// One more request reaches the policy's limit: a measurement sends what is next.
    at_edge: bool,
    past_edge: bool,
    /// A measurement listens: it says when the origin is tried again, and what is learned from that.
    conducted: bool,
    /// The limit is being found out: no count holds requests back, they only go few at a time.
    flowing: bool,
    /// Every question of the audit was put; what is sent from now on is the measurement's own.
    finished: bool,
    /// Requests at most in a second, by the target's `burst`, and when the last ones were sent.
    burst: Option<u32>,
    recent: VecDeque<Instant>,
    /// Served requests in a window, once a refusal showed the end of it.
    limit: Option<u32>,
    /// One request in so long, once the origin showed that it refills steadily.
    pace: Option<Duration>,
    closed: Option<Closed>,
    claim: Option<(Claim, Instant)>,
    claims_lie: bool,
    /// Refusals in a row of the one request that is sent after a wait, and of which path.
    knocks: Vec<String>,
    ever_served: bool,
    /// Paths that stay refused while others are served.
    given_up: BTreeMap<String, Unseen>,
    stopped: Option<Unseen>,
    errors: u32,
    denied: u32,
    measuring: bool,
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

/// The origin refuses; after `until` one request goes alone.
#[derive(Clone, Copy, Debug)]
struct Closed {
    until: Instant,
    /// The wait was a short one, to see whether the limit refills steadily.
    trial: bool,
    knocking: bool,
}

enum Step {
    Go { knock: bool },
    At(Instant),
    Changed,
    Never(Unseen),
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

    /// Waits until nobody wants to send, then keeps everybody else out until the guard is dropped.
    pub(super) async fn measure(&self) -> Result<Measuring<'_>, Unseen> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.state().is_busy() {
                changed.await;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(QUIET) => {
                    let mut state = self.state();
                    if let Some(unseen) = &state.stopped {
                        return Err(unseen.clone());
                    }
                    if !state.is_busy() {
                        state.measuring = true;
                        return Ok(Measuring(self));
                    }
                }
                () = &mut changed => {}
            }
        }
    }

    /// How long ago the last request was sent.
    pub(super) fn idle(&self) -> Option<Duration> {
        self.state().last.map(|last| last.elapsed())
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

    /// Keeps an answer to be compared with others.
    pub(super) fn keep(&self, label: &Label, exchange: &Exchange) {
        self.state().keep(label, exchange);
    }

    pub(super) fn kept(&self) -> Vec<(Label, Exchange)> {
        self.state().kept.clone()
    }

    /// What was to be sent at the edge of the limit was sent.
    pub(super) fn pass_edge(&self) {
        let mut state = self.state();
        state.at_edge = false;
        state.past_edge = true;
        drop(state);
        self.changed.notify_waiters();
    }

    /// Waits until the target's `burst` allows one more request.
    pub(super) async fn breathe(&self) {
        loop {
            let now = Instant::now();
            let until = {
                let mut state = self.state();
                let full = state.full_until(now);
                if full.is_none() {
                    state.recent.push_back(now);
                }
                full
            };
            let Some(until) = until else { return };
            tokio::time::sleep_until(until.into()).await;
        }
    }

    /// Every question was put: a measurement that waits for the first refusal must bring it about itself.
    pub(super) fn finish(&self) {
        self.state().finished = true;
        self.changed.notify_waiters();
    }

    /// From now on a measurement says when the origin is tried again. A refusal that is over is forgotten.
    pub(super) fn conduct(&self) -> Conducting<'_> {
        let mut state = self.state();
        state.conducted = true;
        if state.closed.is_none_or(|closed| closed.trial) {
            state.refusal = None;
        }
        Conducting(self)
    }

    /// Waits for a refusal, for the edge of the policy's limit, or until all questions were put and answered.
    pub(super) async fn reached(&self) -> Result<Reached, Unseen> {
        self.once(|state| {
            if let Some(unseen) = &state.stopped {
                return Some(Err(unseen.clone()));
            }
            if let Some(refusal) = &state.refusal {
                return Some(Ok(Reached::Refusal(refusal.clone())));
            }
            if state.at_edge && state.in_flight == 0 {
                return Some(Ok(Reached::Edge));
            }
            (state.finished && state.in_flight == 0 && state.waiting == 0).then_some(Ok(Reached::End))
        })
        .await
    }

    /// Waits until `ready` gives something.
    async fn once<T>(&self, ready: impl Fn(&mut State) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(found) = ready(&mut self.state()) {
                return found;
            }
            changed.await;
        }
    }

    /// Waits until nothing is in flight, then keeps everybody else out until the guard is dropped.
    pub(super) async fn hold(&self) -> Measuring<'_> {
        self.once(|state| {
            let free = state.in_flight == 0 && !state.measuring;
            state.measuring |= free;
            free.then_some(())
        })
        .await;
        Measuring(self)
    }

    /// The origin is not tried before `until`.
    pub(super) fn close_until(&self, until: Instant) {
        let mut state = self.state();
        state.flowing = false;
        state.closed = Some(Closed { until, trial: false, knocking: false });
        drop(state);
        self.changed.notify_waiters();
    }

    /// Lets what waits go on, few at a time, until the next refusal; then, or when nothing waits any more, returns
    /// whether there was a refusal.
    pub(super) async fn flow(&self) -> bool {
        {
            let mut state = self.state();
            state.closed = None;
            state.refusal = None;
            state.flowing = true;
        }
        self.changed.notify_waiters();
        let refused = self
            .once(|state| {
                if state.refusal.is_some() {
                    return Some(true);
                }
                (state.in_flight == 0 && (state.waiting == 0 || state.stopped.is_some())).then_some(false)
            })
            .await;
        self.state().flowing = false;
        refused
    }

    /// Waits until something wants to be sent; false where nothing will any more.
    pub(super) async fn more(&self) -> bool {
        self.once(|state| {
            if state.stopped.is_some() || state.finished && state.in_flight == 0 && state.waiting == 0 {
                return Some(false);
            }
            (state.waiting > 0).then_some(true)
        })
        .await
    }

    /// Waits until a request after `since` was answered, or nothing waits to be sent; whether it was served.
    pub(super) async fn next_answer(&self, since: Instant) -> Option<bool> {
        self.once(|state| {
            if let Some(mark) = state.tape.iter().find(|mark| mark.sent >= since) {
                return Some(Some(mark.served));
            }
            (state.stopped.is_some() || state.in_flight == 0 && state.waiting == 0).then_some(None)
        })
        .await
    }

    /// The origin serves again.
    pub(super) fn open(&self) {
        self.state().closed = None;
        self.changed.notify_waiters();
    }

    pub(super) fn tape(&self) -> Vec<Mark> {
        self.state().tape.clone()
    }

    /// Added to every wait: the origin's clock and ours tick apart.
    pub(super) fn slack(&self) -> Duration {
        self.state().prior.slack()
    }

    /// So many served requests end a window.
    pub(super) fn know_limit(&self, limit: u32) {
        self.state().limit = Some(limit);
    }

    /// What a measurement found: `limit` in a window, and until when the origin refuses.
    pub(super) fn learned(&self, limit: Option<u32>, steady: bool, closed_for: Option<Duration>) {
        let mut state = self.state();
        if steady {
            state.pace = Some(state.prior.window / state.prior.limit);
        }
        state.limit = limit.or(state.limit);
        state.closed = closed_for.map(|wait| Closed { until: Instant::now() + wait, trial: false, knocking: false });
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

impl State {
    fn is_busy(&self) -> bool {
        self.in_flight > 0 || self.waiting > 0 || self.measuring
    }

    /// Until when the target's `burst` is used up.
    fn full_until(&mut self, now: Instant) -> Option<Instant> {
        const SECOND: Duration = Duration::from_secs(1);
        let burst = self.burst?;
        while self.recent.front().is_some_and(|sent| now.saturating_duration_since(*sent) >= SECOND) {
            self.recent.pop_front();
        }
        let full = u32::try_from(self.recent.len()).unwrap_or(u32::MAX) >= burst;
        self.recent.front().filter(|_| full).map(|sent| *sent + SECOND)
    }

    fn step(&mut self, path: &str, now: Instant) -> Step {
        if let Some(unseen) = self.stopped.as_ref().or_else(|| self.given_up.get(path)) {
            return Step::Never(unseen.clone());
        }
        if self.measuring || self.in_flight >= IN_FLIGHT {
            return Step::Changed;
        }
        if let Some(until) = self.full_until(now) {
            return Step::At(until);
        }
        if let Some(closed) = &mut self.closed {
            if now < closed.until {
                return Step::At(closed.until);
            }
            if closed.knocking || self.in_flight > 0 {
                return Step::Changed;
            }
            closed.knocking = true;
            return self.go(true);
        }
        if self.flowing {
            return if self.in_flight < FLOWING { self.go(false) } else { Step::Changed };
        }
        let window = self.prior.window + self.prior.slack();
        while self.served.front().is_some_and(|first| now.saturating_duration_since(*first) > window) {
            self.served.pop_front();
        }
        let used = u32::try_from(self.served.len()).unwrap_or(u32::MAX).saturating_add(self.in_flight);
        if let Some(pace) = self.pace {
            let next = self.last.map_or(now, |last| last + pace);
            return if self.in_flight > 0 {
                Step::Changed
            } else if now < next {
                Step::At(next)
            } else {
                self.go(false)
            };
        }
        if let Some((claim, until)) = self.claim
            && !self.claims_lie
            && now < until
            && self.in_flight >= claim.remaining
        {
            return if self.in_flight > 0 { Step::Changed } else { Step::At(until) };
        }
        if let Some(limit) = self.limit {
            // One is kept back: the origin's clock and ours tick apart.
            if used >= limit.saturating_sub(1).max(1) {
                return match self.served.front() {
                    Some(first) if self.in_flight == 0 => Step::At(*first + window),
                    Some(_) | None => Step::Changed,
                };
            }
        } else if self.conducted && !self.past_edge && self.ever_served && used + 1 >= self.prior.limit {
            self.at_edge = true;
            return Step::Changed;
        } else if self.in_flight > 0 && used + 1 >= self.prior.limit && used < self.prior.limit + 3 {
            // Where the policy has the limit, one at a time: at most one of them is refused.
            return Step::Changed;
        }
        self.go(false)
    }

    fn keep(&mut self, label: &Label, exchange: &Exchange) {
        const OF_A_KIND: usize = 2;
        const IN_ALL: usize = 200;
        let like = |(known, kept): &&(Label, Exchange)| known == label && kept.status == exchange.status;
        if self.kept.len() < IN_ALL && self.kept.iter().filter(like).count() < OF_A_KIND {
            self.kept.push((label.clone(), exchange.clone()));
        }
    }

    fn go(&mut self, knock: bool) -> Step {
        self.in_flight += 1;
        let now = Instant::now();
        self.last = Some(now);
        if self.burst.is_some() {
            self.recent.push_back(now);
        }
        Step::Go { knock }
    }

    fn settle(&mut self, origin: &str, label: &Label, sent: Instant, knock: bool, fate: &Fate) {
        let now = Instant::now();
        let mark = |status, served, claim: Option<Claim>| Mark {
            label: label.clone(),
            sent,
            answered: now,
            status,
            served,
            counts: true,
            left: claim.map(|claim| claim.remaining),
        };
        match fate {
            Fate::Lost => {}
            Fate::Served { status, claim, .. } => self.tape.push(mark(*status, true, *claim)),
            Fate::Refused { exchange, claim, .. } => {
                self.tape.push(mark(exchange.status, false, *claim));
                self.keep(label, exchange);
                if self.refusal.is_none() {
                    self.refusal = Some(Refusal { exchange: exchange.clone(), sent });
                }
            }
        }
        if knock && let Some(closed) = &mut self.closed {
            closed.knocking = false;
        }
        match fate {
            Fate::Lost => {}
            Fate::Served { claim, error, .. } => {
                self.errors = if *error { self.errors + 1 } else { 0 };
                self.served.push_back(now);
                self.ever_served = true;
                if knock {
                    // Served before a window can have passed: the limit refills steadily, so a steady pace keeps to it.
                    if self.closed.is_some_and(|closed| closed.trial) {
                        let steady = self.prior.window / self.prior.limit;
                        self.pace = Some(self.pace.map_or(steady, |pace| pace * 2));
                    }
                    self.closed = None;
                    self.knocks.clear();
                }
                self.believe(*claim, now);
            }
            Fate::Refused { wait, claim, .. } => {
                self.believe(*claim, now);
                self.close(origin, &label.path, knock, *wait, now);
            }
        }
    }

    fn believe(&mut self, claim: Option<Claim>, now: Instant) {
        let Some(claim) = claim else { return };
        let longest = 2 * self.prior.window;
        if let Some((before, until)) = self.claim
            && before.remaining == 0
            && claim.remaining == 0
            && now >= until
        {
            // It said that none is left, waited for the reset, was served, and says so still.
            self.claims_lie = true;
        }
        self.claim = claim.reset.map(|reset| (claim, now + reset.min(longest) + self.prior.slack()));
    }

    fn close(&mut self, origin: &str, path: &str, knock: bool, wait: Option<Duration>, now: Instant) {
        let served = u32::try_from(self.served.len()).unwrap_or(u32::MAX);
        if served > 0 && self.pace.is_none() {
            self.limit = Some(self.limit.map_or(served, |limit| limit.min(served)));
        }
        let trial = self.closed.is_some_and(|closed| closed.trial);
        if knock && !trial {
            self.knocks.push(path.to_owned());
            let several = self.knocks.iter().any(|other| other != path);
            if !self.ever_served || several || self.knocks.len() > 2 {
                self.stopped = Some(Unseen::Limited(format!(
                    "{origin} refuses every request, even after a whole window without any"
                )));
                return;
            }
            if self.knocks.len() == 2 {
                self.given_up.insert(
                    path.to_owned(),
                    Unseen::Limited(format!("{path} stays refused after two waits, while others are served")),
                );
            }
        }
        if self.closed.is_some() && !knock {
            // One of those in flight when the limit was reached: it tells nothing new.
            return;
        }
        let longest = (2 * self.prior.window).max(Duration::from_mins(2));
        let whole = Closed { until: now + self.prior.window + self.prior.slack(), trial: false, knocking: false };
        let closed = match wait {
            _ if self.conducted && !knock && wait.is_none_or(|wait| wait <= longest) => whole,
            Some(wait) if wait > longest => {
                self.stopped = Some(Unseen::Limited(format!(
                    "{origin} refuses, and asks to come back after {} s",
                    wait.as_secs()
                )));
                return;
            }
            Some(wait) => Closed { until: now + wait + self.prior.slack(), trial: false, knocking: false },
            // Nothing said: after two and a half refills a steady limiter serves again, a windowed one does not.
            None if !knock && self.pace.is_none() => {
                Closed { until: now + self.prior.window * 5 / (2 * self.prior.limit), trial: true, knocking: false }
            }
            None => whole,
        };
        self.closed = Some(closed);
    }
}

/// Leave to send one request; dropping it without [`Permit::settle`] counts as lost.
pub(super) struct Permit<'a> {
    ledger: &'a Ledger,
    label: Label,
    sent: Instant,
    knock: bool,
    /// Whether it still counts among those in flight.
    held: bool,
    settled: bool,
}

impl Permit<'_> {
    /// Counts no longer as in flight: for a stream that stays open while others are sent.
    pub(super) fn let_go(&mut self) {
        let mut state = self.ledger.state();
        if std::mem::replace(&mut self.held, false) {
            state.in_flight = state.in_flight.saturating_sub(1);
        }
        // Others must not wait for the end of a stream; a refusal closes the origin again.
        if std::mem::replace(&mut self.knock, false) {
            state.closed = None;
        }
        drop(state);
        self.ledger.changed.notify_waiters();
    }

    pub(super) fn settle(mut self, fate: &Fate) {
        self.finish(fate);
    }

    fn finish(&mut self, fate: &Fate) {
        if !std::mem::replace(&mut self.settled, true) {
            let mut state = self.ledger.state();
            if std::mem::replace(&mut self.held, false) {
                state.in_flight = state.in_flight.saturating_sub(1);
            }
            state.settle(&self.ledger.origin, &self.label, self.sent, self.knock, fate);
            drop(state);
            self.ledger.changed.notify_waiters();
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.finish(&Fate::Lost);
    }
}

/// A measurement listens while this lives.
pub(super) struct Conducting<'a>(&'a Ledger);

impl Drop for Conducting<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.conducted = false;
        state.flowing = false;
        state.at_edge = false;
        drop(state);
        self.0.changed.notify_waiters();
    }
}

/// Nobody else sends while this lives.
pub(super) struct Measuring<'a>(&'a Ledger);

impl Drop for Measuring<'_> {
    fn drop(&mut self) {
        self.0.state().measuring = false;
        self.0.changed.notify_waiters();
    }
}

struct Waiting<'a>(&'a Ledger);

impl<'a> Waiting<'a> {
    fn new(ledger: &'a Ledger) -> Self {
        ledger.state().waiting += 1;
        ledger.changed.notify_waiters();
        Self(ledger)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
        self.0.changed.notify_waiters();
    }
}
