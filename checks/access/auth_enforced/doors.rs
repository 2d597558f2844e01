//! Whether the host has addresses that were not asked: a guard in front of one says nothing of another.

use std::collections::BTreeSet;

use crate::check::Verdict;
use crate::evidence::address::{Addresses, Doors};
use crate::evidence::service::PortState;
use crate::evidence::{Evidence, Seen, Unseen};
use crate::target::Target;

pub(super) fn judge(verdict: &mut Verdict, target: &Target, evidence: &Evidence) {
    let Some(ask) = Addresses::of(target) else { return };
    match evidence.of(&ask) {
        Err(unseen) => verdict.not_seen(unseen),
        Ok(doors) => {
            if let Some(unseen) = unasked(doors, &answered(evidence)) {
                verdict.not_seen(unseen);
            }
        }
    }
}

/// The addresses that answered anything, as they are recorded.
fn answered(evidence: &Evidence) -> BTreeSet<&str> {
    let plain = evidence.exchanges().map(|(_, exchange)| exchange.address.as_str());
    let servers = evidence.answers().values().filter_map(|answer| match answer {
        Ok(Seen::Mcp(transcript)) => Some(transcript.opening.exchange.address.as_str()),
        _ => None,
    });
    plain.chain(servers).collect()
}

/// The doors beside the first that answered; what refuses connections is none.
fn unasked(doors: &Doors, answered: &BTreeSet<&str>) -> Option<Unseen> {
    let shut = |state: &PortState| match state {
        PortState::Closed => true,
        PortState::Open | PortState::Filtered | PortState::Unknown(_) => false,
    };
    let standing: Vec<String> =
        doors.doors.iter().filter(|door| !shut(&door.state)).map(|door| door.address.to_string()).collect();
    // Where answers came from several, each was asked a part only: one is taken as seen.
    let seen = standing.iter().position(|address| answered.contains(address.as_str())).unwrap_or_default();
    let mut others: Vec<String> =
        standing.into_iter().enumerate().filter(|(at, _)| *at != seen).map(|(_, address)| address).collect();
    if doors.untried > 0 {
        others.push(format!("{} more", doors.untried));
    }
    (!others.is_empty()).then(|| {
        Unseen::Partial(format!(
            "the host has further addresses, which were not asked: {} (audit each as a target of its own, with `resolve`)",
            others.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::address::Door;

    #[test]
    fn an_address_that_was_not_asked_is_unseen_by_name_and_one_that_refuses_connections_is_none() {
        let doors = |second: PortState| Doors {
            doors: vec![
                Door { address: "[::1]:80".parse().unwrap(), state: second },
                Door { address: "127.0.0.1:80".parse().unwrap(), state: PortState::Open },
            ],
            untried: 0,
        };
        let answered = BTreeSet::from(["127.0.0.1:80"]);
        assert_eq!(unasked(&doors(PortState::Closed), &answered), None);
        for state in [PortState::Open, PortState::Filtered, PortState::Unknown("no socket".into())] {
            let why = unasked(&doors(state), &answered).unwrap().to_string();
            assert!(why.contains("[::1]:80") && !why.contains("127.0.0.1"), "{why}");
        }
        assert_eq!(unasked(&Doors::default(), &answered), None);
        assert!(unasked(&Doors { untried: 3, ..doors(PortState::Closed) }, &answered).is_some());
    }
}
