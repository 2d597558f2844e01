//! What is sent, and what is not.

use serde_json::json;

use super::parameters::invalid_as_text;
use super::*;
use crate::checks::access::stage::deployed;
use crate::evidence::api::Parameter;
use crate::evidence::mcp::Tool;

fn trial(target: &Target, operation: &Operation, cases: usize) -> Option<Trial> {
    let extent = Extent { cases, parser_cases: 0, requests: 200 };
    trials(target, std::slice::from_ref(operation), extent).0.into_iter().next()
}

fn parameter(name: &str, place: &str, required: bool, schema: Value, example: Value) -> Parameter {
    Parameter { name: name.into(), place: place.into(), required, schema, example: Some(example) }
}

fn operation(method: &str) -> Operation {
    Operation {
        path: "/items/7".into(),
        parameters: vec![
            parameter("id", "path", true, json!({"type": "integer", "minimum": 1}), json!(7)),
            parameter("free", "query", false, json!({"type": "string"}), json!("x")),
            parameter("page", "query", true, json!({"type": "integer", "maximum": 9}), json!(1)),
        ],
        ..Operation::new(method, "/items/{id}")
    }
}

#[test]
fn parameters_are_broken_one_at_a_time_and_stay_invalid_as_text() {
    let target = deployed("https://mcp.example.com", &[]);
    let trial = trial(&target, &operation("GET"), 10).unwrap();
    let paths: BTreeSet<&str> = trial.invalid.iter().map(|invalid| invalid.request.path.as_str()).collect();
    let expected = [
        "/items/watertight-not-this-type?page=1",
        "/items/7?page=watertight-not-this-type",
        "/items/0?page=1",
        "/items/1.5?page=1",
        "/items/7",
        "/items/7?page=10",
        "/items/7?page=1.5",
    ];
    assert_eq!(paths, BTreeSet::from(expected));
    assert_eq!((trial.constraints, trial.inputs, trial.broken), (7, 2, 2));
    assert!(trial.valid.is_some());
    assert!(!invalid_as_text(&json!({"type": "integer"}), "12"), "a number's text is read as the number");
    assert!(!invalid_as_text(&json!({"type": "array", "items": {"type": "string"}}), "x"));
}

#[test]
fn writes_are_sent_only_as_bodies_that_cannot_be_valid() {
    let mut target = deployed("https://mcp.example.com", &[]);
    assert_eq!(trial(&target, &operation("DELETE"), 3), None);
    assert!(withheld(&target, &operation("DELETE")));
    let schema = json!({"type": "object", "required": ["title"], "properties": {"title": {"type": "string"}}});
    let post = Operation { body: Some(schema), example: Some(json!({"title": "x"})), ..operation("POST") };
    let seen = trial(&target, &post, 3).unwrap();
    assert_eq!(seen.valid, None);
    for invalid in &seen.invalid {
        let body: Value = serde_json::from_str(&invalid.request.body.as_ref().unwrap().text).unwrap();
        assert!(!schema::allows(post.body.as_ref().unwrap(), &body));
    }
    target.deployment.as_mut().unwrap().writes = Writes::Allow;
    assert!(trial(&target, &post, 3).unwrap().valid.is_some());
}

#[test]
fn no_tool_is_called_that_the_allow_list_does_not_name() {
    let mut target = deployed("https://mcp.example.com", &[]);
    let tool = |name: &str, annotations: Value| Tool {
        title: String::new(),
        name: name.into(),
        description: String::new(),
        input_schema: json!({"type": "object", "required": ["q"], "properties": {"q": {"type": "string"}}}),
        annotations,
        sha256: String::new(),
    };
    let listed = [tool("search", json!({"readOnlyHint": true})), tool("write", json!({})), tool("other", json!({}))];
    let none = tools(&target, &listed, 20, 2);
    assert_eq!((none.calls.len(), none.not_allowed.len()), (0, 3));
    let allow = |name: &str| crate::target::AllowedTool { name: name.into(), sha256: None };
    target.deployment.as_mut().unwrap().tools = Some(vec![allow("search"), allow("write")]);
    let some = tools(&target, &listed, 20, 2);
    assert!(some.calls.iter().all(|call| call.tool != "other"));
    assert!(some.calls.iter().any(|call| call.tool == "search" && call.broken.is_none()));
    assert!(!some.calls.iter().any(|call| call.tool == "write" && call.broken.is_none()));
    assert_eq!(some.unsafe_to_call, ["write"]);
}

#[test]
fn parameters_of_headers_and_cookies_and_lists_in_queries_are_broken_too() {
    let target = deployed("https://mcp.example.com", &[]);
    let parameters = vec![
        parameter("X-Tenant", "header", true, json!({"type": "string", "enum": ["red", "blue"]}), json!("red")),
        parameter("sid", "cookie", false, json!({"type": "string", "pattern": "^[0-9]{4}$"}), json!("1234")),
        parameter("ids", "query", false, json!({"type": "array", "items": {"type": "integer"}}), json!([1])),
        parameter("Authorization", "header", true, json!({"type": "integer"}), json!(1)),
    ];
    let listed = Operation { template: "/items".into(), path: "/items".into(), parameters, ..operation("GET") };
    let trial = trial(&target, &listed, 3).unwrap();
    let sent: Vec<(Place, &Request)> = trial.invalid.iter().map(|invalid| (invalid.place, &invalid.request)).collect();
    let header = |request: &Request, name: &str| {
        request.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    };
    assert!(sent.iter().any(|(place, request)| *place == Place::Header
        && header(request, "X-Tenant").as_deref() == Some("watertight-no-such-choice")));
    assert!(sent.iter().any(|(place, request)| *place == Place::Header && header(request, "X-Tenant").is_none()));
    assert!(sent.iter().any(|(place, request)| *place == Place::Cookie
        && header(request, "cookie").is_some_and(|cookie| cookie.starts_with("sid="))));
    assert!(sent.iter().any(|(_, request)| request.path == "/items?ids=watertight-not-this-type"));
    assert!(sent.iter().all(|(_, request)| header(request, "Authorization").is_none()));
    assert_eq!(header(trial.valid.as_ref().unwrap(), "X-Tenant").as_deref(), Some("red"));
}

/// Operations whose bodies have so many texts of bounded length each.
fn many(operations: usize, alike: bool, fields: usize) -> Vec<Operation> {
    (0..operations)
        .map(|number| {
            let name = |field: usize| if alike { format!("f{field}") } else { format!("f{field}of{number}") };
            let properties: serde_json::Map<String, Value> =
                (0..fields).map(|field| (name(field), json!({"type": "string", "maxLength": 9}))).collect();
            Operation {
                path: format!("/r{number}"),
                template: format!("/r{number}"),
                parameters: Vec::new(),
                body: Some(json!({"type": "object", "properties": properties})),
                example: Some(json!({})),
                ..operation("POST")
            }
        })
        .collect()
}

fn writable() -> Target {
    let mut target = deployed("https://mcp.example.com", &[]);
    target.deployment.as_mut().unwrap().writes = Writes::Allow;
    target
}

#[test]
fn every_operation_gets_a_case_every_kind_is_broken_and_every_input_of_a_description_once() {
    let extent = Extent { cases: 3, parser_cases: 2, requests: 120 };
    let (trials, untried) = trials(&writable(), &many(100, true, 9), extent);
    assert_eq!((trials.len(), untried), (100, Vec::new()));
    assert_eq!((trials[0].inputs, trials[0].broken), (9, 9));
    assert!(trials.iter().skip(1).all(|trial| trial.invalid.len() == 1));
    let different: BTreeSet<&str> = trials.iter().map(|trial| trial.invalid[0].what.as_str()).collect();
    assert!(different.len() > 9, "those alike try one constraint after the other: {different:?}");
    assert_eq!(trials.iter().filter(|trial| !trial.hostile.is_empty()).count(), 1);
}

#[test]
fn a_budget_leaves_no_operation_without_a_case() {
    let extent = Extent { cases: 3, parser_cases: 0, requests: 30 };
    let (trials, untried) = trials(&writable(), &many(60, false, 10), extent);
    assert_eq!((trials.len(), untried), (60, Vec::new()));
    assert_eq!(trials.iter().map(|trial| trial.invalid.len()).sum::<usize>(), 60 + 30);
    assert!(trials.iter().all(|trial| trial.constraints == 21 && trial.inputs == 10));
}

#[test]
fn few_operations_that_are_described_alike_each_try_several_constraints() {
    let extent = Extent { cases: 3, parser_cases: 0, requests: 120 };
    let (trials, _) = trials(&writable(), &many(2, true, 2), extent);
    assert!(trials.iter().all(|trial| trial.invalid.len() == trial.constraints), "{trials:#?}");
}

#[test]
fn a_body_of_another_kind_or_of_any_kind_is_said_not_to_be_tried() {
    let other = Operation { media: vec!["multipart/form-data".into()], ..operation("POST") };
    assert!(unbreakable(&writable(), &other).unwrap().contains("multipart/form-data"));
    let any =
        Operation { body: Some(json!({})), example: Some(json!({})), parameters: Vec::new(), ..operation("POST") };
    assert!(unbreakable(&writable(), &any).unwrap().contains("allows any body"));
    assert_eq!(unbreakable(&writable(), &operation("GET")), None);
    let two = Operation {
        media: vec!["application/json".into(), "text/csv".into()],
        body: Some(json!({"type": "object"})),
        example: Some(json!({})),
        ..operation("POST")
    };
    assert!(unbreakable(&writable(), &two).unwrap().contains("text/csv"));
}
