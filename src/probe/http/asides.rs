//! What may get around the limit, or count apart from it, each tried while the plain request is refused.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::burst::{BATCH, Gunner, Line, Shot, millis};
use super::client::{self, Route};
use super::shot;
use super::tape::Tape;
use super::trust::Trust;
use super::vary::{self, SPOOFED, respelled, spoofed};
use crate::evidence::Unseen;
use crate::evidence::http::{Credential, Listener, Request};
use crate::evidence::limit::{Aside, Outcome, Subject, Varied};

/// Whether, and what, is to be tried beside the main line while it is refused.
pub(super) enum Asides<'a> {
    None,
    Of(&'a [Subject]),
    /// What was seen, and what was found to count apart.
    Seen(Vec<Aside>, Vec<(Line, Credential)>),
}

impl Gunner<'_> {
    /// What may get around the limit, or count apart from it, while the main line is refused.
    pub(super) async fn asides<'s>(
        &self,
        line: &Line,
        credential: &Credential,
        subjects: &'s [Subject],
        tape: &mut Tape,
    ) -> Asides<'s> {
        let mut seen = Vec::new();
        let mut apart = Vec::new();
        for (name, request) in [
            (SPOOFED[0], spoofed(line, &SPOOFED[..1], 7)),
            ("X-Forwarded-For: 127.0.0.1", vary::spoofed_as(line, "127.0.0.1")),
            ("a group of client address headers", spoofed(line, SPOOFED, 19)),
        ] {
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
        let (all, ways) = vary::disguised(&line.request, self.deployment);
        let joint = self.aside(line, &all, line.route, tape).await;
        for (varied, request) in ways {
            let outcome = match &joint {
                Outcome::Refused => Outcome::Refused,
                Outcome::Served { .. } | Outcome::Unclear(_) => self.aside(line, &request, line.route, tape).await,
            };
            seen.push(Aside { varied, outcome });
        }
        if let Some(headed) = vary::headed(&line.request) {
            let outcome = self.aside(line, &headed, line.route, tape).await;
            if let Outcome::Served { status: 200..300, .. } = outcome {
                let subject = Subject { method: headed.method.clone(), named: true, ..line.subject.clone() };
                let in_words = format!("{} {}", headed.method, headed.path);
                let request = headed.clone();
                apart.push((Line { request, in_words, subject, route: line.route }, credential.clone()));
            }
            seen.push(Aside { varied: Varied::Method(headed.method), outcome });
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
