//! Every send is counted against the ceiling and the hosts of the ask it serves; what is outside the plan is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use crate::evidence::{Ask, Sent, Unseen};
use crate::target::Target;

/// The account of one run.
#[derive(Default)]
pub struct Meter(Mutex<Books>);

#[derive(Default)]
struct Books {
    asks: BTreeMap<String, BTreeMap<Ask, Account>>,
    /// Sends per target, for `max-requests`.
    targets: BTreeMap<String, Budget>,
}

#[derive(Clone, Debug)]
struct Account {
    ceiling: u32,
    hosts: Arc<BTreeSet<String>>,
    sent: Sent,
}

#[derive(Clone, Copy, Debug, Default)]
struct Budget {
    requests: u32,
    max_requests: Option<u32>,
}

/// What kind of send.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Request,
    Connection,
}

impl Meter {
    /// Opens the account of an ask: its ceiling and its hosts are fixed here.
    pub fn plan(&self, target: &Target, ask: &Ask) {
        let Ok(mut books) = self.0.lock() else { return };
        books.targets.entry(target.name.clone()).or_default().max_requests =
            target.deployment.as_ref().and_then(|deployment| deployment.limits.max_requests);
        books.asks.entry(target.name.clone()).or_default().entry(ask.clone()).or_insert_with(|| Account {
            ceiling: ask.ceiling(target),
            hosts: Arc::new(ask.hosts(target)),
            sent: Sent::default(),
        });
    }

    /// Requests that the target has had until now for other asks than this one.
    pub fn requests_of_others(&self, target: &Target, ask: &Ask) -> u32 {
        let Ok(books) = self.0.lock() else { return 0 };
        let own = books.asks.get(&target.name).and_then(|asks| asks.get(ask)).map_or(0, |own| own.sent.requests);
        books.targets.get(&target.name).map_or(0, |budget| budget.requests.saturating_sub(own))
    }

    /// Permission for one send to `host` (`host:port`), on the account of `ask`. Ask before sending; an error means
    /// that it must not be sent.
    pub fn send(&self, target: &Target, ask: &Ask, kind: Kind, host: &str) -> Result<(), Unseen> {
        let Ok(mut books) = self.0.lock() else {
            return Err(Unseen::Bug("the meter is broken".into()));
        };
        let Books { asks, targets } = &mut *books;
        let Some(account) = asks.get_mut(&target.name).and_then(|asks| asks.get_mut(ask)) else {
            return Err(Unseen::Bug(format!("a send for `{ask}`, which is not in the plan")));
        };
        if !account.hosts.contains(host) {
            return Err(Unseen::Bug(format!("a send to {host} for `{ask}`, which is not planned to go there")));
        }
        if account.sent.total() >= account.ceiling {
            return Err(Unseen::OverBudget(format!("the ceiling of {} sends for `{ask}` is reached", account.ceiling)));
        }
        let budget = targets.entry(target.name.clone()).or_default();
        match kind {
            Kind::Request => {
                if budget.max_requests.is_some_and(|most| budget.requests >= most) {
                    return Err(Unseen::OverBudget(format!(
                        "`max-requests` of the target is reached ({})",
                        budget.requests
                    )));
                }
                budget.requests += 1;
                account.sent.requests += 1;
            }
            Kind::Connection => account.sent.connections += 1,
        }
        account.sent.hosts.insert(host.to_owned());
        Ok(())
    }

    pub fn sent(&self, target: &str, ask: &Ask) -> Sent {
        self.0
            .lock()
            .ok()
            .and_then(|books| books.asks.get(target)?.get(ask).map(|account| account.sent.clone()))
            .unwrap_or_default()
    }
}
