//! What is held while a request is sent, or while nobody else may send: given back when dropped.

use std::time::Instant;

use super::super::tape::Label;
use super::{Fate, Ledger};

/// Leave to send one request; dropping it without [`Permit::settle`] counts as lost.
pub(in crate::probe::http) struct Permit<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) label: Label,
    pub(super) sent: Instant,
    pub(super) knock: bool,
    /// Whether it still counts among those in flight.
    pub(super) held: bool,
    pub(super) settled: bool,
}

impl Permit<'_> {
    /// Counts no longer as in flight: for a stream that stays open while others are sent.
    pub(in crate::probe::http) fn let_go(&mut self) {
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

    pub(in crate::probe::http) fn settle(mut self, fate: &Fate) {
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
pub(in crate::probe::http) struct Conducting<'a>(pub(super) &'a Ledger);

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
pub(in crate::probe::http) struct Measuring<'a>(pub(super) &'a Ledger);

impl Drop for Measuring<'_> {
    fn drop(&mut self) {
        self.0.state().measuring = false;
        self.0.changed.notify_waiters();
    }
}

pub(super) struct Waiting<'a>(&'a Ledger);

impl<'a> Waiting<'a> {
    pub(super) fn new(ledger: &'a Ledger) -> Self {
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
