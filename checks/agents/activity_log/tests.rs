//! A call is in the log or it is not, tried on evidence built in code.

use chrono::DateTime;
use serde_json::json;

use super::*;
use crate::check::Status;
use crate::evidence::http::{BodySeen, Exchange};
use crate::evidence::logs::{LogRead, SourceSeen};

fn target(logs: &serde_json::Value) -> Target {
    serde_json::from_value(json!({
        "name": "t", "environment": "production", "scope": "deployment", "repository": null,
        "deployment": {
            "url": "https://mcp.example.com/", "plain": null, "authorised": null, "openapi": null, "token": null,
            "endpoints": [{ "method": "GET", "path": "/api", "public": null, "method_named": true }],
            "client_cert": null, "headers": {}, "proxy": null, "resolve": {}, "origins": null, "hosts": [], "tools": null,
            "ca": null, "pins": [], "logs": logs, "monitoring": null, "writes": "deny", "never": [], "costly": [],
            "exempt": null,
            "limits": { "burst": null, "max_requests": null, "max_denied": null, "stop_on_errors": 10, "stop_on_latency": null },
        },
    }))
    .unwrap()
}

fn logged() -> Target {
    target(&json!([{ "file": "/var/log/app.log" }]))
}

fn exchange(status: u16) -> Exchange {
    Exchange { status, headers: Vec::new(), body: BodySeen::default(), address: String::new(), at: 0, took: 0 }
}

fn line(canary: &str) -> LogLine {
    LogLine {
        canaries: vec![canary.into()],
        text: canary.into(),
        time: true,
        address: true,
        tool: false,
        outcome: true,
        admitted: None,
    }
}

/// Both calls were sent, and this is what the log showed.
fn judged(read: impl FnOnce(&Marks) -> Result<LogRead, Unseen>) -> Verdict {
    let target = logged();
    let check = ActivityLog::default();
    let nothing = Evidence::at(DateTime::UNIX_EPOCH);
    let (deployment, marks) = subject(&target, &nothing).unwrap();
    let trace = Trace { sources: vec![SourceSeen { source: "file app.log".into(), read: read(&marks) }] };
    let evidence = nothing
        .with(denied(&target, deployment, &marks), exchange(401))
        .with(allowed(deployment, &marks).unwrap(), exchange(200))
        .with(check.search(deployment, &marks, false), trace);
    check.judge(&target, &evidence)
}

fn whole(marks: &Marks) -> LogRead {
    LogRead {
        lines: vec![line(&marks.denied), line(&marks.allowed)],
        token_lines: 0,
        token_known: true,
        bytes: 100,
        cut: None,
    }
}

#[test]
fn no_answer_and_no_log_are_never_a_pass() {
    let nothing = Evidence::at(DateTime::UNIX_EPOCH);
    assert_eq!(ActivityLog::default().judge(&logged(), &nothing).status(), Status::Inconclusive);
    assert_eq!(ActivityLog::default().judge(&target(&json!([])), &nothing).status(), Status::Inconclusive);
}

#[test]
fn both_calls_in_the_log_pass() {
    assert_eq!(judged(|marks| Ok(whole(marks))).status(), Status::Pass);
}

#[test]
fn the_token_in_the_log_fails() {
    let verdict = judged(|marks| Ok(LogRead { token_lines: 2, ..whole(marks) }));
    assert_eq!(verdict.findings()[0].aspect, "token");
}

#[test]
fn a_call_that_is_not_logged_or_not_whole_fails() {
    let verdict = judged(|marks| Ok(LogRead { lines: vec![line(&marks.allowed)], ..whole(marks) }));
    assert_eq!(verdict.findings()[0].aspect, "denied-call:absent");
    let verdict = judged(|marks| {
        let timeless = LogLine { time: false, ..line(&marks.denied) };
        Ok(LogRead { lines: vec![timeless, line(&marks.allowed)], ..whole(marks) })
    });
    assert_eq!(verdict.findings()[0].aspect, "denied-call:time");
}

#[test]
fn a_denied_call_that_is_logged_as_admitted_fails() {
    let logged_as = |admitted| {
        judged(|marks| {
            let denied = LogLine { admitted: Some(admitted), ..line(&marks.denied) };
            Ok(LogRead { lines: vec![denied, line(&marks.allowed)], ..whole(marks) })
        })
    };
    assert_eq!(logged_as(true).findings()[0].aspect, "denied-call:wrong-outcome");
    assert_eq!(logged_as(false).status(), Status::Pass);
}

#[test]
fn lines_that_the_request_id_joins_are_read_together() {
    let verdict = judged(|marks| {
        let coming = LogLine { outcome: false, ..line(&marks.denied) };
        let going = LogLine { address: false, ..line(&marks.denied) };
        Ok(LogRead { lines: vec![coming, going, line(&marks.allowed)], ..whole(marks) })
    });
    assert_eq!(verdict.status(), Status::Pass, "{verdict:?}");
}

#[test]
fn a_log_that_cannot_be_read_is_inconclusive() {
    assert_eq!(judged(|_| Err(Unseen::Unreachable("gone".into()))).status(), Status::Inconclusive);
}

#[test]
fn the_search_comes_after_the_calls() {
    let target = logged();
    let check = ActivityLog::default();
    let nothing = Evidence::at(DateTime::UNIX_EPOCH);
    let first = check.asks(&target, &nothing);
    assert!(first.iter().all(|ask| !matches!(ask, Ask::Canary(_))));
    let mut seen = nothing;
    for ask in first {
        seen.record(ask, Err(Unseen::Limited("429".into())));
    }
    let then = check.asks(&target, &seen);
    let search = then.iter().find(|ask| matches!(ask, Ask::Canary(_))).unwrap();
    let reserve = &check.reserves(&target)[0];
    assert!(search.ceiling(&target) <= reserve.sends);
}

#[test]
fn what_a_cut_log_does_not_show_is_neither_found_nor_absent() {
    let verdict = judged(|marks| {
        Ok(LogRead { lines: vec![line(&marks.allowed)], cut: Some("the newest 5000 lines".into()), ..whole(marks) })
    });
    assert_eq!(verdict.status(), crate::check::Status::Inconclusive, "{verdict:?}");
}
