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

/// Literal characters beside expressions that are still no secret of their own.
const REST: usize = 8;

/// A string that expressions are put into (`f"{name.part()}-{other.part()}"`), or that a brace opens and the end of a field cuts off
/// (`Password={secret`): next to nothing of it is literal.
pub(super) fn is_interpolated(value: &str) -> bool {
    let is_expression = |inside: &str| {
        inside.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && inside.contains(['.', '(', '['])
            && inside.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.()[],:\"' ".contains(&byte))
    };
    let is_name = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if let Some(name) = value.strip_prefix('{').filter(|rest| !rest.contains('}')) {
        return is_name(name) && name.bytes().all(|byte| !byte.is_ascii_digit());
    }
    let (mut literal, mut expressions, mut rest) = (0, 0, value);
    while let Some((before, after)) = rest.split_once('{') {
        let Some((inside, behind)) = after.split_once('}') else { return false };
        if !is_expression(inside) {
            return false;
        }
        literal += before.len();
        expressions += 1;
        rest = behind;
    }
    expressions > 0 && literal + rest.len() < REST
}

/// The value that stands in for a missing variable: `${NAME:-value}`, `${NAME:value}`, `${NAME-value}`.
pub(in super::super) fn fallback(value: &str) -> Option<&str> {
    let inside = value.strip_prefix("${")?.strip_suffix('}')?;
    let end = inside.find(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '_' | '.'))?;
    let rest = inside.get(end..)?;
    let default = rest.strip_prefix(":-").or_else(|| rest.strip_prefix([':', '-']))?;
    (end > 0 && !default.starts_with(['?', '+', '=']) && !default.contains(['{', '}', '$'])).then_some(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_expressions_are_put_into_is_no_literal() {
        for value in
            ["{secret", "Wt{os.urandom(12).hex()}Q{os.urandom(12).hex()}", "{user.password}", "{names[0]}-{now()}"]
        {
            assert!(is_interpolated(value), "{value}");
        }
    }

    #[test]
    fn braces_in_a_password_and_a_long_literal_beside_an_expression_are_none() {
        for value in ["{Xk29fjQ2", "ab{cd}ef", "P{4ss}w0rd.x", "Xk29fjQ2mm{user.name}", "plain", "{", "{}", "a{b"] {
            assert!(!is_interpolated(value), "{value}");
        }
    }
}
