//! Parameters of path, query, header and cookie, broken one at a time and proven invalid as the text that they become.

use serde_json::Value;

use super::{Invalid, Place};
use crate::detect::schema::{self, Case, Constraint};
use crate::evidence::api::{self, Operation, Parameter};
use crate::evidence::http::Request;
use crate::target::Target;

/// The longest value of a header or cookie that is made up: servers refuse long ones unread.
const LONGEST: usize = 1024;

/// Requests that each break one parameter; one of each parameter first.
pub(super) fn broken(target: &Target, operation: &Operation) -> Vec<Invalid> {
    let body = operation.example.as_ref().map(Value::to_string);
    let mut first = Vec::new();
    let mut more = Vec::new();
    for broken in &operation.parameters {
        let Some(place) = place_of(target, broken) else { continue };
        let is_it = |parameter: &Parameter| parameter.name == broken.name && parameter.place == broken.place;
        for (index, (case, text)) in texts(broken, place).into_iter().enumerate() {
            let value = |parameter: &Parameter| if is_it(parameter) { text.clone() } else { usual(parameter) };
            let Some(request) = with(target, operation, &value) else { continue };
            let request = match &body {
                Some(body) => request.json(body.clone()),
                None => request,
            };
            let breaks = Some(case.breaks);
            let case = Case { subject: broken.name.clone(), ..case };
            let what = format!("the {place} parameter {case}");
            let found = Invalid { what, subject: broken.name.clone(), place, breaks, request };
            if index == 0 { first.push(found) } else { more.push(found) }
        }
    }
    first.into_iter().chain(more).collect()
}

/// What a parameter is where nothing is wrong: there where it must be.
pub(super) fn usual(parameter: &Parameter) -> Option<String> {
    let wanted = parameter.required || parameter.place == "path";
    if wanted { parameter.example_text() } else { None }
}

/// The operation's request with these values of its parameters; `None` where a path parameter has none.
pub(super) fn with(
    target: &Target,
    operation: &Operation,
    value: &dyn Fn(&Parameter) -> Option<String>,
) -> Option<Request> {
    let path = operation.fill(value)?;
    let mut request = Request::new(operation.method.clone(), path).with(api::admitted(target));
    let mut cookies = Vec::new();
    for parameter in &operation.parameters {
        let Some(text) = value(parameter) else { continue };
        match place_of(target, parameter) {
            Some(Place::Header) => request = request.header(parameter.name.clone(), text),
            Some(Place::Cookie) => cookies.push(format!("{}={text}", parameter.name)),
            Some(Place::Body | Place::Path | Place::Query) | None => {}
        }
    }
    Some(if cookies.is_empty() { request } else { request.header("cookie", cookies.join("; ")) })
}

/// Where the parameter stands; `None` where it is not to be sent.
fn place_of(target: &Target, parameter: &Parameter) -> Option<Place> {
    // OpenAPI 3.1, Parameter Object: these names are to be ignored. The others carry the credential.
    const IGNORED: [&str; 6] =
        ["accept", "content-type", "authorization", "cookie", "proxy-authorization", "x-api-key"];
    let token = target.deployment.as_ref().and_then(|deployment| deployment.token.as_ref());
    let carries = token.is_some_and(|token| token.header.eq_ignore_ascii_case(&parameter.name));
    match parameter.place.as_str() {
        "path" => Some(Place::Path),
        "query" => Some(Place::Query),
        "header" => {
            let ignored = carries || IGNORED.iter().any(|name| name.eq_ignore_ascii_case(&parameter.name));
            (!ignored && is_name(&parameter.name)).then_some(Place::Header)
        }
        "cookie" => is_name(&parameter.name).then_some(Place::Cookie),
        _ => None,
    }
}

/// A token of RFC 9110 section 5.6.2.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Invalid texts of one parameter; `None` for leaving it out.
fn texts(parameter: &Parameter, place: Place) -> Vec<(Case, Option<String>)> {
    let schema = &parameter.schema;
    let mut cases = schema::broken(schema, None);
    // A list is sent as one of its items, which is invalid in it.
    if let Some(items) = schema.get("items") {
        let of_items = schema::broken(items, None).into_iter().filter(|case| case.subject.is_empty());
        cases.extend(of_items.take(1).map(|case| Case { breaks: Constraint::Item, ..case }));
    }
    let mut texts: Vec<(Case, Option<String>)> = cases
        .into_iter()
        .filter_map(|case| {
            let text = api::text_of(&case.instance)?;
            let stays = !text.is_empty() && stands(&text, place) && invalid_as_text(schema, &text);
            stays.then_some((case, Some(text)))
        })
        .collect();
    if parameter.required && place != Place::Path {
        let case = Case { breaks: Constraint::Required, subject: String::new(), instance: Value::Null };
        texts.insert(texts.len().min(1), (case, None));
    }
    texts
}

/// Whether the text arrives as it is.
fn stands(text: &str, place: Place) -> bool {
    let plain = |byte: u8| (0x20..0x7f).contains(&byte);
    match place {
        Place::Body | Place::Path | Place::Query => true,
        Place::Header => text.len() <= LONGEST && text.trim() == text && text.bytes().all(plain),
        // RFC 6265 section 4.1.1.
        Place::Cookie => text.len() <= LONGEST && text.bytes().all(|byte| plain(byte) && !b" \",;\\".contains(&byte)),
    }
}

/// A parameter is text until the service reads it: whatever type it may be read as, it must stay invalid.
pub(super) fn invalid_as_text(schema: &Value, text: &str) -> bool {
    let read = serde_json::from_str::<Value>(text).ok().filter(|read| !read.is_object() && !read.is_array());
    let text = Value::String(text.to_owned());
    let one = |value: &Value| Value::Array(vec![value.clone()]);
    let lists = [Some(one(&text)), read.as_ref().map(one)];
    let values = [Some(text), read].into_iter().chain(lists);
    values.flatten().all(|value| !schema::allows(schema, &value))
}
