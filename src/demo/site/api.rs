//! The HTTP API: five operations, each validated before anything is done.

use std::sync::Mutex;

use serde_json::{Value, json};

use super::answer::Answer;
use super::openapi::{self, admits};
use super::{Received, openapi as schemas};
use crate::demo::fault::{Fault, Faults};

/// The stock list.
pub(super) struct Items(Mutex<Vec<Value>>);

impl Items {
    pub(super) fn stocked() -> Self {
        let item = |id: u32, name: &str, quantity: u32| json!({ "id": id, "name": name, "quantity": quantity });
        Self(Mutex::new(vec![item(1, "Bolt", 120), item(2, "Nut", 80), item(3, "Gear", 7)]))
    }
}

/// The answer of the API to a request that was let in.
pub(super) fn answer(faults: &Faults, items: &Items, received: &Received) -> Answer {
    let Ok(mut items) = items.0.lock() else {
        return Answer::failure(500, "internal", "The request could not be served.");
    };
    let (method, path) = (received.method.as_str(), received.path.as_str());
    match (if method == "HEAD" { "GET" } else { method }, path) {
        ("GET", "/openapi.json") if faults.has(Fault::DescriptionGone) => not_found(faults, received),
        ("GET", "/openapi.json") => Answer::json(200, &schemas::document()),
        ("GET", "/api/items") => match number(received, "limit") {
            Given::Absent => Answer::json(200, &json!(*items)),
            given if faults.has(Fault::QueryUnvalidated) || given.is_valid(&openapi::page_size()) => {
                Answer::json(200, &json!(*items))
            }
            _ => refusal(faults, received),
        },
        ("POST", "/api/items") => {
            if !received.header("content-type").is_some_and(is_json) {
                return Answer::failure(415, "unsupported_media_type", "The body must be JSON.").outcome("invalid");
            }
            let body: Value = match serde_json::from_slice(&received.body) {
                Ok(body) => body,
                Err(_) => return refusal(faults, received),
            };
            let mut schema = openapi::new_item();
            if faults.has(Fault::ExtraAccepted)
                && let Some(keywords) = schema.as_object_mut()
            {
                keywords.remove("additionalProperties");
            }
            if !faults.has(Fault::BodyUnvalidated) && !admits(&schema, &body) {
                return refusal(faults, received);
            }
            let field = |name: &str| body.get(name).cloned().unwrap_or_default();
            let item = json!({ "id": items.len() + 1, "name": field("name"), "quantity": field("quantity") });
            // A demo lives for seconds; the list stays small whatever is sent.
            if items.len() < 100 {
                items.push(item.clone());
            }
            Answer::json(201, &item)
        }
        ("GET", "/api/search") => {
            let term = received.parameter("q").map(Value::String);
            let valid = term.as_ref().is_some_and(|term| admits(&openapi::search_term(), term));
            if !valid && !faults.has(Fault::QueryUnvalidated) {
                return refusal(faults, received);
            }
            let wanted = term.as_ref().and_then(Value::as_str).unwrap_or_default().to_lowercase();
            let named = |item: &&Value| {
                item.get("name").and_then(Value::as_str).unwrap_or_default().to_lowercase().contains(&wanted)
            };
            let found: Vec<&Value> = items.iter().filter(named).collect();
            Answer::json(200, &json!(found))
        }
        ("GET", "/api/status") => Answer::json(200, &json!({ "status": "ok" })),
        ("GET", path) => match path.strip_prefix("/api/items/") {
            Some(id) if !id.contains('/') => one(faults, &items, received, id),
            _ => not_found(faults, received),
        },
        (_, "/api/items" | "/api/search" | "/api/status" | "/openapi.json") => {
            Answer::failure(405, "method_not_allowed", "This method is not offered.").header("allow", "GET, HEAD")
        }
        (_, path) if path.starts_with("/api/items/") => {
            Answer::failure(405, "method_not_allowed", "This method is not offered.").header("allow", "GET, HEAD")
        }
        _ => not_found(faults, received),
    }
}

fn one(faults: &Faults, items: &[Value], received: &Received, id: &str) -> Answer {
    let Ok(number) = id.parse::<u32>() else { return refusal(faults, received) };
    if !admits(&openapi::identifier(), &json!(number)) {
        return refusal(faults, received);
    }
    let found = items.iter().find(|item| item.get("id") == Some(&json!(number)));
    found.map_or_else(|| not_found(faults, received), |item| Answer::json(200, item))
}

/// A page of the framework's own, with what was asked in it, where a fault says so.
fn not_found(faults: &Faults, received: &Received) -> Answer {
    if !faults.has(Fault::ErrorEchoesInput) {
        return Answer::not_found();
    }
    let query = received.query.as_deref().unwrap_or_default().as_bytes();
    let asked: String = url::form_urlencoded::parse(query).map(|(name, value)| format!("{name}={value} ")).collect();
    let mut page = Answer::empty(404).header("content-type", "text/html; charset=utf-8").outcome("refused");
    page.body = format!("<!doctype html><title>Not found</title><p>Cannot find {} {asked}</p>", received.path);
    page
}

/// How invalid input is refused; the faults say too much, or the wrong thing.
fn refusal(faults: &Faults, received: &Received) -> Answer {
    let tells = |text: &str| Answer::failure(400, "invalid_input", text).outcome("invalid");
    if faults.has(Fault::InvalidCrashes) {
        return Answer::failure(500, "internal", "The request could not be served.");
    }
    if faults.has(Fault::ErrorDisclosesStack) {
        return tells(
            "TypeError: cannot read property 'name'\n    at addItem (/srv/app/dist/routes/items.js:41:17)\n    at \
             Layer.handle (/srv/app/node_modules/express/lib/router/layer.js:95:5)",
        );
    }
    if faults.has(Fault::ErrorDisclosesQuery) {
        return tells("SQLSTATE[42601]: syntax error at or near \"limit\" in SELECT id, name FROM items WHERE id = $1");
    }
    if faults.has(Fault::ErrorDisclosesUpstream) {
        return tells("connect ECONNREFUSED 10.20.30.40:5432");
    }
    if faults.has(Fault::ErrorRepeatsToken) {
        return tells(&format!("refused for {}", received.header("authorization").unwrap_or_default()));
    }
    Answer::invalid()
}

enum Given {
    Absent,
    Number(i64),
    Other,
}

impl Given {
    fn is_valid(&self, schema: &Value) -> bool {
        match self {
            Self::Absent => true,
            Self::Number(number) => admits(schema, &json!(number)),
            Self::Other => false,
        }
    }
}

fn number(received: &Received, name: &str) -> Given {
    match received.parameter(name) {
        None => Given::Absent,
        Some(text) => text.parse().map_or(Given::Other, Given::Number),
    }
}

fn is_json(content_type: &str) -> bool {
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}
