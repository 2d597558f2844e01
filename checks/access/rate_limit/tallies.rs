//! Limits beside the first one: other addresses, paths and credentials that are counted apart.

use crate::check::Verdict;
use crate::evidence::Unseen;
use crate::evidence::limit::{Bucket, Kind, Measured, Outcome, Subject, Varied};

/// Whether an answer is the resource's own, as the measured one is.
pub(super) fn same(measured: u16, status: u16) -> bool {
    status == measured || (200..300).contains(&status) && (200..300).contains(&measured)
}

/// Refused while the limit is reached is not yet counted: each kind must have been shown to be.
pub(super) fn weigh_tallies(main: &Bucket, measured: &Measured, verdict: &mut Verdict) {
    let refused = measured.asides.iter().filter(|aside| aside.outcome == Outcome::Refused);
    let kinds = refused.filter_map(|aside| match &aside.varied {
        Varied::Anonymous => Some(Kind::Anonymous),
        Varied::MadeUp => Some(Kind::MadeUp),
        Varied::Sibling { subject, .. } => Some(Kind::Sibling(subject.clone())),
        Varied::Spoofed(_)
        | Varied::Spelled(_)
        | Varied::Address { .. }
        | Varied::Source(_)
        | Varied::Query(_)
        | Varied::Client(_)
        | Varied::Method(_) => None,
    });
    let mut siblings = 0;
    for kind in std::iter::once(Kind::Plain).chain(kinds) {
        match measured.tallies.iter().find(|tally| tally.kind == kind).map(|tally| &tally.counted) {
            None => verdict.not_seen(Unseen::NotComparable(format!("whether {kind} are counted was not looked at"))),
            Some(Err(unseen)) => verdict.not_seen(unseen.clone()),
            Some(Ok(())) => match kind {
                Kind::Plain => {}
                Kind::Anonymous | Kind::MadeUp => verdict.holds(format!("{kind} share the count")),
                Kind::Sibling(_) => siblings += 1,
            },
        }
    }
    if siblings > 0 {
        verdict.holds(format!("{siblings} more endpoints share the count of {}", main.subject));
    }
}

/// The reason, with the endpoint it concerns.
pub(super) fn about(subject: &Subject, unseen: &Unseen) -> Unseen {
    Unseen::Partial(format!("the limit on {subject}: {unseen}"))
}
