//! What is sent to see whether inputs are validated: invalid requests, each beside a valid sibling where one is safe.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::detect::schema::{self, Case, Constraint};
use crate::evidence::api::{self, Operation, Parameter};
use crate::evidence::http::Request;
use crate::evidence::mcp::{Step, Tool};
use crate::target::{Target, Writes};

/// The trial of one operation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trial {
    /// `POST /api/items`.
    pub(super) name: String,
    pub(super) path: String,
    pub(super) invalid: Vec<Invalid>,
    /// The request that must be admitted, or refusals prove nothing; `None` where sending it could write.
    pub(super) valid: Option<Request>,
    /// Inputs that are constrained and were not broken, for there are too many.
    pub(super) left_out: usize,
}

/// Invalid requests for the body of an operation at most, and as many for its parameters: every input once, if it has not
/// more than that.
pub(super) const MOST: usize = 16;

/// The first `least` cases, and more until each input was broken once, as far as [`MOST`] goes; and how many inputs are left.
fn chosen<T>(cases: Vec<T>, least: usize, subject: impl Fn(&T) -> String) -> (Vec<T>, usize) {
    let subjects: BTreeSet<String> = cases.iter().map(&subject).filter(|subject| !subject.is_empty()).collect();
    let taken: Vec<T> = cases.into_iter().take(least.max(subjects.len()).min(MOST.max(least))).collect();
    let broken: BTreeSet<String> = taken.iter().map(subject).filter(|subject| !subject.is_empty()).collect();
    let left = subjects.len().saturating_sub(broken.len());
    (taken, left)
}

/// The request at a path that no deployment has: what it gets there, a catch-all gives to anything.
pub(super) fn nowhere(request: &Request) -> Request {
    Request { path: "/watertight-no-such-path".into(), nth: 0, ..request.clone() }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Invalid {
    /// ``the body's `title` of the wrong type``.
    pub(super) what: String,
    /// The input that is broken, as the service would name it; empty for the whole body.
    pub(super) subject: String,
    pub(super) request: Request,
}

/// The trial of a described operation; `None` where it has no input that could be invalid.
pub(super) fn trial(target: &Target, operation: &Operation, cases: usize) -> Option<Trial> {
    let writes_allowed = target.deployment.as_ref().is_some_and(|deployment| deployment.writes == Writes::Allow);
    let reads = matches!(operation.method.as_str(), "GET" | "HEAD");
    let mut invalid = Vec::new();
    let mut left_out = 0;
    if let Some(schema) = &operation.body {
        let broken = schema::broken(schema, operation.example.as_ref());
        let (broken, left) = chosen(broken, cases, |case| case.subject.clone());
        left_out += left;
        for case in broken {
            invalid.push(Invalid {
                what: format!("a body with {case}"),
                subject: case.subject.clone(),
                request: base(target, operation, &operation.path).json(case.instance.to_string()),
            });
        }
    }
    // An invalid parameter beside a valid body, or beside none, could still write.
    if reads || writes_allowed {
        let body = operation.example.as_ref().map(Value::to_string);
        let (broken, left) = chosen(broken_parameters(operation), cases, |(_, subject, _)| subject.clone());
        left_out += left;
        for (what, subject, path) in broken {
            let request = base(target, operation, &path);
            let request = match &body {
                Some(body) => request.json(body.clone()),
                None => request,
            };
            invalid.push(Invalid { what, subject, request });
        }
    }
    if invalid.is_empty() {
        return None;
    }
    let valid = if reads {
        Some(base(target, operation, &operation.path))
    } else if writes_allowed {
        let request = base(target, operation, &operation.path);
        match (&operation.example, &operation.body) {
            (Some(example), _) => Some(request.json(example.to_string())),
            (None, None) => Some(request),
            (None, Some(_)) => None,
        }
    } else {
        None
    };
    let name = format!("{} {}", operation.method, operation.template);
    Some(Trial { name, path: operation.path.clone(), invalid, valid, left_out })
}

/// Bodies that no JSON reader should choke on and no operation can take, for one operation that stands for the parser.
pub(super) fn hostile(target: &Target, operation: &Operation) -> Vec<Invalid> {
    if operation.body.is_none() {
        return Vec::new();
    }
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    let bodies = [
        ("malformed JSON", MALFORMED),
        ("JSON nested a thousand deep", deep.as_str()),
        // RFC 8259 section 8.1 asks for UTF-8; a lone surrogate is JSON by its grammar and no text.
        ("a lone surrogate instead of an object", "\"\\ud800\""),
    ];
    let required = [("an empty body", "")].into_iter().filter(|_| operation.body_required);
    let proven = |text: &str| {
        serde_json::from_str::<Value>(text)
            .map_or(true, |read| operation.body.as_ref().is_some_and(|schema| !schema::allows(schema, &read)))
    };
    bodies
        .into_iter()
        .chain(required)
        .filter(|(_, text)| proven(text))
        .map(|(what, text)| Invalid {
            what: what.into(),
            subject: String::new(),
            request: base(target, operation, &operation.path).json(text),
        })
        .map(|invalid| {
            if !invalid.request.headers.is_empty() || text_of(&invalid) != Some(MALFORMED) {
                return invalid;
            }
            // The same question as others put to the operation.
            Invalid { request: api::malformed(target, &operation.method, &operation.path), ..invalid }
        })
        .collect()
}

const MALFORMED: &str = "{\"watertight\": [tru";

fn text_of(invalid: &Invalid) -> Option<&str> {
    invalid.request.body.as_ref().map(|body| body.text.as_str())
}

/// What operations whose inputs are described alike have in common.
pub(super) fn kind(operation: &Operation) -> String {
    let parameters: Vec<_> =
        operation.parameters.iter().map(|one| (&one.place, &one.name, one.required, one.schema.to_string())).collect();
    format!("{} {parameters:?} {:?}", operation.method, operation.body.as_ref().map(Value::to_string))
}

/// Whether the operation has constrained inputs that are not sent because they could write.
pub(super) fn withheld(target: &Target, operation: &Operation) -> bool {
    let reads = matches!(operation.method.as_str(), "GET" | "HEAD");
    let denied = target.deployment.as_ref().is_none_or(|deployment| deployment.writes == Writes::Deny);
    !reads && denied && operation.body.is_none() && !broken_parameters(operation).is_empty()
}

fn base(target: &Target, operation: &Operation, path: &str) -> Request {
    let request = Request::new(operation.method.clone(), path).with(api::admitted(target));
    let headers = operation.parameters.iter().filter(|parameter| parameter.place == "header" && parameter.required);
    headers.fold(request, |request, parameter| match parameter.example_text() {
        Some(value) => request.header(parameter.name.clone(), value),
        None => request,
    })
}

/// Paths that each break one parameter, proven invalid as the text that they become; one of each parameter first.
fn broken_parameters(operation: &Operation) -> Vec<(String, String, String)> {
    let usual = |parameter: &Parameter| {
        let wanted = parameter.required || parameter.place == "path";
        if wanted { parameter.example_text() } else { None }
    };
    let mut first = Vec::new();
    let mut more = Vec::new();
    for broken in operation.parameters.iter().filter(|parameter| matches!(parameter.place.as_str(), "query" | "path")) {
        let is_it = |parameter: &Parameter| parameter.name == broken.name && parameter.place == broken.place;
        let mut texts: Vec<(Case, Option<String>)> = schema::broken(&broken.schema, None)
            .into_iter()
            .filter_map(|case| {
                let text = api::text_of(&case.instance)?;
                let stays = !text.is_empty() && invalid_as_text(&broken.schema, &text);
                stays.then_some((case, Some(text)))
            })
            .collect();
        if broken.required && broken.place == "query" {
            let case = Case { breaks: Constraint::Required, subject: String::new(), instance: Value::Null };
            texts.insert(texts.len().min(1), (case, None));
        }
        for (index, (case, text)) in texts.into_iter().enumerate() {
            let filled = operation.fill(&|parameter| if is_it(parameter) { text.clone() } else { usual(parameter) });
            let Some(path) = filled else { continue };
            let case = Case { subject: broken.name.clone(), ..case };
            let found = (format!("the {} parameter {case}", broken.place), broken.name.clone(), path);
            if index == 0 { first.push(found) } else { more.push(found) }
        }
    }
    first.into_iter().chain(more).collect()
}

/// A parameter is text until the service reads it: whatever type it may be read as, it must stay invalid.
fn invalid_as_text(schema: &Value, text: &str) -> bool {
    let read = serde_json::from_str::<Value>(text).ok().filter(|read| !read.is_object() && !read.is_array());
    let text = Value::String(text.to_owned());
    let one = Value::Array(vec![text.clone()]);
    [Some(text), read, Some(one)].into_iter().flatten().all(|value| !schema::allows(schema, &value))
}

/// One call of an allowed tool.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    pub(super) tool: String,
    /// What is invalid; `None` for the valid sibling.
    pub(super) broken: Option<String>,
    pub(super) step: Step,
}

/// What is done with a server's tools.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tools {
    pub(super) calls: Vec<Call>,
    /// Not named by the allow-list, so not called.
    pub(super) not_allowed: Vec<String>,
    /// Allowed, but no valid call is safe.
    pub(super) unsafe_to_call: Vec<String>,
    /// Their schema could not be read, or no valid arguments could be made.
    pub(super) unreadable: Vec<String>,
    /// Beyond the number that is tried.
    pub(super) left_out: usize,
}

/// The calls for these tools. Only tools with inputs, only those that the allow-list names.
pub(super) fn tools(target: &Target, listed: &[Tool], most: usize, cases: usize) -> Tools {
    let deployment = target.deployment.as_ref();
    let allowed = deployment.and_then(|deployment| deployment.tools.as_deref()).unwrap_or_default();
    let writes_allowed = deployment.is_some_and(|deployment| deployment.writes == Writes::Allow);
    let mut plan = Tools::default();
    let mut tried = 0;
    for tool in listed {
        if tool.input_schema.get("properties").and_then(Value::as_object).is_none_or(serde_json::Map::is_empty) {
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
        let broken = schema::broken(&schema, Some(&valid));
        let broken: Vec<&Case> = broken.iter().filter(|case| !case.subject.is_empty()).take(cases).collect();
        if broken.is_empty() {
            continue;
        }
        plan.calls.extend(broken.into_iter().map(|case| call(Some(case.to_string()), &case.instance)));
        // An operator's own server that says "read only", on a tool that the operator allows: it may be called.
        if writes_allowed || tool.annotations.get("readOnlyHint") == Some(&Value::Bool(true)) {
            plan.calls.push(call(None, &valid));
        } else {
            plan.unsafe_to_call.push(bounded(&tool.name));
        }
    }
    plan
}

pub(super) fn bounded(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::access::stage::deployed;
    use serde_json::json;

    fn parameter(name: &str, place: &str, required: bool, schema: Value, example: Value) -> Parameter {
        Parameter { name: name.into(), place: place.into(), required, schema, example: Some(example) }
    }

    fn operation(method: &str) -> Operation {
        Operation {
            method: method.into(),
            template: "/items/{id}".into(),
            path: "/items/7".into(),
            secured: true,
            parameters: vec![
                parameter("id", "path", true, json!({"type": "integer", "minimum": 1}), json!(7)),
                parameter("free", "query", false, json!({"type": "string"}), json!("x")),
                parameter("page", "query", true, json!({"type": "integer", "maximum": 9}), json!(1)),
            ],
            body: None,
            body_required: false,
            example: None,
        }
    }

    #[test]
    fn parameters_are_broken_one_at_a_time_and_stay_invalid_as_text() {
        let target = deployed("https://mcp.example.com", &[]);
        let trial = trial(&target, &operation("GET"), 10).unwrap();
        let paths: Vec<&str> = trial.invalid.iter().map(|invalid| invalid.request.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "/items/watertight-not-this-type?page=1",
                "/items/7?page=watertight-not-this-type",
                "/items/0?page=1",
                "/items/1.5?page=1",
                "/items/7",
                "/items/7?page=10",
                "/items/7?page=1.5",
            ]
        );
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
            name: name.into(),
            description: String::new(),
            input_schema: json!({"type": "object", "required": ["q"], "properties": {"q": {"type": "string"}}}),
            annotations,
            sha256: String::new(),
        };
        let listed =
            [tool("search", json!({"readOnlyHint": true})), tool("write", json!({})), tool("other", json!({}))];
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
}
