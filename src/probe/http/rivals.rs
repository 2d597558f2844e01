//! Which counter explains what was seen? A limiter that counts only failures, only successes or only one path refuses
//! everything, too, once it is full, and is no limit for whoever sends the rest. Such rivals are held against the windows
//! that a refusal ended: the one that counts everything needs the same total each time, whatever was among it.
//!
//! Pure.

use std::collections::BTreeSet;
use std::fmt;

use super::must_be_denied;
use super::tape::{Label, Mark};
use crate::evidence::http::Credential;

/// What was served in one window until the limiter refused.
#[derive(Clone, Debug)]
pub(super) struct Filled {
    pub(super) marks: Vec<Mark>,
    /// How many of these a limiter that refills steadily may have let through beside its capacity.
    pub(super) refilled: u32,
}

/// A counter that leaves something out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Rival {
    /// Counts only what is refused for what it is: 400 and above.
    NotSuccesses,
    /// Counts only what is answered below 400.
    NotFailures,
    /// Counts no 401 and 403.
    NotDenials,
    NotAnonymous,
    NotMadeUp,
    NotValid,
    NotPath(String),
    OnlyPath(String),
    NotMethod(String),
    OnlyMethod(String),
}

impl Rival {
    /// Whether it leaves this request out of its count.
    pub(super) fn skips(&self, mark: &Mark) -> bool {
        let Label { method, path, credential } = &mark.label;
        match self {
            Self::NotSuccesses => mark.status < 400,
            Self::NotFailures => mark.status >= 400,
            Self::NotDenials => matches!(mark.status, 401 | 403),
            Self::NotAnonymous => *credential == Credential::None,
            Self::NotMadeUp => must_be_denied(credential),
            Self::NotValid => *credential != Credential::None && !must_be_denied(credential),
            Self::NotPath(one) => path == one,
            Self::OnlyPath(one) => path != one,
            Self::NotMethod(one) => method == one,
            Self::OnlyMethod(one) => method != one,
        }
    }

    /// Every rival over these requests; `paths` and `methods` are the endpoints' own.
    pub(super) fn all(paths: &BTreeSet<String>, methods: &BTreeSet<String>, credentials: bool) -> Vec<Self> {
        let mut all = vec![Self::NotSuccesses, Self::NotFailures, Self::NotDenials];
        if credentials {
            all.extend([Self::NotAnonymous, Self::NotMadeUp, Self::NotValid]);
        }
        if paths.len() > 1 {
            all.extend(paths.iter().cloned().flat_map(|path| [Self::NotPath(path.clone()), Self::OnlyPath(path)]));
        }
        if methods.len() > 1 {
            all.extend(methods.iter().cloned().flat_map(|one| [Self::NotMethod(one.clone()), Self::OnlyMethod(one)]));
        }
        all
    }
}

impl fmt::Display for Rival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSuccesses => f.write_str("counts only failures"),
            Self::NotFailures => f.write_str("counts only successes"),
            Self::NotDenials => f.write_str("counts nothing that is denied"),
            Self::NotAnonymous => f.write_str("counts nothing without a credential"),
            Self::NotMadeUp => f.write_str("counts nothing with a wrong token"),
            Self::NotValid => f.write_str("counts nothing with the valid token"),
            Self::NotPath(path) => write!(f, "does not count {path}"),
            Self::OnlyPath(path) => write!(f, "counts only {path}"),
            Self::NotMethod(method) => write!(f, "does not count {method}"),
            Self::OnlyMethod(method) => write!(f, "counts only {method}"),
        }
    }
}

/// The rivals that still explain these windows as well as the counter that counts everything. `expected` are limits that
/// somebody named, the policy or the server: that just so many were served, for another reason, would be a coincidence.
pub(super) fn survivors(rivals: &[Rival], windows: &[Filled], expected: &[u32]) -> Vec<Rival> {
    rivals.iter().filter(|rival| !is_refuted(rival, windows, expected)).cloned().collect()
}

fn is_refuted(rival: &Rival, windows: &[Filled], expected: &[u32]) -> bool {
    // Unless another window held another number, which this rival explains; more at first may be a boundary within it.
    let explains = |window: &Filled| {
        let (all, counted) = (window.total(), window.without(rival));
        let mut others = windows.iter().filter(|other| !overlap(&other.total(), &all));
        others.any(|other| other.total().end() < all.start() || overlap(&other.without(rival), &counted))
    };
    let named = |window: &Filled| {
        let (all, counted) = (window.total(), window.without(rival));
        expected.iter().any(|limit| all.contains(limit) && !counted.contains(limit)) && !explains(window)
    };
    let told = |window: &Filled| window.is_told() && window.marks.iter().any(|mark| rival.skips(mark));
    // Served at first, and refused after nothing but what it leaves out.
    let alone = |window: &Filled| !window.marks.is_empty() && *window.without(rival).end() == 0;
    let disagree = |one: &Filled, other: &Filled| {
        overlap(&one.total(), &other.total()) && !overlap(&one.without(rival), &other.without(rival))
    };
    windows.iter().enumerate().any(|(at, window)| {
        named(window)
            || told(window)
            || alone(window)
            || windows.iter().skip(at + 1).any(|other| disagree(window, other))
    })
}

type Range = std::ops::RangeInclusive<u32>;

fn overlap(one: &Range, other: &Range) -> bool {
    one.start() <= other.end() && other.start() <= one.end()
}

impl Filled {
    /// The limit, were everything counted.
    pub(super) fn total(&self) -> Range {
        self.range(self.marks.len())
    }

    /// The limit, were this the counter.
    fn without(&self, rival: &Rival) -> Range {
        self.range(self.marks.iter().filter(|mark| !rival.skips(mark)).count())
    }

    fn range(&self, count: usize) -> Range {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        count.saturating_sub(self.refilled)..=count
    }

    /// Whether the origin itself told after each request that it was counted: no two were told the same remainder.
    fn is_told(&self) -> bool {
        let left: Option<BTreeSet<u32>> = self.marks.iter().map(|mark| mark.left).collect();
        left.is_some_and(|left| left.len() == self.marks.len() && left.contains(&0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn marks(kinds: &[(&str, Credential, u16, usize)]) -> Vec<Mark> {
        let now = Instant::now();
        let mark = |(path, credential, status, _): &(&str, Credential, u16, usize)| Mark {
            label: Label { method: "GET".into(), path: (*path).into(), credential: credential.clone() },
            sent: now,
            answered: now,
            status: *status,
            served: true,
            counts: true,
            left: None,
        };
        kinds.iter().flat_map(|kind| std::iter::repeat_n(mark(kind), kind.3)).collect()
    }

    fn filled(kinds: &[(&str, Credential, u16, usize)]) -> Filled {
        Filled { marks: marks(kinds), refilled: 0 }
    }

    fn all() -> Vec<Rival> {
        let paths = ["/a", "/b"].map(str::to_owned).into();
        Rival::all(&paths, &["GET".to_owned()].into(), true)
    }

    const VALID: Credential = Credential::Valid;

    #[test]
    fn one_window_that_nobody_named_refutes_nothing() {
        let mixed = filled(&[("/a", VALID, 200, 4), ("/b", VALID, 200, 3), ("/a", Credential::Wrong, 401, 3)]);
        assert_eq!(survivors(&all(), std::slice::from_ref(&mixed), &[30]).len(), all().len());
        let left = survivors(&all(), &[mixed], &[10]);
        assert_eq!(left, [Rival::NotAnonymous], "nothing was sent without a credential");
    }

    #[test]
    fn the_same_total_of_another_mix_refutes_what_leaves_out() {
        let plain = filled(&[("/a", VALID, 200, 7)]);
        let mixed = filled(&[
            ("/a", VALID, 200, 4),
            ("/b", VALID, 200, 1),
            ("/a", Credential::None, 401, 1),
            ("/a", Credential::Wrong, 401, 1),
        ]);
        assert_eq!(survivors(&all(), &[plain.clone(), mixed], &[10]), []);
        // Only failures are counted: the totals differ, and the failures do not.
        let failing = filled(&[("/a", VALID, 200, 2), ("/a", Credential::Wrong, 401, 5)]);
        let other = filled(&[("/a", VALID, 200, 4), ("/a", Credential::Wrong, 401, 5)]);
        assert!(survivors(&all(), &[failing, other], &[10]).contains(&Rival::NotSuccesses));
    }

    #[test]
    fn a_named_number_that_only_another_mix_gives_refutes_nothing() {
        let plain = filled(&[("/a", VALID, 200, 4)]);
        let denials = filled(&[("/a", VALID, 200, 4), ("/a", Credential::Wrong, 401, 2)]);
        assert!(survivors(&all(), &[plain, denials.clone()], &[6]).contains(&Rival::NotFailures));
        // A boundary within the first burst, which leaving out the denials does not explain.
        let straddling = filled(&[("/a", VALID, 200, 9)]);
        assert!(!survivors(&all(), &[straddling, denials], &[6]).contains(&Rival::NotFailures));
    }

    #[test]
    fn what_a_bucket_refills_meanwhile_refutes_nothing() {
        let of = |wrong| Filled {
            refilled: 3,
            ..filled(&[("/a", VALID, 200, 12 - wrong), ("/a", Credential::Wrong, 401, wrong)])
        };
        assert!(survivors(&all(), &[of(0), of(2)], &[9]).contains(&Rival::NotMadeUp));
        assert!(!survivors(&all(), &[of(0), of(5)], &[9]).contains(&Rival::NotMadeUp));
    }

    #[test]
    fn a_remainder_that_falls_with_each_request_shows_that_it_is_counted() {
        let mut told = filled(&[("/a", VALID, 200, 3), ("/a", Credential::Wrong, 401, 2)]);
        for (mark, left) in told.marks.iter_mut().zip([4, 3, 2, 1, 0]) {
            mark.left = Some(left);
        }
        assert!(!survivors(&all(), std::slice::from_ref(&told), &[30]).contains(&Rival::NotMadeUp));
        told.marks[4].left = Some(1);
        assert!(survivors(&all(), &[told], &[30]).contains(&Rival::NotMadeUp));
    }
}
