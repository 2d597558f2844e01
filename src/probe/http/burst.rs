//! Measures the limiter: a burst until the first refusal, then a watch over the whole window, for what counts is how
//! many requests are served in a window and not when the first one is refused.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;

use super::asides::Asides;
use super::client::{self, Route};
use super::exam::{self, Known};
use super::ledger::Ledger;
use super::listen::{self, Heard};
use super::rivals::Filled;
use super::tape::{Label, Mark, Tape};
use super::{Sender, must_be_denied, shot};
use crate::detect::answer::gives_away;
use crate::detect::refusal::{Answered, answered, claim, retry_after};
use crate::evidence::http::{Credential, Exchange, Listener, Request};
use crate::evidence::limit::{BUCKETS, Bucket, Burst, Measured, Subject, Tally};
use crate::evidence::{Ask, Unseen};
use crate::probe::{Sink, World};
use crate::target::{Deployment, Target};

/// Requests sent side by side; a burst must be short against the window.
pub(super) const BATCH: u32 = 8;
/// When the watch looks, in percent of the window after the refusal: what has come free by then is still free, so few
/// looks show a window shorter than the policy's, and the late ones how much shorter.
const LOOKS: [u32; 5] = [25, 50, 70, 85, 95];

/// Answers every burst of a round, after everything else that is sent to the origin in that round.
pub(in crate::probe) async fn measure(world: &World, target: &Target, bursts: Vec<Burst>, sink: &Sink) {
    for burst in bursts {
        let ask = Ask::from(burst.clone());
        let sender = Sender { world, target, ask: &ask };
        sink.put(&burst, measured(sender, &burst).await);
    }
}

async fn measured(sender: Sender<'_>, burst: &Burst) -> Result<Measured, Unseen> {
    let deployment = sender.target.deployment.as_ref().ok_or_else(|| Unseen::NotNamed("no deployment named".into()))?;
    let host =
        Listener::Main.host(sender.target).ok_or_else(|| Unseen::NotNamed("the target's URL names no host".into()))?;
    let ledger = sender.world.clients.ledgers.of(&host, sender.target);
    let window = burst.window.duration();
    let credential = if deployment.has_credential() { Credential::Valid } else { Credential::None };
    let gunner = Gunner { sender, deployment, ledger: &ledger, limit: burst.limit, window };
    let Some(first) = burst.subjects.iter().find(|subject| !subject.costly) else {
        return Err(Unseen::NotAllowed("every endpoint is listed as `costly`: no burst is sent to any".into()));
    };
    // Exempt requests are not counted, so they measure nothing.
    if deployment.exempt.is_none() {
        match listen::listen(&gunner, burst, first).await? {
            Heard::Clear(measured, line) => return Ok(gunner.repeated(measured, &line).await),
            Heard::Unclear => {}
        }
    }
    let _alone = ledger.measure().await?;
    let needed = window * 3;
    if sender.world.time_left() < needed {
        return Err(Unseen::OverBudget(format!(
            "measuring the limit takes about {} s; --max-time leaves {} s",
            needed.as_secs(),
            sender.world.time_left().as_secs()
        )));
    }
    // What was refused before must not count as the limiter's refusal of this.
    gunner.settle().await;
    let chosen = match shot::choose(&gunner, first, &credential).await {
        Err(Unseen::Limited(_)) => {
            gunner.settle().await;
            shot::choose(&gunner, first, &credential).await
        }
        chosen => chosen,
    };
    let (request, request_in_words) = chosen?;
    gunner.settle().await;
    let mut measured = Measured::default();
    if deployment.exempt.is_some() {
        measured.spot_checks = gunner.spot_check(first).await;
    }
    let main = Line { request, in_words: request_in_words, subject: first.clone(), route: Route::FRESH };
    let mut asides = Asides::Of(&burst.subjects);
    let (bucket, tallies) = gunner.bucket(&main, &credential, &mut asides).await?;
    measured.tallies = tallies;
    let apart = match asides {
        Asides::Of(_) | Asides::None => Vec::new(),
        Asides::Seen(asides, apart) => {
            measured.asides = asides;
            apart
        }
    };
    if bucket.refusal.is_none() {
        let others = burst.subjects.iter().filter(|subject| *subject != first);
        let why = || Unseen::NotComparable(format!("{first} has no limit, so nothing shows whether others share one"));
        measured.unmeasured.extend(others.map(|subject| (subject.clone(), why())));
    }
    ledger.learned(bucket.refusal.as_ref().map(|_| bucket.served), bucket.steady, None);
    measured.buckets.push(bucket);
    let mut separate: Vec<(Line, Credential)> = apart;
    for (line, _) in separate.split_off(separate.len().min(BUCKETS - 1)) {
        let why = Unseen::OverBudget(format!("over {BUCKETS} endpoints count apart; this one was not measured"));
        measured.unmeasured.push((line.subject, why));
    }
    // They count apart, so they do not disturb each other, and wait side by side.
    let gunner = &gunner;
    let results: Vec<_> = futures_util::stream::iter(separate)
        .map(|(line, credential)| async move {
            if line.subject.costly {
                let why =
                    Unseen::NotAllowed("it is listed as `costly` and counts apart: no burst is sent to it".into());
                return (line.subject, Err(why));
            }
            let line = if line.subject.named || credential == Credential::None {
                line
            } else {
                match shot::choose(gunner, &line.subject, &credential).await {
                    Ok((request, in_words)) => Line { request, in_words, ..line },
                    Err(unseen) => return (line.subject, Err(unseen)),
                }
            };
            let measured = gunner.bucket(&line, &credential, &mut Asides::None).await;
            (line.subject, measured.map(|(bucket, _)| bucket))
        })
        .buffered(4)
        .collect()
        .await;
    for (subject, result) in results {
        match result {
            Ok(bucket) => measured.buckets.push(bucket),
            Err(unseen) => measured.unmeasured.push((subject, unseen)),
        }
    }
    measured.given_away = gunner.given_away();
    Ok(measured)
}

/// One request that is repeated.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) request: Request,
    pub(super) in_words: String,
    pub(super) subject: Subject,
    pub(super) route: Route,
}

/// Sends the requests of a measurement.
pub(super) struct Gunner<'a> {
    pub(super) sender: Sender<'a>,
    pub(super) deployment: &'a Deployment,
    pub(super) ledger: &'a Ledger,
    pub(super) limit: u32,
    pub(super) window: Duration,
}

/// What one request of the measurement showed.
pub(super) enum Shot {
    Served(Exchange),
    /// By the limiter, or by whatever answers in its place.
    Refused(Exchange),
}

impl Gunner<'_> {
    /// More than the limit before the first refusal is what a window's boundary within the burst shows, once; or what a
    /// limiter gives whoever rested. When everything was asked, it is taken again after a rest.
    async fn repeated(&self, mut measured: Measured, line: &Line) -> Measured {
        measured.given_away = self.given_away();
        let doubted = |bucket: &&mut Bucket| {
            let sure = bucket.served.saturating_sub(bucket.uncounted);
            bucket.refusal.is_some() && !bucket.steady && sure > self.limit && bucket.after <= self.limit
        };
        if let Some(bucket) = measured.buckets.first_mut().filter(doubted)
            && let Ok(_alone) = self.ledger.measure().await
        {
            let marks = self.ledger.tape();
            let refused = marks.iter().find(|mark| !mark.served).map_or_else(Instant::now, |mark| mark.sent);
            bucket.rested = self.rested(line, refused, Duration::from_millis(bucket.took)).await.ok();
        }
        measured
    }

    /// Refusals that carry what the valid token gets at the same place.
    fn given_away(&self) -> Vec<(String, u16)> {
        let memory = self.sender.world.clients.memory.of(self.sender.target);
        let kept = self.ledger.kept();
        let asked = memory.iter().map(|(request, exchange)| (Label::of(request), exchange.clone()));
        let controls: Vec<(Label, Exchange)> = asked
            .chain(kept.iter().cloned())
            .filter(|(label, exchange)| label.credential == Credential::Valid && exchange.is_success())
            .collect();
        let told =
            kept.iter().filter(|(_, exchange)| answered(exchange) != Answered::Service).filter(|(label, refusal)| {
                let mut same =
                    controls.iter().filter(|(control, _)| control.method == label.method && control.path == label.path);
                same.any(|(_, control)| gives_away(control, refusal))
            });
        let mut told: Vec<(String, u16)> = told
            .map(|(label, refusal)| {
                (format!("{} {} with {}", label.method, label.path, label.credential), refusal.status)
            })
            .collect();
        told.sort();
        told.dedup();
        told
    }

    /// Whether the first requests of the audit are answered alike without the operator's exemption.
    async fn spot_check(&self, subject: &Subject) -> Vec<(String, bool)> {
        let mut checks = Vec::new();
        let memory = self.sender.world.clients.memory.of(self.sender.target);
        for credential in [Credential::Valid, Credential::None, Credential::Wrong] {
            let Some((request, exempted)) = memory.iter().find(|(request, _)| {
                request.path == subject.path
                    && request.method == subject.method
                    && request.credential == credential
                    && !request.exact
                    && request.nth == 0
            }) else {
                continue;
            };
            let alike = match self.shoot(request, Route::FRESH).await {
                Ok(Shot::Served(exchange)) => exchange.status == exempted.status,
                Ok(Shot::Refused(_)) | Err(_) => false,
            };
            checks.push((format!("{} {} with {}", request.method, request.path, request.credential), alike));
        }
        checks
    }

    /// Waits until a whole window has passed without any request of the audit.
    async fn settle(&self) {
        if let Some(idle) = self.ledger.idle() {
            let window = self.window + self.window / 20;
            tokio::time::sleep(window.saturating_sub(idle)).await;
        }
    }

    /// One request of a measurement.
    pub(super) async fn shoot(&self, request: &Request, route: Route) -> Result<Shot, Unseen> {
        self.fire(request, route, true).await
    }

    /// One request that may be counted apart: what it is served says nothing of the count that is measured.
    pub(super) async fn shoot_aside(&self, request: &Request, route: Route) -> Result<Shot, Unseen> {
        self.fire(request, route, false).await
    }

    async fn fire(&self, request: &Request, route: Route, counts: bool) -> Result<Shot, Unseen> {
        if must_be_denied(&request.credential) {
            self.ledger.deny(self.deployment.limits.max_denied)?;
        }
        self.ledger.breathe().await;
        let sent = Instant::now();
        let exchange = client::exchange(&self.sender, request, route).await?;
        let served = answered(&exchange) == Answered::Service;
        let label = Label::of(request);
        if !served || exchange.is_success() {
            self.ledger.keep(&label, &exchange);
        }
        self.ledger.note(Mark {
            label,
            sent,
            answered: Instant::now(),
            status: exchange.status,
            served,
            counts,
            left: claim(&exchange).map(|claim| claim.remaining),
        });
        Ok(if served { Shot::Served(exchange) } else { Shot::Refused(exchange) })
    }

    /// One shot of the main line, on its tape.
    pub(super) async fn record(&self, line: &Line, tape: &mut Tape) -> Result<bool, Unseen> {
        let sent = Instant::now();
        let shot = self.shoot(&line.request, line.route).await?;
        Ok(tape.add(sent, shot))
    }

    /// Shots side by side; stops at the first that has no answer.
    pub(super) async fn volley(&self, line: &Line, count: u32, tape: &mut Tape) -> Result<(), Unseen> {
        let shots = (0..count).map(|_| async {
            let sent = Instant::now();
            (sent, self.shoot(&line.request, line.route).await)
        });
        for (sent, shot) in futures_util::future::join_all(shots).await {
            tape.add(sent, shot?);
        }
        if let Some(longest) = self.deployment.limits.stop_on_latency
            && tape.slowest() > longest.duration()
        {
            return Err(Unseen::OverBudget(format!("`stop-on` of the target: an answer took over {longest}")));
        }
        Ok(())
    }

    async fn bucket(
        &self,
        line: &Line,
        credential: &Credential,
        asides: &mut Asides<'_>,
    ) -> Result<(Bucket, Vec<Tally>), Unseen> {
        let mut tape = Tape::new(self.window);
        let mut began = Instant::now();
        self.burst(line, &mut tape).await?;
        if tape.served() == 0 {
            // An earlier audit, or another client behind the same address: a window later it is over.
            tokio::time::sleep(self.window + self.window / 20).await;
            tape = Tape::new(self.window);
            began = Instant::now();
            self.burst(line, &mut tape).await?;
        }
        let full = Instant::now();
        let Some(status) = tape.status() else {
            return Err(Unseen::Limited(format!(
                "{} was refused from the first request on, and a window later still",
                line.in_words
            )));
        };
        let (sent, served, took) = (tape.sent(), tape.served(), tape.elapsed());
        let mut steady = false;
        let mut recovered = None;
        let mut watched = took;
        if let Some(refusal) = tape.refusal().cloned() {
            if let Asides::Of(subjects) = asides
                && refusal.status < 500
            {
                *asides = self.asides(line, credential, subjects, &mut tape).await;
            }
            steady = self.watch(line, &mut tape).await?;
            watched = tape.elapsed();
            if steady {
                recovered = Some(watched);
            } else if tape.most_after_refusal() <= self.limit {
                recovered = self.recover(line, served, &refusal, &mut tape).await?;
            }
        }
        let mut after = tape.most_after_refusal();
        let mut tallies = Vec::new();
        let mut rested = None;
        if tape.refusal().is_some() && after <= self.limit + 2 {
            if let Asides::Seen(seen, _) = asides {
                let within = |mark: &Mark| mark.served && mark.counts && mark.sent >= began && mark.sent < full;
                let filled = Filled {
                    marks: self.ledger.tape().into_iter().filter(within).collect(),
                    refilled: self.refilled(took, steady),
                };
                let known = Known {
                    line,
                    candidates: exam::candidates(line, seen),
                    windows: vec![filled],
                    expected: vec![self.limit],
                    steady,
                };
                tallies = self.examine(known).await;
                let since: Vec<Mark> =
                    self.ledger.tape().into_iter().filter(|mark| mark.counts && mark.sent >= began).collect();
                after = Tape::of(self.window, &since).most_after_refusal().max(after);
            }
            if served > self.limit && !steady {
                rested = self.rested(line, full, took).await.ok();
            }
        }
        let bucket = Bucket {
            subject: line.subject.clone(),
            credential: credential.clone(),
            request: line.in_words.clone(),
            status,
            sent,
            served,
            uncounted: 0,
            took: millis(took),
            refusal: tape.refusal().cloned(),
            after,
            steady,
            watched: millis(watched),
            recovered: recovered.map(millis),
            refused: tape.refused(),
            rested,
        };
        Ok((bucket, tallies))
    }

    /// Until the first refusal; at most twice the limit and one, which no fixed window serves even where the burst
    /// falls on its boundary.
    async fn burst(&self, line: &Line, tape: &mut Tape) -> Result<(), Unseen> {
        let most = self.limit.saturating_mul(2).saturating_add(1);
        let batch = self.deployment.limits.burst.map_or(BATCH, |burst| burst.clamp(1, BATCH));
        while tape.refused() == 0 && tape.served() < most {
            let served = tape.served();
            // Up to the limit side by side; the one that should be refused alone, so that one refusal shows it.
            let count = match self.limit.checked_sub(served) {
                Some(0) => 1,
                Some(left) => left.min(batch),
                None => (most - served).min(batch),
            };
            self.volley(line, count, tape).await?;
        }
        if tape.refused() == 0 && tape.elapsed() > self.window {
            return Err(Unseen::NotComparable(format!(
                "{} requests took {} ms, longer than the window: too slow to measure a limit",
                tape.sent(),
                millis(tape.elapsed())
            )));
        }
        Ok(())
    }

    /// As many more as a burst needs that other requests began; when the refusal was sent, or now.
    pub(super) async fn top_up(&self, line: &Line, tape: &mut Tape) -> Result<Instant, Unseen> {
        self.burst(line, tape).await?;
        Ok(tape.first_refusal().unwrap_or_else(Instant::now))
    }

    /// Looks again and again until a window has passed since the last refusal that matters, and takes all that is
    /// served. True where the limiter refills steadily.
    async fn watch(&self, line: &Line, tape: &mut Tape) -> Result<bool, Unseen> {
        let mut since = tape.first_refusal().unwrap_or_else(Instant::now);
        let mut last_refused = since;
        // This look catches a limiter that refills one request at a time.
        let mut next = Instant::now() + (self.window * 5 / (2 * self.limit)).min(self.window / 4);
        loop {
            tokio::time::sleep_until(next.into()).await;
            let looked = Instant::now();
            let later = LOOKS.iter().map(|percent| since + self.window * *percent / 100).find(|look| *look > looked);
            let is_last = later.is_none();
            next = later.unwrap_or(looked);
            if !self.record(line, tape).await? {
                if is_last {
                    return Ok(false);
                }
                last_refused = Instant::now();
                continue;
            }
            let before = tape.served();
            while !tape.last_was_refused() {
                // Slowed down rather than refused, for a whole window: what it serves is what it serves.
                if looked.elapsed() > self.window {
                    return Ok(true);
                }
                if tape.most_after_refusal() > self.limit {
                    return Ok(false);
                }
                self.volley(line, 3, tape).await?;
            }
            if 1 + tape.served() - before <= (self.limit / 3).max(2) {
                self.pace(line, tape).await?;
                return Ok(true);
            }
            // A new window began since the last refusal: watch until that one is over.
            since = last_refused;
            last_refused = Instant::now();
            next = LOOKS
                .iter()
                .map(|percent| since + self.window * *percent / 100)
                .find(|look| *look > last_refused)
                .unwrap_or(last_refused);
        }
    }

    /// One and a half times the limit, evenly over a window: more than a limiter that keeps to the policy serves.
    async fn pace(&self, line: &Line, tape: &mut Tape) -> Result<(), Unseen> {
        let end = Instant::now() + self.window;
        let step = self.window * 2 / (3 * self.limit);
        let mut next = Instant::now() + step;
        while next < end && tape.most_after_refusal() <= self.limit + 2 {
            tokio::time::sleep_until(next.into()).await;
            next += step;
            self.record(line, tape).await?;
        }
        Ok(())
    }

    /// Whether it serves again after the wait; and, where the burst did not end at the very limit, how many at once.
    async fn recover(
        &self,
        line: &Line,
        served: u32,
        refusal: &Exchange,
        tape: &mut Tape,
    ) -> Result<Option<Duration>, Unseen> {
        let margin = self.window / 20 + Duration::from_millis(50);
        let said = retry_after(refusal).filter(|wait| *wait <= 2 * self.window).unwrap_or_default();
        for wait in [tape.until_window_after_last_refusal_episode() + margin, said, self.window] {
            // One more look just before the window can end, so that what is served next is known to follow a refusal.
            tokio::time::sleep(wait).await;
            if !self.record(line, tape).await? {
                continue;
            }
            let recovered = tape.elapsed();
            // Where earlier requests of others, or a boundary within the burst, may have blurred the count, it is
            // taken again from the start of a window.
            if served != self.limit {
                while !tape.last_was_refused() && tape.most_after_refusal() <= self.limit {
                    let left = self.limit.saturating_sub(tape.since_last_refusal());
                    self.volley(line, left.clamp(1, BATCH), tape).await?;
                }
                self.ledger.learned(None, false, Some(self.window));
            }
            return Ok(Some(recovered));
        }
        Ok(None)
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
