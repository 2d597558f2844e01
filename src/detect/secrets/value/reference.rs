//! Values that are kept elsewhere, and values that are encrypted.

/// Beginnings of values that say where the secret is kept.
const KEPT_ELSEWHERE: &[&str] = &[
    "op://",
    "vault:",
    "ref+",
    "secretref:",
    "arn:aws:secretsmanager",
    "arn:aws:ssm",
    "projects/",
    "sm://",
    "gcpsm://",
    "awssm://",
    "keyvault:",
    "@microsoft.keyvault",
    "env:",
    "env(",
    "env.",
    "file:",
    "file://",
    "/run/secrets/",
    "ssm:",
    "process.env",
    "os.environ",
    "os.getenv",
    "getenv",
    "import.meta.env",
    "secrets.",
    "var.",
    "local.",
    "data.",
    "module.",
    "config.",
    "settings.",
    "self.",
    "this.",
    "req.",
    "request.",
    "props.",
    "args.",
    "options.",
    "params.",
    "!ref",
    "!sub",
    "!getatt",
    "!vault",
    "!secret",
    "!env",
    "!reference",
    "!join",
    "!importvalue",
    "fn::",
    "std::env",
    "env!",
    "doppler://",
    "bao:",
    "%env(",
    "resolve:ssm",
    "aws_secretsmanager",
    "secretsmanager:",
    "pass://",
    "keyring:",
    "context.",
    "event.",
    "state.",
    "ctx.",
    "$env:",
    "$this->",
    "$_",
    "lookup(",
    "conf.",
    "credentials.",
    "user.",
];

pub(super) fn is_reference(value: &str) -> bool {
    let lower = value.get(..value.floor_char_boundary(32)).unwrap_or(value).to_ascii_lowercase();
    if KEPT_ELSEWHERE.iter().any(|start| lower.starts_with(start)) {
        return true;
    }
    let template = ["${", "$(", "{{", "<%", "#{", "%{", "@@", "$[["].iter().any(|mark| value.contains(mark));
    let shell = value.strip_prefix('$').is_some_and(|rest| {
        rest.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
            || rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b'-') && rest.len() > 2
            || rest.contains("->")
            || rest.starts_with(|first: char| first.is_ascii_lowercase())
                && rest.bytes().any(|byte| byte.is_ascii_uppercase())
                && rest.bytes().all(|byte| byte.is_ascii_alphabetic())
            || rest.contains('.')
                && rest
                    .split('.')
                    .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_'))
    });
    let windows = value.len() > 2
        && value.starts_with('%')
        && value.ends_with('%')
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'%' | b'_'));
    let braces = value.len() > 2 && value.starts_with('{') && value.ends_with('}') && !value.contains(['"', ' ', ':']);
    let format = ["%s", "%v", "%q", "%d", "%@"].iter().any(|mark| value.contains(mark))
        || matches!(value, "{}" | "?" | "$1" | "$2")
        || value.starts_with("%(");
    template || shell || windows || braces || format
}

/// The value that stands in for a missing variable: `${NAME:-value}`, `${NAME:value}`, `${NAME-value}`.
pub(in super::super) fn fallback(value: &str) -> Option<&str> {
    let inside = value.strip_prefix("${")?.strip_suffix('}')?;
    let end = inside.find(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '_' | '.'))?;
    let rest = inside.get(end..)?;
    let default = rest.strip_prefix(":-").or_else(|| rest.strip_prefix([':', '-']))?;
    (end > 0 && !default.starts_with(['?', '+', '=']) && !default.contains(['{', '}', '$'])).then_some(default)
}
