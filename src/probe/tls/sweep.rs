//! One hello a version, side by side; what stayed without a word is asked once more, and what may have been refused for
//! its suites is asked with the odd ones.

use futures_util::future::join_all;

use super::line::{Line, Met, PATIENT, PAUSE, PROMPT, is_wordless};
use super::{Asked, chain};
use crate::evidence::Ask;
use crate::evidence::tls::{Greeted, Outcome, Sent, Version};
use crate::tls::suites;

/// What every version met, oldest first. Where nobody asked for the versions, TLS 1.2 alone, for its chain in clear.
pub(super) struct Sweep(Vec<(Version, Met)>);

pub(super) async fn conduct(line: &Line<'_>, asked: &Asked) -> Sweep {
    if let Some(hello) = &asked.hello {
        return Sweep(all(line, &hello.clone().into()).await);
    }
    let chain = asked.chain.iter().map(|chain| Ask::from(chain.clone()));
    let Some(ask) = chain.chain(asked.suites.iter().map(|suites| suites.clone().into())).next() else {
        return Sweep(Vec::new());
    };
    let met = line.insist(&ask, Version::Tls12, &suites::common(Version::Tls12)).await;
    Sweep(vec![(Version::Tls12, met)])
}

async fn all(line: &Line<'_>, ask: &Ask) -> Vec<(Version, Met)> {
    let hellos = Version::ALL
        .map(|version| async move { (version, line.send(ask, version, &suites::common(version), PROMPT).await) });
    let mut sweep = join_all(hellos).await;
    if sweep.iter().all(|(_, met)| met.outcome == Outcome::NotListening) {
        return sweep;
    }
    // Slow answers side by side; connections that were dropped, one by one: five at once may have been too many.
    let slow = |met: &Met| met.cut || matches!(met.outcome, Outcome::Silent(_));
    let patient = sweep.iter().filter(|(_, met)| slow(met)).map(|(version, _)| {
        let version = *version;
        async move { (version, line.send(ask, version, &suites::common(version), PATIENT).await) }
    });
    let patient = join_all(patient).await;
    for (version, met) in &mut sweep {
        if let Some((_, later)) = patient.iter().find(|(asked, _)| asked == version) {
            met.clone_from(later);
        } else if is_wordless(&met.outcome) {
            tokio::time::sleep(PAUSE).await;
            *met = line.send(ask, *version, &suites::common(*version), PATIENT).await;
        }
        if matches!(version, Version::Tls10 | Version::Tls11) && may_be_about_suites(&met.outcome) {
            let rest = line.insist(ask, *version, suites::ODD).await;
            if !matches!(rest.outcome, Outcome::Alert(_) | Outcome::Closed) {
                *met = rest;
            }
        }
    }
    sweep
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
    pub(super) fn outcome(&self, version: Version) -> Option<&Outcome> {
        self.0.iter().find(|(asked, _)| *asked == version).map(|(_, met)| &met.outcome)
    }

    /// The outcome of every hello, where none of them met TLS at all: nothing further is worth asking.
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
        if self.0.iter().any(|(_, met)| speaks(&met.outcome)) {
            return None;
        }
        self.0.last().map(|(_, met)| met.outcome.clone())
    }

    /// Whether any hello was answered with TLS 1.2 or older.
    pub(super) fn speaks_up_to_1_2(&self) -> bool {
        let hellos = self.0.iter().filter_map(|(_, met)| met.flight.hello.as_ref());
        hellos.into_iter().any(|hello| hello.version <= Version::Tls12.wire())
    }

    /// Every chain in clear, the newest version's first: a server may have another for old clients.
    pub(super) fn chains(&self) -> Vec<Sent> {
        self.0.iter().rev().filter_map(|(_, met)| chain::of(&met.flight)).collect()
    }

    /// The newest accepted version once more.
    pub(super) async fn control(&self, line: &Line<'_>, ask: &Ask) -> Option<Outcome> {
        let (version, _) = self.0.iter().rev().find(|(_, met)| met.outcome.is_accepted())?;
        Some(line.insist(ask, *version, &suites::common(*version)).await.outcome)
    }

    pub(super) fn greeted(&self, address: &str, control: Option<Outcome>) -> Greeted {
        let hellos = self.0.iter().map(|(version, met)| (*version, met.outcome.clone())).collect();
        Greeted { address: address.to_owned(), hellos, control }
    }
}
