//! The plan: every ask of the first round, merged, with its ceiling of sends and its hosts; and what later rounds may add.

pub(crate) mod bundle;
mod forecast;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::check::{Bound, Reserve};
use crate::checks::ALL;
use crate::evidence::{Ask, Evidence, Unseen};
use crate::policy::Policy;
use crate::target::Target;
pub use forecast::Forecast;

/// What will be asked of one target before anything is known about it.
#[derive(Debug, Serialize)]
pub struct Plan {
    pub target: String,
    pub asks: Vec<Planned>,
    /// What checks may add once they have seen the first answers.
    pub reserves: Vec<(String, Reserve)>,
    /// What is expected at the deployment's origin, where there is one.
    pub forecast: Option<Forecast>,
}

#[derive(Debug, Serialize)]
pub struct Planned {
    #[serde(skip)]
    pub ask: Ask,
    /// The checks that asked.
    pub checks: Vec<&'static str>,
    pub describe: String,
    pub ceiling: u32,
    pub hosts: BTreeSet<String>,
}

impl Plan {
    /// Sends at most, later rounds included.
    pub fn ceiling(&self) -> u32 {
        let asked = self.asks.iter().map(|planned| planned.ceiling);
        let reserved = self.reserves.iter().map(|(_, reserve)| reserve.sends);
        // Knobs may be as large as their type.
        asked.chain(reserved).fold(0, u32::saturating_add)
    }
}

/// The checks that an audit runs, with their knobs set for one target.
pub struct Checklist {
    pub checks: Vec<Box<dyn Bound>>,
}

impl Checklist {
    /// Binds every check of the registry that `wanted` keeps.
    pub fn of(policy: &Policy, target: &Target, wanted: impl Fn(&str) -> bool) -> Result<Self, serde_json::Error> {
        let checks = ALL
            .iter()
            .filter(|module| wanted(module.about.id))
            .map(|module| policy.bind(module, target))
            .collect::<Result<_, _>>()?;
        Ok(Self { checks })
    }

    /// The plan of the first round.
    pub fn plan(&self, target: &Target, nothing: &Evidence) -> Plan {
        let mut merged: BTreeMap<Ask, Vec<&'static str>> = BTreeMap::new();
        let mut reserves = Vec::new();
        for check in &self.checks {
            for ask in asks_of(check.as_ref(), target, nothing).unwrap_or_default() {
                let checks = merged.entry(ask).or_default();
                if !checks.contains(&check.about().id) {
                    checks.push(check.about().id);
                }
            }
            for reserve in check.reserves(target) {
                reserves.push((check.about().id.to_owned(), reserve));
            }
        }
        let asks = merged
            .into_iter()
            .map(|(ask, checks)| Planned {
                checks,
                describe: ask.to_string(),
                ceiling: ask.ceiling(target),
                hosts: ask.hosts(target),
                ask,
            })
            .collect();
        let forecast = Forecast::of(self, target, nothing);
        Plan { target: target.name.clone(), asks, reserves, forecast }
    }
}

/// What one check asks; a check that panics asks nothing and is a bug.
pub fn asks_of(check: &dyn Bound, target: &Target, seen: &Evidence) -> Result<Vec<Ask>, Unseen> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check.asks(target, seen)))
        .map_err(|_| Unseen::Bug(format!("{} panicked while asking", check.about().id)))
}

/// What is left of the reserves of one check.
#[derive(Clone, Copy, Debug, Default)]
pub struct Remaining {
    pub asks: u32,
    pub sends: u32,
}

impl Remaining {
    pub fn of(check: &dyn Bound, target: &Target) -> Self {
        check.reserves(target).iter().fold(Self::default(), |sum, reserve| Self {
            asks: sum.asks.saturating_add(reserve.asks),
            sends: sum.sends.saturating_add(reserve.sends),
        })
    }

    /// Takes one ask out of the reserve, or says that it does not fit.
    pub fn take(&mut self, ask: &Ask, target: &Target) -> Result<(), Unseen> {
        let ceiling = ask.ceiling(target);
        if self.asks == 0 || self.sends < ceiling {
            return Err(Unseen::OverBudget(format!(
                "`{ask}` is outside the plan: {} asks and {} sends are left for it, it needs {ceiling} sends",
                self.asks, self.sends
            )));
        }
        self.asks -= 1;
        self.sends -= ceiling;
        Ok(())
    }
}
