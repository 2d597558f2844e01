//! Which paths of a deployment are audited, and where their description lies.

use super::{Endpoint, Node, OpenApi, Reader, Value};

const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];

pub(super) fn endpoint(reader: &mut Reader<'_>, node: &Node) -> Option<Endpoint> {
    match &node.value {
        Value::Scalar { text, .. } => match parse_endpoint(text) {
            Ok(endpoint) => Some(endpoint),
            Err(what) => {
                reader.fault(node.span, what, "`/path`, `GET /path` or { path: /path, public: reason }");
                None
            }
        },
        Value::Map(_) => {
            let fields = reader.fields(node, "an endpoint", &["path", "method", "public"])?;
            let Some(path) = fields.of("path") else {
                reader.fault(node.span, "the endpoint has no `path`", "{ path: /path, public: reason }");
                return None;
            };
            let mut endpoint = endpoint(reader, path)?;
            if let Some(method) = fields.of("method") {
                let text = reader.text(method, "an HTTP method")?;
                if !METHODS.contains(&text) {
                    reader.fault(
                        method.span,
                        format!("`{text}` is not an HTTP method"),
                        format!("one of {}", METHODS.join(", ")),
                    );
                    return None;
                }
                text.clone_into(&mut endpoint.method);
                endpoint.method_named = true;
            }
            if let Some(public) = fields.of("public") {
                if let serde_json::Value::Bool(_) = public.json() {
                    reader.fault(
                        public.span,
                        "a public endpoint needs its reason",
                        "`public: probed by the load balancer`",
                    );
                    return None;
                }
                endpoint.public = Some(reader.string(public, "the reason why it is public")?);
            }
            Some(endpoint)
        }
        Value::List(_) => {
            reader.fault(node.span, "a list stands where an endpoint is expected", "`/path` or `GET /path`");
            None
        }
    }
}

/// `/mcp` or `GET /api/items`.
pub fn parse_endpoint(text: &str) -> Result<Endpoint, String> {
    let shown = crate::report::escape::bounded(text, 60);
    let (method, path) = match text.trim().split_once(' ') {
        Some((method, path)) => (Some(method), path.trim()),
        None => (None, text.trim()),
    };
    if let Some(method) = method
        && !METHODS.contains(&method)
    {
        return Err(format!("`{shown}` does not begin with an HTTP method"));
    }
    if !path.starts_with('/') || path.starts_with("//") {
        return Err(format!("the path of `{shown}` does not begin with one `/`"));
    }
    if path.chars().any(|character| character.is_whitespace() || character.is_control() || character == '#') {
        return Err(format!("the path of `{shown}` holds a blank, a control character or a fragment"));
    }
    Ok(Endpoint {
        method: method.unwrap_or("GET").to_owned(),
        path: path.to_owned(),
        public: None,
        method_named: method.is_some(),
    })
}

/// `public:` at the target marks endpoints that it lists, or adds them.
pub(super) fn public(reader: &mut Reader<'_>, node: &Node, endpoints: &mut Vec<Endpoint>) {
    let Some(fields) = reader.fields(node, "a public endpoint", &["path", "reason"]) else { return };
    let (Some(path), Some(reason)) = (fields.of("path"), fields.of("reason")) else {
        reader.fault(node.span, "a public endpoint needs its path and its reason", "{ path: /health, reason: ... }");
        return;
    };
    let Some(mut marked) = endpoint(reader, path) else { return };
    let Some(reason) = reader.string(reason, "a reason") else { return };
    let known = endpoints
        .iter_mut()
        .find(|known| known.path == marked.path && (known.method == marked.method || !marked.method_named));
    if let Some(known) = known {
        known.public = Some(reason);
    } else {
        marked.public = Some(reason);
        endpoints.push(marked);
    }
}

pub(super) fn openapi(reader: &mut Reader<'_>, node: &Node) -> Option<OpenApi> {
    if let Value::Map(_) = &node.value {
        let fields = reader.fields(node, "the OpenAPI description", &["path", "file"])?;
        return match (fields.of("path"), fields.of("file")) {
            (Some(path), None) => reader.string(path, "a path on the target").map(OpenApi::Path),
            (None, Some(file)) => reader.path(file, "a file").map(OpenApi::File),
            (Some(_), Some(_)) | (None, None) => {
                reader.fault(
                    node.span,
                    "one place of the description is needed",
                    "{ path: /openapi.json } or { file: FILE }",
                );
                None
            }
        };
    }
    let text = reader.text(node, "a path on the target or a file")?;
    if text.starts_with('/') {
        return Some(OpenApi::Path(text.to_owned()));
    }
    if text.contains("://") {
        reader.fault(node.span, "a URL would widen the target", "a path on the target (`/openapi.json`) or a file");
        return None;
    }
    reader.path(node, "a file").map(OpenApi::File)
}
