//! What is refused and what is admitted, tried on deployments built in code.

use super::*;
use crate::check::{Place, Status};
use crate::checks::access::stage::{Service, answer, deployed, gathered, no_mcp, transcript, with_body};
use crate::detect::schema;
use crate::evidence::api::{Operations, Parameter};
use crate::evidence::mcp::{Outcome, Tool};
use crate::target::{AllowedTool, OpenApi, Writes};
use serde_json::{Value, json};

fn item() -> Value {
    json!({"type": "object", "required": ["title", "count"], "properties": {
        "title": {"type": "string", "maxLength": 20}, "count": {"type": "integer", "minimum": 1}}})
}

fn operations() -> Operations {
    let operation = Operation::new;
    let limit = Parameter {
        name: "limit".into(),
        place: "query".into(),
        required: false,
        schema: json!({"type": "integer", "minimum": 1, "maximum": 50}),
        example: Some(json!(1)),
    };
    Operations {
        operations: vec![
            Operation { parameters: vec![limit], ..operation("GET", "/items") },
            Operation {
                body: Some(item()),
                body_required: true,
                example: Some(json!({"title": "x", "count": 1})),
                ..operation("POST", "/items")
            },
        ],
        unread: Vec::new(),
    }
}

fn target(writes: Writes) -> Target {
    let mut target = deployed("https://mcp.example.com", &["GET /items", "POST /items"]);
    let deployment = target.deployment.as_mut().unwrap();
    deployment.openapi = Some(OpenApi::Path("/openapi.json".into()));
    deployment.writes = writes;
    target
}

/// Validates: query by hand, body by the schema.
fn sound(request: &Request) -> Exchange {
    match (&*request.method, &request.body) {
        ("GET", _) if !request.path.starts_with("/items") => answer(404),
        ("GET", _) => answer(if request.path.contains("limit=") { 400 } else { 200 }),
        (_, Some(body)) => match serde_json::from_str(&body.text) {
            Ok(body) if schema::allows(&item(), &body) => answer(201),
            _ => answer(400),
        },
        _ => answer(404),
    }
}

fn judged(target: &Target, http: &dyn Fn(&Request) -> Result<Exchange, Unseen>) -> Verdict {
    let check = InputValidation::default();
    let evidence = gathered(&check, target, &Service { http, mcp: &no_mcp, operations: Some(operations()) });
    check.judge(target, &evidence)
}

#[test]
fn invalid_refused_and_valid_admitted_holds() {
    let verdict = judged(&target(Writes::Allow), &|request| Ok(sound(request)));
    assert_eq!(verdict.status(), Status::Pass, "{verdict:?}");
    assert!(verdict.grounds().iter().any(|ground| ground.contains("admits a valid one (201)")), "{verdict:?}");
}

#[test]
fn a_write_without_leave_is_never_sent_valid_and_what_others_admit_says_nothing_of_it() {
    let verdict = judged(&target(Writes::Deny), &|request| {
        let sent = request.body.as_ref().and_then(|body| serde_json::from_str::<Value>(&body.text).ok());
        assert!(sent.is_none_or(|body| !schema::allows(&item(), &body)), "a valid body was sent");
        Ok(sound(request))
    });
    assert_eq!(verdict.status(), Status::Inconclusive, "{verdict:?}");
    assert!(verdict.unseen().iter().any(|unseen| unseen.to_string().contains("`writes: allow`")), "{verdict:?}");
}

#[test]
fn a_challenge_or_a_page_for_everything_accepts_nothing() {
    for page in ["<title>Just a moment...</title>", "<title>App</title><div id=root></div>"] {
        let challenged = |request: &Request| {
            let seen = sound(request);
            if seen.is_success() {
                return Ok(seen);
            }
            let mut seen = with_body(answer(200), page);
            seen.headers.push(("content-type".into(), "text/html".into()));
            Ok(seen)
        };
        let verdict = judged(&target(Writes::Allow), &challenged);
        assert_eq!(verdict.status(), Status::Inconclusive, "{verdict:?}");
    }
}

#[test]
fn refusing_everything_shows_no_validation() {
    let verdict = judged(&target(Writes::Deny), &|_| Ok(answer(400)));
    assert_eq!(verdict.status(), Status::Inconclusive);
    assert!(verdict.unseen().iter().any(|unseen| unseen.to_string().contains("`writes: allow`")), "{verdict:?}");
}

#[test]
fn refusals_that_name_the_broken_input_need_no_valid_write() {
    let verdict = judged(&target(Writes::Deny), &|request| {
        let seen = sound(request);
        let Some(body) = &request.body else { return Ok(seen) };
        let Ok(body) = serde_json::from_str::<Value>(&body.text) else { return Ok(seen) };
        let named = if body["title"].is_string() { "count" } else { "title" };
        Ok(with_body(seen, &json!({"error": "invalid", "field": named}).to_string()))
    });
    assert_eq!(verdict.status(), Status::Pass, "{verdict:?}");
}

#[test]
fn what_is_accepted_fails_at_its_operation() {
    let verdict = judged(&target(Writes::Allow), &|request| {
        Ok(if request.path.starts_with("/items") && request.method == "GET" { answer(200) } else { sound(request) })
    });
    assert_eq!(verdict.status(), Status::Fail);
    assert!(verdict.findings().iter().all(|finding| finding.place == Place::url("https://mcp.example.com/items")));
    let body = judged(&target(Writes::Deny), &|request| {
        Ok(if request.path == "/items" && request.method == "POST" { answer(201) } else { sound(request) })
    });
    assert!(body.findings().iter().any(|finding| finding.what.contains("malformed JSON")), "{body:?}");
}

#[test]
fn a_service_that_refuses_everything_is_undecided() {
    for status in [400, 401, 403, 404, 302] {
        let verdict = judged(&target(Writes::Allow), &|_| Ok(answer(status)));
        assert_eq!(verdict.status(), Status::Inconclusive, "{status}");
    }
    let verdict = judged(&target(Writes::Allow), &|_| Err(Unseen::Limited("429".into())));
    assert_eq!(verdict.status(), Status::Inconclusive);
}

#[test]
fn a_crash_counts_only_when_it_repeats_between_good_controls() {
    let always = judged(&target(Writes::Allow), &|request| {
        Ok(if request.path.contains("limit=") { answer(500) } else { sound(request) })
    });
    assert!(always.findings().iter().all(|finding| finding.aspect.starts_with("crash")), "{always:?}");
    assert_eq!(always.status(), Status::Fail);
    let once = judged(&target(Writes::Allow), &|request| {
        Ok(if request.path.contains("limit=") && request.nth == 0 { answer(500) } else { sound(request) })
    });
    assert_eq!(once.status(), Status::Inconclusive);
    let everywhere = judged(&target(Writes::Allow), &|_| Ok(answer(500)));
    assert_eq!(everywhere.status(), Status::Inconclusive);
}

#[test]
fn nothing_known_is_undecided_and_says_what_to_give() {
    let bare = deployed("https://mcp.example.com", &["GET /items"]);
    let verdict = judged(&bare, &|_| Ok(answer(200)));
    assert_eq!(verdict.status(), Status::Inconclusive);
    assert!(verdict.unseen()[0].to_string().contains("openapi"));
    let undescribed = deployed("https://mcp.example.com", &["POST /items"]);
    assert_eq!(judged(&undescribed, &|request| Ok(sound(request))).status(), Status::Inconclusive);
}

fn mcp_target() -> Target {
    let mut target = deployed("https://mcp.example.com", &["/mcp"]);
    target.deployment.as_mut().unwrap().tools = Some(vec![AllowedTool { name: "add".into(), sha256: None }]);
    target
}

fn tool(name: &str, read_only: bool) -> Tool {
    Tool {
        title: String::new(),
        name: name.into(),
        description: String::new(),
        input_schema: json!({"type": "object", "required": ["a", "b"],
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}),
        annotations: json!({"readOnlyHint": read_only}),
        sha256: String::new(),
    }
}

/// What a tool answers to these arguments: valid or not.
fn mcp_judged(tools: &[Tool], outcome: &dyn Fn(bool) -> Outcome) -> Verdict {
    let mcp = |conversation: &Conversation| {
        let calls = conversation.steps.iter().filter_map(|step| match step {
            Step::ListTools => None,
            Step::Call { tool, arguments } => {
                assert_eq!(tool, "add", "only what the policy allows is called");
                let arguments: Value = serde_json::from_str(arguments).unwrap();
                Some((answer(200), outcome(arguments["a"].is_i64() && arguments["b"].is_i64())))
            }
        });
        let mut seen = transcript(Era::Legacy, answer(200), calls.collect());
        seen.tools = tools.to_vec();
        Ok(seen)
    };
    let (check, target) = (InputValidation::default(), mcp_target());
    let http = |_: &Request| Ok(answer(400));
    let evidence = gathered(&check, &target, &Service { http: &http, mcp: &mcp, operations: None });
    check.judge(&target, &evidence)
}

fn error(text: &str) -> Outcome {
    Outcome::ToolError { text: text.into() }
}

fn rpc(code: i64) -> Outcome {
    Outcome::RpcError { code, message: String::new() }
}

#[test]
fn a_tool_that_refuses_in_band_or_by_the_protocol_holds() {
    for (refused, words) in [
        (error("MCP error -32602: Input validation error"), "in band"),
        (rpc(-32602), "protocol's own"),
        (error("no"), "in band"),
    ] {
        let verdict = mcp_judged(&[tool("add", true)], &|valid| if valid { Outcome::Result } else { refused.clone() });
        assert_eq!(verdict.status(), Status::Pass, "{verdict:?}");
        assert!(verdict.grounds().iter().any(|ground| ground.contains(words)), "{verdict:?}");
    }
}

#[test]
fn a_tool_that_accepts_anything_fails() {
    let verdict = mcp_judged(&[tool("add", true)], &|_| Outcome::Result);
    assert_eq!(verdict.status(), Status::Fail);
    assert!(verdict.findings()[0].what.starts_with("the tool `add` accepts `a`"), "{verdict:?}");
}

#[test]
fn a_tool_that_refuses_everything_crashes_or_may_write_is_undecided() {
    for outcome in [error("no"), rpc(-32602), rpc(-32603)] {
        let verdict = mcp_judged(&[tool("add", true)], &|_| outcome.clone());
        assert_eq!(verdict.status(), Status::Inconclusive, "{verdict:?}");
    }
    let verdict = mcp_judged(&[tool("add", false)], &|valid| if valid { Outcome::Result } else { rpc(-32602) });
    assert_eq!(verdict.status(), Status::Inconclusive);
}

#[test]
fn a_tool_that_fails_on_valid_arguments_is_told_apart_by_how() {
    let verdict = mcp_judged(&[tool("add", true)], &|valid| if valid { error("page not found") } else { rpc(-32602) });
    assert_eq!(verdict.status(), Status::Pass, "{verdict:?}");
}

#[test]
fn tools_beyond_the_allow_list_are_not_called_and_leave_it_undecided() {
    let tools = [tool("add", true), tool("run_shell", true)];
    let verdict = mcp_judged(&tools, &|valid| if valid { Outcome::Result } else { rpc(-32602) });
    assert_eq!(verdict.status(), Status::Inconclusive);
    assert!(verdict.unseen().iter().any(|unseen| unseen.to_string().contains("run_shell")), "{verdict:?}");
}

#[test]
fn a_kind_of_constraint_that_no_request_broke_is_unseen_by_name() {
    let check = InputValidation { cases: 1, requests: 0, ..InputValidation::default() };
    let target = target(Writes::Allow);
    let wide: serde_json::Map<String, Value> =
        (0..20).map(|number| (format!("field{number}"), json!({"type": "string", "maxLength": 9}))).collect();
    let schema = json!({"type": "object", "properties": wide});
    let mut many = operations();
    many.operations[1] =
        Operation { body: Some(schema.clone()), example: Some(json!({})), ..many.operations[1].clone() };
    for number in 0..16 {
        let template = format!("/items{number}");
        many.operations.push(Operation { template: template.clone(), path: template, ..many.operations[0].clone() });
    }
    let http = move |request: &Request| {
        Ok(match &request.body {
            Some(body) => match serde_json::from_str(&body.text) {
                Ok(body) if schema::allows(&schema, &body) => answer(201),
                _ => answer(400),
            },
            None => answer(if request.path.contains("limit=") { 400 } else { 200 }),
        })
    };
    let evidence = gathered(&check, &target, &Service { http: &http, mcp: &no_mcp, operations: Some(many.clone()) });
    let verdict = check.judge(&target, &evidence);
    assert_eq!(verdict.status(), Status::Inconclusive, "{verdict:?}");
    assert!(verdict.unseen().iter().any(|unseen| unseen.to_string().contains("of the wrong length in the body")));
    let check = InputValidation::default();
    let evidence = gathered(&check, &target, &Service { http: &http, mcp: &no_mcp, operations: Some(many) });
    let verdict = check.judge(&target, &evidence);
    assert_eq!(verdict.status(), Status::Pass, "{verdict:?}");
    assert!(verdict.grounds().iter().any(|ground| ground.contains("on 16 of its 20 inputs")), "{verdict:?}");
}

#[test]
fn calls_break_every_kind_of_constraint_that_some_tool_has_and_say_how_many_they_tried() {
    let verdict = mcp_judged(&[tool("add", true)], &|valid| if valid { Outcome::Result } else { rpc(-32602) });
    assert_eq!(verdict.status(), Status::Pass, "{verdict:?}");
    assert!(verdict.grounds().iter().any(|ground| ground.contains("of 6 constraints tried")), "{verdict:?}");
}
