//! A window of its own in which what is doubted is put to the limiter: requests of a kind that may not be counted, and the
//! plain one. Sent right after a refusal, more than the limit served in it breaks the policy whatever the limiter's make.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::burst::{BATCH, Gunner, Line, Shot, millis};
use super::rivals::{self, Filled, Rival};
use super::tape::{Mark, Tape};
use super::{must_be_denied, shot};
use crate::evidence::Unseen;
use crate::evidence::http::{Credential, Request};
use crate::evidence::limit::{Aside, Kind, Outcome, Tally, Varied};

/// How many of the last requests side by side are over the limit: a counter that reads before it writes serves them all.
const BEYOND: u32 = 4;
/// So many of each kind tell that it is counted where a request or two come free meanwhile.
const OF_A_KIND: u32 = 4;
/// How often a window is filled again that took in more than the limit.
const AGAIN: u32 = 3;
/// Windows at most, beside those that so many endpoints take.
const WINDOWS: usize = 6;

/// For what a window is waited.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wait {
    /// The end of the one before, which a refusal just before it shows.
    Boundary,
    /// What comes free steadily.
    Refill,
    /// Two whole windows without any request: refused ones count, too, as in HAProxy's stick tables.
    Rest,
}

/// A kind of requests that must be counted.
pub(super) struct Candidate {
    pub(super) kind: Kind,
    pub(super) request: Request,
    /// One request is all that it may get.
    pub(super) costly: bool,
}

impl Candidate {
    fn is(&self, mark: &Mark) -> bool {
        let label = &mark.label;
        match &self.kind {
            Kind::Anonymous => label.credential == Credential::None,
            Kind::MadeUp => must_be_denied(&label.credential),
            Kind::Plain | Kind::Sibling(_) => {
                label.path == bare(&self.request.path)
                    && label.method == self.request.method
                    && label.credential == self.request.credential
            }
        }
    }
}

/// What is known before the first examination.
pub(super) struct Known<'a> {
    pub(super) line: &'a Line,
    pub(super) candidates: Vec<Candidate>,
    pub(super) windows: Vec<Filled>,
    /// Limits that the policy and the server name.
    pub(super) expected: Vec<u32>,
    /// Whether the limiter refills steadily.
    pub(super) steady: bool,
}

/// What must be counted: the measured request, and all that is refused while the limit is reached.
pub(super) fn candidates(line: &Line, asides: &[Aside]) -> Vec<Candidate> {
    let plain = Candidate { kind: Kind::Plain, request: line.request.clone(), costly: false };
    let others = asides.iter().filter(|aside| aside.outcome == Outcome::Refused).filter_map(|aside| {
        let (kind, request, costly) = match &aside.varied {
            Varied::Anonymous => (Kind::Anonymous, line.request.clone().with(Credential::None), false),
            Varied::MadeUp => (Kind::MadeUp, line.request.clone().with(Credential::Wrong), false),
            Varied::Sibling { subject, .. } => {
                let (request, _, _) = shot::sibling(subject, &line.request.credential);
                (Kind::Sibling(subject.clone()), request, subject.costly)
            }
            Varied::Spoofed(_)
            | Varied::Spelled(_)
            | Varied::Address { .. }
            | Varied::Source(_)
            | Varied::Query(_)
            | Varied::Client(_)
            | Varied::Method(_) => return None,
        };
        Some(Candidate { kind, request, costly })
    });
    std::iter::once(plain).chain(others).collect()
}

impl Known<'_> {
    /// Whether nothing is doubted.
    pub(super) fn is_settled(&self) -> bool {
        self.tallies(None).iter().all(|tally| tally.counted.is_ok())
    }

    fn rivals(&self) -> Vec<Rival> {
        let of = |part: fn(&Request) -> String| -> BTreeSet<String> {
            self.candidates.iter().map(|one| part(&one.request)).collect()
        };
        let credentials = self.candidates.iter().any(|one| one.kind == Kind::Anonymous);
        Rival::all(&of(|request| bare(&request.path).to_owned()), &of(|request| request.method.clone()), credentials)
    }

    /// The rivals that would leave out each kind; `None` where none of the kind was among what filled a window.
    fn doubts<'r>(&self, survivors: &'r [Rival]) -> Vec<Option<Vec<&'r Rival>>> {
        let marks = || self.windows.iter().flat_map(|window| &window.marks);
        let of = |one: &Candidate| {
            marks().any(|mark| one.is(mark)).then(|| {
                let leaves_out = |rival: &&Rival| marks().any(|mark| one.is(mark) && rival.skips(mark));
                survivors.iter().filter(leaves_out).collect()
            })
        };
        self.candidates.iter().map(of).collect()
    }

    /// What to send next, the rest of the window being the plain request; `None` where nothing is doubted any more.
    fn next(&self, rivals: &[Rival], size: u32, tried: &mut Vec<String>) -> Option<Vec<Request>> {
        let survivors = rivals::survivors(rivals, &self.windows, &self.expected);
        let doubts = self.doubts(&survivors);
        let kinds = || self.candidates.iter().zip(&doubts);
        let absent: Vec<&Candidate> = kinds().filter(|(_, doubt)| doubt.is_none()).map(|(one, _)| one).collect();
        let open = |doubt: &Option<Vec<&Rival>>| doubt.as_ref().is_some_and(|rivals| !rivals.is_empty());
        let doubtful: Vec<&Candidate> = kinds().filter(|(_, doubt)| open(doubt)).map(|(one, _)| one).collect();
        if absent.is_empty() && doubtful.is_empty() {
            return None;
        }
        // In a bucket one more or less tells nothing.
        let (each, room) = if self.steady { (OF_A_KIND, size / OF_A_KIND) } else { (1, size) };
        let most = usize::try_from(room).unwrap_or(1).saturating_sub(1);
        let mix = |of: &[&Candidate], each: u32| -> Vec<Request> {
            let fits = of.iter().filter(|one| !one.costly || each == 1).take(most);
            fits.flat_map(|one| (0..each).map(|_| one.request.clone())).collect()
        };
        let mixed = mix(&absent, each);
        if !mixed.is_empty() {
            return Some(mixed);
        }
        // The plain request alone differs from every mix.
        let plain = "plain".to_owned();
        if absent.is_empty() && !tried.contains(&plain) {
            tried.push(plain);
            return Some(Vec::new());
        }
        // A boundary within the first window may have hidden what a whole one shows of many at once.
        let among = |one: &Candidate| format!("{} among others", one.kind);
        let together: Vec<&Candidate> =
            doubtful.iter().copied().filter(|one| !tried.contains(&among(one))).take(most).collect();
        let again = mix(&together, each);
        tried.extend(together.iter().map(|one| among(one)));
        if !again.is_empty() {
            return Some(again);
        }
        // And what is left, each by itself.
        let alone = absent.iter().chain(&doubtful).find(|one| !one.costly && !tried.contains(&one.kind.to_string()))?;
        tried.push(alone.kind.to_string());
        // Over the limit and what refills meanwhile, so that the plain request is not reached.
        let most = self.expected.iter().max().copied().unwrap_or(size).saturating_mul(2) + 2 * BATCH;
        Some(vec![alone.request.clone(); usize::try_from(most).unwrap_or(1)])
    }

    /// Which kinds are counted; `why` nothing more was tried.
    pub(super) fn tallies(&self, why: Option<&Unseen>) -> Vec<Tally> {
        let survivors = rivals::survivors(&self.rivals(), &self.windows, &self.expected);
        let doubts = self.doubts(&survivors);
        let told = |(one, doubt): (&Candidate, Option<Vec<&Rival>>)| {
            let unseen = |what: String| match why {
                None => Unseen::NotComparable(what),
                Some(why) => Unseen::Partial(format!("{what} ({why})")),
            };
            let counted = match doubt.as_deref() {
                Some([]) => Ok(()),
                Some([rival, ..]) => Err(unseen(format!(
                    "nothing shows that {} are counted: a limiter that {rival} answers alike",
                    one.kind
                ))),
                None => Err(unseen(format!("nothing shows that {} are counted: none was among what was", one.kind))),
            };
            Tally { kind: one.kind.clone(), counted }
        };
        self.candidates.iter().zip(doubts).map(told).collect()
    }
}

impl Gunner<'_> {
    /// Whether each kind is counted, with as many windows more as that takes. Nobody else may send meanwhile.
    pub(super) async fn examine(&self, mut known: Known<'_>) -> Vec<Tally> {
        let rivals = known.rivals();
        let mut tried = Vec::new();
        let mut why = None;
        let mut wait = if known.steady { Wait::Refill } else { Wait::Boundary };
        let each = if known.steady { OF_A_KIND } else { 1 };
        let most = WINDOWS + known.candidates.len() / usize::try_from(self.limit / each).unwrap_or(1).max(1);
        for _ in 0..most {
            let size = known.windows.iter().map(|filled| *filled.total().end()).min().unwrap_or(self.limit);
            let Some(first) = known.next(&rivals, size.min(self.limit), &mut tried) else { break };
            if self.sender.world.time_left() < self.window * 2 {
                why = Some(Unseen::OverBudget("--max-time leaves no window more".into()));
                break;
            }
            let mut filling = self.fill(known.line, first.clone(), size, wait).await;
            // Only what follows a refusal is bounded whatever the make, and now the window is full; what was slower than a
            // window shows nothing.
            for _ in 0..AGAIN {
                if !matches!(filling, Ok(None)) || self.shows_more() {
                    break;
                }
                filling = self.fill(known.line, first.clone(), size, wait).await;
            }
            // Where refused requests count, too, the last refusals used up what should have been free.
            let starved = |filled: &Filled| filled.marks.len() < usize::try_from(size / 2).unwrap_or(0);
            if wait == Wait::Boundary && matches!(&filling, Ok(Some(filled)) if starved(filled)) {
                wait = Wait::Rest;
                filling = self.fill(known.line, first, size, wait).await;
            }
            match filling {
                Ok(Some(filled)) => known.windows.push(filled),
                // More than the limit in a window: the count itself says so.
                Ok(None) => {
                    why = Some(Unseen::NotComparable("more was served than the limit".into()));
                    break;
                }
                Err(unseen) => {
                    why = Some(unseen);
                    break;
                }
            }
        }
        known.tallies(why.as_ref())
    }

    /// Whether more than the limit was served in a window after a refusal.
    fn shows_more(&self) -> bool {
        let counted: Vec<Mark> = self.ledger.tape().into_iter().filter(|mark| mark.counts).collect();
        Tape::of(self.window, &counted).most_after_refusal() > self.limit
    }

    /// One window, filled from its start: `first`, then the plain request. `None` where it was not filled by more than
    /// the policy allows.
    async fn fill(&self, line: &Line, first: Vec<Request>, size: u32, wait: Wait) -> Result<Option<Filled>, Unseen> {
        let slack = self.ledger.slack();
        let counted = || self.ledger.tape().into_iter().filter(|mark| mark.counts);
        let steady = wait == Wait::Refill;
        let counts = |mark: &Mark| mark.served || wait == Wait::Rest;
        let last = counted().filter(counts).map(|mark| mark.answered).max();
        // A counter that blends the period before into this one (HAProxy's freq_ctr) needs two to forget.
        let rest = if wait == Wait::Rest { self.window * 2 } else { self.window };
        let open = last.map_or_else(Instant::now, |last| last + rest + slack);
        // Before the window that the last ones filled can be over.
        let filling = counted().filter(|mark| mark.served && last.is_some_and(|last| mark.sent + self.window > last));
        let first_of_it = filling.map(|mark| mark.sent).min().unwrap_or(open);
        // What refills steadily has done so by then, and shows nothing just before.
        let before = (first_of_it + self.window * 9 / 10).min(open.checked_sub(self.window / 20).unwrap_or(open));
        let look = if wait == Wait::Boundary { before } else { open };
        tokio::time::sleep_until(look.into()).await;
        let mut began = Instant::now();
        // Just before, a refusal: what is served after it and within a window of it is bounded whatever the make.
        let refused = counted().filter(|mark| !mark.served).map(|mark| mark.sent).max();
        let recent = refused.is_some_and(|refused| refused + self.window / 4 > Instant::now());
        let same = first.first().unwrap_or(&line.request).clone();
        if wait != Wait::Boundary || recent || matches!(self.shoot(&same, line.route).await?, Shot::Refused(_)) {
            tokio::time::sleep_until(open.into()).await;
            began = Instant::now();
        }
        let batch = self.deployment.limits.burst.map_or(BATCH, |burst| burst.clamp(1, BATCH));
        let mut first = first.into_iter();
        let mut shots = size.min(self.limit).saturating_add(BEYOND.min(batch / 2).max(1));
        loop {
            let count = match shots % batch {
                0 => batch,
                rest => rest,
            };
            let requests: Vec<Request> =
                (0..count).map(|_| first.next().unwrap_or_else(|| line.request.clone())).collect();
            let sending = requests.iter().map(|request| self.shoot(request, line.route));
            let answers = futures_util::future::join_all(sending).await;
            let filled: Vec<Mark> = counted().filter(|mark| mark.served && mark.sent >= began).collect();
            let mut full = false;
            for answer in answers {
                full |= matches!(answer?, Shot::Refused(_));
            }
            let served = u32::try_from(filled.len()).unwrap_or(u32::MAX);
            let refilled = self.refilled(began.elapsed(), steady);
            if full {
                let over = served > self.limit.saturating_add(refilled);
                return Ok((!over).then_some(Filled { marks: filled, refilled }));
            }
            if served > self.limit.saturating_mul(2) {
                return Ok(None);
            }
            shots = shots.checked_sub(count).filter(|left| *left > 0).unwrap_or(batch);
        }
    }

    /// What a limiter that refills steadily lets through beside its capacity.
    pub(super) fn refilled(&self, took: Duration, steady: bool) -> u32 {
        if !steady {
            return 0;
        }
        let refilled = millis(took) * u64::from(self.limit) / millis(self.window).max(1);
        u32::try_from(refilled).unwrap_or(u32::MAX).saturating_add(2)
    }

    /// How many are served at once after three windows of rest. A boundary only adds to that; so more than the limit is
    /// believed where two such bursts, half a window apart in phase, show it: one boundary does not fall into both. The
    /// first of them may be the audit's own, which ended at `boundary` and took so long.
    pub(super) async fn rested(&self, line: &Line, boundary: Instant, took: Duration) -> Result<u32, Unseen> {
        let (mut boundary, mut took) = (boundary, took);
        for _ in 0..2 {
            let last = self.ledger.tape().iter().map(|mark| mark.answered).max().unwrap_or(boundary);
            let mut start = boundary + self.window / 2;
            while start < last + self.window * 3 {
                start += self.window;
            }
            let wait = start.saturating_duration_since(Instant::now());
            if self.sender.world.time_left() < wait + self.window {
                return Err(Unseen::OverBudget(format!(
                    "whether as many are served again after a rest takes {} s; --max-time leaves {} s",
                    wait.as_secs(),
                    self.sender.world.time_left().as_secs()
                )));
            }
            tokio::time::sleep(wait).await;
            let batch = self.deployment.limits.burst.map_or(BATCH, |burst| burst.clamp(1, BATCH));
            let mut tape = Tape::new(self.window);
            while tape.refused() == 0 && tape.served() <= self.limit {
                let left = (self.limit - tape.served()).max(1);
                self.volley(line, left.min(batch), &mut tape).await?;
            }
            if tape.served() == 0 {
                return Err(Unseen::Limited("it was refused after a rest from the first request on".into()));
            }
            let apart = |took: Duration| took <= self.window * 9 / 20;
            if tape.served() <= self.limit || apart(took) && apart(tape.elapsed()) {
                return Ok(tape.served());
            }
            (boundary, took) = (Instant::now(), tape.elapsed());
        }
        Err(Unseen::NotComparable("a window may have ended within each of the bursts".into()))
    }
}

fn bare(path: &str) -> &str {
    path.split('?').next().unwrap_or(path)
}
