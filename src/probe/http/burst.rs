//! Measures the limiter: a burst until the first refusal, then a watch over the whole window, for what counts is how
//! many requests are served in a window and not when the first one is refused.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::client::{self, Route};
use super::ledger::Ledger;
use super::listen::{self, Heard};
use super::tape::{Label, Mark, Tape};
use super::trust::Trust;
use super::{Sender, must_be_denied, shot};
use crate::detect::refusal::{Answered, answered, retry_after};
use crate::evidence::http::{Credential, Exchange, Listener, Request};
use crate::evidence::limit::{Aside, BUCKETS, Bucket, Burst, Measured, Outcome, Subject, Varied};
use crate::evidence::{Ask, Unseen};
use crate::probe::{Sink, World};
use crate::target::{Deployment, Target};

/// Requests sent side by side; a burst must be short against the window.
const BATCH: u32 = 8;
/// When the watch looks, in percent of the window after the refusal: what has come free by then is still free, so few
/// looks show a window shorter than the policy's, and the late ones how much shorter.
const LOOKS: [u32; 5] = [25, 50, 70, 85, 95];
/// Headers from which services take the client's address, each tried with an address of its own.
pub(super) const SPOOFED: &[&str] = &[
    "X-Forwarded-For",
    "X-Real-IP",
    "X-Client-IP",
    "Client-IP",
    "X-Originating-IP",
    "X-Remote-IP",
    "X-Remote-Addr",
    "X-Cluster-Client-IP",
    "X-ProxyUser-Ip",
    "True-Client-IP",
    "CF-Connecting-IP",
    "Fastly-Client-IP",
    "Fly-Client-IP",
    "X-Azure-ClientIP",
    "X-Appengine-User-Ip",
    "X-Envoy-External-Address",
    "X-Forwarded",
    "Forwarded-For",
    "Forwarded",
];

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
            Heard::Clear(measured) => return Ok(measured),
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
    let bucket = gunner.bucket(&main, &credential, &mut asides).await?;
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
            (line.subject, measured)
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
    Ok(measured)
}

/// Whether, and what, is to be tried beside the main line while it is refused.
enum Asides<'a> {
    None,
    Of(&'a [Subject]),
    /// What was seen, and what was found to count apart.
    Seen(Vec<Aside>, Vec<(Line, Credential)>),
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
        self.ledger.note(Mark {
            label: Label::of(request),
            sent,
            answered: Instant::now(),
            status: exchange.status,
            served,
            counts,
        });
        Ok(if served { Shot::Served(exchange) } else { Shot::Refused(exchange) })
    }

    /// One shot of the main line, on its tape.
    async fn record(&self, line: &Line, tape: &mut Tape) -> Result<bool, Unseen> {
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

    async fn bucket(&self, line: &Line, credential: &Credential, asides: &mut Asides<'_>) -> Result<Bucket, Unseen> {
        let mut tape = Tape::new(self.window);
        self.burst(line, &mut tape).await?;
        if tape.served() == 0 {
            // An earlier audit, or another client behind the same address: a window later it is over.
            tokio::time::sleep(self.window + self.window / 20).await;
            tape = Tape::new(self.window);
            self.burst(line, &mut tape).await?;
        }
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
        Ok(Bucket {
            subject: line.subject.clone(),
            credential: credential.clone(),
            request: line.in_words.clone(),
            status,
            sent,
            served,
            uncounted: 0,
            took: millis(took),
            refusal: tape.refusal().cloned(),
            after: tape.most_after_refusal(),
            steady,
            watched: millis(watched),
            recovered: recovered.map(millis),
            refused: tape.refused(),
        })
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

    /// What may get around the limit, or count apart from it, while the main line is refused.
    async fn asides<'s>(
        &self,
        line: &Line,
        credential: &Credential,
        subjects: &'s [Subject],
        tape: &mut Tape,
    ) -> Asides<'s> {
        let mut seen = Vec::new();
        let mut apart = Vec::new();
        let (spoofed_alone, spoofed_group) = (spoofed(line, &SPOOFED[..1], 7), spoofed(line, SPOOFED, 19));
        for (name, request) in
            [("X-Forwarded-For", spoofed_alone), ("a group of client address headers", spoofed_group)]
        {
            let outcome = self.aside(line, &request, line.route, tape).await;
            let dodged = matches!(outcome, Outcome::Served { .. });
            seen.push(Aside { varied: Varied::Spoofed(name.into()), outcome });
            if dodged {
                break;
            }
        }
        for path in [format!("/{}", line.request.path), respelled(&line.request.path)] {
            let request = Request { path: path.clone(), exact: true, ..line.request.clone() };
            let outcome = self.aside(line, &request, line.route, tape).await;
            seen.push(Aside { varied: Varied::Spelled(path), outcome });
        }
        if *credential == Credential::Valid {
            let request = line.request.clone().with(Credential::None);
            let outcome = self.aside(line, &request, line.route, tape).await;
            if matches!(outcome, Outcome::Served { .. }) {
                let in_words = format!("{} without a credential", line.in_words);
                apart.push((Line { request, in_words, ..line.clone() }, Credential::None));
            }
            let shares = matches!(outcome, Outcome::Refused);
            seen.push(Aside { varied: Varied::Anonymous, outcome });
            let request = line.request.clone().with(Credential::Wrong);
            let outcome = match self.aside(line, &request, line.route, tape).await {
                // It may share the count of those without a credential, which is another one than this line's.
                Outcome::Served { .. } if !shares => Outcome::Unclear(Unseen::NotComparable(
                    "requests without the valid token count apart, so it shows not whether each made-up token gets a \
                     count of its own"
                        .into(),
                )),
                outcome => outcome,
            };
            seen.push(Aside { varied: Varied::MadeUp, outcome });
        }
        let trust = Trust::of(&line.request.credential, self.deployment);
        if let Ok(ready) = client::ready(&self.sender, self.deployment, Listener::Main, trust).await {
            let mine = ready.addresses.first().copied();
            for address in ready.addresses.iter().skip(1).copied() {
                let route = Route { address: Some(address), ..line.route };
                let outcome = self.aside(line, &line.request, route, tape).await;
                let same_family = mine.is_some_and(|mine| mine.is_ipv4() == address.is_ipv4());
                seen.push(Aside { varied: Varied::Address { address: address.to_string(), same_family }, outcome });
            }
            // Linux has all of 127.0.0.0/8, and leaves the choice of the source address to us.
            if mine.is_some_and(|mine| mine.is_ipv4() && mine.ip().is_loopback()) {
                let source = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
                let route = Route { source: Some(source), ..line.route };
                let outcome = self.aside(line, &line.request, route, tape).await;
                seen.push(Aside { varied: Varied::Source(source.to_string()), outcome });
            }
        }
        for subject in subjects.iter().filter(|subject| **subject != line.subject) {
            let (request, in_words, stand_in) = shot::sibling(subject, credential);
            let outcome = self.aside(line, &request, line.route, tape).await;
            if matches!(outcome, Outcome::Served { .. }) {
                apart.push((
                    Line { request, in_words: in_words.clone(), subject: subject.clone(), route: line.route },
                    credential.clone(),
                ));
            }
            let stand_in = stand_in.then_some(in_words);
            seen.push(Aside { varied: Varied::Sibling { subject: subject.clone(), stand_in }, outcome });
        }
        Asides::Seen(seen, apart)
    }

    /// One variation: served counts only where the plain request right after it is refused, twice over.
    pub(super) async fn aside(&self, line: &Line, request: &Request, route: Route, tape: &mut Tape) -> Outcome {
        if tape.most_after_refusal() > self.limit + 2 {
            return Outcome::Unclear(Unseen::NotComparable("the limit itself does not hold".into()));
        }
        match self.try_aside(line, request, route, tape).await {
            Ok(outcome) => outcome,
            Err(unseen) => Outcome::Unclear(unseen),
        }
    }

    async fn try_aside(
        &self,
        line: &Line,
        request: &Request,
        route: Route,
        tape: &mut Tape,
    ) -> Result<Outcome, Unseen> {
        let mut count = 0;
        let mut renewed = 0;
        let mut began = Instant::now();
        while !tape.is_shaped() {
            let status = match self.shoot_aside(request, route).await? {
                Shot::Refused(_) => return Ok(Outcome::Refused),
                Shot::Served(exchange) => exchange.status,
            };
            if !self.record(line, tape).await? {
                count += 1;
                // As many as a steady refill may have let through meanwhile prove nothing.
                let refilled = millis(began.elapsed()) * u64::from(self.limit) / millis(self.window).max(1);
                if u64::from(count) >= 2 + refilled {
                    return Ok(Outcome::Served { status, count });
                }
                if count == 6 {
                    return Ok(Outcome::Unclear(Unseen::NotComparable(
                        "answers take as long as the limiter takes to refill, so nothing shows who counts what".into(),
                    )));
                }
                continue;
            }
            // The window was over, or refilled: use up what is there, and look again.
            count = 0;
            began = Instant::now();
            renewed += 1;
            let mut left = self.limit;
            while left > 0 && (left == self.limit || !tape.last_was_refused()) {
                let batch = left.min(BATCH);
                self.volley(line, batch, tape).await?;
                left -= batch;
            }
            if renewed == 2 || !tape.last_was_refused() {
                tape.shape();
            }
        }
        self.saturated(line, request, route, tape).await
    }

    /// A limiter that delays before it refuses, as a queue does, serves whoever waits for each answer. So the variation
    /// goes out at the moment when the queue is full: right after the first refusal among many sent at once.
    async fn saturated(
        &self,
        line: &Line,
        request: &Request,
        route: Route,
        tape: &mut Tape,
    ) -> Result<Outcome, Unseen> {
        for _ in 0..3 {
            let mut shots: FuturesUnordered<_> = (0..BATCH)
                .map(|_| async {
                    let sent = Instant::now();
                    (sent, self.shoot(&line.request, line.route).await)
                })
                .collect();
            let mut full = false;
            while !full && let Some((sent, shot)) = shots.next().await {
                full = !tape.add(sent, shot?);
            }
            if !full {
                break;
            }
            let rest = async {
                while let Some((sent, shot)) = shots.next().await {
                    tape.add(sent, shot?);
                }
                Ok::<(), Unseen>(())
            };
            let (varied, rest) = tokio::join!(self.shoot_aside(request, route), rest);
            rest?;
            if let Shot::Refused(_) = varied? {
                return Ok(Outcome::Refused);
            }
        }
        // A place may have come free just then: being served is no proof here.
        Ok(Outcome::Unclear(Unseen::NotComparable(
            "the limiter delays rather than refuses, so nothing shows who counts what".into(),
        )))
    }
}

/// The request with client addresses of a documentation range (RFC 5737) in its headers.
pub(super) fn spoofed(line: &Line, names: &[&str], from: u8) -> Request {
    names.iter().zip(from..).fold(line.request.clone(), |request, (name, last)| {
        let address = format!("203.0.113.{last}");
        let value = if *name == "Forwarded" { format!("for={address}") } else { address };
        request.header(*name, value)
    })
}

/// The same resource with a slash more, or an empty query.
pub(super) fn respelled(path: &str) -> String {
    match path.split_once('?') {
        Some((path, query)) => format!("{path}/?{query}"),
        None => format!("{path}/"),
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
