//! Plan, gather, judge: planning and gathering alternate until no check asks anything new.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Utc;

use crate::check::{Bound, Verdict};
use crate::evidence::{Answer, Ask, Evidence, Observation, Recording, Run, TargetRecord, Tool, Unseen};
use crate::plan::{Checklist, Remaining, asks_of};
use crate::policy::Policy;
use crate::probe::World;
use crate::target::Target;

/// Rounds of asking at most; more is a bug in a check.
pub const ROUNDS: usize = 6;

/// Gathers the evidence of a whole audit. Never fails: what could not be had is unseen, by name.
pub async fn gather(policy: &Policy, world: &World, wanted: &(dyn Fn(&str) -> bool + Sync)) -> Recording {
    let gathering = policy.targets.iter().map(|target| gather_target(policy, target, world, wanted));
    let targets = futures_util::future::join_all(gathering).await;
    let run =
        Run { finished: Utc::now(), complete: !world.was_cut_short(), vantage: world.vantage(), ..world.run().clone() };
    Recording { version: Recording::VERSION, tool: Tool::this(), run, policy: policy.clone(), targets }
}

async fn gather_target(
    policy: &Policy,
    target: &Target,
    world: &World,
    wanted: &(dyn Fn(&str) -> bool + Sync),
) -> TargetRecord {
    let mut answers: BTreeMap<Ask, Answer> = BTreeMap::new();
    // The policy was bound once when it was read, so this cannot fail here; if it does, nothing is asked and every
    // item reads `NotAsked`.
    let checklist = Checklist::of(policy, target, wanted).unwrap_or(Checklist { checks: Vec::new() });
    let mut remaining: Vec<Remaining> =
        checklist.checks.iter().map(|check| Remaining::of(check.as_ref(), target)).collect();
    for round in 0..ROUNDS {
        let seen = Evidence::new(world.run(), policy.declared(), answers.clone());
        let mut fresh = BTreeSet::new();
        let mut refused = BTreeMap::new();
        for (check, remaining) in checklist.checks.iter().zip(&mut remaining) {
            for ask in asks_of(check.as_ref(), target, &seen).unwrap_or_default() {
                if answers.contains_key(&ask) || fresh.contains(&ask) {
                    continue;
                }
                match if round == 0 { Ok(()) } else { remaining.take(&ask, target) } {
                    Ok(()) => {
                        refused.remove(&ask);
                        fresh.insert(ask);
                    }
                    Err(unseen) => {
                        refused.insert(ask, Err(unseen));
                    }
                }
            }
        }
        answers.extend(refused);
        if fresh.is_empty() {
            break;
        }
        world.answer(target, fresh, &mut answers).await;
    }
    let answers = answers
        .into_iter()
        .map(|(ask, answer)| Observation { sent: world.sent(&target.name, &ask), ask, answer: answer.into() })
        .collect();
    TargetRecord { target: target.name.clone(), answers }
}

/// One check's verdict on one target.
pub struct Judged {
    pub check: Box<dyn Bound>,
    pub target: Target,
    pub verdict: Verdict,
}

/// Judges a recording under a policy: pure, so that a replay gives the same, byte for byte.
pub fn judge(
    policy: &Policy,
    recording: &Recording,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<Judged>, serde_json::Error> {
    let mut judged = Vec::new();
    for target in &policy.targets {
        let answers = recording
            .targets
            .iter()
            .find(|record| record.target == target.name)
            .map(|record| {
                record.answers.iter().map(|seen| (seen.ask.clone(), Answer::from(seen.answer.clone()))).collect()
            })
            .unwrap_or_default();
        let evidence = Evidence::new(&recording.run, policy.declared(), answers);
        for check in Checklist::of(policy, target, wanted)?.checks {
            let verdict = verdict_of(check.as_ref(), target, &evidence);
            judged.push(Judged { check, target: target.clone(), verdict });
        }
    }
    Ok(judged)
}

/// A panicking check is a bug and inconclusive; it takes no other check with it.
fn verdict_of(check: &dyn Bound, target: &Target, evidence: &Evidence) -> Verdict {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check.judge(target, evidence))).unwrap_or_else(|_| {
        let mut verdict = Verdict::default();
        verdict.not_seen(Unseen::Bug(format!("{} panicked while judging", check.about().id)));
        verdict
    })
}
