//! What a measurement sent and how it was answered, in order; the counts are read off it.

use std::time::{Duration, Instant};

use super::burst::Shot;
use crate::evidence::http::{Credential, Exchange, Request};

/// What a limiter may count a request by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Label {
    pub(super) method: String,
    /// Without its query.
    pub(super) path: String,
    pub(super) credential: Credential,
}

impl Label {
    pub(super) fn of(request: &Request) -> Self {
        Self {
            method: request.method.clone(),
            path: request.path.split('?').next().unwrap_or_default().to_owned(),
            credential: request.credential.clone(),
        }
    }
}

/// One request and how it was answered, as the ledger keeps it.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) label: Label,
    pub(super) sent: Instant,
    pub(super) answered: Instant,
    pub(super) status: u16,
    pub(super) served: bool,
    /// False where it may have been counted apart from the rest.
    pub(super) counts: bool,
    /// How many more the origin said that it would serve.
    pub(super) left: Option<u32>,
}

pub(super) struct Tape {
    window: Duration,
    marks: Vec<Beat>,
    status: Option<u16>,
    refusal: Option<Exchange>,
    /// Whether the limiter delays before it refuses.
    shaped: bool,
}

#[derive(Clone, Copy)]
struct Beat {
    sent: Instant,
    answered: Instant,
    served: bool,
}

impl Tape {
    pub(super) fn new(window: Duration) -> Self {
        Self { window, marks: Vec::new(), status: None, refusal: None, shaped: false }
    }

    /// These, in the order of their answers.
    pub(super) fn of<'m>(window: Duration, marks: impl IntoIterator<Item = &'m Mark>) -> Self {
        let mut tape = Self::new(window);
        for mark in marks {
            tape.mark(mark.sent, mark.answered, mark.served);
        }
        tape
    }

    /// Notes one answer that just came; true where it was served.
    pub(super) fn add(&mut self, sent: Instant, shot: Shot) -> bool {
        let (exchange, served) = match shot {
            Shot::Served(exchange) => (exchange, true),
            Shot::Refused(exchange) => (exchange, false),
        };
        let answered = sent + Duration::from_millis(exchange.took);
        self.mark(sent, answered, served);
        if served {
            self.status.get_or_insert(exchange.status);
        } else {
            self.refusal.get_or_insert(exchange);
        }
        served
    }

    pub(super) fn mark(&mut self, sent: Instant, answered: Instant, served: bool) {
        self.marks.push(Beat { sent, answered, served });
    }

    /// Notes what a served request was answered with.
    pub(super) fn status_of(&mut self, status: u16) {
        self.status.get_or_insert(status);
    }

    pub(super) fn shape(&mut self) {
        self.shaped = true;
    }

    pub(super) fn is_shaped(&self) -> bool {
        self.shaped
    }

    pub(super) fn sent(&self) -> u32 {
        count(self.marks.iter())
    }

    pub(super) fn served(&self) -> u32 {
        count(self.marks.iter().filter(|mark| mark.served))
    }

    pub(super) fn refused(&self) -> u32 {
        count(self.marks.iter().filter(|mark| !mark.served))
    }

    pub(super) fn status(&self) -> Option<u16> {
        self.status
    }

    /// The first refusal.
    pub(super) fn refusal(&self) -> Option<&Exchange> {
        self.refusal.as_ref()
    }

    /// When the first refusal was sent.
    pub(super) fn first_refusal(&self) -> Option<Instant> {
        self.marks.iter().find(|mark| !mark.served).map(|mark| mark.sent)
    }

    pub(super) fn slowest(&self) -> Duration {
        self.marks.iter().map(|mark| mark.answered - mark.sent).max().unwrap_or_default()
    }

    /// Whether any of the last volley was refused.
    pub(super) fn last_was_refused(&self) -> bool {
        self.marks.last().is_some_and(|last| {
            self.marks.iter().rev().take_while(|mark| mark.answered >= last.sent).any(|mark| !mark.served)
        })
    }

    /// From the first request to now.
    pub(super) fn elapsed(&self) -> Duration {
        self.marks.first().map(|first| first.sent.elapsed()).unwrap_or_default()
    }

    /// The most that was served within a window after a refusal.
    ///
    /// A refusal happened after it was sent; what was sent after its answer and answered within a window of its sending
    /// is therefore, by the server's clock, less than a window later, whatever the network did.
    pub(super) fn most_after_refusal(&self) -> u32 {
        let refusals = self.marks.iter().filter(|mark| !mark.served);
        refusals
            .map(|refusal| {
                count(self.marks.iter().filter(|mark| {
                    mark.served && mark.sent >= refusal.answered && mark.answered < refusal.sent + self.window
                }))
            })
            .max()
            .unwrap_or(0)
    }

    pub(super) fn since_last_refusal(&self) -> u32 {
        count(self.marks.iter().rev().take_while(|mark| mark.served))
    }

    /// How long until a window has passed since the first request of the last run of served ones.
    pub(super) fn until_window_after_last_refusal_episode(&self) -> Duration {
        let last_served = self.marks.iter().rposition(|mark| mark.served);
        let start = last_served.and_then(|last| {
            let run = self.marks.get(..=last)?;
            let before = run.iter().rposition(|mark| !mark.served).map_or(0, |refused| refused + 1);
            run.get(before)
        });
        start.map(|first| (first.sent + self.window).saturating_duration_since(Instant::now())).unwrap_or_default()
    }
}

fn count<'a>(marks: impl Iterator<Item = &'a Beat>) -> u32 {
    u32::try_from(marks.count()).unwrap_or(u32::MAX)
}
