//! What is known of an origin's limit, and what may be sent next.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::super::tape::{Label, Mark};
use super::{FLOWING, Fate, IN_FLIGHT, Prior, Refusal};
use crate::detect::refusal::Claim;
use crate::evidence::Unseen;
use crate::evidence::http::Exchange;

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the origin, in any combination")]
pub(super) struct State {
    pub(super) prior: Prior,
    /// When each served request of the last window was sent.
    pub(super) served: VecDeque<Instant>,
    pub(super) in_flight: u32,
    /// Senders that want to send and may not yet.
    pub(super) waiting: u32,
    pub(super) last: Option<Instant>,
    /// Every request to the origin that the limiter may have counted, in the order of the answers.
    pub(super) tape: Vec<Mark>,
    /// The refusal that ended the last burst.
    pub(super) refusal: Option<Refusal>,
    /// Answers of the limiter, and the measurement's own successes: the first few of each kind.
    pub(super) kept: Vec<(Label, Exchange)>,
    /// One more request reaches the policy's limit: a measurement sends what is next.
    pub(super) at_edge: bool,
    pub(super) past_edge: bool,
    /// A measurement listens: it says when the origin is tried again, and what is learned from that.
    pub(super) conducted: bool,
    /// The limit is being found out: no count holds requests back, they only go few at a time.
    pub(super) flowing: bool,
    /// Every question of the audit was put; what is sent from now on is the measurement's own.
    pub(super) finished: bool,
    /// Requests at most in a second, by the target's `burst`, and when the last ones were sent.
    pub(super) burst: Option<u32>,
    pub(super) recent: VecDeque<Instant>,
    /// Served requests in a window, once a refusal showed the end of it.
    pub(super) limit: Option<u32>,
    /// One request in so long, once the origin showed that it refills steadily.
    pub(super) pace: Option<Duration>,
    pub(super) closed: Option<Closed>,
    pub(super) claim: Option<(Claim, Instant)>,
    pub(super) claims_lie: bool,
    /// Refusals in a row of the one request that is sent after a wait, and of which path.
    pub(super) knocks: Vec<String>,
    pub(super) ever_served: bool,
    /// Paths that stay refused while others are served.
    pub(super) given_up: BTreeMap<String, Unseen>,
    pub(super) stopped: Option<Unseen>,
    pub(super) errors: u32,
    pub(super) denied: u32,
    pub(super) measuring: bool,
}

/// The origin refuses; after `until` one request goes alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closed {
    pub(super) until: Instant,
    /// The wait was a short one, to see whether the limit refills steadily.
    pub(super) trial: bool,
    pub(super) knocking: bool,
}

pub(super) enum Step {
    Go { knock: bool },
    At(Instant),
    Changed,
    Never(Unseen),
}

impl State {
    pub(super) fn is_busy(&self) -> bool {
        self.in_flight > 0 || self.waiting > 0 || self.measuring
    }

    /// Until when the target's `burst` is used up.
    pub(super) fn full_until(&mut self, now: Instant) -> Option<Instant> {
        const SECOND: Duration = Duration::from_secs(1);
        let burst = self.burst?;
        while self.recent.front().is_some_and(|sent| now.saturating_duration_since(*sent) >= SECOND) {
            self.recent.pop_front();
        }
        let full = u32::try_from(self.recent.len()).unwrap_or(u32::MAX) >= burst;
        self.recent.front().filter(|_| full).map(|sent| *sent + SECOND)
    }

    pub(super) fn step(&mut self, path: &str, now: Instant) -> Step {
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

    pub(super) fn keep(&mut self, label: &Label, exchange: &Exchange) {
        const OF_A_KIND: usize = 2;
        const IN_ALL: usize = 200;
        let like = |(known, kept): &&(Label, Exchange)| known == label && kept.status == exchange.status;
        if self.kept.len() < IN_ALL && self.kept.iter().filter(like).count() < OF_A_KIND {
            self.kept.push((label.clone(), exchange.clone()));
        }
    }

    pub(super) fn go(&mut self, knock: bool) -> Step {
        self.in_flight += 1;
        let now = Instant::now();
        self.last = Some(now);
        if self.burst.is_some() {
            self.recent.push_back(now);
        }
        Step::Go { knock }
    }

    pub(super) fn settle(&mut self, origin: &str, label: &Label, sent: Instant, knock: bool, fate: &Fate) {
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

    pub(super) fn believe(&mut self, claim: Option<Claim>, now: Instant) {
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

    pub(super) fn close(&mut self, origin: &str, path: &str, knock: bool, wait: Option<Duration>, now: Instant) {
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
