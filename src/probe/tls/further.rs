//! What else a server takes up to TLS 1.2: forbidden suites, a Diffie-Hellman group of its own, a second key. All are
//! offered in one hello, and again without what was chosen, until the server refuses: a sound one does so at once.

use super::line::Line;
use super::{Asked, Chains, chain};
use crate::evidence::tls::{ChosenAt, Outcome, Strictness, Suites, Version};
use crate::evidence::{Ask, Unseen};
use crate::tls::suites;

/// What one address took.
pub(super) struct Further {
    pub(super) chosen: Vec<ChosenAt>,
    /// Whether everything here was answered in TLS, be it with a refusal: nothing in it looks like a firewall's.
    pub(super) answered: bool,
}

/// `group` is what showed the server's Diffie-Hellman group already, with its bits.
pub(super) async fn look(
    line: &Line<'_>,
    asked: &Asked,
    group: Option<(&Outcome, u32)>,
    chains: &mut Chains,
) -> Further {
    let mut further = Further { chosen: Vec::new(), answered: true };
    // A second key is looked for once, beside the first question about suites.
    let rsa = if asked.chain.is_some() { chains.sent.first().and_then(chain::is_rsa) } else { None };
    let mut other = rsa.map(|rsa| suites::sound_with(!rsa)).unwrap_or_default();
    for question in &asked.suites {
        let mut offer = Offered::of(question, group, std::mem::take(&mut other));
        further.chosen.push(offer.settle(line, &question.clone().into(), chains, &mut further.answered).await);
    }
    if let (false, Some(ask)) = (other.is_empty(), &asked.chain) {
        let mut offer = Offered { other, ..Offered::default() };
        offer.settle(line, &ask.clone().into(), chains, &mut further.answered).await;
    }
    further
}

/// The answer about suites where nothing was asked, and why.
pub(super) fn unasked(question: &Suites, address: &str, why: &Outcome) -> ChosenAt {
    ChosenAt {
        address: address.to_owned(),
        suites: Vec::new(),
        last: why.clone(),
        group_bits: None,
        group: (question.strictness == Strictness::Sane).then(|| why.clone()),
    }
}

/// What is still on offer.
#[derive(Default)]
struct Offered {
    forbidden: Vec<u16>,
    /// Sound suites over finite-field Diffie-Hellman, for the size of the group.
    finite_field: Vec<u16>,
    /// Sound suites for the kind of key that was not shown.
    other: Vec<u16>,
    /// What showed the group before, with its bits.
    group: Option<(Outcome, u32)>,
    asks_for_group: bool,
}

impl Offered {
    fn of(question: &Suites, group: Option<(&Outcome, u32)>, other: Vec<u16>) -> Self {
        let asks_for_group = question.strictness == Strictness::Sane;
        Self {
            forbidden: suites::forbidden(question.strictness),
            finite_field: if asks_for_group && group.is_none() { suites::sound_finite_field() } else { Vec::new() },
            group: group.filter(|_| asks_for_group).map(|(outcome, bits)| (outcome.clone(), bits)),
            other,
            asks_for_group,
        }
    }

    /// The weakest first, for servers that leave the choice to the client.
    fn whole(&self) -> Vec<u16> {
        let mut whole = Vec::new();
        for suite in self.forbidden.iter().rev().chain(&self.finite_field).chain(&self.other) {
            if !whole.contains(suite) {
                whole.push(*suite);
            }
        }
        whole
    }

    async fn settle(&mut self, line: &Line<'_>, ask: &Ask, chains: &mut Chains, answered: &mut bool) -> ChosenAt {
        let mut at = ChosenAt {
            address: line.address.to_string(),
            suites: Vec::new(),
            last: Outcome::Closed,
            group_bits: self.group.as_ref().map(|(_, bits)| *bits),
            group: self.group.as_ref().map(|(outcome, _)| outcome.clone()),
        };
        loop {
            let whole = self.whole();
            if whole.is_empty() {
                break;
            }
            let met = line.insist(ask, Version::Tls12, &whole).await;
            let suite = match &met.outcome {
                Outcome::Accepted { suite } | Outcome::Downgraded { suite, .. } => *suite,
                Outcome::Alert(_)
                | Outcome::Closed
                | Outcome::Reset
                | Outcome::PlainHttp
                | Outcome::NotTls(_)
                | Outcome::Silent(_)
                | Outcome::NotListening
                | Outcome::Unreachable(_) => {
                    at.last = met.outcome;
                    break;
                }
            };
            if !whole.contains(&suite) {
                at.last = Outcome::NotTls(format!("it chose {}, which was not offered", suites::name(suite)));
                break;
            }
            if let Some(bits) = met.flight.group_bits.and_then(|bits| u32::try_from(bits).ok()) {
                at.group_bits = Some(at.group_bits.map_or(bits, |known: u32| known.min(bits)));
            }
            if let Some(sent) = chain::of(&met.flight).filter(|_| !chains.sent.is_empty()) {
                chains.keep(sent);
            }
            if self.take_away(suite) {
                at.suites.push(suite);
            }
            if suites::is_finite_field(suite) {
                at.group = Some(met.outcome.clone());
            }
            at.last = met.outcome;
        }
        if self.asks_for_group && at.group.is_none() {
            at.group = Some(at.last.clone());
        }
        self.conclude(line, &at.last, chains, answered);
        at
    }

    /// Takes away everything that is like the chosen suite; true if it is a forbidden one.
    fn take_away(&mut self, chosen: u16) -> bool {
        if self.forbidden.contains(&chosen) {
            let kind = suites::find(chosen).map(|suite| suite.kind);
            self.forbidden.retain(|number| suites::find(*number).map(|suite| suite.kind) != kind);
            return true;
        }
        if self.finite_field.contains(&chosen) {
            self.finite_field.clear();
            // The same key answered both: what remains of the other kind is without this key exchange.
            self.other.retain(|number| !suites::is_finite_field(*number));
        } else {
            self.other.clear();
        }
        false
    }

    /// What the ending leaves open.
    fn conclude(&mut self, line: &Line<'_>, last: &Outcome, chains: &mut Chains, answered: &mut bool) {
        match last {
            Outcome::Accepted { .. } | Outcome::Downgraded { .. } | Outcome::Alert(_) => {}
            // Nothing shows that this was not a firewall: the good hello has to come after it.
            Outcome::Closed => *answered = false,
            Outcome::Reset
            | Outcome::PlainHttp
            | Outcome::NotTls(_)
            | Outcome::Silent(_)
            | Outcome::NotListening
            | Outcome::Unreachable(_) => {
                *answered = false;
                if !self.other.is_empty() && !chains.sent.is_empty() {
                    let what = format!("{}: whether it has a second certificate: {last}", line.address);
                    chains.unseen.push(Unseen::NotComparable(what));
                }
            }
        }
    }
}
