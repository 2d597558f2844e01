//! Plan, gather, judge: planning and gathering alternate until no check asks anything new.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Utc;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use crate::check::{Bound, Verdict};
use crate::evidence::http::Free;
use crate::evidence::{Answer, Ask, Evidence, Recording, Run, SentAs, TargetRecord, Tool, Unseen};
use crate::plan::{Checklist, Remaining, asks_of};
use crate::policy::Policy;
use crate::probe::{Round, World};
use crate::target::Target;

/// Rounds of asking at most; more is a bug in a check.
pub const ROUNDS: usize = 7;

/// Gathers the evidence of a whole audit. Never fails: what could not be had is unseen, by name.
pub async fn gather(policy: &Policy, world: &World, wanted: &(dyn Fn(&str) -> bool + Sync)) -> Recording {
    let gathering = policy.targets.iter().map(|target| gather_target(policy, target, world, wanted));
    let targets = futures_util::future::join_all(gathering).await;
    let run =
        Run { finished: Utc::now(), complete: !world.was_cut_short(), vantage: world.vantage(), ..world.run().clone() };
    Recording { version: Recording::VERSION, tool: Tool::this(), run, policy: policy.clone(), targets, drift: None }
}

async fn gather_target(
    policy: &Policy,
    target: &Target,
    world: &World,
    wanted: &(dyn Fn(&str) -> bool + Sync),
) -> TargetRecord {
    let mut answers: BTreeMap<Ask, Answer> = BTreeMap::new();
    let mut sent_as = SentAs::new();
    // The policy was bound once when it was read, so this cannot fail here; if it does, nothing is asked and every
    // item reads `NotAsked`.
    let checklist = Checklist::of(policy, target, wanted).unwrap_or(Checklist { checks: Vec::new() });
    let mut remaining: Vec<Remaining> =
        checklist.checks.iter().map(|check| Remaining::of(check.as_ref(), target)).collect();
    // Asked in an earlier round, and left over there.
    let mut left_over: BTreeSet<Ask> = BTreeSet::new();
    // Measurements listen to what the rounds send, so they run beside them.
    let mut measuring = FuturesUnordered::new();
    let mut begun: BTreeSet<Ask> = BTreeSet::new();
    let mut round = 0;
    while round < ROUNDS {
        let seen = Evidence::new(world.run(), policy.declared(), answers.clone()).sent_as(sent_as.clone());
        let mut fresh: BTreeMap<Ask, Free> = BTreeMap::new();
        let mut refused = BTreeMap::new();
        for (check, remaining) in checklist.checks.iter().zip(&mut remaining) {
            for ask in asks_of(check.as_ref(), target, &seen).unwrap_or_default() {
                if answers.contains_key(&ask) || begun.contains(&ask) {
                    continue;
                }
                let free = check.leaves_free(target, &ask);
                if let Some(known) = fresh.get_mut(&ask) {
                    *known = known.and(free);
                    continue;
                }
                match if round == 0 || left_over.contains(&ask) { Ok(()) } else { remaining.take(&ask, target) } {
                    Ok(()) => {
                        refused.remove(&ask);
                        fresh.insert(ask, free);
                    }
                    Err(unseen) => {
                        refused.insert(ask, Err(unseen));
                    }
                }
            }
        }
        answers.extend(refused);
        let bursts: BTreeSet<Ask> = fresh.keys().filter(|ask| matches!(ask, Ask::Burst(_))).cloned().collect();
        fresh.retain(|ask, _| !bursts.contains(ask));
        if !bursts.is_empty() {
            begun.extend(bursts.iter().cloned());
            measuring.push(world.measure(target, bursts));
        }
        if fresh.is_empty() {
            if measuring.is_empty() {
                break;
            }
            world.nothing_more(target);
            while let Some(measured) = measuring.next().await {
                answers.extend(measured);
            }
            continue;
        }
        // Nothing but leftovers: what they wait for does not come.
        let last = round + 1 == ROUNDS || fresh.keys().all(|ask| left_over.contains(ask));
        left_over.clear();
        let answering = world.round(target, Round { asks: fresh, last });
        tokio::pin!(answering);
        let answered = loop {
            tokio::select! {
                answered = &mut answering => break answered,
                Some(measured) = measuring.next(), if !measuring.is_empty() => answers.extend(measured),
            }
        };
        answers.extend(answered.answers);
        sent_as.extend(answered.sent_as);
        left_over = answered.left_over;
        round += 1;
    }
    world.nothing_more(target);
    while let Some(measured) = measuring.next().await {
        answers.extend(measured);
    }
    TargetRecord::of(&target.name, answers, &sent_as, |ask| world.sent(&target.name, ask))
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
        let evidence = match recording.targets.iter().find(|record| record.target == target.name) {
            Some(record) => record.evidence(&recording.run, policy.declared()),
            None => Evidence::new(&recording.run, policy.declared(), BTreeMap::new()),
        };
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
