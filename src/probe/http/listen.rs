//! Measures the limiter by the audit's own requests: the first refusal among them shows how many are served, what is sent
//! while it lasts shows what shares the count, and what comes after it shows how much a whole window serves.
//!
//! Nothing is sent for the count alone unless the audit's questions do not reach the limit. Where what is seen fits no
//! limiter that keeps to the policy, and none that clearly breaks it, the measurement is taken again by itself.

use std::time::Instant;

use super::burst::{Gunner, Line, Shot, millis};
use super::client::Route;
use super::exam::{self, Known};
use super::groups::{FOREIGN, Group, groups};
use super::ledger::{Reached, Refusal};
use super::rivals::Filled;
use super::shot;
use super::tape::{Mark, Tape};
use crate::detect::refusal::retry_after;
use crate::evidence::http::{Credential, Exchange, Request};
use crate::evidence::limit::{Aside, Bucket, Burst, Measured, Outcome, Subject, Varied};
use crate::evidence::{Shared, Unseen};
use crate::target::OpenApi;

/// When the limiter is looked at while it refuses, in percent of the window: what has come free by then is still free.
/// The second is counted from the window's first request, and shows a window that is shorter than the policy's.
const LOOKS: [u32; 2] = [50, 97];

/// What listening showed.
pub(super) enum Heard {
    /// The limiter, as far as one count goes, and the request that was repeated.
    Clear(Measured, Line),
    /// More than one count, or a window that began within the burst: it must be measured by itself.
    Unclear,
}

pub(super) async fn listen(gunner: &Gunner<'_>, burst: &Burst, first: &Subject) -> Result<Heard, Unseen> {
    let ledger = gunner.ledger;
    let credential = if gunner.deployment.has_credential() { Credential::Valid } else { Credential::None };
    let _conducting = ledger.conduct();
    let (reached, early) = reach(gunner, burst, first, &credential).await?;
    let held = ledger.hold().await;
    let (line, refusal) = match reached {
        Some(refusal) => (plain(first, &credential), refusal),
        None => {
            let (request, words) = match shot::choose(gunner, first, &credential).await {
                // Somebody used it up before: that is waited for.
                Err(Unseen::Limited(_)) => return Ok(Heard::Unclear),
                chosen => chosen?,
            };
            let line = Line { request, in_words: words, subject: first.clone(), route: Route::FRESH };
            let mut tape = recent(gunner, Instant::now());
            let sent = gunner.top_up(&line, &mut tape).await?;
            let Some(exchange) = tape.refusal().cloned() else {
                let said = in_words(&line, &gunner.ledger.tape());
                // The audit asks for paths that are not there, too: what tells whether the endpoint is, is its own answer.
                let own = |mark: &&Mark| mark.served && mark.label.path == line.subject.path;
                let status = gunner.ledger.tape().iter().rev().find(own).map(|mark| mark.status).or(tape.status());
                let line = Line { in_words: said, ..line };
                return Ok(Heard::Clear(unlimited(&line, &credential, burst, &tape, status), line));
            };
            (line, Refusal { exchange, sent })
        }
    };
    let mut listening =
        Listening { gunner, burst, line, credential, refusal, asides: Vec::new(), limited: Vec::new(), uncounted: 0 };
    let heard = listening.limited_now(early).await;
    drop(held);
    if !heard? {
        return Ok(Heard::Unclear);
    }
    listening.window().await
}

/// The request that is repeated.
fn plain(first: &Subject, credential: &Credential) -> Line {
    let (request, in_words, _) = shot::sibling(first, credential);
    Line { request, in_words, subject: first.clone(), route: Route::FRESH }
}

/// What was sent side by side over the edge of the limit, and how it was answered.
type Early = Vec<(Group, Shot)>;

/// Waits for the first refusal. Where the policy's limit is about to be reached, what is informative while it is goes
/// out over its edge, side by side: a counter that reads before it writes serves all of it.
async fn reach(
    gunner: &Gunner<'_>,
    burst: &Burst,
    first: &Subject,
    credential: &Credential,
) -> Result<(Option<Refusal>, Early), Unseen> {
    let ledger = gunner.ledger;
    loop {
        match ledger.reached().await? {
            Reached::Refusal(refusal) => return Ok((Some(refusal), Vec::new())),
            Reached::End => return Ok((None, Vec::new())),
            // What a bare path understands is not known, and a stream may not end.
            Reached::Edge if !first.named => ledger.pass_edge(),
            Reached::Edge => {
                let _held = ledger.hold().await;
                let line = plain(first, credential);
                let over: Vec<Group> =
                    groups(gunner, &line, &burst.subjects).await.into_iter().filter(|group| group.early).collect();
                let sent = Instant::now();
                let shots = over.iter().map(|group| gunner.shoot(&group.request, group.route));
                let answers = futures_util::future::join_all(shots).await;
                ledger.pass_edge();
                let early: Early =
                    over.into_iter().zip(answers).filter_map(|(group, shot)| Some((group, shot.ok()?))).collect();
                let refused = early.iter().find_map(|(_, shot)| match shot {
                    Shot::Refused(exchange) => Some(exchange.clone()),
                    Shot::Served(_) => None,
                });
                if let Some(exchange) = refused {
                    return Ok((Some(Refusal { exchange, sent }), early));
                }
            }
        }
    }
}

/// Everything that the audit sent in the window that ends now, as a tape.
fn recent(gunner: &Gunner<'_>, now: Instant) -> Tape {
    let since = now.checked_sub(gunner.window);
    let marks = gunner.ledger.tape();
    let mut tape = Tape::new(gunner.window);
    for mark in marks.iter().filter(|mark| mark.served && mark.counts && since.is_none_or(|since| mark.sent > since)) {
        tape.mark(mark.sent, mark.answered, mark.served);
        tape.status_of(mark.status);
    }
    tape
}

/// No refusal, though more was sent in one window than any limiter of the policy serves.
fn unlimited(line: &Line, credential: &Credential, burst: &Burst, tape: &Tape, status: Option<u16>) -> Measured {
    let why = |first: &Subject| {
        Unseen::NotComparable(format!("{first} has no limit, so nothing shows whether others share one"))
    };
    let others = burst.subjects.iter().filter(|subject| **subject != line.subject);
    Measured {
        buckets: vec![Bucket {
            subject: line.subject.clone(),
            credential: credential.clone(),
            request: line.in_words.clone(),
            status: status.unwrap_or(0),
            sent: tape.sent(),
            served: tape.served(),
            uncounted: 0,
            took: millis(tape.elapsed()),
            refusal: None,
            after: 0,
            steady: false,
            watched: millis(tape.elapsed()),
            recovered: None,
            refused: 0,
            rested: None,
        }],
        unmeasured: others.map(|subject| (subject.clone(), why(&line.subject))).collect(),
        ..Measured::default()
    }
}

/// What was sent: the plain request again and again, or whatever the audit asked.
fn in_words(line: &Line, marks: &[Mark]) -> String {
    let paths: std::collections::BTreeSet<&str> = marks.iter().map(|mark| mark.label.path.as_str()).collect();
    match paths.len() {
        0 | 1 => line.in_words.clone(),
        several => format!("{} and the audit's other requests, to {several} paths in all", line.in_words),
    }
}

struct Listening<'a> {
    gunner: &'a Gunner<'a>,
    burst: &'a Burst,
    line: Line,
    credential: Credential,
    refusal: Refusal,
    asides: Vec<Aside>,
    limited: Vec<Shared>,
    uncounted: u32,
}

impl Listening<'_> {
    /// What is informative only while the origin refuses. False where something counts apart.
    async fn limited_now(&mut self, early: Early) -> Result<bool, Unseen> {
        let gunner = self.gunner;
        let mut doubtful = Vec::new();
        for group in groups(gunner, &self.line, &self.burst.subjects).await {
            let known = early.iter().find(|(other, _)| other.request == group.request).map(|(_, shot)| shot);
            // What was served at the edge may have been the last that the limit had left.
            let shot = match known {
                Some(Shot::Refused(exchange)) => Ok(Shot::Refused(exchange.clone())),
                Some(Shot::Served(_)) | None => gunner.shoot_aside(&group.request, group.route).await,
            };
            match shot {
                Ok(Shot::Refused(exchange)) => {
                    if group.request.origin.as_deref() == Some(FOREIGN) {
                        self.limited.push(Shared { request: group.request.clone(), exchange });
                    }
                    self.tell(group.parts, &Outcome::Refused);
                }
                Ok(Shot::Served(exchange)) => {
                    let outcome = Outcome::Served { status: exchange.status, count: 1 };
                    match group.parts.first() {
                        None => {}
                        // One request is all that it may get.
                        Some((Varied::Sibling { subject, .. }, _)) if subject.costly => {
                            let why = "it is listed as `costly` and counts apart: no burst is sent to it";
                            self.tell(group.parts, &Outcome::Unclear(Unseen::NotAllowed(why.into())));
                        }
                        // Only told, never a fault.
                        Some((Varied::Source(_), _)) => self.tell(group.parts, &outcome),
                        Some(_) => doubtful.push(group),
                    }
                }
                Err(unseen) => self.tell(group.parts, &Outcome::Unclear(unseen)),
            }
        }
        let mut one_count = true;
        let mut tape = self.tape();
        for (varied, request, route) in doubtful
            .into_iter()
            .flat_map(|group| group.parts.into_iter().map(move |(varied, request)| (varied, request, group.route)))
        {
            let dodged =
                |aside: &Aside| matches!((&aside.varied, &aside.outcome), (Varied::Spoofed(_), Outcome::Served { .. }));
            if matches!(varied, Varied::Spoofed(_)) && self.asides.iter().any(dodged) {
                continue;
            }
            // Another path may be another resource, and another client another answer: then one look tells.
            if let Varied::Spelled(_) | Varied::Query(_) | Varied::Client(_) | Varied::Method(_) = varied
                && let Ok(Shot::Served(exchange)) = gunner.shoot_aside(&request, route).await
                && !exchange.is_success()
            {
                let outcome = Outcome::Served { status: exchange.status, count: 1 };
                self.asides.push(Aside { varied, outcome });
                continue;
            }
            let outcome = gunner.aside(&self.line, &request, route, &mut tape).await;
            one_count &= match (&varied, &outcome) {
                (
                    Varied::Spoofed(_) | Varied::Spelled(_) | Varied::Source(_) | Varied::Query(_) | Varied::Client(_),
                    _,
                )
                | (_, Outcome::Refused) => true,
                (Varied::Method(_), Outcome::Served { status, .. }) => !(200..300).contains(status),
                (Varied::Method(_), Outcome::Unclear(_)) => true,
                (
                    Varied::Sibling { .. } | Varied::Anonymous | Varied::MadeUp | Varied::Address { .. },
                    Outcome::Served { .. } | Outcome::Unclear(_),
                ) => false,
            };
            self.asides.push(Aside { varied, outcome });
        }
        one_count &= self.count_uncounted().await;
        Ok(one_count)
    }

    fn tell(&mut self, parts: Vec<(Varied, Request)>, outcome: &Outcome) {
        self.asides.extend(parts.into_iter().map(|(varied, _)| Aside { varied, outcome: outcome.clone() }));
    }

    /// What was served before the refusal and may not have been counted: preflights, other paths. Each kind is sent once
    /// more while the origin refuses; refused, it counts. False where the first count is then unknown.
    async fn count_uncounted(&mut self) -> bool {
        let paths: Vec<&str> = self.burst.subjects.iter().map(|subject| bare(&subject.path)).collect();
        let mut preflights = 0;
        let mut described = 0;
        let mut others = 0;
        let description = match &self.gunner.deployment.openapi {
            Some(OpenApi::Path(path)) => Some(bare(path).to_owned()),
            Some(OpenApi::File(_)) | None => None,
        };
        for mark in self.before() {
            if mark.label.method == "OPTIONS" {
                preflights += 1;
            } else if paths.contains(&mark.label.path.as_str()) {
            } else if description.as_deref() == Some(mark.label.path.as_str()) {
                described += 1;
            } else {
                others += 1;
            }
        }
        // Where the origin says itself what its limit is, and that is what was served, everything was counted.
        let said = said_limit(&self.refusal.exchange) == u32::try_from(self.before().len()).ok();
        let preflight = Request::new("OPTIONS", self.line.request.path.clone())
            .from_origin(FOREIGN)
            .header("access-control-request-method", self.line.request.method.clone());
        match self.gunner.shoot_aside(&preflight, self.line.route).await {
            Ok(Shot::Refused(exchange)) => {
                self.limited.push(Shared { request: preflight, exchange });
                preflights = 0;
            }
            Ok(Shot::Served(_)) | Err(_) => {}
        }
        if said {
            self.uncounted = 0;
            return true;
        }
        if let (Some(path), true) = (description, described > 0) {
            let request = Request::get(path).with(self.credential.clone());
            if let Ok(Shot::Refused(_)) = self.gunner.shoot_aside(&request, self.line.route).await {
                described = 0;
            }
        }
        self.uncounted = preflights + described + others;
        true
    }

    /// The window after the refusal, to its end.
    async fn window(mut self) -> Result<Heard, Unseen> {
        let (gunner, ledger, window, limit) = (self.gunner, self.gunner.ledger, self.gunner.window, self.gunner.limit);
        let refused = self.refusal.sent;
        let began = self.before().first().map_or(refused, |mark| mark.sent);
        let count = |marks: &[Mark]| u32::try_from(marks.len()).unwrap_or(u32::MAX);
        let served = count(&self.before());
        if served == 0 {
            return Ok(Heard::Unclear);
        }
        let took = refused.saturating_duration_since(began);
        let slack = ledger.slack();
        // By the answer to the first request the origin had counted it.
        let opens = self.before().first().map_or(refused, |mark| mark.answered) + window + slack;
        ledger.close_until(opens);
        let mut steady = false;
        let said = retry_after(&self.refusal.exchange).filter(|wait| *wait <= 2 * window).unwrap_or_default();
        // A limiter that says that it serves nothing before the window is over is only held to its word at the end.
        let whole = refused + said >= began + window * 9 / 10;
        let early = (!whole).then_some(refused + window * LOOKS[0] / 100);
        let looks = early.into_iter().chain([began + window * LOOKS[1] / 100]);
        for look in looks.filter(|look| *look > Instant::now()) {
            tokio::time::sleep_until(look.into()).await;
            let held = ledger.hold().await;
            let refused_still = matches!(gunner.shoot(&self.line.request, self.line.route).await?, Shot::Refused(_));
            drop(held);
            if refused_still {
                continue;
            }
            // What waits is sent until it is refused again: how much that is, is the measurement.
            if !ledger.flow().await {
                let held = ledger.hold().await;
                self.until_refused().await?;
                drop(held);
            }
            ledger.close_until(opens);
            let after = self.tape().most_after_refusal();
            if after > limit + 2 {
                break;
            }
            let refilled = millis(refused.elapsed()) * u64::from(limit) / millis(window).max(1);
            if u64::from(after) > refilled + 2 {
                return Ok(Heard::Unclear);
            }
            // A small bucket cannot hold what a high rate refills between two looks: only steady sending shows it.
            if served < limit * 2 / 3 || whole {
                return Ok(Heard::Unclear);
            }
            steady = true;
        }
        ledger.know_limit(served.max(1));
        let mut known = self.known(began, steady);
        // What the audit asks anyway fills more windows, and shows the rest of who is counted.
        let mut next = opens;
        let mut opened = None;
        while !known.is_settled() && ledger.more().await {
            if opened.is_none() {
                ledger.close_until(next);
                tokio::time::sleep_until(next.into()).await;
            }
            let since = *opened.get_or_insert_with(Instant::now);
            if !ledger.flow().await {
                continue;
            }
            opened = None;
            let marks: Vec<Mark> =
                ledger.tape().into_iter().filter(|mark| mark.served && mark.counts && mark.sent >= since).collect();
            next = Instant::now().max(marks.first().map_or(since, |mark| mark.answered) + window + slack);
            ledger.close_until(next);
            // Refused all the same, the window was not over yet; and what took longer may be of two windows.
            if !marks.is_empty() && since.elapsed() < window * 9 / 10 {
                let refilled = gunner.refilled(since.elapsed(), steady);
                known.windows.push(Filled { marks, refilled });
            }
        }
        let tallies = if known.is_settled() {
            known.tallies(None)
        } else {
            let _held = ledger.hold().await;
            let tallies = gunner.examine(known).await;
            ledger.close_until(Instant::now() + window + slack);
            tallies
        };
        // The examination may have seen it already.
        let mut recovered = ledger
            .tape()
            .iter()
            .find(|mark| mark.served && mark.counts && mark.sent >= opens)
            .map(|mark| mark.sent - began);
        for opens in [opens, refused + said + slack, Instant::now().max(opens) + window] {
            if recovered.is_some() {
                break;
            }
            if opens > Instant::now() {
                ledger.close_until(opens);
                tokio::time::sleep_until(opens.into()).await;
            }
            let answer = match ledger.next_answer(opens).await {
                Some(answer) => answer,
                None => {
                    let _held = ledger.hold().await;
                    let served = matches!(gunner.shoot(&self.line.request, self.line.route).await?, Shot::Served(_));
                    if served {
                        ledger.open();
                    }
                    served
                }
            };
            if answer {
                recovered = Some(began.elapsed());
            }
        }
        let tape = self.tape();
        let bucket = Bucket {
            subject: self.line.subject.clone(),
            credential: self.credential.clone(),
            request: in_words(&self.line, &self.before()),
            status: self.status(),
            sent: served + 1,
            served,
            uncounted: self.uncounted.min(served),
            took: millis(took),
            refusal: Some(self.refusal.exchange.clone()),
            after: tape.most_after_refusal(),
            steady,
            watched: millis(began.elapsed()),
            recovered: recovered.map(millis),
            refused: tape.refused(),
            rested: None,
        };
        let asides = std::mem::take(&mut self.asides);
        let limited = std::mem::take(&mut self.limited);
        let measured = Measured { buckets: vec![bucket], asides, limited, tallies, ..Measured::default() };
        Ok(Heard::Clear(measured, self.line))
    }

    /// What the first window shows of who is counted.
    fn known(&self, began: Instant, steady: bool) -> Known<'_> {
        let marks = self.before();
        let policy = self.gunner.limit;
        let expected: Vec<u32> = [Some(policy), said_limit(&self.refusal.exchange)].into_iter().flatten().collect();
        let refilled = self.gunner.refilled(self.refusal.sent.saturating_duration_since(began), steady);
        let paths: Vec<&str> = self.burst.subjects.iter().map(|subject| bare(&subject.path)).collect();
        let is_beside = |mark: &Mark| !paths.contains(&mark.label.path.as_str());
        let is_preflight = |mark: &Mark| mark.label.method == "OPTIONS";
        // What is no endpoint's need not be counted, nor do preflights: if a named limit fits without, it was not.
        let readings =
            [(true, true), (false, true), (true, false), (false, false)].map(|(beside, preflights)| Filled {
                marks: marks
                    .iter()
                    .filter(|mark| (beside || !is_beside(mark)) && (preflights || !is_preflight(mark)))
                    .cloned()
                    .collect(),
                refilled,
            });
        let fits = |filled: &&Filled| expected.iter().any(|limit| filled.total().contains(limit));
        let filled = readings.iter().find(fits).or(readings.first()).cloned();
        Known {
            line: &self.line,
            candidates: exam::candidates(&self.line, &self.asides),
            windows: filled.into_iter().collect(),
            expected,
            steady,
        }
    }

    /// Repeats the plain request until it is refused, or more was served than the policy allows.
    async fn until_refused(&self) -> Result<(), Unseen> {
        let mut since = Instant::now();
        while self.tape().most_after_refusal() <= self.gunner.limit + 2 {
            let mut tape = Tape::new(self.gunner.window);
            self.gunner.volley(&self.line, 2, &mut tape).await?;
            if tape.refused() > 0 || since.elapsed() > self.gunner.window {
                break;
            }
            since = since.max(Instant::now().checked_sub(self.gunner.window).unwrap_or(since));
        }
        Ok(())
    }

    /// What was served in the window that the refusal ended.
    fn before(&self) -> Vec<Mark> {
        let tape = self.gunner.ledger.tape();
        let refused = self.refusal.sent;
        let since = refused.checked_sub(self.gunner.window);
        // Sent before the first refusal was answered: the origin may have counted it before the one that it refused.
        let answered = tape.iter().filter(|mark| !mark.served && mark.sent >= refused).map(|mark| mark.answered).min();
        let until = answered.unwrap_or(refused);
        let within = |mark: &Mark| {
            mark.served && mark.counts && mark.sent <= until && since.is_none_or(|since| mark.sent > since)
        };
        tape.into_iter().filter(within).collect()
    }

    /// Everything since the window began, the refusals included.
    fn tape(&self) -> Tape {
        let began = self.before().first().map_or(self.refusal.sent, |mark| mark.sent);
        let mut tape = Tape::new(self.gunner.window);
        for mark in self.gunner.ledger.tape().iter().filter(|mark| mark.counts && mark.sent >= began) {
            tape.mark(mark.sent, mark.answered, mark.served);
        }
        tape
    }

    /// What the measured endpoint answers where it is served.
    fn status(&self) -> u16 {
        let before = self.before();
        let own = before.iter().filter(|mark| {
            mark.label.path == bare(&self.line.subject.path) && mark.label.credential == self.credential
        });
        let status = |mark: &Mark| mark.status;
        own.map(status).find(|status| (200..300).contains(status)).or_else(|| before.first().map(status)).unwrap_or(0)
    }
}

/// The limit that the answer names.
fn said_limit(exchange: &Exchange) -> Option<u32> {
    ["ratelimit-limit", "x-ratelimit-limit", "x-rate-limit-limit"]
        .into_iter()
        .find_map(|name| exchange.header(name)?.split([',', ';']).next()?.trim().parse().ok())
        .or_else(|| {
            let policy = exchange.header("ratelimit-policy")?;
            policy.split([';', ',']).find_map(|part| part.trim().strip_prefix("q=")?.parse().ok())
        })
}

fn bare(path: &str) -> &str {
    path.split('?').next().unwrap_or(path)
}
