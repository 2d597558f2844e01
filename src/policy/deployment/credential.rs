//! What is sent to be let in: named, never written down.

use std::collections::BTreeMap;

use super::{Node, Reader, Token, TokenSource, Value};

pub(super) fn token(reader: &mut Reader<'_>, node: &Node) -> Option<Token> {
    let right = "name where it is: { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT] }";
    if let Value::Scalar { .. } = &node.value {
        reader.hidden(node.span, "a token must not stand in the policy", right);
        return None;
    }
    let fields = reader.fields(node, "the token", &["env", "file", "command", "header", "disposable"])?;
    let source = match (fields.of("env"), fields.of("file"), fields.of("command")) {
        (Some(env), None, None) => TokenSource::Env(variable(reader, env)?),
        (None, Some(file), None) => TokenSource::File(reader.path(file, "a path")?),
        (None, None, Some(command)) => TokenSource::Command(command_line(reader, command)?),
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) | (None, None, None) => {
            reader.hidden(node.span, "one source of the token is needed", right);
            return None;
        }
    };
    let header = match fields.of("header") {
        Some(node) => header_name(reader, node)?,
        None => "Authorization".into(),
    };
    let disposable = fields.of("disposable").and_then(|node| reader.flag(node)).unwrap_or(false);
    Some(Token { source, header, disposable })
}

/// A variable's name; a value in its place is not repeated.
fn variable(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "the name of an environment variable")?;
    let named = text.bytes().enumerate().all(|(at, byte)| {
        byte == b'_' || byte.is_ascii_uppercase() || byte.is_ascii_lowercase() || (at > 0 && byte.is_ascii_digit())
    });
    if named && text.len() <= 64 {
        return Some(text.to_owned());
    }
    reader.hidden(node.span, "this is not the name of an environment variable", "such as MCP_TOKEN, never its value");
    None
}

pub(super) fn command_line(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<String>> {
    let argv = reader.strings(node, "arguments");
    if argv.is_empty() {
        reader.fault(node.span, "the command is empty", "[PROGRAM, ARGUMENT, ...]; no shell reads it");
        return None;
    }
    Some(argv)
}

pub(super) fn header_name(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "the name of a header")?;
    // RFC 9110 section 5.6.2: a field name is a token.
    let valid = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    if !valid {
        reader.fault(node.span, format!("`{text}` is not the name of a header"), "letters, digits and `-`");
        return None;
    }
    Some(text.to_owned())
}

pub(super) fn headers(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, String> {
    let Value::Map(entries) = &node.value else {
        reader.fault(node.span, format!("{} stands where headers are expected", node.kind()), "{ X-Tenant: audit }");
        return BTreeMap::new();
    };
    let mut headers = BTreeMap::new();
    for (key, value) in entries {
        let lower = key.text.to_ascii_lowercase();
        if matches!(lower.as_str(), "authorization" | "cookie" | "proxy-authorization")
            || ["token", "secret", "api-key", "apikey", "password"].iter().any(|word| lower.contains(word))
        {
            reader.hidden(
                value.span,
                format!("the header {} carries a credential", key.text),
                "use `token:` with `header:`",
            );
            continue;
        }
        if matches!(lower.as_str(), "host" | "content-length" | "transfer-encoding" | "connection" | "origin") {
            reader.fault(key.span, format!("the header {} is the audit's own", key.text), "leave it out");
            continue;
        }
        if let Some(text) = reader.string(value, "the value of a header") {
            headers.insert(key.text.clone(), text);
        }
    }
    headers
}
