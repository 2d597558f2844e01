//! One hello a version, the old ones side by side and the newest after them, so that a good hello follows every refusal.
//! What stayed without a word is asked once more, and what may have been refused for its suites is asked with the odd ones.

use futures_util::future::join_all;
use tokio::join;

use super::chain;
use super::line::{Line, Met, PATIENT, PAUSE, PROMPT, is_wordless};
use crate::evidence::Ask;
use crate::evidence::tls::{Greeted, Outcome, Sent, Version};
use crate::tls::suites;

/// The versions that no policy wants; they are asked first.
const OLD: [Version; 3] = [Version::Ssl3, Version::Tls10, Version::Tls11];

/// What the versions met that were asked, oldest first.
#[derive(Default)]
pub(super) struct Sweep {
    met: Vec<(Version, Met)>,
    /// Whether every hello up to now was asked in the order of this file: an accepted one came after the refusals.
    in_order: bool,
}

/// SSL 3.0 to TLS 1.2. Where nothing answers the old ones in time, TLS 1.3, too: a mute server is not waited for thrice.
pub(super) async fn up_to_1_2(line: &Line<'_>, ask: &Ask) -> Sweep {
    let mut old = join_all(OLD.map(|version| first(line, ask, version))).await;
    if old.iter().all(|(_, met)| met.outcome == Outcome::NotListening) {
        let others = [Version::Tls12, Version::Tls13].map(|version| (version, Met::from(Outcome::NotListening)));
        return Sweep { met: old.into_iter().chain(others).collect(), in_order: true };
    }
    if old.iter().all(|(_, met)| is_slow(met)) {
        let newest = [Version::Tls12, Version::Tls13]
            .map(|version| async move { (version, line.insist(ask, version, &suites::common(version)).await) });
        let ((), newest) = join!(again(line, ask, &mut old), join_all(newest));
        return Sweep { met: old.into_iter().chain(newest).collect(), in_order: false };
    }
    again(line, ask, &mut old).await;
    let mut sweep = Sweep { met: old, in_order: true };
    sweep.ask(line, ask, Version::Tls12).await;
    sweep
}

async fn first(line: &Line<'_>, ask: &Ask, version: Version) -> (Version, Met) {
    (version, line.send(ask, version, &suites::common(version), PROMPT).await)
}

fn is_slow(met: &Met) -> bool {
    met.cut || matches!(met.outcome, Outcome::Silent(_))
}

/// The old versions once more where the first answer does not decide.
async fn again(line: &Line<'_>, ask: &Ask, old: &mut [(Version, Met)]) {
    // Slow answers side by side; connections that were dropped, one by one: three at once may have been too many.
    let patient = old.iter().filter(|(_, met)| is_slow(met)).map(|(version, _)| {
        let version = *version;
        async move { (version, line.send(ask, version, &suites::common(version), PATIENT).await) }
    });
    let patient = join_all(patient).await;
    for (version, met) in old {
        if let Some((_, later)) = patient.iter().find(|(asked, _)| asked == version) {
            met.clone_from(later);
        } else if is_wordless(&met.outcome) {
            tokio::time::sleep(PAUSE).await;
            *met = line.send(ask, *version, &suites::common(*version), PATIENT).await;
        }
        if *version != Version::Ssl3 && may_be_about_suites(&met.outcome) {
            let rest = line.insist(ask, *version, suites::ODD).await;
            if !matches!(rest.outcome, Outcome::Alert(_) | Outcome::Closed) {
                *met = rest;
            }
        }
    }
}

/// Whether a refusal may mean that the server has none of the suites, and the version nevertheless: handshake_failure,
/// insufficient_security, or no word at all. SSL 3.0 has no other alert, and nothing but the suites of its own age.
fn may_be_about_suites(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Alert(number) => matches!(number, 40 | 71),
        Outcome::Closed => true,
        Outcome::Accepted { .. }
        | Outcome::Downgraded { .. }
        | Outcome::Reset
        | Outcome::PlainHttp
        | Outcome::NotTls(_)
        | Outcome::Silent(_)
        | Outcome::NotListening
        | Outcome::Unreachable(_) => false,
    }
}

impl Sweep {
    /// One more version, unless it was asked already.
    pub(super) async fn ask(&mut self, line: &Line<'_>, ask: &Ask, version: Version) {
        if self.outcome(version).is_none() {
            let met = line.insist(ask, version, &suites::common(version)).await;
            self.met.push((version, met));
        }
    }

    /// A version that was met in another way than by a hello of ours.
    pub(super) fn met(&mut self, version: Version, outcome: Outcome) {
        self.met.push((version, outcome.into()));
    }

    pub(super) fn outcome(&self, version: Version) -> Option<&Outcome> {
        self.met.iter().find(|(asked, _)| *asked == version).map(|(_, met)| &met.outcome)
    }

    /// The outcome of every hello so far, where none of them met TLS at all: nothing further is worth asking.
    pub(super) fn mute(&self) -> Option<Outcome> {
        let speaks = |outcome: &Outcome| match outcome {
            Outcome::Accepted { .. }
            | Outcome::Downgraded { .. }
            | Outcome::Alert(_)
            | Outcome::Closed
            | Outcome::Reset => true,
            Outcome::PlainHttp
            | Outcome::NotTls(_)
            | Outcome::Silent(_)
            | Outcome::NotListening
            | Outcome::Unreachable(_) => false,
        };
        if self.met.iter().any(|(_, met)| speaks(&met.outcome)) {
            return None;
        }
        self.met.last().map(|(_, met)| met.outcome.clone())
    }

    /// What chose a sound suite over finite-field Diffie-Hellman and showed its group.
    pub(super) fn group(&self) -> Option<(&Outcome, u32)> {
        self.met.iter().find_map(|(_, met)| {
            let bits = u32::try_from(met.flight.group_bits?).ok()?;
            let hello = met.flight.hello.as_ref()?;
            suites::sound_finite_field().contains(&hello.suite).then_some((&met.outcome, bits))
        })
    }

    /// Whether any hello was answered with TLS 1.2 or older.
    pub(super) fn speaks_up_to_1_2(&self) -> bool {
        let hellos = self.met.iter().filter_map(|(_, met)| met.flight.hello.as_ref());
        hellos.into_iter().any(|hello| hello.version <= Version::Tls12.wire())
    }

    /// Every chain in clear, the newest version's first: a server may have another for old clients.
    pub(super) fn chains(&self) -> Vec<Sent> {
        self.met.iter().rev().filter_map(|(_, met)| chain::of(&met.flight)).collect()
    }

    /// The good hello that came after the refusals, where one did: of TLS 1.3, which is asked last of all; of TLS 1.2 where
    /// what followed was `answered` by the server in TLS, be it with a refusal. `None`: one is still to be sent.
    pub(super) fn last_good(&self, answered: bool) -> Option<Outcome> {
        if !self.in_order {
            return None;
        }
        let newest = self.outcome(Version::Tls13);
        if let Some(newest) = newest.filter(|newest| newest.is_accepted()) {
            return Some(newest.clone());
        }
        let refused = matches!(newest, Some(Outcome::Alert(_) | Outcome::Downgraded { .. }));
        self.outcome(Version::Tls12).filter(|outcome| outcome.is_accepted() && answered && refused).cloned()
    }

    /// The newest accepted version once more.
    pub(super) async fn control(&self, line: &Line<'_>, ask: &Ask) -> Option<Outcome> {
        let (version, _) = self.met.iter().rev().find(|(_, met)| met.outcome.is_accepted())?;
        Some(line.insist(ask, *version, &suites::common(*version)).await.outcome)
    }

    pub(super) fn greeted(&self, address: &str, control: Option<Outcome>) -> Greeted {
        let hellos = self.met.iter().map(|(version, met)| (*version, met.outcome.clone())).collect();
        Greeted { address: address.to_owned(), hellos, control }
    }
}
