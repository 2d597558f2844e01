//! Reads the OpenAPI description: JSON or YAML, bounded, every reference resolved within it and nowhere else.

use std::path::Path;

use serde_json::{Map, Value};
use url::Url;

use crate::detect::schema;
use crate::evidence::api::{Description, OPERATIONS, Operation, Operations, Parameter, admitted, text_of};
use crate::evidence::http::Request;
use crate::evidence::{Ask, Unseen};
use crate::probe::http::Sender;
use crate::probe::{Sink, World};
use crate::target::Target;

/// Bytes of a description file at most, as for an answer of the target.
const FILE_CAP: u64 = 1024 * 1024;
/// The methods of a path item (OpenAPI 3.1, Path Item Object).
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

pub(super) async fn answer(world: &World, target: &Target, descriptions: Vec<Description>, sink: &Sink) {
    for description in descriptions {
        let read = match &description {
            Description::Path(path) => fetch(world, target, &description, path).await,
            Description::File(file) => open(Path::new(file)).await,
        };
        // Parsing a hostile megabyte takes a while, and its recursion wants a stack of its own.
        let parsed = match read {
            Ok(text) => tokio::task::spawn_blocking(move || operations(&text))
                .await
                .unwrap_or_else(|_| Err(Unseen::Malformed("the OpenAPI description broke its reader".into()))),
            Err(unseen) => Err(unseen),
        };
        sink.put(&description, parsed);
    }
}

async fn fetch(world: &World, target: &Target, description: &Description, path: &str) -> Result<String, Unseen> {
    let ask = Ask::from(description.clone());
    let sender = Sender { world, target, ask: &ask };
    let request = Request::get(path).with(admitted(target));
    let (exchange, text) = sender.document(&request).await?;
    if !exchange.is_success() {
        return Err(Unseen::Malformed(format!("the OpenAPI description at {path} answers {}", exchange.status)));
    }
    if !exchange.body.complete {
        return Err(Unseen::Partial(format!("the OpenAPI description at {path} is larger than what is read")));
    }
    Ok(text)
}

async fn open(file: &Path) -> Result<String, Unseen> {
    let wrong = |why: String| Unseen::NotConfigured(format!("the OpenAPI file {}: {why}", file.display()));
    let about = tokio::fs::metadata(file).await.map_err(|error| wrong(error.to_string()))?;
    if !about.is_file() {
        return Err(wrong("not a file".into()));
    }
    if about.len() > FILE_CAP {
        return Err(Unseen::Partial(format!("the OpenAPI file {} is over {FILE_CAP} bytes", file.display())));
    }
    tokio::fs::read_to_string(file).await.map_err(|error| wrong(error.to_string()))
}

/// The operations of a description.
fn operations(text: &str) -> Result<Operations, Unseen> {
    let root = parse(text)?;
    match root.get("openapi").and_then(Value::as_str) {
        Some(version) if version.starts_with("3.") => {}
        Some(version) => return Err(Unseen::Malformed(format!("OpenAPI {} is not read", bounded(version)))),
        None if root.get("swagger").is_some() => {
            return Err(Unseen::Malformed("Swagger 2.0 is not read; give OpenAPI 3".into()));
        }
        None => return Err(Unseen::Malformed("no OpenAPI description: it names no `openapi` version".into())),
    }
    let prefix = prefix(&root);
    let secured = root.get("security").is_none_or(demands);
    let mut found = Operations { unread: further_servers(&root), ..Operations::default() };
    let nothing = Map::new();
    let paths = root.get("paths").and_then(Value::as_object).unwrap_or(&nothing);
    for (template, item) in paths {
        let Some(item) = target_of(&root, item).and_then(Value::as_object) else {
            found.unread.push(format!("the path {} of the OpenAPI description", bounded(template)));
            continue;
        };
        let own = |holder: Option<&Value>| holder.and_then(Value::as_array).is_some_and(|servers| !servers.is_empty());
        if own(item.get("servers")) {
            found.unread.push(format!("the servers that the path {} has of its own", bounded(template)));
        }
        for method in METHODS {
            let Some(raw) = item.get(method) else { continue };
            if own(raw.get("servers")) {
                found.unread.push(format!("the servers that {method} {} has of its own", bounded(template)));
            }
            if found.operations.len() >= OPERATIONS {
                found.unread.push(format!("operations of the OpenAPI description beyond the first {OPERATIONS}"));
                return Ok(found);
            }
            let name = format!("{} {}", method.to_uppercase(), bounded(template));
            match operation(&root, item, raw, method, &format!("{prefix}{template}"), secured) {
                Ok((operation, unread)) => {
                    found.unread.extend(unread.into_iter().map(|what| format!("{what} of {name}")));
                    found.operations.push(operation);
                }
                Err(why) => found.unread.push(format!("{name}: {why}")),
            }
        }
    }
    Ok(found)
}

/// JSON where it is JSON, else YAML; both bound the depth, and YAML's aliases are bounded by its parser.
fn parse(text: &str) -> Result<Value, Unseen> {
    if text.trim_start().starts_with('{')
        && let Ok(root) = serde_json::from_str(text)
    {
        return Ok(root);
    }
    serde_yaml::from_str::<serde_yaml::Value>(text)
        .ok()
        .and_then(|yaml| serde_json::to_value(yaml).ok())
        .ok_or_else(|| Unseen::Malformed("the OpenAPI description is neither JSON nor YAML".into()))
}

/// The path that the first server puts before every path; its host never widens the scope, so it is not looked at.
fn prefix(root: &Value) -> String {
    let url = root.pointer("/servers/0/url").and_then(Value::as_str).unwrap_or("/");
    let path = match Url::parse(url) {
        Ok(url) => url.path().to_owned(),
        Err(_) => url.to_owned(),
    };
    let path = path.trim_end_matches('/');
    if path.starts_with('/') && !path.contains(['{', '?', '#', ' ']) { path.to_owned() } else { String::new() }
}

/// Servers beyond the first on its own host, where other operations may lie; what another host serves is no part of the target.
fn further_servers(root: &Value) -> Vec<String> {
    let servers = root.get("servers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let named = |server: &Value| server.get("url").and_then(Value::as_str).map(str::to_owned);
    let host = |text: &str| Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_owned));
    let Some(first) = servers.first().and_then(named) else { return Vec::new() };
    let further = servers.iter().skip(1).filter_map(named).filter(|other| {
        let near = host(other).is_none_or(|there| host(&first).is_none_or(|here| here == there));
        near && other.trim_end_matches('/') != first.trim_end_matches('/')
    });
    further.take(8).map(|url| format!("the operations under the further server {}", bounded(&url))).collect()
}

/// Whether a security requirement demands anything: an empty list, or an empty alternative, does not.
fn demands(security: &Value) -> bool {
    security.as_array().is_some_and(|alternatives| {
        !alternatives.is_empty()
            && alternatives.iter().all(|alternative| alternative.as_object().is_some_and(|schemes| !schemes.is_empty()))
    })
}

/// What a value points to, through a few local references.
fn target_of<'a>(root: &'a Value, value: &'a Value) -> Option<&'a Value> {
    let mut found = value;
    for _ in 0..8 {
        match found.get("$ref").and_then(Value::as_str) {
            None => return Some(found),
            Some(reference) => found = root.pointer(reference.strip_prefix('#')?)?,
        }
    }
    None
}

fn operation(
    root: &Value,
    item: &Map<String, Value>,
    raw: &Value,
    method: &str,
    template: &str,
    secured: bool,
) -> Result<(Operation, Vec<String>), String> {
    let mut unread = Vec::new();
    if !template.starts_with('/') {
        return Err("its path does not begin with /".into());
    }
    let mut operation = Operation {
        path: String::new(),
        secured: raw.get("security").map_or(secured, demands),
        ..Operation::new(method, template)
    };
    // An operation's own parameter replaces that of its path (OpenAPI 3.1, Operation Object).
    let listed = |holder: Option<&'_ Value>| -> Vec<Value> {
        holder.and_then(|holder| holder.get("parameters")).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let whole_item = Value::Object(item.clone());
    for raw in listed(Some(raw)).iter().chain(&listed(Some(&whole_item))) {
        match parameter(root, raw) {
            Some(parameter) => {
                let known = operation
                    .parameters
                    .iter()
                    .any(|known: &Parameter| known.name == parameter.name && known.place == parameter.place);
                if !known {
                    operation.parameters.push(parameter);
                }
            }
            None => unread.push("a parameter".to_owned()),
        }
    }
    if let Some(body) = raw.get("requestBody") {
        let content = target_of(root, body).and_then(|body| body.get("content")).and_then(Value::as_object);
        operation.media = content.into_iter().flatten().take(8).map(|(name, _)| bounded(name)).collect();
        match body_of(root, body) {
            Some(Some((schema, example))) => {
                operation.example = example.or_else(|| schema::sample(&schema));
                operation.body = Some(schema);
                operation.body_required =
                    target_of(root, body).and_then(|body| body.get("required")) == Some(&Value::Bool(true));
            }
            Some(None) => {}
            None => unread.push("the body".to_owned()),
        }
    }
    operation.path = operation
        .fill(&|parameter| {
            let wanted = parameter.required || parameter.place == "path";
            if wanted { parameter.example_text() } else { None }
        })
        .ok_or("no value fits one of its path parameters; give an `example`")?;
    Ok((operation, unread))
}

fn parameter(root: &Value, raw: &Value) -> Option<Parameter> {
    let raw = target_of(root, raw)?;
    let schema = schema::resolved(root, raw.get("schema").unwrap_or(&Value::Bool(true)))?;
    let named = raw.pointer("/examples").and_then(Value::as_object).and_then(|examples| examples.values().next());
    let example = raw
        .get("example")
        .cloned()
        .or_else(|| target_of(root, named?)?.get("value").cloned())
        .filter(|example| text_of(example).is_some())
        .or_else(|| schema::sample(&schema));
    Some(Parameter {
        name: raw.get("name")?.as_str()?.to_owned(),
        place: raw.get("in")?.as_str()?.to_owned(),
        required: raw.get("required") == Some(&Value::Bool(true)),
        schema,
        example,
    })
}

/// The schema of the JSON body and its example; `Some(None)` where the body is not JSON, `None` where it is not readable.
#[expect(clippy::option_option, reason = "no JSON body, and a JSON body that cannot be read, are different")]
fn body_of(root: &Value, raw: &Value) -> Option<Option<(Value, Option<Value>)>> {
    let content = target_of(root, raw)?.get("content")?.as_object()?;
    let is_json = |name: &str| {
        let name = name.split(';').next().unwrap_or_default().trim();
        name == "application/json" || name.ends_with("+json")
    };
    let Some((_, media)) = content.iter().find(|(name, _)| is_json(name)) else { return Some(None) };
    let described = schema::resolved(root, media.get("schema")?)?;
    let schema = schema::in_requests(described.clone());
    let named = media.pointer("/examples").and_then(Value::as_object).and_then(|examples| examples.values().next());
    let example = media
        .get("example")
        .cloned()
        .or_else(|| target_of(root, named?)?.get("value").cloned())
        .map(|example| schema::sent(&described, example))
        // An example that its own schema refuses would make every control fail.
        .filter(|example| schema::allows(&schema, example));
    Some(Some((schema, example)))
}

/// Text of the description, short enough for a report.
fn bounded(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(any(test, feature = "fuzzing"))]
/// No description of a server's API brings the reader down, whatever points where.
pub(crate) fn fuzz_description(bytes: &[u8]) {
    let _ = operations(&String::from_utf8_lossy(bytes));
}

#[cfg(test)]
mod tests;
