//! What a measurement of the limit asks of the ledger: to listen, to hold everybody else back, and to say what it learned.

use std::time::{Duration, Instant};

use super::super::tape::{Label, Mark};
use super::guards::{Conducting, Measuring};
use super::state::{Closed, State};
use super::{Ledger, QUIET, Reached};
use crate::evidence::Unseen;
use crate::evidence::http::Exchange;

impl Ledger {
    /// Waits until nobody wants to send, then keeps everybody else out until the guard is dropped.
    pub(in crate::probe::http) async fn measure(&self) -> Result<Measuring<'_>, Unseen> {
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
    pub(in crate::probe::http) fn idle(&self) -> Option<Duration> {
        self.state().last.map(|last| last.elapsed())
    }

    /// Keeps an answer to be compared with others.
    pub(in crate::probe::http) fn keep(&self, label: &Label, exchange: &Exchange) {
        self.state().keep(label, exchange);
    }

    pub(in crate::probe::http) fn kept(&self) -> Vec<(Label, Exchange)> {
        self.state().kept.clone()
    }

    /// What was to be sent at the edge of the limit was sent.
    pub(in crate::probe::http) fn pass_edge(&self) {
        let mut state = self.state();
        state.at_edge = false;
        state.past_edge = true;
        drop(state);
        self.changed.notify_waiters();
    }

    /// Waits until the target's `burst` allows one more request.
    pub(in crate::probe::http) async fn breathe(&self) {
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

    /// From now on a measurement says when the origin is tried again. A refusal that is over is forgotten.
    pub(in crate::probe::http) fn conduct(&self) -> Conducting<'_> {
        let mut state = self.state();
        state.conducted = true;
        if state.closed.is_none_or(|closed| closed.trial) {
            state.refusal = None;
        }
        Conducting(self)
    }

    /// Waits for a refusal, for the edge of the policy's limit, or until all questions were put and answered.
    pub(in crate::probe::http) async fn reached(&self) -> Result<Reached, Unseen> {
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
    pub(super) async fn once<T>(&self, ready: impl Fn(&mut State) -> Option<T>) -> T {
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
    pub(in crate::probe::http) async fn hold(&self) -> Measuring<'_> {
        self.once(|state| {
            let free = state.in_flight == 0 && !state.measuring;
            state.measuring |= free;
            free.then_some(())
        })
        .await;
        Measuring(self)
    }

    /// The origin is not tried before `until`.
    pub(in crate::probe::http) fn close_until(&self, until: Instant) {
        let mut state = self.state();
        state.flowing = false;
        state.closed = Some(Closed { until, trial: false, knocking: false });
        drop(state);
        self.changed.notify_waiters();
    }

    /// Lets what waits go on, few at a time, until the next refusal; then, or when nothing waits any more, returns
    /// whether there was a refusal.
    pub(in crate::probe::http) async fn flow(&self) -> bool {
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
    pub(in crate::probe::http) async fn more(&self) -> bool {
        self.once(|state| {
            if state.stopped.is_some() || state.finished && state.in_flight == 0 && state.waiting == 0 {
                return Some(false);
            }
            (state.waiting > 0).then_some(true)
        })
        .await
    }

    /// Waits until a request after `since` was answered, or nothing waits to be sent; whether it was served.
    pub(in crate::probe::http) async fn next_answer(&self, since: Instant) -> Option<bool> {
        self.once(|state| {
            if let Some(mark) = state.tape.iter().find(|mark| mark.sent >= since) {
                return Some(Some(mark.served));
            }
            (state.stopped.is_some() || state.in_flight == 0 && state.waiting == 0).then_some(None)
        })
        .await
    }

    /// The origin serves again.
    pub(in crate::probe::http) fn open(&self) {
        self.state().closed = None;
        self.changed.notify_waiters();
    }

    pub(in crate::probe::http) fn tape(&self) -> Vec<Mark> {
        self.state().tape.clone()
    }

    /// Added to every wait: the origin's clock and ours tick apart.
    pub(in crate::probe::http) fn slack(&self) -> Duration {
        self.state().prior.slack()
    }

    /// So many served requests end a window.
    pub(in crate::probe::http) fn know_limit(&self, limit: u32) {
        self.state().limit = Some(limit);
    }

    /// What a measurement found: `limit` in a window, and until when the origin refuses.
    pub(in crate::probe::http) fn learned(&self, limit: Option<u32>, steady: bool, closed_for: Option<Duration>) {
        let mut state = self.state();
        if steady {
            state.pace = Some(state.prior.window / state.prior.limit);
        }
        state.limit = limit.or(state.limit);
        state.closed = closed_for.map(|wait| Closed { until: Instant::now() + wait, trial: false, knocking: false });
    }
}
