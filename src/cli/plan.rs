//! `plan`: every ask with its ceiling, before a byte leaves.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::Utc;
use clap::Args;

use super::{CheckArguments, Error, PolicyArguments, TargetArguments, demo, emit, setup};
use crate::evidence::Evidence;
use crate::period::Period;
use crate::plan::{Checklist, Forecast, Plan};
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
        plans.push(checklist.plan(target, &nothing));
    }
    if arguments.json {
        emit::print(&crate::report::json::pretty(&plans).map_err(Error::json("the plan"))?)?;
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
    match &plan.forecast {
        Some(forecast) => forecast_in_words(&mut text, forecast),
        None => {
            let _ = writeln!(text, "  no deployment is asked, so no limit has to be waited for");
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

/// What is expected at the origin: requests, the assumed limit, and the time that follows from them.
fn forecast_in_words(text: &mut String, forecast: &Forecast) {
    let origin = terminal(&forecast.origin);
    let about = if forecast.unknown.is_empty() { "about" } else { "at least" };
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "  {origin}: {about} {} requests to be served, {} refused at most",
        forecast.requests, forecast.refused
    );
    for unknown in &forecast.unknown {
        let _ = writeln!(text, "    not in this number: what follows from {}", terminal(unknown));
    }
    if let Some(header) = &forecast.exempt {
        let _ = writeln!(text, "    sent with the exemption header {}, but for the measurement", terminal(header));
    }
    match forecast.limit {
        Some((limit, window)) => {
            let bound = Period::millis(u64::try_from(forecast.at_least.as_millis()).unwrap_or(u64::MAX));
            let _ = writeln!(text, "    assumed limit: {limit} in {window}, until it is measured");
            let _ =
                writeln!(text, "    takes at least {bound} ({} s) from one address", forecast.at_least.as_secs_f64());
        }
        None => {
            let _ = writeln!(text, "    no rate limit is measured, so nothing has to be waited for");
        }
    }
}
