//! Which of many invalid requests are sent: every operation its own, every kind of constraint somewhere, every input of every
//! description once, and more where there are few in all.

use std::collections::{BTreeMap, BTreeSet};

use super::{Invalid, Kind};

/// What one operation could be sent, and how much of it at least.
pub(super) struct Pool<'a> {
    /// What operations whose inputs are described alike have in common.
    pub(super) description: String,
    pub(super) cases: &'a [Invalid],
    pub(super) least: usize,
}

/// How much is sent.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// For the first operation of each description, at least.
    pub(super) least: usize,
    /// For the body and for the parameters of one operation, at most.
    pub(super) most: usize,
    /// Requests in all, beside what every operation gets.
    pub(super) budget: usize,
    /// Requests in all up to which more are sent than must be.
    pub(super) fill: usize,
}

/// The chosen cases of each pool, in the order of their choice.
pub(super) fn choose(pools: &[Pool<'_>], bounds: Bounds) -> Vec<Vec<usize>> {
    let mut choice =
        Choice { pools, taken: vec![Vec::new(); pools.len()], kinds: BTreeSet::new(), used: BTreeMap::new() };
    let mut leaders: Vec<usize> = Vec::new();
    for (place, pool) in pools.iter().enumerate() {
        for _ in 0..pool.least.max(1) {
            choice.take(place, |_| true);
        }
        let known =
            leaders.iter().any(|leader| pools.get(*leader).is_some_and(|one| one.description == pool.description));
        if !known {
            leaders.push(place);
        }
    }
    let most = choice.count() + bounds.budget;
    // Round and round, so that where the budget ends nobody is left with nothing.
    let mut open = leaders;
    while choice.count() < most && !open.is_empty() {
        open.retain(|place| choice.count() < most && choice.cover(*place, bounds));
    }
    let mut open: Vec<usize> = (0..pools.len()).collect();
    while choice.count() < bounds.fill && !open.is_empty() {
        open.retain(|place| choice.count() < bounds.fill && choice.take(*place, |_| true));
    }
    choice.taken
}

struct Choice<'a> {
    pools: &'a [Pool<'a>],
    taken: Vec<Vec<usize>>,
    /// Kinds of constraint that some operation is tried with.
    kinds: BTreeSet<Kind>,
    /// How often one constraint of a description is tried: where several operations are described alike, each tries another.
    used: BTreeMap<(&'a str, &'a str, Kind), usize>,
}

impl Choice<'_> {
    fn count(&self) -> usize {
        self.taken.iter().map(Vec::len).sum()
    }

    /// The most telling of the cases that are left and wanted; false where there is none.
    fn take(&mut self, place: usize, wanted: impl Fn(&Invalid) -> bool) -> bool {
        let (Some(pool), Some(taken)) = (self.pools.get(place), self.taken.get(place)) else { return false };
        let broken: BTreeSet<&str> = of(pool, taken).map(|case| case.subject.as_str()).collect();
        let tried: BTreeSet<Kind> = of(pool, taken).map(Invalid::kind).collect();
        let rank = |case: &Invalid| {
            let used = self.used.get(&key(pool, case)).copied().unwrap_or_default();
            (
                case.subject.is_empty(),
                broken.contains(case.subject.as_str()),
                self.kinds.contains(&case.kind()),
                tried.contains(&case.kind()),
                used,
            )
        };
        let left = pool.cases.iter().enumerate().filter(|(at, case)| !taken.contains(at) && wanted(case));
        let Some((at, case)) = left.min_by_key(|(_, case)| rank(case)) else { return false };
        self.kinds.insert(case.kind());
        *self.used.entry(key(pool, case)).or_default() += 1;
        if let Some(taken) = self.taken.get_mut(place) {
            taken.push(at);
        }
        true
    }

    /// One more case of an input, or of a kind, that the operation was not tried with; false where all were.
    fn cover(&mut self, place: usize, bounds: Bounds) -> bool {
        let (Some(pool), Some(taken)) = (self.pools.get(place), self.taken.get(place)) else { return false };
        let broken: BTreeSet<String> = of(pool, taken).map(|case| case.subject.clone()).collect();
        let tried: BTreeSet<Kind> = of(pool, taken).map(Invalid::kind).collect();
        let enough = taken.len() >= bounds.least;
        let full = |in_body: bool| of(pool, taken).filter(|case| case.is_in_body() == in_body).count() >= bounds.most;
        let (body, parameters) = (full(true), full(false));
        let has_room = |case: &Invalid| if case.is_in_body() { !body } else { !parameters };
        self.take(place, |case| {
            let is_new = !broken.contains(&case.subject) || !tried.contains(&case.kind());
            has_room(case) && (is_new || !enough)
        })
    }
}

fn of<'a>(pool: &Pool<'a>, taken: &'a [usize]) -> impl Iterator<Item = &'a Invalid> {
    let cases = pool.cases;
    taken.iter().filter_map(move |at| cases.get(*at))
}

fn key<'a>(pool: &'a Pool<'_>, case: &'a Invalid) -> (&'a str, &'a str, Kind) {
    (&pool.description, &case.subject, case.kind())
}
