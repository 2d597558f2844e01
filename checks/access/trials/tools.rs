//! Calls of allowed MCP tools: with arguments that break one constraint each, and with valid ones.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::bounded;
use crate::detect::schema::{self, Case, Constraint};
use crate::evidence::mcp::{Step, Tool};
use crate::target::{Target, Writes};

/// One call of an allowed tool.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::checks::access) struct Call {
    pub(in crate::checks::access) tool: String,
    /// What is invalid; `None` for the valid sibling.
    pub(in crate::checks::access) broken: Option<String>,
    pub(in crate::checks::access) step: Step,
}

/// What is done with a server's tools.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::checks::access) struct Tools {
    pub(in crate::checks::access) calls: Vec<Call>,
    /// Not named by the allow-list, so not called.
    pub(in crate::checks::access) not_allowed: Vec<String>,
    /// Allowed, but no valid call is safe.
    pub(in crate::checks::access) unsafe_to_call: Vec<String>,
    /// Their schema could not be read, or no valid arguments could be made.
    pub(in crate::checks::access) unreadable: Vec<String>,
    /// How many constraints of each tool's arguments could be broken.
    pub(in crate::checks::access) constraints: BTreeMap<String, usize>,
    /// Kinds of constraint that no call breaks.
    pub(in crate::checks::access) unbroken: Vec<String>,
    /// Beyond the number that is tried.
    pub(in crate::checks::access) left_out: usize,
}

/// The calls for these tools. Only tools with inputs, only those that the allow-list names.
pub(in crate::checks::access) fn tools(target: &Target, listed: &[Tool], most: usize, cases: usize) -> Tools {
    let deployment = target.deployment.as_ref();
    let allowed = deployment.and_then(|deployment| deployment.tools.as_deref()).unwrap_or_default();
    let writes_allowed = deployment.is_some_and(|deployment| deployment.writes == Writes::Allow);
    let mut plan = Tools::default();
    let mut tried = 0;
    let (mut kinds, mut known) = (BTreeSet::new(), BTreeSet::new());
    for tool in listed {
        if tool.input_schema.get("properties").and_then(Value::as_object).is_none_or(serde_json::Map::is_empty) {
            // Arguments that are described without `properties` are arguments all the same.
            let composed = ["$ref", "allOf", "anyOf", "oneOf", "patternProperties"];
            let more = tool.input_schema.get("additionalProperties").is_some_and(Value::is_object);
            if more || composed.iter().any(|keyword| tool.input_schema.get(*keyword).is_some()) {
                plan.unreadable.push(bounded(&tool.name));
            }
            continue;
        }
        if !allowed.iter().any(|allowed| allowed.name == tool.name) {
            plan.not_allowed.push(bounded(&tool.name));
            continue;
        }
        if tried == most {
            plan.left_out += 1;
            continue;
        }
        tried += 1;
        let Some(schema) = schema::resolved(&tool.input_schema, &tool.input_schema) else {
            plan.unreadable.push(bounded(&tool.name));
            continue;
        };
        let Some(valid) = schema::sample(&schema) else {
            plan.unreadable.push(bounded(&tool.name));
            continue;
        };
        let call = |broken: Option<String>, arguments: &Value| Call {
            tool: tool.name.clone(),
            broken,
            step: Step::Call { tool: tool.name.clone(), arguments: arguments.to_string() },
        };
        let broken: Vec<Case> =
            schema::broken(&schema, Some(&valid)).into_iter().filter(|case| !case.subject.is_empty()).collect();
        if broken.is_empty() {
            continue;
        }
        let chosen = telling(&broken, cases, &mut kinds);
        plan.constraints.insert(tool.name.clone(), broken.len());
        plan.calls.extend(chosen.into_iter().map(|case| call(Some(case.to_string()), &case.instance)));
        known.extend(broken.iter().map(|case| case.breaks));
        // An operator's own server that says "read only", on a tool that the operator allows: it may be called.
        if writes_allowed || tool.annotations.get("readOnlyHint") == Some(&Value::Bool(true)) {
            plan.calls.push(call(None, &valid));
        } else {
            plan.unsafe_to_call.push(bounded(&tool.name));
        }
    }
    plan.unbroken = known.difference(&kinds).map(|breaks| breaks.words().to_owned()).collect();
    plan
}

/// Calls of one tool with broken arguments at most.
pub(in crate::checks::access) const CALLS: u32 = 8;

/// At least so many cases, on as many arguments; and more while there are kinds of constraint that no tool was tried with.
fn telling<'a>(broken: &'a [Case], least: usize, kinds: &mut BTreeSet<Constraint>) -> Vec<&'a Case> {
    let mut left: Vec<&Case> = broken.iter().collect();
    let mut chosen: Vec<&Case> = Vec::new();
    while chosen.len() < usize::try_from(CALLS).unwrap_or(usize::MAX).max(least) && !left.is_empty() {
        let rank = |case: &&&Case| {
            let told = chosen.iter().any(|other| other.subject == case.subject);
            (kinds.contains(&case.breaks), told)
        };
        let Some((at, _)) = left.iter().enumerate().min_by_key(|(_, case)| rank(case)) else { break };
        let case = left.remove(at);
        if chosen.len() >= least && kinds.contains(&case.breaks) {
            break;
        }
        kinds.insert(case.breaks);
        chosen.push(case);
    }
    chosen
}
