//! `plan`: every ask with its ceiling, before a byte leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use chrono::Utc;
use clap::Args;

use super::{CheckArguments, Error, PolicyArguments, TargetArguments, demo, emit, setup};
use crate::evidence::{Ask, Evidence};
use crate::period::Period;
use crate::plan::{Checklist, Plan};
use crate::report::escape::terminal;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    policy: PolicyArguments,
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    checks: CheckArguments,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    let runtime = demo::runtime()?;
    // Kept until the plan is printed: the demo's ports are part of it.
    let demo = match arguments.target.demo {
        Some(kind) => Some(runtime.block_on(kind.start())?),
        None => None,
    };
    let policy = match &demo {
        Some(demo) => demo.policy.clone(),
        None => setup::policy(&arguments.policy, &arguments.target)?,
    };
    arguments.checks.agree(&policy.exec)?;
    let mut plans = Vec::new();
    for target in &policy.targets {
        let checklist = Checklist::of(&policy, target, |id| arguments.checks.wants(id))
            .map_err(Error::json("the knobs of a check"))?;
        let mut nothing = Evidence::at(Utc::now());
        nothing.declared = policy.declared();
        plans.push(checklist.plan(&policy, target, &nothing));
    }
    if arguments.json {
        let text = serde_json::to_string_pretty(&plans).map_err(Error::json("the plan"))?;
        emit::print(&format!("{text}\n"))?;
    } else {
        emit::print(&plans.iter().map(render).collect::<String>())?;
    }
    Ok(0)
}

/// One target's plan as text.
fn render(plan: &Plan) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ =
        writeln!(text, "target {}: {} asks, {} sends at most", terminal(&plan.target), plan.asks.len(), plan.ceiling());
    for planned in &plan.asks {
        let hosts: Vec<String> = planned.hosts.iter().map(|host| terminal(host)).collect();
        let place = if hosts.is_empty() { "this machine".to_owned() } else { hosts.join(", ") };
        let _ = writeln!(
            text,
            "  {:>5}  {} [{}] ({})",
            planned.ceiling,
            terminal(&planned.describe),
            place,
            planned.checks.join(", ")
        );
    }
    if !plan.reserves.is_empty() {
        let _ = writeln!(text, "  in later rounds, depending on what is seen:");
    }
    for (check, reserve) in &plan.reserves {
        let _ = writeln!(
            text,
            "  {:>5}  {} ({} asks at most) ({check})",
            reserve.sends,
            terminal(&reserve.what),
            reserve.asks
        );
    }
    let per_host = sends_per_host(plan);
    if per_host.is_empty() {
        let _ = writeln!(text, "  nothing is sent");
    }
    for (host, sends) in per_host {
        let _ = writeln!(text, "  {}: {sends} sends at most in the first round", terminal(&host));
    }
    match at_least(plan) {
        Some(time) => {
            let _ =
                writeln!(text, "  takes at least {} if the declared limit is kept", Period::seconds(time.as_secs()));
        }
        None => {
            let _ = writeln!(text, "  no rate limit is measured, so nothing has to be waited for");
        }
    }
    text
}

fn sends_per_host(plan: &Plan) -> BTreeMap<String, u32> {
    let mut sends = BTreeMap::new();
    for planned in &plan.asks {
        for host in &planned.hosts {
            let sum: &mut u32 = sends.entry(host.clone()).or_default();
            *sum = sum.saturating_add(planned.ceiling);
        }
    }
    sends
}

/// The lower bound of time: so many windows of the declared limit as the requests need that must be served.
fn at_least(plan: &Plan) -> Option<Duration> {
    let (limit, window) = plan.asks.iter().find_map(|planned| {
        if let Ask::Burst(burst) = &planned.ask { Some((burst.limit.max(1), burst.window.duration())) } else { None }
    })?;
    let requests: BTreeSet<&Ask> =
        plan.asks.iter().map(|planned| &planned.ask).filter(|ask| matches!(ask, Ask::Http(_))).collect();
    let windows = u32::try_from(requests.len()).unwrap_or(u32::MAX) / limit;
    Some(window.saturating_mul(windows.max(1)))
}
