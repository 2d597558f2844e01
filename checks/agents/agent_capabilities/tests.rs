//! Harmless tools and dangerous ones are told apart, tried on evidence built in code.

use chrono::DateTime;
use serde_json::json;

use super::*;
use crate::check::Status;
use crate::evidence::http::{BodySeen, Exchange};
use crate::evidence::manifest::{Found, Mark};
use crate::evidence::mcp::Reply;
use crate::target::Scope;

fn target(allow: Option<&[&str]>) -> Target {
    let tools = allow.map(|names| names.iter().map(|name| json!({ "name": name, "sha256": null })).collect::<Vec<_>>());
    serde_json::from_value(json!({
        "name": "t", "environment": "production", "scope": "deployment", "repository": null,
        "deployment": {
            "url": "https://mcp.example.com/", "plain": null, "authorised": null, "openapi": null, "token": null,
            "endpoints": [{ "method": "GET", "path": "/mcp", "public": null, "method_named": false }],
            "client_cert": null, "headers": {}, "proxy": null, "resolve": {}, "origins": null, "hosts": [], "tools": tools,
            "ca": null, "pins": [], "logs": [], "monitoring": null, "writes": "deny", "never": [], "costly": [], "exempt": null,
            "limits": { "burst": null, "max_requests": null, "max_denied": null, "stop_on_errors": 10, "stop_on_latency": null },
        },
    }))
    .unwrap()
}

fn tool(name: &str, description: &str) -> Tool {
    Tool {
        name: name.into(),
        title: String::new(),
        description: description.into(),
        input_schema: json!({}),
        annotations: json!({ "readOnlyHint": true }),
        sha256: "aa".into(),
    }
}

fn reply(outcome: Outcome) -> Reply {
    let exchange = Exchange {
        status: 200,
        headers: Vec::new(),
        body: BodySeen::default(),
        address: String::new(),
        at: 0,
        took: 0,
    };
    Reply { exchange, outcome }
}

fn transcript(era: Era, listing: Option<Outcome>, tools: &[Tool]) -> Transcript {
    // Fields that this check does not look at stay at their defaults.
    let value = json!({ "era": era, "opening": reply(Outcome::Result), "listing": listing.map(reply), "tools": tools, "tools_complete": true });
    serde_json::from_value(value).unwrap()
}

fn evidence(target: &Target, transcript: Transcript) -> Evidence {
    Evidence::at(DateTime::UNIX_EPOCH).with(Conversation::standard(target, "/mcp"), transcript)
}

fn judged(allow: Option<&[&str]>, tools: &[Tool]) -> Verdict {
    let target = target(allow);
    let evidence = evidence(&target, transcript(Era::Legacy, Some(Outcome::Result), tools));
    AgentCapabilities::default().judge(&target, &evidence)
}

#[test]
fn no_answer_is_never_a_pass() {
    let verdict = AgentCapabilities::default().judge(&target(None), &Evidence::at(DateTime::UNIX_EPOCH));
    assert_eq!(verdict.status(), Status::Inconclusive);
}

#[test]
fn allowed_harmless_tools_pass_and_others_fail() {
    let add = || tool("add", "Adds two numbers.");
    assert_eq!(judged(Some(&["add"]), &[add()]).status(), Status::Pass);
    assert_eq!(judged(Some(&[]), &[add()]).status(), Status::Fail);
    assert_eq!(judged(None, &[add()]).status(), Status::Inconclusive);
}

#[test]
fn a_shell_fails_even_where_it_is_allowed() {
    for allow in [None, Some(&["run_shell"][..])] {
        let verdict = judged(allow, &[tool("run_shell", "")]);
        assert_eq!(verdict.findings()[0].aspect, "runs-commands:run_shell");
        assert_eq!(verdict.findings()[0].severity, Some(Severity::Critical));
    }
}

#[test]
fn a_tool_that_hands_out_the_environment_fails_without_a_list() {
    assert_eq!(judged(None, &[tool("get-env", "Returns all environment variables")]).status(), Status::Fail);
    assert_eq!(judged(Some(&["get-env"]), &[tool("get-env", "")]).status(), Status::Pass);
}

#[test]
fn drift_from_the_pin_fails() {
    let mut target = target(Some(&["add"]));
    target.deployment.as_mut().unwrap().tools.as_mut().unwrap()[0].sha256 = Some("bb".into());
    let seen = evidence(&target, transcript(Era::Modern, Some(Outcome::Result), &[tool("add", "")]));
    assert_eq!(AgentCapabilities::default().judge(&target, &seen).status(), Status::Fail);
    target.deployment.as_mut().unwrap().tools.as_mut().unwrap()[0].sha256 = Some("AA".into());
    assert_eq!(AgentCapabilities::default().judge(&target, &seen).status(), Status::Pass);
}

#[test]
fn a_listing_that_failed_and_a_denied_token_are_inconclusive() {
    let target = target(Some(&[]));
    for seen in [
        transcript(Era::Legacy, None, &[]),
        transcript(Era::Legacy, Some(Outcome::Http), &[]),
        transcript(Era::Denied, None, &[]),
    ] {
        let verdict = AgentCapabilities::default().judge(&target, &evidence(&target, seen));
        assert_eq!(verdict.status(), Status::Inconclusive);
    }
}

#[test]
fn without_mcp_and_settings_it_does_not_apply() {
    let target = target(None);
    let verdict = AgentCapabilities::default().judge(&target, &evidence(&target, transcript(Era::NotMcp, None, &[])));
    assert_eq!(verdict.status(), Status::NotApplicable);
}

#[test]
fn settings_that_allow_everything_fail_alone() {
    let mut target = target(None);
    target.scope = Scope::Repository;
    target.repository = Some(crate::target::Repository::at("."));
    let mark = Mark {
        file: ".claude/settings.json".into(),
        line: Some(3),
        aspect: "bypass".into(),
        what: "the agent runs everything unasked".into(),
        weight: Weight::Fault,
        reach: None,
    };
    let judged = |marks: Vec<Mark>, skipped: Vec<String>| {
        let found = Found { files: 1, marks, skipped, aside: Vec::new() };
        let seen = Evidence::at(DateTime::UNIX_EPOCH).with(settings(), found);
        AgentCapabilities::default().judge(&target, &seen).status()
    };
    assert_eq!(judged(vec![mark], Vec::new()), Status::Fail);
    assert_eq!(judged(Vec::new(), Vec::new()), Status::Pass);
    assert_eq!(judged(Vec::new(), vec![".mcp.json: no JSON".into()]), Status::Inconclusive);
}

#[test]
fn what_only_another_era_lists_is_judged_too() {
    let target = target(Some(&["add"]));
    let add = tool("add", "Adds two numbers.");
    let judged = |change: fn(&mut Transcript)| {
        let mut seen = transcript(Era::Modern, Some(Outcome::Result), std::slice::from_ref(&add));
        change(&mut seen);
        AgentCapabilities::default().judge(&target, &evidence(&target, seen)).status()
    };
    assert_eq!(judged(|_| {}), Status::Pass);
    assert_eq!(judged(|seen| seen.further = vec![tool("run_shell", "")]), Status::Fail);
    assert_eq!(judged(|seen| seen.further_unseen = Some(Unseen::NotAsked)), Status::Inconclusive);
}
